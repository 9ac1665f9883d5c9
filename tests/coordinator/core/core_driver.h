// Drives a core by hand: keeps what each worker was asked, answers with events, and checks on the
// way what must hold in every run.
#ifndef GRADLOOM_TESTS_COORDINATOR_CORE_CORE_DRIVER_H_
#define GRADLOOM_TESTS_COORDINATOR_CORE_CORE_DRIVER_H_

#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "coding/closing_kind.h"
#include "coding/scheme_kind.h"
#include "coordinator/core/coordinator_core.h"
#include "gtest/gtest.h"

namespace gradloom {

inline WeavePlan WeaveFor(SchemeSpec scheme_spec, ClosingRuleSpec closing_spec,
                          std::vector<int> lanes, std::vector<int> slots) {
  scheme_spec.slots = static_cast<int>(slots.size());
  WeavePlan weave;
  auto scheme = MakeScheme(scheme_spec);
  EXPECT_TRUE(scheme.ok()) << scheme.status();
  weave.scheme = *std::move(scheme);
  weave.closing = *MakeClosingRule(closing_spec);
  weave.lanes = std::move(lanes);
  weave.slots = std::move(slots);
  return weave;
}

inline std::vector<int> Range(int begin, int end) {
  std::vector<int> out(end - begin);
  std::iota(out.begin(), out.end(), begin);
  return out;
}

inline CorePlan PlanFor(SchemeSpec scheme_spec, ClosingRuleSpec closing_spec, int lanes,
                        int64_t jobs) {
  CorePlan plan;
  plan.slots = scheme_spec.slots;
  for (int lane = 0; lane < lanes; ++lane) plan.lanes.push_back({jobs, 0});
  plan.weaves.push_back(
      WeaveFor(scheme_spec, closing_spec, Range(0, lanes), Range(0, scheme_spec.slots)));
  return plan;
}

class CoreDriver {
 public:
  explicit CoreDriver(CorePlan plan) {
    for (const LanePlan& lane : plan.lanes) next_job_.push_back(lane.first_job);
    plan.weaves_of = [this](const std::string&) {
      return absl::StatusOr<std::vector<WeavePlan>>(std::move(next_weaves_));
    };
    auto created = CoordinatorCore::Create(std::move(plan));
    EXPECT_TRUE(created.ok()) << created.status();
    core_ = *std::move(created);
  }

  CoordinatorCore& core() { return *core_; }
  absl::Time now = absl::UnixEpoch() + absl::Hours(1);
  bool apply_at_once = true;

  void Send(const Event& event) {
    std::vector<Action> actions;
    core_->Handle(now, event, &actions);
    for (const Action& action : actions) Note(action);
    while (apply_at_once && !applying.empty()) Applied();
  }
  void Join(WorkerId worker, const std::string& name) {
    alive.insert(worker);
    Send(WorkerJoined{worker, name});
  }
  void Lose(WorkerId worker) {
    alive.erase(worker);
    asked.erase(worker);
    Send(WorkerLost{worker});
  }
  // Answers the oldest task of the worker.
  void Answer(WorkerId worker) {
    ASSERT_FALSE(asked[worker].empty()) << "worker " << worker << " has nothing to do";
    const AssignedTask task = asked[worker].front();
    asked[worker].erase(asked[worker].begin());
    Send(ReplyReceived{task.id});
  }
  // The oldest task of the worker fails.
  void Fail(WorkerId worker, const std::string& error, bool fatal = false) {
    ASSERT_FALSE(asked[worker].empty()) << "worker " << worker << " has nothing to do";
    const AssignedTask task = asked[worker].front();
    asked[worker].erase(asked[worker].begin());
    Send(TaskFailedEvent{task.id, worker, fatal, error});
  }
  void AnswerAll(WorkerId worker) {
    for (size_t left = asked[worker].size(); left > 0 && !asked[worker].empty(); --left) {
      Answer(worker);
    }
  }
  void Reconfigure(std::vector<WeavePlan> weaves, const std::vector<int64_t>& pause_at = {}) {
    next_weaves_ = std::move(weaves);
    Send(gradloom::Reconfigure{"", pause_at});
    Send(Tick{});
  }
  void Applied() {
    const ApplyJob apply = applying.front();
    applying.erase(applying.begin());
    EXPECT_EQ(apply.lane_job, next_job_[apply.lane]) << "lane " << apply.lane;
    ++next_job_[apply.lane];
    Send(JobApplied{apply.lane});
  }

  std::set<WorkerId> alive;
  std::map<WorkerId, std::vector<AssignedTask>> asked;
  std::map<int, std::vector<uint64_t>> slot_invocations;  // by slot, as they were asked for
  std::vector<ApplyJob> applying;
  std::vector<RoundClosed> rounds;
  std::vector<TaskId> dropped;  // in the order of being dropped
  std::vector<WorkerRested> rested;
  std::vector<std::pair<int, int64_t>> applied_order;
  std::string failed;
  bool finished = false;
  bool cancelled = false;

 private:
  void Note(const Action& action) {
    if (const auto* assign = std::get_if<AssignTasks>(&action)) {
      EXPECT_TRUE(alive.contains(assign->worker)) << "assigned to a lost worker";
      for (const AssignedTask& task : assign->tasks) {
        EXPECT_TRUE(seen_.insert(task.id).second) << "task id used twice";
        EXPECT_EQ(task.lane_job, next_job_[task.lane]) << "parameters of another version";
        asked[assign->worker].push_back(task);
        std::vector<uint64_t>& of_slot = slot_invocations[task.slot];
        if (of_slot.empty() || of_slot.back() != task.slot_invocation) {
          of_slot.push_back(task.slot_invocation);
        }
      }
    } else if (const auto* drop = std::get_if<DropTasks>(&action)) {
      for (TaskId id : drop->tasks) {
        dropped.push_back(id);
        std::erase_if(asked[drop->worker], [id](const AssignedTask& t) { return t.id == id; });
      }
    } else if (const auto* apply = std::get_if<ApplyJob>(&action)) {
      applying.push_back(*apply);
      applied_order.emplace_back(apply->lane, apply->lane_job);
    } else if (const auto* closed = std::get_if<RoundClosed>(&action)) {
      rounds.push_back(*closed);
    } else if (const auto* rest = std::get_if<WorkerRested>(&action)) {
      rested.push_back(*rest);
    } else if (const auto* failure = std::get_if<RunFailed>(&action)) {
      failed = failure->error;
    } else if (std::holds_alternative<RunFinished>(action)) {
      finished = true;
    } else if (std::holds_alternative<RunCancelled>(action)) {
      cancelled = true;
    }
  }

  std::unique_ptr<CoordinatorCore> core_;
  std::vector<WeavePlan> next_weaves_;  // of the Reconfigure under way
  std::vector<int64_t> next_job_;
  std::set<TaskId> seen_;
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_COORDINATOR_CORE_CORE_DRIVER_H_
