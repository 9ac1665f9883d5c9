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
constexpr int kSlotsMax = 10000;
constexpr size_t kLinesMax = 10'000'000;

}  // namespace

absl::StatusOr<std::vector<InvocationObserved>> ParseProbe(absl::string_view name,
                                                           absl::string_view text) {
  std::vector<InvocationObserved> out;
  int line_number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++line_number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty()) continue;
    const auto refuse = [&](absl::string_view legal) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ", line ", line_number, ": \"", line, "\": legal is ", legal));
    };
    if (line_number == 1) {
      if (line != kHeading) return refuse(absl::StrCat("the heading ", kHeading));
      continue;
    }
    const std::vector<absl::string_view> cells = absl::StrSplit(line, ',');
    InvocationObserved observed;
    if (cells.size() != 4) return refuse(kHeading);
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
    out.push_back(observed);
    if (out.size() > kLinesMax) return refuse(absl::StrCat("at most ", kLinesMax, " lines"));
  }
  if (out.empty()) return absl::InvalidArgumentError(absl::StrCat(name, " holds no invocation"));
  return out;
}

std::string ProbeText(const std::vector<InvocationObserved>& observed) {
  std::string out = absl::StrCat(kHeading, "\n");
  for (const InvocationObserved& each : observed) {
    absl::StrAppendFormat(&out, "%d,%.17g,%.17g,%d\n", each.slot, each.load, each.seconds,
                          each.at_least);
  }
  return out;
}

}  // namespace gradloom
