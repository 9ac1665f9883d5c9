// gradloom simulate: what a run would take under given delays, scheme by scheme.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "coding/codes/code_table.h"
#include "coding/usual_choices.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/parallel_for.h"
#include "coordinator/cli/simulated_fleet.h"
#include "coordinator/planning/arrangement.h"
#include "coordinator/simulation/paper_rounds.h"
#include "coordinator/simulation/simulation_report.h"
#include "coordinator/simulation/simulator.h"
#include "coordinator/tuning/auto_simulation.h"

namespace gradloom {
namespace {

struct Flags {
  SimulatedFleet fleet;
  // Empty: the run file's, or what there is without one.
  std::vector<std::string> schemes;
  std::vector<std::string> arrangements;
  std::string closing;
  std::string lanes = "on";
  double apply_seconds = 0;
  bool paper = false;
  std::string counting;  // empty: as in the paper
  bool search = false;
  double mu = 1;
  std::string csv_file;
  std::string svg_file;
};

bool WantsRounds(const Flags& flags) { return !flags.csv_file.empty() || !flags.svg_file.empty(); }

absl::StatusOr<ReportedRun> Report(SimulationResult result, const Choice& choice,
                                   const FleetSize& size) {
  absl::StatusOr<ChoiceCost> cost = CostOf(choice, size);
  if (!cost.ok()) return cost.status();
  ReportedRun run = ReportSimulation(std::move(result), size.jobs);
  run.scheme = SchemeText(choice.scheme);
  run.fleet = ArrangementText(choice.fleet);
  run.closing = ClosingText(choice.closing);
  run.lanes = size.lanes;
  run.load = cost->load;
  run.tolerated = cost->tolerated;
  run.copies = cost->copies;
  return run;
}

absl::StatusOr<ReportedRun> SimulateOne(const Flags& flags, const DelayModel& delays,
                                        const FleetSize& size, const Choice& choice) {
  absl::StatusOr<CorePlan> plan = MakePlan(choice, size);
  if (!plan.ok()) return plan.status();
  absl::StatusOr<SimulationResult> result = Simulate(
      *std::move(plan), delays, {.apply_seconds = flags.apply_seconds, .record_rounds = true});
  if (!result.ok()) return result.status();
  return Report(*std::move(result), choice, size);
}

// Reported as what most jobs went under.
absl::StatusOr<ReportedRun> SimulateAuto(const Flags& flags, const DelayModel& delays,
                                         const FleetSize& size, AutoOptions options) {
  options.search.run_all =
      ThreadedFor(static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
  absl::StatusOr<AutoPlay> play = PlayAuto(
      size, delays, options, {.apply_seconds = flags.apply_seconds, .record_rounds = true});
  if (!play.ok()) return play.status();
  const Choice mostly = play->longest().choice;
  absl::StatusOr<ReportedRun> run = Report(std::move(play->result), mostly, size);
  if (run.ok()) run->scheme = absl::StrCat("auto, mostly ", run->scheme);
  return run;
}

// What is played under: flags go before the run file's keys, these before what there is without
// either.
struct Schemes {
  std::vector<SchemeSpec> fixed;
  std::optional<AutoOptions> automatic;
  ClosingRuleSpec closing;
  std::vector<Arrangement> fleets;
};

absl::StatusOr<Schemes> SchemesOf(const Flags& flags, const LoadedFleet& fleet) {
  Schemes out;
  Choice otherwise;
  if (fleet.run.has_value()) {
    absl::StatusOr<RunScheme> scheme = SchemeOf(*fleet.run, fleet.size.slots);
    // Under other schemes it does not matter whether its own suits these slots.
    if (!scheme.ok() && flags.schemes.empty()) return scheme.status();
    if (scheme.ok()) {
      otherwise = scheme->choice;
      if (flags.schemes.empty()) out.automatic = scheme->automatic;
    }
  }
  for (const std::string& text : flags.schemes) {
    if (text == "auto") {
      out.automatic.emplace();
      continue;
    }
    absl::StatusOr<SchemeSpec> scheme = ParseScheme(text);
    if (!scheme.ok()) return scheme.status();
    out.fixed.push_back(*scheme);
  }
  if (flags.schemes.empty() && !out.automatic.has_value()) out.fixed = {otherwise.scheme};
  out.closing = otherwise.closing;
  if (!flags.closing.empty()) {
    absl::StatusOr<ClosingRuleSpec> closing = ParseClosing(flags.closing);
    if (!closing.ok()) return closing.status();
    out.closing = *closing;
  }
  for (const std::string& text : flags.arrangements) {
    absl::StatusOr<Arrangement> arrangement = ParseArrangement(text);
    if (!arrangement.ok()) return arrangement.status();
    out.fleets.push_back(*arrangement);
  }
  if (out.fleets.empty()) out.fleets = {otherwise.fleet};
  return out;
}

absl::Status SimulateSize(const Flags& flags, const DelayModel& delays, const FleetSize& size,
                          const Schemes& schemes, std::vector<ReportedRun>* runs) {
  for (const SchemeSpec& scheme : schemes.fixed) {
    for (const Arrangement& fleet : schemes.fleets) {
      const Choice choice{scheme, schemes.closing, fleet};
      absl::StatusOr<ReportedRun> run = SimulateOne(flags, delays, size, choice);
      if (!run.ok()) {
        return absl::Status(run.status().code(),
                            absl::StrCat(SchemeText(scheme), ", ", ArrangementText(fleet), ", ",
                                         SizeText(size), ": ", run.status().message()));
      }
      runs->push_back(*std::move(run));
    }
  }
  if (!schemes.automatic.has_value()) return absl::OkStatus();
  absl::StatusOr<ReportedRun> run = SimulateAuto(flags, delays, size, *schemes.automatic);
  if (!run.ok()) return run.status();
  runs->push_back(*std::move(run));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ReportedRun>> SimulateAll(const Flags& flags, const LoadedFleet& fleet) {
  absl::StatusOr<Schemes> schemes = SchemesOf(flags, fleet);
  if (!schemes.ok()) return schemes.status();
  std::vector<ReportedRun> runs;
  if (flags.lanes != "off") {
    absl::Status status = SimulateSize(flags, *fleet.delays, fleet.size, *schemes, &runs);
    if (!status.ok()) return status;
  }
  if (flags.lanes == "on") return runs;
  absl::StatusOr<FleetSize> chained = SizeOf(*fleet.run, false, fleet.size.slots, flags.fleet.jobs);
  if (!chained.ok()) return chained.status();
  if (chained->lanes == 1) schemes->fleets = {Arrangement{}};  // all the same for one chain
  if (flags.lanes == "both") {
    std::erase_if(schemes->fixed, [&](const SchemeSpec& scheme) {
      const auto cost = CostOf({scheme, schemes->closing, schemes->fleets[0]}, *chained);
      return cost.ok() && cost->versions > chained->lanes;
    });
  }
  absl::Status status = SimulateSize(flags, *fleet.delays, *chained, *schemes, &runs);
  if (!status.ok()) return status;
  return runs;
}

absl::StatusOr<std::vector<ReportedRun>> SimulatePapers(const Flags& flags,
                                                        const LoadedFleet& fleet) {
  if (!fleet.trace.has_value()) {
    return absl::InvalidArgumentError("--paper needs --trace: its rounds are the trace's rows");
  }
  const bool authors = flags.counting == "authors";
  const PaperOptions options{.jobs = fleet.size.jobs,
                             .mu = flags.mu,
                             .counting = authors ? PaperCounting::kAuthors : PaperCounting::kPaper,
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
          SearchPaper(*spec->kind, spec->slots, 4, *fleet.trace, fleet.slope, quick);
      if (!best.ok()) return best.status();
      *spec = best->spec;
    }
    absl::StatusOr<PaperResult> result = SimulatePaper(*spec, *fleet.trace, fleet.slope, options);
    if (!result.ok()) return result.status();
    ReportedRun run = ReportPaper(*result);
    run.scheme = SchemeText(*spec);
    run.closing = ClosingText(PublishedRule(flags.mu));
    run.tolerated = result->tolerated;
    run.copies = run.load * spec->slots;
    run.replies_per_job = static_cast<double>(spec->slots) * spec->kind->traits(*spec).tasks;
    runs.push_back(std::move(run));
  }
  return runs;
}

// How the authors' code counts otherwise than their paper.
std::string AuthorsCount() {
  std::vector<std::string> differences;
  for (const SchemeKind* kind : SchemeTable()) {
    if (kind->authors_count.empty()) continue;
    differences.push_back(absl::StrCat(kind->title, ": ", kind->authors_count));
  }
  return absl::StrJoin(differences, "; ");
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
  if (flags.schemes.empty() && !fleet->run.has_value()) {
    return absl::InvalidArgumentError("either --scheme or --run FILE is needed");
  }
  if (!flags.paper && (!flags.counting.empty() || flags.search)) {
    return absl::InvalidArgumentError(
        "--counting, --authors-gc (its older name) and --search belong to --paper");
  }
  absl::StatusOr<std::vector<ReportedRun>> runs =
      flags.paper ? SimulatePapers(flags, *fleet) : SimulateAll(flags, *fleet);
  if (!runs.ok()) return runs.status();
  const double floor = ClairvoyantFloor(fleet->size.slots, fleet->size.jobs, *fleet->delays);
  std::cout << absl::StrFormat("%s, slope %.5g s; clairvoyant floor %.4f s\n",
                               SizeText(fleet->size), fleet->slope, floor)
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
      ->add_option(
          "--scheme", flags->schemes,
          absl::StrCat(SchemeUsage(), " or auto; codes are ", absl::StrJoin(CodeNames(), ", "),
                       "; one a flag: repeat the flag to compare [the run file's]"))
      ->allow_extra_args(false);
  command
      ->add_option(
          "--fleet", flags->arrangements,
          "woven: all lanes (trials, or what they have inside) over all slots, in turn; overlap: "
          "likewise, without a barrier between lanes; gang: likewise, all lanes at once, a slot's "
          "tasks in one message; split:K, gang:K: K groups of slots; one a flag, repeatable [the "
          "run file's, or woven]")
      ->allow_extra_args(false);
  command->add_option(
      "--closing", flags->closing,
      absl::StrCat(ClosingUsage(), " [the run file's, or ", ClosingText(ClosingRuleSpec()), "]"));
  CLI::Option* run = command->get_option("--run");
  command
      ->add_option("--lanes", flags->lanes,
                   "Of --run. on: as the service plans them; off: as without lanes inside models, "
                   "each model's jobs one after the other; both: compare them, but for schemes "
                   "that are impossible without [on]")
      ->check(CLI::IsMember({"on", "off", "both"}))
      ->needs(run);
  command->add_option("--apply-seconds", flags->apply_seconds, "Of each update [0]")
      ->check(CLI::NonNegativeNumber);
  command
      ->add_flag("--paper", flags->paper,
                 "Rounds as published: barrier, mu-rule, wait-outs, no late results")
      ->excludes(run);
  command->add_option("--mu", flags->mu, "Of --paper [1]")->check(CLI::NonNegativeNumber);
  CLI::Option* counting =
      command
          ->add_option(
              "--counting", flags->counting,
              absl::StrCat("With --paper. paper: as it is written there; authors: as the authors' "
                           "published code counts: ",
                           AuthorsCount(), ". Other schemes are the same [paper]"))
          ->check(CLI::IsMember({"paper", "authors"}));
  command
      ->add_flag_callback(
          "--authors-gc", [flags] { flags->counting = "authors"; },
          "The older name of --counting authors")
      ->excludes(counting);
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
