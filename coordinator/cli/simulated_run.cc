#include "coordinator/cli/simulated_run.h"

#include <filesystem>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "coordinator/engine/run_plan.h"
#include "coordinator/run_file/run_file.h"
#include "models/data/dataset.h"

namespace gradloom {
namespace {

std::string FolderOf(const std::string& file) {
  return std::filesystem::absolute(file).parent_path().string();
}

absl::Status InFile(const std::string& file, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(file, ": ", status.message()));
}

}  // namespace

absl::StatusOr<SimulatedRun> LoadSimulatedRun(const std::string& file,
                                              const std::vector<std::string>& set) {
  absl::StatusOr<ResolvedRun> resolved = LoadResolvedRun(file, set);
  if (!resolved.ok()) return resolved.status();
  absl::StatusOr<TrainAndTest> data = OpenData(resolved->spec.data(), FolderOf(file));
  if (!data.ok()) return InFile(file, data.status());
  absl::StatusOr<std::vector<std::unique_ptr<Trial>>> trials =
      MakeTrials(resolved->spec, resolved->trials, *data);
  if (!trials.ok()) return InFile(file, trials.status());
  return SimulatedRun{file, std::move(resolved->spec), PlanLanes(*trials), PlanChains(*trials)};
}

absl::StatusOr<RunScheme> SchemeOf(const SimulatedRun& run, int slots) {
  v1::RunSpec spec = run.spec;
  spec.mutable_scheme()->set_slots(static_cast<uint32_t>(slots));
  SettleScheme(static_cast<uint32_t>(slots), spec.mutable_scheme());
  if (absl::Status status = ResolveRunSpec(spec).status(); !status.ok()) {
    return InFile(run.file, status);
  }
  absl::StatusOr<Choice> choice = FixedChoice(spec, slots);
  if (!choice.ok()) return InFile(run.file, choice.status());
  RunScheme out{*choice, std::nullopt};
  if (!spec.scheme().has_auto_()) return out;
  absl::StatusOr<AutoOptions> options =
      ReadAutoOptions(spec.scheme().auto_(), slots, FolderOf(run.file));
  if (!options.ok()) return InFile(run.file, options.status());
  out.automatic = *std::move(options);
  return out;
}

absl::StatusOr<FleetSize> SizeOf(const SimulatedRun& run, bool lanes, int slots,
                                 std::optional<int64_t> jobs) {
  FleetSize size = SizeOf(slots, lanes ? run.lanes : run.chains);
  if (jobs.has_value() && *jobs > size.jobs) {
    return absl::InvalidArgumentError(
        absl::StrCat("--jobs ", *jobs, ": ", run.file, " has ", size.jobs, " in all"));
  }
  size.jobs = jobs.value_or(size.jobs);
  return size;
}

}  // namespace gradloom
