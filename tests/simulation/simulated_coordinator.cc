#include "tests/simulation/simulated_coordinator.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/run_plan.h"
#include "coordinator/run_file/run_file.h"
#include "proto/wire/crc32c.h"
#include "proto/wire/frame.h"

namespace gradloom {
namespace {

constexpr int kTurnsAtOnceMax = 2000;

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

std::string TextOf(const Event& event) {
  return std::visit(
      Overloaded{
          [](const WorkerJoined& e) { return absl::StrCat("joined ", e.worker); },
          [](const WorkerLost& e) { return absl::StrCat("lost ", e.worker); },
          [](const ReplyReceived& e) { return absl::StrCat("reply ", e.task); },
          [](const TaskFailedEvent& e) {
            return absl::StrCat("task ", e.task, " failed at ", e.worker, ": ", e.error);
          },
          [](const TaskDropped& e) { return absl::StrCat("task ", e.task, " dropped"); },
          [](const JobApplied& e) { return absl::StrCat("applied, lane ", e.lane); },
          [](const JobMissed& e) { return absl::StrCat("missed, lane ", e.lane); },
          [](const LanesFinished&) { return std::string("lanes finished"); },
          [](const EffectFailed& e) { return absl::StrCat("effect failed: ", e.error); },
          [](const Reconfigure& e) { return absl::StrCat("reconfigure ", e.choice); },
          [](const StopRequested&) { return std::string("stop"); },
          [](const Tick&) { return std::string("tick"); },
      },
      event);
}

std::string TextOf(const RunEvent& event) {
  return std::visit(
      Overloaded{
          [](const Event& e) { return TextOf(e); },
          [](const WorkerOffered& e) { return absl::StrCat("offered ", e.worker, " ", e.name); },
          [](const WorkerReady& e) { return absl::StrCat("ready ", e.worker, " ", e.name); },
          [](const WorkerUnfit& e) { return absl::StrCat("unfit ", e.worker, " ", e.name); },
          [](const WorkerGone& e) { return absl::StrCat("gone ", e.worker); },
          [](const ScheduleChanged&) { return std::string("schedule"); },
          [](const CheckpointSaved& e) { return absl::StrCat("checkpoint ", e.status.ToString()); },
          [](const ViewDue& e) {
            return absl::StrCat("due ", e.trial, " view ", e.view, " by ", TextOf(e.event));
          },
          [](const EvaluationAnswered& e) {
            return absl::StrCat("evaluated ", e.id, " by ", e.worker, " ",
                                absl::StatusCodeToString(e.result.status().code()));
          },
          [](const EvaluationTaken& e) {
            return absl::StrCat("taken ", e.trial, " view ", e.view);
          },
          [](const RunClosed& e) { return absl::StrCat("closed ", e.status.ToString()); },
      },
      event);
}

}  // namespace

SimulatedCoordinator::SimulatedCoordinator(const Scenario& scenario, const SimulatedRun& model,
                                           Draws draws, Ports ports)
    : scenario_(scenario),
      model_(model),
      draws_(draws),
      ports_(std::move(ports)),
      life_(ports_.record.lives++) {
  ports_.trace.Note("life ", life_);
  const v1::RunSpec& spec = model_.run.spec;
  if (absl::Status status = OpenFiles(); !status.ok()) {
    ports_.safety.Complain(absl::StrCat("life ", life_, " cannot begin: ", status.ToString()));
  }
  ports_.safety.BeginLife(life_, opened_.trials);
  v1::RunStatus status = StatusOf(opened_);
  status.set_run(kRunId);
  status_ = std::make_unique<StatusBook>(status);
  replies_ = std::make_unique<ReplyBook>(
      opened_.trials.lanes(), FrameValues(spec.wire().replies(), spec.wire().frame_bytes()));
  effects_ = std::make_unique<SimulatedEffects>(
      opened_, *status_, scenario_.canary, Draws(draws_.Below(1 << 30), 1),
      SimulatedEffects::Ports{ports_.time, ports_.safety,
                              [this](absl::Duration delay, std::function<void()> what) {
                                Later(delay, std::move(what));
                              },
                              [this](RunEvent event) { Post(std::move(event)); }});
  Start();
}

SimulatedCoordinator::~SimulatedCoordinator() { *alive_ = false; }

absl::Status SimulatedCoordinator::OpenFiles() {
  const v1::RunSpec& spec = model_.run.spec;
  opened_.data = model_.data;
  auto trials = MakeTrials(spec, model_.run.trials, model_.data);
  if (!trials.ok()) return trials.status();
  opened_.trials = TrialSet(*std::move(trials));
  auto test = model_.data.test->Load(0, model_.data.test->info().examples);
  if (!test.ok()) return test.status();
  opened_.test = *std::move(test);
  if (absl::Status status = EnsureFolder(ports_.disk, "/run"); !status.ok()) return status;
  auto files = RunFiles::Open("/run", static_cast<int>(spec.checkpoint().keep()), ports_.disk);
  if (!files.ok()) return files.status();
  opened_.files = *std::move(files);
  const absl::StatusOr<bool> restored = opened_.files->Restore(
      opened_.trials.trials(), [](const v1::CheckpointManifest&) { return absl::OkStatus(); },
      &opened_.before);
  if (!restored.ok()) return restored.status();
  opened_.restored = *restored;
  if (*restored) ports_.trace.Count("checkpoint restored");
  return absl::OkStatus();
}

void SimulatedCoordinator::Start() {
  RunLoopOptions options;
  options.run = kRunId;
  options.spec = model_.run.spec;
  if (ports_.record.slots > 0) {
    options.spec.mutable_scheme()->set_slots(ports_.record.slots);
    options.spec.mutable_fleet()->set_isa(ports_.record.isa);
  }
  options.life = scenario_.canary == Canary::kSameLife ? 0 : life_;
  options.journal_file = "/run/schedule.json";
  options.data_folder = "/run";
  options.before = opened_.before;
  options.test_examples = opened_.test.rows;
  options.on_settled = [this](uint32_t slots, const std::string& isa) {
    if (ports_.record.slots > 0 && (ports_.record.slots != slots || ports_.record.isa != isa)) {
      ports_.safety.Complain("what was settled is settled otherwise in a later life");
    }
    ports_.record.slots = slots;
    ports_.record.isa = isa;
    return absl::OkStatus();
  };
  options.on_end = [this](v1::RunState state, const std::string& error) {
    ports_.safety.Ended();
    ports_.record.state = state;
    ports_.record.error = error;
    ports_.trace.Note(v1::RunState_Name(state), " ", error);
  };
  options.think = [this](std::function<void()> search) {
    Later(draws_.Between(0.001, 0.5), [this, search = std::move(search)] {
      search();
      Post(ScheduleChanged{});
    });
  };
  loop_ = std::make_unique<RunLoop>(std::move(options), opened_.trials,
                                    RunLoop::Ports{ports_.time, *effects_, *this, ports_.disk},
                                    replies_.get(), status_.get());
  SetTimer();
}

// ---- the loop's thread --------------------------------------------------------------------------

void SimulatedCoordinator::Later(absl::Duration delay, std::function<void()> what) {
  ports_.time.After(delay, [alive = alive_, what = std::move(what)] {
    if (*alive) what();
  });
}

void SimulatedCoordinator::Post(RunEvent event) {
  mailbox_.push_back(std::move(event));
  if (mailbox_.size() == 1) Later(draws_.Between(0.00001, 0.001), [this] { Turn(); });
}

void SimulatedCoordinator::Turn() {
  Handle(mailbox_.front());
  mailbox_.pop_front();
  if (!mailbox_.empty()) Later(draws_.Between(0.00001, 0.0005), [this] { Turn(); });
}

void SimulatedCoordinator::Tell(const RunEvent& event) {
  if (const auto* gone = std::get_if<WorkerGone>(&event)) ports_.safety.Gone(gone->worker);
  if (const auto* ready = std::get_if<WorkerReady>(&event)) ports_.safety.Connected(ready->worker);
  if (const auto* core = std::get_if<Event>(&event)) {
    if (const auto* failed = std::get_if<TaskFailedEvent>(core)) {
      ports_.safety.Failed(failed->worker, failed->task);
    }
  }
}

void SimulatedCoordinator::Handle(const RunEvent& event) {
  if (loop_->ended()) return;
  const std::string text = TextOf(event);
  ports_.trace.Note("loop: ", text);
  ports_.trace.Count(absl::StrCat("event ", text.substr(0, text.find(' '))));
  turns_at_once_ = ports_.time.Now() == last_turn_ ? turns_at_once_ + 1 : 0;
  last_turn_ = ports_.time.Now();
  if (turns_at_once_ == kTurnsAtOnceMax)
    ports_.safety.Complain("the loop spins: time stands still");
  Tell(event);
  const int64_t rested = loop_->counters().workers_rested;
  loop_->Handle(event);
  if (loop_->counters().workers_rested > rested) ports_.trace.Count("worker rested");
  SetTimer();
}

void SimulatedCoordinator::SetTimer() {
  const absl::Time timeout = loop_->NextTimeout();
  if (timeout == timer_ || scenario_.canary == Canary::kNoTimer) return;
  timer_ = timeout;
  if (timeout == absl::InfiniteFuture()) return;
  const absl::Duration delay = std::max(timeout - ports_.time.Now(), absl::ZeroDuration());
  Later(delay, [this, timeout] {
    if (timer_ != timeout) return;  // another was set meanwhile
    timer_ = absl::InfiniteFuture();
    Handle(Event(Tick{}));
  });
}

// ---- connections --------------------------------------------------------------------------------

Connection SimulatedCoordinator::Admit(const Network::Hello& hello) {
  for (const auto& [id, member] : roster_) {
    if (member.hello.name != hello.name) continue;
    if (member.hello.instance != hello.instance) return {};  // until that one is known to be gone
    Gone(id);
    break;
  }
  const WorkerId id = next_worker_++;
  roster_[id] = {hello};
  Post(WorkerOffered{id, hello.name});
  return {life_, id};
}

void SimulatedCoordinator::Gone(WorkerId worker) {
  if (roster_.erase(worker) == 0) return;
  Post(WorkerGone{worker});
}

void SimulatedCoordinator::Send(WorkerId worker, v1::ToWorker message) {
  for (const uint64_t task : message.drop().tasks()) {
    ports_.trace.Note("drop ", task, " of ", worker);
    ports_.trace.Count("drop");
    ports_.safety.Dropped(worker, task);
  }
  for (const v1::Task& task : message.assign().tasks()) {
    ports_.trace.Note("ask ", worker, " task ", task.id(), " slot ", task.slot(), " trial ",
                      task.trial(), " job ", task.job(), " part ", task.part());
    if (task.attempt() > 0) ports_.trace.Count("further attempt");
    ports_.safety.Asked(worker, task);
    holders_[task.id()] = worker;
  }
  if (roster_.contains(worker)) ports_.send({life_, worker}, std::move(message));
}

void SimulatedCoordinator::Receive(WorkerId worker, const v1::FromWorker& message) {
  const auto member = roster_.find(worker);
  if (member == roster_.end()) return;
  const Network::Hello& hello = member->second.hello;
  if (message.has_run_ready() && message.run_ready().error().empty()) {
    Post(WorkerReady{worker, hello.name, hello.isa});
  } else if (message.has_run_ready()) {
    Post(WorkerUnfit{worker, hello.name, message.run_ready().error()});
  } else if (message.has_task_failed()) {
    const v1::TaskFailed& failed = message.task_failed();
    Post(Event(TaskFailedEvent{failed.task(), worker, failed.fatal(), failed.error()}));
  } else if (message.has_task_dropped()) {
    const v1::TaskDropped& dropped = message.task_dropped();
    Post(Event(TaskDropped{dropped.task(), absl::Seconds(dropped.estimated_seconds())}));
  } else if (message.has_evaluated()) {
    const v1::Evaluated& evaluated = message.evaluated();
    EvaluationAnswered answer{evaluated.id(), worker, absl::UnknownError(evaluated.error())};
    if (evaluated.has_sums()) {
      const v1::EvaluationSums& sums = evaluated.sums();
      answer.result =
          EvaluationSums{sums.loss(), sums.correct(), static_cast<int64_t>(sums.examples()),
                         sums.target_mean(), sums.target_spread()};
    }
    Post(std::move(answer));
  }
}

std::optional<std::vector<float>> SimulatedCoordinator::Read(
    uint32_t trial, const v1::SegmentVersion& segment) const {
  const Trial& of = *opened_.trials.trials()[trial];
  std::vector<float> values(static_cast<size_t>(of.workload().segments()[segment.segment()].size));
  const SegmentVersion version{static_cast<int32_t>(segment.segment()),
                               static_cast<int64_t>(segment.version())};
  if (!of.ReadSegment(version, 0, values)) return std::nullopt;
  return values;
}

std::vector<float> SimulatedCoordinator::Parameters() const {
  std::vector<float> all;
  for (const std::unique_ptr<Trial>& trial : opened_.trials.trials()) {
    const Trial::Reading lock(*trial);
    for (const Learner::NamedVector& vector : trial->VectorsLocked()) {
      if (vector.parameter) all.insert(all.end(), vector.values.begin(), vector.values.end());
    }
  }
  return all;
}

// ---- replies ------------------------------------------------------------------------------------

void SimulatedCoordinator::Push(WorkerId worker, const PushedReply& reply,
                                std::function<void(bool)> done) {
  const bool trusts = scenario_.canary == Canary::kTrustsAnyWorker && holders_.contains(reply.task);
  absl::StatusOr<ReplyBook::Entry> entry =
      replies_->Enter(reply.task, trusts ? holders_[reply.task] : worker, reply.examples);
  const bool right_count = reply.sum.back() == reply.examples;
  ports_.safety.Entered(reply.task, worker, entry.ok(), right_count);
  ports_.trace.Note("push ", reply.task, " by ", worker, " ",
                    absl::StatusCodeToString(entry.status().code()));
  ports_.trace.Count(absl::StrCat("reply ", absl::StatusCodeToString(entry.status().code())));
  if (absl::IsInvalidArgument(entry.status())) {
    Post(Event(TaskFailedEvent{reply.task, worker, false, std::string(entry.status().message())}));
  }
  if (!entry.ok()) {
    if (scenario_.canary == Canary::kCountsStaleReply && !holders_.empty()) {
      Post(Event(ReplyReceived{holders_.rbegin()->first}));
    }
    return done(true);
  }
  auto open = std::make_shared<Open>(
      Open{Reply(kRunId, *std::move(entry), replies_->frame_values(), &metrics_,
                 [this](RunEvent event) { Post(std::move(event)); }),
           reply, std::move(done)});
  PushFrame(open, 0);
}

void SimulatedCoordinator::PushFrame(const std::shared_ptr<Open>& open, size_t frame) {
  const std::vector<float>& sum = open->pushed.sum;
  const size_t begin = frame * replies_->frame_values();
  if (begin >= sum.size()) {
    const absl::Status status = open->reply.Finish(open->pushed.compute_seconds);
    if (status.ok()) ports_.safety.Delivered(open->pushed.task);
    if (absl::IsInvalidArgument(status)) ports_.safety.Complain(status.ToString());
    return open->done(true);
  }
  const size_t count = std::min(replies_->frame_values(), sum.size() - begin);
  FramePool::Buffer buffer = open->reply.NewBuffer();
  std::memcpy(buffer.data(), sum.data() + begin, count * sizeof(float));
  const uint32_t checksum =
      Crc32c({reinterpret_cast<const char*>(buffer.data()), count * sizeof(float)});
  const absl::Status status = open->reply.AddFrame(frame, std::move(buffer), count, checksum);
  if (!status.ok()) {
    if (!absl::IsNotFound(status)) ports_.safety.Complain(status.ToString());
    ports_.trace.Count("reply over before its last frame");
    return open->done(true);
  }
  // The rest of a reply of several frames may come much later.
  const bool more = begin + count < sum.size();
  Later(more ? draws_.Around(0.001, 0.05) : absl::ZeroDuration(),
        [this, open, frame] { PushFrame(open, frame + 1); });
}

}  // namespace gradloom
