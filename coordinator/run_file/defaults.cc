#include "coordinator/run_file/defaults.h"

#include <cstdint>

#include "coordinator/run_file/scheme_rules.h"
#include "models/data/sources.h"
#include "models/spec/defaults.h"
#include "models/workloads/workload_spec.h"

namespace gradloom {
namespace {

void SetSeconds(google::protobuf::Duration* duration, int64_t seconds) {
  duration->set_seconds(seconds);
}
#define GRADLOOM_DEFAULT_SECONDS(message, field, seconds) \
  if (!(message)->has_##field()) SetSeconds((message)->mutable_##field(), seconds)

void FillStraggle(uint64_t run_seed, v1::StraggleSpec* straggle) {
  GRADLOOM_DEFAULT(straggle, seed, run_seed);
  switch (straggle->model_case()) {
    case v1::StraggleSpec::kExponential:
      GRADLOOM_DEFAULT_SECONDS(straggle->mutable_exponential(), base, 0);
      break;
    case v1::StraggleSpec::kPareto:
      GRADLOOM_DEFAULT(straggle->mutable_pareto(), shape, 1.5);
      GRADLOOM_DEFAULT_SECONDS(straggle->mutable_pareto(), limit, 60);
      break;
    case v1::StraggleSpec::kGilbertElliott: {
      auto* chain = straggle->mutable_gilbert_elliott();
      GRADLOOM_DEFAULT(chain, enter, 0.05);
      GRADLOOM_DEFAULT(chain, leave, 0.5);
      GRADLOOM_DEFAULT_SECONDS(chain, delay, 1);
      break;
    }
    case v1::StraggleSpec::kTrace:
      GRADLOOM_DEFAULT(straggle->mutable_trace(), scale, 1);
      break;
    default:
      break;
  }
}

}  // namespace

void FillRunDefaults(v1::RunSpec* spec) {
  if (spec->name().empty()) spec->set_name("run");
  GRADLOOM_DEFAULT(spec, seed, 1);
  auto* data = spec->mutable_data();
  FillSource(data->mutable_train());
  if (data->has_test()) FillSource(data->mutable_test());
  GRADLOOM_DEFAULT(data, holdout, 0);
  FillScheme(spec->mutable_scheme());
  FillClosing(spec->mutable_closing());

  auto* fleet = spec->mutable_fleet();
  if (spec->scheme().has_slots()) {
    GRADLOOM_DEFAULT(fleet, workers, spec->scheme().slots());
  }
  GRADLOOM_DEFAULT(fleet, min_workers, fleet->has_workers() && fleet->workers() == 1 ? 1 : 2);
  GRADLOOM_DEFAULT_SECONDS(fleet, gather, 10);
  if (fleet->arrangement().empty()) fleet->set_arrangement("woven");
  GRADLOOM_DEFAULT_SECONDS(fleet, rejoin_grace, 2);
  GRADLOOM_DEFAULT_SECONDS(fleet, round_timeout, 600);

  auto* wire = spec->mutable_wire();
  if (wire->parameters() == v1::NUMBER_FORMAT_UNSPECIFIED) wire->set_parameters(v1::FP32);
  if (wire->replies() == v1::NUMBER_FORMAT_UNSPECIFIED) wire->set_replies(v1::FP32);
  GRADLOOM_DEFAULT(wire, frame_bytes, 262'144);

  auto* checkpoint = spec->mutable_checkpoint();
  GRADLOOM_DEFAULT(checkpoint, every_jobs, 0);
  GRADLOOM_DEFAULT_SECONDS(checkpoint, every, 30);
  GRADLOOM_DEFAULT(checkpoint, keep, 3);

  if (spec->has_straggle()) FillStraggle(spec->seed(), spec->mutable_straggle());
  auto* limits = spec->mutable_limits();
  GRADLOOM_DEFAULT(limits, max_parameters, uint64_t{1} << 31);
  GRADLOOM_DEFAULT(limits, max_task_attempts, 5);
}

void FillTrainingDefaults(const v1::WorkloadSpec& workload, v1::TrainingSpec* training) {
  GRADLOOM_DEFAULT(training, batch_size, DefaultBatchSize(workload));
  if (!training->has_epochs() && !training->has_jobs()) training->set_epochs(5);
}

}  // namespace gradloom
