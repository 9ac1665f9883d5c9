#include "coordinator/engine/opened_run.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "coordinator/engine/run_plan.h"
#include "coordinator/engine/start_from.h"

namespace gradloom {
namespace {

absl::Status CheckData(const char* field, const Dataset* data, std::optional<uint64_t> known) {
  if (!known.has_value()) return absl::OkStatus();  // a checkpoint of an earlier version
  const uint64_t now = data == nullptr ? 0 : data->info().checksum;
  if (now == *known) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrFormat(
      "%s has checksum %016x, the run was trained so far on data of checksum %016x: put these data "
      "back and resume, or start anew (gradloom run --fresh, or gradloom submit)",
      field, now, *known));
}

}  // namespace

absl::StatusOr<std::unique_ptr<OpenedRun>> OpenRun(const v1::RunSpec& spec,
                                                   const std::vector<v1::TrialSpec>& trials,
                                                   const std::string& data_folder,
                                                   const std::string& folder,
                                                   const ServerLimits& limits) {
  absl::StatusOr<RunInputs> inputs = OpenInputs(spec, trials, data_folder, limits);
  if (!inputs.ok()) return inputs.status();
  auto opened = std::make_unique<OpenedRun>();
  opened->data = std::move(inputs->data);
  opened->test = std::move(inputs->test);
  opened->trials = TrialSet(std::move(inputs->trials));
  absl::StatusOr<std::unique_ptr<RunFiles>> files =
      RunFiles::Open(folder, static_cast<int>(spec.checkpoint().keep()));
  if (!files.ok()) return files.status();
  opened->files = *std::move(files);
  const auto known = [](bool has, uint64_t checksum) {
    return has ? std::optional(checksum) : std::nullopt;
  };
  const auto same_data = [&](const v1::CheckpointManifest& manifest) {
    absl::Status status =
        CheckData("data.train", opened->data.train.get(),
                  known(manifest.has_train_checksum(), manifest.train_checksum()));
    if (!status.ok()) return status;
    return CheckData("data.test", opened->data.test.get(),
                     known(manifest.has_test_checksum(), manifest.test_checksum()));
  };
  absl::StatusOr<bool> restored =
      opened->files->Restore(opened->trials.trials(), same_data, &opened->before);
  if (!restored.ok()) return restored.status();
  opened->restored = *restored;
  if (*restored) return opened;
  absl::Status started = StartTrials(opened->trials.trials(), data_folder);
  if (!started.ok()) return started;
  return opened;
}

v1::RunStatus StatusOf(const OpenedRun& opened) {
  v1::RunStatus status;
  status.set_state(v1::WAITING);
  status.set_output(opened.files->output_folder());
  const auto& trials = opened.trials.trials();
  for (size_t i = 0; i < trials.size(); ++i) {
    v1::TrialStatus* trial = status.add_trials();
    trial->set_name(trials[i]->spec().name());
    trial->set_file(RunFiles::ParametersFile(trials[i]->spec().name()));
    trial->set_jobs(static_cast<uint64_t>(trials[i]->jobs()));
    if (!opened.restored) continue;
    const v1::TrialCheckpoint& saved = opened.before.trials(static_cast<int>(i));
    trial->set_jobs_done(static_cast<uint64_t>(trials[i]->jobs_done()));
    trial->set_loss(saved.loss());
    trial->set_finished(trials[i]->finished());
    if (saved.has_accuracy()) trial->set_accuracy(saved.accuracy());
  }
  return status;
}

}  // namespace gradloom
