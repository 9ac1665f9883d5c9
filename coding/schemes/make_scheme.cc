#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "coding/codes/code_table.h"
#include "coding/scheme.h"
#include "coding/schemes/gc_scheme.h"
#include "coding/schemes/m_sgc_scheme.h"
#include "coding/schemes/multi_message_scheme.h"
#include "coding/schemes/sr_sgc_scheme.h"
#include "coding/straggler_model.h"

namespace gradloom {
namespace {

template <typename... Pieces>
absl::Status Illegal(const Pieces&... pieces) {
  return absl::InvalidArgumentError(absl::StrCat(pieces...));
}

// What both sequential schemes ask of B, W, lambda and n.
absl::Status ValidateSequential(absl::string_view name, const SchemeSpec& spec) {
  if (spec.slots < 1 || spec.slots > kMaxSlots) {
    return Illegal(name, ": slots = ", spec.slots, ": legal are 1..", kMaxSlots);
  }
  if (spec.b < 1) return Illegal(name, ": b = ", spec.b, " must be at least 1");
  if (spec.w < 2) return Illegal(name, ": w = ", spec.w, " must be at least 2");
  if (spec.w > StragglerModel::kMaxWindow) {
    return Illegal(name, ": w = ", spec.w, " must be at most ", StragglerModel::kMaxWindow);
  }
  if (spec.b >= spec.w) return Illegal(name, ": b = ", spec.b, " must be < w = ", spec.w);
  if (spec.lambda < 1) return Illegal(name, ": lambda = ", spec.lambda, " must be at least 1");
  if (spec.lambda > spec.slots) {
    return Illegal(name, ": lambda = ", spec.lambda, " > slots = ", spec.slots,
                   ": no more slots can straggle than there are");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<GradientCode>> MakeInnerCode(absl::string_view name,
                                                            const SchemeSpec& spec, int s) {
  absl::StatusOr<std::unique_ptr<GradientCode>> code =
      MakeCode(spec.code, {.slots = spec.slots, .s = s, .seed = spec.seed});
  if (!code.ok()) return Illegal(name, ": ", code.status().message());
  if (!(*code)->exact()) {
    return Illegal(name, ": code = ", (*code)->name(), " is approximate, an exact one is needed");
  }
  return code;
}

absl::StatusOr<std::unique_ptr<Scheme>> MakeSrSgc(const SchemeSpec& spec) {
  const absl::string_view name = "sr_sgc";
  if (absl::Status status = ValidateSequential(name, spec); !status.ok()) return status;
  if ((spec.w - 1) % spec.b != 0) {
    return Illegal(name, ": b = ", spec.b, " must divide w - 1 = ", spec.w - 1);
  }
  const int64_t rounds = spec.w - 1 + spec.b;
  const auto s = static_cast<int>((int64_t{spec.b} * spec.lambda + rounds - 1) / rounds);
  if (s >= spec.slots) {
    return Illegal(name, ": s = ceil(b lambda / (w - 1 + b)) = ", s,
                   " must be < slots = ", spec.slots);
  }
  absl::StatusOr<std::unique_ptr<GradientCode>> code = MakeInnerCode(name, spec, s);
  if (!code.ok()) return code.status();
  return MakeSrSgcScheme(spec, *std::move(code));
}

absl::StatusOr<std::unique_ptr<Scheme>> MakeMSgc(const SchemeSpec& spec) {
  const absl::string_view name = "m_sgc";
  if (absl::Status status = ValidateSequential(name, spec); !status.ok()) return status;
  if (spec.w + spec.b - 1 > StragglerModel::kMaxWindow) {
    return Illegal(name, ": w + b - 1 = ", spec.w + spec.b - 1, " must be at most ",
                   StragglerModel::kMaxWindow);
  }
  if (spec.lambda == spec.slots) return MakeMSgcScheme(spec, nullptr);
  absl::StatusOr<std::unique_ptr<GradientCode>> code = MakeInnerCode(name, spec, spec.lambda);
  if (!code.ok()) return code.status();
  return MakeMSgcScheme(spec, *std::move(code));
}

absl::StatusOr<std::unique_ptr<Scheme>> MakeMultiMessage(const SchemeSpec& spec) {
  const absl::string_view name = "multi_message";
  if (spec.slots < 1 || spec.slots > kMaxSlots) {
    return Illegal(name, ": slots = ", spec.slots, ": legal are 1..", kMaxSlots);
  }
  if (spec.reach < 0 || spec.reach > spec.slots) {
    return Illegal(name, ": reach = ", spec.reach, ": legal are 1..", spec.slots,
                   " (slots), and 0 for all of them");
  }
  return MakeMultiMessageScheme(spec.slots, spec.reach == 0 ? spec.slots : spec.reach);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Scheme>> MakeScheme(const SchemeSpec& spec) {
  switch (spec.kind) {
    case SchemeSpec::Kind::kUncoded:
    case SchemeSpec::Kind::kGc: {
      absl::StatusOr<std::unique_ptr<GradientCode>> code = MakeCode(spec);
      if (!code.ok()) return code.status();
      return MakeGcScheme(*std::move(code));
    }
    case SchemeSpec::Kind::kSrSgc:
      return MakeSrSgc(spec);
    case SchemeSpec::Kind::kMSgc:
      return MakeMSgc(spec);
    case SchemeSpec::Kind::kMultiMessage:
      return MakeMultiMessage(spec);
  }
  return Illegal("scheme kind = ", static_cast<int>(spec.kind),
                 ": legal are uncoded, gc, sr_sgc, m_sgc, multi_message");
}

}  // namespace gradloom
