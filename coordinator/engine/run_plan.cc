#include "coordinator/engine/run_plan.h"

#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "coding/codes/code_table.h"
#include "coordinator/run_file/specs.h"
#include "coordinator/store/atomic_file.h"
#include "coordinator/store/json_file.h"
#include "coordinator/tuning/probe_file.h"
#include "gradloom/v1/checkpoint.pb.h"
#include "models/data/delay_trace.h"
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

constexpr int64_t kMaxLanes = 65'536;
constexpr int64_t kMaxNeeds = int64_t{1} << 25;  // of lanes of other lanes
constexpr uint64_t kJournalBytesMax = uint64_t{64} << 20;

// Adds up what a run's trials are, and stops where it is more than is allowed.
class Tally {
 public:
  Tally(const v1::LimitsSpec& own, const ServerLimits& limits) : own_(own), limits_(limits) {}

  absl::Status Add(const Trial& trial) {
    const auto parameters = static_cast<uint64_t>(trial.workload().parameters());
    if (parameters > own_.max_parameters() || parameters > limits_.parameters_max) {
      const bool own = own_.max_parameters() <= limits_.parameters_max;
      return absl::InvalidArgumentError(
          absl::StrCat("workload has ", parameters, " parameters: ",
                       own ? absl::StrCat("limits.max_parameters is ", own_.max_parameters())
                           : absl::StrCat("this coordinator's limit is ", limits_.parameters_max,
                                          " (--max-parameters)")));
    }
    for (int lane = 0; lane < trial.lanes(); ++lane) {
      needs_ += static_cast<int64_t>(trial.workload().lanes()[lane].needs.size());
      if (!names_.insert(trial.LaneName(lane)).second) {
        return absl::InvalidArgumentError(
            absl::StrCat("name: a lane is called '", trial.LaneName(lane),
                         "', as one of another trial is; choose another name for the trial"));
      }
    }
    if (names_.size() > kMaxLanes || needs_ > kMaxNeeds) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the run has ", names_.size(), " lanes that need ", needs_, " others, up to this trial; ",
          "legal are up to ", kMaxLanes, " and ", kMaxNeeds, ": take fewer trials or blocks"));
    }
    return AddBytes(trial.MemoryBytes());
  }

  absl::Status AddBytes(double bytes) {
    bytes_ += bytes;
    const auto most = static_cast<double>(limits_.memory_max);
    if (most == 0 || bytes_ <= most) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrFormat(
        "the run's models and test data take %.3g bytes of memory at least, up to here; this "
        "coordinator's limit is %.3g (--max-memory)",
        bytes_, most));
  }

 private:
  const v1::LimitsSpec& own_;
  const ServerLimits& limits_;
  std::set<std::string> names_;  // of lanes
  int64_t needs_ = 0;
  double bytes_ = 0;
};

absl::Status Named(const v1::TrialSpec& trial, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat("trial ", trial.name(), ": ", status.message()));
}

absl::Status CheckReplay(const std::string& file) {
  absl::StatusOr<std::string> text = ReadFile(file, kJournalBytesMax);
  v1::ScheduleJournal journal;
  absl::Status status = text.ok() ? FromJson(*text, &journal) : text.status();
  if (status.ok() && journal.decisions().empty()) {
    status = absl::InvalidArgumentError(absl::StrCat(file, " has no decisions"));
  }
  if (status.ok()) return status;
  return absl::InvalidArgumentError(absl::StrCat("scheme.auto.replay: ", status.message()));
}

// What others open later.
absl::Status CheckFilesOfOthers(const v1::RunSpec& spec, const std::string& folder) {
  if (spec.straggle().has_trace()) {
    const auto trace =
        ReadDelayTrace(spec.straggle().trace().file(), "straggle.trace.file", folder);
    if (!trace.ok()) return trace.status();
  }
  if (!spec.scheme().has_auto_()) return absl::OkStatus();
  const v1::AutoScheme& chosen = spec.scheme().auto_();
  if (!chosen.replay().empty()) return CheckReplay(FileInFolder(folder, chosen.replay()));
  const int slots = spec.scheme().has_slots() ? static_cast<int>(spec.scheme().slots()) : kMaxSlots;
  return ReadAutoOptions(chosen, slots, folder).status();
}

}  // namespace

absl::StatusOr<std::vector<std::unique_ptr<Trial>>> MakeTrials(
    const v1::RunSpec& spec, const std::vector<v1::TrialSpec>& trials, const TrainAndTest& data,
    const ServerLimits& limits) {
  Tally tally(spec.limits(), limits);
  if (data.test != nullptr && !data.test->info().sparse) {
    const DatasetInfo& test = data.test->info();
    absl::Status status = tally.AddBytes(static_cast<double>(test.examples) *
                                         static_cast<double>(test.features) * sizeof(float));
    if (!status.ok()) return status;
  }
  // All of them are planned before any takes memory.
  std::vector<std::unique_ptr<Trial>> out;
  for (const v1::TrialSpec& trial_spec : trials) {
    absl::StatusOr<std::unique_ptr<Trial>> trial = Trial::Plan(trial_spec, data.train->info());
    const absl::Status status = trial.ok() ? tally.Add(**trial) : trial.status();
    if (!status.ok()) return Named(trial_spec, status);
    out.push_back(*std::move(trial));
  }
  for (const std::unique_ptr<Trial>& trial : out) {
    const absl::Status status = trial->Initialise(data.train, data.test != nullptr);
    if (!status.ok()) return Named(trial->spec(), status);
  }
  return out;
}

absl::StatusOr<RunInputs> OpenInputs(const v1::RunSpec& spec,
                                     const std::vector<v1::TrialSpec>& trials,
                                     const std::string& folder, const ServerLimits& limits) {
  RunInputs run;
  if (absl::Status status = CheckFilesOfOthers(spec, folder); !status.ok()) return status;
  absl::StatusOr<TrainAndTest> data = OpenData(spec.data(), folder);
  if (!data.ok()) return data.status();
  run.data = *std::move(data);
  auto made = MakeTrials(spec, trials, run.data, limits);
  if (!made.ok()) return made.status();
  run.trials = *std::move(made);
  if (run.data.test == nullptr) return run;
  absl::StatusOr<Examples> test = run.data.test->Load(0, run.data.test->info().examples);
  if (!test.ok()) return test.status();
  run.test = *std::move(test);
  return run;
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
