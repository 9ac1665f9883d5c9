#include "coordinator/cli/local_run.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/programs.h"
#include "coordinator/cli/progress.h"
#include "coordinator/run_file/proto_to_yaml.h"
#include "coordinator/run_file/run_file.h"
#include "coordinator/run_file/run_update.h"
#include "coordinator/store/json_file.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "proto/ops/mutex.h"
#include "proto/ops/steady_clock.h"

namespace gradloom {
namespace {

constexpr std::chrono::milliseconds kStep(100);
constexpr absl::Duration kStartLimit = absl::Seconds(60);
// From the request to stop to the run's checkpoint; then for the programs to end.
constexpr absl::Duration kCancelLimit = absl::Seconds(45), kStopGrace = absl::Seconds(10);
// Longer than all restarts of the coordinator together: the supervisor gives up before.
constexpr std::chrono::milliseconds kSilenceLimit(120'000);

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

absl::Status ParsePortFile(const std::string& json, std::string* listen, std::string* metrics) {
  google::protobuf::Struct parsed;
  if (!google::protobuf::util::JsonStringToMessage(json, &parsed).ok()) {
    return absl::InvalidArgumentError("the port file is not JSON");
  }
  const auto& fields = parsed.fields();
  if (fields.count("listen") == 0 || fields.at("listen").string_value().empty()) {
    return absl::InvalidArgumentError("the port file has no \"listen\"");
  }
  *listen = fields.at("listen").string_value();
  *metrics = fields.count("metrics") == 0 ? "" : fields.at("metrics").string_value();
  return absl::OkStatus();
}

LocalRun::LocalRun(LocalRunOptions options, OutputFolder* output, const Interrupts* interrupts,
                   std::ostream* out)
    : options_(std::move(options)),
      output_(output),
      interrupts_(interrupts),
      out_(out),
      display_(out, &Display::StandardOutput),
      port_file_(absl::StrCat(output->path(), "/.ports.json")) {}

std::vector<std::string> LocalRun::CoordinatorArguments() const {
  return {options_.coordinator_program, "--listen", address_.empty() ? "127.0.0.1:0" : address_,
          "--metrics", metrics_address_.empty() ? "127.0.0.1:0" : metrics_address_, "--state",
          output_->state(), "--port-file", port_file_, "--data-folder", options_.data_folder,
          // Who runs it here is the operator, too.
          "--max-parameters", absl::StrCat(options_.spec.limits().max_parameters()), "--log-format",
          "text", "--log-level", options_.log_level};
}

absl::Status LocalRun::StartCoordinator() {
  std::error_code error;
  std::filesystem::remove(port_file_, error);
  const absl::Time start = SteadyNow();
  absl::StatusOr<int> child = supervisor_.Start(
      start, {"coordinator", CoordinatorArguments(), output_->log("coordinator")});
  if (!child.ok()) return child.status();
  coordinator_ = *child;
  while (!std::filesystem::exists(port_file_, error)) {
    absl::Status status = HandleChildren();
    if (!status.ok()) return status;
    if (interrupts_->count() > 0) return absl::CancelledError("interrupted");
    if (SteadyNow() - start > kStartLimit) {
      return absl::DeadlineExceededError(absl::StrCat("the coordinator did not start within ",
                                                      absl::FormatDuration(kStartLimit), "; see ",
                                                      output_->log("coordinator")));
    }
    absl::SleepFor(absl::Milliseconds(5));
  }
  absl::Status status = ParsePortFile(ReadFile(port_file_), &address_, &metrics_address_);
  if (!status.ok()) return status;
  // Whoever knows the address now shall find the coordinator there after a restart, too.
  supervisor_.SetArguments(coordinator_, CoordinatorArguments());
  client_ = std::make_unique<TrainingClient>(address_);
  return absl::OkStatus();
}

absl::Status LocalRun::StartWorkers() {
  for (int i = 0; i < options_.workers; ++i) {
    const std::string name = absl::StrCat("worker-", i);
    absl::StatusOr<int> child = supervisor_.Start(
        SteadyNow(), {name,
                      {options_.worker_program, "--coordinator", address_, "--name", name,
                       "--metrics", "127.0.0.1:0", "--data-folder", options_.data_folder,
                       "--log-format", "text", "--log-level", options_.log_level},
                      output_->log(name)});
    if (!child.ok()) return child.status();
    workers_.push_back(*child);
  }
  return absl::OkStatus();
}

absl::Status LocalRun::SubmitOrResume() {
  absl::StatusOr<std::vector<v1::RunStatus>> runs = client_->ListRuns();
  if (!runs.ok()) return runs.status();
  if (runs->empty()) {
    absl::StatusOr<uint64_t> run = client_->Submit(options_.spec);
    if (!run.ok()) return run.status();
    run_ = *run;
    return absl::OkStatus();
  }
  run_ = runs->back().run();
  return GoOn(runs->back());
}

absl::Status LocalRun::GoOn(const v1::RunStatus& last) {
  absl::StatusOr<v1::GetRunResponse> stored = client_->GetRun(run_);
  if (!stored.ok()) return stored.status();
  const absl::StatusOr<RunUpdate> update = UpdateRun(stored->spec(), options_.spec);
  if (!update.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("--output: '", output_->path(), "' holds the state of another run than ",
                     options_.run_file, " asks for (", update.status().message(),
                     "); name another folder, or start over with --fresh"));
  }
  if (last.state() == v1::SUCCEEDED && !update->trains_further) {
    display_.Note("the run in this folder has finished already; --fresh starts it over");
    return absl::OkStatus();
  }
  uint64_t jobs_done = 0;
  for (const auto& trial : last.trials()) jobs_done += trial.jobs_done();
  display_.Note(absl::StrCat("going on with the run in this folder (", jobs_done,
                             " jobs are done); --fresh starts it over"));
  const bool ended =
      last.state() == v1::SUCCEEDED || last.state() == v1::CANCELLED || last.state() == v1::FAILED;
  if (!ended && !update->changed) return absl::OkStatus();
  // The coordinator goes on by itself with what did not end; as it was.
  if (!ended) {
    if (absl::Status status = StopRun(); !status.ok()) return status;
  }
  return client_->Resume(run_, &update->spec).status();
}

absl::Status LocalRun::StopRun() {
  if (absl::Status status = client_->Cancel(run_).status(); !status.ok()) return status;
  RunWatcher watcher(client_.get(), run_, kSilenceLimit);
  while (true) {
    const RunWatcher::Seen seen = watcher.Wait(kStep);
    if (absl::Status status = HandleChildren(); !status.ok()) return status;
    if (interrupts_->count() > 0) return absl::CancelledError("interrupted");
    if (seen.ended) return seen.error;
  }
}

absl::Status LocalRun::Interruptible(int patience, const std::function<absl::Status()>& call) {
  const std::jthread watch([&](const std::stop_token& stop) {
    Mutex mutex;
    CondVar stopped;
    const std::stop_callback wake(stop, [&] {
      const MutexLock lock(mutex);
      stopped.NotifyAll();
    });
    const MutexLock lock(mutex);
    while (!stop.stop_requested()) {
      if (interrupts_->count() > patience) client_->CancelCalls();
      stopped.WaitFor(mutex, absl::FromChrono(kStep));
    }
  });
  return call();
}

absl::Status LocalRun::HandleChildren() {
  for (const ChildEvent& event : supervisor_.Poll(SteadyNow())) {
    if (stopping_) continue;
    const std::string log = output_->log(event.name);
    const std::string tail = absl::StrCat("; its log ", log, " ends with:\n", LogTail(log, 5));
    // What has never worked will not work the next time.
    if (event.kind == ChildEvent::Kind::kDied && client_ == nullptr) {
      return absl::UnavailableError(absl::StrCat(event.name, " ", event.how, tail));
    }
    if (event.kind == ChildEvent::Kind::kDied) {
      display_.Note(absl::StrCat(event.name, " ", event.how, "; it will be started again"));
    } else if (event.kind == ChildEvent::Kind::kGivenUp) {
      const std::string what = absl::StrCat(event.name, " keeps dying (", event.how, ")", tail);
      if (event.child == coordinator_) return absl::UnavailableError(what);
      display_.Note(what);
      bool any = false;
      for (const int worker : workers_) any |= !supervisor_.given_up(worker);
      if (!any) return absl::UnavailableError(absl::StrCat("no worker is left: ", what));
    }
  }
  return absl::OkStatus();
}

void LocalRun::HandleInterrupt() {
  if (stopping_ || interrupts_->count() == 0) return;
  stopping_ = true;
  stop_by_ = SteadyNow() + kCancelLimit;
  display_.Note("stopping with a checkpoint; once more kills at once");
  canceller_ = std::jthread([this](const std::stop_token& stop) {
    while (!stop.stop_requested() && !client_->Cancel(run_).ok()) {
      absl::SleepFor(absl::Milliseconds(50));
      client_->AwaitConnection(std::chrono::milliseconds(500));
    }
  });
}

absl::StatusOr<v1::RunStatus> LocalRun::WatchToEnd() {
  RunWatcher watcher(client_.get(), run_, kSilenceLimit);
  while (true) {
    const RunWatcher::Seen seen = watcher.Wait(kStep);
    absl::Status status = HandleChildren();
    if (!status.ok()) return status;
    HandleInterrupt();
    if (interrupts_->count() > 1 || SteadyNow() > stop_by_) return absl::CancelledError("killed");
    if (seen.ended && !seen.error.ok()) return seen.error;
    if (seen.status.run() == 0) continue;
    if (seen.ended) {
      display_.Finish(seen.status);
      return seen.status;
    }
    display_.Show(absl::Now(), seen.status);
  }
}

absl::Status LocalRun::Collect(const v1::RunStatus& status) {
  absl::StatusOr<std::vector<std::string>> files = client_->Fetch(
      run_, output_->path(), [this](const std::string& name, uint64_t bytes, uint32_t crc32c) {
        return output_->Claim(name, bytes, crc32c);
      });
  // A run that did not succeed may have left nothing.
  if (!files.ok() && status.state() == v1::SUCCEEDED) return files.status();
  absl::StatusOr<v1::GetRunResponse> run = client_->GetRun(run_);
  if (!run.ok()) return run.status();
  absl::Status written = output_->Write("run.yaml", ToYaml(run->spec()));
  if (written.ok()) written = output_->Write("summary.json", ToJson(status, JsonFields::kAll));
  if (written.ok() && files.ok()) written = output_->RemoveEarlierFiles();
  return written;
}

int LocalRun::Report(const v1::RunStatus& status) {
  *out_ << RenderSummary(status);
  *out_ << "  output: " << output_->path() << "\n";
  if (status.state() == v1::SUCCEEDED) return kExitOk;
  if (status.state() == v1::CANCELLED) {
    *out_ << "  stopped with a checkpoint; go on with: gradloom run " << options_.run_file
          << " --output " << output_->path() << "\n";
  }
  return stopping_ ? kExitInterrupted : kExitFailure;
}

int LocalRun::Execute() {
  absl::Status status = StartCoordinator();
  // Before any worker: a run that is refused needs none.
  if (status.ok()) status = Interruptible(0, [this] { return SubmitOrResume(); });
  if (status.ok()) status = StartWorkers();
  absl::StatusOr<v1::RunStatus> end = absl::UnknownError("not started");
  if (!status.ok()) {
    end = status;
  } else {
    display_.Note(
        absl::StrCat("run ", run_, " with ", options_.workers, " workers at ", address_,
                     metrics_address_.empty()
                         ? ""
                         : absl::StrCat(", metrics at http://", metrics_address_, "/metrics"),
                     ", output in ", output_->path()));
    end = WatchToEnd();
  }
  if (end.ok()) status = Interruptible(1, [&] { return Collect(*end); });
  stopping_ = stopping_ || interrupts_->count() > 0;
  if (interrupts_->count() > 1 || !end.ok()) {
    supervisor_.KillAll();
  } else {
    // An idle connection notices the coordinator's farewell only seconds later and would hold it
    // up.
    canceller_ = {};
    client_ = nullptr;
    supervisor_.StopAll(kStopGrace);
  }
  std::error_code error;
  std::filesystem::remove(port_file_, error);
  if (!end.ok()) {
    if (interrupts_->count() == 0) return Fail(end.status());
    *out_ << "killed; what checkpoints there are: gradloom run " << options_.run_file
          << " --output " << output_->path() << " goes on from them" << std::endl;
    return kExitInterrupted;
  }
  const int code = Report(*end);
  if (!status.ok()) return Fail(status);
  if (code == kExitOk && !options_.keep_state) {
    if (absl::Status removed = output_->RemoveState(); !removed.ok()) return Fail(removed);
  }
  return code;
}

}  // namespace gradloom
