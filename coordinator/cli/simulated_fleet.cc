#include "coordinator/cli/simulated_fleet.h"

#include <cstdint>
#include <filesystem>
#include <iostream>
#include <regex>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "models/data/text.h"

namespace gradloom {
namespace {

constexpr int kDefaultSlots = 256;
constexpr int64_t kDefaultJobs = 25;

// The load that a file name such as ...-l0_250-... states.
std::optional<double> LoadInName(const std::string& file) {
  static const std::regex pattern("-l([0-9]+)_([0-9]+)");
  std::smatch match;
  const std::string name = std::filesystem::path(file).filename().string();
  if (!std::regex_search(name, match, pattern)) return std::nullopt;
  return std::stod(absl::StrCat(match[1].str(), ".", match[2].str()));
}

absl::StatusOr<double> SlopeOf(const SimulatedFleet& fleet) {
  if (fleet.slope.has_value()) return *fleet.slope;
  if (fleet.slope_files.empty()) return 0;
  std::vector<Trace> recordings;
  for (const std::string& file : fleet.slope_files) {
    if (!LoadInName(file).has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--slope-from ", file, ": no load in the file's name, such as -l0_250- for 0.25"));
    }
    absl::StatusOr<Trace> trace = ReadTrace(file);
    if (!trace.ok()) return trace.status();
    recordings.push_back(*std::move(trace));
  }
  return FittedSlope(recordings);
}

absl::Status LoadDelays(const SimulatedFleet& fleet, LoadedFleet* out) {
  if (!fleet.delays_text.empty()) {
    absl::StatusOr<GeneratedDelays> spec = ParseDelays(fleet.delays_text);
    if (!spec.ok()) return spec.status();
    spec->slope *= fleet.slope_factor;
    absl::StatusOr<std::unique_ptr<DelayModel>> delays = MakeGeneratedDelays(*spec);
    if (!delays.ok()) return delays.status();
    out->delays = WithReplySeconds(*std::move(delays), fleet.reply_seconds);
    return absl::OkStatus();
  }
  if (fleet.trace_file.empty()) {
    return absl::InvalidArgumentError("either --trace FILE or --delays MODEL is needed");
  }
  absl::StatusOr<Trace> trace = ReadTrace(fleet.trace_file);
  if (!trace.ok()) return trace.status();
  absl::StatusOr<double> slope = SlopeOf(fleet);
  if (!slope.ok()) return slope.status();
  if (fleet.trace_load.has_value()) trace->load = *fleet.trace_load;
  out->slope = *slope * fleet.slope_factor;
  out->trace = WithSlopeFactor(*std::move(trace), *slope, fleet.slope_factor);
  out->delays = WithReplySeconds(MakeTraceDelays(*out->trace, out->slope), fleet.reply_seconds);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadText(const std::string& file) {
  constexpr int64_t kMostBytes = int64_t{1} << 30;
  return ReadTextFile(file, /*field=*/"", /*base_folder=*/"", kMostBytes);
}

absl::StatusOr<Trace> ReadTrace(const std::string& file) {
  absl::StatusOr<std::string> text = ReadText(file);
  if (!text.ok()) return text.status();
  absl::StatusOr<Trace> trace = ParseTrace(file, *text);
  if (trace.ok()) trace->load = LoadInName(file).value_or(0);
  return trace;
}

absl::StatusOr<double> FittedSlope(const std::vector<Trace>& recordings) {
  absl::StatusOr<double> slope = FitSlope(recordings);
  if (!slope.ok() || *slope > 0) return slope;
  absl::StatusOr<double> of_medians = FitSlopeOfMedians(recordings);
  if (!of_medians.ok() || *of_medians <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the fitted slope is ", *slope,
                     " s per unit of load: more load cannot take less time; give --slope"));
  }
  std::cerr << absl::StrFormat(
      "gradloom: a few very slow invocations turn the fitted slope to %.4g s; that of the "
      "recordings' medians is taken: %.4g s\n",
      *slope, *of_medians);
  return of_medians;
}

Trace WithSlopeFactor(Trace trace, double slope, double factor) {
  for (double& seconds : trace.seconds) seconds += trace.load * slope * (factor - 1);
  return trace;
}

void AddFleetOptions(CLI::App* command, SimulatedFleet* fleet) {
  CLI::Option* trace = command->add_option(
      "--trace", fleet->trace_file,
      "Recorded delays (CSV): a row per round, a column per slot, seconds; a load in the name such "
      "as -l0_250- is what was computed meanwhile [-l0_000-]");
  CLI::Option* delays = command->add_option(
      "--delays", fleet->delays_text,
      "Generated delays instead: shifted_exponential:base=1,slope=1,mean=0.3,seed=1 or "
      "pareto:shape=2,... or gilbert_elliott:mean=0.3,enter=0.05,leave=0.5,... or "
      "fail_stop:enter=0.05,...");
  trace->excludes(delays);
  CLI::Option* slope =
      command->add_option("--slope", fleet->slope, "Seconds per unit of load (all of a job's data)")
          ->check(CLI::NonNegativeNumber)
          ->excludes(delays);
  command
      ->add_option("--slope-from", fleet->slope_files,
                   "Fit the slope to recordings of one fleet at several loads (-lX_XXX- in names)")
      ->excludes(slope)
      ->excludes(delays);
  command
      ->add_option("--slope-factor", fleet->slope_factor,
                   "As if a unit of load cost so many times as much, in the recording too [1]")
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--reply-seconds", fleet->reply_seconds,
                   "Of each reply, beside its load: its sending, and what a slot loses between two "
                   "tasks [0]")
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--trace-load", fleet->trace_load,
                   "Load computed while recording, instead of the one in the trace's name")
      ->check(CLI::NonNegativeNumber);
  CLI::Option* run = command->add_option("--run", fleet->run_file,
                                         "Run file (YAML): its trials, their lanes and what these "
                                         "need of each other, their jobs (none "
                                         "ends early), as the service would plan them");
  command
      ->add_option("--set", fleet->set, "PATH=VALUE, overrides a key of the run file; repeatable")
      ->allow_extra_args(false)
      ->needs(run);
  command
      ->add_option("--slots", fleet->slots,
                   "Slots of the fleet [the run file's, else the trace's columns, or 256]")
      ->check(CLI::Range(1, 10'000));
  command->add_option("--trials", fleet->trials, "Trials that take turns [4]")
      ->check(CLI::Range(1, 1'000))
      ->excludes(run);
  command
      ->add_option("--jobs", fleet->jobs,
                   "Jobs of all lanes together [25, or all of the run file's; fewer of these: of "
                   "each lane in proportion]")
      ->check(CLI::Range(int64_t{1}, int64_t{10'000'000}));
}

absl::StatusOr<FleetSize> SizeOf(const SimulatedFleet& fleet,
                                 const std::optional<SimulatedRun>& run, int slots) {
  if (run.has_value()) return SizeOf(*run, true, slots, fleet.jobs);
  return FleetSize{slots, fleet.trials, fleet.jobs.value_or(kDefaultJobs)};
}

absl::StatusOr<LoadedFleet> LoadFleet(const SimulatedFleet& fleet) {
  LoadedFleet out;
  if (absl::Status status = LoadDelays(fleet, &out); !status.ok()) return status;
  int slots = fleet.slots;
  if (!fleet.run_file.empty()) {
    absl::StatusOr<SimulatedRun> run = LoadSimulatedRun(fleet.run_file, fleet.set);
    if (!run.ok()) return run.status();
    if (slots == 0) slots = static_cast<int>(run->spec.scheme().slots());
    out.run = *std::move(run);
  }
  if (slots == 0) slots = out.trace.has_value() ? out.trace->columns : kDefaultSlots;
  if (out.trace.has_value() && slots > out.trace->columns) {
    return absl::InvalidArgumentError(absl::StrCat(
        fleet.slots > 0 ? "--slots " : absl::StrCat(fleet.run_file, ": scheme.slots: "), slots,
        ": ", fleet.trace_file, " has ", out.trace->columns));
  }
  absl::StatusOr<FleetSize> size = SizeOf(fleet, out.run, slots);
  if (!size.ok()) return size.status();
  out.size = *std::move(size);
  return out;
}

}  // namespace gradloom
