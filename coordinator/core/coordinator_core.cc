#include "coordinator/core/coordinator_core.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace gradloom {
namespace {

// Dropped tasks whose worker has not yet said what they would have cost; older ones are forgotten.
constexpr size_t kDroppedMax = 1 << 16;

absl::Status Validate(const std::vector<WeavePlan>& weaves, int slots, size_t lanes) {
  if (slots < 1) return absl::InvalidArgumentError(absl::StrCat("slots = ", slots, ": at least 1"));
  std::vector<int> weaves_of_lane(lanes, 0);
  for (const WeavePlan& weave : weaves) {
    const int scheme_slots = weave.scheme->slots();
    if (scheme_slots != static_cast<int>(weave.slots.size())) {
      return absl::InvalidArgumentError(
          absl::StrCat("the scheme has ", scheme_slots, " slots, its weave ", weave.slots.size()));
    }
    for (int slot : weave.slots) {
      if (slot < 0 || slot >= slots) {
        return absl::InvalidArgumentError(
            absl::StrCat("slot ", slot, " of a weave: the fleet has 0..", slots - 1));
      }
    }
    for (int lane : weave.lanes) {
      if (lane < 0 || lane >= static_cast<int>(lanes)) {
        return absl::InvalidArgumentError(absl::StrCat("no lane ", lane));
      }
      ++weaves_of_lane[lane];
    }
    if (weave.scheme->delay() > static_cast<int>(weave.lanes.size()) - 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          weave.scheme->description(), " has delay T = ", weave.scheme->delay(),
          ", which needs T + 1 lanes (trials that take turns); there are ", weave.lanes.size()));
    }
  }
  for (size_t lane = 0; lane < weaves_of_lane.size(); ++lane) {
    if (weaves_of_lane[lane] != 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("lane ", lane, " is in ", weaves_of_lane[lane], " weaves, not in one"));
    }
  }
  return absl::OkStatus();
}

// Nobody waits for the mini-task any more, nor for what its delivery would make to be asked.
void Pretend(Scheme& scheme, const MiniTask& mini) {
  std::vector<MiniTask> owed = {mini};
  while (!owed.empty()) {
    const MiniTask next = owed.back();
    owed.pop_back();
    scheme.Receive(next);
    const std::span<const MiniTask> more = scheme.followup().ask;
    owed.insert(owed.end(), more.begin(), more.end());
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<CoordinatorCore>> CoordinatorCore::Create(CorePlan plan) {
  if (absl::Status status = Validate(plan.weaves, plan.slots, plan.lanes.size()); !status.ok()) {
    return status;
  }
  for (size_t lane = 0; lane < plan.lanes.size(); ++lane) {
    for (const LaneDependency& need : plan.lanes[lane].needs) {
      if (need.lane < 0 || need.lane >= static_cast<int>(plan.lanes.size())) {
        return absl::InvalidArgumentError(absl::StrCat(
            "lane ", lane, " needs lane ", need.lane, ": there are ", plan.lanes.size(), " lanes"));
      }
    }
  }
  return std::unique_ptr<CoordinatorCore>(new CoordinatorCore(std::move(plan)));
}

CoordinatorCore::CoordinatorCore(CorePlan plan)
    : plan_(std::move(plan)), fleet_(plan_.slots, plan_.rejoin_grace) {
  for (const LanePlan& lane : plan_.lanes) {
    const bool done = lane.first_job >= lane.jobs;
    lanes_.push_back({lane.jobs, lane.first_job, done ? LaneState::kDone : LaneState::kReady, -1,
                      lane.needs, lane.pause_at, lane.give_up, lane.late});
  }
  AddWeaves(std::move(plan_.weaves));
  outstanding_.resize(plan_.slots);
  slot_invocations_.assign(plan_.slots, plan_.invocations_before);
}

void CoordinatorCore::AddWeaves(std::vector<WeavePlan> plans) {
  const auto started = [this](int lane) { return lanes_[lane].next_start(); };
  for (WeavePlan& plan : plans) {
    Weave& weave = weaves_[next_weave_++];
    weave.arrived.resize(plan.slots.size());
    weave.invocation.resize(plan.slots.size());
    // The lane that is furthest behind has the first turn.
    weave.turn = std::min_element(plan.lanes.begin(), plan.lanes.end(),
                                  [&](int a, int b) { return started(a) < started(b); }) -
                 plan.lanes.begin();
    weave.plan = std::move(plan);
  }
}

void CoordinatorCore::Handle(absl::Time now, const Event& event, std::vector<Action>* actions) {
  if (ended_) return;
  now_ = now;
  actions_ = actions;
  struct Visitor {
    CoordinatorCore* core;
    void operator()(const WorkerJoined& e) { core->OnJoined(e); }
    void operator()(const WorkerLost& e) { core->OnLost(e); }
    void operator()(const ReplyReceived& e) { core->OnReply(e); }
    void operator()(const TaskFailedEvent& e) { core->OnFailed(e); }
    void operator()(const TaskDropped& e) { core->OnDropped(e); }
    void operator()(const JobApplied& e) { core->OnApplied(e); }
    void operator()(const JobMissed& e) { core->OnMissed(e); }
    void operator()(const EffectFailed& e) { core->End(RunFailed{e.error}); }
    void operator()(const StopRequested&) { core->stopping_ = true; }
    void operator()(const Tick&) {}
  };
  std::visit(Visitor{this}, event);
  if (!ended_) Advance();
  if (!ended_) FlushAssignments();
}

absl::Status CoordinatorCore::Reconfigure(std::vector<WeavePlan> weaves,
                                          const std::vector<int64_t>& pause_at) {
  if (absl::Status status = Validate(weaves, plan_.slots, lanes_.size()); !status.ok()) {
    return status;
  }
  for (size_t lane = 0; lane < lanes_.size(); ++lane) {
    lanes_[lane].pause_at = pause_at.empty() ? std::numeric_limits<int64_t>::max() : pause_at[lane];
  }
  for (auto& [number, weave] : weaves_) {
    weave.retiring = true;
    weave.plan.lanes.clear();
    weave.plan.gang = -1;
  }
  AddWeaves(std::move(weaves));
  return absl::OkStatus();
}

absl::Time CoordinatorCore::NextTimeout() const {
  if (ended_) return absl::InfiniteFuture();
  absl::Time next = fleet_.NextTimeout();
  for (const auto& [number, weave] : weaves_) {
    if (!weave.open) continue;
    next = std::min(next, weave.ask_again);
    if (fleet_.workers() > 0) next = std::min(next, RoundLimit(weave));
  }
  for (const Lane& lane : lanes_) {
    if (fleet_.workers() > 0 && lane.state == LaneState::kInFlight && !lane.missing) {
      next = std::min(next, MissTime(lane));
    }
  }
  return next;
}

std::vector<int64_t> CoordinatorCore::NextJobs() const {
  std::vector<int64_t> jobs;
  for (const Lane& lane : lanes_) jobs.push_back(lane.next_start());
  return jobs;
}

std::vector<int> CoordinatorCore::PendingSlots(int weave) const {
  return PendingSlotsOf(weaves_.at(weave));
}

std::vector<int> CoordinatorCore::PendingSlotsOf(const Weave& w) {
  std::vector<int> pending;
  if (!w.open) return pending;
  for (size_t i = 0; i < w.plan.slots.size(); ++i) {
    if (!w.plan.scheme->Delivered(static_cast<int>(i))) pending.push_back(w.plan.slots[i]);
  }
  return pending;
}

// ---- events -------------------------------------------------------------------------------------

void CoordinatorCore::OnJoined(const WorkerJoined& event) {
  if (fleet_.workers() == 0) manned_since_ = now_;
  fleet_.Join(event.worker, event.name);
  if (!started_ && fleet_.workers() >= plan_.min_workers) {
    started_ = true;
    fleet_.PlaceAll();
  }
}

void CoordinatorCore::OnLost(const WorkerLost& event) {
  const int before = fleet_.workers();
  const std::vector<int> orphans = fleet_.Lose(event.worker, now_);
  if (fleet_.workers() == before) return;
  ++counters_.workers_lost;
  for (int slot : orphans) {
    for (TaskId id : outstanding_[slot]) {
      Task& task = tasks_.at(id);
      task.worker = 0;
      task.invocation.number = 0;
      ++task.attempt;
    }
  }
}

void CoordinatorCore::OnReply(const ReplyReceived& event) {
  const auto found = tasks_.find(event.task);
  if (found == tasks_.end()) {
    ++counters_.replies_stale;
    return;
  }
  const Task task = found->second;
  RemoveTask(event.task);
  ++counters_.replies;
  Weave& weave = weave_of(task);
  const bool late = !weave.open || task.round + 1 != weave.plan.scheme->rounds();
  weave.plan.scheme->Receive(task.mini);
  if (!late) FollowUp(task.weave);
  if (late) {
    ++counters_.replies_late;
    weave.plan.closing->Arrive(absl::ToDoubleSeconds(now_ - task.assigned), true);
    ReportWait(task.weave, task.round, now_ - task.assigned);
  }
  const int slot = task.mini.slot;
  if (weave.open && !weave.arrived[slot] && weave.plan.scheme->Delivered(slot)) {
    weave.arrived[slot] = true;
    weave.plan.closing->Arrive(absl::ToDoubleSeconds(now_ - weave.round_start), false);
  }
  if (weave.plan.closing->accepts_early()) TryAccept(task.weave, task.mini.job, false);
}

void CoordinatorCore::OnFailed(const TaskFailedEvent& event) {
  const auto found = tasks_.find(event.task);
  if (found == tasks_.end()) return;
  ++counters_.tasks_failed;
  Task task = found->second;
  if (event.fatal || ++task.attempt >= plan_.max_task_attempts) {
    End(RunFailed{absl::StrCat("slot ", task.slot, ", lane ", task.lane, ", job ", task.lane_job,
                               event.fatal ? ": "
                                           : absl::StrCat(": failed ", task.attempt,
                                                          " times (limits.max_task_attempts),"
                                                          " the last time: "),
                               event.error)});
    return;
  }
  RemoveTask(event.task);
  const TaskId id = next_task_++;
  task.worker = 0;
  task.invocation.number = 0;
  tasks_.emplace(id, task);
  outstanding_[task.slot].push_back(id);
  asked_slots_.push_back(task.slot);
}

void CoordinatorCore::OnDropped(const TaskDropped& event) {
  const auto found = dropped_.find(event.task);
  if (found == dropped_.end()) return;
  const Dropped dropped = found->second;
  dropped_.erase(found);
  const auto weave = weaves_.find(dropped.weave);
  if (weave == weaves_.end()) return;
  weave->second.plan.closing->Arrive(absl::ToDoubleSeconds(event.estimated), true);
  ReportWait(dropped.weave, dropped.round, event.estimated);
}

void CoordinatorCore::ReportWait(int weave, int64_t round, absl::Duration total) {
  Weave& w = weaves_[weave];
  if (round + 1 != w.plan.scheme->rounds() + (w.open ? -1 : 0)) return;  // only the latest closed
  if (total > 2 * w.last_duration) ++counters_.stragglers;
  const absl::Duration extra = total - w.last_duration;
  if (w.wait_round != round) {
    w.wait_round = round;
    w.wait_reported = absl::ZeroDuration();
  }
  if (extra <= w.wait_reported) return;
  actions_->push_back(WaitAvoided{round, extra - w.wait_reported});
  w.wait_reported = extra;
}

// ---- what may follow ----------------------------------------------------------------------------

void CoordinatorCore::Advance() {
  if (stopping_) {
    const bool applying = std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) {
      return lane.state == LaneState::kApplying || lane.missing;
    });
    if (!applying) End(RunCancelled{});
    return;
  }
  if (!started_) {
    if (std::all_of(lanes_.begin(), lanes_.end(),
                    [](const Lane& lane) { return lane.state == LaneState::kDone; })) {
      End(RunFinished{});
    }
    return;
  }
  fleet_.Expire(now_);
  ApplyMoves();
  MissOverdue();
  // A round may be decodable at once (nothing but void jobs), hence the loop.
  for (bool started = true; started;) {
    started = false;
    for (auto next = weaves_.begin(); next != weaves_.end();) {
      const int weave = (next++)->first;
      if (weaves_[weave].open) TryClose(weave);
      if (ended_) return;
      if (!weaves_[weave].open && TryStart(weave)) started = true;
      if (Drained(weave)) weaves_.erase(weave);
    }
  }
  if (std::all_of(lanes_.begin(), lanes_.end(),
                  [](const Lane& lane) { return lane.state == LaneState::kDone; })) {
    End(RunFinished{});
  }
}

void CoordinatorCore::ApplyMoves() {
  for (const Fleet::Move& move : fleet_.TakeMoves()) {
    std::vector<TaskId> old = std::exchange(outstanding_[move.slot], {});
    if (old.empty()) continue;
    for (TaskId id : old) {
      Task task = tasks_.at(id);
      tasks_.erase(id);
      task.worker = 0;
      task.invocation.number = 0;
      const TaskId renewed = next_task_++;
      tasks_.emplace(renewed, task);
      outstanding_[move.slot].push_back(renewed);
    }
    actions_->push_back(DropTasks{move.from, std::move(old)});
    asked_slots_.push_back(move.slot);
  }
}

bool CoordinatorCore::Drained(int weave) const {
  const Weave& w = weaves_.at(weave);
  return w.retiring && !w.open && w.jobs.empty() &&
         std::none_of(lanes_.begin(), lanes_.end(), [weave](const Lane& lane) {
           return lane.weave == weave && lane.state == LaneState::kApplying;
         });
}

std::optional<CoordinatorCore::Start> CoordinatorCore::MayStart(int weave) const {
  const Weave& w = weaves_.at(weave);
  // A lane whose update is being applied, or whose job another weave finishes, is soon ready.
  bool soon = false;
  for (size_t i = 0; i < w.plan.lanes.size(); ++i) {
    const size_t turn = (w.turn + i) % w.plan.lanes.size();
    const Lane& candidate = lanes_[w.plan.lanes[turn]];
    if (MayBegin(candidate)) return Start{weave, true, turn};
    soon = soon || candidate.state == LaneState::kApplying ||
           (candidate.state == LaneState::kInFlight && candidate.weave != weave);
  }
  // Every lane waits for a job of this weave: only further rounds bring that about.
  const bool unfinished = std::any_of(w.jobs.begin(), w.jobs.end(),
                                      [](const JobInFlight& job) { return !job.accepted; });
  if (soon || !unfinished) return std::nullopt;
  return Start{weave, false, w.turn};
}

bool CoordinatorCore::TryStart(int weave) {
  const int gang = weaves_[weave].plan.gang;
  std::vector<Start> starts;
  for (const auto& [number, member] : weaves_) {
    if (number != weave && (gang < 0 || member.plan.gang != gang)) continue;
    if (member.open) return false;
    if (const std::optional<Start> start = MayStart(number)) {
      starts.push_back(*start);
      continue;
    }
    // A member whose lanes are done, or cannot begin before the gang moves on, is not waited for.
    if (std::any_of(member.plan.lanes.begin(), member.plan.lanes.end(),
                    [this](int lane) { return Moves(lanes_[lane]); })) {
      return false;
    }
  }
  struct Asked {
    int weave = 0;
    std::span<const MiniTask> tasks;
  };
  std::vector<Asked> asked;
  for (const Start& start : starts) asked.push_back({start.weave, StartRound(start)});
  // A slot computes the first mini-task of every lane before the second of any.
  bool more = !asked.empty();
  for (int number = 0; std::exchange(more, false); ++number) {
    for (const Asked& of_weave : asked) {
      const int64_t round = weaves_[of_weave.weave].plan.scheme->rounds() - 1;
      int in_slot = 0;  // mini-tasks of this one's slot before it
      for (size_t i = 0; i < of_weave.tasks.size(); ++i) {
        in_slot = i > 0 && of_weave.tasks[i - 1].slot == of_weave.tasks[i].slot ? in_slot + 1 : 0;
        if (in_slot == number) Ask(of_weave.weave, of_weave.tasks[i], round);
        more = more || in_slot > number;
      }
    }
  }
  return !starts.empty();
}

std::span<const MiniTask> CoordinatorCore::StartRound(const Start& start) {
  fleet_.Rebalance();
  ApplyMoves();
  Weave& w = weaves_[start.weave];
  const std::span<const MiniTask> minis = w.plan.scheme->StartRound(start.has_job);
  JobInFlight job;
  if (start.has_job) {
    job.lane = w.plan.lanes[start.turn];
    job.lane_job = lanes_[job.lane].next_job;
    lanes_[job.lane].state = LaneState::kInFlight;
    lanes_[job.lane].weave = start.weave;
    lanes_[job.lane].started = lanes_[job.lane].waits_since = now_;
    lanes_[job.lane].missed = 0;
    w.turn = (start.turn + 1) % w.plan.lanes.size();
  } else {
    job.accepted = true;
  }
  w.jobs.push_back(job);
  w.open = true;
  w.round_start = now_;
  w.ask_again = absl::InfiniteFuture();
  std::fill(w.arrived.begin(), w.arrived.end(), false);
  std::fill(w.invocation.begin(), w.invocation.end(), Invocation{});
  w.plan.closing->StartRound(w.plan.scheme->Pending());
  return minis;
}

void CoordinatorCore::Ask(int weave, const MiniTask& mini, int64_t round) {
  Weave& w = weaves_[weave];
  const int slot = w.plan.slots[mini.slot];
  JobInFlight& job = *FindJob(w, mini.job);
  if (w.plan.scheme->delay() > 0) {
    const auto parts = static_cast<int64_t>(w.plan.scheme->parts().size());
    if (!job.asked.insert(mini.slot * parts + mini.part).second) w.retries.push_back(slot);
  }
  for (TaskId id : outstanding_[slot]) {
    Task& task = tasks_.at(id);
    if (task.weave == weave && task.mini == mini) {
      task.round = round;  // still at it: it goes on, and counts for this round
      return;
    }
  }
  Task task;
  task.mini = mini;
  task.weave = weave;
  task.lane = job.lane;
  task.lane_job = job.lane_job;
  task.round = round;
  task.slot = slot;
  task.invocation = w.invocation[mini.slot];
  const TaskId id = next_task_++;
  tasks_.emplace(id, task);
  outstanding_[slot].push_back(id);
  if (asked_slots_.empty() || asked_slots_.back() != slot) asked_slots_.push_back(slot);
}

void CoordinatorCore::FollowUp(int weave) {
  Weave& w = weaves_[weave];
  const Scheme::Followup followup = w.plan.scheme->followup();
  Drops drops;
  for (const MiniTask& mini : followup.drop) {
    std::vector<TaskId>& list = outstanding_[w.plan.slots[mini.slot]];
    const auto found = std::find_if(list.begin(), list.end(), [&](TaskId id) {
      const Task& task = tasks_.at(id);
      return task.weave == weave && task.mini == mini;
    });
    if (found == list.end()) continue;
    DropTask(*found, Task(tasks_.at(*found)), &drops);
    dropped_.erase(*found);  // its slot goes on with something else: it has not straggled
    list.erase(found);
  }
  SendDrops(std::move(drops));
  for (const MiniTask& mini : followup.ask) Ask(weave, mini, w.plan.scheme->rounds() - 1);
}

void CoordinatorCore::TryAccept(int weave, int64_t job_number, bool last_chance) {
  Weave& w = weaves_[weave];
  JobInFlight* job = FindJob(w, job_number);
  if (job == nullptr || job->accepted || !w.plan.scheme->Decodable(job_number)) return;
  absl::StatusOr<JobDecoding> decoding = w.plan.scheme->Decode(job_number);
  if (!decoding.ok()) return;  // numerically singular: further replies will help
  if (decoding->amplification > plan_.max_amplification && w.plan.scheme->Pending() > 0 &&
      !last_chance) {
    ++counters_.amplified_waits;
    return;
  }
  job->accepted = true;
  Lane& lane = lanes_[job->lane];
  lane.state = LaneState::kApplying;
  lane.applies_late = lane.missed > 0;
  if (lane.applies_late) ++counters_.jobs_late;
  actions_->push_back(
      ApplyJob{weave, job->lane, job->lane_job, *std::move(decoding), lane.applies_late});
  Excuse(weave, job_number);
}

// The parameters move on with the update, so nobody can or need compute for the job any more: what
// is outstanding of it is dropped, and its slots are not waited for.
void CoordinatorCore::Excuse(int weave, int64_t job) {
  Weave& w = weaves_[weave];
  Drops drops;
  for (int slot : w.plan.slots) {
    std::vector<TaskId>& list = outstanding_[slot];
    size_t kept = 0;
    for (TaskId id : list) {
      const auto found = tasks_.find(id);
      const Task task = found->second;
      if (task.weave != weave || task.mini.job != job) {
        list[kept++] = id;
        continue;
      }
      const bool delivered = w.plan.scheme->Delivered(task.mini.slot);
      if (!delivered) w.excused.push_back(slot);
      Pretend(*w.plan.scheme, task.mini);
      DropTask(id, task, &drops);
      // What a slot of multi_message would have done beyond its first chunk kept nobody waiting.
      if (delivered && w.plan.scheme->delay() == 0) dropped_.erase(id);
    }
    list.resize(kept);
  }
  SendDrops(std::move(drops));
}

void CoordinatorCore::TryClose(int weave) {
  Weave& w = weaves_[weave];
  Scheme& scheme = *w.plan.scheme;
  const int pending = scheme.Pending();
  CloseVerdict verdict = scheme.Verdict();
  const int64_t due = scheme.rounds() - 1 - scheme.delay();
  if (w.plan.closing->accepts_early() && verdict.due_decodable && due >= 0) {
    const JobInFlight* job = FindJob(w, due);
    verdict.due_decodable = job == nullptr || job->accepted;
  }
  const double seconds = absl::ToDoubleSeconds(now_ - w.round_start);
  const ClosingRule::Decision decision = w.plan.closing->Decide(seconds, verdict, pending);
  if (decision.close) {
    for (size_t i = 0; i < w.jobs.size(); ++i) {
      TryAccept(weave, w.first_job + static_cast<int64_t>(i), true);
    }
    CloseRound(weave);
    return;
  }
  w.ask_again = decision.ask_again_seconds == std::numeric_limits<double>::infinity()
                    ? absl::InfiniteFuture()
                    : w.round_start + absl::Seconds(decision.ask_again_seconds);
  // A deadline already reached would make the owner spin; the rule has just been asked.
  if (w.ask_again <= now_) w.ask_again = now_ + absl::Milliseconds(1);
  if (fleet_.workers() > 0 && now_ >= RoundLimit(w)) {
    End(RunFailed{absl::StrCat("round ", scheme.rounds() - 1, " is not over after ",
                               absl::FormatDuration(plan_.round_timeout),
                               " (fleet.round_timeout); slots that have not answered: ",
                               absl::StrJoin(PendingSlots(weave), ", "))});
  }
}

absl::Time CoordinatorCore::RoundLimit(const Weave& weave) const {
  return std::max(weave.round_start, manned_since_) + plan_.round_timeout;
}

void CoordinatorCore::CloseRound(int weave) {
  Weave& w = weaves_[weave];
  RoundClosed closed;
  closed.weave = weave;
  closed.round = w.plan.scheme->rounds() - 1;
  closed.duration = now_ - w.round_start;
  closed.stragglers = PendingSlotsOf(w);
  closed.stragglers.insert(closed.stragglers.end(), w.excused.begin(), w.excused.end());
  std::sort(closed.stragglers.begin(), closed.stragglers.end());
  closed.stragglers.erase(std::unique(closed.stragglers.begin(), closed.stragglers.end()),
                          closed.stragglers.end());
  closed.retries = std::exchange(w.retries, {});
  w.last_duration = closed.duration;
  for (int slot : closed.stragglers) {
    if (fleet_.holder(slot) == 0) ++counters_.stragglers;
  }
  w.open = false;
  w.excused.clear();
  ++counters_.rounds;
  w.plan.scheme->CloseRound();
  for (size_t i = 0; i < w.jobs.size(); ++i) {
    if (w.jobs[i].accepted) w.plan.scheme->Forget(w.first_job + static_cast<int64_t>(i));
  }
  DropUnneeded(weave);
  while (!w.jobs.empty() && w.jobs.front().accepted) {
    w.jobs.pop_front();
    ++w.first_job;
  }
  actions_->push_back(std::move(closed));
}

void CoordinatorCore::DropUnneeded(int weave) {
  Weave& w = weaves_[weave];
  Drops drops;
  for (int slot : w.plan.slots) {
    std::vector<TaskId>& list = outstanding_[slot];
    size_t kept = 0;
    for (TaskId id : list) {
      const Task task = tasks_.at(id);
      if (task.weave != weave || w.plan.scheme->Needed(task.mini)) {
        list[kept++] = id;
      } else {
        DropTask(id, task, &drops);
      }
    }
    list.resize(kept);
  }
  SendDrops(std::move(drops));
}

void CoordinatorCore::DropTask(TaskId id, const Task& task, Drops* drops) {
  std::vector<TaskId>& of_worker = drops->tasks[task.worker];
  if (of_worker.empty()) drops->order.push_back(task.worker);
  of_worker.push_back(id);
  if (task.worker != 0) {
    dropped_.emplace(id, Dropped{task.weave, task.round});
    dropped_order_.push_back(id);
    if (dropped_order_.size() > kDroppedMax) {
      dropped_.erase(dropped_order_.front());
      dropped_order_.pop_front();
    }
  }
  tasks_.erase(id);
}

void CoordinatorCore::SendDrops(Drops drops) {
  for (WorkerId worker : drops.order) {
    actions_->push_back(DropTasks{worker, std::move(drops.tasks[worker])});
  }
}

void CoordinatorCore::RemoveTask(TaskId id) {
  const auto found = tasks_.find(id);
  std::vector<TaskId>& list = outstanding_[found->second.slot];
  list.erase(std::find(list.begin(), list.end(), id));
  tasks_.erase(found);
}

void CoordinatorCore::FlushAssignments() {
  absl::flat_hash_map<WorkerId, size_t> action_of_worker;
  for (int slot : asked_slots_) {
    const WorkerId worker = fleet_.holder(slot);
    if (worker == 0) continue;
    Invocation invocation;
    for (TaskId id : outstanding_[slot]) {
      Task& task = tasks_.at(id);
      if (task.worker != 0) continue;
      task.worker = worker;
      task.assigned = now_;
      if (task.invocation.number == 0) {
        if (invocation.number == 0) {
          const std::optional<uint32_t> before = task.invocation.of_slot;
          invocation = {next_invocation_++,
                        before.has_value() ? *before : slot_invocations_[slot]++};
        }
        task.invocation = invocation;
        Weave& weave = weave_of(task);
        if (weave.open && task.round + 1 == weave.plan.scheme->rounds()) {
          weave.invocation[task.mini.slot] = invocation;
        }
      }
      const auto [entry, fresh] = action_of_worker.try_emplace(worker, actions_->size());
      if (fresh) actions_->push_back(AssignTasks{worker, {}});
      std::get<AssignTasks>((*actions_)[entry->second])
          .tasks.push_back({id, task.slot, task.weave, task.lane, task.lane_job, task.mini.part,
                            task.attempt, task.invocation.number, *task.invocation.of_slot});
    }
  }
  asked_slots_.clear();
}

void CoordinatorCore::End(Action action) {
  ended_ = true;
  Drops drops;
  for (const std::vector<TaskId>& list : outstanding_) {
    for (TaskId id : list) DropTask(id, Task(tasks_.at(id)), &drops);
  }
  SendDrops(std::move(drops));
  tasks_.clear();
  for (std::vector<TaskId>& list : outstanding_) list.clear();
  asked_slots_.clear();
  actions_->push_back(std::move(action));
}

CoordinatorCore::JobInFlight* CoordinatorCore::FindJob(Weave& weave, int64_t job) {
  if (job < weave.first_job || job >= weave.first_job + static_cast<int64_t>(weave.jobs.size())) {
    return nullptr;
  }
  return &weave.jobs[job - weave.first_job];
}

}  // namespace gradloom
