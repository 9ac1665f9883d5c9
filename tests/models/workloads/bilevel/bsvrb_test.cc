// The recursion itself, in double. The quadratic problem's numbers have no oracle but their order:
// what variance reduction, blocks and batches buy is known from the paper's rates.
#include "models/workloads/bilevel/bsvrb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "models/random.h"
#include "tests/models/workloads/bilevel/bilevel_data.h"
#include "tests/models/workloads/bilevel/bilevel_harness.h"

namespace gradloom {
namespace {

using B = v1::Bilevel;

double SquaredNorm(std::span<const double> values) { return Dot(values, values); }

// 20 blocks of 5 variables, 4 shared ones.
const BilevelProblem& Quadratic() {
  static const auto problem = MakeProblem(&v1::Bilevel::mutable_quadratic, {});
  return *problem;
}

struct Setting {
  B::Version version = B::V2;
  B::Estimator estimator = B::MSVR;
  int sampled = 4;
  int64_t batch = 4;
  std::optional<double> gamma = {};
  int64_t steps = 20'000;
  double eta = 0.004, tau = 0.03, alpha = 0.05, beta = 0.02;
  double lost = 0;      // probability that a reply does not come in time
  int64_t late_by = 0;  // and comes so many steps later
  bool late_pairs = false;
  int seeds = 1;
};

BsvrbOptions OptionsOf(const Setting& s) {
  return {.version = s.version,
          .estimator = s.estimator,
          .sampled = s.sampled,
          .eta = s.eta,
          .tau = s.tau,
          .tau_v = s.tau,
          .alpha = s.alpha,
          .beta = s.beta,
          .gamma = s.gamma,
          .radius = 1000,
          .hessian_floor = 0.1,
          .late_pairs = s.late_pairs};
}

// The mean of ||grad F||^2 over the last tenth of the steps; infinite as soon as it is not finite.
double Tail(const Setting& s) {
  const Examples none;
  const ExactSolver exact(Quadratic(), none);
  double sum = 0;
  int count = 0;
  for (int seed = 1; seed <= s.seeds; ++seed) {
    const BilevelSampler sampler{Quadratic().shape(), s.sampled, s.batch, s.batch};
    DoubleTrainer trainer(Quadratic(), none, sampler, OptionsOf(s), seed);
    trainer.late_by = s.late_by;
    trainer.arrives = [&](int64_t step, int place) {
      RandomStream stream(seed, Purpose::kStraggle, step, place);
      return stream.NextUniform() >= s.lost;
    };
    for (int64_t step = 0; step < s.steps; ++step) {
      trainer.Step();
      if (step < s.steps * 9 / 10 || step % 20 != 0) continue;
      const double norm = SquaredNorm(exact.Solve(trainer.state().x()).gradient);
      if (!std::isfinite(norm)) return std::numeric_limits<double>::infinity();
      sum += norm;
      ++count;
    }
  }
  return sum / count;
}

double Report(const char* name, double value) {
  std::cout << name << ": " << value << "\n";
  return value;
}

TEST(Bsvrb, ExactSolutionOfTheQuadraticHasItsClosedForm) {
  const Examples none;
  const ExactSolver exact(Quadratic(), none);
  std::vector<double> x(4);
  Quadratic().InitialX(1, x);
  EXPECT_NEAR(Report("initial ||grad F||^2", SquaredNorm(exact.Solve(x).gradient)), 70, 20);
  // grad F is affine, so central differences of F are exact.
  for (int i = 0; i < 4; ++i) {
    std::vector<double> up = x, down = x;
    up[i] += 0.5;
    down[i] -= 0.5;
    EXPECT_NEAR(exact.Solve(x).gradient[i], exact.Solve(up).f - exact.Solve(down).f, 1e-10);
  }
}

TEST(Bsvrb, VarianceReductionOrdersTheMethods) {
  for (const B::Version version : {B::V1, B::V2}) {
    Setting s{.version = version};
    const double best = Report("gamma*", Tail(s));
    EXPECT_LT(best, 0.2);
    EXPECT_GT(best, 0.01);
    s.estimator = B::STORM;
    EXPECT_GT(Report("gamma = 1 - alpha", Tail(s)), 1.1 * best);
    s.estimator = B::MSVR;
    s.gamma = 0;
    EXPECT_GT(Report("gamma = 0", Tail(s)), 20 * best);
    s.gamma.reset();
    s.estimator = B::PLAIN;
    EXPECT_GT(Report("no variance reduction", Tail(s)), 2 * best);
    s.estimator = B::MOVING_AVERAGE;
    EXPECT_GT(Report("moving average", Tail(s)), 2 * best);
  }
}

TEST(Bsvrb, MoreBlocksInAStepHelp) {
  double last = std::numeric_limits<double>::infinity();
  for (const int sampled : {2, 4, 8, 16, 20}) {
    const double tail = Report("blocks", Tail({.sampled = sampled}));
    EXPECT_LT(tail, last / 1.5) << sampled;
    last = tail;
  }
}

TEST(Bsvrb, LargerBatchesHelpAndWholeOnesAreExact) {
  double last = std::numeric_limits<double>::infinity();
  for (const int64_t batch : {1, 4, 16}) {
    const double tail = Report("batch", Tail({.sampled = 20, .batch = batch, .steps = 10'000}));
    EXPECT_LT(tail, last / 2) << batch;
    last = tail;
  }
  EXPECT_LT(Tail({.sampled = 20, .batch = 64, .steps = 10'000}), 1e-15);
}

// eta, tau ~ T^-1/3 and alpha, beta ~ T^-2/3: four times the steps leave a factor of about 4^-1/3
// in the norm, 4^-2/3 in its square.
TEST(Bsvrb, ErrorFallsWithTheStepsAtTheRate) {
  double last = 0;
  for (const int64_t steps : {4000, 16'000, 64'000}) {
    const double ratio = 40'000.0 / static_cast<double>(steps);
    const double tail = Report("T", Tail({.steps = steps,
                                          .eta = 0.004 * std::cbrt(ratio),
                                          .tau = 0.03 * std::cbrt(ratio),
                                          .alpha = 0.05 * std::pow(ratio, 2.0 / 3),
                                          .beta = 0.02 * std::pow(ratio, 2.0 / 3),
                                          .seeds = steps > 16'000 ? 1 : 3}));
    if (last > 0) {
      EXPECT_GT(tail / last, 0.3);
      EXPECT_LT(tail / last, 0.7);
    }
    last = tail;
  }
}

TEST(Bsvrb, LostRepliesNeedTheObservedGamma) {
  Setting s{.sampled = 8, .eta = 0.012, .tau = 0.09, .lost = 0.6};
  const double observed = Report("60% lost, observed", Tail(s));
  s.gamma = 12.0 / (8 * 0.95) + 0.95;
  EXPECT_GT(Report("60% lost, nominal", Tail(s)), 3 * observed);
  EXPECT_LT(observed, 1);
}

TEST(Bsvrb, LateRepliesHelpWithThePairKeptWhole) {
  Setting s{.steps = 40'000, .lost = 0.5, .seeds = 2};
  const double discarded = Report("50% discarded", Tail(s));
  s.late_by = 3;
  s.late_pairs = true;
  EXPECT_LT(Report("50% late, into z", Tail(s)), discarded);
}

// ---- mechanics ----------------------------------------------------------------------------------

// Random replies for a problem of the given size.
BlockReply RandomReply(RandomStream& stream, const BilevelShape& shape, bool hessian) {
  const auto draw = [&stream](int64_t size) {
    std::vector<double> values(size);
    for (double& value : values) value = stream.NextNormal();
    return values;
  };
  BlockReply reply{draw(shape.dy),
                   draw(shape.dy),
                   draw(shape.dy),
                   draw(shape.dy),
                   draw(shape.dx),
                   draw(shape.dx),
                   {},
                   {}};
  if (hessian) {
    reply.hessian = draw(shape.hessian_size());
    reply.hessian_change = draw(shape.hessian_size());
  }
  return reply;
}

// The method as it is written, moving every block in every step.
struct EagerBlocks {
  std::vector<std::vector<double>> y, v, s, u;

  void Step(const BsvrbOptions& options, double gamma, std::span<const int> blocks,
            std::span<const BlockReply> replies, std::vector<bool>& begun) {
    for (size_t k = 0; k < blocks.size(); ++k) {
      const int block = blocks[k];
      const double a = begun[block] ? options.alpha : 1, g = begun[block] ? gamma : 0;
      for (size_t i = 0; i < s[block].size(); ++i) {
        s[block][i] = (1 - a) * s[block][i] + (a + g) * replies[k].gy[i] -
                      g * (replies[k].gy[i] - replies[k].gy_change[i]);
        u[block][i] = (1 - a) * u[block][i] + (a + g) * replies[k].q[i] -
                      g * (replies[k].q[i] - replies[k].q_change[i]);
      }
      begun[block] = true;
    }
    for (size_t block = 0; block < y.size(); ++block) {
      double squares = 0;
      for (size_t i = 0; i < s[block].size(); ++i) {
        y[block][i] -= options.tau * s[block][i];
        v[block][i] -= options.tau_v * u[block][i];
        squares += v[block][i] * v[block][i];
      }
      const double norm = std::sqrt(squares);
      for (double& value : v[block]) value *= norm > options.radius ? options.radius / norm : 1;
    }
  }
};

// The largest difference between lazy and eager blocks over 400 steps of random replies.
double LazyMinusEager(double radius, double* longest_v) {
  const BilevelShape& shape = Quadratic().shape();
  const BsvrbOptions options{
      .sampled = 3, .tau = 0.01, .tau_v = 0.01, .alpha = 0.3, .gamma = 0.5, .radius = radius};
  Bsvrb lazy(Quadratic(), options, 1);
  const std::vector<std::vector<double>> zero(shape.blocks, std::vector<double>(shape.dy));
  EagerBlocks eager{zero, zero, zero, zero}, before = eager;
  std::vector<bool> begun(shape.blocks);
  const BilevelSampler sampler{shape, 3, 1, 1};
  RandomStream stream(5, Purpose::kGeneratedData);
  double farthest = 0;
  for (int64_t step = 0; step < 400; ++step) {
    const std::vector<int> blocks = sampler.Blocks(7, step);
    std::vector<BlockReply> replies;
    for (const int block : blocks) {
      const Bsvrb::Pair at = lazy.CatchUp(block);
      for (int64_t i = 0; i < shape.dy; ++i) {
        const auto compare = [&](double a, double b) {
          farthest = std::max(farthest, std::abs(a - b) / std::max(1.0, std::abs(b)));
        };
        compare(at.now.y[i], eager.y[block][i]);
        compare(at.now.v[i], eager.v[block][i]);
        compare(at.before.y[i], before.y[block][i]);
        compare(at.before.v[i], before.v[block][i]);
      }
      *longest_v = std::max(*longest_v, std::sqrt(SquaredNorm(at.now.v)));
      replies.push_back(RandomReply(stream, shape, false));
    }
    lazy.Step(blocks, replies);
    before = eager;
    eager.Step(options, lazy.gamma(), blocks, replies, begun);
  }
  return farthest;
}

// Agreement is to rounding, which 400 steps of two ways to write the estimates add up.
TEST(Bsvrb, LazyCatchUpIsEagerMovement) {
  double longest_v = 0;
  EXPECT_LT(Report("lazy - eager, free", LazyMinusEager(1000, &longest_v)), 1e-14);
  EXPECT_GT(longest_v, 0.2);
  longest_v = 0;
  // Now most moves of v are projected.
  EXPECT_LT(Report("lazy - eager, projected", LazyMinusEager(0.1, &longest_v)), 1e-14);
  EXPECT_NEAR(longest_v, 0.1, 1e-12);
}

TEST(Bsvrb, OneCatchUpIsThatManyMoves) {
  const BilevelShape& shape = Quadratic().shape();
  for (const double radius : {1000.0, 0.5}) {
    const BsvrbOptions options{.sampled = 1, .tau = 0.01, .tau_v = 0.013, .radius = radius};
    Bsvrb state(Quadratic(), options, 1);
    RandomStream stream(11, Purpose::kGeneratedData);
    const BlockReply reply = RandomReply(stream, shape, false);
    const std::array blocks = {7};
    state.Step(blocks, std::span(&reply, 1));
    constexpr int kMoves = 40;
    for (int step = 1; step < kMoves; ++step) state.Step({}, {});
    std::vector<double> y(shape.dy), v(shape.dy);
    for (int move = 0; move < kMoves; ++move) {
      AddScaled(-options.tau, reply.gy, y);
      AddScaled(-options.tau_v, reply.q, v);
      const double norm = std::sqrt(SquaredNorm(v));
      for (double& value : v) value *= norm > radius ? radius / norm : 1;
    }
    const BilevelPoint now = state.CatchUp(7).now;
    for (int64_t i = 0; i < shape.dy; ++i) {
      EXPECT_NEAR(now.y[i], y[i], 1e-15);
      EXPECT_NEAR(now.v[i], v[i], 1e-15);
    }
  }
}

TEST(Bsvrb, HessiansAreClippedFromBelow) {
  const BilevelShape& shape = Quadratic().shape();
  const BsvrbOptions options{.version = B::V1, .sampled = 1, .alpha = 0.5, .hessian_floor = 0.25};
  Bsvrb state(Quadratic(), options, 1);
  RandomStream stream(6, Purpose::kGeneratedData);
  for (int step = 0; step < 20; ++step) {
    state.CatchUp(3);
    const std::array replies = {RandomReply(stream, shape, true)};
    const std::array blocks = {3};
    state.Step(blocks, replies);
    for (const Bsvrb::Vector& vector : state.Vectors()) {
      if (vector.name != "hessian") continue;
      Eigen::MatrixXd h(shape.dy, shape.dy);
      size_t at = 3 * shape.hessian_size();
      for (int64_t r = 0; r < shape.dy; ++r) {
        for (int64_t c = 0; c <= r; ++c) h(r, c) = h(c, r) = (*vector.values)[at++];
      }
      const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(h);
      EXPECT_GE(eigen.eigenvalues().minCoeff(), 0.25 - 1e-9);
    }
  }
}

TEST(Bsvrb, AMissingBlockIsAnUnsampledOne) {
  const BilevelShape& shape = Quadratic().shape();
  const BsvrbOptions options{.sampled = 2, .gamma = 2};
  Bsvrb lost(Quadratic(), options, 1), never(Quadratic(), options, 1);
  RandomStream stream(8, Purpose::kGeneratedData);
  const BlockReply reply = RandomReply(stream, shape, false);
  for (const int block : {4, 9}) lost.CatchUp(block);
  never.CatchUp(4);
  const std::array blocks = {4};
  lost.Step(blocks, std::span(&reply, 1));
  never.Step(blocks, std::span(&reply, 1));
  EXPECT_EQ(lost.CaughtUp(), never.CaughtUp());
  EXPECT_THAT(lost.x(), testing::ElementsAreArray(never.x()));
  // z averages over what arrived; with no arrival it stays.
  EXPECT_THAT(lost.z(), testing::ElementsAreArray(reply.gx));
  lost.Step({}, {});
  EXPECT_THAT(lost.z(), testing::ElementsAreArray(reply.gx));
}

TEST(Bsvrb, ALateReplyServesItsBlockAndByChoiceZ) {
  const BilevelShape& shape = Quadratic().shape();
  RandomStream stream(9, Purpose::kGeneratedData);
  const BlockReply reply = RandomReply(stream, shape, false);
  for (const bool pairs : {false, true}) {
    Bsvrb state(Quadratic(), {.sampled = 2, .tau = 0.5, .late_pairs = pairs}, 1);
    state.CatchUp(4);
    state.Step({}, {});
    state.Late(4, reply);
    state.Step({}, {});
    const std::vector<double> y = state.CaughtUp();
    for (int64_t i = 0; i < shape.dy; ++i) EXPECT_EQ(y[4 * shape.dy + i], -0.5 * reply.gy[i]);
    for (int64_t i = 0; i < shape.dx; ++i) EXPECT_EQ(state.z()[i], pairs ? reply.gx[i] : 0);
  }
}

}  // namespace
}  // namespace gradloom
