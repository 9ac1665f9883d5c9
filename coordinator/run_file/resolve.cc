// ResolveRunSpec: trials are made from the run's own fields and from overrides, before defaults
// fill what nobody set (a default may depend on a field that only the trial sets).
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/run_file/defaults.h"
#include "coordinator/run_file/form.h"
#include "coordinator/run_file/run_file.h"
#include "coordinator/run_file/trial_names.h"
#include "coordinator/run_file/validate.h"
#include "coordinator/run_file/yaml_to_proto.h"
#include "models/data/text.h"
#include "models/optimisers/optimiser.h"
#include "models/workloads/workload_spec.h"

namespace gradloom {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Sets every field that `over` sets in `base`, nested messages as a whole.
void Override(const Message& over, Message* base) {
  std::vector<const FieldDescriptor*> set;
  over.GetReflection()->ListFields(over, &set);
  for (const FieldDescriptor* field : set) base->GetReflection()->ClearField(base, field);
  base->MergeFrom(over);
}

void OverrideTraining(const v1::TrainingSpec& over, v1::TrainingSpec* base) {
  if (over.has_jobs()) base->clear_epochs();
  if (over.has_epochs()) base->clear_jobs();
  Override(over, base);
}

// Another kind of optimiser keeps what every kind knows; what belongs to the old kind goes.
void OverrideOptimizer(const v1::OptimizerSpec& over, v1::OptimizerSpec* base) {
  if (over.kind() != v1::OptimizerSpec::KIND_UNSPECIFIED && over.kind() != base->kind()) {
    ClearOwnFields(base);
  }
  Override(over, base);
}

// What a trial is when it overrides nothing.
v1::TrialSpec BaseTrial(const v1::RunSpec& spec, int index) {
  v1::TrialSpec trial;
  trial.set_name(absl::StrCat("trial-", index));
  *trial.mutable_workload() = spec.workload();
  *trial.mutable_optimizer() = spec.optimizer();
  *trial.mutable_training() = spec.training();
  trial.set_seed((spec.has_seed() ? spec.seed() : 1) + index);
  if (spec.has_start_from()) *trial.mutable_start_from() = spec.start_from();
  return trial;
}

v1::TrialSpec ExplicitTrial(const v1::RunSpec& spec, int index) {
  v1::TrialSpec trial = BaseTrial(spec, index);
  const v1::TrialSpec& over = spec.trials(index);
  if (!over.name().empty()) trial.set_name(over.name());
  if (over.has_workload()) *trial.mutable_workload() = over.workload();
  if (over.has_optimizer()) OverrideOptimizer(over.optimizer(), trial.mutable_optimizer());
  if (over.has_training()) OverrideTraining(over.training(), trial.mutable_training());
  if (over.has_seed()) trial.set_seed(over.seed());
  if (over.has_start_from()) *trial.mutable_start_from() = over.start_from();
  return trial;
}

const std::string* ListedTwice(const v1::ValueList& list) {
  std::set<absl::string_view> seen;
  for (const std::string& value : list.values()) {
    if (!seen.insert(value).second) return &value;
  }
  return nullptr;
}

// Room for what resolved trials take; a short sweep can make a long list of large ones.
class Room {
 public:
  absl::Status Take(const Message& message) {
    taken_ += message.ByteSizeLong();
    if (taken_ <= kMaxSpecBytes) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("the run's trials are more than ", kMaxSpecBytes,
                     " bytes in all, which is the limit; make them fewer or smaller"));
  }

 private:
  size_t taken_ = 0;
};

absl::StatusOr<std::vector<v1::TrialSpec>> GridTrials(const v1::RunSpec& spec) {
  std::vector<std::pair<std::string, std::vector<std::string>>> axes;
  size_t total = 1;
  for (const auto& [path, list] : spec.sweep().grid()) {
    if (list.values().empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("sweep.grid[", path, "]: is empty; it must list values"));
    }
    if (path == "name") {
      return absl::InvalidArgumentError("sweep.grid[name]: a sweep names its trials itself");
    }
    if (const std::string* twice = ListedTwice(list); twice != nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("sweep.grid[", path, "]: lists ", Shown(*twice), " twice; keep one"));
    }
    axes.emplace_back(path, std::vector<std::string>(list.values().begin(), list.values().end()));
    total *= list.values().size();
    if (total > kMaxTrials) {
      return absl::InvalidArgumentError(
          absl::StrCat("sweep.grid: more than ", kMaxTrials, " trials"));
    }
  }
  if (axes.empty()) {
    return absl::InvalidArgumentError(
        "sweep.grid: is empty; write paths and values, as in {optimizer.learning_rate: [0.1, 1]}");
  }
  std::sort(axes.begin(), axes.end());
  std::vector<v1::TrialSpec> trials;
  std::set<std::string> names;
  Room room;
  for (size_t index = 0; index < total; ++index) {
    v1::TrialSpec trial = BaseTrial(spec, static_cast<int>(index));
    std::vector<std::pair<std::string, std::string>> settings;
    size_t stride = total;
    for (const auto& [path, values] : axes) {
      stride /= values.size();
      const std::string& value = values[index / stride % values.size()];
      absl::Status status = SetField(path, value, &trial);
      if (!status.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat("sweep.grid[", path, "]: ", status.message()));
      }
      if (path == "training.jobs") trial.mutable_training()->clear_epochs();
      if (path == "training.epochs") trial.mutable_training()->clear_jobs();
      settings.emplace_back(path, value);
    }
    trial.set_name(SweptName(settings, index, names));
    names.insert(trial.name());
    if (absl::Status status = room.Take(trial); !status.ok()) return status;
    trials.push_back(std::move(trial));
  }
  return trials;
}

absl::StatusOr<std::vector<v1::TrialSpec>> ExpandTrials(const v1::RunSpec& spec) {
  if (!spec.trials().empty() && spec.has_sweep()) {
    return absl::InvalidArgumentError("trials and sweep exclude each other; keep one");
  }
  if (spec.trials_size() > kMaxTrials) {
    return absl::InvalidArgumentError(
        absl::StrCat("trials: ", spec.trials_size(), " of them; ", kMaxTrials, " are legal"));
  }
  if (spec.has_sweep()) return GridTrials(spec);
  std::vector<v1::TrialSpec> trials;
  Room room;
  for (int i = 0; i < spec.trials_size(); ++i) {
    trials.push_back(ExplicitTrial(spec, i));
    if (absl::Status status = room.Take(trials.back()); !status.ok()) return status;
  }
  if (trials.empty()) trials.push_back(BaseTrial(spec, 0));
  return trials;
}

void ValidateTrials(const std::vector<v1::TrialSpec>& trials, bool own, Findings* findings) {
  std::set<std::string> names;
  for (size_t i = 0; i < trials.size(); ++i) {
    // A run without trials of its own is at fault itself.
    findings->SetPrefix(own ? absl::StrCat("trials[", i, "] (", trials[i].name(), "): ") : "");
    ValidateTrialName(trials[i].name(), &names, findings);
    ValidateTrial(trials[i], findings);
  }
  findings->SetPrefix("");
}

absl::Status CheckFormOf(const v1::RunSpec& spec) {
  if (const size_t bytes = spec.ByteSizeLong(); bytes > kMaxSpecBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the run takes ", bytes, " bytes; at most ", kMaxSpecBytes, " are legal"));
  }
  Findings findings;
  CheckForm(spec, &findings);
  return findings.status();
}

}  // namespace

absl::StatusOr<ResolvedRun> ResolveRunSpec(const v1::RunSpec& spec) {
  if (absl::Status status = CheckFormOf(spec); !status.ok()) return status;
  absl::StatusOr<std::vector<v1::TrialSpec>> trials = ExpandTrials(spec);
  if (!trials.ok()) return trials.status();
  const bool own_trials = spec.trials_size() > 0 || spec.has_sweep();

  ResolvedRun run;
  run.spec = spec;
  run.spec.clear_sweep();
  run.spec.clear_trials();
  FillRunDefaults(&run.spec);
  if (run.spec.has_workload()) FillWorkload(run.spec.mutable_workload());
  FillOptimizer(run.spec.mutable_optimizer());
  FillTrainingDefaults(run.spec.workload(), run.spec.mutable_training());
  for (v1::TrialSpec& trial : *trials) {
    FillWorkload(trial.mutable_workload());
    FillOptimizer(trial.mutable_optimizer());
    FillTrainingDefaults(trial.workload(), trial.mutable_training());
    *run.spec.add_trials() = trial;
  }
  run.trials = *std::move(trials);
  // Again, with what a sweep set and the defaults.
  if (absl::Status status = CheckFormOf(run.spec); !status.ok()) return status;

  Findings findings;
  ValidateRun(run.spec, &findings);
  ValidateTrials(run.trials, own_trials, &findings);
  absl::Status status = findings.status();
  if (!status.ok()) return status;
  return run;
}

}  // namespace gradloom
