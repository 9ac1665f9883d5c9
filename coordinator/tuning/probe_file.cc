#include "coordinator/tuning/probe_file.h"

#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace gradloom {
namespace {

constexpr absl::string_view kHeading = "slot,load,seconds,at_least";
constexpr absl::string_view kFurther =
    ",compute_seconds,further_replies,further_load,further_seconds";
constexpr size_t kCells = 4, kCellsWithFurther = 8;
constexpr int kSlotsMax = 10000;
constexpr size_t kLinesMax = 10'000'000;

}  // namespace

absl::StatusOr<std::vector<InvocationObserved>> ParseProbe(absl::string_view name,
                                                           absl::string_view text) {
  std::vector<InvocationObserved> out;
  int line_number = 0;
  size_t cells_expected = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++line_number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty()) continue;
    const auto refuse = [&](absl::string_view legal) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ", line ", line_number, ": \"", line, "\": legal is ", legal));
    };
    if (line_number == 1) {
      cells_expected = line == kHeading ? kCells : kCellsWithFurther;
      if (line == kHeading || line == absl::StrCat(kHeading, kFurther)) continue;
      return refuse(absl::StrCat("the heading ", kHeading, "[", kFurther, "]"));
    }
    const std::vector<absl::string_view> cells = absl::StrSplit(line, ',');
    InvocationObserved observed;
    if (cells.size() != cells_expected) return refuse("as many values as the heading has");
    if (!absl::SimpleAtoi(cells[0], &observed.slot) || observed.slot < 0 ||
        observed.slot >= kSlotsMax) {
      return refuse(absl::StrCat("a slot from 0 to ", kSlotsMax - 1));
    }
    if (!absl::SimpleAtod(cells[1], &observed.load) || !(observed.load > 0) ||
        !(observed.load <= 1e6)) {
      return refuse("a load > 0, a fraction of a job's data");
    }
    if (!absl::SimpleAtod(cells[2], &observed.seconds) || !(observed.seconds > 0) ||
        !(observed.seconds < 1e9)) {
      return refuse("seconds > 0");
    }
    if (cells[3] != "0" && cells[3] != "1") return refuse("at_least 0 or 1");
    observed.at_least = cells[3] == "1";
    if (cells_expected == kCellsWithFurther) {
      const auto number = [](absl::string_view cell, double* value) {
        return absl::SimpleAtod(cell, value) && *value >= 0 && *value < 1e9;
      };
      if (!number(cells[4], &observed.compute_seconds) ||
          !absl::SimpleAtoi(cells[5], &observed.further_replies) || observed.further_replies < 0 ||
          !number(cells[6], &observed.further_load) ||
          !number(cells[7], &observed.further_seconds)) {
        return refuse("numbers >= 0 after at_least, further_replies a whole one");
      }
    }
    out.push_back(observed);
    if (out.size() > kLinesMax) return refuse(absl::StrCat("at most ", kLinesMax, " lines"));
  }
  if (out.empty()) return absl::InvalidArgumentError(absl::StrCat(name, " holds no invocation"));
  return out;
}

std::string ProbeText(const std::vector<InvocationObserved>& observed) {
  std::string out = absl::StrCat(kHeading, kFurther, "\n");
  for (const InvocationObserved& each : observed) {
    absl::StrAppendFormat(&out, "%d,%.17g,%.17g,%d,%.17g,%d,%.17g,%.17g\n", each.slot, each.load,
                          each.seconds, each.at_least, each.compute_seconds, each.further_replies,
                          each.further_load, each.further_seconds);
  }
  return out;
}

}  // namespace gradloom
