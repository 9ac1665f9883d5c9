// gradloom simulate: what a run would take under given delays, scheme by scheme.
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/simulated_fleet.h"
#include "coordinator/simulation/arrangement.h"
#include "coordinator/simulation/paper_rounds.h"
#include "coordinator/simulation/simulation_report.h"
#include "coordinator/simulation/simulator.h"

namespace gradloom {
namespace {

struct Flags {
  SimulatedFleet fleet;
  std::vector<std::string> schemes;
  std::vector<std::string> arrangements = {"woven"};
  std::string closing = "first_decodable";
  double apply_seconds = 0;
  bool paper = false;
  bool authors_gc = false;
  bool search = false;
  double mu = 1;
  std::string csv_file;
  std::string svg_file;
};

bool WantsRounds(const Flags& flags) { return !flags.csv_file.empty() || !flags.svg_file.empty(); }

absl::StatusOr<ReportedRun> SimulateOne(const Flags& flags, const LoadedFleet& fleet,
                                        const Choice& choice) {
  absl::StatusOr<ChoiceCost> cost = CostOf(choice, fleet.size);
  if (!cost.ok()) return cost.status();
  absl::StatusOr<CorePlan> plan = MakePlan(choice, fleet.size);
  if (!plan.ok()) return plan.status();
  absl::StatusOr<SimulationResult> result =
      Simulate(*std::move(plan), *fleet.delays,
               {.apply_seconds = flags.apply_seconds, .record_rounds = true});
  if (!result.ok()) return result.status();
  ReportedRun run = ReportSimulation(*std::move(result), fleet.size.jobs);
  run.scheme = SchemeText(choice.scheme);
  run.fleet = ArrangementText(choice.fleet);
  run.closing = flags.closing;
  run.load = cost->load;
  run.tolerated = cost->tolerated;
  run.copies = cost->copies;
  return run;
}

absl::StatusOr<std::vector<ReportedRun>> SimulateAll(const Flags& flags, const LoadedFleet& fleet) {
  Choice choice;
  absl::StatusOr<ClosingRuleSpec> closing = ParseClosing(flags.closing);
  if (!closing.ok()) return closing.status();
  choice.closing = *closing;
  std::vector<ReportedRun> runs;
  for (const std::string& scheme_text : flags.schemes) {
    absl::StatusOr<SchemeSpec> scheme = ParseScheme(scheme_text);
    if (!scheme.ok()) return scheme.status();
    choice.scheme = *scheme;
    for (const std::string& fleet_text : flags.arrangements) {
      absl::StatusOr<Arrangement> arrangement = ParseArrangement(fleet_text);
      if (!arrangement.ok()) return arrangement.status();
      choice.fleet = *arrangement;
      absl::StatusOr<ReportedRun> run = SimulateOne(flags, fleet, choice);
      if (!run.ok()) {
        return absl::Status(run.status().code(), absl::StrCat(scheme_text, ", ", fleet_text, ": ",
                                                              run.status().message()));
      }
      runs.push_back(*std::move(run));
    }
  }
  return runs;
}

absl::StatusOr<std::vector<ReportedRun>> SimulatePapers(const Flags& flags,
                                                        const LoadedFleet& fleet) {
  if (!fleet.trace.has_value()) {
    return absl::InvalidArgumentError("--paper needs --trace: its rounds are the trace's rows");
  }
  const PaperOptions options{.jobs = fleet.size.jobs,
                             .mu = flags.mu,
                             .authors_gc = flags.authors_gc,
                             .record_rounds = true};
  std::vector<ReportedRun> runs;
  for (const std::string& scheme_text : flags.schemes) {
    absl::StatusOr<SchemeSpec> spec = ParseScheme(scheme_text);
    if (!spec.ok()) return spec.status();
    spec->slots = fleet.size.slots;
    if (flags.search) {
      PaperOptions quick = options;
      quick.record_rounds = false;
      absl::StatusOr<PaperChoice> best =
          SearchPaper(spec->kind, spec->slots, 4, *fleet.trace, fleet.slope, quick);
      if (!best.ok()) return best.status();
      *spec = best->spec;
    }
    absl::StatusOr<PaperResult> result = SimulatePaper(*spec, *fleet.trace, fleet.slope, options);
    if (!result.ok()) return result.status();
    ReportedRun run = ReportPaper(*result);
    run.scheme = SchemeText(*spec);
    run.closing = absl::StrCat("mu:", flags.mu);
    run.tolerated = spec->kind == SchemeSpec::Kind::kUncoded ? 0
                    : spec->kind == SchemeSpec::Kind::kGc    ? spec->s
                                                             : spec->lambda;
    run.copies = run.load * spec->slots;
    run.replies_per_job =
        spec->slots *
        (spec->kind == SchemeSpec::Kind::kMSgc ? static_cast<double>(spec->w - 1 + spec->b) : 1.0);
    runs.push_back(std::move(run));
  }
  return runs;
}

absl::Status WriteText(const std::string& file, const std::string& text) {
  if (file.empty()) return absl::OkStatus();
  std::ofstream stream(file, std::ios::binary);
  stream << text;
  stream.close();
  if (!stream) return absl::UnavailableError(absl::StrCat("cannot write ", file));
  return absl::OkStatus();
}

absl::Status SimulateCommand(const Flags& flags) {
  absl::StatusOr<LoadedFleet> fleet = LoadFleet(flags.fleet);
  if (!fleet.ok()) return fleet.status();
  if (!flags.paper && (flags.authors_gc || flags.search)) {
    return absl::InvalidArgumentError("--authors-gc and --search belong to --paper");
  }
  absl::StatusOr<std::vector<ReportedRun>> runs =
      flags.paper ? SimulatePapers(flags, *fleet) : SimulateAll(flags, *fleet);
  if (!runs.ok()) return runs.status();
  const double floor = ClairvoyantFloor(fleet->size.slots, fleet->size.jobs, *fleet->delays);
  std::cout << absl::StrFormat(
                   "%d slots, %d jobs of %d trials, slope %.5g s; clairvoyant floor "
                   "%.4f s\n",
                   fleet->size.slots, fleet->size.jobs, fleet->size.lanes, fleet->slope, floor)
            << ReportTable(*runs, floor);
  if (!WantsRounds(flags)) return absl::OkStatus();
  if (absl::Status status = WriteText(flags.csv_file, ReportCsv(*runs)); !status.ok()) {
    return status;
  }
  return WriteText(flags.svg_file,
                   flags.svg_file.empty() ? "" : ReportSvg(*runs, fleet->size.slots));
}

}  // namespace

CommandAction AddSimulate(CLI::App* command) {
  auto flags = std::make_shared<Flags>();
  AddFleetOptions(command, &flags->fleet);
  command
      ->add_option("--scheme", flags->schemes,
                   "uncoded, gc:s=10, sr_sgc:b=1,w=2,lambda=22 or m_sgc:b=1,w=2,lambda=31, with "
                   ",code=cyclic and so on if wanted; one a flag: repeat the flag to compare")
      ->required()
      ->allow_extra_args(false);
  command
      ->add_option(
          "--fleet", flags->arrangements,
          "woven: all trials over all slots, in turn; overlap: likewise, without a barrier "
          "between trials; gang: likewise, all trials at once, a slot's tasks in one message; "
          "split:K, gang:K: K groups of slots; one a flag, repeatable [woven]")
      ->allow_extra_args(false);
  command->add_option("--closing", flags->closing,
                      "first_decodable, wait_for_all, mu:1, mu_wait_for_all:1, "
                      "quantile:quantile=0.5,factor=1.5 [first_decodable]");
  command->add_option("--apply-seconds", flags->apply_seconds, "Of each update [0]")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--paper", flags->paper,
                    "Rounds as published: barrier, mu-rule, wait-outs, no late results");
  command->add_option("--mu", flags->mu, "Of --paper [1]")->check(CLI::NonNegativeNumber);
  command->add_flag("--authors-gc", flags->authors_gc,
                    "With --paper: GC of load (s+1)/n tolerates s - 1, as in the authors' code");
  command->add_flag("--search", flags->search,
                    "With --paper: the parameters of the least total instead of those given");
  command->add_option("--csv", flags->csv_file, "Write every round to this file");
  command->add_option("--svg", flags->svg_file, "Draw stragglers, retries and time to this file");
  return [flags] {
    absl::Status status = SimulateCommand(*flags);
    return status.ok() ? kExitOk : Fail(status);
  };
}

}  // namespace gradloom
