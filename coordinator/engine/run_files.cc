#include "coordinator/engine/run_files.h"

#include <map>
#include <shared_mutex>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "coordinator/run_file/proto_to_yaml.h"
#include "coordinator/store/atomic_file.h"
#include "coordinator/store/json_file.h"
#include "coordinator/store/safetensors.h"
#include "coordinator/tuning/probe_file.h"
#include "proto/ops/logging.h"

namespace gradloom {
namespace {

// Of the whole state, or of the model alone.
std::vector<TensorView> Views(const Trial& trial, bool model_only) {
  std::vector<TensorView> views;
  for (const Learner::NamedVector& vector : trial.VectorsLocked()) {
    if (model_only && !vector.parameter) continue;
    views.push_back({vector.name, vector.shape, vector.values, vector.doubles});
  }
  return views;
}

// A trial's name as part of a file's.
std::string FileStem(const std::string& name) {
  return absl::StrReplaceAll(name, {{"/", "_"}, {" ", "_"}});
}

uint64_t JobsDone(const v1::LearnerProgress& progress) {
  uint64_t jobs = 0;
  for (const v1::LearnerProgress::Lane& lane : progress.lanes()) jobs += lane.jobs_done();
  return jobs;
}

double UnixSeconds() { return absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()); }

}  // namespace

absl::StatusOr<std::unique_ptr<RunFiles>> RunFiles::Open(const std::string& folder, int keep) {
  absl::StatusOr<CheckpointStore> checkpoints =
      CheckpointStore::Open(folder + "/checkpoints", keep);
  if (!checkpoints.ok()) return checkpoints.status();
  std::unique_ptr<RunFiles> files(new RunFiles(folder, *std::move(checkpoints)));
  if (absl::Status status = EnsureFolder(PosixFileSystem(), files->output_); !status.ok()) {
    return status;
  }
  return files;
}

absl::StatusOr<bool> RunFiles::Restore(std::span<const std::unique_ptr<Trial>> trials,
                                       v1::CheckpointManifest* manifest) {
  absl::StatusOr<LoadedCheckpoint> loaded = checkpoints_.LoadNewest();
  if (!loaded.ok() && !absl::IsNotFound(loaded.status())) return loaded.status();
  if (loaded.ok()) {
    for (const std::string& skipped : loaded->skipped()) Log(LogLevel::kWarning, skipped);
    *manifest = loaded->manifest();
    if (manifest->trials_size() != static_cast<int>(trials.size())) {
      return absl::DataLossError(absl::StrCat("the checkpoint has ", manifest->trials_size(),
                                              " trials, the run ", trials.size()));
    }
  }
  std::map<std::string, uint64_t> jobs_done;
  for (size_t i = 0; i < trials.size(); ++i) {
    Trial& trial = *trials[i];
    if (loaded.ok()) {
      if (absl::Status status = trial.Restore(manifest->trials(static_cast<int>(i)).progress());
          !status.ok()) {
        return status;
      }
      std::vector<TensorDestination> destinations;
      for (const Learner::NamedVector& vector : trial.VectorsLocked()) {
        destinations.push_back({vector.name, vector.values, vector.doubles});
      }
      absl::Status status = loaded->ReadTensors(static_cast<int>(i), destinations);
      if (status.ok()) status = trial.GoOn();
      if (!status.ok()) return status;
    }
    for (int lane = 0; lane < trial.lanes(); ++lane) {
      const int64_t done = trial.progress(lane).jobs_done;
      if (loaded.ok()) jobs_done[trial.LaneName(lane)] = static_cast<uint64_t>(done);
      absl::StatusOr<TensorboardWriter> writer = TensorboardWriter::Create(
          absl::StrCat(output_, "/tensorboard/", FileStem(trial.LaneName(lane))), UnixSeconds(),
          done);
      if (!writer.ok()) return writer.status();
      tensorboard_.push_back(*std::move(writer));
    }
  }
  absl::StatusOr<MetricsHistory> history =
      MetricsHistory::Open(output_ + "/metrics.csv", jobs_done);
  if (!history.ok()) return history.status();
  history_.emplace(*std::move(history));
  return loaded.ok();
}

absl::Status RunFiles::Save(v1::CheckpointManifest manifest,
                            std::span<const std::unique_ptr<Trial>> trials) {
  {
    std::lock_guard lock(history_mutex_);
    if (absl::Status status = history_->Sync(); !status.ok()) return status;
  }
  std::vector<Trial::ReadingLock> locks;
  std::vector<TrialSnapshot> snapshots;
  for (size_t i = 0; i < trials.size(); ++i) {
    locks.push_back(trials[i]->LockForReading());
    TrialSnapshot snapshot{manifest.trials(static_cast<int>(i)), Views(*trials[i], false)};
    *snapshot.meta.mutable_progress() = trials[i]->ProgressLocked();
    snapshot.meta.set_jobs_done(JobsDone(snapshot.meta.progress()));
    snapshots.push_back(std::move(snapshot));
  }
  manifest.clear_trials();
  absl::StatusOr<SavedCheckpoint> saved = checkpoints_.Save(std::move(manifest), snapshots);
  if (!saved.ok()) return saved.status();
  if (!saved->cleanup.ok()) Log(LogLevel::kWarning, saved->cleanup.message());
  return absl::OkStatus();
}

absl::Status RunFiles::Record(int lane, const MetricsRow& row) {
  std::vector<Scalar> scalars;
  const auto add = [&scalars](const char* tag, const std::optional<double>& value) {
    if (value.has_value()) scalars.push_back({tag, *value});
  };
  add("loss", row.loss);
  add("accuracy", row.train_accuracy);
  add("test/loss", row.test_loss);
  add("test/accuracy", row.test_accuracy);
  add("learning_rate", row.learning_rate);
  add("gradient_norm", row.gradient_norm);
  std::lock_guard lock(history_mutex_);
  if (absl::Status status =
          tensorboard_[lane].Write(UnixSeconds(), static_cast<int64_t>(row.job), scalars);
      !status.ok()) {
    return status;
  }
  return history_->Append(row);
}

absl::Status RunFiles::Finish(std::span<const std::unique_ptr<Trial>> trials,
                              const v1::RunSpec& spec, const v1::RunStatus& status,
                              const std::vector<InvocationObserved>& invocations) {
  for (const std::unique_ptr<Trial>& trial : trials) {
    const Trial::ReadingLock lock = trial->LockForReading();
    if (JobsDone(trial->ProgressLocked()) == 0) continue;  // untrained, so nobody's result
    const std::map<std::string, std::string> metadata = {
        {"run", spec.name()},
        {"trial", trial->spec().name()},
        {"jobs", absl::StrCat(JobsDone(trial->ProgressLocked()))}};
    if (absl::Status written = WriteSafetensorsFile(
            PosixFileSystem(),
            absl::StrCat(output_, "/", FileStem(trial->spec().name()), ".safetensors"),
            Views(*trial, true), metadata);
        !written.ok()) {
      return written;
    }
  }
  if (absl::Status written =
          WriteFileAtomically(PosixFileSystem(), output_ + "/run.yaml", ToYaml(spec));
      !written.ok()) {
    return written;
  }
  if (!invocations.empty()) {
    if (absl::Status written = WriteFileAtomically(PosixFileSystem(), output_ + "/invocations.csv",
                                                   ProbeText(invocations));
        !written.ok()) {
      return written;
    }
  }
  return WriteFileAtomically(PosixFileSystem(), output_ + "/summary.json", ToJson(status));
}

}  // namespace gradloom
