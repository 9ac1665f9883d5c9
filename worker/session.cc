#include "worker/session.h"

#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/ops/logging.h"
#include "proto/ops/version.h"
#include "worker/session_internal.h"

namespace gradloom {
namespace {

constexpr absl::Duration kGoodbyePatience = absl::Seconds(1);

}  // namespace

Session::Session(std::shared_ptr<grpc::Channel> channel, WorkerResources& resources)
    : resources_(resources),
      stub_(v1::WorkerService::NewStub(std::move(channel))),
      core_(resources.options.capacity) {}

Session::~Session() = default;

bool Session::connected() const {
  const std::lock_guard lock(mutex_);
  return connected_;
}

bool Session::Send(const v1::FromWorker& message) {
  const std::lock_guard lock(write_mutex_);
  return !writes_closed_ && stream_ != nullptr && stream_->Write(message);
}

void Session::SendHello() {
  const WorkerOptions& options = resources_.options;
  v1::FromWorker message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_worker(options.name);
  hello.set_version(Version());
  hello.set_isa(options.isa);
  hello.set_capacity(static_cast<uint32_t>(options.capacity));
  hello.set_metrics_address(options.metrics_address);
  hello.set_pid(static_cast<uint64_t>(getpid()));
  hello.set_instance(options.instance);
  Send(message);
}

Session::End Session::Run() {
  {
    const std::lock_guard lock(write_mutex_);
    stream_ = stub_->Connect(&context_);
  }
  SendHello();
  End end;
  {
    std::vector<std::jthread> threads;
    threads.emplace_back([this] { OpenRuns(); });
    threads.emplace_back([this] { BeatHeart(); });
    for (int i = 0; i < 2 * resources_.options.capacity; ++i) {
      threads.emplace_back([this] { RunPipeline(); });
    }
    for (v1::ToWorker message; stream_->Read(&message);) Handle(message, end);
    EndTasks();
    const std::lock_guard lock(mutex_);
    stream_ended_ = true;
    connected_ = false;
    changed_.notify_all();
  }
  resources_.metrics.connected.Set(0);
  resources_.metrics.tasks_waiting.Set(0);
  const std::lock_guard lock(write_mutex_);
  writes_closed_ = true;
  const grpc::Status status = stream_->Finish();
  if (end.reason.empty()) {
    end.reason = status.ok() ? "the coordinator ended the stream" : status.error_message();
  }
  return end;
}

void Session::EndTasks() {
  const std::lock_guard lock(mutex_);
  ending_ = true;
  StopTasks(core_.EndAll(), /*tell=*/false);
  for (grpc::ClientContext* call : calls_) call->TryCancel();
  changed_.notify_all();
}

void Session::Stop(const std::string& reason) {
  EndTasks();
  // Who has not welcomed us needs no goodbye, and may never read one.
  if (!connected()) context_.TryCancel();
  v1::FromWorker message;
  message.mutable_goodbye()->set_reason(reason);
  Send(message);
  {
    const std::lock_guard lock(write_mutex_);
    if (!writes_closed_ && stream_ != nullptr) stream_->WritesDone();
    writes_closed_ = true;
  }
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, absl::ToChronoMilliseconds(kGoodbyePatience),
                    [this] { return stream_ended_; });
  context_.TryCancel();
}

void Session::Handle(const v1::ToWorker& message, End& end) {
  using Kind = v1::ToWorker::MessageCase;
  const Kind kind = message.message_case();
  if (!end.welcomed && kind != Kind::kWelcome && kind != Kind::kRefusal) {
    end.reason = "the coordinator sent a message before its welcome";
    context_.TryCancel();
    return;
  }
  switch (kind) {
    case Kind::kWelcome: {
      end.welcomed = true;
      // A coordinator that came back may reuse version numbers for other parameters.
      resources_.parameters.EraseIf([](const auto&) { return true; });
      resources_.metrics.connected.Set(1);
      resources_.metrics.connections.Increment();
      const std::lock_guard lock(mutex_);
      generation_ = message.welcome().generation();
      connected_ = true;
      Log(LogLevel::kInfo, "connected",
          {{"coordinator", resources_.options.coordinator}, {"generation", generation_}});
      break;
    }
    case Kind::kRefusal:
      end.refused = !message.refusal().retry();
      end.reason = absl::StrCat("refused: ", message.refusal().reason());
      context_.TryCancel();
      break;
    case Kind::kRunOffer: {
      const std::lock_guard lock(mutex_);
      offers_.push_back(message.run_offer());
      changed_.notify_all();
      break;
    }
    case Kind::kAssign:
      HandleAssign(message.assign());
      break;
    case Kind::kDrop: {
      std::vector<std::pair<TaskKey, double>> dropped;
      {
        const std::lock_guard lock(mutex_);
        const WorkerCore::Stopped stopped = core_.Drop(message.drop());
        for (const WaitingTask& task : stopped.waiting) {
          dropped.emplace_back(task.key, EstimateWaiting(task));
        }
        StopTasks(stopped, /*tell=*/true);
      }
      for (const auto& [key, seconds] : dropped) TellDropped(key, seconds);
      break;
    }
    case Kind::kRunEnd:
      HandleRunEnd(message.run_end().run());
      break;
    case Kind::MESSAGE_NOT_SET:
      break;
  }
}

void Session::HandleAssign(const v1::Assign& assign) {
  WorkerCore::Assigned assigned;
  {
    const std::lock_guard lock(mutex_);
    assigned = core_.Assign(assign, SteadyNow());
    resources_.metrics.tasks_waiting.Set(static_cast<double>(core_.waiting() + core_.in_hand()));
    changed_.notify_all();
  }
  resources_.metrics.tasks_duplicate.Increment(assigned.duplicates);
  for (const TaskKey key : assigned.rejected) {
    TellFailed(key, absl::StrCat("the worker's queue is full (", WorkerCore::kMaxWaiting, ")"),
               /*fatal=*/false);
  }
}

void Session::StopTasks(const WorkerCore::Stopped& stopped, bool tell) {
  resources_.metrics.tasks_dropped.Increment(static_cast<double>(stopped.waiting.size()));
  for (const TaskKey key : stopped.in_hand) {
    const auto found = in_hand_.find(key);
    if (found == in_hand_.end() || found->second->cancelled) continue;
    InHand& task = *found->second;
    task.cancelled = true;
    task.tell_dropped = tell;
    if (task.push != nullptr) task.push->TryCancel();
  }
  changed_.notify_all();
}

void Session::HandleRunEnd(uint64_t run) {
  {
    const std::lock_guard lock(mutex_);
    StopTasks(core_.EndRun(run), /*tell=*/false);
    std::erase_if(offers_, [&](const v1::RunOffer& offer) { return offer.run() == run; });
    if (opening_ == run) opening_ended_ = true;
    runs_.erase(run);
    invocations_.EndRun(run);
    std::erase_if(seconds_per_example_,
                  [&](const auto& pace) { return std::get<0>(pace.first) == run; });
  }
  resources_.Close(run);
  Log(LogLevel::kInfo, "run ended", {{"run", run}});
}

void Session::OpenRuns() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !offers_.empty(); });
    if (ending_) return;
    const v1::RunOffer offer = std::move(offers_.front());
    offers_.pop_front();
    opening_ = offer.run();
    opening_ended_ = false;
    lock.unlock();

    const auto run = resources_.Open(offer);
    v1::FromWorker message;
    v1::RunReady& ready = *message.mutable_run_ready();
    ready.set_run(offer.run());
    if (run.ok()) {
      ready.set_data_checksum((*run)->data->info().checksum);
      ready.set_examples(static_cast<uint64_t>((*run)->data->info().examples));
      Log(LogLevel::kInfo, "run ready",
          {{"run", offer.run()}, {"name", offer.spec().name()}, {"trials", offer.trials_size()}});
    } else {
      ready.set_error(std::string(run.status().message()));
      Log(LogLevel::kError, "run cannot be served",
          {{"run", offer.run()}, {"error", ready.error()}});
    }

    lock.lock();
    opening_.reset();
    const bool ended = opening_ended_;
    if (run.ok() && !ended) runs_[offer.run()] = *run;
    lock.unlock();
    if (ended) {
      resources_.Close(offer.run());
    } else {
      Send(message);
    }
    lock.lock();
  }
}

void Session::BeatHeart() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    changed_.wait_for(lock, absl::ToChronoMilliseconds(resources_.options.heartbeat_every),
                      [this] { return ending_; });
    if (ending_) return;
    v1::FromWorker message;
    message.mutable_heartbeat()->set_tasks_waiting(static_cast<uint32_t>(core_.waiting()));
    message.mutable_heartbeat()->set_tasks_done(tasks_done_);
    lock.unlock();
    Send(message);
    lock.lock();
  }
}

void Session::TellFailed(TaskKey key, const std::string& error, bool fatal) {
  resources_.metrics.tasks_failed.Increment();
  Log(LogLevel::kError, "task failed",
      {{"run", key.run}, {"task", key.task}, {"fatal", fatal}, {"error", error}});
  v1::FromWorker message;
  v1::TaskFailed& failed = *message.mutable_task_failed();
  failed.set_run(key.run);
  failed.set_task(key.task);
  failed.set_error(error);
  failed.set_fatal(fatal);
  Send(message);
}

void Session::TellDropped(TaskKey key, double seconds) {
  v1::FromWorker message;
  v1::TaskDropped& dropped = *message.mutable_task_dropped();
  dropped.set_run(key.run);
  dropped.set_task(key.task);
  dropped.set_estimated_seconds(seconds);
  Send(message);
}

}  // namespace gradloom
