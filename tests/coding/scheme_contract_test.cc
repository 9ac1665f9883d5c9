// Proof that the schemes keep their promises: every pattern of their straggler models on small
// fleets, random patterns without slack on large ones, late and repeated replies in any order.
#include <numeric>
#include <random>

#include "coding/scheme_kind.h"
#include "gtest/gtest.h"
#include "tests/coding/specs.h"
#include "tests/coding/straggler_patterns.h"
#include "tests/coding/vector_fleet.h"

namespace gradloom {
namespace {

std::unique_ptr<Scheme> Make(const SchemeSpec& spec) {
  auto scheme = MakeScheme(spec);
  EXPECT_TRUE(scheme.ok()) << scheme.status();
  return *std::move(scheme);
}

// W of a scheme for bursts.
int WindowOf(const SchemeSpec& spec, int otherwise) {
  return DelayOf(spec) == 0 ? otherwise : spec.settings.whole("w");
}

// Runs the whole pattern with stragglers that deliver nothing; the last T rounds have void jobs.
// Returns what went wrong.
std::string RunPattern(const SchemeSpec& spec, const Pattern& pattern,
                       VectorFleet::Tamper tamper = {}) {
  VectorFleet fleet(Make(spec));
  fleet.set_tamper(std::move(tamper));
  const int jobs = static_cast<int>(pattern.size()) - fleet.scheme().delay();
  for (int round = 0; round < static_cast<int>(pattern.size()); ++round) {
    std::vector<bool> asked(spec.slots);
    for (const MiniTask& task : fleet.StartRound(round < jobs)) {
      asked[task.slot] = true;
      if (!pattern[round][task.slot]) fleet.Deliver(task);
    }
    int pending = 0;
    for (int slot = 0; slot < spec.slots; ++slot) pending += asked[slot] && pattern[round][slot];
    if (fleet.scheme().Pending() != pending) fleet.Fail("Pending() is wrong");
    if (!fleet.scheme().Verdict().may_close()) fleet.Fail("the round may not close");
    fleet.CloseRound();
    if (!fleet.error().empty()) return fleet.error();
  }
  return fleet.judged() == jobs ? "" : "not every job was judged";
}

std::string Show(const Pattern& pattern) {
  std::string out;
  for (const auto& round : pattern) {
    for (bool straggles : round) out += straggles ? 'x' : '.';
    out += ' ';
  }
  return out;
}

// Every pattern over 3W rounds (rounded up to hold a few jobs) of each model.
struct Exhaustive {
  SchemeSpec spec;
  DumbModel model;
};

class SchemeExhaustiveTest : public ::testing::TestWithParam<Exhaustive> {};

TEST_P(SchemeExhaustiveTest, EveryPatternOfTheModelDecodesEveryJobByItsDeadline) {
  const auto& [spec, model] = GetParam();
  const int rounds = 3 * std::max(model.w, WindowOf(spec, 1));
  int64_t patterns = 0;
  bool failed = false;
  ForEveryPattern(
      spec.slots, rounds,
      [&](const Pattern& p) {
        return !failed && model.WindowConforms(p, static_cast<int>(p.size()) - 1);
      },
      [&](const Pattern& pattern) {
        ++patterns;
        const std::string error = RunPattern(spec, pattern);
        if (error.empty()) return;
        failed = true;
        ADD_FAILURE() << error << " with " << Show(pattern);
      });
  EXPECT_GT(patterns, 100);
  RecordProperty("patterns", static_cast<int>(patterns));
}

INSTANTIATE_TEST_SUITE_P(
    All, SchemeExhaustiveTest,
    ::testing::Values(Exhaustive{Gc(5, 1), {false, 1, 1, 1}},  // at most s a round
                      Exhaustive{Gc(5, 2), {false, 1, 1, 2}},
                      Exhaustive{SrSgc(4, 1, 2, 2), {true, 1, 2, 2}},
                      Exhaustive{SrSgc(6, 1, 2, 2), {true, 1, 2, 2}},
                      Exhaustive{SrSgc(4, 1, 2, 3), {true, 1, 2, 3}},
                      Exhaustive{SrSgc(4, 1, 3, 2), {true, 1, 3, 2}},
                      Exhaustive{SrSgc(4, 2, 3, 2), {true, 2, 3, 2}},
                      Exhaustive{SrSgc(3, 2, 3, 2), {false, 1, 1, 1}},  // at most s a round
                      Exhaustive{SrSgc(3, 1, 2, 2, "cyclic"), {true, 1, 2, 2}},
                      Exhaustive{MSgc(4, 1, 2, 2, "cyclic"), {true, 1, 2, 2}},
                      Exhaustive{MSgc(4, 1, 2, 1), {true, 1, 2, 1}},
                      Exhaustive{MSgc(6, 1, 2, 2), {true, 1, 2, 2}},
                      Exhaustive{MSgc(5, 1, 2, 2), {true, 1, 2, 2}},  // uneven groups
                      Exhaustive{MSgc(4, 1, 2, 4), {true, 1, 2, 4}},  // lambda = n
                      Exhaustive{MSgc(4, 1, 3, 2), {true, 1, 3, 2}},
                      Exhaustive{MSgc(4, 2, 3, 1), {true, 2, 3, 1}},
                      Exhaustive{MSgc(3, 2, 3, 2), {true, 2, 3, 2}},
                      Exhaustive{MSgc(2, 2, 3, 2), {true, 2, 3, 2}},
                      Exhaustive{MSgc(3, 2, 4, 1), {true, 2, 4, 1}},
                      Exhaustive{MSgc(4, 1, 2, 2), {false, 1, 2, 2}},
                      Exhaustive{MSgc(4, 2, 3, 1), {false, 2, 4, 1}},
                      Exhaustive{MSgc(5, 2, 3, 1), {false, 2, 4, 1}},
                      Exhaustive{MSgc(3, 2, 4, 1), {false, 2, 5, 1}}));

// Any set of slots whose loss the verdict allows may be lost, again and again: still no deadline is
// missed, and waiting for everyone always allows closing.
class SchemeClosureTest : public ::testing::TestWithParam<SchemeSpec> {};

TEST_P(SchemeClosureTest, WhateverTheVerdictAllowsKeepsEveryDeadline) {
  const SchemeSpec& spec = GetParam();
  const int jobs = 2 * WindowOf(spec, 2);
  std::string error;
  int64_t allowed_sets = 0;
  std::function<void(Pattern*)> extend = [&](Pattern* pattern) {
    for (unsigned set = 0; set < (1u << spec.slots) && error.empty(); ++set) {
      VectorFleet fleet(Make(spec));
      pattern->emplace_back(spec.slots, false);
      for (int slot = 0; slot < spec.slots; ++slot) pattern->back()[slot] = (set >> slot) & 1;
      bool allowed = false;
      for (const auto& stragglers : *pattern) {
        for (const MiniTask& task : fleet.StartRound(fleet.scheme().rounds() < jobs)) {
          if (!stragglers[task.slot]) fleet.Deliver(task);
        }
        allowed = fleet.scheme().Verdict().may_close();
        if (&stragglers == &pattern->back() && !allowed) break;
        fleet.CloseRound();
      }
      if (set == 0 && !allowed) fleet.Fail("waiting for everyone does not suffice");
      if (!fleet.error().empty()) error = absl::StrCat(fleet.error(), " with ", Show(*pattern));
      if (allowed) {
        ++allowed_sets;
        if (static_cast<int>(pattern->size()) < jobs) extend(pattern);
      }
      pattern->pop_back();
    }
  };
  Pattern pattern;
  extend(&pattern);
  EXPECT_EQ(error, "");
  EXPECT_GT(allowed_sets, 100);
}

INSTANTIATE_TEST_SUITE_P(All, SchemeClosureTest,
                         ::testing::Values(SrSgc(4, 1, 2, 2), SrSgc(3, 1, 2, 3), SrSgc(3, 1, 3, 2),
                                           SrSgc(3, 2, 3, 2), MSgc(4, 1, 2, 2), MSgc(3, 2, 3, 1),
                                           MSgc(3, 1, 3, 2)));

// The verdict tells patterns of the model from patterns just outside it.
class SchemeRecognitionTest : public ::testing::TestWithParam<Exhaustive> {};

TEST_P(SchemeRecognitionTest, PatternVerdictEqualsTheDefinition) {
  const auto& [spec, model] = GetParam();
  DumbModel other = model;
  other.bursty = false;
  other.w = model.w + model.b - 1;
  const auto legal = [&](const Pattern& p) { return model.Conforms(p) || other.Conforms(p); };
  int64_t outside = 0;
  bool failed = false;
  const auto check = [&](const Pattern& pattern, bool expected) {
    VectorFleet fleet(Make(spec));
    for (size_t round = 0; round < pattern.size(); ++round) {
      for (const MiniTask& task : fleet.StartRound(true)) {
        if (!pattern[round][task.slot]) fleet.Deliver(task);
      }
      if (round + 1 < pattern.size()) fleet.CloseRound();
    }
    if (fleet.scheme().Verdict().conforming == expected) return;
    failed = true;
    ADD_FAILURE() << "expected " << expected << " of " << Show(pattern);
  };
  ForEveryPattern(
      spec.slots, model.w + model.b,
      [&](const Pattern& pattern) {
        if (failed) return false;
        const bool expected = legal(pattern);
        if (!expected) ++outside;
        check(pattern, expected);
        return expected;
      },
      [](const Pattern&) {});
  EXPECT_GT(outside, 100);
}

INSTANTIATE_TEST_SUITE_P(MSgc, SchemeRecognitionTest,
                         ::testing::Values(Exhaustive{MSgc(4, 1, 2, 2), {true, 1, 2, 2}},
                                           Exhaustive{MSgc(3, 2, 3, 2), {true, 2, 3, 2}},
                                           Exhaustive{MSgc(4, 1, 3, 1), {true, 1, 3, 1}},
                                           Exhaustive{MSgc(3, 2, 4, 2), {true, 2, 4, 2}}));

TEST(SchemeRecognitionTest, SrSgcRefusesARepeaterThatStragglesAgain) {
  VectorFleet fleet(Make(SrSgc(4, 1, 2, 2)));  // s = 1: parts {0,2}, {1,3}
  for (const MiniTask& task : fleet.StartRound(true)) {
    if (task.slot % 2 == 1) fleet.Deliver(task);
  }
  ASSERT_TRUE(fleet.scheme().Verdict().may_close());
  fleet.CloseRound();
  const auto tasks = fleet.StartRound(true);
  EXPECT_EQ(tasks[0], (MiniTask{0, 0, 0})) << "slot 0 repeats job 0";
  EXPECT_EQ(tasks[2], (MiniTask{2, 0, 1})) << "one repetition is enough";
  for (const MiniTask& task : tasks) {
    if (task.slot == 1 || task.slot == 3) fleet.Deliver(task);
  }
  EXPECT_FALSE(fleet.scheme().Verdict().due_decodable);
  EXPECT_FALSE(fleet.scheme().Verdict().conforming) << "slot 2 straggles a second time";
  fleet.Deliver(tasks[2]);
  EXPECT_TRUE(fleet.scheme().Verdict().conforming);
  fleet.Deliver(tasks[0]);
  EXPECT_TRUE(fleet.scheme().Verdict().may_close());
}

// Large fleets, patterns that use the model up.
class SchemeMaximalTest : public ::testing::TestWithParam<Exhaustive> {};

TEST_P(SchemeMaximalTest, RandomMaximalPatternsDecodeAndOneMoreStragglerIsRecognised) {
  const auto& [spec, model] = GetParam();
  std::mt19937 random(11);
  for (int repetition = 0; repetition < 3; ++repetition) {
    const Pattern pattern =
        RandomMaximalPattern(model, spec.slots, 4 * WindowOf(spec, 2) + 4, &random);
    ASSERT_TRUE(model.Conforms(pattern));
    EXPECT_EQ(RunPattern(spec, pattern), "");
  }
}

INSTANTIATE_TEST_SUITE_P(All, SchemeMaximalTest,
                         ::testing::Values(Exhaustive{Gc(256, 15), {false, 1, 1, 15}},
                                           Exhaustive{Gc(16, 3, "cyclic"), {false, 1, 1, 3}},
                                           Exhaustive{SrSgc(16, 2, 3, 5, "cyclic"),
                                                      {true, 2, 3, 5}},
                                           Exhaustive{MSgc(16, 2, 3, 3, "cyclic"), {true, 2, 3, 3}},
                                           Exhaustive{SrSgc(64, 1, 2, 9), {true, 1, 2, 9}},
                                           Exhaustive{SrSgc(64, 2, 5, 20), {true, 2, 5, 20}},
                                           Exhaustive{SrSgc(256, 2, 3, 23), {true, 2, 3, 23}},
                                           Exhaustive{SrSgc(256, 1, 2, 22), {true, 1, 2, 22}},
                                           Exhaustive{MSgc(64, 1, 2, 7), {true, 1, 2, 7}},
                                           Exhaustive{MSgc(64, 3, 5, 9), {true, 3, 5, 9}},
                                           Exhaustive{MSgc(64, 3, 5, 9), {false, 3, 7, 9}},
                                           Exhaustive{MSgc(64, 2, 4, 64), {true, 2, 4, 64}},
                                           Exhaustive{MSgc(256, 1, 2, 27), {true, 1, 2, 27}},
                                           Exhaustive{MSgc(256, 1, 2, 31), {false, 1, 2, 31}},
                                           Exhaustive{MSgc(256, 2, 3, 20), {true, 2, 3, 20}}));

// The running service: replies late by rounds, partial, repeated, in any order; void jobs; rounds
// that close as soon as they may, or later.
class SchemeServiceTest : public ::testing::TestWithParam<SchemeSpec> {};

TEST_P(SchemeServiceTest, LateAndRepeatedRepliesInAnyOrder) {
  const SchemeSpec& spec = GetParam();
  for (uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    VectorFleet fleet(Make(spec));
    const auto coin = [&](int one_in) { return random() % one_in == 0; };
    std::vector<MiniTask> late;
    for (int round = 0; round < 60; ++round) {
      std::vector<MiniTask> tasks = fleet.StartRound(!coin(8));
      std::vector<MiniTask> order = tasks;
      for (const MiniTask& task : late) (coin(2) ? order : tasks).push_back(task);
      for (size_t i = order.size(); i-- > 0;) {
        if (coin(10)) order.push_back(MiniTask(order[i]));
      }
      std::shuffle(order.begin(), order.end(), random);
      late.clear();
      size_t delivered = 0;
      while (delivered < order.size()) {
        if (fleet.scheme().Verdict().may_close() && coin(4)) break;
        fleet.Deliver(order[delivered++]);
      }
      if (!fleet.scheme().Verdict().may_close()) fleet.Fail("may not close with all delivered");
      if (delivered == order.size() && fleet.scheme().Pending() > 0) fleet.Fail("pending: none");
      fleet.CloseRound();
      for (; delivered < order.size(); ++delivered) {
        if (coin(3)) {
          fleet.Deliver(order[delivered]);  // before the next round is planned
        } else if (!coin(4)) {
          late.push_back(order[delivered]);
        }
      }
      ASSERT_EQ(fleet.error(), "") << "seed " << seed;
    }
    EXPECT_GT(fleet.judged(), 30);
  }
}

INSTANTIATE_TEST_SUITE_P(All, SchemeServiceTest,
                         ::testing::Values(Spec("uncoded", 5), Gc(7, 2), MultiMessage(6, 0),
                                           MultiMessage(7, 2), SrSgc(8, 1, 2, 3), SrSgc(9, 2, 5, 4),
                                           SrSgc(16, 2, 3, 9), MSgc(8, 1, 2, 3), MSgc(7, 2, 3, 2),
                                           MSgc(6, 3, 4, 6), MSgc(12, 2, 5, 5),
                                           SrSgc(9, 1, 3, 4, "cyclic"),
                                           MSgc(8, 2, 3, 2, "cyclic")));

// The judge itself: a decode that is wrong in one weight, or leaves a part out, is caught.
TEST(SchemeCanaryTest, ABrokenDecodeIsCaught) {
  for (const SchemeSpec& spec :
       {Gc(6, 1), SrSgc(6, 1, 2, 3), MSgc(6, 1, 2, 2), MultiMessage(6, 6)}) {
    const Pattern calm(8, std::vector<bool>(6, false));
    EXPECT_EQ(RunPattern(spec, calm), "");
    EXPECT_NE(RunPattern(spec, calm, [](JobDecoding* d) { d->weights[0].weight = 2; }), "");
    EXPECT_NE(RunPattern(spec, calm, [](JobDecoding* d) { d->weights.pop_back(); }), "");
    EXPECT_NE(RunPattern(spec, calm, [](JobDecoding* d) { d->weights.push_back(d->weights[0]); }),
              "");
  }
}

TEST(SchemeCanaryTest, APatternOutsideTheModelMissesADeadline) {
  Pattern pattern(6, std::vector<bool>(6, false));
  pattern[1][0] = pattern[2][0] = true;  // B = 1: one slot straggles twice running
  EXPECT_NE(RunPattern(MSgc(6, 1, 2, 2), pattern), "");
}

}  // namespace
}  // namespace gradloom
