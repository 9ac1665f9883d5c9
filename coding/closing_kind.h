// The catalogue of closing rules. To add one: a file under closing_rules/ with the rule and its
// ClosingKind, a line in the table in closing_kind.cc, and a value of the run file's enum, with a
// field for each parameter that is new (proto/gradloom/v1/run.proto).
#ifndef GRADLOOM_CODING_CLOSING_KIND_H_
#define GRADLOOM_CODING_CLOSING_KIND_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coding/closing_rule.h"
#include "coding/parameters.h"

namespace gradloom {

// What the table knows of a rule; its file defines it.
struct ClosingKind {
  absl::string_view name;  // as in a run file
  std::span<const Parameter> parameters = {};
  std::unique_ptr<ClosingRule> (*make)(const Settings& valid) = nullptr;
  // Settings worth a try where rounds may close later than at the first chance; null: none.
  std::vector<Settings> (*tries)() = nullptr;
};

std::span<const ClosingKind* const> ClosingTable();
// Null when there is none of this name.
const ClosingKind* FindClosing(absl::string_view name);

// A rule to build. Never without a kind; first_decodable unless another one is given.
struct ClosingRuleSpec {
  ClosingRuleSpec();
  explicit ClosingRuleSpec(const ClosingKind& which) : kind(&which), settings(which.parameters) {}
  ClosingRuleSpec(const ClosingKind& which, const Settings& given)
      : kind(&which), settings(given) {}

  const ClosingKind* kind;
  Settings settings;
  friend bool operator==(const ClosingRuleSpec&, const ClosingRuleSpec&) = default;
};

// InvalidArgument names the parameter, its value and what is legal.
absl::StatusOr<std::unique_ptr<ClosingRule>> MakeClosingRule(const ClosingRuleSpec& spec);

// "mu:1", "quantile:quantile=0.5,factor=1.5". InvalidArgument names the text and what is legal.
absl::StatusOr<ClosingRuleSpec> ParseClosing(absl::string_view text);
std::string ClosingText(const ClosingRuleSpec& spec);
// How to write every rule.
std::string ClosingUsage();

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CLOSING_KIND_H_
