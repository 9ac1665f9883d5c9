#include "coordinator/simulation/simulator.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>
#include <queue>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"

namespace gradloom {
namespace {

class Simulation {
 public:
  Simulation(std::unique_ptr<CoordinatorCore> core, int slots, const DelayModel& delays,
             const SimulationOptions& options)
      : core_(std::move(core)), slots_(slots), delays_(delays), options_(options) {}

  absl::StatusOr<SimulationResult> Run() {
    for (size_t slot = 0; slot < slots_.size(); ++slot) {
      Handle(WorkerJoined{slot + 1, absl::StrCat("slot-", slot)});
    }
    while (!core_->ended() && failure_.empty()) {
      const absl::Time timeout = core_->NextTimeout();
      const double timeout_seconds = absl::ToDoubleSeconds(timeout - absl::UnixEpoch());
      if (events_.empty() && timeout == absl::InfiniteFuture()) {
        return absl::FailedPreconditionError("the run cannot end: no slot will answer any more");
      }
      if (events_.empty() || timeout_seconds < events_.top().seconds) {
        now_ = timeout_seconds;
        Handle(Tick{});
      } else {
        const Due due = events_.top();
        events_.pop();
        now_ = due.seconds;
        Happen(due);
      }
      if (now_ > options_.limit_seconds) {
        return absl::DeadlineExceededError(
            absl::StrCat("not over after ", options_.limit_seconds, " s of virtual time"));
      }
    }
    if (!failure_.empty()) return absl::FailedPreconditionError(failure_);
    result_.counters = core_->counters();
    return std::move(result_);
  }

 private:
  struct Invocation {
    std::vector<TaskId> tasks;
    double load = 0;
  };
  struct Slot {
    std::deque<Invocation> waiting;
    Invocation running;
    int64_t invocations = 0;
    uint64_t turn = 0;  // changes when the running invocation ends, so stale events are known
    double started = 0;
    bool busy = false;
  };
  struct Due {
    double seconds = 0;
    uint64_t order = 0;  // ties in the order of scheduling
    enum class What { kAnswered, kApplied, kAppliedLate, kMissed } what = What::kAnswered;
    int slot = 0;  // that answers
    uint64_t turn = 0;
    int lane = 0;  // whose job is applied, or counts as missing
    int64_t job = 0;
    bool operator<(const Due& other) const {
      return std::pair(seconds, order) > std::pair(other.seconds, other.order);
    }
  };

  absl::Time Now() const { return absl::UnixEpoch() + absl::Seconds(now_); }

  void Handle(const Event& event) {
    ++result_.events;
    // Actions may be followed by events at once, hence a list of its own per call.
    std::vector<Action> actions = std::move(spare_);
    actions.clear();
    core_->Handle(Now(), event, &actions);
    for (Action& action : actions) CarryOut(action);
    spare_ = std::move(actions);
  }

  void Happen(const Due& due) {
    if (due.what != Due::What::kAnswered) {
      if (due.what != Due::What::kMissed) result_.applied_seconds.push_back(now_);
      result_.total_seconds = now_;
      // A job that was missed is over; it does not matter when it comes.
      if (due.what != Due::What::kAppliedLate) Steer(due.lane);
      if (due.what == Due::What::kMissed) {
        Handle(JobMissed{due.lane, due.job + 1});
      } else {
        Handle(JobApplied{due.lane});
      }
      return;
    }
    Slot& slot = slots_[due.slot];
    if (slot.turn != due.turn) return;
    const std::vector<TaskId> tasks = std::move(slot.running.tasks);
    EndInvocation(due.slot, false);
    for (TaskId task : tasks) {
      if (!core_->ended()) Handle(ReplyReceived{task});
    }
  }

  void Steer(int lane) {
    if (options_.pilot == nullptr) return;
    std::optional<std::vector<WeavePlan>> weaves = options_.pilot->Steer(now_, lane);
    if (!weaves.has_value()) return;
    std::vector<Action> actions;
    const absl::Status status = core_->Reconfigure(Now(), *std::move(weaves), {}, &actions);
    if (!status.ok()) failure_ = std::string(status.message());
    for (Action& action : actions) CarryOut(action);
  }

  void CarryOut(Action& action) {
    if (auto* assign = std::get_if<AssignTasks>(&action)) {
      Assign(*assign);
    } else if (const auto* drop = std::get_if<DropTasks>(&action)) {
      Drop(*drop);
    } else if (const auto* apply = std::get_if<ApplyJob>(&action)) {
      ApplyLater(apply->late ? Due::What::kAppliedLate : Due::What::kApplied, apply->lane,
                 apply->lane_job);
    } else if (const auto* miss = std::get_if<MissJob>(&action)) {
      ApplyLater(Due::What::kMissed, miss->lane, miss->lane_job);
    } else if (auto* closed = std::get_if<RoundClosed>(&action)) {
      if (options_.record_rounds) {
        result_.rounds.push_back({closed->weave, closed->round,
                                  now_ - absl::ToDoubleSeconds(closed->duration), now_,
                                  std::move(closed->stragglers), std::move(closed->retries)});
      }
    } else if (const auto* failed = std::get_if<RunFailed>(&action)) {
      failure_ = failed->error;
    }
  }

  void ApplyLater(Due::What what, int lane, int64_t job) {
    events_.push({now_ + options_.apply_seconds, order_++, what, 0, 0, lane, job});
  }

  void Assign(const AssignTasks& action) {
    const int slot = static_cast<int>(action.worker) - 1;
    Invocation invocation;
    for (const AssignedTask& task : action.tasks) {
      invocation.tasks.push_back(task.id);
      invocation.load += core_->scheme(task.weave).parts()[task.part].load;
    }
    slots_[slot].waiting.push_back(std::move(invocation));
    if (!slots_[slot].busy) Next(slot);
  }

  void Drop(const DropTasks& action) {
    if (action.worker == 0) return;
    const int index = static_cast<int>(action.worker) - 1;
    Slot& slot = slots_[index];
    const auto dropped = [&action](TaskId id) {
      return std::find(action.tasks.begin(), action.tasks.end(), id) != action.tasks.end();
    };
    for (Invocation& invocation : slot.waiting) std::erase_if(invocation.tasks, dropped);
    std::erase_if(slot.waiting, [](const Invocation& i) { return i.tasks.empty(); });
    if (!slot.busy) return;
    std::erase_if(slot.running.tasks, dropped);
    if (slot.running.tasks.empty()) {
      ++result_.invocations_cut;
      EndInvocation(index, true);
    }
  }

  void EndInvocation(int index, bool cut) {
    Slot& slot = slots_[index];
    result_.busy_seconds += now_ - slot.started;
    if (options_.pilot != nullptr) {
      options_.pilot->Observe(index, slot.running.load, now_ - slot.started, cut);
    }
    ++slot.turn;
    slot.busy = false;
    Next(index);
  }

  void Next(int index) {
    Slot& slot = slots_[index];
    if (slot.waiting.empty()) return;
    slot.running = std::move(slot.waiting.front());
    slot.waiting.pop_front();
    slot.busy = true;
    slot.started = now_;
    ++result_.invocations;
    const double seconds = delays_.Seconds(index, slot.invocations++, slot.running.load);
    if (std::isfinite(seconds)) {
      events_.push({now_ + seconds, order_++, Due::What::kAnswered, index, slot.turn});
    }
  }

  std::unique_ptr<CoordinatorCore> core_;
  std::vector<Slot> slots_;
  const DelayModel& delays_;
  const SimulationOptions options_;
  double now_ = 0;
  uint64_t order_ = 0;
  std::priority_queue<Due> events_;
  std::vector<Action> spare_;
  std::string failure_;
  SimulationResult result_;
};

}  // namespace

absl::StatusOr<SimulationResult> Simulate(CorePlan plan, const DelayModel& delays,
                                          const SimulationOptions& options) {
  if (delays.slots() > 0 && plan.slots > delays.slots()) {
    return absl::InvalidArgumentError(
        absl::StrCat("slots = ", plan.slots, ": the recording has ", delays.slots()));
  }
  plan.min_workers = plan.slots;
  plan.round_timeout = absl::Seconds(options.limit_seconds);
  const int slots = plan.slots;
  absl::StatusOr<std::unique_ptr<CoordinatorCore>> core = CoordinatorCore::Create(std::move(plan));
  if (!core.ok()) return core.status();
  return Simulation(*std::move(core), slots, delays, options).Run();
}

}  // namespace gradloom
