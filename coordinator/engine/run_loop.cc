#include "coordinator/engine/run_loop.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coding/codes/amplification.h"
#include "coordinator/engine/run_plan.h"
#include "coordinator/run_file/run_file.h"
#include "coordinator/run_file/specs.h"
#include "coordinator/tuning/tuning_report.h"
#include "proto/ops/logging.h"
#include "proto/wire/number_format.h"

namespace gradloom {
namespace {

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

Gathering::Options GatheringOf(const v1::RunSpec& spec) {
  Gathering::Options options;
  options.expected = static_cast<int>(spec.fleet().workers());
  options.min_workers = static_cast<int>(spec.fleet().min_workers());
  options.gather = ToAbsl(spec.fleet().gather());
  options.isa = spec.fleet().isa();
  return options;
}

}  // namespace

RunLoop::RunLoop(RunLoopOptions options, const TrialSet& trials, Ports ports, ReplyBook* replies,
                 StatusBook* status)
    : options_(std::move(options)),
      trials_(trials),
      ports_(ports),
      replies_(replies),
      status_(status),
      gathering_(GatheringOf(options_.spec), ports.clock.Now()),
      evaluations_({options_.run, options_.life, options_.test_examples,
                    [this](WorkerId worker, const std::string& why) {
                      Warn(absl::StrCat("worker ", core_->fleet().name(worker),
                                        " failed at an evaluation: ", why));
                    }},
                   trials, ports.effects, ports.link),
      orders_(trials.lanes()),
      checkpoints_(ToAbsl(options_.spec.checkpoint().every())) {
  Gather();
  UpdateStatus();
}

CoreCounters RunLoop::counters() const {
  return core_ == nullptr ? CoreCounters() : core_->counters();
}

absl::Time RunLoop::NextTimeout() const {
  if (ended_ || ending_.has_value()) return absl::InfiniteFuture();
  if (core_ == nullptr) return gather_again_;
  return std::min({core_->NextTimeout(), checkpoints_.NextTimeout(), evaluations_.NextTimeout()});
}

void RunLoop::Handle(const RunEvent& event) {
  if (ended_) return;
  if (ending_.has_value() && !std::holds_alternative<RunClosed>(event)) return;
  std::visit([this](const auto& e) { On(e); }, event);
  if (ended_ || ending_.has_value()) return;
  evaluations_.Wake(ports_.clock.Now());
  SaveCheckpointIfDue();
  UpdateStatus();
}

// ---- the fleet ----------------------------------------------------------------------------------

void RunLoop::On(const WorkerOffered& event) {
  if (core_ != nullptr) return;
  gathering_.Offered(event.worker, event.name, ports_.clock.Now());
  Gather();
}

void RunLoop::On(const WorkerReady& event) {
  if (core_ != nullptr) {
    JoinCore(event.worker, event.name, event.isa);
    return;
  }
  gathering_.Ready(event.worker, event.name, event.isa, ports_.clock.Now());
  Gather();
}

void RunLoop::On(const WorkerUnfit& event) {
  Warn(absl::StrCat("worker ", event.name, " cannot serve the run: ", event.reason));
  if (core_ != nullptr) {
    On(WorkerGone{event.worker});
    return;
  }
  gathering_.Unfit(event.worker, event.name, event.reason);
  Gather();
}

void RunLoop::On(const WorkerGone& event) {
  if (core_ != nullptr) {
    if (joined_.erase(event.worker) == 0) return;
    HandleCore(WorkerLost{event.worker});
    if (!ending_.has_value()) evaluations_.Leave(event.worker, ports_.clock.Now());
    return;
  }
  gathering_.Gone(event.worker);
  Gather();
}

void RunLoop::JoinCore(WorkerId worker, const std::string& name, const std::string& isa) {
  const std::string& level = options_.spec.fleet().isa();
  if (!level.empty() && isa != level) {
    Warn(absl::StrCat("worker ", name, " computes at instruction-set level ", isa, ", the run at ",
                      level, ": replicas would differ in their last bits; start it with --isa=",
                      level, ", or set fleet.isa in the run file before the run starts"));
    return;
  }
  if (!joined_.insert(worker).second) return;
  HandleCore(WorkerJoined{worker, name});
  if (!ending_.has_value()) evaluations_.Join(worker, ports_.clock.Now());
}

void RunLoop::Gather() {
  const Gathering::Verdict verdict = gathering_.Judge(ports_.clock.Now());
  gather_again_ = verdict.ask_again;
  if (!verdict.failure.empty()) {
    End(v1::FAILED, verdict.failure);
    return;
  }
  if (!verdict.start && !trials_.finished()) {
    status_->Change([&](v1::RunStatus& status) { status.set_waiting_for(verdict.waiting_for); });
    return;
  }
  if (absl::Status status = BuildCore(); !status.ok()) {
    End(v1::FAILED, std::string(status.message()));
    return;
  }
  const std::string isa = options_.spec.fleet().isa();
  for (const Gathering::Worker& worker : gathering_.Fit()) JoinCore(worker.id, worker.name, isa);
  for (const Gathering::Worker& worker : gathering_.OfOtherLevels()) {
    JoinCore(worker.id, worker.name, "another");
  }
  if (ending_.has_value()) return;
  evaluations_.Begin(ports_.clock.Now());
  HandleCore(Tick{});
}

absl::Status RunLoop::BuildCore() {
  v1::RunSpec& spec = options_.spec;
  const size_t fit = gathering_.Fit().size();
  const auto slots_if_unsaid =
      static_cast<uint32_t>(std::max<size_t>({1, fit, spec.fleet().workers()}));
  SettleScheme(slots_if_unsaid, spec.mutable_scheme());
  spec.mutable_fleet()->set_isa(gathering_.isa());
  const int slots = static_cast<int>(spec.scheme().slots());
  absl::StatusOr<std::unique_ptr<Scheme>> scheme = MakeRunScheme(spec.scheme(), slots);
  if (!scheme.ok()) return scheme.status();

  CorePlan plan;
  plan.slots = slots;
  plan.min_workers = static_cast<int>(std::max<size_t>(1, fit));  // placed all together
  plan.life = options_.life;
  plan.rejoin_grace = ToAbsl(spec.fleet().rejoin_grace());
  plan.round_timeout = ToAbsl(spec.fleet().round_timeout());
  plan.judge.max_task_attempts = static_cast<int>(spec.limits().max_task_attempts());
  if (!(*scheme)->unit_weights()) {
    plan.max_amplification = MaxAmplification(UnitRoundoff(spec.wire().replies()));
  }
  // fp16 and bf16 round the count of examples that travels with the sum; whole numbers add exactly
  // in a unit-weight sum of single-precision replies.
  count_tolerance_ = 1e-3 + 4 * UnitRoundoff(spec.wire().replies());
  if ((*scheme)->unit_weights() && spec.wire().replies() == v1::FP32) count_tolerance_ = 1e-6;
  if (!(*scheme)->exact()) count_tolerance_ = std::numeric_limits<double>::infinity();
  plan.lanes = PlanLanes(trials_.trials());
  // As if every job had asked every slot once, which is exact for lanes that take turns.
  for (const LanePlan& lane : plan.lanes) {
    plan.invocations_before += static_cast<uint32_t>(lane.first_job);
  }
  std::string description;
  ChoiceCost cost;
  if (absl::Status status = OpenSchedule(&plan, &description, &cost); !status.ok()) return status;
  if (absl::Status status = options_.on_settled(spec.scheme().slots(), spec.fleet().isa());
      !status.ok()) {
    return status;
  }
  evaluations_.Resume(&plan.lanes, ports_.clock.Now());
  evaluations_.SetIsa(spec.fleet().isa());
  absl::StatusOr<std::unique_ptr<CoordinatorCore>> core = CoordinatorCore::Create(std::move(plan));
  if (!core.ok()) return core.status();
  core_ = *std::move(core);
  started_ = ports_.clock.Now();
  checkpoints_.Start(started_);
  const std::string cost_text = CostOfSchedule(cost);
  Log(LogLevel::kInfo, absl::StrCat("run ", options_.run, " starts: ", description, " over ", slots,
                                    " slots, ", fit, " workers: ", cost_text));
  status_->Change([&](v1::RunStatus& status) {
    status.set_state(v1::RUNNING);
    status.clear_waiting_for();
    status.set_scheme(description);
    status.set_scheme_cost(cost_text);
    status.set_slots(static_cast<uint32_t>(slots));
  });
  return absl::OkStatus();
}

absl::Status RunLoop::OpenSchedule(CorePlan* plan, std::string* description, ChoiceCost* cost) {
  absl::StatusOr<std::unique_ptr<Schedule>> schedule =
      Schedule::Open(options_.spec, plan->lanes,
                     {options_.journal_file, options_.data_folder, options_.think}, ports_.files);
  if (!schedule.ok()) return schedule.status();
  schedule_ = *std::move(schedule);
  absl::StatusOr<Schedule::Next> first = schedule_->First();
  if (!first.ok()) return first.status();
  for (size_t i = 0; i < first->pause_at.size(); ++i) plan->lanes[i].pause_at = first->pause_at[i];
  plan->weaves = std::move(first->weaves);
  plan->weaves_of = [slots = plan->slots](const std::string& choice) {
    return Schedule::WeavesOf(choice, slots);
  };
  *description = first->description;
  *cost = first->cost;
  return absl::OkStatus();
}

// ---- the core -----------------------------------------------------------------------------------

void RunLoop::On(const Event& event) {
  if (core_ != nullptr) {
    HandleCore(event);
    return;
  }
  if (std::holds_alternative<StopRequested>(event)) {
    End(v1::CANCELLED, "");
  } else if (const auto* failed = std::get_if<EffectFailed>(&event)) {
    End(v1::FAILED, failed->error);
  } else {
    Gather();
  }
}

void RunLoop::HandleCore(const Event& event) {
  if (ending_.has_value()) return;
  std::vector<Action> actions;
  const absl::Time now = ports_.clock.Now();
  if (const auto* reply = std::get_if<ReplyReceived>(&event)) watch_.Replied(now, *reply);
  if (const auto* failed = std::get_if<TaskFailedEvent>(&event)) watch_.Failed(now, failed->task);
  if (const auto* applied = std::get_if<JobApplied>(&event)) replies_->Settle(applied->lane);
  core_->Handle(now, event, &actions);
  CarryOut(actions);
  // Nothing more starts: what waits for evaluations need not.
  if (std::holds_alternative<StopRequested>(event)) {
    evaluations_.Abandon();
    TellOfEvaluations();
  }
  if (const auto* applied = std::get_if<JobApplied>(&event)) Moved(applied->lane);
  if (const auto* missed = std::get_if<JobMissed>(&event)) Moved(missed->lane);
}

void RunLoop::On(const ViewDue& event) {
  if (core_ == nullptr) return;
  evaluations_.On(event, ports_.clock.Now());
  TellOfEvaluations();
}

void RunLoop::On(const EvaluationAnswered& event) {
  if (core_ == nullptr) return;
  evaluations_.On(event, ports_.clock.Now());
}

void RunLoop::On(const EvaluationTaken& event) {
  evaluations_.On(event, ports_.clock.Now());
  TellOfEvaluations();
  if (finished_ && evaluations_.empty() && !ending_.has_value()) End(v1::SUCCEEDED, "");
}

void RunLoop::CarryOut(const RunFinished&) {
  finished_ = true;
  if (evaluations_.empty()) End(v1::SUCCEEDED, "");
}

void RunLoop::TellOfEvaluations() {
  for (const Event& event : evaluations_.TakeEvents()) HandleCore(event);
}

void RunLoop::Moved(int lane) {
  if (ending_.has_value()) return;
  schedule_->JobApplied(lane, PlanLanes(trials_.trials()));
  const uint64_t every = options_.spec.checkpoint().every_jobs();
  const auto done =
      static_cast<uint64_t>(trials_.of_lane(lane).progress(trials_.place(lane).lane).jobs_done);
  if (every > 0 && done % every == 0) checkpoints_.Want();
  FollowSchedule();
}

void RunLoop::FollowSchedule() {
  if (core_ == nullptr || ending_.has_value()) return;
  absl::StatusOr<std::optional<Schedule::Next>> next = schedule_->Change(core_->NextJobs());
  if (!next.ok()) {
    HandleCore(EffectFailed{absl::StrCat("scheme.auto: ", next.status().message())});
    return;
  }
  if (!next->has_value()) return;
  HandleCore(Reconfigure{(*next)->choice, (*next)->pause_at});
  HandleCore(Tick{});
  if (ending_.has_value()) return;
  const std::string cost = CostOfSchedule((*next)->cost);
  Log(LogLevel::kInfo,
      absl::StrCat("run ", options_.run, " goes on under ", (*next)->description, ": ", cost));
  status_->Change([&](v1::RunStatus& status) {
    status.set_scheme((*next)->description);
    status.set_scheme_cost(cost);
    status.set_scheme_switches(schedule_->switches());
  });
}

std::string RunLoop::CostOfSchedule(const ChoiceCost& cost) const {
  double values = 0;
  for (int lane = 0; lane < trials_.lanes(); ++lane) {
    values += static_cast<double>(trials_.lane_spec(lane).reply.length());
  }
  const double bytes = values * static_cast<double>(BytesPerValue(options_.spec.wire().replies()));
  return CostText(cost, bytes / static_cast<double>(trials_.lanes()));
}

// ---- actions ------------------------------------------------------------------------------------

void RunLoop::CarryOut(std::vector<Action>& actions) {
  for (const Action& action : actions) {
    std::visit([this](const auto& a) { CarryOut(a); }, action);
  }
  for (const InvocationObserved& observed : watch_.TakeEnded(ports_.clock.Now())) {
    schedule_->Observe(observed);
  }
}

void RunLoop::Begin(const AssignedTask& task) {
  if (replies_->Sums(task.lane, task.weave, task.lane_job)) return;
  const Scheme& scheme = core_->scheme(task.weave);
  Trial::LaneJob job = trials_.of_lane(task.lane).Next(trials_.place(task.lane).lane);
  replies_->Begin(task.lane, {task.weave, task.lane_job, static_cast<size_t>(job.reply.length()),
                              static_cast<int>(scheme.parts().size()), scheme.unit_weights()});
  orders_[task.lane] = std::move(job.order);
}

void RunLoop::CarryOut(const AssignTasks& action) {
  v1::ToWorker message;
  v1::Assign* assign = message.mutable_assign();
  assign->set_run(options_.run);
  for (const AssignedTask& task : action.tasks) {
    Begin(task);
    replies_->Want(task.id, WantedOf(task, action.worker));
    *assign->add_tasks() = ToProto(task);
  }
  watch_.Assigned(ports_.clock.Now(), action, [this](const AssignedTask& task) {
    return core_->scheme(task.weave).parts()[task.part].load;
  });
  ports_.link.Send(action.worker, std::move(message));
}

ReplyBook::Wanted RunLoop::WantedOf(const AssignedTask& task, WorkerId worker) const {
  const Scheme& scheme = core_->scheme(task.weave);
  const TrialSet::Place place = trials_.place(task.lane);
  double least = 0, most = 0, slack = 0;
  for (const Term& term : scheme.parts()[task.part].terms) {
    const Chunk& chunk = scheme.chunks()[term.chunk];
    const Trial::Count count = trials_.of_lane(task.lane).CountExamples(
        place.lane, task.lane_job, orders_[task.lane].request, chunk.begin, chunk.end,
        scheme.denominator());
    const double one = term.coefficient * static_cast<double>(count.least);
    const double other = term.coefficient * static_cast<double>(count.most);
    least += std::min(one, other);
    most += std::max(one, other);
    slack += std::fabs(term.coefficient) * static_cast<double>(count.most);
  }
  // Whole numbers are counted exactly in single precision, as far as it goes; weighted ones are
  // not.
  const bool exact = scheme.unit_weights() && slack < 0x1p24;
  if (!exact) {
    least -= 1e-5 * slack;
    most += 1e-5 * slack;
  }
  return {task.lane, task.part, worker, least, most};
}

v1::Task RunLoop::ToProto(const AssignedTask& task) const {
  const Scheme& scheme = core_->scheme(task.weave);
  const TrialSet::Place place = trials_.place(task.lane);
  const JobOrder& order = orders_[task.lane];
  v1::Task proto;
  proto.set_id(task.id);
  proto.set_slot(static_cast<uint32_t>(task.slot));
  proto.set_part(static_cast<uint32_t>(task.part));
  proto.set_trial(static_cast<uint32_t>(place.trial));
  proto.set_lane(static_cast<uint32_t>(place.lane));
  proto.set_job(static_cast<uint64_t>(task.lane_job));
  *proto.mutable_request() = order.request;
  for (const SegmentVersion& read : order.reads) {
    v1::SegmentVersion* segment = proto.add_reads();
    segment->set_segment(static_cast<uint32_t>(read.segment));
    segment->set_version(static_cast<uint64_t>(read.version));
  }
  proto.set_denominator(static_cast<uint64_t>(scheme.denominator()));
  for (const Term& term : scheme.parts()[task.part].terms) {
    const Chunk& chunk = scheme.chunks()[term.chunk];
    v1::Term* t = proto.add_terms();
    t->set_begin(static_cast<uint64_t>(chunk.begin));
    t->set_end(static_cast<uint64_t>(chunk.end));
    t->set_coefficient(term.coefficient);
  }
  proto.set_attempt(static_cast<uint32_t>(task.attempt));
  proto.set_invocation(task.invocation);
  proto.set_slot_invocation(task.slot_invocation);
  return proto;
}

void RunLoop::CarryOut(const DropTasks& action) {
  for (TaskId task : action.tasks) {
    replies_->Unwant(task);
    watch_.Dropped(ports_.clock.Now(), task);
  }
  if (action.worker == 0) return;
  v1::ToWorker message;
  message.mutable_drop()->set_run(options_.run);
  for (TaskId task : action.tasks) message.mutable_drop()->add_tasks(task);
  ports_.link.Send(action.worker, std::move(message));
}

void RunLoop::CarryOut(const ApplyJob& action) {
  ports_.effects.Apply(action, replies_->Sum(action.lane), count_tolerance_);
}

void RunLoop::CarryOut(const WaitAvoided& action) {
  extra_seconds_ += absl::ToDoubleSeconds(action.extra);
}

void RunLoop::CarryOut(const WorkerRested& action) {
  const absl::Duration rest = action.until - ports_.clock.Now();
  Warn(absl::StrCat(action.why, "; it rests for ", absl::FormatDuration(rest),
                    ", its slots are others'"));
}

void RunLoop::Warn(const std::string& warning) {
  Log(LogLevel::kWarning, absl::StrCat("run ", options_.run, ": ", warning));
  status_->Warn(warning);
}

// ---- checkpoints and the end --------------------------------------------------------------------

void RunLoop::SaveCheckpointIfDue() {
  if (core_ == nullptr || !checkpoints_.Due(ports_.clock.Now())) return;
  UpdateStatus();
  checkpoints_.Begin();
  ports_.effects.Checkpoint();
}

void RunLoop::On(const CheckpointSaved& event) {
  checkpoints_.Saved(ports_.clock.Now(), event.took);
  if (!event.status.ok())
    On(Event(EffectFailed{absl::StrCat("checkpoint: ", event.status.message())}));
}

void RunLoop::End(v1::RunState state, const std::string& error) {
  UpdateStatus();
  ending_ = {state, error};
  replies_->Close();
  ports_.effects.Finish(options_.spec, state, error, watch_.Latest());
}

void RunLoop::On(const RunClosed& event) {
  if (!event.status.ok()) {
    ending_->state = v1::FAILED;
    absl::StrAppend(&ending_->error, ending_->error.empty() ? "" : "; ",
                    "writing the output: ", event.status.message());
  }
  ended_ = true;
  options_.on_end(ending_->state, ending_->error);
  status_->Change([this](v1::RunStatus& status) {
    status.set_state(ending_->state);
    status.set_error(ending_->error);
    status.clear_waiting_for();
    status.set_seconds_left(0);
  });
  Log(LogLevel::kInfo, absl::StrCat("run ", options_.run, " ended: ",
                                    v1::RunState_Name(ending_->state), " ", ending_->error));
}

// ---- status -------------------------------------------------------------------------------------

void RunLoop::UpdateStatus() {
  const v1::CheckpointManifest& before = options_.before;
  const CoreCounters counters = this->counters();
  const double seconds =
      core_ == nullptr ? 0 : absl::ToDoubleSeconds(ports_.clock.Now() - started_);
  const size_t workers = core_ == nullptr ? gathering_.Fit().size() : joined_.size();
  const auto total = [](uint64_t earlier, int64_t now) {
    return earlier + static_cast<uint64_t>(now);
  };
  status_->Change([&](v1::RunStatus& status) {
    status.set_rounds(total(before.rounds(), counters.rounds));
    status.set_stragglers_tolerated(total(before.stragglers_tolerated(), counters.stragglers));
    status.set_seconds(before.seconds_running() + seconds);
    status.set_replies_late(total(before.replies_late(), counters.replies_late));
    status.set_jobs_missed(total(before.jobs_missed(), counters.jobs_missed));
    status.set_jobs_late(total(before.jobs_late(), counters.jobs_late));
    status.set_workers_lost(total(before.workers_lost(), counters.workers_lost));
    status.set_uncoded_extra_seconds(before.uncoded_extra_seconds() + extra_seconds_);
    status.set_workers(static_cast<uint32_t>(workers));
    status.set_seconds_left(-1);
    if (counters.rounds == 0 || seconds <= 0) return;
    status.set_rounds_per_second(static_cast<double>(counters.rounds) / seconds);
    int64_t left = 0;
    for (const v1::TrialStatus& trial : status.trials()) {
      if (!trial.finished()) left += static_cast<int64_t>(trial.jobs() - trial.jobs_done());
    }
    status.set_seconds_left(static_cast<double>(left) * seconds /
                            static_cast<double>(counters.rounds));
  });
}

}  // namespace gradloom
