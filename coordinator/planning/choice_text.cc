#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "coding/codes/code_table.h"
#include "coordinator/planning/arrangement.h"
#include "coordinator/planning/spec_text.h"

namespace gradloom {
absl::StatusOr<SchemeSpec> ParseScheme(absl::string_view given) {
  SpecText text("scheme", given);
  SchemeSpec spec;
  if (text.name() == "uncoded") {
    spec.kind = SchemeSpec::Kind::kUncoded;
  } else if (text.name() == "gc") {
    spec.kind = SchemeSpec::Kind::kGc;
    text.Take("s", &spec.s);
  } else if (text.name() == "sr_sgc" || text.name() == "m_sgc") {
    spec.kind = text.name() == "m_sgc" ? SchemeSpec::Kind::kMSgc : SchemeSpec::Kind::kSrSgc;
    text.Take("b", &spec.b);
    text.Take("w", &spec.w);
    text.Take("lambda", &spec.lambda);
  } else if (text.name() == "multi_message") {
    spec.kind = SchemeSpec::Kind::kMultiMessage;
    text.Take("reach", &spec.reach);
  } else {
    return text.UnknownName("gc, m_sgc, multi_message, sr_sgc, uncoded");
  }
  if (spec.kind != SchemeSpec::Kind::kUncoded && spec.kind != SchemeSpec::Kind::kMultiMessage) {
    const std::string name = text.TakeText("code");
    bool found = name.empty();
    std::vector<absl::string_view> names;
    for (const CodeEntry& entry : CodeTable()) {
      names.push_back(entry.name);
      if (name != entry.name) continue;
      spec.code = entry.code;
      found = true;
    }
    if (!found) text.Refuse("code", name, absl::StrJoin(names, ", "));
    text.Take("seed", &spec.seed);
  }
  if (absl::Status status = text.Finish(); !status.ok()) return status;
  return spec;
}

absl::StatusOr<ClosingRuleSpec> ParseClosing(absl::string_view given) {
  using Kind = ClosingRuleSpec::Kind;
  SpecText text("closing rule", given);
  ClosingRuleSpec spec;
  if (text.name() == "first_decodable") {
    spec.kind = Kind::kFirstDecodable;
  } else if (text.name() == "wait_for_all") {
    spec.kind = Kind::kWaitForAll;
  } else if (text.name() == "mu" || text.name() == "mu_wait_for_all") {
    spec.kind = text.name() == "mu" ? Kind::kMu : Kind::kMuWaitForAll;
    text.Take("mu", &spec.mu);
  } else if (text.name() == "quantile") {
    spec.kind = Kind::kQuantile;
    text.Take("quantile", &spec.quantile);
    text.Take("factor", &spec.factor);
  } else {
    return text.UnknownName("first_decodable, mu, mu_wait_for_all, quantile, wait_for_all");
  }
  if (absl::Status status = text.Finish(); !status.ok()) return status;
  return spec;
}

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

std::string SchemeText(const SchemeSpec& spec) {
  std::string text;
  switch (spec.kind) {
    case SchemeSpec::Kind::kUncoded:
      return "uncoded";
    case SchemeSpec::Kind::kMultiMessage:
      return spec.reach == 0 ? "multi_message" : absl::StrCat("multi_message:reach=", spec.reach);
    case SchemeSpec::Kind::kGc:
      text = absl::StrCat("gc:s=", spec.s);
      break;
    case SchemeSpec::Kind::kSrSgc:
    case SchemeSpec::Kind::kMSgc:
      text = absl::StrCat(spec.kind == SchemeSpec::Kind::kMSgc ? "m_sgc" : "sr_sgc", ":b=", spec.b,
                          ",w=", spec.w, ",lambda=", spec.lambda);
      break;
  }
  for (const CodeEntry& entry : CodeTable()) {
    if (entry.code == spec.code && entry.code != SchemeSpec::Code::kFractionalRepetition) {
      absl::StrAppend(&text, ",code=", entry.name);
    }
  }
  return text;
}

std::string ClosingText(const ClosingRuleSpec& spec) {
  switch (spec.kind) {
    case ClosingRuleSpec::Kind::kWaitForAll:
      return "wait_for_all";
    case ClosingRuleSpec::Kind::kFirstDecodable:
      return "first_decodable";
    case ClosingRuleSpec::Kind::kMu:
      return absl::StrCat("mu:", spec.mu);
    case ClosingRuleSpec::Kind::kMuWaitForAll:
      return absl::StrCat("mu_wait_for_all:", spec.mu);
    case ClosingRuleSpec::Kind::kQuantile:
      break;
  }
  return absl::StrCat("quantile:quantile=", spec.quantile, ",factor=", spec.factor);
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
