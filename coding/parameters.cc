#include "coding/parameters.h"

#include <algorithm>
#include <cmath>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace gradloom {
namespace {

// 1e6, not 1e+06.
std::string LimitText(double limit) {
  return absl::StrReplaceAll(absl::StrCat(limit), {{"e+0", "e"}, {"e+", "e"}});
}

}  // namespace

std::string ValueText(const Value& value) {
  return std::visit([](const auto& held) { return absl::StrCat(held); }, value);
}

bool IsLegal(const Parameter& parameter, const Value& value) {
  if (const auto* word = std::get_if<absl::string_view>(&value)) {
    const std::vector<absl::string_view> names = parameter.names();
    return std::find(names.begin(), names.end(), *word) != names.end();
  }
  if (std::holds_alternative<uint64_t>(value)) return true;
  const double number =
      std::holds_alternative<int>(value) ? std::get<int>(value) : std::get<double>(value);
  return std::isfinite(number) && number <= parameter.max &&
         (parameter.above_min ? number > parameter.min : number >= parameter.min);
}

std::string LegalText(const Parameter& parameter) {
  if (parameter.names != nullptr) {
    return absl::StrCat("one of: ", absl::StrJoin(parameter.names(), ", "));
  }
  const std::string min = LimitText(parameter.min);
  const std::string max = LimitText(parameter.max);
  if (!std::isfinite(parameter.max)) {
    return parameter.above_min ? absl::StrCat("more than ", min) : absl::StrCat(min, " or more");
  }
  return parameter.above_min ? absl::StrCat("more than ", min, " and at most ", max)
                             : absl::StrCat("from ", min, " to ", max);
}

Settings::Settings(std::span<const Parameter> parameters) : parameters_(parameters) {
  ABSL_RAW_CHECK(parameters.size() <= kMaxParameters, "a kind has too many parameters");
  for (size_t i = 0; i < parameters.size(); ++i) values_[i] = parameters[i].otherwise;
}

size_t Settings::Place(absl::string_view name) const {
  size_t place = 0;
  while (place < parameters_.size() && parameters_[place].name != name) ++place;
  ABSL_RAW_CHECK(place < parameters_.size(), "the kind has no such parameter");
  return place;
}

void Settings::Set(absl::string_view name, const Value& value) {
  Value& own = values_[Place(name)];
  ABSL_RAW_CHECK(own.index() == value.index(), "the parameter is of another type");
  own = value;
}

std::vector<std::pair<absl::string_view, Value>> Settings::Shown() const {
  std::vector<std::pair<absl::string_view, Value>> shown;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter& parameter = parameters_[i];
    if (parameter.always_shown || values_[i] != parameter.otherwise) {
      shown.emplace_back(parameter.name, values_[i]);
    }
  }
  return shown;
}

void CheckEach(const Settings& settings, Problems* problems) {
  for (const Parameter& parameter : settings.parameters()) {
    const Value& value = settings.at(parameter.name);
    if (value == parameter.otherwise || IsLegal(parameter, value)) continue;
    problems->push_back({parameter.name, LegalText(parameter)});
  }
}

absl::Status ProblemStatus(absl::string_view kind, const Settings& settings,
                           const Problems& problems) {
  if (problems.empty()) return absl::OkStatus();
  const Problem& first = problems.front();
  return absl::InvalidArgumentError(absl::StrCat(kind, ": ", first.parameter, " = ",
                                                 ValueText(settings.at(first.parameter)),
                                                 " is not legal; it must be ", first.legal));
}

}  // namespace gradloom
