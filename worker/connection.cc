#include "worker/connection.h"

#include <unistd.h>

#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "proto/ops/logging.h"
#include "proto/ops/steady_clock.h"
#include "proto/ops/version.h"

namespace gradloom {
namespace {

constexpr absl::Duration kGoodbyePatience = absl::Seconds(1);

}  // namespace

Connection::Connection(std::shared_ptr<grpc::Channel> channel, WorkerResources& resources)
    : resources_(resources),
      stub_(v1::WorkerService::NewStub(std::move(channel))),
      control_(*stub_),
      fetcher_(*stub_, resources.metrics, stop_fetching_.get_token()),
      sender_(*stub_, resources.metrics),
      opener_(resources, [this](const v1::FromWorker& message) { control_.Write(message); }),
      evaluator_(resources,
                 {.find_run = [this](uint64_t run) { return opener_.Find(run); },
                  .source = &fetcher_,
                  .tell = [this](const v1::FromWorker& message) { control_.Write(message); }}),
      pipeline_(resources,
                {.find_run = [this](uint64_t run) { return opener_.Find(run); },
                 .source = &fetcher_,
                 .sink = &sender_,
                 .tell = [this](const v1::FromWorker& message) { control_.Write(message); },
                 .busy = [this](bool busy) { evaluator_.SetBusy(busy); }}) {}

bool Connection::connected() const {
  const MutexLock lock(mutex_);
  return connected_;
}

v1::FromWorker Connection::Hello() const {
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
  return message;
}

Connection::End Connection::Run() {
  control_.Open();
  End end;
  Serve(end);
  {
    const MutexLock lock(mutex_);
    stream_ended_ = true;
    connected_ = false;
    changed_.NotifyAll();
  }
  resources_.metrics.connected.Set(0);
  resources_.metrics.tasks_waiting.Set(0);
  const grpc::Status status = control_.Finish();
  end.replaced = end.welcomed && status.error_code() == grpc::StatusCode::ABORTED;
  if (end.replaced) {
    end.reason = absl::StrCat(
        "another process has connected as worker '", resources_.options.name,
        "', and the coordinator keeps the latest: give every worker a name of its own (--name)");
  } else if (end.reason.empty()) {
    end.reason = status.ok() ? "the coordinator ended the stream" : status.error_message();
  }
  return end;
}

// Until the stream has ended and no thread is left.
void Connection::Serve(End& end) {
  std::jthread heart;
  try {
    opener_.Start();
    heart = std::jthread([this] { BeatHeart(); });
    absl::Status started = pipeline_.Start();
    started.Update(evaluator_.Start());
    if (!started.ok()) end.reason = std::string(started.message());
  } catch (const std::system_error& error) {
    end.reason = absl::StrCat("no thread can be started: ", error.what());
  }
  if (end.reason.empty()) {
    control_.Write(Hello());
  } else {
    control_.Cancel();
  }
  for (v1::ToWorker message; control_.Read(&message);) Handle(message, end);
  EndTasks();
  opener_.End();
  pipeline_.Join();
  evaluator_.Join();
}

void Connection::EndTasks() {
  {
    const MutexLock lock(mutex_);
    ending_ = true;
    changed_.NotifyAll();
  }
  pipeline_.End();
  evaluator_.End();
  stop_fetching_.request_stop();
}

void Connection::Stop(const std::string& reason) {
  EndTasks();
  // Who has not welcomed us needs no goodbye, and may never read one.
  if (!connected()) control_.Cancel();
  // Also when the coordinator neither answers nor reads, so that not even the goodbye gets away.
  const std::jthread patience([this] {
    AwaitStreamEnd(kGoodbyePatience);
    control_.Cancel();
  });
  v1::FromWorker message;
  message.mutable_goodbye()->set_reason(reason);
  control_.Write(message);
  control_.CloseWrites();
}

void Connection::Handle(const v1::ToWorker& message, End& end) {
  using Kind = v1::ToWorker::MessageCase;
  const Kind kind = message.message_case();
  if (!end.welcomed && kind != Kind::kWelcome && kind != Kind::kRefusal) {
    end.reason = "the coordinator sent a message before its welcome";
    control_.Cancel();
    return;
  }
  switch (kind) {
    case Kind::kWelcome:
      end.welcomed = true;
      Welcome(message.welcome());
      break;
    case Kind::kRefusal:
      end.refused = !message.refusal().retry();
      end.reason = absl::StrCat("refused: ", message.refusal().reason());
      control_.Cancel();
      break;
    case Kind::kRunOffer:
      opener_.Offer(message.run_offer());
      break;
    case Kind::kAssign:
      pipeline_.Assign(message.assign());
      break;
    case Kind::kDrop:
      pipeline_.Drop(message.drop());
      break;
    case Kind::kEvaluate:
      evaluator_.Add(message.evaluate());
      break;
    case Kind::kRunEnd:
      evaluator_.EndRun(message.run_end().run());
      pipeline_.EndRun(message.run_end().run());
      opener_.EndRun(message.run_end().run());
      Log(LogLevel::kInfo, "run ended", {{"run", message.run_end().run()}});
      break;
    case Kind::MESSAGE_NOT_SET:
      break;
  }
}

void Connection::Welcome(const v1::Welcome& welcome) {
  // A coordinator that came back may reuse version numbers for other parameters.
  resources_.parameters.Clear();
  pipeline_.SetGeneration(welcome.generation());
  evaluator_.SetGeneration(welcome.generation());
  resources_.metrics.connected.Set(1);
  resources_.metrics.connections.Increment();
  Log(LogLevel::kInfo, "connected",
      {{"coordinator", resources_.options.coordinator}, {"generation", welcome.generation()}});
  const MutexLock lock(mutex_);
  connected_ = true;
}

void Connection::BeatHeart() {
  while (AwaitBeat()) {
    v1::FromWorker message;
    *message.mutable_heartbeat() = pipeline_.Heartbeat();
    control_.Write(message);
  }
}

bool Connection::AwaitBeat() {
  const absl::Time due = SteadyNow() + resources_.options.heartbeat_every;
  const MutexLock lock(mutex_);
  for (absl::Time now = SteadyNow(); !ending_ && now < due; now = SteadyNow()) {
    changed_.WaitFor(mutex_, due - now);
  }
  return !ending_;
}

void Connection::AwaitStreamEnd(absl::Duration patience) {
  const absl::Time limit = SteadyNow() + patience;
  const MutexLock lock(mutex_);
  for (absl::Time now = SteadyNow(); !stream_ended_ && now < limit; now = SteadyNow()) {
    changed_.WaitFor(mutex_, limit - now);
  }
}

}  // namespace gradloom
