// gradloom-coordinator: assigns coded tasks to workers, decodes, steps the models.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "coordinator/metrics/coordinator_metrics.h"
#include "coordinator/service/run_registry.h"
#include "coordinator/service/training_service.h"
#include "coordinator/service/transport.h"
#include "coordinator/service/worker_service.h"
#include "coordinator/store/atomic_file.h"
#include "coordinator/store/folder_lock.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "proto/ops/address.h"
#include "proto/ops/channel.h"
#include "proto/ops/file_limit.h"
#include "proto/ops/http_endpoint.h"
#include "proto/ops/listener.h"
#include "proto/ops/logging.h"
#include "proto/ops/memory.h"
#include "proto/ops/printable.h"
#include "proto/ops/signals.h"
#include "proto/ops/stop_signal.h"
#include "proto/ops/version.h"

namespace gradloom {
namespace {

// How long a stop may take: in all, with the checkpoints of the runs under way, and of it, once
// these are saved, peers may take to let go of their connections. The first is less than what
// service managers and deploy/docker-compose.yml grant.
constexpr absl::Duration kStopLimit = absl::Seconds(45), kFarewellLimit = absl::Seconds(3);
constexpr std::chrono::seconds kPoliteLimit(1);
// Of gRPC's for calls that wait for something: data that a submission opens, a reflection client's
// next question. One too many is refused at once; workers, watches and fetches need none.
constexpr int kWaitingCallsMax = 128;
// Without any worker, user or run.
constexpr uint64_t kFilesNeeded = 40;

struct Flags {
  std::string listen = "127.0.0.1:7070";
  std::string state = "gradloom-state";
  std::string data_folder;
  std::string metrics = "127.0.0.1:7071";
  std::string port_file;
  std::string isa;
  std::string log_format = "text";
  std::string log_level = "info";
  ServerLimits limits = {.memory_max = MemoryBytes()};
};

// Its port is that of the flag, or a free one.
absl::StatusOr<std::unique_ptr<grpc::Server>> Listen(Address* address, WorkerServiceImpl* workers,
                                                     TrainingServiceImpl* training) {
  // gRPC does not say why it cannot listen, and is content with one of a name's addresses.
  if (absl::Status status = Listener::Open(*address).status(); !status.ok()) return status;
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address->ToString(), grpc::InsecureServerCredentials(), &address->port);
  builder.RegisterService(workers);
  builder.RegisterService(training);
  // A peer that is gone without a word is noticed within seconds; workers ping while idle.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.SetResourceQuota(grpc::ResourceQuota("coordinator").SetMaxThreads(kWaitingCallsMax));
  SetDataTransport(builder);
  // A port in use is an error, not something to share.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || address->port == 0) {
    return absl::UnavailableError(
        absl::StrCat("'", address->ToString(), "' cannot be listened on; see the log above"));
  }
  server->GetHealthCheckService()->SetServingStatus(false);
  return server;
}

int Fail(const absl::Status& status, absl::string_view flag = "") {
  std::cerr << "gradloom-coordinator: " << flag << (flag.empty() ? "" : ": ")
            << Printable(status.message()) << "\n";
  return EXIT_FAILURE;
}

absl::Status WritePorts(const std::string& file, const std::string& listen,
                        const std::string& metrics) {
  if (file.empty()) return absl::OkStatus();
  return WriteFileAtomically(
      PosixFileSystem(), file,
      absl::StrCat("{\"listen\": \"", listen, "\", \"metrics\": \"", metrics, "\"}\n"));
}

int Serve(const Flags& flags) {
  // Before any thread: they inherit the blocked signals.
  absl::Notification stop_asked;
  StopSignal stop([&](int signal) {
    Log(LogLevel::kInfo, "stopping", {{"signal", strsignal(signal)}});
    ExitWithin(kStopLimit, EXIT_FAILURE, "checkpoints");
    stop_asked.Notify();
  });
  // Whoever cannot have the folder and the ports leaves the runs alone: these come last.
  const absl::StatusOr<FolderLock> lock = FolderLock::Take(flags.state);
  if (!lock.ok()) return Fail(lock.status(), "--state");

  CoordinatorMetrics metrics;
  WorkerServiceImpl workers(Version(), flags.isa, &metrics);
  RunRegistry registry(flags.state, flags.data_folder, &workers, &metrics, flags.limits);
  workers.SetRegistry(&registry);
  TrainingServiceImpl training(&registry);

  std::atomic<const char*> unhealthy = "resuming runs";
  std::unique_ptr<HttpEndpoint> http;
  if (!flags.metrics.empty()) {
    absl::StatusOr<std::unique_ptr<HttpEndpoint>> started = HttpEndpoint::Start(
        {.address = flags.metrics,
         .flag = "--metrics",
         .collectables = {metrics.registry()},
         .health = [&unhealthy] {
           const char* why = unhealthy;
           return why == nullptr ? absl::OkStatus() : absl::UnavailableError(why);
         }});
    if (!started.ok()) return Fail(started.status());
    http = *std::move(started);
  }
  absl::StatusOr<Address> address = ParseAddress(flags.listen, AddressUse::kListen);
  if (!address.ok()) return Fail(address.status(), "--listen");
  absl::StatusOr<std::unique_ptr<grpc::Server>> server = Listen(&*address, &workers, &training);
  if (!server.ok()) return Fail(server.status(), "--listen");

  const absl::Status started = registry.Start(
      {[&workers](const std::shared_ptr<RunEngine>& engine) { workers.RunStarted(engine); },
       [&workers, &training](uint64_t run) {
         workers.RunEnded(run);
         training.RunChanged();
       }});
  if (!started.ok()) return Fail(started, "--state");
  training.Start();
  unhealthy = nullptr;
  (*server)->GetHealthCheckService()->SetServingStatus(true);
  Log(LogLevel::kInfo, absl::StrCat("listening on ", address->ToString()),
      {{"metrics", http == nullptr ? "" : http->address()}, {"version", Version()}});
  const absl::Status written =
      WritePorts(flags.port_file, address->ToString(), http == nullptr ? "" : http->address());
  if (!written.ok()) return Fail(written, "--port-file");

  stop_asked.WaitForNotification();
  unhealthy = "stopping";
  training.Stop();
  (*server)->GetHealthCheckService()->Shutdown();
  registry.Stop();
  // All is saved. A peer that does not answer (it is suspended, say) may hold up gRPC for long.
  ExitWithin(kFarewellLimit, EXIT_SUCCESS, "peers");
  workers.CloseAll();
  (*server)->Shutdown(std::chrono::system_clock::now() + kPoliteLimit);
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace gradloom

int main(int argc, char** argv) {
  gradloom::PrepareSignals(gradloom::BrokenPipe::kIgnored);
  gradloom::Flags flags;
  CLI::App app{
      "The coordinator: accepts runs and workers over gRPC, assigns gradient-coded tasks, decodes "
      "and steps the models."};
  app.set_version_flag("--version", std::string(gradloom::Version()));
  app.add_option("--listen", flags.listen,
                 "HOST:PORT or [IPV6]:PORT for workers and users; *:PORT: all addresses of this "
                 "machine; port 0: any free one")
      ->check(gradloom::CheckListenAddress)
      ->capture_default_str();
  app.add_option("--state", flags.state,
                 "Folder for runs, checkpoints and outputs; one coordinator at a time uses it")
      ->capture_default_str();
  app.add_option("--data-folder", flags.data_folder,
                 "Folder that relative data files of run files start from [current folder]");
  app.add_option("--metrics", flags.metrics,
                 "HOST:PORT for /metrics and /healthz, as --listen; \"\": none")
      ->check(gradloom::CheckListenAddressOrNone)
      ->capture_default_str();
  app.add_option("--max-parameters", flags.limits.parameters_max,
                 "Of a trial, whatever its run's limits.max_parameters says")
      ->capture_default_str();
  app.add_option("--max-memory", flags.limits.memory_max,
                 "Bytes that a run's models and test data may take; 0: any number "
                 "[this machine's, or this container's, memory]")
      ->default_str("");
  app.add_option("--max-trials", flags.limits.trials_max, "Of a run")->capture_default_str();
  app.add_option("--max-slots", flags.limits.slots_max, "Of a run's scheme")->capture_default_str();
  app.add_option("--port-file", flags.port_file,
                 "File to write the addresses to, as JSON, once ready");
  app.add_option(
      "--isa", flags.isa,
      "Instruction-set level that every worker must compute at, e.g. x86-64-v3; without, "
      "each run has one of its own (fleet.isa)");
  app.add_option("--log-format", flags.log_format, gradloom::kLogFormats)
      ->check(gradloom::CheckLogFormat)
      ->capture_default_str();
  app.add_option("--log-level", flags.log_level, gradloom::kLogLevels)
      ->check(gradloom::CheckLogLevel)
      ->capture_default_str();
  app.footer(
      "SIGTERM, SIGINT and SIGHUP stop it (the last two unless they are ignored, as by nohup): "
      "runs\n"
      "under way get a checkpoint and are resumed at the next start. It ends within 3 s and the\n"
      "time that checkpoints take, 45 s at most; a second signal ends it at once.\n"
      "Exit codes: 0 stopped, 1 failed, or checkpoints took too long; 2 wrong usage.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  if (const absl::Status status =
          gradloom::SetUpLogging("gradloom-coordinator", flags.log_format, flags.log_level);
      !status.ok()) {
    return gradloom::Fail(status);
  }
  gradloom::LogForGrpc();
  if (const absl::Status status = gradloom::CheckFileLimit(
          gradloom::RaiseFileLimit(), gradloom::kFilesNeeded, "the coordinator");
      !status.ok()) {
    return gradloom::Fail(status);
  }
  return gradloom::Serve(flags);
}
