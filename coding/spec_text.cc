#include "coding/spec_text.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace gradloom {

SpecText::SpecText(absl::string_view what, absl::string_view text) : what_(what), text_(text) {
  const std::pair<std::string, std::string> halves = absl::StrSplit(text, absl::MaxSplits(':', 1));
  name_ = halves.first;
  if (halves.second.empty()) return;
  for (absl::string_view item : absl::StrSplit(halves.second, ',')) {
    const std::pair<std::string, std::string> entry = absl::StrSplit(item, absl::MaxSplits('=', 1));
    if (absl::StrContains(item, "=")) {
      values_[entry.first] = entry.second;
    } else {
      values_[""] = std::string(item);
    }
  }
}

void SpecText::Take(absl::string_view key, double* value) {
  const std::string text = TakeText(key);
  if (!text.empty() && !absl::SimpleAtod(text, value)) Refuse(key, text, "a number");
}

void SpecText::Take(absl::string_view key, int* value) {
  const std::string text = TakeText(key);
  if (!text.empty() && !absl::SimpleAtoi(text, value)) Refuse(key, text, "a whole number");
}

void SpecText::Take(absl::string_view key, uint64_t* value) {
  const std::string text = TakeText(key);
  if (!text.empty() && !absl::SimpleAtoi(text, value)) Refuse(key, text, "a whole number");
}

std::string SpecText::TakeText(absl::string_view key) {
  known_.emplace_back(key);
  auto found = values_.find(std::string(key));
  if (found == values_.end() && known_.size() == 1) found = values_.find("");
  if (found == values_.end()) return "";
  std::string value = found->second;
  values_.erase(found);
  if (value.empty()) Refuse(key, value, "a value");
  return value;
}

void SpecText::Take(Settings* settings) {
  for (const Parameter& parameter : settings->parameters()) {
    Value value = settings->at(parameter.name);
    if (auto* word = std::get_if<absl::string_view>(&value)) {
      const std::string given = TakeText(parameter.name);
      if (given.empty()) continue;
      const std::vector<absl::string_view> names = parameter.names();
      const auto found = std::find(names.begin(), names.end(), given);
      if (found == names.end()) {
        Refuse(parameter.name, given, absl::StrJoin(names, ", "));
        continue;
      }
      *word = *found;
    } else if (auto* whole = std::get_if<int>(&value)) {
      Take(parameter.name, whole);
    } else if (auto* seed = std::get_if<uint64_t>(&value)) {
      Take(parameter.name, seed);
    } else {
      Take(parameter.name, &std::get<double>(value));
    }
    settings->Set(parameter.name, value);
  }
}

void SpecText::Refuse(absl::string_view key, absl::string_view value, absl::string_view legal) {
  if (!status_.ok()) return;
  status_ = absl::InvalidArgumentError(
      absl::StrCat(what_, " ", text_, ": ", key, " = \"", value, "\": legal is ", legal));
}

absl::Status SpecText::Finish() const {
  if (!status_.ok() || values_.empty()) return status_;
  return absl::InvalidArgumentError(absl::StrCat(
      what_, " ", text_, ": unknown key \"", values_.begin()->first,
      "\"; known: ", known_.empty() ? std::string("none") : absl::StrJoin(known_, ", ")));
}

absl::Status SpecText::UnknownName(absl::string_view known) const {
  return absl::InvalidArgumentError(
      absl::StrCat("no ", what_, " named \"", name_, "\"; known: ", known));
}

absl::Status SpecText::UnknownName(std::vector<absl::string_view> known) const {
  std::sort(known.begin(), known.end());
  return UnknownName(absl::StrJoin(known, ", "));
}

std::string SpecTextOf(absl::string_view name, const Settings& settings, bool bare) {
  std::string text(name);
  const char* separator = ":";
  for (const auto& [key, value] : settings.Shown()) {
    absl::StrAppend(&text, separator);
    if (!bare || settings.parameters().size() > 1) absl::StrAppend(&text, key, "=");
    absl::StrAppend(&text, ValueText(value));
    separator = ",";
  }
  return text;
}

std::string SpecUsage(absl::string_view name, std::span<const Parameter> parameters, bool bare) {
  std::string usage(name);
  const char* separator = ":";
  for (const Parameter& parameter : parameters) {
    std::string text = separator;
    if (!bare || parameters.size() > 1) absl::StrAppend(&text, parameter.name, "=");
    absl::StrAppend(&text, parameter.names == nullptr ? "N" : "NAME");
    absl::StrAppend(&usage, parameter.always_shown ? text : absl::StrCat("[", text, "]"));
    separator = ",";
  }
  return usage;
}

}  // namespace gradloom
