// Delays as commands write them.
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coding/spec_text.h"
#include "coordinator/simulation/delay_model.h"

namespace gradloom {

absl::StatusOr<GeneratedDelays> ParseDelays(absl::string_view given) {
  using Kind = GeneratedDelays::Kind;
  SpecText text("delays", given);
  GeneratedDelays spec;
  text.Take("base", &spec.base_seconds);
  text.Take("slope", &spec.slope);
  text.Take("seed", &spec.seed);
  if (text.name() == "shifted_exponential") {
    spec.kind = Kind::kShiftedExponential;
    text.Take("mean", &spec.mean_seconds);
  } else if (text.name() == "pareto") {
    spec.kind = Kind::kPareto;
    text.Take("shape", &spec.shape);
  } else if (text.name() == "gilbert_elliott") {
    spec.kind = Kind::kGilbertElliott;
    text.Take("mean", &spec.mean_seconds);
    text.Take("enter", &spec.enter);
    text.Take("leave", &spec.leave);
  } else if (text.name() == "fail_stop") {
    spec.kind = Kind::kFailStop;
    text.Take("enter", &spec.enter);
  } else {
    return text.UnknownName("fail_stop, gilbert_elliott, pareto, shifted_exponential");
  }
  if (absl::Status status = text.Finish(); !status.ok()) return status;
  return spec;
}

}  // namespace gradloom
