#include "coding/schemes/sequential.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "coding/straggler_model.h"

namespace gradloom {
Burst BurstOf(const SchemeSpec& spec) {
  return {spec.settings.whole("b"), spec.settings.whole("w"), spec.settings.whole("lambda")};
}

void CheckBurst(const SchemeSpec& spec, int64_t window, absl::string_view windows,
                Problems* problems) {
  if (window > StragglerModel::kMaxWindow) {
    problems->push_back(
        {"w", absl::StrCat("such that ", windows, " is at most ", StragglerModel::kMaxWindow)});
  }
  if (spec.slots > 0 && BurstOf(spec).lambda > spec.slots) {
    problems->push_back({"lambda", absl::StrCat("at most slots = ", spec.slots)});
  }
}

absl::StatusOr<std::unique_ptr<GradientCode>> MakeInnerCode(const SchemeSpec& spec, int s) {
  const CodeKind& kind = *FindCode(spec.settings.word("code"));
  if (!kind.exact) {
    return absl::InvalidArgumentError(
        absl::StrCat("code = ", kind.name, " is approximate, an exact one is needed"));
  }
  return MakeCode(kind.name, {.slots = spec.slots, .s = s, .seed = spec.settings.seed("seed")});
}

void AddLambdas(const SchemeSpace& space, SchemeSpec spec, bool needs_code,
                const std::function<int(int lambda)>& groups, const SchemeKind::Add& add) {
  for (int lambda = 1; lambda <= space.slots; ++lambda) {
    if (needs_code && groups(lambda) == 0) return;
    const bool last = lambda == space.slots || groups(lambda) != groups(lambda + 1);
    if (space.distinct && !last) continue;
    spec.settings.Set("lambda", lambda);
    add(spec);
  }
}

}  // namespace gradloom
