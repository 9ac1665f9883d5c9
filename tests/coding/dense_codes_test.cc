// What is special about each exact code with a dense decoder, and the parts they are made of.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "Eigen/Core"
#include "Eigen/LU"
#include "coding/codes/amplification.h"
#include "coding/codes/code_math.h"
#include "coding/codes/code_random.h"
#include "coding/codes/cyclic.h"
#include "coding/codes/dense_code.h"
#include "coding/codes/dual.h"
#include "coding/codes/null_space.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

Eigen::MatrixXd Matrix(const GradientCode& code) {
  Eigen::MatrixXd b = Eigen::MatrixXd::Zero(code.slots(), code.chunks().size());
  for (int slot = 0; slot < code.slots(); ++slot) {
    for (const Term& term : code.row(slot)) b(slot, term.chunk) = term.coefficient;
  }
  return b;
}

std::vector<double> Amplifications(const GradientCode& code, int lost, int samples) {
  CodeRandom random(123);
  std::vector<int> slots(code.slots());
  std::iota(slots.begin(), slots.end(), 0);
  std::vector<double> amplifications;
  for (int i = 0; i < samples; ++i) {
    random.Shuffle(std::span(slots));
    std::vector<bool> received(code.slots(), true);
    for (int j = 0; j < lost; ++j) received[slots[j]] = false;
    amplifications.push_back(code.Decode(received)->amplification);
  }
  std::sort(amplifications.begin(), amplifications.end());
  return amplifications;
}

TEST(CyclicTest, IsTandonsAlgorithm2) {
  const int n = 12, s = 4;
  const auto code = MakeCyclic({.slots = n, .s = s, .seed = 5});
  const Eigen::MatrixXd b = Matrix(*code);
  for (int slot = 0; slot < n; ++slot) {
    EXPECT_EQ(b(slot, slot), 1);
    for (int chunk = 0; chunk < n; ++chunk) {
      EXPECT_EQ(b(slot, chunk) != 0, (chunk - slot + n) % n <= s) << slot << " " << chunk;
    }
  }
  // All rows lie in the null space of H, of dimension n - s, which contains 1.
  Eigen::MatrixXd extended(n + 1, n);
  extended << b, Eigen::RowVectorXd::Ones(n);
  Eigen::FullPivLU<Eigen::MatrixXd> lu(extended);
  lu.setThreshold(1e-9);
  EXPECT_EQ(lu.rank(), n - s);
}

TEST(DualTest, HasTheCyclicSupportAndBetterConditioning) {
  const auto dual = MakeDual({.slots = 64, .s = 7}), cyclic = MakeCyclic({.slots = 64, .s = 7});
  EXPECT_EQ((Matrix(*dual).array() != 0).matrix(), (Matrix(*cyclic).array() != 0).matrix());
  const auto ours = Amplifications(*dual, 7, 500), tandons = Amplifications(*cyclic, 7, 500);
  EXPECT_LT(ours[250] * 2, tandons[250]);
  // One random straggler set in a hundred at most needs another slot at fp32.
  EXPECT_LT(ours[495], MaxAmplification(kUnitRoundoffFp32));
}

TEST(DualTest, SurplusRepliesLowerTheAmplification) {
  const auto code = MakeDual({.slots = 64, .s = 7});
  std::vector<bool> received(64, true);
  double previous = (*code->Decode(received)).amplification;
  for (int slot : {3, 60, 17, 18, 40, 41, 5}) {
    received[slot] = false;
    const double amplification = (*code->Decode(received)).amplification;
    EXPECT_GE(amplification, previous * (1 - 1e-12));
    previous = amplification;
  }
}

TEST(DualTest, ServesAnySupportWithEnoughOwners) {
  // Five chunks of unequal size, three owners each, in no pattern.
  DualSupport support{.slots = 8, .denominator = 15};
  support.chunks = {{0, 1}, {1, 3}, {3, 6}, {6, 10}, {10, 15}};
  support.owners = {{0, 1, 5}, {2, 3, 7}, {4, 6, 7}, {0, 2, 6}, {1, 5, 7}};
  const auto code = MakeDualCode("dual", support, 2, 1);
  for (int a = 0; a < 8; ++a) {
    for (int b = 0; b < 8; ++b) {
      std::vector<bool> received(8, true);
      received[a] = received[b] = false;
      const auto decoding = code->Decode(received);
      ASSERT_TRUE(decoding.ok()) << a << " " << b;
      EXPECT_LT(CoverageError(*code, decoding->weights).lpNorm<Eigen::Infinity>(), 1e-10);
    }
  }
}

TEST(DualTest, SaysWhyItCannotDecode) {
  const auto code = MakeDual({.slots = 6, .s = 1});
  EXPECT_EQ(
      code->Decode({true, false, false, true, true, true}).status().message(),
      "dual: 2 of 6 slots have not answered (any 1 may be missing) and nobody else holds chunk "
      "2");
  EXPECT_EQ(code->Decode({true, false, true, true, false, true}).status().message(),
            "dual: 2 of 6 slots have not answered (any 1 may be missing) and the replies that "
            "arrived do not determine the sum");
}

double SlotLoad(const GradientCode& code, int slot) {
  int64_t units = 0;
  for (const Term& term : code.row(slot)) {
    units += code.chunks()[term.chunk].end - code.chunks()[term.chunk].begin;
  }
  return static_cast<double>(units) / static_cast<double>(code.denominator());
}

TEST(DualBalancedTest, LoadsAreProportionalToThroughput) {
  const std::vector<double> throughput = {1, 2, 3, 4, 5, 4, 3, 2};
  const auto code = MakeDualBalanced({.slots = 8, .s = 2, .throughput = throughput});
  for (int slot = 0; slot < 8; ++slot) {
    EXPECT_NEAR(SlotLoad(*code, slot), 3 * throughput[slot] / 24, 1e-6) << slot;
  }
  EXPECT_NEAR(code->load(), 3 * 5 / 24.0, 1e-6);
  EXPECT_LE(code->chunks().size(), 8);
}

TEST(DualBalancedTest, NobodyGetsMoreThanAllOfTheData) {
  // Proportional: 3 * 100 / 107 > 1. The rest of 2 is shared by the others, 1 : 2 : 4.
  const auto code = MakeDualBalanced({.slots = 4, .s = 2, .throughput = {100, 1, 2, 4}});
  EXPECT_NEAR(SlotLoad(*code, 0), 1, 1e-6);
  EXPECT_NEAR(SlotLoad(*code, 3), 1, 1e-6);  // 8/7 is too much as well
  EXPECT_NEAR(SlotLoad(*code, 1), 1 / 3.0, 1e-6);
  EXPECT_NEAR(SlotLoad(*code, 2), 2 / 3.0, 1e-6);
}

TEST(DualBalancedTest, HopelessSlotsStillGetSomething) {
  std::vector<double> throughput(200, 1);
  throughput[7] = 1e-300;
  throughput[8] = 1e-9;
  const auto code = MakeDualBalanced({.slots = 200, .s = 0, .throughput = throughput});
  EXPECT_NEAR(SlotLoad(*code, 7) * 200, 1e-3, 1e-4);
  EXPECT_GT(SlotLoad(*code, 8), 0);
}

TEST(DualBalancedTest, EqualSpeedsGiveFewChunksAndLowAmplification) {
  // gcd(256, 28) = 4: the wrap-around rule cuts the data into 256 / 4 chunks only.
  const auto code = MakeDualBalanced({.slots = 256, .s = 27});
  EXPECT_EQ(code->chunks().size(), 64);
  EXPECT_NEAR(code->load(), 28 / 256.0, 1e-6);
  EXPECT_LT(Amplifications(*code, 27, 100).back(), 10);
}

TEST(NullSpaceDecoderTest, BothConstructionsAgree) {
  // C with C M = 1 1^T of a dual code, got back from M: lambda^T C = y with y^T M = 1.
  const auto code = MakeDual({.slots = 10, .s = 2});
  const Eigen::MatrixXd m = Matrix(*code);
  const NullSpaceDecoder from_matrix = NullSpaceDecoder::FromMatrix(m, 8);
  Eigen::MatrixXd c(3, 10);
  c.row(0) = from_matrix.Solve(std::vector<int>{0, 1});
  c.row(1) = from_matrix.Solve(std::vector<int>{4, 7});
  c.row(2) = from_matrix.Solve(std::vector<int>{9});
  ASSERT_LT((c * m).array().operator-(1).abs().maxCoeff(), 1e-10);
  const NullSpaceDecoder from_dual = NullSpaceDecoder::FromDual(c);
  EXPECT_EQ(from_matrix.nullity(), 2);
  EXPECT_EQ(from_dual.nullity(), 2);
  for (const std::vector<int>& lost :
       {std::vector<int>{}, std::vector<int>{3}, std::vector<int>{2, 8}}) {
    const Eigen::VectorXd y = from_matrix.Solve(lost);
    EXPECT_LT((y - from_dual.Solve(lost)).norm(), 1e-8 * y.norm());
    for (int slot : lost) EXPECT_EQ(y[slot], 0);
  }
}

TEST(CodeRandomTest, IsTheStandardEngineWithDistributionsOfItsOwn) {
  CodeRandom random(1), twin(1), other(1, 1);
  double sum = 0, squares = 0, fourth = 0;
  bool differs = false;
  constexpr int kDraws = 200000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.Gaussian();
    ASSERT_EQ(x, twin.Gaussian());
    differs |= x != other.Gaussian();
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  EXPECT_TRUE(differs);
  EXPECT_NEAR(sum / kDraws, 0, 5 / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws, 1, 5 * std::sqrt(2.0 / kDraws));
  EXPECT_NEAR(fourth / kDraws, 3, 5 * std::sqrt(96.0 / kDraws));
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts[random.Below(7)];
  for (int count : counts) EXPECT_NEAR(count, 10000, 5 * std::sqrt(10000));
}

TEST(AmplificationTest, MaxAmplification) {
  EXPECT_NEAR(MaxAmplification(kUnitRoundoffFp32), 16777.216, 1e-9);
  EXPECT_NEAR(MaxAmplification(kUnitRoundoffFp16), 2.048, 1e-9);
  EXPECT_EQ(MaxAmplification(kUnitRoundoffBf16), 1);  // never below a plain sum's
  EXPECT_NEAR(MaxAmplification(kUnitRoundoffFp32, 1e-4), 1677.7216, 1e-9);
}

// The meaning of amplification: the decoded sum of rounded replies is off by about amp x u.
TEST(AmplificationTest, PredictsTheErrorOfRoundedReplies) {
  for (int s : {3, 7}) {
    const auto code = MakeDual({.slots = 64, .s = s});
    CodeRandom random(8);
    constexpr int kLength = 400;
    Eigen::MatrixXd gradients(64, kLength);
    for (double& value : gradients.reshaped()) value = random.Gaussian();
    const Eigen::MatrixXd replies = (Matrix(*code) * gradients).cast<float>().cast<double>();
    std::vector<int> slots(64);
    std::iota(slots.begin(), slots.end(), 0);
    for (int i = 0; i < 50; ++i) {
      random.Shuffle(std::span(slots));
      std::vector<bool> received(64, true);
      for (int j = 0; j < s; ++j) received[slots[j]] = false;
      const auto decoding = code->Decode(received);
      const Eigen::Map<const Eigen::RowVectorXd> weights(decoding->weights.data(), 64);
      const Eigen::RowVectorXd sum = gradients.colwise().sum();
      const double error = (weights * replies - sum).norm() / sum.norm();
      // Rounding errors are uniform in +-u, relative to the power of two below: 0.2 to 0.6 u rms.
      const double predicted = decoding->amplification * kUnitRoundoffFp32;
      EXPECT_LT(error, predicted);
      EXPECT_GT(error, predicted / 10);
    }
  }
}

}  // namespace
}  // namespace gradloom
