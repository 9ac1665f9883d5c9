#include "models/optimisers/optimiser.h"

#include <array>

#include "models/optimisers/learning_rate_schedule.h"
#include "models/optimisers/optimiser_kind.h"
#include "models/spec/own_fields.h"

namespace gradloom {

// Each is defined beside its rule.
extern const OptimiserKind kSgd, kMomentum, kNesterov, kAdaGrad, kRmsProp, kAdam, kAdamW, kAmsGrad,
    kDiffGrad;

namespace {

// Every optimiser.
constexpr const OptimiserKind* kTable[] = {
    &kSgd, &kMomentum, &kNesterov, &kAdaGrad, &kRmsProp, &kAdam, &kAdamW, &kAmsGrad, &kDiffGrad,
};
constexpr std::span<const OptimiserKind* const> kOptimisers = kTable;
constexpr v1::OptimizerSpec::Kind kDefaultKind = v1::OptimizerSpec::ADAM;

// What every kind has.
constexpr const char* kShared[] = {"learning_rate", "weight_decay", "clip_norm", "schedule"};

// Beyond these no training is meant, and float arithmetic still has room.
std::array<NumberField, 3> SharedNumbers(const OptimiserKind& kind) {
  return {{{"learning_rate", MoreThanUpTo(0, 1e6), kind.learning_rate},
           {"weight_decay", Within(0, 1e6), kind.weight_decay},
           {"clip_norm", Within(0, 1e30), 0}}};
}

}  // namespace

void Optimiser::UpdateTensor(int64_t job, double scale, const TensorView& /*tensor*/,
                             std::span<const float> gradient, std::span<float> parameters,
                             std::span<const std::span<float>> state) const {
  Update(job, scale, gradient, parameters, state);
}

void FillOptimizer(v1::OptimizerSpec* spec) {
  if (spec->kind() == v1::OptimizerSpec::KIND_UNSPECIFIED) spec->set_kind(kDefaultKind);
  if (const OptimiserKind* kind = FindKindOf(kOptimisers, spec->kind()); kind != nullptr) {
    FillNumbers(SharedNumbers(*kind), spec);
    FillNumbers(kind->numbers, spec);
  }
  FillSchedule(spec->mutable_schedule());
}

void CheckOptimizer(const v1::OptimizerSpec& spec, int64_t jobs, Findings* findings) {
  const std::string field = "optimizer";
  CheckEnums(spec, field, findings);
  if (const OptimiserKind* kind = FindKindOf(kOptimisers, spec.kind()); kind != nullptr) {
    CheckNumbers(SharedNumbers(*kind), spec, field, findings);
    CheckNumbers(kind->numbers, spec, field, findings);
    CheckUnused(kOptimisers, kShared, spec, field, findings);
  }
  CheckSchedule(spec.schedule(), jobs, findings);
}

void ClearOwnFields(v1::OptimizerSpec* spec) {
  for (const OptimiserKind* kind : kOptimisers) {
    for (const NumberField& number : kind->numbers) {
      spec->GetReflection()->ClearField(spec, spec->descriptor()->FindFieldByName(number.name));
    }
  }
}

absl::StatusOr<std::unique_ptr<Optimiser>> MakeOptimiser(const v1::OptimizerSpec& spec,
                                                         int64_t jobs) {
  v1::OptimizerSpec filled = spec;
  FillOptimizer(&filled);
  Findings findings;
  CheckOptimizer(filled, jobs, &findings);
  if (absl::Status status = findings.status(); !status.ok()) return status;
  absl::StatusOr<LearningRateSchedule> schedule =
      LearningRateSchedule::Make(filled.schedule(), jobs);
  if (!schedule.ok()) return schedule.status();
  return FindKindOf(kOptimisers, filled.kind())->make(filled, *schedule);
}

}  // namespace gradloom
