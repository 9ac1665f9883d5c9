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
  // `next_weaves`: what the core makes a Reconfigure's weaves from.
  Simulation(std::unique_ptr<CoordinatorCore> core, std::vector<WeavePlan>* next_weaves, int slots,
             const DelayModel& delays, const SimulationOptions& options)
      : core_(std::move(core)),
        next_weaves_(next_weaves),
        slots_(slots),
        delays_(delays),
        options_(options) {}

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
  struct Task {
    TaskId id = 0;
    double load = 0;
  };
  struct Invocation {
    uint64_t number = 0;
    uint64_t of_slot = 0;
    std::deque<Task> tasks;  // if it runs, the first is being computed
    double computed = 0;     // load of the tasks that were answered
    double dropped = 0;      // load of the task that was dropped last, if none was answered since
    InvocationObserved observed;
  };
  struct Slot {
    std::deque<Invocation> waiting;
    Invocation running;
    uint64_t turn = 0;   // changes when what is being computed does, so stale events are known
    double started = 0;  // the running invocation
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
    CarryOut(actions);
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
    const Task task = slot.running.tasks.front();
    slot.running.tasks.pop_front();
    slot.running.computed += task.load;
    slot.running.dropped = 0;
    slot.running.observed.Reply(task.load,
                                Seconds(due.slot, slot.running.computed) -
                                    Seconds(due.slot, slot.running.computed - task.load),
                                now_ - slot.started);
    changed_.push_back(due.slot);
    Handle(ReplyReceived{task.id});
  }

  void Steer(int lane) {
    if (options_.pilot == nullptr) return;
    std::optional<std::vector<WeavePlan>> weaves = options_.pilot->Steer(now_, lane);
    if (!weaves.has_value()) return;
    *next_weaves_ = *std::move(weaves);
    Handle(Reconfigure{});
  }

  void CarryOut(std::vector<Action>& actions) {
    for (Action& action : actions) CarryOut(action);
    // A task that was dropped may have been replaced since.
    for (int slot : changed_) GoOn(slot);
    changed_.clear();
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
    const int index = static_cast<int>(action.worker) - 1;
    Slot& slot = slots_[index];
    for (const AssignedTask& task : action.tasks) {
      const double load = core_->scheme(task.weave).parts()[task.part].load;
      if (slot.busy && slot.running.number == task.invocation) {
        slot.running.tasks.push_back({task.id, load});
        continue;
      }
      auto invocation = std::find_if(
          slot.waiting.begin(), slot.waiting.end(),
          [&task](const Invocation& other) { return other.number == task.invocation; });
      if (invocation == slot.waiting.end()) {
        invocation = slot.waiting.emplace(invocation);
        invocation->number = task.invocation;
        invocation->of_slot = task.slot_invocation;
        invocation->observed.slot = index;
      }
      invocation->tasks.push_back({task.id, load});
    }
    if (!slot.busy) changed_.push_back(index);
  }

  void Drop(const DropTasks& action) {
    if (action.worker == 0) return;
    const int index = static_cast<int>(action.worker) - 1;
    Slot& slot = slots_[index];
    const auto dropped = [&action](const Task& task) {
      return std::find(action.tasks.begin(), action.tasks.end(), task.id) != action.tasks.end();
    };
    for (Invocation& invocation : slot.waiting) std::erase_if(invocation.tasks, dropped);
    std::erase_if(slot.waiting, [](const Invocation& i) { return i.tasks.empty(); });
    if (!slot.busy || slot.running.tasks.empty()) return;
    const Task first = slot.running.tasks.front();
    std::erase_if(slot.running.tasks, dropped);
    if (!slot.running.tasks.empty() && slot.running.tasks.front().id == first.id) return;
    slot.running.dropped = first.load;
    changed_.push_back(index);
  }

  // With the first task of the running invocation, or, when none is left, with the next invocation.
  void GoOn(int index) {
    Slot& slot = slots_[index];
    ++slot.turn;
    if (slot.busy && slot.running.tasks.empty()) {
      result_.busy_seconds += now_ - slot.started;
      if (slot.running.dropped > 0) ++result_.invocations_cut;
      slot.running.observed.End(slot.running.dropped, now_ - slot.started);
      if (options_.pilot != nullptr) options_.pilot->Observe(slot.running.observed);
      slot.busy = false;
    }
    if (!slot.busy) {
      if (slot.waiting.empty()) return;
      slot.running = std::move(slot.waiting.front());
      slot.waiting.pop_front();
      slot.busy = true;
      slot.started = now_;
      ++result_.invocations;
    }
    const double before = Seconds(index, slot.running.computed);
    const double after = Seconds(index, slot.running.computed + slot.running.tasks.front().load);
    if (!std::isfinite(after)) return;
    const double begin = std::max(now_, slot.started + before);
    const double seconds = after - before + delays_.ReplySeconds();
    events_.push({begin + seconds, order_++, Due::What::kAnswered, index, slot.turn});
  }

  // From its start, until the running invocation has computed so much.
  double Seconds(int index, double load) const {
    return delays_.Seconds(index, static_cast<int64_t>(slots_[index].running.of_slot), load);
  }

  std::unique_ptr<CoordinatorCore> core_;
  std::vector<WeavePlan>* next_weaves_;
  std::vector<Slot> slots_;
  const DelayModel& delays_;
  const SimulationOptions options_;
  double now_ = 0;
  uint64_t order_ = 0;
  std::priority_queue<Due> events_;
  std::vector<Action> spare_;
  std::vector<int> changed_;  // slots whose first task has been answered, dropped or assigned
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
  plan.judge.patience_min = absl::InfiniteDuration();  // whoever is slow here is so on purpose
  std::vector<WeavePlan> next_weaves;
  plan.weaves_of = [&next_weaves](const std::string&) {
    return absl::StatusOr<std::vector<WeavePlan>>(std::move(next_weaves));
  };
  const int slots = plan.slots;
  absl::StatusOr<std::unique_ptr<CoordinatorCore>> core = CoordinatorCore::Create(std::move(plan));
  if (!core.ok()) return core.status();
  return Simulation(*std::move(core), &next_weaves, slots, delays, options).Run();
}

}  // namespace gradloom
