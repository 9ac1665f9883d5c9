#include "coordinator/service/worker_service.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/service/parameter_stream.h"
#include "coordinator/service/reply_stream.h"
#include "proto/ops/logging.h"

namespace gradloom {
namespace {

constexpr absl::Duration kLookForSilentEvery = absl::Seconds(1);
constexpr double kEstimateSecondsMax = 1e6;
constexpr uint64_t kCountMax = uint64_t{1} << 48;  // of examples, in an evaluation

// What it says is judged where it is known what was asked for.
EvaluationAnswered Answer(WorkerId worker, const v1::Evaluated& evaluated) {
  EvaluationAnswered answer{.id = evaluated.id(),
                            .worker = worker,
                            .result = absl::UnknownError("it says nothing"),
                            .unable = evaluated.unable()};
  const auto count = [](uint64_t examples) {
    return static_cast<int64_t>(std::min(examples, kCountMax));
  };
  if (evaluated.has_sums()) {
    const v1::EvaluationSums& sums = evaluated.sums();
    answer.result = EvaluationSums{.loss = sums.loss(),
                                   .correct = sums.correct(),
                                   .examples = count(sums.examples()),
                                   .target_mean = sums.target_mean(),
                                   .target_spread = sums.target_spread()};
  } else if (evaluated.has_whole()) {
    const v1::WholeEvaluation& whole = evaluated.whole();
    Evaluation result{
        .loss = whole.loss(), .accuracy = whole.accuracy(), .examples = count(whole.examples())};
    if (whole.has_validation()) result.validation = whole.validation();
    answer.result = result;
  } else if (evaluated.has_error()) {
    answer.result = absl::UnknownError(evaluated.error());
  }
  return answer;
}

}  // namespace

WorkerServiceImpl::WorkerServiceImpl(std::string version, std::string isa,
                                     CoordinatorMetrics* metrics)
    : metrics_(metrics),
      roster_(std::move(version), std::move(isa), clock_),
      watch_([this] { Watch(); }) {}

WorkerServiceImpl::~WorkerServiceImpl() {
  {
    const MutexLock lock(watch_mutex_);
    stopping_ = true;
    watch_changed_.NotifyAll();
  }
  watch_.join();
}

void WorkerServiceImpl::Watch() {
  for (;;) {
    {
      const MutexLock lock(watch_mutex_);
      if (!stopping_) watch_changed_.WaitFor(watch_mutex_, kLookForSilentEvery);
      if (stopping_) return;
    }
    for (const std::shared_ptr<const RosterMember>& member : roster_.Silent()) {
      OnGone(member->id,
             absl::StrCat("has not been heard of for ", absl::FormatDuration(Roster::kSilenceMax)));
      member->peer->Abort();
    }
  }
}

// ---- control streams ----------------------------------------------------------------------------

grpc::ServerBidiReactor<v1::FromWorker, v1::ToWorker>* WorkerServiceImpl::Connect(
    grpc::CallbackServerContext* context) {
  return ControlStream::Begin(
      context, {[this, address = context->peer()](const std::shared_ptr<ControlStream>& stream,
                                                  const v1::FromWorker& message) {
                  Received(stream, address, message);
                },
                [this](ControlStream& stream) { OnGone(stream.worker, "its stream has ended"); }});
}

void WorkerServiceImpl::Received(const std::shared_ptr<ControlStream>& stream,
                                 const std::string& address, const v1::FromWorker& message) {
  if (stream->worker == 0) {
    if (message.has_hello()) {
      OnHello(stream, address, message.hello());
    } else {
      stream->Close(absl::InvalidArgumentError("the first message must be hello"));
    }
    return;
  }
  roster_.Heard(stream->worker);
  OnMessage(*stream, message);
}

void WorkerServiceImpl::OnHello(const std::shared_ptr<ControlStream>& stream,
                                const std::string& address, const v1::Hello& hello) {
  const Roster::Admission admission = roster_.Admit(hello, address, stream);
  if (!admission.refusal.empty()) {
    Log(LogLevel::kWarning, absl::StrCat("refused, from ", address, ": ", admission.refusal));
    v1::ToWorker message;
    message.mutable_refusal()->set_reason(admission.refusal);
    message.mutable_refusal()->set_retry(admission.retry);
    stream->Send(std::move(message));
    stream->Close(absl::FailedPreconditionError(admission.refusal));
    return;
  }
  stream->worker = admission.id;
  const std::vector<std::shared_ptr<RunEngine>> active = registry_->AllActive();
  if (admission.replaced != nullptr) {
    metrics_->workers_lost.Increment();
    for (const std::shared_ptr<RunEngine>& engine : active) {
      engine->Post(WorkerGone{admission.replaced->id});
    }
    admission.replaced->peer->Close(
        absl::AbortedError("replaced by a newer connection of the same process"));
  }
  metrics_->workers.Set(static_cast<double>(roster_.size()));
  Log(LogLevel::kInfo, absl::StrCat("worker ", hello.worker(), " joined (", hello.isa(), ", ",
                                    admission.id, ", from ", address, ")"));
  v1::ToWorker welcome;
  welcome.mutable_welcome()->set_generation(admission.id);
  stream->Send(std::move(welcome));
  const std::shared_ptr<const RosterMember> member = roster_.Find(admission.id);
  if (member == nullptr) return;  // gone again
  for (const std::shared_ptr<RunEngine>& engine : active) Offer(*member, *engine);
}

void WorkerServiceImpl::Offer(const RosterMember& member, RunEngine& engine) {
  v1::ToWorker message;
  v1::RunOffer* offer = message.mutable_run_offer();
  offer->set_run(engine.run());
  *offer->mutable_spec() = engine.options().spec;
  for (const v1::TrialSpec& trial : engine.options().trials) *offer->add_trials() = trial;
  offer->set_data_checksum(engine.data_checksum());
  offer->set_life(engine.options().resumes);
  offer->set_test_checksum(engine.test_checksum());
  // Whoever has left meanwhile is not waited for.
  roster_.IfMember(member.id, [&engine](const RosterMember& still) {
    engine.Post(WorkerOffered{still.id, still.hello.worker()});
  });
  member.peer->Send(std::move(message));
}

void WorkerServiceImpl::OnMessage(ControlStream& stream, const v1::FromWorker& message) {
  const WorkerId worker = stream.worker;
  switch (message.message_case()) {
    case v1::FromWorker::kRunReady:
      OnRunReady(worker, message.run_ready());
      return;
    case v1::FromWorker::kTaskFailed: {
      const v1::TaskFailed& failed = message.task_failed();
      if (auto engine = registry_->Active(failed.run())) {
        engine->Post(Event(TaskFailedEvent{failed.task(), worker, failed.fatal(), failed.error()}));
      }
      return;
    }
    case v1::FromWorker::kTaskDropped: {
      const v1::TaskDropped& dropped = message.task_dropped();
      const double seconds = dropped.estimated_seconds();
      if (!(seconds >= 0 && seconds < kEstimateSecondsMax)) return;
      if (auto engine = registry_->Active(dropped.run())) {
        engine->Post(Event(TaskDropped{dropped.task(), absl::Seconds(seconds)}));
      }
      return;
    }
    case v1::FromWorker::kEvaluated:
      if (auto engine = registry_->Active(message.evaluated().run())) {
        engine->Post(Answer(worker, message.evaluated()));
      }
      return;
    case v1::FromWorker::kGoodbye:
      OnGone(worker, absl::StrCat("it says goodbye: ", message.goodbye().reason()));
      stream.Close(absl::OkStatus());
      return;
    default:
      return;  // heartbeats, and messages of versions to come
  }
}

void WorkerServiceImpl::OnRunReady(WorkerId worker, const v1::RunReady& ready) {
  const std::shared_ptr<RunEngine> engine = registry_->Active(ready.run());
  if (engine == nullptr) return;
  std::string error = ready.error();
  if (error.empty() && ready.data_checksum() != engine->data_checksum()) {
    error = absl::StrCat("its training data have checksum ", absl::Hex(ready.data_checksum()), " (",
                         ready.examples(), " examples), the coordinator's ",
                         absl::Hex(engine->data_checksum()), " (", engine->examples(),
                         "): they must be the same data");
  }
  // Told while it is on the roster, so that the run never hears of it after it has left.
  roster_.IfMember(worker, [&](const RosterMember& member) {
    if (error.empty()) {
      engine->Post(WorkerReady{worker, member.hello.worker(), member.hello.isa()});
    } else {
      engine->Post(WorkerUnfit{worker, member.hello.worker(), error});
    }
  });
}

void WorkerServiceImpl::OnGone(WorkerId worker, const std::string& why) {
  const std::shared_ptr<const RosterMember> member = roster_.Leave(worker);
  if (member == nullptr) return;
  metrics_->workers.Set(static_cast<double>(roster_.size()));
  metrics_->workers_lost.Increment();
  Log(LogLevel::kInfo,
      absl::StrCat("worker ", member->hello.worker(), " (", worker, ") is gone: ", why));
  for (const std::shared_ptr<RunEngine>& engine : registry_->AllActive()) {
    engine->Post(WorkerGone{worker});
  }
}

// ---- runs ---------------------------------------------------------------------------------------

void WorkerServiceImpl::RunStarted(const std::shared_ptr<RunEngine>& engine) {
  for (const auto& member : roster_.All()) Offer(*member, *engine);
}

void WorkerServiceImpl::RunEnded(uint64_t run) {
  v1::ToWorker message;
  message.mutable_run_end()->set_run(run);
  for (const auto& member : roster_.All()) member->peer->Send(message);
}

void WorkerServiceImpl::CloseAll() {
  for (const auto& member : roster_.All()) {
    member->peer->Close(absl::UnavailableError("the coordinator stops"));
  }
}

void WorkerServiceImpl::Send(WorkerId worker, v1::ToWorker message) {
  if (const auto member = roster_.Find(worker)) member->peer->Send(std::move(message));
}

// ---- vectors ------------------------------------------------------------------------------------

grpc::ServerWriteReactor<v1::Frame>* WorkerServiceImpl::FetchParameters(
    grpc::CallbackServerContext*, const v1::FetchParametersRequest* request) {
  return StreamParameters(registry_->Active(request->run()), *request, metrics_);
}

grpc::ServerReadReactor<grpc::ByteBuffer>* WorkerServiceImpl::PushReply(
    grpc::CallbackServerContext*, grpc::ByteBuffer* response) {
  return ReceiveReply(registry_, metrics_, response);
}

}  // namespace gradloom
