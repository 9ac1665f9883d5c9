#include "coding/scheme_kind.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coding/codes/code_table.h"
#include "coding/schemes/gc_scheme.h"
#include "coding/schemes/m_sgc_scheme.h"
#include "coding/schemes/multi_message_scheme.h"
#include "coding/schemes/sr_sgc_scheme.h"
#include "coding/schemes/uncoded_scheme.h"
#include "coding/spec_text.h"

namespace gradloom {
namespace {

// In the order in which a search looks at them: of equals the first one wins.
constexpr const SchemeKind* kSchemes[] = {
    &kMultiMessageScheme, &kUncodedScheme, &kGcScheme, &kSrSgcScheme, &kMSgcScheme,
};

}  // namespace

SchemeSpec::SchemeSpec() : SchemeSpec(kUncodedScheme) {}

SchemeSpec::SchemeSpec(const SchemeKind& which, int slots)
    : kind(&which), slots(slots), settings(which.parameters) {}

std::span<const SchemeKind* const> SchemeTable() { return kSchemes; }

const SchemeKind* FindScheme(absl::string_view name) {
  for (const SchemeKind* kind : kSchemes) {
    if (kind->name == name) return kind;
  }
  return nullptr;
}

int64_t DelayOf(const SchemeSpec& spec) {
  return spec.kind->delay == nullptr ? 0 : spec.kind->delay(spec);
}

SchemeSpec OverSlots(SchemeSpec spec, int slots) {
  spec.slots = slots;
  if (spec.kind->fit != nullptr) spec.kind->fit(&spec);
  return spec;
}

Problems CheckScheme(const SchemeSpec& spec) {
  Problems problems;
  CheckEach(spec.settings, &problems);
  if (spec.kind->check != nullptr) spec.kind->check(spec, &problems);
  return problems;
}

absl::StatusOr<std::unique_ptr<Scheme>> MakeScheme(const SchemeSpec& spec) {
  const absl::string_view name = spec.kind->name;
  if (spec.slots < 1 || spec.slots > kMaxSlots) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": slots = ", spec.slots, ": legal are 1..", kMaxSlots));
  }
  const absl::Status status = ProblemStatus(name, spec.settings, CheckScheme(spec));
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<Scheme>> scheme = spec.kind->make(spec);
  if (!scheme.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": ", scheme.status().message()));
  }
  return scheme;
}

absl::StatusOr<SchemeSpec> ParseScheme(absl::string_view given) {
  SpecText text("scheme", given);
  const SchemeKind* kind = FindScheme(text.name());
  if (kind == nullptr) {
    std::vector<absl::string_view> names;
    for (const SchemeKind* known : kSchemes) names.push_back(known->name);
    return text.UnknownName(std::move(names));
  }
  SchemeSpec spec(*kind);
  text.Take(&spec.settings);
  if (absl::Status status = text.Finish(); !status.ok()) return status;
  return spec;
}

std::string SchemeText(const SchemeSpec& spec) {
  return SpecTextOf(spec.kind->name, spec.settings, false);
}

std::string SchemeUsage() {
  return absl::StrJoin(kSchemes, ", ", [](std::string* out, const SchemeKind* kind) {
    out->append(SpecUsage(kind->name, kind->parameters, false));
  });
}

}  // namespace gradloom
