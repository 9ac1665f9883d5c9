#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "coding/codes/code_table.h"
#include "coding/scheme.h"
#include "coding/schemes/gc_scheme.h"

namespace gradloom {

absl::StatusOr<std::unique_ptr<Scheme>> MakeScheme(const SchemeSpec& spec) {
  switch (spec.kind) {
    case SchemeSpec::Kind::kUncoded:
    case SchemeSpec::Kind::kGc: {
      absl::StatusOr<std::unique_ptr<GradientCode>> code = MakeCode(spec);
      if (!code.ok()) return code.status();
      return MakeGcScheme(*std::move(code));
    }
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("scheme kind = ", static_cast<int>(spec.kind), ": legal are uncoded, gc"));
  }
}

}  // namespace gradloom
