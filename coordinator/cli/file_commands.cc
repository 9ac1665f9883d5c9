// Commands about run files, without a coordinator.
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "coordinator/cli/command.h"
#include "coordinator/engine/run_plan.h"
#include "coordinator/engine/start_from.h"
#include "coordinator/run_file/explain.h"
#include "coordinator/run_file/limits.h"
#include "coordinator/run_file/proto_to_yaml.h"
#include "coordinator/run_file/run_file.h"
#include "proto/ops/memory.h"

namespace gradloom {
namespace {

// What the coordinator does when the run is submitted, and workers when they begin to serve it.
absl::Status CheckFiles(const ResolvedRun& run, const std::string& file) {
  const std::string folder = std::filesystem::absolute(file).parent_path().string();
  ServerLimits limits;
  limits.parameters_max = run.spec.limits().max_parameters();
  limits.memory_max = MemoryBytes();
  const absl::StatusOr<RunInputs> opened = OpenInputs(run.spec, run.trials, folder, limits);
  absl::Status status = opened.ok() ? StartTrials(opened->trials, folder) : opened.status();
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(file, ": ", status.message()));
}

}  // namespace

CommandAction AddCheck(CLI::App* command) {
  struct Flags {
    std::string file;
    std::vector<std::string> set;
    bool opens_files = true;
  };
  auto flags = std::make_shared<Flags>();
  command->add_option("file", flags->file, "Run file (YAML)")->required();
  command->add_option("--set", flags->set, "PATH=VALUE, overrides a key of the file; repeatable")
      ->allow_extra_args(false);
  command->add_flag("!--no-files", flags->opens_files,
                    "Open none of the files that the run names: they are elsewhere");
  command->footer(
      "Opens the data and every other file as the run would, relative to the run file, and makes "
      "its models. What is printed is a run file, too.");
  return [flags] {
    const absl::StatusOr<ResolvedRun> run = LoadResolvedRun(flags->file, flags->set);
    if (!run.ok()) return Fail(run.status());
    if (flags->opens_files) {
      if (absl::Status status = CheckFiles(*run, flags->file); !status.ok()) return Fail(status);
    }
    std::cout << ToYaml(run->spec);
    return kExitOk;
  };
}

CommandAction AddExplain(CLI::App* command) {
  auto path = std::make_shared<std::string>();
  command->add_option("path", *path, "Key, such as optimizer or workload.mlp [everything]");
  return [path] {
    absl::StatusOr<std::string> text = Explain(*path);
    if (!text.ok()) return Fail(text.status());
    std::cout << *text;
    return kExitOk;
  };
}

}  // namespace gradloom
