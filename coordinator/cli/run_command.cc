#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/interrupts.h"
#include "coordinator/cli/local_run.h"
#include "coordinator/cli/output_folder.h"
#include "coordinator/cli/programs.h"
#include "coordinator/run_file/run_file.h"
#include "proto/ops/file_limit.h"
#include "proto/ops/logging.h"
#include "proto/ops/signals.h"

namespace gradloom {
namespace {

struct RunFlags {
  std::string file;
  int workers = 0;
  std::string output;
  std::vector<std::string> set;
  bool fresh = false;
  bool keep_state = true;
  std::string log_level = "info";
};

// Beside a connection a worker.
constexpr uint64_t kFilesOfCoordinator = 40;

int DefaultWorkers(const v1::RunSpec& spec) {
  if (spec.scheme().has_slots()) return static_cast<int>(std::min(spec.scheme().slots(), 1000u));
  return std::max(2, static_cast<int>(std::thread::hardware_concurrency()));
}

int Run(const RunFlags& flags) {
  absl::StatusOr<v1::RunSpec> spec = LoadRunFile(flags.file);
  if (!spec.ok()) return Fail(spec.status());
  for (const std::string& assignment : flags.set) {
    absl::Status status = ApplyOverride(assignment, &*spec);
    if (!status.ok())
      return Fail(absl::InvalidArgumentError("--set " + std::string(status.message())));
  }
  LocalRunOptions options;
  options.workers = flags.workers > 0 ? flags.workers : DefaultWorkers(*spec);
  // All that we start belong to the run from its first round.
  if (!spec->fleet().has_workers()) {
    spec->mutable_fleet()->set_workers(static_cast<uint32_t>(options.workers));
  }
  absl::StatusOr<ResolvedRun> run = ResolveRunSpec(*spec);
  if (run.ok()) {
    // What the scheme cannot do with these workers is said before anything starts.
    v1::RunSpec settled = run->spec;
    SettleScheme(static_cast<uint32_t>(options.workers), settled.mutable_scheme());
    const absl::Status possible = ResolveRunSpec(settled).status();
    if (!possible.ok()) run = possible;
  }
  if (!run.ok()) {
    return Fail(
        absl::InvalidArgumentError(flags.file + ": " + std::string(run.status().message())));
  }
  absl::StatusOr<std::string> coordinator = FindProgram("gradloom-coordinator");
  if (!coordinator.ok()) return Fail(coordinator.status());
  absl::StatusOr<std::string> worker = FindProgram("gradloom-worker");
  if (!worker.ok()) return Fail(worker.status());
  const absl::Status enough =
      CheckFileLimit(RaiseFileLimit(), kFilesOfCoordinator + static_cast<uint64_t>(options.workers),
                     absl::StrCat("the coordinator of ", options.workers, " workers"));
  if (!enough.ok()) return Fail(enough);
  absl::StatusOr<std::unique_ptr<OutputFolder>> output =
      OutputFolder::Open(flags.output, run->spec.name(), absl::Now(), flags.fresh);
  if (!output.ok()) return Fail(output.status());

  options.spec = run->spec;
  options.run_file = flags.file;
  options.data_folder = std::filesystem::absolute(flags.file).parent_path().string();
  options.coordinator_program = *coordinator;
  options.worker_program = *worker;
  options.log_level = flags.log_level;
  options.keep_state = flags.keep_state;
  // A run goes on when nobody reads its progress any more (| head).
  PrepareSignals(BrokenPipe::kIgnored);
  Interrupts interrupts;
  return LocalRun(std::move(options), output->get(), &interrupts, &std::cout).Execute();
}

}  // namespace

CommandAction AddRun(CLI::App* command) {
  auto flags = std::make_shared<RunFlags>();
  command->add_option("file", flags->file, "Run file (YAML)")->required();
  command
      ->add_option("--workers", flags->workers,
                   "Worker processes [the scheme's slots, else as many as this machine has cores]")
      ->check(CLI::Range(1, 1000));
  command->add_option("--output", flags->output,
                      "Folder for models, metrics, logs and state [out/NAME-TIME]; one that holds "
                      "this run's state goes on with it");
  command->add_option("--set", flags->set, "PATH=VALUE, overrides a key of the file; repeatable")
      ->allow_extra_args(false);
  command->add_flag("--fresh", flags->fresh, "Start over, whatever state --output holds");
  command->add_flag("--keep-state,!--no-keep-state", flags->keep_state,
                    "Keep the coordinator's state after success [yes]");
  command
      ->add_option("--log-level", flags->log_level,
                   absl::StrCat("Of the programs' logs: ", kLogLevels, " [info]"))
      ->check(CheckLogLevel);
  command->footer(
      "Starts a coordinator and workers on this machine, trains, and ends by itself.\n"
      "Ctrl-C, SIGTERM and SIGHUP (unless it is ignored, as by nohup) stop with a checkpoint,\n"
      "within a minute; a second one kills. Programs that die are started again.\n"
      "Exit codes: 0 trained, 1 failed, 2 wrong usage, 130 interrupted.");
  return [flags] { return Run(*flags); };
}

}  // namespace gradloom
