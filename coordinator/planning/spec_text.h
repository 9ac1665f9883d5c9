// How commands, tables and journals write a kind with its parameters: "name:key=value,key=value". A
// value without a key belongs to the first key that is asked for. Not thread-safe.
#ifndef GRADLOOM_COORDINATOR_PLANNING_SPEC_TEXT_H_
#define GRADLOOM_COORDINATOR_PLANNING_SPEC_TEXT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

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
  // Notes an error; the first one counts.
  void Refuse(absl::string_view key, absl::string_view value, absl::string_view legal);
  // What went wrong, unknown keys included.
  absl::Status Finish() const;
  absl::Status UnknownName(absl::string_view known) const;

 private:
  std::string what_;
  std::string text_;
  std::string name_;
  std::map<std::string, std::string> values_;
  std::vector<std::string> known_;
  absl::Status status_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_PLANNING_SPEC_TEXT_H_
