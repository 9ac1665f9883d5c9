#include "tests/simulation/arrangements.h"

#include <utility>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace gradloom {
namespace {

Scenario Of(const std::string& name, const std::string& trials, const std::string& scheme,
            const std::string& rest) {
  Scenario scenario;
  scenario.name = name;
  scenario.run = absl::StrCat(trials, "scheme: ", scheme, "\ncheckpoint: {every: 2s}\n", rest);
  scenario.workers = Workers(4);
  return scenario;
}

}  // namespace

std::vector<WorkerTraits> Workers(int count) {
  std::vector<WorkerTraits> workers;
  for (int i = 0; i < count; ++i) workers.push_back({.name = absl::StrCat("w", i)});
  return workers;
}

Scenario OneTrial(const std::string& name, const std::string& scheme, const std::string& rest) {
  return Of(name, "training: {epochs: 12, batch_size: 16}\n", scheme, rest);
}

Scenario TwoTrials(const std::string& name, const std::string& scheme, const std::string& rest) {
  return Of(name,
            "training: {epochs: 7, batch_size: 16}\n"
            "trials: [{}, {optimizer: {learning_rate: 0.003}}]\n",
            scheme, rest);
}

Scenario ThreeTrials(const std::string& name, const std::string& scheme, const std::string& rest) {
  return Of(name,
            "training: {epochs: 5, batch_size: 16}\n"
            "trials: [{}, {optimizer: {learning_rate: 0.003}}, {training: {epochs: 3}}]\n",
            scheme, rest);
}

std::vector<Scenario> Arrangements() {
  std::vector<Scenario> all = {
      OneTrial("Uncoded", "{slots: 4, uncoded: {}}"),
      OneTrial("Gc", "{slots: 4, gc: {s: 1}}"),
      OneTrial("GcOverThreeWorkers", "{slots: 6, gc: {s: 1}}"),
      OneTrial("GcUntilMu", "{slots: 4, gc: {s: 1}}", "closing: {rule: mu, mu: 1}\n"),
      OneTrial("GcOfLongReplies", "{slots: 4, gc: {s: 1}}", "wire: {frame_bytes: 4096}\n"),
      OneTrial("GcCyclic", "{slots: 4, gc: {s: 1, code: cyclic}}"),
      OneTrial("MultiMessage", "{slots: 4, multi_message: {}}"),
      TwoTrials("SrSgc", "{slots: 4, sr_sgc: {b: 1, w: 2, lambda: 2}}"),
      ThreeTrials("MSgc", "{slots: 4, m_sgc: {b: 1, w: 2, lambda: 2}}"),
      ThreeTrials("Overlap", "{slots: 4, gc: {s: 1}}", "fleet: {arrangement: overlap}\n"),
      TwoTrials("Gang", "{slots: 4, multi_message: {}}", "fleet: {arrangement: gang}\n"),
      TwoTrials("Split", "{slots: 4, uncoded: {}}", "fleet: {arrangement: 'split:2'}\n"),
      TwoTrials("Auto", "{slots: 4, auto: {}}"),
  };
  for (Scenario& scenario : all) {
    if (scenario.name == "GcOverThreeWorkers") scenario.workers = Workers(3);
    if (scenario.name == "GcOfLongReplies") scenario.features = 2500;
    if (scenario.name == "MultiMessage") {
      for (WorkerTraits& worker : scenario.workers) worker.capacity = 2;
    }
    // The weights of a cyclic code depend on who answers, what auto decides on when.
    scenario.same_bits = scenario.name != "GcCyclic" && scenario.name != "Auto";
  }
  return all;
}

Scenario ArrangementOf(const std::string& name) {
  for (Scenario& scenario : Arrangements()) {
    if (scenario.name == name) return std::move(scenario);
  }
  ABSL_RAW_LOG(FATAL, "no arrangement of this name: %s", name.c_str());
  return {};
}

Faults Mixed(bool coordinator) {
  return {.seconds = 20,
          .kills = 1,
          .cuts = 2,
          .freezes = 1,
          .hangs = 1,
          .late_start = 3,
          .straggles = 0.1,
          .fails = 0.03,
          .lost = 0.03,
          .twice = 0.1,
          .stale = 0.05,
          .wrong = 0.05,
          .crashes = coordinator ? 3 : 0,
          .restarts = coordinator ? 1 : 0};
}

Faults Storm() {
  return {.seconds = 60,
          .kills = 4,
          .cuts = 6,
          .freezes = 4,
          .hangs = 4,
          .late_start = 15,
          .straggles = 0.3,
          .fails = 0.1,
          .lost = 0.1,
          .twice = 0.3,
          .stale = 0.2,
          .wrong = 0.2,
          .crashes = 6,
          .restarts = 2};
}

void AddOthers(Scenario* scenario) {
  scenario->workers.push_back({.name = "late"});
  scenario->workers.push_back({.name = "unfit", .unfit = "no such file", .fit_after = 8});
  scenario->workers.push_back({.name = "stranger", .unfit = "other data"});
  scenario->workers.push_back({.name = "old", .isa = "v2"});
}

Stage::Stage(Scenario of) : scenario(std::move(of)), run(SimulatedRun::Of(scenario)) {
  Scenario calm = scenario;
  calm.faults = {};
  calm.canary = Canary::kNone;
  undisturbed = SimulatedCluster(calm, run, 1, nullptr).Run();
}

const Trajectory* Stage::expected() const {
  return scenario.same_bits ? &undisturbed.trajectory : nullptr;
}

Outcome Stage::Play(uint64_t seed) const {
  return SimulatedCluster(scenario, run, seed, expected()).Run();
}

std::string Told(const Scenario& scenario, uint64_t seed, const Outcome& outcome) {
  return absl::StrCat(scenario.name, ", seed ", seed, ", ", outcome.lives, " lives, ",
                      outcome.seconds, " s: ", outcome.error, outcome.not_live, "\n",
                      absl::StrJoin(outcome.unsafe, "\n"), "\n", outcome.latest);
}

}  // namespace gradloom
