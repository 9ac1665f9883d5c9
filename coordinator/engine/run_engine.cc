#include "coordinator/engine/run_engine.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "coding/codes/amplification.h"
#include "coordinator/engine/run_plan.h"
#include "coordinator/engine/start_from.h"
#include "coordinator/run_file/run_file.h"
#include "coordinator/run_file/specs.h"
#include "coordinator/tuning/tuning_report.h"
#include "proto/ops/logging.h"
#include "proto/wire/frame.h"
#include "proto/wire/number_format.h"

namespace gradloom {
namespace {

constexpr double kComputeSecondsMax = 1e6;  // what a worker says beyond is unknown

absl::Duration ToAbsl(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

double UnitRoundoff(v1::NumberFormat format) {
  switch (format) {
    case v1::BF16:
      return 0x1p-8;
    case v1::FP16:
      return 0x1p-11;
    default:
      return 0x1p-24;
  }
}

}  // namespace

// ---- life ---------------------------------------------------------------------------------------

RunEngine::RunEngine(RunEngineOptions options) : options_(std::move(options)) {}

absl::StatusOr<std::unique_ptr<RunEngine>> RunEngine::Create(RunEngineOptions options) {
  std::unique_ptr<RunEngine> engine(new RunEngine(std::move(options)));
  if (absl::Status status = engine->Open(); !status.ok()) return status;
  if (absl::Status status = engine->Restore(); !status.ok()) return status;
  engine->UpdateStatus();
  RunEngine* self = engine.get();
  engine->loop_ = std::jthread([self] { self->Loop(); });
  for (size_t i = 0; i < std::min<size_t>(2, self->trials_.size()); ++i) {
    engine->threads_.emplace_back([self] { self->EffectLoop(); });
  }
  engine->threads_.emplace_back([self] { self->CheckpointLoop(); });
  return engine;
}

RunEngine::~RunEngine() {
  {
    std::scoped_lock lock(mailbox_mutex_, effects_mutex_, checkpoint_mutex_);
    stop_ = true;
  }
  mailbox_filled_.notify_all();
  effects_filled_.notify_all();
  checkpoint_wanted_.notify_all();
  if (loop_.joinable()) loop_.join();
  threads_.clear();
  if (files_ != nullptr && !ended()) {
    if (absl::Status status = SaveCheckpoint(); !status.ok()) {
      Log(LogLevel::kError,
          absl::StrCat("run ", options_.run, ": last checkpoint: ", status.ToString()));
    }
  }
}

absl::Status RunEngine::Open() {
  absl::StatusOr<OpenedRun> opened =
      OpenRun(options_.spec, options_.trials, options_.data_folder, options_.limits);
  if (!opened.ok()) return opened.status();
  data_ = std::move(opened->data);
  test_ = std::move(opened->test);
  trials_ = std::move(opened->trials);
  for (size_t trial = 0; trial < trials_.size(); ++trial) {
    first_lane_.push_back(static_cast<int>(lanes_.size()));
    for (int lane = 0; lane < trials_[trial]->lanes(); ++lane) {
      lanes_.push_back({static_cast<int>(trial), lane});
    }
  }
  lane_sums_.resize(lanes_.size());
  const v1::WireSpec& wire = options_.spec.wire();
  reply_frame_values_ = FrameValues(wire.replies(), wire.frame_bytes());
  // fp16 and bf16 round the count of examples that travels with the sum.
  count_tolerance_ = 1e-3 + 4 * UnitRoundoff(wire.replies());
  absl::StatusOr<std::unique_ptr<RunFiles>> files =
      RunFiles::Open(options_.folder, static_cast<int>(options_.spec.checkpoint().keep()));
  if (!files.ok()) return files.status();
  files_ = *std::move(files);
  status_.set_run(options_.run);
  status_.set_name(options_.spec.name());
  status_.set_state(v1::WAITING);
  status_.set_output(files_->output_folder());
  status_.set_resumes(options_.resumes);
  status_.mutable_submitted()->set_seconds(absl::ToUnixSeconds(options_.submitted));
  for (const std::unique_ptr<Trial>& trial : trials_) {
    v1::TrialStatus* status = status_.add_trials();
    status->set_name(trial->spec().name());
    status->set_jobs(static_cast<uint64_t>(trial->jobs()));
  }
  return absl::OkStatus();
}

absl::Status RunEngine::Restore() {
  absl::StatusOr<bool> restored = files_->Restore(trials_, &before_);
  if (!restored.ok()) return restored.status();
  if (!*restored) return StartTrials(trials_, options_.data_folder);
  for (int i = 0; i < before_.trials_size(); ++i) {
    const v1::TrialCheckpoint& trial = before_.trials(i);
    v1::TrialStatus* status = status_.mutable_trials(i);
    status->set_jobs_done(static_cast<uint64_t>(trials_[i]->jobs_done()));
    status->set_loss(trial.loss());
    status->set_finished(trials_[i]->finished());
    if (trial.has_accuracy()) status->set_accuracy(trial.accuracy());
    Log(LogLevel::kInfo,
        absl::StrCat("run ", options_.run, ": trial ", trial.name(), " resumes at job ",
                     status->jobs_done(), " of ", trials_[i]->jobs()));
  }
  return absl::OkStatus();
}

// ---- the loop -----------------------------------------------------------------------------------

void RunEngine::WorkerReady(WorkerId worker, const std::string& name) {
  Post(WorkerJoined{worker, name});
}

void RunEngine::WorkerGone(WorkerId worker) { Post(WorkerLost{worker}); }

void RunEngine::WorkerUnfit(const std::string& name, const std::string& reason) {
  const std::string message = absl::StrCat("worker ", name, " cannot serve the run: ", reason);
  size_t unfit = 0;
  {
    std::lock_guard lock(mailbox_mutex_);
    unfit_workers_[name] = reason;
    unfit = unfit_workers_.size();
  }
  {
    std::lock_guard lock(status_mutex_);
    if (status_.state() != v1::WAITING) return;
    status_.set_error(message);
  }
  if (unfit >= options_.spec.fleet().min_workers()) Post(EffectFailed{message});
}

void RunEngine::Post(Event event) {
  {
    std::lock_guard lock(mailbox_mutex_);
    mailbox_.push_back(std::move(event));
  }
  mailbox_filled_.notify_one();
}

void RunEngine::Loop() {
  for (;;) {
    Event event = Tick{};
    bool changed = false;
    {
      std::unique_lock lock(mailbox_mutex_);
      const absl::Time timeout = core_ == nullptr ? absl::InfiniteFuture() : core_->NextTimeout();
      const auto ready = [this] { return stop_ || schedule_changed_ || !mailbox_.empty(); };
      if (timeout == absl::InfiniteFuture()) {
        mailbox_filled_.wait(lock, ready);
      } else {
        mailbox_filled_.wait_until(lock, absl::ToChronoTime(timeout), ready);
      }
      if (stop_) return;
      changed = std::exchange(schedule_changed_, false);
      if (!mailbox_.empty()) {
        event = std::move(mailbox_.front());
        mailbox_.pop_front();
      }
    }
    if (changed) FollowSchedule();
    if (!ended()) HandleEvent(event);
  }
}

bool RunEngine::AllTrialsFinished() const {
  return std::all_of(trials_.begin(), trials_.end(),
                     [](const std::unique_ptr<Trial>& trial) { return trial->finished(); });
}

bool RunEngine::WaitForWorkers(const Event& event) {
  if (const auto* joined = std::get_if<WorkerJoined>(&event)) {
    ready_workers_[joined->worker] = joined->name;
  } else if (const auto* lost = std::get_if<WorkerLost>(&event)) {
    ready_workers_.erase(lost->worker);
  } else if (std::holds_alternative<StopRequested>(event)) {
    End(v1::CANCELLED, "");
    return false;
  } else if (const auto* failed = std::get_if<EffectFailed>(&event)) {
    End(v1::FAILED, failed->error);
    return false;
  }
  UpdateStatus();
  if (ready_workers_.size() < options_.spec.fleet().min_workers() && !AllTrialsFinished()) {
    return false;
  }
  if (absl::Status status = BuildCore(); !status.ok()) {
    End(v1::FAILED, std::string(status.message()));
    return false;
  }
  return true;
}

void RunEngine::HandleEvent(const Event& event) {
  if (core_ == nullptr) {
    if (!WaitForWorkers(event)) return;
    for (const auto& [worker, name] : ready_workers_) HandleEvent(WorkerJoined{worker, name});
    if (!ended()) HandleEvent(Tick{});
    return;
  }
  std::vector<Action> actions;
  const CoreCounters before = core_->counters();
  const absl::Time now = absl::Now();
  if (const auto* reply = std::get_if<ReplyReceived>(&event); reply != nullptr) {
    watch_.Replied(now, *reply);
  }
  core_->Handle(now, event, &actions);
  CarryOutAll(actions);
  std::optional<int> moved;  // a lane
  if (const auto* applied = std::get_if<JobApplied>(&event)) moved = applied->lane;
  if (const auto* missed = std::get_if<JobMissed>(&event)) moved = missed->lane;
  if (moved.has_value() && !ended()) {
    schedule_->JobApplied(*moved, PlanLanes(trials_));
    FollowSchedule();
  }
  const CoreCounters& after = core_->counters();
  options_.metrics->replies.Increment(static_cast<double>(after.replies - before.replies));
  options_.metrics->replies_late.Increment(
      static_cast<double>(after.replies_late - before.replies_late));
  options_.metrics->jobs_missed.Increment(
      static_cast<double>(after.jobs_missed - before.jobs_missed));
  options_.metrics->jobs_late.Increment(static_cast<double>(after.jobs_late - before.jobs_late));
  options_.metrics->task_failures.Increment(
      static_cast<double>(after.tasks_failed - before.tasks_failed));
  if (!actions.empty()) UpdateStatus();
}

void RunEngine::CarryOutAll(std::vector<Action>& actions) {
  for (Action& action : actions) CarryOut(action);
  for (const InvocationObserved& observed : watch_.TakeEnded(absl::Now())) {
    schedule_->Observe(observed);
  }
}

void RunEngine::FollowSchedule() {
  if (core_ == nullptr || ended()) return;
  absl::StatusOr<std::optional<Schedule::Next>> next = schedule_->Change(core_->NextJobs());
  absl::Status status = next.status();
  if (next.ok() && next->has_value()) {
    std::vector<Action> actions;
    status = core_->Reconfigure(std::move((*next)->weaves), (*next)->pause_at);
    core_->Handle(absl::Now(), Tick{}, &actions);
    CarryOutAll(actions);
    const std::string cost = CostOfSchedule((*next)->cost);
    Log(LogLevel::kInfo,
        absl::StrCat("run ", options_.run, " goes on under ", (*next)->description, ": ", cost));
    std::lock_guard lock(status_mutex_);
    status_.set_scheme((*next)->description);
    status_.set_scheme_cost(cost);
    status_.set_scheme_switches(schedule_->switches());
  }
  if (!status.ok()) Post(EffectFailed{absl::StrCat("scheme.auto: ", status.message())});
}

absl::Status RunEngine::BuildCore() {
  v1::SchemeSpec* scheme_spec = options_.spec.mutable_scheme();
  SettleScheme(static_cast<uint32_t>(std::max<size_t>(1, ready_workers_.size())), scheme_spec);
  const int slots = static_cast<int>(scheme_spec->slots());
  absl::StatusOr<std::unique_ptr<Scheme>> scheme = MakeRunScheme(*scheme_spec, slots);
  if (!scheme.ok()) return scheme.status();
  options_.on_slots(scheme_spec->slots());

  CorePlan plan;
  plan.slots = slots;
  plan.min_workers = static_cast<int>(options_.spec.fleet().min_workers());
  plan.rejoin_grace = ToAbsl(options_.spec.fleet().rejoin_grace());
  plan.round_timeout = ToAbsl(options_.spec.fleet().round_timeout());
  plan.max_task_attempts = static_cast<int>(options_.spec.limits().max_task_attempts());
  if (!(*scheme)->unit_weights()) {
    plan.max_amplification = MaxAmplification(UnitRoundoff(options_.spec.wire().replies()));
  }
  // Whole numbers add exactly in a unit-weight sum of single-precision replies.
  if ((*scheme)->unit_weights() && options_.spec.wire().replies() == v1::FP32) {
    count_tolerance_ = 1e-6;
  }
  if (!(*scheme)->exact()) count_tolerance_ = std::numeric_limits<double>::infinity();
  plan.lanes = PlanLanes(trials_);
  absl::StatusOr<std::unique_ptr<Schedule>> schedule = Schedule::Open(
      options_.spec, plan.lanes, options_.folder + "/schedule.json", options_.data_folder, [this] {
        {
          std::lock_guard lock(mailbox_mutex_);
          schedule_changed_ = true;
        }
        mailbox_filled_.notify_one();
      });
  if (!schedule.ok()) return schedule.status();
  schedule_ = *std::move(schedule);
  absl::StatusOr<Schedule::Next> first = schedule_->First();
  if (!first.ok()) return first.status();
  for (size_t i = 0; i < first->pause_at.size(); ++i) plan.lanes[i].pause_at = first->pause_at[i];
  const std::string description = first->description;
  plan.weaves = std::move(first->weaves);
  absl::StatusOr<std::unique_ptr<CoordinatorCore>> core = CoordinatorCore::Create(std::move(plan));
  if (!core.ok()) return core.status();
  core_ = *std::move(core);
  started_ = absl::Now();
  const std::string cost = CostOfSchedule(first->cost);
  Log(LogLevel::kInfo, absl::StrCat("run ", options_.run, " starts: ", description, " over ", slots,
                                    " slots, ", ready_workers_.size(), " workers: ", cost));
  std::lock_guard lock(status_mutex_);
  status_.set_state(v1::RUNNING);
  status_.clear_error();
  status_.set_scheme(description);
  status_.set_scheme_cost(cost);
  status_.set_slots(static_cast<uint32_t>(slots));
  return absl::OkStatus();
}

std::string RunEngine::CostOfSchedule(const ChoiceCost& cost) const {
  double values = 0;
  for (const TrialLane& at : lanes_) {
    values += static_cast<double>(trials_[at.trial]->workload().lanes()[at.lane].reply_length);
  }
  const double bytes = values * static_cast<double>(BytesPerValue(options_.spec.wire().replies()));
  return CostText(cost, bytes / static_cast<double>(lanes_.size()));
}

// ---- actions ------------------------------------------------------------------------------------

void RunEngine::CarryOut(Action& action) {
  CoordinatorMetrics& metrics = *options_.metrics;
  if (const auto* assign = std::get_if<AssignTasks>(&action)) {
    Assign(*assign);
  } else if (const auto* drop = std::get_if<DropTasks>(&action)) {
    Drop(*drop);
  } else if (auto* apply = std::get_if<ApplyJob>(&action)) {
    std::shared_ptr<JobSum> sum;
    {
      std::lock_guard lock(tasks_mutex_);
      sum = lane_sums_[apply->lane].sum;
    }
    Enqueue({std::move(*apply), std::move(sum)});
  } else if (const auto* miss = std::get_if<MissJob>(&action)) {
    Enqueue({*miss, nullptr});
  } else if (const auto* closed = std::get_if<RoundClosed>(&action)) {
    metrics.rounds.Increment();
    metrics.round_seconds.Observe(absl::ToDoubleSeconds(closed->duration));
    metrics.straggler_slots.Increment(static_cast<double>(closed->stragglers.size()));
  } else if (const auto* wait = std::get_if<WaitAvoided>(&action)) {
    extra_seconds_ += absl::ToDoubleSeconds(wait->extra);
    metrics.wait_avoided_seconds.Increment(absl::ToDoubleSeconds(wait->extra));
  } else if (std::holds_alternative<RunFinished>(action)) {
    End(v1::SUCCEEDED, "");
  } else if (std::holds_alternative<RunCancelled>(action)) {
    End(v1::CANCELLED, "");
  } else if (const auto* failed = std::get_if<RunFailed>(&action)) {
    End(v1::FAILED, failed->error);
  }
}

void RunEngine::PrepareSum(const AssignedTask& task) {
  LaneSum& lane = lane_sums_[task.lane];
  if (lane.lane_job == task.lane_job && lane.weave == task.weave) return;
  const Scheme& scheme = core_->scheme(task.weave);
  // One buffer a lane, whoever is still sending: replies to the job before are refused from here.
  absl::erase_if(wanted_, [&task](const auto& entry) { return entry.second.lane == task.lane; });
  // Another weave may cut jobs into other parts.
  if (lane.sum == nullptr || lane.weave != task.weave) {
    const TrialLane& at = lanes_[task.lane];
    const LaneSpec& spec = trials_[at.trial]->workload().lanes()[at.lane];
    lane.sum =
        std::make_shared<JobSum>(static_cast<size_t>(spec.reply_length), reply_frame_values_,
                                 static_cast<int>(scheme.parts().size()), scheme.unit_weights());
  } else {
    lane.sum->Clear();
  }
  lane.lane_job = task.lane_job;
  lane.weave = task.weave;
  const TrialLane& at = lanes_[task.lane];
  lane.reads = trials_[at.trial]->Reads(at.lane);
}

v1::Task RunEngine::ToProto(const AssignedTask& task) const {
  const Scheme& scheme = core_->scheme(task.weave);
  v1::Task proto;
  proto.set_id(task.id);
  proto.set_slot(task.slot);
  proto.set_part(task.part);
  const TrialLane& lane = lanes_[task.lane];
  proto.set_trial(lane.trial);
  proto.set_lane(lane.lane);
  proto.set_job(task.lane_job);
  for (const SegmentVersion& read : lane_sums_[task.lane].reads) {
    v1::SegmentVersion* segment = proto.add_reads();
    segment->set_segment(static_cast<uint32_t>(read.segment));
    segment->set_version(static_cast<uint64_t>(read.version));
  }
  proto.set_denominator(scheme.denominator());
  for (const Term& term : scheme.parts()[task.part].terms) {
    const Chunk& chunk = scheme.chunks()[term.chunk];
    v1::Term* t = proto.add_terms();
    t->set_begin(chunk.begin);
    t->set_end(chunk.end);
    t->set_coefficient(term.coefficient);
  }
  proto.set_round(task.round);
  proto.set_attempt(task.attempt);
  proto.set_invocation(task.invocation);
  return proto;
}

void RunEngine::Assign(const AssignTasks& action) {
  v1::ToWorker message;
  v1::Assign* assign = message.mutable_assign();
  assign->set_run(options_.run);
  {
    std::lock_guard lock(tasks_mutex_);
    for (const AssignedTask& task : action.tasks) {
      PrepareSum(task);
      wanted_[task.id] = WantedTask{task.lane, task.part, action.worker};
      *assign->add_tasks() = ToProto(task);
    }
  }
  watch_.Assigned(absl::Now(), action, [this](const AssignedTask& task) {
    return core_->scheme(task.weave).parts()[task.part].load;
  });
  options_.link->Send(action.worker, std::move(message));
}

void RunEngine::Drop(const DropTasks& action) {
  {
    std::lock_guard lock(tasks_mutex_);
    for (TaskId task : action.tasks) wanted_.erase(task);
  }
  for (TaskId task : action.tasks) watch_.Dropped(absl::Now(), task);
  if (action.worker == 0) return;
  v1::ToWorker message;
  message.mutable_drop()->set_run(options_.run);
  for (TaskId task : action.tasks) message.mutable_drop()->add_tasks(task);
  options_.link->Send(action.worker, std::move(message));
}

void RunEngine::End(v1::RunState state, const std::string& error) {
  UpdateStatus();
  if (absl::Status status = SaveCheckpoint(); !status.ok()) {
    Log(LogLevel::kError,
        absl::StrCat("run ", options_.run, ": last checkpoint: ", status.ToString()));
  }
  v1::RunStatus final_status;
  {
    std::lock_guard lock(status_mutex_);
    for (int i = 0; i < status_.trials_size(); ++i) {
      status_.mutable_trials(i)->set_parameters_sha256(trials_[i]->Sha256());
    }
    final_status = status_;
  }
  final_status.set_state(state);
  final_status.set_error(error);
  final_status.set_seconds_left(0);
  if (absl::Status status = files_->Finish(trials_, options_.spec, final_status, watch_.Latest());
      !status.ok()) {
    final_status.set_state(v1::FAILED);
    final_status.set_error(
        absl::StrCat(error, error.empty() ? "" : "; ", "writing the output: ", status.message()));
  }
  options_.on_end(final_status.state(), final_status.error());
  {
    std::lock_guard lock(status_mutex_);
    status_ = final_status;
  }
  ended_.notify_all();
  Log(LogLevel::kInfo,
      absl::StrCat("run ", options_.run, " ended: ", v1::RunState_Name(final_status.state()), " ",
                   final_status.error()));
}

// ---- replies ------------------------------------------------------------------------------------

absl::StatusOr<RunEngine::Reply> RunEngine::BeginReply(TaskId task, WorkerId worker) {
  std::lock_guard lock(tasks_mutex_);
  const auto found = wanted_.find(task);
  if (found == wanted_.end()) {
    return absl::NotFoundError(absl::StrCat("task ", task, " is no longer wanted"));
  }
  Reply reply;
  reply.engine_ = this;
  reply.sum_ = lane_sums_[found->second.lane].sum;
  reply.epoch_ = reply.sum_->epoch();
  reply.part_ = found->second.part;
  reply.task_ = task;
  reply.worker_ = worker;
  return reply;
}

size_t RunEngine::Reply::frame_values() const { return engine_->reply_frame_values_; }

absl::Status RunEngine::Reply::AddFrame(size_t frame, FramePool::Buffer values, size_t count,
                                        uint32_t checksum) {
  absl::StatusOr<JobSum::Outcome> outcome =
      sum_->AddFrame(epoch_, part_, frame, std::move(values), count, checksum);
  if (!outcome.ok()) return outcome.status();
  engine_->options_.metrics->reply_bytes.Increment(static_cast<double>(count * sizeof(float)));
  if (*outcome == JobSum::Outcome::kDiffers) {
    engine_->options_.metrics->replies_differing.Increment();
    Log(LogLevel::kError,
        absl::StrCat("run ", engine_->options_.run, ": worker ", worker_,
                     " sent other bits for task ", task_, " (part ", part_, ", frame ", frame,
                     ") than a replica did: one of the two computes wrongly"));
  }
  return absl::OkStatus();
}

absl::Status RunEngine::Reply::Finish(double compute_seconds) {
  if (epoch_ != sum_->epoch()) {
    return absl::NotFoundError(absl::StrCat("task ", task_, " is no longer wanted"));
  }
  if (!sum_->Complete(epoch_, part_)) {
    return absl::InvalidArgumentError(absl::StrCat("task ", task_, ": frames are missing"));
  }
  sum_.reset();
  const bool legal = compute_seconds >= 0 && compute_seconds < kComputeSecondsMax;
  engine_->Post(ReplyReceived{task_, legal ? compute_seconds : 0});
  return absl::OkStatus();
}

const Trial* RunEngine::trial(uint32_t index) const {
  return index < trials_.size() ? trials_[index].get() : nullptr;
}

// ---- checkpoints --------------------------------------------------------------------------------

void RunEngine::CheckpointLoop() {
  const auto every = absl::ToChronoNanoseconds(ToAbsl(options_.spec.checkpoint().every()));
  for (;;) {
    {
      std::unique_lock lock(checkpoint_mutex_);
      checkpoint_wanted_.wait_for(lock, every, [this] { return stop_ || checkpoint_now_; });
      if (stop_) return;
      checkpoint_now_ = false;
    }
    {
      std::lock_guard lock(status_mutex_);
      if (status_.state() != v1::RUNNING) continue;
    }
    if (absl::Status status = SaveCheckpoint(); !status.ok()) {
      Post(EffectFailed{absl::StrCat("checkpoint: ", status.message())});
    }
  }
}

absl::Status RunEngine::SaveCheckpoint() {
  std::lock_guard save_lock(save_mutex_);
  const absl::Time start = absl::Now();
  v1::CheckpointManifest manifest;
  {
    std::lock_guard lock(status_mutex_);
    manifest.set_run(options_.run);
    manifest.set_seconds_running(status_.seconds());
    manifest.set_rounds(status_.rounds());
    manifest.set_stragglers_tolerated(status_.stragglers_tolerated());
    manifest.set_uncoded_extra_seconds(status_.uncoded_extra_seconds());
    manifest.set_replies_late(status_.replies_late());
    manifest.set_jobs_missed(status_.jobs_missed());
    manifest.set_jobs_late(status_.jobs_late());
    manifest.set_workers_lost(status_.workers_lost());
    for (const v1::TrialStatus& status : status_.trials()) {
      v1::TrialCheckpoint* trial = manifest.add_trials();
      trial->set_name(status.name());
      trial->set_loss(status.loss());
      trial->set_finished(status.finished());
      if (status.has_accuracy()) trial->set_accuracy(status.accuracy());
    }
  }
  if (absl::Status status = files_->Save(std::move(manifest), trials_); !status.ok()) return status;
  options_.metrics->checkpoints.Increment();
  options_.metrics->checkpoint_seconds.Observe(absl::ToDoubleSeconds(absl::Now() - start));
  return absl::OkStatus();
}

// ---- status -------------------------------------------------------------------------------------

v1::RunStatus RunEngine::Status() const {
  std::lock_guard lock(status_mutex_);
  return status_;
}

bool RunEngine::ended() const {
  std::lock_guard lock(status_mutex_);
  return EndedLocked();
}

void RunEngine::WaitForEnd(std::chrono::milliseconds limit) const {
  std::unique_lock lock(status_mutex_);
  ended_.wait_for(lock, limit, [this] { return EndedLocked(); });
}

bool RunEngine::EndedLocked() const {
  return status_.state() == v1::SUCCEEDED || status_.state() == v1::FAILED ||
         status_.state() == v1::CANCELLED;
}

void RunEngine::UpdateStatus() {
  std::lock_guard lock(status_mutex_);
  status_.set_rounds(before_.rounds());
  status_.set_stragglers_tolerated(before_.stragglers_tolerated());
  status_.set_seconds(before_.seconds_running());
  status_.set_replies_late(before_.replies_late());
  status_.set_jobs_missed(before_.jobs_missed());
  status_.set_jobs_late(before_.jobs_late());
  status_.set_workers_lost(before_.workers_lost());
  status_.set_uncoded_extra_seconds(before_.uncoded_extra_seconds() + extra_seconds_);
  status_.set_seconds_left(-1);
  if (core_ == nullptr) {
    status_.set_workers(static_cast<uint32_t>(ready_workers_.size()));
    return;
  }
  const CoreCounters& counters = core_->counters();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - started_);
  status_.set_rounds(before_.rounds() + static_cast<uint64_t>(counters.rounds));
  status_.set_stragglers_tolerated(before_.stragglers_tolerated() +
                                   static_cast<uint64_t>(counters.stragglers));
  status_.set_seconds(before_.seconds_running() + seconds);
  status_.set_replies_late(before_.replies_late() + static_cast<uint64_t>(counters.replies_late));
  status_.set_jobs_missed(before_.jobs_missed() + static_cast<uint64_t>(counters.jobs_missed));
  status_.set_jobs_late(before_.jobs_late() + static_cast<uint64_t>(counters.jobs_late));
  status_.set_workers_lost(before_.workers_lost() + static_cast<uint64_t>(counters.workers_lost));
  status_.set_workers(static_cast<uint32_t>(core_->fleet().workers()));
  if (seconds > 0) status_.set_rounds_per_second(static_cast<double>(counters.rounds) / seconds);
  int64_t left = 0;
  for (const v1::TrialStatus& trial : status_.trials()) {
    if (!trial.finished()) left += static_cast<int64_t>(trial.jobs() - trial.jobs_done());
  }
  if (counters.rounds > 0) {
    status_.set_seconds_left(static_cast<double>(left) * seconds /
                             static_cast<double>(counters.rounds));
  }
}

}  // namespace gradloom
