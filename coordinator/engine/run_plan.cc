#include "coordinator/engine/run_plan.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "coordinator/run_file/specs.h"
#include "coordinator/tuning/probe_file.h"
#include "models/data/text.h"

namespace gradloom {
namespace {

constexpr int64_t kProbeBytesMax = int64_t{1} << 30;
constexpr int kProfileRows = 32;
constexpr int kProbeWindow = 64;  // invocations of each slot that are kept of a probe
constexpr uint64_t kProfileSeed = 1;

absl::StatusOr<FleetProfile> ReadProbe(const std::string& file, int slots) {
  absl::StatusOr<std::string> text = ReadTextFile(file, "scheme.auto.probe", "", kProbeBytesMax);
  if (!text.ok()) return text.status();
  absl::StatusOr<std::vector<InvocationObserved>> observed = ParseProbe(file, *text);
  if (!observed.ok()) return observed.status();
  FleetRecorder recorder(slots, kProbeWindow);
  for (const InvocationObserved& each : *observed) recorder.Observe(each);
  if (recorder.observed() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("scheme.auto.probe: ", file, " has no invocation of slots 0 to ", slots - 1));
  }
  return recorder.Profile(kProfileRows, kProfileSeed);
}

}  // namespace

absl::StatusOr<std::vector<std::unique_ptr<Trial>>> MakeTrials(
    const v1::RunSpec& spec, const std::vector<v1::TrialSpec>& trials, const TrainAndTest& data) {
  std::vector<std::unique_ptr<Trial>> out;
  for (const v1::TrialSpec& trial_spec : trials) {
    absl::StatusOr<std::unique_ptr<Trial>> trial =
        Trial::Create(trial_spec, data.train, data.test != nullptr, spec.limits().max_parameters());
    if (!trial.ok()) {
      return absl::Status(trial.status().code(), absl::StrCat("trial ", trial_spec.name(), ": ",
                                                              trial.status().message()));
    }
    out.push_back(*std::move(trial));
  }
  return out;
}

std::vector<LanePlan> PlanLanes(const std::vector<std::unique_ptr<Trial>>& trials) {
  std::vector<LanePlan> lanes;
  for (const std::unique_ptr<Trial>& trial : trials) {
    const auto first_lane = static_cast<int>(lanes.size());
    for (int lane = 0; lane < trial->lanes(); ++lane) {
      const LaneProgress at = trial->progress(lane);
      LanePlan plan{.jobs = at.jobs, .first_job = at.finished ? at.jobs : at.jobs_done};
      const LaneSpec& spec = trial->workload().lanes()[lane];
      for (const LaneNeed& need : spec.needs) {
        plan.needs.push_back({first_lane + need.lane, need.lag, need.finished});
      }
      plan.give_up = spec.give_up;
      plan.late = spec.late;
      lanes.push_back(std::move(plan));
    }
  }
  return lanes;
}

std::vector<LanePlan> PlanChains(const std::vector<std::unique_ptr<Trial>>& trials) {
  std::vector<LanePlan> chains;
  for (const std::unique_ptr<Trial>& trial : trials) {
    chains.push_back({trial->jobs(), trial->jobs_done()});
  }
  return chains;
}

absl::StatusOr<Choice> FixedChoice(const v1::RunSpec& spec, int slots) {
  absl::StatusOr<Arrangement> fleet = ParseArrangement(spec.fleet().arrangement());
  if (!fleet.ok()) return fleet.status();
  return Choice{ToSchemeSpec(spec.scheme(), slots), ToClosingRuleSpec(spec.closing()), *fleet};
}

absl::StatusOr<AutoOptions> ReadAutoOptions(const v1::AutoScheme& spec, int slots,
                                            const std::string& folder) {
  AutoOptions options;
  options.search.space.delay_max = static_cast<int>(spec.delay_max());
  if (spec.has_copies_max()) options.search.space.copies_max = spec.copies_max();
  options.hysteresis = spec.hysteresis();
  if (!spec.probe().empty()) {
    absl::StatusOr<FleetProfile> known = ReadProbe(FileInFolder(folder, spec.probe()), slots);
    if (!known.ok()) return known.status();
    options.known = *std::move(known);
  }
  return options;
}

std::string FileInFolder(const std::string& folder, const std::string& file) {
  return file[0] == '/' || folder.empty() ? file : absl::StrCat(folder, "/", file);
}

}  // namespace gradloom
