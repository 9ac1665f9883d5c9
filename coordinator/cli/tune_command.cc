// gradloom tune: which scheme, closing rule and arrangement suit a fleet best.
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/lanes_table.h"
#include "coordinator/cli/parallel_for.h"
#include "coordinator/cli/simulated_fleet.h"
#include "coordinator/cli/tuning_benchmark.h"
#include "coordinator/simulation/paper_rounds.h"
#include "coordinator/tuning/auto_simulation.h"
#include "coordinator/tuning/choice_search.h"
#include "coordinator/tuning/fleet_recorder.h"
#include "coordinator/tuning/probe_file.h"
#include "coordinator/tuning/tuning_report.h"

namespace gradloom {
namespace {

constexpr int kProfileRows = 64;  // that drawn delays or a probe are judged by

struct Flags {
  SimulatedFleet fleet;
  std::string probe_file;
  SearchOptions search;
  std::vector<std::string> without;
  int64_t reply_bytes = 0;
  int threads = 0;
  bool play_auto = false;
  std::string csv_file;
  std::vector<std::string> table_files;
  std::vector<std::string> lanes_table_files;
};

struct NamedArrangement {
  const char* name;
  bool ChoiceSpace::*wanted;
};
constexpr NamedArrangement kArrangements[] = {{"woven", &ChoiceSpace::woven},
                                              {"overlap", &ChoiceSpace::overlap},
                                              {"gang", &ChoiceSpace::gang},
                                              {"split", &ChoiceSpace::split}};

// Whatever may be left out: schemes, then arrangements.
std::string LeaveOutNames() {
  std::vector<absl::string_view> names;
  for (const SchemeKind* kind : SchemeTable()) names.push_back(kind->name);
  for (const NamedArrangement& arrangement : kArrangements) names.push_back(arrangement.name);
  return absl::StrJoin(names, ", ");
}

absl::Status LeaveOut(const std::vector<std::string>& names, ChoiceSpace* space) {
  for (const std::string& name : names) {
    bool found = std::erase_if(space->schemes,
                               [&](const SchemeKind* kind) { return kind->name == name; }) > 0;
    // Named twice.
    found = found || FindScheme(name) != nullptr;
    for (const NamedArrangement& arrangement : kArrangements) {
      if (name != arrangement.name) continue;
      space->*arrangement.wanted = false;
      found = true;
    }
    if (!found) {
      return absl::InvalidArgumentError(
          absl::StrCat("--without ", name, ": legal are ", LeaveOutNames()));
    }
  }
  return absl::OkStatus();
}

// Profile and size from a probe: as many slots as it mentions.
absl::StatusOr<FleetProfile> ProfileOfProbe(const Flags& flags, FleetSize* size) {
  absl::StatusOr<std::string> text = ReadText(flags.probe_file);
  if (!text.ok()) return text.status();
  absl::StatusOr<std::vector<InvocationObserved>> observed = ParseProbe(flags.probe_file, *text);
  if (!observed.ok()) return observed.status();
  int slots = 0;
  for (const InvocationObserved& each : *observed) slots = std::max(slots, each.slot + 1);
  FleetRecorder recorder(slots, kProfileRows);
  for (const InvocationObserved& each : *observed) recorder.Observe(each);
  if (!recorder.Slope().has_value() && !flags.fleet.slope.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--probe ", flags.probe_file,
                     ": no two loads side by side tell what load costs; give --slope"));
  }
  if (flags.fleet.slope.has_value()) recorder.set_slope(*flags.fleet.slope);
  FleetProfile profile = recorder.Profile(kProfileRows, 1);
  profile.slope_seconds *= flags.fleet.slope_factor;
  if (flags.fleet.slots > slots) {
    return absl::InvalidArgumentError(
        absl::StrCat("--slots ", flags.fleet.slots, ": ", flags.probe_file, " has ", slots));
  }
  std::optional<SimulatedRun> run;
  if (!flags.fleet.run_file.empty()) {
    absl::StatusOr<SimulatedRun> loaded = LoadSimulatedRun(flags.fleet.run_file, flags.fleet.set);
    if (!loaded.ok()) return loaded.status();
    run = *std::move(loaded);
  }
  absl::StatusOr<FleetSize> asked =
      SizeOf(flags.fleet, run, flags.fleet.slots == 0 ? slots : flags.fleet.slots);
  if (!asked.ok()) return asked.status();
  *size = *std::move(asked);
  return profile;
}

absl::StatusOr<FleetProfile> LoadProfile(const Flags& flags, FleetSize* size) {
  if (!flags.probe_file.empty()) return ProfileOfProbe(flags, size);
  absl::StatusOr<LoadedFleet> fleet = LoadFleet(flags.fleet);
  if (!fleet.ok()) return fleet.status();
  *size = fleet->size;
  FleetProfile profile =
      fleet->trace.has_value()
          ? ProfileOfTrace(*fleet->trace, size->slots, fleet->slope, fleet->slope)
          : ProfileOfModel(*fleet->delays, size->slots, kProfileRows);
  profile.reply_seconds = flags.fleet.reply_seconds;
  return profile;
}

// Percent on a terminal, nothing elsewhere.
std::function<void(double)> Progress() {
  if (isatty(STDERR_FILENO) != 1) return nullptr;
  return [](double fraction) {
    std::cerr << absl::StrFormat("\rsearching: %3.0f %%", 100 * fraction)
              << (fraction >= 1 ? "\r\033[K" : "") << std::flush;
  };
}

absl::Status PrintAuto(const Flags& flags, const FleetProfile& profile, const FleetSize& size) {
  AutoOptions options;
  options.search = flags.search;
  options.search.progress = nullptr;
  const std::unique_ptr<DelayModel> delays = MakeProfileDelays(profile, RecordedOrder(profile));
  for (const bool known : {false, true}) {
    if (known) options.known = profile;
    absl::StatusOr<AutoPlay> play =
        PlayAuto(size, *delays, options, {.apply_seconds = flags.search.apply_seconds});
    if (!play.ok()) return play.status();
    std::cout << absl::StrFormat("\nscheme: auto, %s: %.4f s\n",
                                 known ? "told this fleet's profile" : "knowing nothing at first",
                                 play->result.total_seconds);
    for (const AutoPlay::Entry& entry : play->journal) {
      absl::StatusOr<ChoiceCost> cost = CostOf(entry.decision.choice, size);
      if (!cost.ok()) return cost.status();
      std::cout << absl::StrFormat("  %9.3f s, %d jobs: %s, %s (%s): %s\n", entry.seconds,
                                   entry.jobs_applied, SchemeText(entry.decision.choice.scheme),
                                   ArrangementText(entry.decision.choice.fleet), entry.decision.why,
                                   CostText(*cost, static_cast<double>(flags.reply_bytes)));
    }
  }
  return absl::OkStatus();
}

absl::Status TuneCommand(Flags flags) {
  if (absl::Status status = LeaveOut(flags.without, &flags.search.space); !status.ok()) {
    return status;
  }
  const int processors = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  flags.search.run_all = ThreadedFor(flags.threads == 0 ? processors : flags.threads);
  if (!flags.table_files.empty()) {
    return PrintTuningBenchmark(flags.table_files, flags.fleet, flags.search);
  }
  if (!flags.lanes_table_files.empty()) {
    return PrintLanesTable(flags.lanes_table_files, flags.fleet, flags.search);
  }
  FleetSize size;
  absl::StatusOr<FleetProfile> profile = LoadProfile(flags, &size);
  if (!profile.ok()) return profile.status();
  flags.search.progress = Progress();
  absl::StatusOr<SearchResult> result = SearchChoices(*profile, size, flags.search);
  if (!result.ok()) return result.status();
  TuningReport report{size, 0, flags.reply_bytes};
  report.floor_seconds = ClairvoyantFloor(size.slots, size.jobs,
                                          *MakeProfileDelays(*profile, RecordedOrder(*profile)));
  std::cout << absl::StrFormat(
                   "%s, slope %.5g s; clairvoyant floor %.4f s; %d choices, %d runs simulated\n",
                   SizeText(size), profile->slope_seconds, report.floor_seconds, result->candidates,
                   result->simulated)
            << TuningTable(*result, report) << "\n"
            << RunFileSnippet(result->ranked.front(), size);
  if (flags.play_auto) {
    if (absl::Status status = PrintAuto(flags, *profile, size); !status.ok()) return status;
  }
  if (flags.csv_file.empty()) return absl::OkStatus();
  std::ofstream stream(flags.csv_file, std::ios::binary);
  stream << TuningCsv(*result, report);
  stream.close();
  if (!stream) return absl::UnavailableError(absl::StrCat("cannot write ", flags.csv_file));
  return absl::OkStatus();
}

void AddSearchOptions(CLI::App* command, Flags* flags) {
  SearchOptions& search = flags->search;
  command
      ->add_option("--without", flags->without,
                   absl::StrCat("Leave out schemes or arrangements: ", LeaveOutNames()))
      ->delimiter(',');
  command
      ->add_option("--copies-max", search.space.copies_max,
                   "Copies of the data over the whole fleet at most [any number]")
      ->check(CLI::PositiveNumber);
  command->add_option("--delay-max", search.space.delay_max, "T of schemes at most [4]")
      ->check(CLI::Range(0, 16));
  command->add_option("--top", search.keep, "Choices to print [16]")->check(CLI::Range(1, 10'000));
  command
      ->add_option("--resamples", search.resamples,
                   "Resampled fleets that give predictions their uncertainty; 0: none [20]")
      ->check(CLI::Range(0, 10'000));
  command
      ->add_option("--jobs-max", search.jobs_max,
                   "Predict longer runs from so many of their jobs [64]")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}));
  command->add_option("--apply-seconds", search.apply_seconds, "Of each update [0]")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--threads", flags->threads, "[as many as processors]")
      ->check(CLI::Range(0, 1024));
}

}  // namespace

CommandAction AddTune(CLI::App* command) {
  auto flags = std::make_shared<Flags>();
  AddFleetOptions(command, &flags->fleet);
  command->add_option(
      "--probe", flags->probe_file,
      "Observed invocations instead of a trace: the invocations.csv of a run's output "
      "folder, or a CSV slot,load,seconds,at_least");
  AddSearchOptions(command, flags.get());
  command
      ->add_option("--reply-bytes", flags->reply_bytes,
                   "Of one gradient as it is sent: print bytes moved instead of replies [0]")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 50));
  command->add_flag("--auto", flags->play_auto,
                    "Also play `scheme: auto`, with its switches, knowing nothing and this fleet");
  command->add_option("--csv", flags->csv_file, "Write the table to this file, with every digit");
  CLI::Option* table =
      command->add_option("--table", flags->table_files,
                          "Instead: a Markdown table of all these traces, the slope fitted to each "
                          "family (what precedes -lX_XXX-) and multiplied by 1, 2, 10 and 50");
  CLI::Option* lanes_table = command->add_option(
      "--lanes-table", flags->lanes_table_files,
      "Instead: a Markdown table of all these run files, each with the lanes inside its models and "
      "without: the best of every scheme, and `scheme: auto`");
  table->excludes(lanes_table);
  for (CLI::Option* other : {command->get_option("--run"), command->get_option("--probe")}) {
    other->excludes(table);
    other->excludes(lanes_table);
  }
  command->footer(
      "Every choice is played by the coordinator's own core over the recorded or drawn delays. "
      "Best "
      "first; `simulate` shows the rounds of any of them.");
  return [flags] {
    absl::Status status = TuneCommand(*flags);
    return status.ok() ? kExitOk : Fail(status);
  };
}

}  // namespace gradloom
