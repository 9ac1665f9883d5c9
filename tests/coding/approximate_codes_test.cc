// What is special about each approximate code, and for which averages their estimates are unbiased.
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <set>

#include "Eigen/Core"
#include "coding/codes/approximate.h"
#include "coding/codes/bernoulli.h"
#include "coding/codes/code_math.h"
#include "coding/codes/code_random.h"
#include "coding/codes/early_stop.h"
#include "coding/codes/graph.h"
#include "coding/codes/pairwise_balanced.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using Eigen::VectorXd;

VectorXd Alpha(const GradientCode& code, const Decoding& decoding) {
  return CoverageError(code, decoding.weights).array() + 1;
}

void ForEachSubset(int n, int size, const std::function<void(const std::vector<bool>&)>& visit) {
  std::vector<bool> received(n, true);
  std::fill(received.begin(), received.begin() + size, false);
  do {
    visit(received);
  } while (std::next_permutation(received.begin(), received.end()));
}

std::vector<bool> RandomLoss(int n, int lost, CodeRandom& random) {
  std::vector<int> slots(n);
  std::iota(slots.begin(), slots.end(), 0);
  random.Shuffle(std::span(slots));
  std::vector<bool> received(n, true);
  for (int i = 0; i < lost; ++i) received[slots[i]] = false;
  return received;
}

// Mean of alpha over every set of `lost` stragglers.
VectorXd MeanAlpha(const GradientCode& code, int lost) {
  VectorXd sum = VectorXd::Zero(code.chunks().size());
  int sets = 0;
  ForEachSubset(code.slots(), lost, [&](const std::vector<bool>& received) {
    const auto decoding = code.Decode(received);
    ASSERT_TRUE(decoding.ok());
    sum += Alpha(code, *decoding);
    ++sets;
  });
  return sum / sets;
}

using Factory = std::unique_ptr<GradientCode> (*)(const CodeParameters&);
constexpr Factory kFactories[] = {MakeEarlyStop, MakeGraph, MakeBernoulli, MakePairwiseBalanced};

TEST(ApproximateTest, RefusesWhatIsBeyondTolerance) {
  for (const Factory make : kFactories) {
    const auto code = make({.slots = 10, .s = 3});
    std::vector<bool> received(10, true);
    received[0] = received[1] = received[2] = false;
    EXPECT_TRUE(code->Decode(received).ok());
    received[3] = false;
    const auto refused = code->Decode(received).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(refused.message(), std::string(code->name()) +
                                     ": 4 of 10 slots have not answered; at most 3 may be missing");
  }
}

TEST(ApproximateTest, DefaultDegrees) {
  EXPECT_EQ(DefaultDegree(64, 0), 1);
  EXPECT_EQ(DefaultDegree(64, 7), 2);           // (7/64)^2 = 0.012
  EXPECT_EQ(DefaultDegree(16, 4), 3);           // (1/4)^3 = 0.016
  EXPECT_EQ(DefaultDegree(256, 1), 1);          // 1/256 is little enough
  EXPECT_EQ(DefaultDegree(4, 1), 2);            // no more than an exact code's
  EXPECT_EQ(DefaultDegree(10, 9), 10);          // likewise; 0.9^37
  EXPECT_EQ(DefaultBernoulliDegree(64, 7), 5);  // ln(50) / (57/64) = 4.4
  EXPECT_EQ(DefaultBernoulliDegree(64, 1), 2);
}

// The projection's identity that the theory of bias rests on, pattern by pattern.
TEST(ApproximateTest, MeanWeightIsOneLessResidualOrOneWhenUnbiased) {
  CodeRandom random(3);
  for (const Factory make : kFactories) {
    const auto plain = make({.slots = 40, .s = 20, .degree = 2});
    const auto unbiased = make({.slots = 40, .s = 20, .degree = 2, .unbiased = true});
    double largest = 0;
    for (int i = 0; i < 100; ++i) {
      const auto received = RandomLoss(40, random.Below(21), random);
      const auto a = plain->Decode(received), b = unbiased->Decode(received);
      ASSERT_TRUE(a.ok() && b.ok());
      const double r = a->residual;
      largest = std::max(largest, r);
      EXPECT_NEAR(Alpha(*plain, *a).mean(), 1 - r, 1e-10);
      EXPECT_NEAR(Alpha(*unbiased, *b).mean(), 1, 1e-10);
      EXPECT_NEAR(b->residual, r / (1 - r), 1e-10);
      EXPECT_NEAR(b->amplification, a->amplification / (1 - r), 1e-9);
    }
    EXPECT_GT(largest, 0.1) << plain->name();
  }
}

TEST(EarlyStopTest, ResidualIsTheFractionOfMissingGroups) {
  const auto code = MakeEarlyStop({.slots = 12, .s = 6, .degree = 3});  // 4 groups, slot mod 4
  std::vector<bool> received(12, true);
  received[1] = received[5] = received[9] = received[2] = false;
  const auto decoding = code->Decode(received);
  ASSERT_TRUE(decoding.ok());
  EXPECT_EQ(decoding->residual, 0.25);
  EXPECT_EQ(decoding->weights, (std::vector<double>{1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0}));
}

TEST(EarlyStopTest, UnbiasedOverStragglersWhenGroupsAreEqual) {
  const auto even = MakeEarlyStop({.slots = 12, .s = 6, .degree = 2, .unbiased = true});
  for (int lost : {2, 4, 6}) {
    EXPECT_LT((MeanAlpha(*even, lost).array() - 1).abs().maxCoeff(), 1e-12) << lost;
  }
  // Groups of 4 and 3: the smaller one is lost more often.
  const auto uneven = MakeEarlyStop({.slots = 7, .s = 4, .degree = 3, .unbiased = true});
  const VectorXd mean = MeanAlpha(*uneven, 4);
  EXPECT_GT(mean[0], 1.01);
  EXPECT_LT(mean[1], 0.99);
  EXPECT_NEAR(mean.mean(), 1, 1e-12);
}

TEST(PairwiseBalancedTest, UnbiasedOverStragglersByRotation) {
  const auto code = MakePairwiseBalanced({.slots = 11, .s = 5, .degree = 2, .unbiased = true});
  const auto plain = MakePairwiseBalanced({.slots = 11, .s = 5, .degree = 2});
  for (int lost : {3, 5}) {
    EXPECT_LT((MeanAlpha(*code, lost).array() - 1).abs().maxCoeff(), 1e-9);
    // Without the correction every chunk counts less, by the same factor.
    const VectorXd mean = MeanAlpha(*plain, lost);
    EXPECT_LT(mean.maxCoeff(), 0.99);
    EXPECT_NEAR(mean.maxCoeff(), mean.minCoeff(), 1e-9);
  }
}

TEST(PairwiseBalancedTest, ChunksShareAsFewOwnersAsPossible) {
  for (auto [n, degree] : {std::pair{64, 4}, {256, 6}, {31, 3}}) {
    const auto code = MakePairwiseBalanced({.slots = n, .s = 8, .degree = degree});
    Eigen::MatrixXi b = Eigen::MatrixXi::Zero(n, n);
    for (int slot = 0; slot < n; ++slot) {
      EXPECT_EQ(code->row(slot).size(), degree);
      for (const Term& term : code->row(slot)) b(slot, term.chunk) = 1;
    }
    Eigen::MatrixXi shared = b.transpose() * b;
    EXPECT_EQ(shared.diagonal(), Eigen::VectorXi::Constant(n, degree));
    shared.diagonal().setZero();
    EXPECT_EQ(shared.maxCoeff(), 1) << n << " " << degree;  // degree (degree-1) < n
  }
}

// Over the seed, chunks are alike: any straggler set will do.
void ExpectUnbiasedOverSeeds(Factory make, int lost) {
  constexpr int kSeeds = 4000;
  const int n = 12;
  std::vector<bool> received(n, true);
  for (int i = 0; i < lost; ++i) received[i] = false;
  VectorXd sum, squares;
  for (int seed = 0; seed < kSeeds; ++seed) {
    const auto code =
        make({.slots = n, .s = lost, .seed = 1000u + seed, .degree = 2, .unbiased = true});
    const VectorXd alpha = Alpha(*code, *code->Decode(received));
    if (seed == 0) sum = squares = VectorXd::Zero(alpha.size());
    sum += alpha;
    squares += alpha.cwiseAbs2();
  }
  const VectorXd mean = sum / kSeeds;
  for (int chunk = 0; chunk < mean.size(); ++chunk) {
    const double variance = squares[chunk] / kSeeds - mean[chunk] * mean[chunk];
    EXPECT_GT(variance, 0.01);
    EXPECT_NEAR(mean[chunk], 1, 4.5 * std::sqrt(variance / kSeeds)) << chunk;
  }
}

TEST(GraphTest, UnbiasedOverSeeds) { ExpectUnbiasedOverSeeds(MakeGraph, 5); }
TEST(BernoulliTest, UnbiasedOverSeeds) { ExpectUnbiasedOverSeeds(MakeBernoulli, 5); }

// Residual by connected components, as the theory has it (see graph.h).
double ComponentResidual(const GradientCode& code, const std::vector<bool>& received) {
  const int k = static_cast<int>(code.chunks().size());
  std::vector<std::vector<int>> neighbours(k);
  for (int slot = 0; slot < code.slots(); ++slot) {
    if (!received[slot]) continue;
    const int a = code.row(slot)[0].chunk, b = code.row(slot)[1].chunk;
    neighbours[a].push_back(b);
    neighbours[b].push_back(a);
  }
  std::vector<int> side(k, 0);  // +-1 once visited
  double lost = 0;
  for (int root = 0; root < k; ++root) {
    if (side[root] != 0) continue;
    side[root] = 1;
    std::vector<int> queue = {root};
    bool bipartite = true;
    double balance = 0;
    for (size_t i = 0; i < queue.size(); ++i) {
      balance += side[queue[i]];
      for (int next : neighbours[queue[i]]) {
        if (side[next] == 0) {
          side[next] = -side[queue[i]];
          queue.push_back(next);
        } else if (side[next] == side[queue[i]]) {
          bipartite = false;
        }
      }
    }
    if (bipartite) lost += balance * balance / static_cast<double>(queue.size());
  }
  return lost / k;
}

TEST(GraphTest, ResidualFollowsFromTheComponents) {
  CodeRandom random(11);
  for (int degree : {1, 2, 3, 5}) {
    const auto code = MakeGraph({.slots = 90, .s = 45, .degree = degree});
    for (int i = 0; i < 100; ++i) {
      const auto received = RandomLoss(90, random.Below(46), random);
      EXPECT_NEAR(code->Decode(received)->residual, ComponentResidual(*code, received), 1e-10);
    }
  }
}

TEST(GraphTest, IsRegularAndSimpleWherePossible) {
  for (auto [n, degree] : {std::pair{60, 3}, {256, 2}, {64, 4}, {10, 4}, {15, 5}}) {
    const auto code = MakeGraph({.slots = n, .s = n / 2, .degree = degree});
    std::set<std::pair<int, int>> edges;
    std::vector<int> degrees(code->chunks().size());
    for (int slot = 0; slot < n; ++slot) {
      ASSERT_EQ(code->row(slot).size(), 2);
      const int a = code->row(slot)[0].chunk, b = code->row(slot)[1].chunk;
      EXPECT_LT(a, b);
      EXPECT_TRUE(edges.insert({a, b}).second) << n << " " << degree;
      ++degrees[a];
      ++degrees[b];
    }
    EXPECT_EQ(degrees, std::vector<int>(degrees.size(), degree)) << n;
  }
}

TEST(BernoulliTest, HasTheDensityAskedForAndNoEmptyPlace) {
  const auto code = MakeBernoulli({.slots = 1000, .s = 100, .degree = 5});
  std::vector<int> owners(1000);
  int64_t terms = 0;
  for (int slot = 0; slot < 1000; ++slot) {
    terms += std::ssize(code->row(slot));
    EXPECT_FALSE(code->row(slot).empty());
    for (const Term& term : code->row(slot)) ++owners[term.chunk];
  }
  // 5000 expected, and e^-5 of 2000 rows and columns were empty.
  EXPECT_NEAR(terms, 5000 + 13, 5 * std::sqrt(5000));
  EXPECT_GE(*std::min_element(owners.begin(), owners.end()), 1);
}

}  // namespace
}  // namespace gradloom
