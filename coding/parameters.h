// What kinds of schemes and closing rules are set up by: named parameters, as a table's entry
// describes them, and values for them. From these alone follow the text forms (coding/spec_text.h),
// a run file's keys, what is filled in and what is refused. Pure values.
#ifndef GRADLOOM_CODING_PARAMETERS_H_
#define GRADLOOM_CODING_PARAMETERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace gradloom {

// A whole number, a seed, a number, or the name of something in another table (of static storage
// duration).
using Value = std::variant<int, uint64_t, double, absl::string_view>;

std::string ValueText(const Value& value);

struct Parameter {
  absl::string_view name;
  // The default, which also says of which type the parameter is. One that is not legal stands for
  // what is not known yet ("all slots"): it is never written, only left out.
  Value otherwise;
  // Texts show it even where it is the default.
  bool always_shown = false;
  // Numbers that are legal by themselves.
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool above_min = false;  // and not min itself
  // Names that are legal.
  std::vector<absl::string_view> (*names)() = nullptr;
};

// Whether the value is legal by itself, and what would be ("1 or more").
bool IsLegal(const Parameter& parameter, const Value& value);
std::string LegalText(const Parameter& parameter);

// Values for some kind's parameters, all of them the defaults at first. To ask for a parameter that
// there is not, or for a value of another type, is a bug, and aborts.
class Settings {
 public:
  static constexpr size_t kMaxParameters = 6;

  Settings() = default;
  // `parameters` of static storage duration.
  explicit Settings(std::span<const Parameter> parameters);

  std::span<const Parameter> parameters() const { return parameters_; }
  const Value& at(absl::string_view name) const { return values_[Place(name)]; }
  int whole(absl::string_view name) const { return std::get<int>(at(name)); }
  uint64_t seed(absl::string_view name) const { return std::get<uint64_t>(at(name)); }
  double number(absl::string_view name) const { return std::get<double>(at(name)); }
  absl::string_view word(absl::string_view name) const {
    return std::get<absl::string_view>(at(name));
  }
  void Set(absl::string_view name, const Value& value);

  // What texts show, in the parameters' order.
  std::vector<std::pair<absl::string_view, Value>> Shown() const;

  friend bool operator==(const Settings& a, const Settings& b) {
    return a.parameters_.data() == b.parameters_.data() && a.values_ == b.values_;
  }

 private:
  size_t Place(absl::string_view name) const;

  std::span<const Parameter> parameters_;
  std::array<Value, kMaxParameters> values_;
};

// What is wrong with a parameter. `legal` completes "it must be ...".
struct Problem {
  absl::string_view parameter;
  std::string legal;
};
using Problems = std::vector<Problem>;

// Of every value by itself; defaults are never a problem.
void CheckEach(const Settings& settings, Problems* problems);
// "sr_sgc: b = 0 is not legal; it must be 1 or more": InvalidArgument with the first problem, OK
// when there is none. `kind` is what the settings are of.
absl::Status ProblemStatus(absl::string_view kind, const Settings& settings,
                           const Problems& problems);

}  // namespace gradloom

#endif  // GRADLOOM_CODING_PARAMETERS_H_
