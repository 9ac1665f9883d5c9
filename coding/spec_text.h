// How commands, tables and journals write a kind with its parameters: "name:key=value,key=value". A
// value without a key belongs to the first key that is asked for. Not thread-safe.
#ifndef GRADLOOM_CODING_SPEC_TEXT_H_
#define GRADLOOM_CODING_SPEC_TEXT_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "coding/parameters.h"

namespace gradloom {

class SpecText {
 public:
  // `what`: for errors, such as "scheme".
  SpecText(absl::string_view what, absl::string_view text);

  const std::string& name() const { return name_; }
  // Takes `key`'s value, if it was given.
  void Take(absl::string_view key, double* value);
  void Take(absl::string_view key, int* value);
  void Take(absl::string_view key, uint64_t* value);
  std::string TakeText(absl::string_view key);
  // Takes what is given of a kind's parameters.
  void Take(Settings* settings);
  // Notes an error; the first one counts.
  void Refuse(absl::string_view key, absl::string_view value, absl::string_view legal);
  // What went wrong, unknown keys included.
  absl::Status Finish() const;
  absl::Status UnknownName(absl::string_view known) const;
  absl::Status UnknownName(std::vector<absl::string_view> known) const;  // in any order

 private:
  std::string what_;
  std::string text_;
  std::string name_;
  std::map<std::string, std::string> values_;
  std::vector<std::string> known_;
  absl::Status status_;
};

// The text that such a kind is read from: what Settings::Shown names. `bare`: the value of a kind's
// only parameter stands without its key.
std::string SpecTextOf(absl::string_view name, const Settings& settings, bool bare);
// How to write it, for help texts: "gc:s=N[,code=NAME][,seed=N]".
std::string SpecUsage(absl::string_view name, std::span<const Parameter> parameters, bool bare);

}  // namespace gradloom

#endif  // GRADLOOM_CODING_SPEC_TEXT_H_
