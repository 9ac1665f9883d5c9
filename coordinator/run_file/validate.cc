#include "coordinator/run_file/validate.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "coding/codes/code_table.h"
#include "coordinator/planning/arrangement.h"
#include "coordinator/run_file/run_file.h"
#include "coordinator/run_file/scheme_rules.h"
#include "coordinator/run_file/yaml_to_proto.h"
#include "models/data/sources.h"
#include "models/data/text.h"
#include "models/optimisers/optimiser.h"
#include "models/workloads/workload_spec.h"

namespace gradloom {
namespace {

using google::protobuf::Duration;

constexpr size_t kMaxNameBytes = 200;
constexpr uint32_t kMaxFrameBytes = 2 << 20;  // gRPC refuses messages over 4 MiB by default
// Of a lane; a run's thousands of lanes together stay below 2^63.
constexpr uint64_t kMaxJobs = uint64_t{1} << 40;
constexpr uint32_t kMaxKept = 1000;
constexpr uint32_t kMaxAttempts = 1000;
constexpr double kMaxFactor = 1e6;
constexpr double kMaxDelaySeconds = 24 * 3600;  // on purpose; the workers' limit, too

double Seconds(const Duration& duration) { return duration.seconds() + duration.nanos() * 1e-9; }

// The length of a training in epochs depends on the data.
void ValidateOptimizer(const v1::TrialSpec& trial, Findings* findings) {
  const uint64_t jobs = trial.training().has_jobs() ? trial.training().jobs() : kMaxJobs;
  if (jobs < 1 || jobs > kMaxJobs) return;  // the training's fault
  CheckOptimizer(trial.optimizer(), static_cast<int64_t>(jobs), findings);
}

void ValidateTraining(const v1::TrainingSpec& training, Findings* findings) {
  if (training.has_epochs() && training.has_jobs()) {
    findings->Add("training", absl::StrCat("epochs (", training.epochs(), ") and jobs (",
                                           training.jobs(), ") exclude each other; keep one"));
  }
  if (training.has_epochs()) {
    findings->Require(training.epochs() > 0, "training.epochs", training.epochs(), "more than 0");
  }
  if (training.has_jobs()) {
    findings->Require(training.jobs() > 0 && training.jobs() <= kMaxJobs, "training.jobs",
                      training.jobs(), "from 1 to 2^40");
  }
  findings->Require(training.evaluate_every() <= kMaxJobs, "training.evaluate_every",
                    training.evaluate_every(), "from 0 to 2^40");
  if (training.has_target_accuracy()) {
    findings->Require(training.target_accuracy() > 0 && training.target_accuracy() <= 1,
                      "training.target_accuracy", training.target_accuracy(),
                      "more than 0 and at most 1");
  }
}

void ValidateService(const v1::RunSpec& spec, Findings* findings) {
  ValidateClosing(spec.closing(), findings);
  if (absl::StatusOr<Arrangement> fleet = ParseArrangement(spec.fleet().arrangement());
      !fleet.ok()) {
    findings->Add("fleet.arrangement", std::string(fleet.status().message()));
  }
  findings->Require(spec.fleet().min_workers() >= 1 && spec.fleet().min_workers() <= kMaxSlots,
                    "fleet.min_workers", spec.fleet().min_workers(),
                    absl::StrCat("from 1 to ", kMaxSlots));
  if (spec.fleet().has_workers()) {
    findings->Require(spec.fleet().workers() >= 1 && spec.fleet().workers() <= kMaxSlots,
                      "fleet.workers", spec.fleet().workers(),
                      absl::StrCat("from 1 to ", kMaxSlots));
  }
  findings->Require(Seconds(spec.fleet().round_timeout()) > 0, "fleet.round_timeout",
                    Seconds(spec.fleet().round_timeout()), "more than 0 seconds");
  const auto& wire = spec.wire();
  if (wire.parameters() == v1::FP16) {
    findings->Add("wire.parameters", "'fp16' is not legal; it must be one of: fp32, bf16");
  }
  ValidateReplies(spec.scheme(), wire.replies(), findings);
  findings->Require(wire.frame_bytes() >= 4096 && wire.frame_bytes() <= kMaxFrameBytes &&
                        wire.frame_bytes() % 4 == 0,
                    "wire.frame_bytes", wire.frame_bytes(),
                    absl::StrCat("a multiple of 4 from 4096 to ", kMaxFrameBytes));
  findings->Require(Seconds(spec.checkpoint().every()) > 0, "checkpoint.every",
                    Seconds(spec.checkpoint().every()), "more than 0 seconds");
  findings->Require(spec.checkpoint().every_jobs() <= kMaxJobs, "checkpoint.every_jobs",
                    spec.checkpoint().every_jobs(), "from 0 to 2^40");
  findings->Require(spec.checkpoint().keep() >= 1 && spec.checkpoint().keep() <= kMaxKept,
                    "checkpoint.keep", spec.checkpoint().keep(),
                    absl::StrCat("from 1 to ", kMaxKept));
  findings->Require(spec.limits().max_parameters() >= 1, "limits.max_parameters",
                    spec.limits().max_parameters(), "1 or more");
  findings->Require(
      spec.limits().max_task_attempts() >= 1 && spec.limits().max_task_attempts() <= kMaxAttempts,
      "limits.max_task_attempts", spec.limits().max_task_attempts(),
      absl::StrCat("from 1 to ", kMaxAttempts));
}

void ValidateModel(const v1::StraggleSpec& straggle, Findings* findings) {
  const auto probability = [&](double value, absl::string_view field) {
    findings->Require(value >= 0 && value <= 1, field, value, "from 0 to 1");
  };
  const auto delay = [&](const Duration& value, absl::string_view field, bool positive) {
    const double seconds = Seconds(value);
    findings->Require((!positive || seconds > 0) && seconds <= kMaxDelaySeconds, field, seconds,
                      absl::StrCat(positive ? "more than 0 and " : "", "at most 86400 seconds"));
  };
  switch (straggle.model_case()) {
    case v1::StraggleSpec::kFixed:
      if (!straggle.fixed().has_delay()) findings->Add("straggle.fixed.delay", "is missing");
      delay(straggle.fixed().delay(), "straggle.fixed.delay", false);
      break;
    case v1::StraggleSpec::kExponential:
      delay(straggle.exponential().base(), "straggle.exponential.base", false);
      delay(straggle.exponential().mean(), "straggle.exponential.mean", true);
      break;
    case v1::StraggleSpec::kPareto:
      delay(straggle.pareto().scale(), "straggle.pareto.scale", true);
      delay(straggle.pareto().limit(), "straggle.pareto.limit", false);
      findings->Require(straggle.pareto().shape() > 0, "straggle.pareto.shape",
                        straggle.pareto().shape(), "more than 0");
      break;
    case v1::StraggleSpec::kGilbertElliott:
      probability(straggle.gilbert_elliott().enter(), "straggle.gilbert_elliott.enter");
      probability(straggle.gilbert_elliott().leave(), "straggle.gilbert_elliott.leave");
      delay(straggle.gilbert_elliott().delay(), "straggle.gilbert_elliott.delay", false);
      break;
    case v1::StraggleSpec::kTrace:
      findings->RequireText(straggle.trace().file(), "straggle.trace.file", "a CSV file");
      findings->Require(straggle.trace().scale() >= 0 && straggle.trace().scale() <= kMaxFactor,
                        "straggle.trace.scale", straggle.trace().scale(), "from 0 to 1e6");
      break;
    case v1::StraggleSpec::MODEL_NOT_SET:
      break;
  }
}

void ValidateStraggle(const v1::RunSpec& spec, Findings* findings) {
  if (!spec.has_straggle()) return;
  const v1::StraggleSpec& straggle = spec.straggle();
  ValidateModel(straggle, findings);
  const auto slot = [&](uint32_t value, const std::string& field) {
    if (!spec.scheme().has_slots()) return;
    findings->Require(value < spec.scheme().slots(), field, value,
                      absl::StrCat("less than scheme.slots = ", spec.scheme().slots()));
  };
  for (int i = 0; i < straggle.slots_size(); ++i) {
    slot(straggle.slots(i), absl::StrCat("straggle.slots[", i, "]"));
  }
  for (int i = 0; i < straggle.freezes_size(); ++i) {
    const std::string field = absl::StrCat("straggle.freezes[", i, "]");
    slot(straggle.freezes(i).slot(), field + ".slot");
    const double seconds = Seconds(straggle.freezes(i).duration());
    findings->Require(seconds > 0 && seconds <= kMaxDelaySeconds, field + ".duration", seconds,
                      "more than 0 and at most 86400 seconds");
  }
  for (int i = 0; i < straggle.crashes_size(); ++i) {
    slot(straggle.crashes(i).slot(), absl::StrCat("straggle.crashes[", i, "].slot"));
  }
}

}  // namespace

void ValidateStartFrom(const v1::StartFrom& start, Findings* findings) {
  findings->RequireText(start.file(), "start_from.file", "a safetensors file");
  const bool digest = start.sha256().size() == 64 &&
                      std::all_of(start.sha256().begin(), start.sha256().end(), [](char c) {
                        return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
                      });
  findings->Require(digest || start.sha256().empty(), "start_from.sha256", Shown(start.sha256()),
                    "64 hexadecimal digits, lower case");
}

void ValidateTrial(const v1::TrialSpec& trial, Findings* findings) {
  if (trial.has_start_from()) ValidateStartFrom(trial.start_from(), findings);
  CheckWorkload(trial.workload(), findings);
  ValidateOptimizer(trial, findings);
  ValidateTraining(trial.training(), findings);
}

void ValidateRun(const v1::RunSpec& spec, Findings* findings) {
  findings->Require(!spec.name().empty() && spec.name().size() <= kMaxNameBytes, "name",
                    Shown(spec.name()), absl::StrCat("1 to ", kMaxNameBytes, " bytes"));
  CheckSource(spec.data().train(), "data.train", findings);
  if (spec.data().has_test()) {
    CheckSource(spec.data().test(), "data.test", findings);
    if (spec.data().holdout() > 0) {
      findings->Add("data", absl::StrCat("test and holdout (", spec.data().holdout(),
                                         ") exclude each other; keep one"));
    }
  }
  const bool one_lane_each =
      std::all_of(spec.trials().begin(), spec.trials().end(),
                  [](const v1::TrialSpec& trial) { return HasOneLane(trial.workload()); });
  // How many lanes a trial has, if several, the data may decide: the run's start finds out.
  ValidateScheme(spec.scheme(), one_lane_each ? spec.trials_size() : 0, findings);
  ValidateService(spec, findings);
  ValidateStraggle(spec, findings);
  if (spec.has_start_from()) ValidateStartFrom(spec.start_from(), findings);
}

}  // namespace gradloom
