#include <string>

#include "absl/strings/str_cat.h"
#include "coding/spec_text.h"
#include "coordinator/planning/arrangement.h"

namespace gradloom {

absl::StatusOr<Arrangement> ParseArrangement(absl::string_view given) {
  SpecText text("fleet", given);
  Arrangement fleet;
  if (text.name() == "woven") {
    fleet.kind = Arrangement::Kind::kWoven;
  } else if (text.name() == "overlap") {
    fleet.kind = Arrangement::Kind::kOverlap;
  } else if (text.name() == "split") {
    fleet.kind = Arrangement::Kind::kSplit;
    fleet.groups = 2;
    text.Take("groups", &fleet.groups);
  } else if (text.name() == "gang") {
    fleet.kind = Arrangement::Kind::kGang;
    text.Take("groups", &fleet.groups);
  } else {
    return text.UnknownName("gang[:GROUPS], overlap, split:GROUPS, woven");
  }
  if (absl::Status status = text.Finish(); !status.ok()) return status;
  return fleet;
}

std::string ArrangementText(const Arrangement& fleet) {
  switch (fleet.kind) {
    case Arrangement::Kind::kWoven:
      return "woven";
    case Arrangement::Kind::kOverlap:
      return "overlap";
    case Arrangement::Kind::kSplit:
      return absl::StrCat("split:", fleet.groups);
    case Arrangement::Kind::kGang:
      break;
  }
  return fleet.groups == 1 ? "gang" : absl::StrCat("gang:", fleet.groups);
}

std::string SizeText(const FleetSize& size) {
  return absl::StrCat(size.slots, " slots, ", size.jobs, " jobs of ", size.lanes,
                      size.plans.empty() ? " trial" : " lane", size.lanes == 1 ? "" : "s");
}

}  // namespace gradloom
