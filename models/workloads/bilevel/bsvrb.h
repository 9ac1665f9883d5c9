// BSVRB, blockwise stochastic variance-reduced multi-block bilevel optimisation (arXiv 2305.18730),
// versions 1 and 2: the recursion of the coordinator's state, without data. A step t samples I of m
// blocks; the reply of block i holds batch means at (x, y_i, v_i) of step t and of step t - 1:
//   s_i <- (1 - a) s_i + a g + gamma (g - g'),      g = grad_y g_i         (MSVR)
//   u_i, H_i likewise from q = H_yy v_i - grad_y f_i, and from H_yy
//   z   <- (1 - b) (z - mean G') + mean G,          G = grad_x f_i - H_xy v_i  (STORM)
//   every block: y_i <- y_i - tau s_i, v_i <- Proj_{||v|| <= R} (v_i - tau_v u_i)
//   x <- Proj_X(x - eta z)
// Version 1 has H_i^-1 grad_y f_i in v_i's place. A block's first reply starts its estimates.
//
// Unsampled blocks move, too, but only when they are looked at: CatchUp repeats the moves missed,
// exactly. A block whose reply does not arrive counts as unsampled: z averages over arrivals, the
// same for both iterates, and gamma follows the rate of arrivals. A reply that comes later still
// serves the block's own estimates (Late).
//
// All state is in `Vectors`, in double, for checkpoints. Not thread-safe.
#ifndef GRADLOOM_MODELS_WORKLOADS_BILEVEL_BSVRB_H_
#define GRADLOOM_MODELS_WORKLOADS_BILEVEL_BSVRB_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gradloom/v1/run.pb.h"
#include "models/workloads/bilevel/problem.h"

namespace gradloom {

struct BsvrbOptions {
  v1::Bilevel::Version version = v1::Bilevel::V2;
  v1::Bilevel::Estimator estimator = v1::Bilevel::MSVR;
  int sampled = 1;  // I
  double eta = 0.3, tau = 0.3, tau_v = 0.3;
  double alpha = 0.1, beta = 0.1;    // a, b
  std::optional<double> gamma = {};  // [gamma* of the observed I]
  double radius = 100;               // R
  double hessian_floor = 1e-3;
  bool late_pairs = false;  // late replies take part in z, too
};

// Means over a block's batch. *_change: at step t minus at step t - 1.
struct BlockReply {
  std::vector<double> gy, gy_change, q, q_change, gx, gx_change;
  std::vector<double> hessian, hessian_change;  // version 1
};

class Bsvrb {
 public:
  // `problem` must outlive this; y and v start at 0.
  Bsvrb(const BilevelProblem& problem, const BsvrbOptions& options, uint64_t seed);

  int64_t step() const { return step_; }
  void set_step(int64_t step) { step_ = step; }  // after Vectors have been loaded

  struct Pair {
    BilevelPoint now, before;  // at this step and the previous one
  };
  // The block at this step.
  Pair CatchUp(int block);
  // Version 1: H_i^-1 grad_y f_i at this step and the previous one, from q at v = 0. Needs CatchUp.
  std::pair<std::vector<double>, std::vector<double>> InverseProducts(
      int block, const BlockReply& reply) const;

  // Ends the step: replies[k] is of blocks[k], all caught up; blocks without a reply are left out.
  void Step(std::span<const int> blocks, std::span<const BlockReply> replies);
  // A reply to an earlier step that was ended without it; version 2 only.
  void Late(int block, const BlockReply& reply);

  // All y as of this step, block by block.
  std::vector<double> CaughtUp() const;
  std::span<const double> x() const { return x_; }
  std::span<const double> z() const { return z_; }
  double gamma() const;
  // Before the first step: begins with the x and y that Vectors have been given.
  void Begin();

  struct Vector {
    std::string name;
    std::vector<int64_t> shape;
    std::vector<double>* values;
  };
  std::vector<Vector> Vectors();

 private:
  std::span<double> Of(std::vector<double>& all, int block) const;
  std::span<const double> Of(const std::vector<double>& all, int block) const;
  // Steps of the `missed` that move a block.
  double Moves(double missed) const;
  void MoveV(std::span<double> v, std::span<const double> u, double moves) const;
  void Estimate(int block, const BlockReply& reply);
  void UpdateHessian(int block, const BlockReply& reply);
  void AddToMeans(const BlockReply& reply);

  const BilevelProblem& problem_;
  const BsvrbOptions options_;
  int64_t step_ = 0;
  std::vector<double> x_, x_before_, z_;
  std::vector<double> y_, y_before_, v_, v_before_, s_, u_;  // block by block, as of steps_
  std::vector<double> steps_;  // the step that a block was caught up to
  std::vector<double> begun_;  // 1: the block's estimates have begun
  // Version 1, packed lower triangles; `before` as of the step before updated_.
  std::vector<double> hessian_, hessian_before_, updated_;
  std::vector<double> gx_, gx_change_;  // sums over this step's arrivals
  std::vector<double> counts_;          // see Count
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_BILEVEL_BSVRB_H_
