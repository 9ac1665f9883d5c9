// Multi-message communication against what it promises: exact sums, whoever straggles; never later
// than uncoded, than fractional repetition with s = 2^h - 1, or than the fastest slot alone.
#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coding/scheme_kind.h"
#include "gtest/gtest.h"
#include "tests/coding/specs.h"
#include "tests/coding/vector_fleet.h"

namespace gradloom {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

std::unique_ptr<Scheme> Make(int slots, int reach) {
  auto scheme = MakeScheme(MultiMessage(slots, reach));
  EXPECT_TRUE(scheme.ok()) << scheme.status();
  return *std::move(scheme);
}

struct Slot {
  double start = 0;      // when it begins to compute
  double per_chunk = 1;  // seconds
};

// One round: slots compute what they have in hand, one chunk after the other, and hear at once what
// the scheme makes of every reply.
class Round {
 public:
  Round(VectorFleet* fleet, std::vector<Slot> slots)
      : fleet_(fleet), slots_(std::move(slots)), in_hand_(slots_.size()), asked_(slots_.size()) {
    for (const Slot& slot : slots_) ready_.push_back(slot.start);
    for (const MiniTask& task : fleet_->StartRound(true)) Ask(task);
  }

  // Until the job is complete; when that is, or never. Closes the round.
  double Play() {
    double now = 0;
    while (!fleet_->scheme().Verdict().may_close()) {
      const int next = First();
      if (next < 0) return kNever;
      now = Finish(next);
      const MiniTask task = in_hand_[next].front();
      in_hand_[next].pop_front();
      ready_[next] = now;
      ++replies_;
      fleet_->Deliver(task);
      const Scheme::Followup followup = fleet_->scheme().followup();
      for (const MiniTask& drop : followup.drop) Drop(drop, now);
      for (const MiniTask& ask : followup.ask) Ask(ask);
    }
    fleet_->CloseRound();
    return now;
  }
  int replies() const { return replies_; }
  int asked(int slot) const { return static_cast<int>(asked_[slot].size()); }

 private:
  double Finish(int slot) const { return ready_[slot] + slots_[slot].per_chunk; }
  int First() const {
    int first = -1;
    for (int slot = 0; slot < static_cast<int>(slots_.size()); ++slot) {
      if (in_hand_[slot].empty() || !std::isfinite(Finish(slot))) continue;
      if (first < 0 || Finish(slot) < Finish(first)) first = slot;
    }
    return first;
  }
  void Ask(const MiniTask& task) {
    if (!fleet_->scheme().Needed(task)) fleet_->Fail("asked for what is not needed");
    if (!asked_[task.slot].insert(task.part).second) fleet_->Fail("asked twice");
    in_hand_[task.slot].push_back(task);
  }
  void Drop(const MiniTask& task, double now) {
    if (fleet_->scheme().Needed(task)) fleet_->Fail("dropped what is needed");
    std::deque<MiniTask>& tasks = in_hand_[task.slot];
    const auto found = std::find(tasks.begin(), tasks.end(), task);
    if (found == tasks.end()) return fleet_->Fail("dropped what is not in hand");
    if (found == tasks.begin()) ready_[task.slot] = std::max(ready_[task.slot], now);
    tasks.erase(found);
  }

  VectorFleet* fleet_;
  std::vector<Slot> slots_;
  std::vector<double> ready_;  // when the slot begins with the first chunk in hand
  std::vector<std::deque<MiniTask>> in_hand_;
  std::vector<std::set<int>> asked_;
  int replies_ = 0;
};

// When fractional repetition over `groups` groups would be complete: the fastest of each group
// computes the group's share as a whole.
double Repetition(const std::vector<Slot>& slots, int groups) {
  const double chunks = static_cast<double>(slots.size()) / groups;
  double complete = 0;
  for (size_t group = 0; group < static_cast<size_t>(groups); ++group) {
    double first = kNever;
    for (size_t slot = group; slot < slots.size(); slot += groups) {
      first = std::min(first, slots[slot].start + chunks * slots[slot].per_chunk);
    }
    complete = std::max(complete, first);
  }
  return complete;
}

// Heavy-tailed starts, some slots dead, paces that differ or not.
std::vector<Slot> Draw(int count, std::mt19937* random) {
  const auto uniform = [random] { return ((*random)() + 0.5) / 4294967296.0; };
  const double tail = 3 * uniform(), dead = 0.3 * uniform(), pace = std::exp(6 * uniform() - 4);
  const bool alike = (*random)() % 2 == 0;
  std::vector<Slot> slots(count);
  for (Slot& slot : slots) {
    slot.start = uniform() < dead ? kNever : std::pow(uniform(), -tail);
    slot.per_chunk = pace * (alike ? 1 : std::exp(2 * uniform()));
  }
  return slots;
}

struct Size {
  int slots = 1;
  int reach = 1;
};

class MultiMessageTest : public ::testing::TestWithParam<Size> {};

TEST_P(MultiMessageTest, IsNeverLaterThanAnyCodeOfTheFamily) {
  const auto& [slots, reach] = GetParam();
  std::mt19937 random(slots * 100 + reach);
  VectorFleet fleet(Make(slots, reach));
  const int groups = (slots + reach - 1) / reach;
  int earlier = 0;
  for (int draw = 0; draw < 400; ++draw) {
    const std::vector<Slot> fleet_slots = Draw(slots, &random);
    double best = Repetition(fleet_slots, slots);  // uncoded
    // Somebody in each group computes all.
    double alone = 0;
    for (int group = 0; group < groups; ++group) {
      const int size = (slots - group + groups - 1) / groups;
      double first = kNever;
      for (int slot = group; slot < slots; slot += groups) {
        first = std::min(first, fleet_slots[slot].start + size * fleet_slots[slot].per_chunk);
      }
      alone = std::max(alone, first);
    }
    best = std::min(best, alone);
    for (int copies = 2; copies <= reach && (slots & (slots - 1)) == 0; copies *= 2) {
      best = std::min(best, Repetition(fleet_slots, slots / copies));
    }
    Round round(&fleet, fleet_slots);
    const double complete = round.Play();
    ASSERT_EQ(fleet.error(), "") << "draw " << draw;
    if (!std::isfinite(best)) {
      ASSERT_FALSE(std::isfinite(complete)) << "a group without anyone alive";
      continue;
    }
    ASSERT_LE(complete, best * (1 + 1e-12)) << "draw " << draw;
    earlier += complete < 0.99 * best;
    for (int slot = 0; slot < slots; ++slot) {
      ASSERT_LE(round.asked(slot), reach);
    }
  }
  if (reach > 2) {
    EXPECT_GT(earlier, 20) << "it should often be earlier than all of them";
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, MultiMessageTest,
                         ::testing::Values(Size{1, 1}, Size{2, 1}, Size{2, 2}, Size{3, 3},
                                           Size{5, 5}, Size{6, 2}, Size{6, 6}, Size{7, 3},
                                           Size{8, 1}, Size{8, 2}, Size{8, 4}, Size{8, 8},
                                           Size{16, 16}, Size{24, 8}, Size{24, 24}, Size{32, 4},
                                           Size{32, 32}, Size{37, 37}, Size{64, 64}),
                         [](const auto& size) {
                           return absl::StrCat(size.param.slots, "_", size.param.reach);
                         });

// Every set of dead slots that leaves one in each group.
TEST(MultiMessageTest, AnyoneAliveInEachGroupIsEnough) {
  for (int slots = 1; slots <= 9; ++slots) {
    for (int reach = 1; reach <= slots; ++reach) {
      VectorFleet fleet(Make(slots, reach));
      const int groups = (slots + reach - 1) / reach;
      for (unsigned dead = 0; dead < (1u << slots); ++dead) {
        std::vector<Slot> fleet_slots(slots);
        std::vector<bool> alive(groups, false);
        for (int slot = 0; slot < slots; ++slot) {
          if ((dead >> slot) & 1) {
            fleet_slots[slot].start = kNever;
          } else {
            alive[slot % groups] = true;
          }
        }
        const bool all = std::find(alive.begin(), alive.end(), false) == alive.end();
        const double complete = Round(&fleet, fleet_slots).Play();
        ASSERT_EQ(fleet.error(), "") << slots << " slots, dead " << dead;
        ASSERT_EQ(std::isfinite(complete), all) << slots << " slots, dead " << dead;
      }
    }
  }
}

// What is delivered is not computed again: slots alike and a dead half cost no more than the work
// there is, but for what was begun at the same time.
TEST(MultiMessageTest, AFleetSharesTheWorkOfItsStragglers) {
  std::vector<Slot> slots(64);
  for (int slot = 0; slot < 32; ++slot) slots[2 * slot].start = kNever;
  VectorFleet fleet(Make(64, 64));
  Round round(&fleet, slots);
  EXPECT_EQ(round.Play(), 2) << "32 slots compute 64 chunks";
  EXPECT_EQ(round.replies(), 64);
}

TEST(MultiMessageTest, CountsWhoHasDeliveredAnything) {
  const auto scheme = Make(4, 4);
  const auto first = scheme->StartRound(true);
  ASSERT_EQ(first.size(), 8u) << "two chunks in hand each";
  EXPECT_EQ(first[0], (MiniTask{0, 0, 0}));
  EXPECT_EQ(first[1], (MiniTask{0, 2, 0}));
  EXPECT_EQ(scheme->Pending(), 4);
  EXPECT_FALSE(scheme->Verdict().pattern_conforming);
  EXPECT_TRUE(scheme->Receive({0, 0, 0}));
  // Slot 2 had chunk 0 in hand as its second.
  ASSERT_EQ(scheme->followup().drop.size(), 1u);
  EXPECT_EQ(scheme->followup().drop[0], (MiniTask{2, 0, 0}));
  EXPECT_EQ(scheme->followup().ask.size(), 2u);
  EXPECT_EQ(scheme->Pending(), 3);
  EXPECT_TRUE(scheme->Delivered(0));
  EXPECT_FALSE(scheme->Delivered(1));
  EXPECT_TRUE(scheme->Verdict().pattern_conforming);
  EXPECT_FALSE(scheme->Verdict().may_close());
  EXPECT_FALSE(scheme->Receive({1, 0, 0})) << "it is there already";
  EXPECT_FALSE(scheme->Decode(0).ok());
  for (int part = 1; part < 4; ++part) EXPECT_TRUE(scheme->Receive({0, part, 0}));
  EXPECT_TRUE(scheme->Verdict().may_close());
  EXPECT_EQ(scheme->Pending(), 0) << "nobody has anything left to deliver";
  EXPECT_TRUE(scheme->followup().ask.empty());
  ASSERT_TRUE(scheme->Decode(0).ok());
  EXPECT_EQ(scheme->Decode(0)->weights.size(), 4u);
}

TEST(MultiMessageTest, AReachThatTheSlotsDoNotHaveIsRefused) {
  EXPECT_EQ(MakeScheme(MultiMessage(4, 5)).status().message(),
            "multi_message: reach = 5 is not legal; it must be at most slots = 4");
  EXPECT_EQ(MakeScheme(MultiMessage(4, -1)).status().message(),
            "multi_message: reach = -1 is not legal; it must be 1 or more");
  EXPECT_EQ(OverSlots(MultiMessage(8, 5), 4).settings.whole("reach"), 4);
  EXPECT_EQ(Make(6, 0)->description(), "MultiMessage(reach=6)");
  EXPECT_EQ(Make(6, 0)->load(), 1);
  EXPECT_DOUBLE_EQ(Make(7, 3)->load(), 3.0 / 7) << "groups of three, two and two";
}

}  // namespace
}  // namespace gradloom
