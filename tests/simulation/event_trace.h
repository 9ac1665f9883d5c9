// What happened in a simulation, line by line: two executions of a seed must have the same. Keeps
// the latest lines for people and a checksum of all.
#ifndef GRADLOOM_TESTS_SIMULATION_EVENT_TRACE_H_
#define GRADLOOM_TESTS_SIMULATION_EVENT_TRACE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "proto/wire/crc32c.h"
#include "tests/simulation/virtual_time.h"

namespace gradloom {

class EventTrace {
 public:
  explicit EventTrace(const VirtualTime& time) : time_(time) {}

  template <typename... Parts>
  void Note(const Parts&... parts) {
    lines_.push_back(absl::StrCat(absl::StrFormat("%12.6f  ", time_.seconds()), parts..., "\n"));
    checksum_ = Crc32c(lines_.back(), checksum_);
    ++count_;
    if (lines_.size() > kKept) lines_.pop_front();
  }
  // That something of this kind has happened.
  void Count(const std::string& kind) { ++counts_[kind]; }
  const std::map<std::string, int>& counts() const { return counts_; }

  uint32_t checksum() const { return checksum_; }
  int64_t count() const { return count_; }
  std::string Latest() const { return absl::StrJoin(lines_, ""); }

 private:
  static constexpr size_t kKept = 60;

  const VirtualTime& time_;
  std::deque<std::string> lines_;
  uint32_t checksum_ = 0;
  int64_t count_ = 0;
  std::map<std::string, int> counts_;
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_SIMULATION_EVENT_TRACE_H_
