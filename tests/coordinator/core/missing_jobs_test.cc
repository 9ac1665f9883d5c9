// Jobs that are given up: a step goes on without them, and what comes late still counts once.
#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/core/coordinator_core.h"
#include "gtest/gtest.h"
#include "tests/coding/specs.h"
#include "tests/coordinator/core/core_driver.h"

namespace gradloom {
namespace {

constexpr absl::Duration kGiveUp = absl::Milliseconds(100);

// `lanes` lanes whose jobs are steps that they take together, each over two slots of its own.
CorePlan Steps(int lanes, int64_t jobs, bool late) {
  CorePlan plan;
  plan.slots = 2 * lanes;
  plan.min_workers = plan.slots;
  for (int lane = 0; lane < lanes; ++lane) {
    LanePlan lane_plan{jobs, 0};
    for (int other = 0; other < lanes; ++other) {
      if (other != lane) lane_plan.needs.push_back({other, 0});
    }
    lane_plan.give_up = kGiveUp;
    lane_plan.late = late;
    plan.lanes.push_back(lane_plan);
    plan.weaves.push_back(WeaveFor(Gc(2, 0), {}, {lane}, {2 * lane, 2 * lane + 1}));
  }
  return plan;
}

// A core, and a learner that does nothing but count: what is settled must come in order, and once.
struct Fleet {
  explicit Fleet(CorePlan plan) : lanes(plan.lanes), workers(plan.slots) {
    core = *CoordinatorCore::Create(std::move(plan));
    settled.resize(lanes.size());
    for (int worker = 1; worker <= workers; ++worker) {
      Send(WorkerJoined{static_cast<WorkerId>(worker), absl::StrCat("w", worker)});
    }
  }

  void Send(const Event& event) {
    std::vector<Action> actions;
    core->Handle(now, event, &actions);
    for (const Action& action : actions) Note(action);
    while (effects_at_once && !effects.empty()) Effect();
  }
  void Note(const Action& action) {
    if (const auto* assign = std::get_if<AssignTasks>(&action)) {
      for (const AssignedTask& task : assign->tasks) {
        // What was missed and goes on may be asked for again, by a scheme that repeats.
        EXPECT_TRUE(task.lane_job == settled[task.lane] ||
                    (lanes[task.lane].late && missed.contains({task.lane, task.lane_job})))
            << "lane " << task.lane << " at " << settled[task.lane] << ", task of "
            << task.lane_job;
        for (const LaneDependency& need : lanes[task.lane].needs) {
          EXPECT_GE(settled[need.lane], task.lane_job - need.lag);
        }
        asked[assign->worker].push_back(task);
      }
    } else if (const auto* drop = std::get_if<DropTasks>(&action)) {
      for (TaskId id : drop->tasks) {
        std::erase_if(asked[drop->worker], [id](const AssignedTask& t) { return t.id == id; });
      }
    } else if (std::holds_alternative<ApplyJob>(action) ||
               std::holds_alternative<MissJob>(action)) {
      effects.push_back(action);
    } else if (const auto* failure = std::get_if<RunFailed>(&action)) {
      ADD_FAILURE() << failure->error;
    }
    finished = finished || std::holds_alternative<RunFinished>(action);
  }
  // Carries out the oldest effect.
  void Effect() {
    const Action action = effects.front();
    effects.erase(effects.begin());
    if (const auto* miss = std::get_if<MissJob>(&action)) {
      EXPECT_EQ(miss->lane_job, settled[miss->lane]);
      const int64_t next = std::min(miss->lane_job + jobs_per_miss, lanes[miss->lane].jobs);
      for (int64_t job = miss->lane_job; job < next; ++job) missed.insert({miss->lane, job});
      settled[miss->lane] = next;
      Send(JobMissed{miss->lane, next});
      return;
    }
    const auto& apply = std::get<ApplyJob>(action);
    if (apply.late) {
      EXPECT_TRUE(missed.contains({apply.lane, apply.lane_job}));
      EXPECT_TRUE(late.insert({apply.lane, apply.lane_job}).second);
    } else {
      EXPECT_EQ(apply.lane_job, settled[apply.lane]++);
      ++applied;
    }
    Send(JobApplied{apply.lane});
  }
  void Answer(WorkerId worker) {
    ASSERT_FALSE(asked[worker].empty());
    const TaskId id = asked[worker].front().id;
    asked[worker].erase(asked[worker].begin());
    Send(ReplyReceived{id});
  }
  void AnswerLane(int lane) {
    for (const WorkerId worker : {2 * lane + 1, 2 * lane + 2}) Answer(worker);
  }
  // To the moment at which the core wants to be asked.
  void Wait() {
    ASSERT_LT(core->NextTimeout(), absl::InfiniteFuture());
    now = std::max(now, core->NextTimeout());
    Send(Tick{});
  }

  std::vector<LanePlan> lanes;
  int workers;
  std::unique_ptr<CoordinatorCore> core;
  absl::Time now = absl::UnixEpoch() + absl::Hours(1);
  bool effects_at_once = true;
  int64_t jobs_per_miss = 1;
  std::map<WorkerId, std::vector<AssignedTask>> asked;
  std::vector<Action> effects;
  std::vector<int64_t> settled;  // jobs, by lane
  std::set<std::pair<int, int64_t>> missed, late;
  int64_t applied = 0;
  bool finished = false;
};

TEST(MissingJobsTest, AStepGoesOnWithoutWhatIsDropped) {
  Fleet fleet(Steps(2, 3, false));
  fleet.AnswerLane(0);
  EXPECT_EQ(fleet.core->NextTimeout(), fleet.now + kGiveUp);
  fleet.Answer(3);  // half of lane 1
  fleet.Wait();
  EXPECT_EQ(fleet.settled, (std::vector<int64_t>{1, 1}));
  EXPECT_TRUE(fleet.missed.contains({1, 0}));
  // Both lanes are at the next step.
  for (const WorkerId worker : {1, 2, 3, 4}) {
    ASSERT_EQ(fleet.asked[worker].size(), 1u) << worker;
    EXPECT_EQ(fleet.asked[worker][0].lane_job, 1);
  }
  fleet.AnswerLane(0);
  fleet.AnswerLane(1);
  EXPECT_EQ(fleet.core->counters().jobs_missed, 1);
  EXPECT_EQ(fleet.core->counters().jobs_late, 0);
}

TEST(MissingJobsTest, ALateJobIsAppliedAndItsLaneCatchesUp) {
  Fleet fleet(Steps(2, 5, true));
  fleet.AnswerLane(0);
  fleet.Wait();
  ASSERT_TRUE(fleet.missed.contains({1, 0}));
  EXPECT_EQ(fleet.asked[3][0].lane_job, 0) << "it goes on";
  // Known to miss the next one: as soon as lane 0's is there.
  fleet.AnswerLane(0);
  EXPECT_TRUE(fleet.missed.contains({1, 1}));
  EXPECT_EQ(fleet.settled, (std::vector<int64_t>{2, 2}));
  fleet.AnswerLane(1);
  EXPECT_EQ(fleet.late, (std::set<std::pair<int, int64_t>>{{1, 0}}));
  EXPECT_EQ(fleet.asked[3][0].lane_job, 2) << "it joins the step that is under way";
  for (int step = 2; step < 5; ++step) {
    fleet.AnswerLane(1);
    fleet.AnswerLane(0);
  }
  EXPECT_TRUE(fleet.finished);
  EXPECT_EQ(fleet.core->counters().jobs_missed, 2);
  EXPECT_EQ(fleet.core->counters().jobs_late, 1);
}

TEST(MissingJobsTest, WhatIsTooLateIsAbandoned) {
  Fleet fleet(Steps(2, 100, true));
  fleet.AnswerLane(0);
  fleet.Wait();
  const absl::Time over = fleet.now - kGiveUp + LanePlan::kLateMax * kGiveUp;
  int64_t steps = 1;
  for (; fleet.now <= over; ++steps) {
    EXPECT_EQ(fleet.asked[3][0].lane_job, 0);
    fleet.now += absl::Milliseconds(30);
    fleet.AnswerLane(0);
  }
  EXPECT_GT(steps, 30);
  EXPECT_EQ(fleet.asked[3][0].lane_job, steps) << "its slots begin anew";
}

TEST(MissingJobsTest, NobodyThereIsNoReasonToGiveUp) {
  Fleet fleet(Steps(2, 3, false));
  for (WorkerId worker = 1; worker <= 4; ++worker) fleet.Send(WorkerLost{worker});
  fleet.now += absl::Minutes(5);
  fleet.Send(Tick{});
  EXPECT_TRUE(fleet.missed.empty());
  for (WorkerId worker = 5; worker <= 8; ++worker) {
    fleet.Send(WorkerJoined{worker, absl::StrCat("w", worker - 4)});
  }
  EXPECT_TRUE(fleet.missed.empty());
  fleet.now += kGiveUp;
  fleet.Send(Tick{});
  EXPECT_EQ(fleet.missed.size(), 2u);
}

TEST(MissingJobsTest, AMissMayEndSeveralJobsAndTheLastOne) {
  Fleet fleet(Steps(2, 4, true));
  fleet.jobs_per_miss = 2;
  fleet.AnswerLane(0);
  fleet.Wait();
  EXPECT_EQ(fleet.settled, (std::vector<int64_t>{1, 2}));
  fleet.AnswerLane(0);
  fleet.AnswerLane(0);
  fleet.AnswerLane(0);
  EXPECT_TRUE(fleet.finished) << "what is in flight of lane 1 is of no use any more";
}

// Whatever comes when: every job is settled once and in order, and the run ends.
TEST(MissingJobsTest, RandomFleetsSettleEveryJob) {
  const SchemeSpec multiplexed = MSgc(4, 1, 2, 2), repeated = SrSgc(4, 1, 2, 2);
  const SchemeSpec messages = MultiMessage(4);
  int64_t missed = 0, late_jobs = 0, applied = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    for (const bool late : {false, true}) {
      for (const int shape : {0, 1, 2, 3, 4}) {
        CorePlan plan = Steps(3, 12, late);
        if (shape > 0) {  // one weave of all lanes
          const SchemeSpec specs[] = {Gc(4, 1), multiplexed, repeated, messages};
          plan.weaves.clear();
          plan.slots = plan.min_workers = 4;
          plan.weaves.push_back(WeaveFor(specs[shape - 1], {}, Range(0, 3), Range(0, 4)));
        }
        Fleet fleet(std::move(plan));
        fleet.effects_at_once = false;
        std::mt19937_64 random(seed);
        for (int step = 0; step < 100000 && !fleet.finished; ++step) {
          const auto worker = static_cast<WorkerId>(random() % fleet.workers + 1);
          if (!fleet.effects.empty() && random() % 2 == 0) {
            fleet.Effect();
          } else if (!fleet.asked[worker].empty() && random() % 3 == 0) {
            fleet.Answer(worker);
          } else {
            fleet.now += absl::Milliseconds(random() % 30);
            fleet.Send(Tick{});
          }
        }
        ASSERT_TRUE(fleet.finished) << "seed " << seed << ", shape " << shape << ", late " << late;
        EXPECT_EQ(fleet.settled, (std::vector<int64_t>{12, 12, 12}));
        EXPECT_EQ(fleet.applied + static_cast<int64_t>(fleet.missed.size()), 36);
        EXPECT_TRUE(late || fleet.late.empty());
        missed += static_cast<int64_t>(fleet.missed.size());
        late_jobs += static_cast<int64_t>(fleet.late.size());
        applied += fleet.applied;
      }
    }
  }
  EXPECT_GT(missed, 1000);
  EXPECT_GT(late_jobs, 100);
  EXPECT_GT(applied, 1000);
}

}  // namespace
}  // namespace gradloom
