// gradloom-worker: computes coded chunk sums for a coordinator.
#include <unistd.h>

#include <climits>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "models/kernels/kernels.h"
#include "proto/ops/address.h"
#include "proto/ops/channel.h"
#include "proto/ops/file_limit.h"
#include "proto/ops/http_endpoint.h"
#include "proto/ops/logging.h"
#include "proto/ops/port_file.h"
#include "proto/ops/printable.h"
#include "proto/ops/signals.h"
#include "proto/ops/stop_signal.h"
#include "proto/ops/version.h"
#include "worker/options.h"
#include "worker/worker.h"

namespace gradloom {
namespace {

constexpr int kExitBadFlags = 2;
constexpr int kExitRefused = 3;
constexpr int kExitGaveUp = 4;
constexpr absl::Duration kStopLimit = absl::Seconds(3);
constexpr uint64_t kFilesNeeded = 24;

struct Flags {
  WorkerOptions options;
  std::string metrics = "127.0.0.1:0";
  std::string metrics_port_file;
  std::string isa = "auto";
  std::string log_format = "text";
  std::string log_level = "info";
  std::string reconnect_for = "10m";
  std::string straggle;
  std::vector<std::string> freezes;
};

void Declare(CLI::App& app, Flags& flags) {
  WorkerOptions& options = flags.options;
  app.set_version_flag("--version", Version());
  app.add_option("--coordinator", options.coordinator,
                 "HOST:PORT or [IPV6]:PORT of the coordinator's gRPC service")
      ->required()
      ->check(CheckDialAddress)
      ->type_name("HOST:PORT");
  app.add_option("--name", options.name,
                 "stable name, one worker's only: a restarted worker of the same name takes its "
                 "slots back [HOSTNAME-PID-RANDOM, new at every start]");
  app.add_option("--capacity", options.capacity, "tasks computed at a time, a core each")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--data-folder", options.data_folder,
                 "folder that the run file's relative data files are in [the current one]");
  app.add_option("--cache-bytes", options.cache_bytes,
                 "limit of cached parameters (a quarter) and examples (the rest); suffixes kb, mb, "
                 "gb [2gb]")
      ->transform(CLI::AsSizeValue(false));
  app.add_option("--reconnect-for", flags.reconnect_for,
                 "exit after so long without a coordinator, e.g. 30s; 0: never")
      ->capture_default_str();
  app.add_option("--isa", flags.isa,
                 "instruction-set level of the kernels; replicas must agree for equal bits "
                 "[the best this processor has]");
  app.add_option("--metrics", flags.metrics,
                 "HOST:PORT to serve /metrics and /healthz on; *:PORT: all addresses of this "
                 "machine; port 0: any free one; \"\": none")
      ->check(CheckListenAddressOrNone)
      ->capture_default_str()
      ->expected(0, 1)
      ->type_name("HOST:PORT");
  app.add_option("--metrics-port-file", flags.metrics_port_file,
                 "write the metrics port to this file");
  app.add_option("--log-format", flags.log_format, kLogFormats)
      ->check(CheckLogFormat)
      ->capture_default_str();
  app.add_option("--log-level", flags.log_level, kLogLevels)
      ->check(CheckLogLevel)
      ->capture_default_str();
  const char* group = "Straggling on purpose (overrides the run file)";
  app.add_option("--straggle", flags.straggle,
                 "delays: none, fixed:delay=100ms, exponential:mean=200ms,base=0s, "
                 "pareto:scale=50ms,shape=1.5,limit=10s, "
                 "gilbert_elliott:enter=0.05,leave=0.5,delay=1s or trace:file=F.csv,scale=0.1")
      ->group(group);
  app.add_option("--crash-at-job", options.straggle.crash_at_jobs,
                 "die (exit code 137) at this job's first attempt; may be repeated")
      ->group(group)
      ->type_name("JOB");
  app.add_option("--freeze-at-job", flags.freezes,
                 "stop as by SIGSTOP at this job's first attempt, for so long, e.g. 7:2.5s; may be "
                 "repeated")
      ->group(group)
      ->type_name("JOB:DURATION");
  app.footer(
      "SIGTERM, SIGINT and SIGHUP stop it within 3 s (the last two unless they are ignored, as by\n"
      "nohup). A worker keeps no state: it may be killed at any moment.\n"
      "Exit codes: 0 stopped; 2 bad flags, or a port in use; 3 refused by the coordinator "
      "(another\n"
      "version, say); 4 no coordinator for --reconnect-for; 137 crash on purpose.");
}

// "2.5s", or plain seconds "2.5".
bool ParseSeconds(const std::string& text, absl::Duration* duration) {
  double seconds = 0;
  if (absl::SimpleAtod(text, &seconds)) *duration = absl::Seconds(seconds);
  return (absl::SimpleAtod(text, &seconds) || absl::ParseDuration(text, duration)) &&
         *duration >= absl::ZeroDuration() && *duration < absl::InfiniteDuration();
}

absl::Status ParseFreeze(const std::string& text, StraggleFlags& straggle) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits(':', 1));
  uint64_t job = 0;
  absl::Duration duration;
  if (!absl::SimpleAtoi(parts.first, &job) || !ParseSeconds(parts.second, &duration)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--freeze-at-job '", text, "' is illegal; legal: JOB:DURATION, as in 7:2.5s"));
  }
  straggle.freeze_at_jobs.emplace_back(job, duration);
  return absl::OkStatus();
}

// Of this process and no other: in containers every worker may be process 1 of a host of one name.
std::string DefaultName() {
  char host[HOST_NAME_MAX + 1] = "";
  gethostname(host, sizeof(host) - 1);
  return absl::StrCat(host[0] == '\0' ? "worker" : host, "-", getpid(), "-",
                      absl::Hex(std::random_device{}(), absl::kZeroPad8));
}

// What CLI11 does not check.
absl::Status Complete(Flags& flags) {
  WorkerOptions& options = flags.options;
  absl::Status status = SetUpLogging("gradloom-worker", flags.log_format, flags.log_level);
  if (!status.ok()) return status;
  if (!ParseSeconds(flags.reconnect_for, &options.reconnect.give_up_after)) {
    return absl::InvalidArgumentError(absl::StrCat("--reconnect-for '", flags.reconnect_for,
                                                   "' is illegal; legal: a duration such as 30s"));
  }
  if (!flags.straggle.empty()) {
    auto model = ParseStraggle(flags.straggle);
    if (!model.ok()) return model.status();
    // Also checks the values, and reads a trace, before anything starts.
    if (auto made = Straggler::Make(*model, 1, options.data_folder); !made.ok()) {
      return made.status();
    }
    options.straggle.model = *std::move(model);
  }
  for (const std::string& freeze : flags.freezes) {
    if (status = ParseFreeze(freeze, options.straggle); !status.ok()) return status;
  }
  if (status = SetIsaLevel(flags.isa); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--isa: ", std::string(status.message())));
  }
  options.isa = kernels().level;
  std::random_device random;
  options.instance = (uint64_t{random()} << 32) | random();
  if (options.name.empty()) {
    options.name = DefaultName();
  }
  return absl::OkStatus();
}

int Fail(const absl::Status& status) {
  std::cerr << "gradloom-worker: " << Printable(status.message()) << "\n";
  return kExitBadFlags;
}

int Serve(const Flags& flags) {
  const WorkerOptions& options = flags.options;
  Worker worker(options);
  // Before any thread: they inherit the blocked signals.
  StopSignal stop([&](int signal) {
    Log(LogLevel::kInfo, "stopping", {{"signal", strsignal(signal)}});
    // Nothing is lost: a task under way is an erasure like any other.
    ExitWithin(kStopLimit, EXIT_SUCCESS, "a task or the coordinator");
    worker.Stop(absl::StrCat("signal ", signal));
  });
  std::unique_ptr<HttpEndpoint> http;
  if (!flags.metrics.empty()) {
    auto started = HttpEndpoint::Start({.address = flags.metrics,
                                        .flag = "--metrics",
                                        .collectables = {worker.registry()},
                                        .health = [&] { return worker.Health(); }});
    if (!started.ok()) return Fail(started.status());
    http = *std::move(started);
    worker.set_metrics_address(http->address());
    if (!flags.metrics_port_file.empty()) {
      const absl::Status written = WritePortFile(flags.metrics_port_file, http->port());
      if (!written.ok()) return Fail(written);
    }
  }
  Log(LogLevel::kInfo, "worker started",
      {{"name", options.name},
       {"version", Version()},
       {"isa", options.isa},
       {"capacity", options.capacity},
       {"coordinator", options.coordinator},
       {"metrics", http == nullptr ? "" : http->address()}});
  const Worker::Result result = worker.Run();
  switch (result.exit) {
    case Worker::Exit::kStopped:
      return 0;
    case Worker::Exit::kRefused:
      Log(LogLevel::kError, "the coordinator refuses this worker", {{"reason", result.reason}});
      return kExitRefused;
    case Worker::Exit::kGaveUp:
      Log(LogLevel::kError, "giving up", {{"reason", result.reason}});
      return kExitGaveUp;
  }
  return 0;
}

int Main(int argc, char** argv) {
  PrepareSignals(BrokenPipe::kIgnored);
  CLI::App app("gradloom-worker: computes coded chunk sums for a Gradloom coordinator.");
  Flags flags;
  Declare(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitBadFlags;
  }
  if (const absl::Status status = Complete(flags); !status.ok()) return Fail(status);
  LogForGrpc();
  const absl::Status enough = CheckFileLimit(RaiseFileLimit(), kFilesNeeded, "a worker");
  if (!enough.ok()) return Fail(enough);
  return Serve(flags);
}

}  // namespace
}  // namespace gradloom

int main(int argc, char** argv) { return gradloom::Main(argc, argv); }
