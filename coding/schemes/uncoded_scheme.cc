#include "coding/schemes/uncoded_scheme.h"

#include <string>

#include "coding/codes/fractional_repetition.h"
#include "coding/schemes/one_code_scheme.h"

namespace gradloom {
namespace {

absl::StatusOr<std::unique_ptr<Scheme>> Make(const SchemeSpec& checked) {
  const absl::string_view name = kUncodedScheme.name;
  return MakeOneCodeScheme(name, std::string(name), MakeRepetition(name, checked.slots, 0));
}

SchemeTraits Traits(const SchemeSpec& valid) {
  return {.tolerated = 0, .tasks = 1, .parts = valid.slots};
}

void Enumerate(const SchemeSpace& space, const SchemeKind::Add& add) {
  add(SchemeSpec(kUncodedScheme, space.slots));
}

std::unique_ptr<PublishedRounds> Published(const SchemeSpec& valid, PaperCounting /*counting*/) {
  return MakeBoundedRounds(1.0 / valid.slots, 0);
}

}  // namespace

constinit const SchemeKind kUncodedScheme = {.name = "uncoded",
                                             .title = "uncoded",
                                             .make = Make,
                                             .traits = Traits,
                                             .enumerate = Enumerate,
                                             .published = Published};

}  // namespace gradloom
