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
#include "coordinator/simulation/arrangement.h"

namespace gradloom {
namespace {

// "name:key=value,key=value"; a value without a key belongs to the first key.
class Text {
 public:
  Text(absl::string_view what, absl::string_view text) : what_(what), text_(text) {
    const std::pair<std::string, std::string> halves =
        absl::StrSplit(text, absl::MaxSplits(':', 1));
    name = halves.first;
    if (halves.second.empty()) return;
    for (absl::string_view item : absl::StrSplit(halves.second, ',')) {
      const std::pair<std::string, std::string> entry =
          absl::StrSplit(item, absl::MaxSplits('=', 1));
      if (absl::StrContains(item, "=")) {
        values_[entry.first] = entry.second;
      } else {
        values_[""] = std::string(item);
      }
    }
  }

  // Takes `key`'s value, if given. A key-less value is taken by the first call.
  void Take(absl::string_view key, double* value) {
    const std::string text = TakeText(key);
    if (!text.empty() && !absl::SimpleAtod(text, value)) Refuse(key, text, "a number");
  }
  void Take(absl::string_view key, int* value) {
    const std::string text = TakeText(key);
    if (!text.empty() && !absl::SimpleAtoi(text, value)) Refuse(key, text, "a whole number");
  }
  void Take(absl::string_view key, uint64_t* value) {
    const std::string text = TakeText(key);
    if (!text.empty() && !absl::SimpleAtoi(text, value)) Refuse(key, text, "a whole number");
  }
  std::string TakeText(absl::string_view key) {
    known_.emplace_back(key);
    auto found = values_.find(std::string(key));
    if (found == values_.end() && known_.size() == 1) found = values_.find("");
    if (found == values_.end()) return "";
    std::string value = found->second;
    values_.erase(found);
    if (value.empty()) Refuse(key, value, "a value");
    return value;
  }
  void Refuse(absl::string_view key, absl::string_view value, absl::string_view legal) {
    if (status_.ok()) {
      status_ = absl::InvalidArgumentError(
          absl::StrCat(what_, " ", text_, ": ", key, " = \"", value, "\": legal is ", legal));
    }
  }
  // What went wrong, unknown keys included.
  absl::Status Finish() const {
    if (!status_.ok() || values_.empty()) return status_;
    return absl::InvalidArgumentError(absl::StrCat(
        what_, " ", text_, ": unknown key \"", values_.begin()->first,
        "\"; known: ", known_.empty() ? std::string("none") : absl::StrJoin(known_, ", ")));
  }
  absl::Status UnknownName(absl::string_view known) const {
    return absl::InvalidArgumentError(
        absl::StrCat("no ", what_, " named \"", name, "\"; known: ", known));
  }

  std::string name;

 private:
  std::string what_;
  std::string text_;
  std::map<std::string, std::string> values_;
  std::vector<std::string> known_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<SchemeSpec> ParseScheme(absl::string_view given) {
  Text text("scheme", given);
  SchemeSpec spec;
  if (text.name == "uncoded") {
    spec.kind = SchemeSpec::Kind::kUncoded;
  } else if (text.name == "gc") {
    spec.kind = SchemeSpec::Kind::kGc;
    text.Take("s", &spec.s);
  } else if (text.name == "sr_sgc" || text.name == "m_sgc") {
    spec.kind = text.name == "m_sgc" ? SchemeSpec::Kind::kMSgc : SchemeSpec::Kind::kSrSgc;
    text.Take("b", &spec.b);
    text.Take("w", &spec.w);
    text.Take("lambda", &spec.lambda);
  } else if (text.name == "multi_message") {
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
  Text text("closing rule", given);
  ClosingRuleSpec spec;
  if (text.name == "first_decodable") {
    spec.kind = Kind::kFirstDecodable;
  } else if (text.name == "wait_for_all") {
    spec.kind = Kind::kWaitForAll;
  } else if (text.name == "mu" || text.name == "mu_wait_for_all") {
    spec.kind = text.name == "mu" ? Kind::kMu : Kind::kMuWaitForAll;
    text.Take("mu", &spec.mu);
  } else if (text.name == "quantile") {
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
  Text text("fleet", given);
  Arrangement fleet;
  if (text.name == "woven") {
    fleet.kind = Arrangement::Kind::kWoven;
  } else if (text.name == "overlap") {
    fleet.kind = Arrangement::Kind::kOverlap;
  } else if (text.name == "split") {
    fleet.kind = Arrangement::Kind::kSplit;
    fleet.groups = 2;
    text.Take("groups", &fleet.groups);
  } else if (text.name == "gang") {
    fleet.kind = Arrangement::Kind::kGang;
    text.Take("groups", &fleet.groups);
  } else {
    return text.UnknownName("gang[:GROUPS], overlap, split:GROUPS, woven");
  }
  if (absl::Status status = text.Finish(); !status.ok()) return status;
  return fleet;
}

absl::StatusOr<GeneratedDelays> ParseDelays(absl::string_view given) {
  using Kind = GeneratedDelays::Kind;
  Text text("delays", given);
  GeneratedDelays spec;
  text.Take("base", &spec.base_seconds);
  text.Take("slope", &spec.slope);
  text.Take("seed", &spec.seed);
  if (text.name == "shifted_exponential") {
    spec.kind = Kind::kShiftedExponential;
    text.Take("mean", &spec.mean_seconds);
  } else if (text.name == "pareto") {
    spec.kind = Kind::kPareto;
    text.Take("shape", &spec.shape);
  } else if (text.name == "gilbert_elliott") {
    spec.kind = Kind::kGilbertElliott;
    text.Take("mean", &spec.mean_seconds);
    text.Take("enter", &spec.enter);
    text.Take("leave", &spec.leave);
  } else if (text.name == "fail_stop") {
    spec.kind = Kind::kFailStop;
    text.Take("enter", &spec.enter);
  } else {
    return text.UnknownName("fail_stop, gilbert_elliott, pareto, shifted_exponential");
  }
  if (absl::Status status = text.Finish(); !status.ok()) return status;
  return spec;
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
