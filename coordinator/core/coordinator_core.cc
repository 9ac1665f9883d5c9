#include "coordinator/core/coordinator_core.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace gradloom {
namespace {

// Looking for workers that do not answer goes over all slots: not more often.
constexpr absl::Duration kLookForMuteEvery = absl::Seconds(1);

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

WorkerJudge::What WhatIs(const Task& task) { return {task.lane, task.lane_job, task.mini.part}; }

}  // namespace

absl::StatusOr<std::unique_ptr<CoordinatorCore>> CoordinatorCore::Create(CorePlan plan) {
  absl::Status status = Weave::Validate(plan.weaves, plan.slots, plan.lanes.size());
  if (status.ok()) status = LaneBook::Validate(plan.lanes);
  if (!status.ok()) return status;
  return std::unique_ptr<CoordinatorCore>(new CoordinatorCore(std::move(plan)));
}

CoordinatorCore::CoordinatorCore(CorePlan plan)
    : plan_(std::move(plan)),
      fleet_(plan_.slots, plan_.rejoin_grace),
      lanes_(plan_.lanes),
      tasks_(plan_.slots, plan_.life, plan_.invocations_before),
      judge_(plan_.judge) {
  AddWeaves(std::move(plan_.weaves));
}

void CoordinatorCore::AddWeaves(std::vector<WeavePlan> plans) {
  for (WeavePlan& plan : plans) {
    // The lane that is furthest behind has the first turn.
    const auto first = std::min_element(plan.lanes.begin(), plan.lanes.end(), [this](int a, int b) {
      return lanes_.next_start(a) < lanes_.next_start(b);
    });
    const auto turn = static_cast<size_t>(first - plan.lanes.begin());
    weaves_.try_emplace(next_weave_++, std::move(plan), turn);
  }
}

void CoordinatorCore::Handle(absl::Time now, const Event& event, std::vector<Action>* actions) {
  if (ended_) return;
  now_ = now;
  actions_ = actions;
  std::visit([this](const auto& e) { On(e); }, event);
  if (!ended_ && !std::holds_alternative<Reconfigure>(event)) Advance();
  if (!ended_) FlushAssignments();
}

absl::Time CoordinatorCore::NextTimeout() const {
  if (ended_) return absl::InfiniteFuture();
  absl::Time next = fleet_.NextTimeout();
  const bool manned = fleet_.workers() > 0;
  bool open = false;
  for (const auto& [number, weave] : weaves_) {
    if (!weave.open()) continue;
    open = true;
    next = std::min(next, weave.ask_again());
    if (manned) next = std::min(next, RoundLimit(weave));
  }
  if (manned) next = std::min(next, lanes_.NextMiss(manned_since_));
  if (open && judge_.Patience() < absl::InfiniteDuration()) next = std::min(next, look_for_mute_);
  return next;
}

std::vector<int64_t> CoordinatorCore::NextJobs() const {
  std::vector<int64_t> jobs;
  for (int lane = 0; lane < lanes_.size(); ++lane) jobs.push_back(lanes_.next_start(lane));
  return jobs;
}

// ---- events -------------------------------------------------------------------------------------

void CoordinatorCore::On(const WorkerJoined& event) {
  if (fleet_.workers() == 0) manned_since_ = now_;
  fleet_.Join(event.worker, event.name);
  if (const absl::Time until = judge_.RestsUntil(event.name); until > now_) {
    fleet_.Rest(event.worker, until);
  }
  if (!started_ && fleet_.workers() >= plan_.min_workers) {
    started_ = true;
    fleet_.PlaceAll();
  }
}

void CoordinatorCore::On(const WorkerLost& event) {
  const int before = fleet_.workers();
  const std::vector<int> orphans = fleet_.Lose(event.worker, now_);
  answered_.erase(event.worker);
  if (fleet_.workers() == before) return;
  ++counters_.workers_lost;
  for (int slot : orphans) tasks_.Orphan(slot);
}

void CoordinatorCore::On(const ReplyReceived& event) {
  const Task* found = tasks_.Find(event.task);
  if (found == nullptr) {
    ++counters_.replies_stale;
    return;
  }
  const Task task = *found;
  tasks_.Remove(event.task);
  ++counters_.replies;
  if (plan_.judge.patience_min < absl::InfiniteDuration()) {
    absl::Time& answered = answered_[task.worker];
    judge_.Answered(WhatIs(task), now_ - std::max(task.assigned, answered));
    answered = now_;
  }
  Weave& weave = weaves_.at(task.weave);
  const bool late = !weave.open() || task.round != weave.round();
  weave.scheme().Receive(task.mini);
  if (!late) FollowUp(task.weave);
  if (late) {
    ++counters_.replies_late;
    weave.closing().Arrive(absl::ToDoubleSeconds(now_ - task.assigned), true);
    ReportWait(task.weave, task.round, now_ - task.assigned);
  }
  weave.Arrived(task.mini.slot, now_);
  if (weave.closing().accepts_early()) TryAccept(task.weave, task.mini.job, false);
}

void CoordinatorCore::On(const TaskFailedEvent& event) {
  const Task* found = tasks_.Find(event.task);
  if (found == nullptr || (event.worker != 0 && event.worker != found->worker)) return;
  ++counters_.tasks_failed;
  Task task = *found;
  const std::string name = fleet_.name(task.worker);
  const WorkerJudge::What what = WhatIs(task);
  if (judge_.Failed(what, name, event.fatal, fleet_.workers() > 1)) {
    const int attempts = plan_.judge.max_task_attempts;
    End(RunFailed{absl::StrCat(
        "slot ", task.slot, ", lane ", task.lane, ", job ", task.lane_job, ": failed ",
        event.fatal ? "" : absl::StrCat(attempts, " times (limits.max_task_attempts) "), "at ",
        judge_.FailedAt(what), event.fatal ? ": " : ", the last time: ", event.error)});
    return;
  }
  const WorkerId worker = std::exchange(task.worker, 0);
  task.invocation.number = 0;
  tasks_.Remove(event.task);
  tasks_.Add(task);
  Rest(worker, absl::StrCat("failed at a task (slot ", task.slot, ", lane ", task.lane, ", job ",
                            task.lane_job, "): ", event.error));
}

void CoordinatorCore::On(const TaskDropped& event) {
  const std::optional<TaskBook::Dropped> dropped = tasks_.TakeDropped(event.task);
  if (!dropped.has_value()) return;
  const auto weave = weaves_.find(dropped->weave);
  if (weave == weaves_.end()) return;
  weave->second.closing().Arrive(absl::ToDoubleSeconds(event.estimated), true);
  ReportWait(dropped->weave, dropped->round, event.estimated);
}

void CoordinatorCore::On(const JobApplied& event) {
  if (!lanes_.Applied(event.lane)) return;
  judge_.Settled(event.lane, lanes_.next_job(event.lane));
  for (int finished : event.finished) FinishLane(finished);
}

void CoordinatorCore::On(const JobMissed& event) {
  if (!lanes_.Missed(event.lane, event.next_job, now_)) return;
  judge_.Settled(event.lane, event.next_job);
  for (int finished : event.finished) FinishLane(finished);
  if (lanes_.Hopeless(event.lane, now_, manned_since_)) Abandon(event.lane);
  lanes_.GoOn(event.lane);
}

void CoordinatorCore::On(const LanesFinished& event) {
  for (int finished : event.lanes) FinishLane(finished);
}

void CoordinatorCore::On(const EffectFailed& event) { End(RunFailed{event.error}); }

void CoordinatorCore::On(const Reconfigure& event) {
  absl::StatusOr<std::vector<WeavePlan>> weaves =
      plan_.weaves_of == nullptr
          ? absl::FailedPreconditionError("this run's weaves cannot be replaced")
          : plan_.weaves_of(event.choice);
  absl::Status status = weaves.status();
  if (status.ok()) status = Weave::Validate(*weaves, plan_.slots, lanes_.size());
  if (status.ok() && !event.pause_at.empty() &&
      static_cast<int>(event.pause_at.size()) != lanes_.size()) {
    status = absl::InvalidArgumentError(
        absl::StrCat(event.pause_at.size(), " lanes are paused, the run has ", lanes_.size()));
  }
  if (!status.ok()) {
    End(RunFailed{absl::StrCat("other weaves: ", status.message())});
    return;
  }
  lanes_.PauseAt(event.pause_at);
  for (auto& [number, weave] : weaves_) weave.Retire();
  AddWeaves(*std::move(weaves));
}

void CoordinatorCore::ReportWait(int weave, int64_t round, absl::Duration total) {
  const Weave::Wait wait = weaves_.at(weave).WouldHaveWaited(round, total);
  if (wait.straggled) ++counters_.stragglers;
  if (wait.extra > absl::ZeroDuration()) actions_->push_back(WaitAvoided{round, wait.extra});
}

// ---- what may follow ----------------------------------------------------------------------------

void CoordinatorCore::Advance() {
  if (stopping_) {
    if (!lanes_.AnyEffect()) End(RunCancelled{});
    return;
  }
  if (!started_) {
    if (lanes_.AllDone()) End(RunFinished{});
    return;
  }
  fleet_.Expire(now_);
  RestTheMute();
  ApplyMoves();
  MissOverdue();
  // A round may be decodable at once (nothing but void jobs), hence the loop.
  for (bool started = true; started;) {
    started = false;
    for (auto next = weaves_.begin(); next != weaves_.end();) {
      const auto [weave, state] = std::pair(next->first, &next->second);
      ++next;
      if (state->open()) TryClose(weave);
      if (ended_) return;
      if (!state->open() && TryStart(weave)) started = true;
      if (Drained(weave)) weaves_.erase(weave);
    }
  }
  if (lanes_.AllDone()) End(RunFinished{});
}

void CoordinatorCore::ApplyMoves() {
  Drops drops;
  for (const Fleet::Move& move : fleet_.TakeMoves()) {
    if (tasks_.Outstanding(move.slot).empty()) continue;
    tasks_.Renew(move.slot, /*again=*/false, &drops);
    asked_slots_.push_back(move.slot);
  }
  SendDrops(std::move(drops));
}

bool CoordinatorCore::Drained(int weave) const {
  const Weave& w = weaves_.at(weave);
  return w.retiring() && w.idle() && !lanes_.AnyApplying(weave);
}

// ---- lanes that miss a job or end ---------------------------------------------------------------

void CoordinatorCore::MissOverdue() {
  if (fleet_.workers() == 0) return;
  for (int lane = 0; lane < lanes_.size(); ++lane) {
    if (!lanes_.Overdue(lane, now_, manned_since_)) continue;
    ++counters_.jobs_missed;
    if (lanes_.Miss(lane)) Abandon(lane);
    actions_->push_back(MissJob{lane, lanes_.next_job(lane)});
  }
}

void CoordinatorCore::Abandon(int lane) {
  if (lanes_.state(lane) != LaneBook::State::kInFlight) return;
  const int number = lanes_.weave(lane);
  Weave& w = weaves_.at(number);
  for (int64_t job = w.first_job(); job < w.end_job(); ++job) {
    Weave::Job& in_flight = *w.Find(job);
    if (in_flight.lane != lane || in_flight.accepted) continue;
    in_flight.accepted = true;
    Excuse(number, job);
    if (!w.open()) w.scheme().Forget(job);  // as the round's end would
  }
  lanes_.Abandoned(lane);
}

void CoordinatorCore::FinishLane(int lane) {
  Abandon(lane);
  lanes_.Finish(lane);
  judge_.Settled(lane, std::numeric_limits<int64_t>::max());
}

// ---- workers that are no help -------------------------------------------------------------------

void CoordinatorCore::RestTheMute() {
  const absl::Duration patience = judge_.Patience();
  if (patience == absl::InfiniteDuration() || now_ < look_for_mute_) return;
  look_for_mute_ = now_ + kLookForMuteEvery;
  struct Left {
    WorkerJudge::What what;
    absl::Duration since;
  };
  std::map<WorkerId, Left> mute;
  for (const auto& [number, weave] : weaves_) {
    for (int slot : weave.PendingSlots()) {
      for (TaskId id : tasks_.Outstanding(slot)) {
        const Task& task = *tasks_.Find(id);
        if (task.worker == 0) continue;
        const auto answered = answered_.find(task.worker);
        const absl::Time since =
            answered == answered_.end() ? task.assigned : std::max(task.assigned, answered->second);
        if (now_ - since >= patience) mute[task.worker] = {WhatIs(task), now_ - since};
        break;  // the first is the one that it is at
      }
    }
  }
  // If all are as slow, it is the work that takes longer.
  if (static_cast<int>(mute.size()) >= fleet_.available()) return;
  for (const auto& [worker, left] : mute) {
    judge_.Unanswered(left.what, left.since);
    Rest(worker, absl::StrCat("has not answered for ",
                              absl::FormatDuration(absl::Trunc(left.since, absl::Milliseconds(1))),
                              ", while others answer within ",
                              absl::FormatDuration(absl::Trunc(patience, absl::Milliseconds(1)))));
  }
}

void CoordinatorCore::Rest(WorkerId worker, absl::string_view why) {
  const std::string name = fleet_.name(worker);
  const absl::Time until = judge_.Rest(name, now_);
  Drops drops;
  for (int slot : fleet_.Rest(worker, until)) {
    tasks_.Renew(slot, /*again=*/true, &drops);
    asked_slots_.push_back(slot);
  }
  SendDrops(std::move(drops));
  answered_.erase(worker);
  ++counters_.workers_rested;
  actions_->push_back(WorkerRested{worker, until, absl::StrCat("worker ", name, " ", why)});
}

// ---- rounds -------------------------------------------------------------------------------------

std::optional<CoordinatorCore::Start> CoordinatorCore::MayStart(int weave) const {
  const Weave& w = weaves_.at(weave);
  // A lane whose update is being applied, or whose job another weave finishes, is soon ready.
  bool soon = false;
  for (size_t i = 0; i < w.lanes().size(); ++i) {
    const size_t turn = (w.turn() + i) % w.lanes().size();
    const int lane = w.lanes()[turn];
    if (lanes_.MayBegin(lane)) return Start{weave, turn};
    soon = soon || lanes_.state(lane) == LaneBook::State::kApplying ||
           (lanes_.state(lane) == LaneBook::State::kInFlight && lanes_.weave(lane) != weave);
  }
  // Every lane waits for a job of this weave: only further rounds bring that about.
  if (soon || !w.AnyUnaccepted()) return std::nullopt;
  return Start{weave, std::nullopt};
}

bool CoordinatorCore::TryStart(int weave) {
  const int gang = weaves_.at(weave).gang();
  std::vector<Start> starts;
  for (const auto& [number, member] : weaves_) {
    if (number != weave && (gang < 0 || member.gang() != gang)) continue;
    if (member.open()) return false;
    if (const std::optional<Start> start = MayStart(number)) {
      starts.push_back(*start);
      continue;
    }
    // A member whose lanes are done, or cannot begin before the gang moves on, is not waited for.
    if (std::any_of(member.lanes().begin(), member.lanes().end(),
                    [this](int lane) { return lanes_.Moves(lane); })) {
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
      int in_slot = 0;  // mini-tasks of this one's slot before it
      for (size_t i = 0; i < of_weave.tasks.size(); ++i) {
        in_slot = i > 0 && of_weave.tasks[i - 1].slot == of_weave.tasks[i].slot ? in_slot + 1 : 0;
        if (in_slot == number) Ask(of_weave.weave, of_weave.tasks[i]);
        more = more || in_slot > number;
      }
    }
  }
  return !starts.empty();
}

std::span<const MiniTask> CoordinatorCore::StartRound(const Start& start) {
  fleet_.Rebalance();
  ApplyMoves();
  Weave& w = weaves_.at(start.weave);
  int64_t lane_job = 0;
  if (start.turn.has_value()) {
    const int lane = w.lanes()[*start.turn];
    lane_job = lanes_.next_job(lane);
    lanes_.Begin(lane, start.weave, now_);
  }
  return w.StartRound(now_, next_round_++, start.turn, lane_job);
}

void CoordinatorCore::Ask(int weave, const MiniTask& mini) {
  Weave& w = weaves_.at(weave);
  const int slot = w.slots()[mini.slot];
  w.Asked(mini);
  for (TaskId id : tasks_.Outstanding(slot)) {
    Task& task = *tasks_.Find(id);
    if (task.weave == weave && task.mini == mini) {
      task.round = w.round();  // still at it: it goes on, and counts for this round
      return;
    }
  }
  const Weave::Job& job = *w.Find(mini.job);
  Task task;
  task.mini = mini;
  task.weave = weave;
  task.lane = job.lane;
  task.lane_job = job.lane_job;
  task.round = w.round();
  task.slot = slot;
  task.invocation = w.invocation(mini.slot);
  tasks_.Add(task);
  if (asked_slots_.empty() || asked_slots_.back() != slot) asked_slots_.push_back(slot);
}

void CoordinatorCore::FollowUp(int weave) {
  Weave& w = weaves_.at(weave);
  const Scheme::Followup followup = w.scheme().followup();
  Drops drops;
  for (const MiniTask& mini : followup.drop) {
    std::optional<TaskId> dropped;
    tasks_.DropIf(
        w.slots()[mini.slot],
        [&](TaskId id, const Task& task) {
          if (task.weave != weave || task.mini != mini) return false;
          dropped = id;
          return true;
        },
        &drops);
    // Its slot goes on with something else: it has not straggled.
    if (dropped.has_value()) tasks_.TakeDropped(*dropped);
  }
  SendDrops(std::move(drops));
  for (const MiniTask& mini : followup.ask) Ask(weave, mini);
}

void CoordinatorCore::TryAccept(int weave, int64_t job_number, bool last_chance) {
  Weave& w = weaves_.at(weave);
  Weave::Job* job = w.Find(job_number);
  if (job == nullptr || job->accepted || !w.scheme().Decodable(job_number)) return;
  absl::StatusOr<JobDecoding> decoding = w.scheme().Decode(job_number);
  if (!decoding.ok()) return;  // numerically singular: further replies will help
  if (decoding->amplification > plan_.max_amplification && w.scheme().Pending() > 0 &&
      !last_chance) {
    ++counters_.amplified_waits;
    return;
  }
  job->accepted = true;
  const bool late = lanes_.Accept(job->lane);
  if (late) ++counters_.jobs_late;
  actions_->push_back(ApplyJob{weave, job->lane, job->lane_job, *std::move(decoding), late,
                               w.run_round(), static_cast<int>(w.Stragglers().size())});
  Excuse(weave, job_number);
}

void CoordinatorCore::Excuse(int weave, int64_t job) {
  Weave& w = weaves_.at(weave);
  Drops drops;
  std::vector<TaskId> unneeded;  // that kept nobody waiting
  for (int slot : w.slots()) {
    tasks_.DropIf(
        slot,
        [&](TaskId id, const Task& task) {
          if (task.weave != weave || task.mini.job != job) return false;
          const bool delivered = w.scheme().Delivered(task.mini.slot);
          if (!delivered) w.Excuse(slot);
          Pretend(w.scheme(), task.mini);
          // What a slot of multi_message would have done beyond its first chunk.
          if (delivered && w.scheme().delay() == 0) unneeded.push_back(id);
          return true;
        },
        &drops);
  }
  for (TaskId id : unneeded) tasks_.TakeDropped(id);
  SendDrops(std::move(drops));
}

void CoordinatorCore::TryClose(int weave) {
  Weave& w = weaves_.at(weave);
  if (w.Decide(now_).close) {
    for (int64_t job = w.first_job(); job < w.end_job(); ++job) TryAccept(weave, job, true);
    CloseRound(weave);
    return;
  }
  if (fleet_.workers() > 0 && now_ >= RoundLimit(w)) {
    End(RunFailed{absl::StrCat(
        "round ", w.round(), " is not over after ", absl::FormatDuration(plan_.round_timeout),
        " (fleet.round_timeout); slots that have not answered: ", HoldersOf(w.PendingSlots()))});
  }
}

std::string CoordinatorCore::HoldersOf(const std::vector<int>& slots) const {
  return absl::StrJoin(slots, ", ", [this](std::string* out, int slot) {
    const WorkerId holder = fleet_.holder(slot);
    absl::StrAppend(out, slot, " (",
                    holder == 0 ? "no worker" : absl::StrCat("worker ", fleet_.name(holder)), ")");
  });
}

absl::Time CoordinatorCore::RoundLimit(const Weave& weave) const {
  return std::max(weave.round_start(), manned_since_) + plan_.round_timeout;
}

void CoordinatorCore::CloseRound(int weave) {
  Weave& w = weaves_.at(weave);
  Weave::Closed closed = w.CloseRound(now_);
  for (int slot : closed.stragglers) {
    if (fleet_.holder(slot) == 0) ++counters_.stragglers;
  }
  ++counters_.rounds;
  Drops drops;
  for (int slot : w.slots()) {
    tasks_.DropIf(
        slot,
        [&](TaskId, const Task& task) {
          return task.weave == weave && !w.scheme().Needed(task.mini);
        },
        &drops);
  }
  SendDrops(std::move(drops));
  w.ForgetAccepted();
  actions_->push_back(RoundClosed{weave, closed.round, closed.duration,
                                  std::move(closed.stragglers), std::move(closed.retries)});
}

void CoordinatorCore::FlushAssignments() {
  absl::flat_hash_map<WorkerId, size_t> action_of_worker;
  for (int slot : asked_slots_) {
    const WorkerId worker = fleet_.holder(slot);
    if (worker == 0) continue;
    Invocation invocation;
    for (TaskId id : tasks_.Outstanding(slot)) {
      Task& task = *tasks_.Find(id);
      if (task.worker != 0) continue;
      task.worker = worker;
      task.assigned = now_;
      if (task.invocation.number == 0) {
        if (invocation.number == 0) invocation = tasks_.NextInvocation(task);
        task.invocation = invocation;
        Weave& weave = weaves_.at(task.weave);
        if (weave.open() && task.round == weave.round()) {
          weave.set_invocation(task.mini.slot, invocation);
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
  tasks_.DropAll(&drops);
  SendDrops(std::move(drops));
  asked_slots_.clear();
  actions_->push_back(std::move(action));
}

}  // namespace gradloom
