#include "coordinator/engine/run_files.h"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "coordinator/run_file/proto_to_yaml.h"
#include "coordinator/store/atomic_file.h"
#include "coordinator/store/file_name.h"
#include "coordinator/store/json_file.h"
#include "coordinator/store/safetensors.h"
#include "coordinator/tuning/probe_file.h"
#include "proto/ops/logging.h"

namespace gradloom {
namespace {

// Lanes may be thousands, descriptors a thousand.
constexpr size_t kEventFilesOpenMax = 32;

// A trial's state at one moment, so that nobody waits while it is written. Its memory is used again
// for the next.
class StateCopy {
 public:
  // Of the whole state, or of the model alone. `at_once` adds what belongs to the same moment.
  TrialSnapshot Take(
      const Trial& trial, bool model_only,
      absl::FunctionRef<void(v1::TrialCheckpoint&)> at_once = [](v1::TrialCheckpoint&) {}) {
    TrialSnapshot snapshot;
    const Trial::Reading lock(trial);
    at_once(snapshot.meta);
    *snapshot.meta.mutable_progress() = trial.ProgressLocked();
    for (const v1::LearnerProgress::Lane& lane : snapshot.meta.progress().lanes()) {
      snapshot.meta.set_jobs_done(snapshot.meta.jobs_done() + lane.jobs_done());
    }
    size_t used = 0;
    for (const Learner::NamedVector& vector : trial.VectorsLocked()) {
      if (model_only && !vector.parameter) continue;
      if (used == vectors_.size()) vectors_.emplace_back();
      Vector& copy = vectors_[used++];
      copy.values.assign(vector.values.begin(), vector.values.end());
      copy.doubles.assign(vector.doubles.begin(), vector.doubles.end());
      snapshot.tensors.push_back({vector.name, vector.shape, copy.values, copy.doubles});
    }
    return snapshot;
  }

 private:
  struct Vector {
    std::vector<float> values;
    std::vector<double> doubles;
  };
  std::vector<Vector> vectors_;
};

// TensorBoard names a curve after its folder below the top one: as the lane is named.
std::string LaneFolder(const Trial& trial, int lane) {
  const std::string& name = trial.workload().lanes()[lane].name;
  const std::string folder = FileName(trial.spec().name());
  return name.empty() ? folder : absl::StrCat(folder, "/", FileName(name));
}

int LanesOf(std::span<const std::unique_ptr<Trial>> trials) {
  int lanes = 0;
  for (const std::unique_ptr<Trial>& trial : trials) lanes += trial->lanes();
  return lanes;
}

std::vector<Scalar> ScalarsOf(const MetricsRow& row) {
  std::vector<Scalar> scalars;
  const auto add = [&scalars](const char* tag, const std::optional<double>& value) {
    if (value.has_value()) scalars.push_back({tag, *value});
  };
  add("loss", row.loss);
  add("test/loss", row.test_loss);
  add("test/accuracy", row.test_accuracy);
  for (const auto& [name, value] : row.more) {
    scalars.push_back({name == "train_accuracy" ? "accuracy" : name, value});
  }
  return scalars;
}

double UnixSeconds() { return absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()); }

}  // namespace

RunFiles::RunFiles(const std::string& folder, CheckpointStore checkpoints, FileSystem& files)
    : files_(files),
      output_(folder + "/output"),
      checkpoints_(std::move(checkpoints)),
      event_files_(files, kEventFilesOpenMax) {}

std::string RunFiles::ParametersFile(absl::string_view trial) {
  return absl::StrCat(FileName(trial), ".safetensors");
}

absl::StatusOr<std::unique_ptr<RunFiles>> RunFiles::Open(const std::string& folder, int keep,
                                                         FileSystem& files) {
  absl::StatusOr<CheckpointStore> checkpoints =
      CheckpointStore::Open(folder + "/checkpoints", keep, files);
  if (!checkpoints.ok()) return checkpoints.status();
  std::unique_ptr<RunFiles> run(new RunFiles(folder, *std::move(checkpoints), files));
  if (absl::Status status = EnsureFolder(files, run->output_); !status.ok()) return status;
  return run;
}

absl::Status RunFiles::CheckRestored() const {
  if (history_.has_value()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the run in ", output_, " has not been restored, so nothing of it is written"));
}

// Before anybody else has the trials.
absl::Status RunFiles::LoadTrials(const LoadedCheckpoint& loaded,
                                  std::span<const std::unique_ptr<Trial>> trials) const {
  const v1::CheckpointManifest& manifest = loaded.manifest();
  if (manifest.trials_size() != static_cast<int>(trials.size())) {
    return absl::DataLossError(absl::StrCat("the checkpoint has ", manifest.trials_size(),
                                            " trials, the run ", trials.size()));
  }
  for (int i = 0; i < manifest.trials_size(); ++i) {
    absl::Status status = trials[i]->Restore(manifest.trials(i).progress());
    if (status.ok()) {
      std::vector<TensorDestination> destinations;
      for (const Learner::NamedVector& vector : trials[i]->VectorsLocked()) {
        destinations.push_back({vector.name, vector.values, vector.doubles});
      }
      status = loaded.ReadTensors(i, destinations);
      if (status.ok()) status = trials[i]->GoOn();
    }
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat("checkpoint ", loaded.sequence(), ", trial '",
                                       manifest.trials(i).name(), "': ", status.message()));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> RunFiles::Restore(
    std::span<const std::unique_ptr<Trial>> trials,
    absl::FunctionRef<absl::Status(const v1::CheckpointManifest&)> check,
    v1::CheckpointManifest* manifest) {
  absl::StatusOr<LoadedCheckpoint> loaded = checkpoints_.LoadNewest();
  if (!loaded.ok() && !absl::IsNotFound(loaded.status())) return loaded.status();
  if (loaded.ok()) {
    for (const std::string& skipped : loaded->skipped()) Log(LogLevel::kWarning, skipped);
    absl::Status status = check(loaded->manifest());
    if (status.ok()) status = LoadTrials(*loaded, trials);
    if (!status.ok()) return status;
    *manifest = loaded->manifest();
  }
  // A trial's lock is taken before the history's, as when a checkpoint is saved.
  std::vector<uint64_t> come;  // by lane, over all trials: jobs that are done
  std::vector<std::vector<int64_t>> due;
  for (const std::unique_ptr<Trial>& trial : trials) {
    due.push_back(trial->DueViews());
    for (int lane = 0; lane < trial->lanes(); ++lane) {
      come.push_back(static_cast<uint64_t>(trial->progress(lane).jobs_done));
    }
  }
  std::map<std::string, uint64_t> jobs_done;
  const MutexLock lock(history_mutex_);
  held_ = HeldRows(LanesOf(trials));
  int number = 0;  // of a lane, over all trials
  for (size_t i = 0; i < trials.size(); ++i) {
    const Trial& trial = *trials[i];
    std::vector<std::string> names;
    for (int lane = 0; lane < trial.lanes(); ++lane) names.push_back(trial.LaneName(lane));
    if (loaded.ok()) {
      held_.Load(number, names, manifest->trials(static_cast<int>(i)).held_rows(), due[i]);
    }
    for (int lane = 0; lane < trial.lanes(); ++lane, ++number) {
      uint64_t done = come[number];
      // Rows that wait may have been written since, or at the end of a life.
      if (const auto first = held_.FirstJob(number)) done = std::min(done, *first);
      if (loaded.ok()) jobs_done[names[lane]] = done;
      tensorboard_.emplace_back(absl::StrCat(output_, "/tensorboard/", LaneFolder(trial, lane)),
                                static_cast<int64_t>(done), &event_files_);
    }
  }
  absl::StatusOr<MetricsHistory> history =
      MetricsHistory::Read(output_ + "/metrics.csv", std::move(jobs_done), files_);
  if (!history.ok()) return history.status();
  // Nothing is written before this line.
  if (absl::Status status = history->Start(); !status.ok()) return status;
  for (const std::string& damage : history->damage()) Log(LogLevel::kWarning, damage);
  if (!history->set_aside().empty()) {
    Log(LogLevel::kWarning,
        absl::StrCat("the rows that are whole go on; the file as it was: ", history->set_aside()));
  }
  next_round_ = std::max(history->next_round(), held_.NextRound());
  history_.emplace(*std::move(history));
  // Of a lane that goes on, rows beyond its former end need wait no longer.
  for (number = 0; number < static_cast<int>(come.size()); ++number) {
    absl::Status status = Write(number, held_.Take(number, come[number]));
    if (!status.ok()) return status;
  }
  return loaded.ok();
}

absl::Status RunFiles::Save(v1::CheckpointManifest manifest,
                            std::span<const std::unique_ptr<Trial>> trials) {
  {
    const MutexLock lock(history_mutex_);
    if (absl::Status status = CheckRestored(); !status.ok()) return status;
  }
  StateCopy copy;
  const auto heads = manifest.trials();
  absl::StatusOr<SavedCheckpoint> saved = checkpoints_.Save(
      std::move(manifest), static_cast<int>(trials.size()),
      [&](int i) -> absl::StatusOr<TrialSnapshot> {
        TrialSnapshot snapshot = copy.Take(*trials[i], false, [&](v1::TrialCheckpoint& meta) {
          const MutexLock lock(history_mutex_);
          held_.Save(LanesOf(trials.first(i)), trials[i]->lanes(), meta.mutable_held_rows());
        });
        v1::TrialCheckpoint meta = heads.Get(i);
        meta.MergeFrom(snapshot.meta);
        snapshot.meta = std::move(meta);
        return snapshot;
      },
      // The rows of all jobs that the checkpoint holds have been appended by now, or are in it.
      [&] {
        std::shared_ptr<AppendFile> rows;
        {
          const MutexLock lock(history_mutex_);
          rows = history_->file();
        }
        return rows->Sync();
      });
  if (!saved.ok()) return saved.status();
  if (!saved->cleanup.ok()) Log(LogLevel::kWarning, saved->cleanup.message());
  return absl::OkStatus();
}

absl::Status RunFiles::Record(int lane, const MetricsRow& row, const std::optional<int64_t>& view) {
  const MutexLock lock(history_mutex_);
  if (absl::Status status = CheckRestored(); !status.ok()) return status;
  held_.Add(lane, row, view);
  return Write(lane, held_.Take(lane, std::numeric_limits<uint64_t>::max()));
}

absl::StatusOr<std::optional<MetricsRow>> RunFiles::Evaluated(int lane, int64_t view,
                                                              const Evaluation& evaluation,
                                                              uint64_t jobs_done) {
  const MutexLock lock(history_mutex_);
  if (absl::Status status = CheckRestored(); !status.ok()) return status;
  std::optional<MetricsRow> row = held_.Evaluated(lane, view, evaluation);
  if (absl::Status status = Write(lane, held_.Take(lane, jobs_done)); !status.ok()) return status;
  return row;
}

absl::Status RunFiles::Write(int lane, std::span<const MetricsRow> rows) {
  for (const MetricsRow& row : rows) {
    absl::Status status =
        tensorboard_[lane].Write(UnixSeconds(), static_cast<int64_t>(row.job), ScalarsOf(row));
    if (status.ok()) status = history_->Append(row);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status RunFiles::Finish(std::span<const std::unique_ptr<Trial>> trials,
                              const v1::RunSpec& spec, const v1::RunStatus& status,
                              const std::vector<InvocationObserved>& invocations) {
  std::vector<uint64_t> done;  // by lane
  for (const std::unique_ptr<Trial>& trial : trials) {
    for (int lane = 0; lane < trial->lanes(); ++lane) {
      done.push_back(static_cast<uint64_t>(trial->progress(lane).jobs_done));
    }
  }
  {
    const MutexLock lock(history_mutex_);
    if (absl::Status restored = CheckRestored(); !restored.ok()) return restored;
    for (size_t lane = 0; lane < done.size(); ++lane) {
      const int number = static_cast<int>(lane);
      absl::Status written = Write(number, held_.Peek(number, done[lane]));
      if (!written.ok()) return written;
    }
  }
  StateCopy copy;
  for (const std::unique_ptr<Trial>& trial : trials) {
    const TrialSnapshot model = copy.Take(*trial, true);
    if (model.meta.jobs_done() == 0) continue;  // untrained, so nobody's result
    const std::string& name = trial->spec().name();
    absl::Status written = WriteSafetensorsFile(
        files_, absl::StrCat(output_, "/", ParametersFile(name)), model.tensors,
        {{"run", spec.name()}, {"trial", name}, {"jobs", absl::StrCat(model.meta.jobs_done())}});
    if (!written.ok()) return written;
  }
  std::map<std::string, std::string> texts = {{"run.yaml", ToYaml(spec)},
                                              {"summary.json", ToJson(status, JsonFields::kAll)}};
  if (!invocations.empty()) texts["invocations.csv"] = ProbeText(invocations);
  for (const auto& [name, text] : texts) {
    absl::Status written = WriteFileAtomically(files_, absl::StrCat(output_, "/", name), text);
    if (!written.ok()) return written;
  }
  return absl::OkStatus();
}

}  // namespace gradloom
