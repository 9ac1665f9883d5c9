// gradloom-coordinator: assigns coded tasks to workers, decodes, steps the models.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "coordinator/metrics/coordinator_metrics.h"
#include "coordinator/service/run_registry.h"
#include "coordinator/service/training_service.h"
#include "coordinator/service/transport.h"
#include "coordinator/service/worker_service.h"
#include "coordinator/store/atomic_file.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "proto/ops/http_endpoint.h"
#include "proto/ops/logging.h"
#include "proto/ops/memory.h"
#include "proto/ops/version.h"

namespace gradloom {
namespace {

struct Flags {
  std::string listen = "127.0.0.1:7070";
  std::string state = "gradloom-state";
  std::string data_folder;
  std::string metrics = "127.0.0.1:7071";
  std::string port_file;
  std::string log_format = "text";
  std::string log_level = "info";
  ServerLimits limits = {.memory_max = MemoryBytes()};
};

// Blocks SIGINT and SIGTERM in every thread to come, so that main can wait for them.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

std::unique_ptr<grpc::Server> Listen(const Flags& flags, WorkerServiceImpl* workers,
                                     TrainingServiceImpl* training, int* port) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  builder.AddListeningPort(flags.listen, grpc::InsecureServerCredentials(), port);
  builder.RegisterService(workers);
  builder.RegisterService(training);
  // A peer that is gone without a word is noticed within seconds; workers ping while idle.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  SetDataTransport(builder);
  // A port in use is an error, not something to share.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  return builder.BuildAndStart();
}

int Fail(const std::string& message) {
  std::cerr << "gradloom-coordinator: " << message << "\n";
  return 1;
}

std::string WithPort(const std::string& address, int port) {
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

int Serve(const Flags& flags) {
  const sigset_t stop_signals = BlockStopSignals();
  CoordinatorMetrics metrics;
  WorkerServiceImpl workers(Version(), &metrics);
  RunRegistry registry(flags.state, flags.data_folder, &workers, &metrics, flags.limits);
  workers.SetRegistry(&registry);
  TrainingServiceImpl training(&registry);

  std::unique_ptr<HttpEndpoint> http;
  if (!flags.metrics.empty()) {
    absl::StatusOr<std::unique_ptr<HttpEndpoint>> started = HttpEndpoint::Start(
        {.address = flags.metrics, .flag = "--metrics", .collectables = {metrics.registry()}});
    if (!started.ok()) return Fail(std::string(started.status().message()));
    http = *std::move(started);
  }
  // The registry first: a worker that connects is offered the resumed runs at once.
  const absl::Status started = registry.Start(
      {[&workers](const std::shared_ptr<RunEngine>& engine) { workers.RunStarted(engine); },
       [&workers](uint64_t run) { workers.RunEnded(run); }});
  if (!started.ok()) return Fail(absl::StrCat("--state: ", started.message()));
  int port = 0;
  std::unique_ptr<grpc::Server> server = Listen(flags, &workers, &training, &port);
  if (server == nullptr || port == 0) {
    return Fail(absl::StrCat("--listen: cannot listen on ", flags.listen,
                             ": the port is in use or the address is not this machine's; legal is "
                             "HOST:PORT, port 0 for any free one"));
  }
  const std::string address = WithPort(flags.listen, port);
  Log(LogLevel::kInfo, absl::StrCat("listening on ", address));
  if (!flags.port_file.empty()) {
    const std::string json = absl::StrCat("{\"listen\": \"", address, "\", \"metrics\": \"",
                                          http == nullptr ? "" : http->address(), "\"}\n");
    if (absl::Status status = WriteFileAtomically(PosixFileSystem(), flags.port_file, json);
        !status.ok()) {
      return Fail(absl::StrCat("--port-file: ", status.message()));
    }
  }
  int signal = 0;
  sigwait(&stop_signals, &signal);
  // A second signal ends the process at once.
  pthread_sigmask(SIG_UNBLOCK, &stop_signals, nullptr);
  Log(LogLevel::kInfo, absl::StrCat("stopping: ", strsignal(signal)));
  training.Stop();
  server->GetHealthCheckService()->Shutdown();
  registry.Stop();
  workers.CloseAll();
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(2));
  return 0;
}

}  // namespace
}  // namespace gradloom

int main(int argc, char** argv) {
  gradloom::Flags flags;
  CLI::App app{
      "The coordinator: accepts runs and workers over gRPC, assigns gradient-coded tasks, decodes "
      "and steps the models.\nSIGINT and SIGTERM stop it gracefully; runs under way are resumed "
      "from their checkpoints at the next start.\nExit codes: 0 stopped, 1 failed, 2 wrong usage."};
  app.set_version_flag("--version", std::string(gradloom::Version()));
  app.add_option("--listen", flags.listen, "HOST:PORT for workers and users; port 0: any free one")
      ->capture_default_str();
  app.add_option("--state", flags.state, "Folder for runs, checkpoints and outputs")
      ->capture_default_str();
  app.add_option("--data-folder", flags.data_folder,
                 "Folder that relative data files of run files start from [current folder]");
  app.add_option("--metrics", flags.metrics,
                 "HOST:PORT for /metrics and /healthz; empty: none; port 0: any free one")
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
  app.add_option("--log-format", flags.log_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option("--log-level", flags.log_level, "trace, debug, info, warn or error")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  if (const absl::Status status =
          gradloom::SetUpLogging("gradloom-coordinator", flags.log_format, flags.log_level);
      !status.ok()) {
    std::cerr << "gradloom-coordinator: " << status.message() << "\n";
    return 2;
  }
  return gradloom::Serve(flags);
}
