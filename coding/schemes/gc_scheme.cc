#include "coding/schemes/gc_scheme.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coding/codes/code_table.h"
#include "coding/schemes/one_code_scheme.h"

namespace gradloom {
namespace {

constexpr Parameter kParameters[] = {
    {.name = "s", .otherwise = 0, .always_shown = true, .min = 0},
    {.name = "code", .otherwise = kDefaultCode, .names = CodeNames},
    {.name = "seed", .otherwise = uint64_t{1}},
};

int S(const SchemeSpec& spec) { return spec.settings.whole("s"); }

void Check(const SchemeSpec& spec, Problems* problems) {
  if (spec.slots > 0 && S(spec) >= spec.slots) {
    problems->push_back({"s", absl::StrCat("less than slots = ", spec.slots)});
  }
}

absl::StatusOr<std::unique_ptr<Scheme>> Make(const SchemeSpec& checked) {
  absl::StatusOr<std::unique_ptr<GradientCode>> code =
      MakeCode(checked.settings.word("code"), {.slots = checked.slots,
                                               .s = S(checked),
                                               .seed = checked.settings.seed("seed"),
                                               .throughput = checked.throughput});
  if (!code.ok()) return code.status();
  std::string description = absl::StrCat("GC(s=", S(checked), ", code=", (*code)->name(), ")");
  return MakeOneCodeScheme(kGcScheme.name, std::move(description), *std::move(code));
}

SchemeTraits Traits(const SchemeSpec& valid) {
  return {.tolerated = S(valid), .tasks = 1, .parts = std::max(1, valid.slots / (S(valid) + 1))};
}

void Enumerate(const SchemeSpace& space, const SchemeKind::Add& add) {
  SchemeSpec spec(kGcScheme, space.slots);
  const auto groups = [&](int s) { return space.slots / (s + 1); };
  for (int s = 0; s < space.slots; ++s) {
    if (space.distinct && s + 1 < space.slots && groups(s) == groups(s + 1)) continue;
    spec.settings.Set("s", s);
    add(spec);
  }
}

std::unique_ptr<PublishedRounds> Published(const SchemeSpec& valid, PaperCounting counting) {
  const bool authors = counting == PaperCounting::kAuthors;
  return MakeBoundedRounds((S(valid) + 1) / static_cast<double>(valid.slots),
                           authors ? std::max(S(valid) - 1, 0) : S(valid));
}

}  // namespace

constinit const SchemeKind kGcScheme = {
    .name = "gc",
    .title = "GC",
    .parameters = kParameters,
    .check = Check,
    .make = Make,
    .traits = Traits,
    .enumerate = Enumerate,
    .published = Published,
    .authors_count = "tolerates s - 1 stragglers at a load of (s+1)/n, not s"};

}  // namespace gradloom
