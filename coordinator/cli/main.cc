// gradloom: the user's command. A table of commands; everything else is in their files.
#include <iostream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "coordinator/cli/command.h"
#include "proto/ops/file_limit.h"
#include "proto/ops/signals.h"
#include "proto/ops/version.h"

namespace gradloom {
namespace {

constexpr Command kCommands[] = {
    {"run", "Train what a run file describes, on this machine", AddRun},
    {"check", "Check a run file and print it with all its defaults", AddCheck},
    {"explain", "Print the keys of a run file", AddExplain},
    {"simulate", "Predict what schemes would take under recorded or drawn delays", AddSimulate},
    {"tune", "Find the scheme and arrangement that suit a fleet best", AddTune},
    {"submit", "Hand a run to a coordinator", AddSubmit},
    {"watch", "Show a run's progress until it ends", AddWatch},
    {"status", "Print a run's state", AddStatus},
    {"list", "List a coordinator's runs", AddList},
    {"cancel", "Stop a run with a checkpoint", AddCancel},
    {"resume", "Go on with a cancelled or failed run", AddResume},
    {"fetch", "Copy a run's files here", AddFetch},
};

int Main(int argc, char** argv) {
  PrepareSignals(BrokenPipe::kEndsUs);
  RaiseFileLimit();
  CLI::App app{"Gradloom: distributed training that does not wait for stragglers.", "gradloom"};
  app.set_version_flag("--version", std::string(Version()));
  app.require_subcommand(1);
  std::vector<std::pair<CLI::App*, CommandAction>> commands;
  for (const Command& command : kCommands) {
    CLI::App* sub = app.add_subcommand(command.name, command.summary);
    commands.emplace_back(sub, command.add(sub));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  for (const auto& [sub, action] : commands) {
    if (sub->parsed()) return action();
  }
  return kExitUsage;
}

}  // namespace

}  // namespace gradloom

int main(int argc, char** argv) { return gradloom::Main(argc, argv); }
