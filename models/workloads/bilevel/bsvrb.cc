#include "models/workloads/bilevel/bsvrb.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

namespace gradloom {
namespace {

// Members of counts_.
enum Count {
  kInMeans = 0,    // replies in gx_ and gx_change_
  kEstimated = 1,  // replies that served their blocks' estimates since the last step
  kRate = 2,       // of the latter, by sampled blocks: a running mean
  kBegun = 3,      // 1: z has begun
  kCounts = 4
};

// The rate of arrivals is a mean over about so many steps.
constexpr double kRateSteps = 100;

Eigen::MatrixXd Unpack(std::span<const double> packed, int64_t n) {
  Eigen::MatrixXd full(n, n);
  size_t at = 0;
  for (int64_t r = 0; r < n; ++r) {
    for (int64_t c = 0; c <= r; ++c) full(r, c) = full(c, r) = packed[at++];
  }
  return full;
}

// Onto the symmetric matrices with eigenvalues >= floor. Cholesky tells cheaply that nothing has to
// be done.
void ClipEigenvalues(double floor, int64_t n, std::span<double> packed) {
  const Eigen::MatrixXd full = Unpack(packed, n);
  const Eigen::MatrixXd above = full - floor * Eigen::MatrixXd::Identity(n, n);
  if (above.llt().info() == Eigen::Success) return;
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(full);
  const Eigen::MatrixXd clipped = eigen.eigenvectors() *
                                  eigen.eigenvalues().cwiseMax(floor).asDiagonal() *
                                  eigen.eigenvectors().transpose();
  size_t at = 0;
  for (int64_t r = 0; r < n; ++r) {
    for (int64_t c = 0; c <= r; ++c) packed[at++] = (clipped(r, c) + clipped(c, r)) / 2;
  }
}

// estimate <- (1 - a) estimate + a value + gamma change
void Track(double a, double gamma, std::span<const double> value, std::span<const double> change,
           std::span<double> estimate) {
  for (size_t i = 0; i < estimate.size(); ++i) {
    estimate[i] = (1 - a) * estimate[i] + a * value[i] + gamma * change[i];
  }
}

}  // namespace

Bsvrb::Bsvrb(const BilevelProblem& problem, const BsvrbOptions& options, uint64_t seed)
    : problem_(problem), options_(options) {
  const BilevelShape& shape = problem.shape();
  const int64_t all = shape.blocks * shape.dy;
  x_.resize(shape.dx);
  problem.InitialX(seed, x_);
  problem.ProjectX(x_);
  x_before_ = x_;
  for (auto* of_x : {&z_, &gx_, &gx_change_}) of_x->assign(shape.dx, 0);
  for (auto* of_y : {&y_, &y_before_, &v_, &v_before_, &s_, &u_}) of_y->assign(all, 0);
  steps_.assign(shape.blocks, 0);
  begun_.assign(shape.blocks, 0);
  counts_.assign(kCounts, 0);
  counts_[kRate] = 1;
  if (options.version != v1::Bilevel::V1) return;
  hessian_.assign(shape.blocks * shape.hessian_size(), 0);
  hessian_before_ = hessian_;
  updated_.assign(shape.blocks, -1);
}

std::span<double> Bsvrb::Of(std::vector<double>& all, int block) const {
  const size_t size = all.size() / problem_.shape().blocks;
  return std::span(all).subspan(block * size, size);
}
std::span<const double> Bsvrb::Of(const std::vector<double>& all, int block) const {
  const size_t size = all.size() / problem_.shape().blocks;
  return std::span(all).subspan(block * size, size);
}

double Bsvrb::Moves(double missed) const {
  const bool all_move =
      options_.estimator == v1::Bilevel::MSVR || options_.estimator == v1::Bilevel::STORM;
  return all_move ? missed : std::min(missed, 1.0);
}

void Bsvrb::MoveV(std::span<double> v, std::span<const double> u, double moves) const {
  // Where no move can leave the ball, they are one; else move by move, since a projection between
  // two of them cannot be skipped.
  if (std::sqrt(Dot(v, v)) + moves * options_.tau_v * std::sqrt(Dot(u, u)) < options_.radius) {
    AddScaled(-options_.tau_v * moves, u, v);
    return;
  }
  for (double move = 0; move < moves; ++move) {
    AddScaled(-options_.tau_v, u, v);
    const double norm = std::sqrt(Dot(v, v));
    if (norm > options_.radius) {
      for (double& value : v) value *= options_.radius / norm;
    }
  }
}

Bsvrb::Pair Bsvrb::CatchUp(int block) {
  const std::span<double> y = Of(y_, block), y_before = Of(y_before_, block);
  const std::span<double> v = Of(v_, block), v_before = Of(v_before_, block);
  const std::span<const double> s = Of(s_, block), u = Of(u_, block);
  if (const double missed = static_cast<double>(step_) - steps_[block]; missed > 0) {
    std::copy(y.begin(), y.end(), y_before.begin());
    AddScaled(-options_.tau * Moves(missed - 1), s, y_before);
    AddScaled(-options_.tau * Moves(missed), s, y);
    MoveV(v, u, Moves(missed - 1));
    std::copy(v.begin(), v.end(), v_before.begin());
    MoveV(v, u, Moves(missed) - Moves(missed - 1));
    steps_[block] = static_cast<double>(step_);
  }
  return {{x_, y, v}, {x_before_, y_before, v_before}};
}

std::vector<double> Bsvrb::CaughtUp() const {
  std::vector<double> all = y_;
  for (int block = 0; block < problem_.shape().blocks; ++block) {
    AddScaled(-options_.tau * Moves(static_cast<double>(step_) - steps_[block]), Of(s_, block),
              Of(all, block));
  }
  return all;
}

std::pair<std::vector<double>, std::vector<double>> Bsvrb::InverseProducts(
    int block, const BlockReply& reply) const {
  const int64_t dy = problem_.shape().dy;
  const auto vector = [dy](const std::vector<double>& values) {
    return Eigen::Map<const Eigen::VectorXd>(values.data(), dy);
  };
  const auto solve = [&](std::span<const double> packed, const Eigen::VectorXd& right) {
    const Eigen::VectorXd solved = Unpack(packed, dy).llt().solve(right);
    return std::vector<double>(solved.begin(), solved.end());
  };
  const Eigen::VectorXd f = -vector(reply.q);
  const Eigen::VectorXd f_before = f + vector(reply.q_change);
  if (begun_[block] == 0) {
    std::vector<double> first = reply.hessian;
    ClipEigenvalues(options_.hessian_floor, dy, first);
    return {solve(first, f), solve(first, f_before)};
  }
  const bool changed = updated_[block] == static_cast<double>(step_ - 1);
  return {solve(Of(hessian_, block), f),
          solve(Of(changed ? hessian_before_ : hessian_, block), f_before)};
}

double Bsvrb::gamma() const {
  if (options_.estimator == v1::Bilevel::STORM) return 1 - options_.alpha;
  if (options_.estimator != v1::Bilevel::MSVR) return 0;
  if (options_.gamma.has_value()) return *options_.gamma;
  const double sampled = options_.sampled * counts_[kRate];
  return (problem_.shape().blocks - sampled) / (sampled * (1 - options_.alpha)) + 1 -
         options_.alpha;
}

void Bsvrb::UpdateHessian(int block, const BlockReply& reply) {
  const std::span<double> hessian = Of(hessian_, block);
  if (begun_[block] == 0) {
    std::copy(reply.hessian.begin(), reply.hessian.end(), hessian.begin());
  } else {
    std::copy(hessian.begin(), hessian.end(), Of(hessian_before_, block).begin());
    const bool plain = options_.estimator == v1::Bilevel::PLAIN;
    Track(plain ? 1 : options_.alpha, gamma(), reply.hessian, reply.hessian_change, hessian);
  }
  ClipEigenvalues(options_.hessian_floor, problem_.shape().dy, hessian);
  if (begun_[block] == 0)
    std::copy(hessian.begin(), hessian.end(), Of(hessian_before_, block).begin());
  updated_[block] = static_cast<double>(step_);
}

void Bsvrb::Estimate(int block, const BlockReply& reply) {
  const bool tracks =
      options_.estimator == v1::Bilevel::MSVR || options_.estimator == v1::Bilevel::STORM;
  const bool first = begun_[block] == 0;
  const double a = tracks && !first ? options_.alpha : 1;
  const double by = first ? 0 : gamma();
  Track(a, by, reply.gy, reply.gy_change, Of(s_, block));
  if (options_.version == v1::Bilevel::V1) {
    UpdateHessian(block, reply);
  } else {
    Track(a, by, reply.q, reply.q_change, Of(u_, block));
  }
  begun_[block] = 1;
  counts_[kEstimated] += 1;
}

void Bsvrb::AddToMeans(const BlockReply& reply) {
  AddScaled(1, reply.gx, gx_);
  AddScaled(1, reply.gx_change, gx_change_);
  counts_[kInMeans] += 1;
}

void Bsvrb::Late(int block, const BlockReply& reply) {
  CatchUp(block);
  Estimate(block, reply);
  if (options_.late_pairs) AddToMeans(reply);
}

void Bsvrb::Step(std::span<const int> blocks, std::span<const BlockReply> replies) {
  const double observed =
      (counts_[kEstimated] + static_cast<double>(blocks.size())) / options_.sampled;
  const double weight = 1 / std::min(static_cast<double>(step_) + 1, kRateSteps);
  // Never 0, so that gamma stays finite: one block of a hundred steps.
  counts_[kRate] = std::max(counts_[kRate] + weight * (observed - counts_[kRate]),
                            1 / (kRateSteps * options_.sampled));
  for (size_t k = 0; k < blocks.size(); ++k) {
    Estimate(blocks[k], replies[k]);
    AddToMeans(replies[k]);
  }
  if (const double arrivals = counts_[kInMeans]; arrivals > 0) {
    const bool plain = options_.estimator == v1::Bilevel::PLAIN || counts_[kBegun] == 0;
    const double b = plain ? 1 : options_.beta;
    const double change = options_.estimator == v1::Bilevel::MOVING_AVERAGE ? 0 : 1 - b;
    // (1 - b) (z - G') + G, with G' = G - change.
    for (size_t i = 0; i < z_.size(); ++i) {
      z_[i] = (1 - b) * z_[i] + b * gx_[i] / arrivals + change * gx_change_[i] / arrivals;
    }
    counts_[kBegun] = 1;
  }
  counts_[kInMeans] = counts_[kEstimated] = 0;
  std::fill(gx_.begin(), gx_.end(), 0.0);
  std::fill(gx_change_.begin(), gx_change_.end(), 0.0);
  x_before_ = x_;
  AddScaled(-options_.eta, z_, x_);
  problem_.ProjectX(x_);
  ++step_;
}

void Bsvrb::Begin() {
  problem_.ProjectX(x_);
  x_before_ = x_;
  y_before_ = y_;
}

std::vector<Bsvrb::Vector> Bsvrb::Vectors() {
  const BilevelShape& shape = problem_.shape();
  const std::vector<int64_t> of_x = {shape.dx}, of_y = {shape.blocks, shape.dy};
  std::vector<Vector> vectors = {{"x", of_x, &x_},
                                 {"y", of_y, &y_},
                                 {"x_before", of_x, &x_before_},
                                 {"z", of_x, &z_},
                                 {"y_before", of_y, &y_before_},
                                 {"v", of_y, &v_},
                                 {"v_before", of_y, &v_before_},
                                 {"s", of_y, &s_},
                                 {"u", of_y, &u_},
                                 {"steps", {shape.blocks}, &steps_},
                                 {"begun", {shape.blocks}, &begun_},
                                 {"late_gx", of_x, &gx_},
                                 {"late_gx_change", of_x, &gx_change_},
                                 {"counts", {kCounts}, &counts_}};
  if (!hessian_.empty()) {
    const std::vector<int64_t> of_hessian = {shape.blocks, shape.hessian_size()};
    vectors.push_back({"hessian", of_hessian, &hessian_});
    vectors.push_back({"hessian_before", of_hessian, &hessian_before_});
    vectors.push_back({"hessian_steps", {shape.blocks}, &updated_});
  }
  return vectors;
}

}  // namespace gradloom
