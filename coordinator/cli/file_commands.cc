// Commands about run files, without a coordinator.
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "coordinator/cli/command.h"
#include "coordinator/run_file/explain.h"
#include "coordinator/run_file/proto_to_yaml.h"
#include "coordinator/run_file/run_file.h"

namespace gradloom {

CommandAction AddCheck(CLI::App* command) {
  struct Flags {
    std::string file;
    std::vector<std::string> set;
  };
  auto flags = std::make_shared<Flags>();
  command->add_option("file", flags->file, "Run file (YAML)")->required();
  command->add_option("--set", flags->set, "PATH=VALUE, overrides a key of the file; repeatable")
      ->allow_extra_args(false);
  command->footer("Opens no data. What is printed is a run file, too.");
  return [flags] {
    absl::StatusOr<v1::RunSpec> spec = LoadRunFile(flags->file);
    if (!spec.ok()) return Fail(spec.status());
    for (const std::string& assignment : flags->set) {
      absl::Status status = ApplyOverride(assignment, &*spec);
      if (!status.ok()) {
        return Fail(absl::InvalidArgumentError(absl::StrCat("--set ", status.message())));
      }
    }
    absl::StatusOr<ResolvedRun> run = ResolveRunSpec(*spec);
    if (!run.ok()) {
      return Fail(
          absl::InvalidArgumentError(absl::StrCat(flags->file, ": ", run.status().message())));
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
