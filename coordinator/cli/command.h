// The table of the user's commands: one entry a command, each defined in a file of its own or with
// its kin. To add one: write an Add function, list it in main.cc's table, test it.
#ifndef GRADLOOM_COORDINATOR_CLI_COMMAND_H_
#define GRADLOOM_COORDINATOR_CLI_COMMAND_H_

#include <functional>
#include <string>

#include "absl/status/status.h"

// CLI11's header is large: only the .cc files that declare options include it.
namespace CLI {
class App;
}

namespace gradloom {

// Exit codes of `gradloom`.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInterrupted = 130;

// Declares a command's options on its CLI11 subcommand and returns what to do once they are parsed;
// the result is the exit code.
using CommandAction = std::function<int()>;
using AddOptions = CommandAction (*)(CLI::App* command);

struct Command {
  const char* name;
  const char* summary;
  AddOptions add;
};

CommandAction AddRun(CLI::App* command);       // run_command.cc
CommandAction AddSubmit(CLI::App* command);    // remote_commands.cc
CommandAction AddWatch(CLI::App* command);     // remote_commands.cc
CommandAction AddStatus(CLI::App* command);    // remote_commands.cc
CommandAction AddList(CLI::App* command);      // remote_commands.cc
CommandAction AddCancel(CLI::App* command);    // remote_commands.cc
CommandAction AddResume(CLI::App* command);    // remote_commands.cc
CommandAction AddFetch(CLI::App* command);     // remote_commands.cc
CommandAction AddCheck(CLI::App* command);     // file_commands.cc
CommandAction AddExplain(CLI::App* command);   // file_commands.cc
CommandAction AddSimulate(CLI::App* command);  // simulate_command.cc
CommandAction AddTune(CLI::App* command);      // tune_command.cc

// Prints "gradloom: message" to stderr and returns kExitFailure.
int Fail(const absl::Status& status);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CLI_COMMAND_H_
