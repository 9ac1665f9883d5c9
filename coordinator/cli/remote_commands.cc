// Commands that talk to a running coordinator.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/display.h"
#include "coordinator/cli/interrupts.h"
#include "coordinator/cli/progress.h"
#include "coordinator/cli/run_watcher.h"
#include "coordinator/cli/training_client.h"
#include "coordinator/run_file/run_file.h"
#include "coordinator/run_file/run_update.h"
#include "coordinator/store/json_file.h"
#include "proto/ops/address.h"
#include "proto/ops/printable.h"

namespace gradloom {
namespace {

struct RemoteFlags {
  std::string coordinator = "127.0.0.1:7070";
  uint64_t run = 0;  // 0: the newest
  bool json = false;
  bool watch = false;
  std::string file;
  std::vector<std::string> set;
  std::string output;
};

constexpr char kVariable[] = "GRADLOOM_COORDINATOR";

// CLI11 names the flag, also when the value is the variable's.
std::string CheckCoordinator(const std::string& address) {
  std::string wrong = CheckDialAddress(address);
  const char* variable = std::getenv(kVariable);
  if (wrong.empty() || variable == nullptr || variable != address) return wrong;
  return absl::StrCat(kVariable, " ", wrong);
}

std::shared_ptr<RemoteFlags> AddCoordinator(CLI::App* command) {
  auto flags = std::make_shared<RemoteFlags>();
  command
      ->add_option("--coordinator", flags->coordinator,
                   "HOST:PORT or [IPV6]:PORT of the coordinator")
      ->envname(kVariable)
      ->check(CheckCoordinator)
      ->capture_default_str();
  return flags;
}

void AddRunOption(CLI::App* command, RemoteFlags* flags, bool required) {
  command->add_option("run", flags->run, required ? "Number of the run" : "Number [the newest]")
      ->required(required)
      ->check(CLI::PositiveNumber);
}

void PrintJson(const google::protobuf::Message& message) {
  std::cout << ToJson(message, JsonFields::kAll);
}

// Replaces 0 by the number of the newest run.
absl::Status ChooseRun(TrainingClient* client, RemoteFlags* flags) {
  if (flags->run != 0) return absl::OkStatus();
  absl::StatusOr<std::vector<v1::RunStatus>> runs = client->ListRuns();
  if (!runs.ok()) return runs.status();
  for (const auto& run : *runs) flags->run = std::max<uint64_t>(flags->run, run.run());
  if (flags->run == 0) {
    return absl::NotFoundError(absl::StrCat("the coordinator at ", client->address(),
                                            " has no runs; submit one with: gradloom submit FILE"));
  }
  return absl::OkStatus();
}

int WatchRun(TrainingClient* client, uint64_t run) {
  Interrupts interrupts;
  Display display(&std::cout, &Display::StandardOutput);
  RunWatcher watcher(client, run, std::chrono::seconds(10));
  while (true) {
    const RunWatcher::Seen seen = watcher.Wait(std::chrono::milliseconds(100));
    if (interrupts.count() > 0) {
      std::cout << "the run goes on; stop it with: gradloom cancel " << run << std::endl;
      return kExitInterrupted;
    }
    if (seen.ended && !seen.error.ok()) return Fail(seen.error);
    if (seen.status.run() == 0) continue;
    if (!seen.ended) {
      display.Show(absl::Now(), seen.status);
      if (!std::cout) return kExitFailure;  // nobody reads on (| head)
      continue;
    }
    display.Finish(seen.status);
    std::cout << RenderSummary(seen.status) << "  its files: gradloom fetch " << run
              << " --output FOLDER" << std::endl;
    return seen.status.state() == v1::SUCCEEDED ? kExitOk : kExitFailure;
  }
}

int Submit(const RemoteFlags& flags) {
  absl::StatusOr<ResolvedRun> resolved = LoadResolvedRun(flags.file, flags.set);
  if (!resolved.ok()) return Fail(resolved.status());
  TrainingClient client(flags.coordinator);
  absl::StatusOr<uint64_t> run = client.Submit(resolved->spec);
  if (!run.ok()) return Fail(run.status());
  std::cout << *run << std::endl;
  return flags.watch ? WatchRun(&client, *run) : kExitOk;
}

int Status(RemoteFlags flags) {
  TrainingClient client(flags.coordinator);
  absl::Status chosen = ChooseRun(&client, &flags);
  if (!chosen.ok()) return Fail(chosen);
  absl::StatusOr<v1::GetRunResponse> run = client.GetRun(flags.run);
  if (!run.ok()) return Fail(run.status());
  if (flags.json) {
    PrintJson(run->status());
  } else {
    std::cout << "run " << flags.run << ", " << RenderSummary(run->status());
  }
  return kExitOk;
}

int List(const RemoteFlags& flags) {
  TrainingClient client(flags.coordinator);
  absl::StatusOr<std::vector<v1::RunStatus>> runs = client.ListRuns();
  if (!runs.ok()) return Fail(runs.status());
  if (flags.json) {
    v1::ListRunsResponse all;
    for (const auto& run : *runs) *all.add_runs() = run;
    PrintJson(all);
  } else {
    std::cout << RenderRuns(*runs);
  }
  return kExitOk;
}

int PrintState(uint64_t run, const absl::StatusOr<v1::RunStatus>& status) {
  if (!status.ok()) return Fail(status.status());
  std::cout << "run " << run << ": " << StateName(status->state()) << std::endl;
  return kExitOk;
}

// The run as it is, with what `flags.set` changes, or as a run file says.
absl::StatusOr<v1::RunSpec> Changed(const RemoteFlags& flags, TrainingClient* client) {
  if (!flags.file.empty()) {
    absl::StatusOr<ResolvedRun> run = LoadResolvedRun(flags.file, flags.set);
    if (!run.ok()) return run.status();
    return run->spec;
  }
  absl::StatusOr<v1::GetRunResponse> run = client->GetRun(flags.run);
  if (!run.ok()) return run.status();
  for (const std::string& assignment : flags.set) {
    absl::Status status = ApplyToResolved(assignment, run->mutable_spec());
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--set ", status.message()));
    }
  }
  return run->spec();
}

int Resume(const RemoteFlags& flags) {
  TrainingClient client(flags.coordinator);
  if (flags.file.empty() && flags.set.empty()) {
    return PrintState(flags.run, client.Resume(flags.run));
  }
  const absl::StatusOr<v1::RunSpec> spec = Changed(flags, &client);
  if (!spec.ok()) return Fail(spec.status());
  return PrintState(flags.run, client.Resume(flags.run, &*spec));
}

int Fetch(RemoteFlags flags) {
  TrainingClient client(flags.coordinator);
  absl::Status chosen = ChooseRun(&client, &flags);
  if (!chosen.ok()) return Fail(chosen);
  if (flags.output.empty()) flags.output = absl::StrCat("out/run-", flags.run);
  absl::StatusOr<std::vector<std::string>> files = client.Fetch(flags.run, flags.output);
  if (!files.ok()) return Fail(files.status());
  for (const std::string& file : *files) {
    std::cout << flags.output << "/" << Printable(file) << "\n";
  }
  return kExitOk;
}

}  // namespace

CommandAction AddSubmit(CLI::App* command) {
  auto flags = AddCoordinator(command);
  command->add_option("file", flags->file, "Run file (YAML)")->required();
  command->add_option("--set", flags->set, "PATH=VALUE, overrides a key of the file; repeatable")
      ->allow_extra_args(false);
  command->add_flag("--watch", flags->watch, "Go on to watch the run");
  command->footer(
      "Prints the run's number. Relative data files start from the data folders of the coordinator "
      "and of the workers.");
  return [flags] { return Submit(*flags); };
}

CommandAction AddWatch(CLI::App* command) {
  auto flags = AddCoordinator(command);
  AddRunOption(command, flags.get(), false);
  command->footer("Ends with the run: exit code 0 when it succeeded. Ctrl-C leaves it running.");
  return [flags] {
    TrainingClient client(flags->coordinator);
    absl::Status chosen = ChooseRun(&client, flags.get());
    if (!chosen.ok()) return Fail(chosen);
    // A wrong number or a wrong address is an error at once.
    absl::Status known = client.GetRun(flags->run).status();
    if (!known.ok()) return Fail(known);
    return WatchRun(&client, flags->run);
  };
}

CommandAction AddStatus(CLI::App* command) {
  auto flags = AddCoordinator(command);
  AddRunOption(command, flags.get(), false);
  command->add_flag("--json", flags->json, "As JSON (RunStatus of training.proto)");
  return [flags] { return Status(*flags); };
}

CommandAction AddList(CLI::App* command) {
  auto flags = AddCoordinator(command);
  command->add_flag("--json", flags->json, "As JSON (ListRunsResponse of training.proto)");
  return [flags] { return List(*flags); };
}

CommandAction AddCancel(CLI::App* command) {
  auto flags = AddCoordinator(command);
  AddRunOption(command, flags.get(), true);
  command->footer("Stops the run with a checkpoint; `gradloom resume` goes on with it.");
  return [flags] {
    return PrintState(flags->run, TrainingClient(flags->coordinator).Cancel(flags->run));
  };
}

CommandAction AddResume(CLI::App* command) {
  auto flags = AddCoordinator(command);
  AddRunOption(command, flags.get(), true);
  command->add_option("file", flags->file, "Run file (YAML) as it is now [as it was]");
  command
      ->add_option("--set", flags->set,
                   "PATH=VALUE, overrides a key, of training for all trials; repeatable")
      ->allow_extra_args(false);
  command->footer(
      "Goes on from the newest checkpoint. A run that has succeeded is trained further with a "
      "larger "
      "training.epochs or training.jobs; patience, target_accuracy, fleet, checkpoint, straggle "
      "and "
      "limits may change, too.");
  return [flags] { return Resume(*flags); };
}

CommandAction AddFetch(CLI::App* command) {
  auto flags = AddCoordinator(command);
  AddRunOption(command, flags.get(), false);
  command->add_option("--output", flags->output, "Folder for the files [out/run-NUMBER]");
  return [flags] { return Fetch(*flags); };
}

}  // namespace gradloom
