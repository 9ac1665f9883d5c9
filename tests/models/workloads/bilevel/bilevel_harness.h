// Bilevel training in one process without a service: the recursion on batches in double, and exact
// solutions to compare with.
#ifndef GRADLOOM_TESTS_MODELS_WORKLOADS_BILEVEL_BILEVEL_HARNESS_H_
#define GRADLOOM_TESTS_MODELS_WORKLOADS_BILEVEL_BILEVEL_HARNESS_H_

#include <Eigen/Dense>
#include <cmath>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "models/data/dataset.h"
#include "models/workloads/bilevel/batch.h"
#include "models/workloads/bilevel/bsvrb.h"
#include "models/workloads/bilevel/problem.h"
#include "models/workloads/bilevel/sampling.h"

namespace gradloom {

// A problem's row by its number; `examples` starts at row 0 and is empty for generated problems.
inline BilevelRow RowIn(const Examples& examples, int64_t number) {
  BilevelRow row;
  row.number = number;
  if (examples.rows == 0) return row;
  row.target = examples.targets[number];
  if (examples.sparse) {
    const int64_t begin = examples.row_start[number], end = examples.row_start[number + 1];
    row.columns = std::span(examples.column).subspan(begin, end - begin);
    row.values = std::span(examples.value).subspan(begin, end - begin);
  } else {
    row.values = std::span(examples.dense).subspan(number * examples.features, examples.features);
  }
  return row;
}

// Trains on batches as workers do, but in double from end to end.
class DoubleTrainer {
 public:
  DoubleTrainer(const BilevelProblem& problem, const Examples& examples,
                const BilevelSampler& sampler, const BsvrbOptions& options, uint64_t seed)
      : problem_(problem),
        examples_(examples),
        sampler_(sampler),
        options_(options),
        seed_(seed),
        state_(problem, options, seed) {}

  // Which of a step's replies come: all by default.
  std::function<bool(int64_t step, int place)> arrives = [](int64_t, int) { return true; };
  // Those that do not come in time come so many steps later; 0: never.
  int64_t late_by = 0;

  void Step() {
    const int64_t step = state_.step();
    for (auto& [due, block, reply] : late_) {
      if (due == step) state_.Late(block, reply);
    }
    std::erase_if(late_, [&](const LateReply& late) { return late.due <= step; });
    std::vector<int> blocks;
    std::vector<BlockReply> replies;
    const std::vector<int> sampled = sampler_.Blocks(seed_, step);
    for (int place = 0; place < static_cast<int>(sampled.size()); ++place) {
      BlockReply reply = Compute(sampled[place]);
      if (arrives(step, place)) {
        blocks.push_back(sampled[place]);
        replies.push_back(std::move(reply));
      } else if (late_by > 0) {
        late_.push_back({step + late_by, sampled[place], std::move(reply)});
      }
    }
    state_.Step(blocks, replies);
  }

  Bsvrb& state() { return state_; }

 private:
  struct LateReply {
    int64_t due;
    int block;
    BlockReply reply;
  };

  void Fill(int block, const Bsvrb::Pair& at, int phase, BlockReply& reply) const {
    const BlockLayout layout = LayoutOf(problem_.shape(), options_.version, phase);
    BatchSums sums(problem_, layout, 1.0 / static_cast<double>(sampler_.batch),
                   1.0 / static_cast<double>(sampler_.validation_batch));
    for (const int64_t number : sampler_.Rows(seed_, state_.step(), block)) {
      sums.Add(block, problem_.shape().PlaceOf(number).validation, RowIn(examples_, number), at);
    }
    sums.AddDataFree(block, at);
    std::vector<double> values(sums.now().begin(), sums.now().end());
    for (size_t i = 0; i < sums.now().size(); ++i) {
      values.push_back(sums.now()[i] - sums.before()[i]);
    }
    ReadReply(layout, values, reply);
  }

  BlockReply Compute(int block) {
    BlockReply reply;
    Bsvrb::Pair at = state_.CatchUp(block);
    Fill(block, at, 0, reply);
    if (PhasesOf(options_.version) == 2) {
      const auto [p, p_before] = state_.InverseProducts(block, reply);
      at.now.v = p;
      at.before.v = p_before;
      Fill(block, at, 1, reply);
    }
    return reply;
  }

  const BilevelProblem& problem_;
  const Examples& examples_;
  BilevelSampler sampler_;
  BsvrbOptions options_;
  uint64_t seed_;
  Bsvrb state_;
  std::vector<LateReply> late_;
};

// The problem solved exactly on all rows: y_i(x) by Newton's method, the hypergradient by solving.
class ExactSolver {
 public:
  ExactSolver(const BilevelProblem& problem, const Examples& examples)
      : problem_(problem), examples_(examples) {}

  struct Solution {
    double f = 0;                  // F(x)
    std::vector<double> gradient;  // of F
  };

  Solution Solve(std::span<const double> x) const {
    const BilevelShape& shape = problem_.shape();
    Solution solution;
    solution.gradient.assign(shape.dx, 0);
    const std::vector<double> zero(shape.dy);
    for (int block = 0; block < shape.blocks; ++block) {
      std::vector<double> y(shape.dy);
      // Full sums at (x, y, v): the layout has all four.
      const BlockLayout layout{shape.dy, shape.dy, shape.dx, shape.hessian_size()};
      const auto all = [&](std::span<const double> v) {
        BatchSums sums(problem_, layout, 1.0 / shape.training_rows, 1.0 / shape.validation_rows);
        const BilevelPoint at{x, y, v};
        for (int64_t k = 0; k < shape.block_rows(); ++k) {
          const bool validation = k >= shape.training_rows;
          const int64_t row = shape.Row(block, false, k);
          sums.Add(block, validation, RowIn(examples_, row), {at, at});
        }
        sums.AddDataFree(block, {at, at});
        return sums;
      };
      Eigen::VectorXd p(shape.dy);
      for (int iteration = 0; iteration < 50; ++iteration) {
        const BatchSums sums = all(zero);
        const std::span<const double> now = sums.now();
        const Eigen::Map<const Eigen::VectorXd> g(now.data(), shape.dy);
        const Eigen::Map<const Eigen::VectorXd> q(now.data() + shape.dy, shape.dy);
        Eigen::MatrixXd h(shape.dy, shape.dy);
        size_t at = 2 * shape.dy + shape.dx;
        for (int64_t r = 0; r < shape.dy; ++r) {
          for (int64_t c = 0; c <= r; ++c) h(r, c) = h(c, r) = now[at++];
        }
        const Eigen::LLT<Eigen::MatrixXd> llt(h);
        p = llt.solve(-q);
        if (g.norm() < 1e-13) break;
        const Eigen::VectorXd move = llt.solve(g);
        for (int64_t r = 0; r < shape.dy; ++r) y[r] -= move[r];
      }
      const BatchSums sums = all(std::span<const double>(p.data(), shape.dy));
      solution.f += sums.loss() / shape.validation_rows / shape.blocks;
      AddScaled(1.0 / shape.blocks, sums.now().subspan(2 * shape.dy, shape.dx), solution.gradient);
    }
    return solution;
  }

 private:
  const BilevelProblem& problem_;
  const Examples& examples_;
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_MODELS_WORKLOADS_BILEVEL_BILEVEL_HARNESS_H_
