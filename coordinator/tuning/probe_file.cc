#include "coordinator/tuning/probe_file.h"

#include <memory>
#include <span>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "models/data/byte_source.h"
#include "models/data/rows.h"
#include "models/data/text.h"

namespace gradloom {
namespace {

constexpr absl::string_view kHeading = "slot,load,seconds,at_least";
constexpr absl::string_view kFurther =
    ",compute_seconds,further_replies,further_load,further_seconds";
constexpr size_t kCells = 4, kCellsWithFurther = 8;
constexpr int kSlotsMax = 10000;
constexpr size_t kLinesMax = 10'000'000;

// The observation in a row's cells, or what would be legal in the place of one of them.
absl::StatusOr<InvocationObserved> ParseCells(std::span<const absl::string_view> cells) {
  const auto refuse = [](absl::string_view legal) { return absl::InvalidArgumentError(legal); };
  InvocationObserved observed;
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
  if (cells.size() == kCells) return observed;
  const auto number = [](absl::string_view cell, double* value) {
    return absl::SimpleAtod(cell, value) && *value >= 0 && *value < 1e9;
  };
  if (!number(cells[4], &observed.compute_seconds) ||
      !absl::SimpleAtoi(cells[5], &observed.further_replies) || observed.further_replies < 0 ||
      !number(cells[6], &observed.further_load) || !number(cells[7], &observed.further_seconds)) {
    return refuse("numbers >= 0 after at_least, further_replies a whole one");
  }
  return observed;
}

}  // namespace

absl::StatusOr<std::vector<InvocationObserved>> ParseProbe(absl::string_view name,
                                                           absl::string_view text) {
  const std::unique_ptr<ByteSource> source = BytesInMemory(std::string(name), text);
  const RowFormat format{.delimiter = RowFormat::kAnyDelimiter};
  std::vector<InvocationObserved> out;
  size_t cells_expected = 0;
  const auto take = [&](const Row& row) -> absl::Status {
    const auto refuse = [&](absl::string_view legal) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ", line ", row.line, ": ", Shown(row.text), ": legal is ", legal));
    };
    if (cells_expected == 0) {
      const std::string heading = absl::StrJoin(row.cells, ",");
      cells_expected = heading == kHeading ? kCells : kCellsWithFurther;
      if (heading == kHeading || heading == absl::StrCat(kHeading, kFurther)) {
        return absl::OkStatus();
      }
      return refuse(absl::StrCat("the heading ", kHeading, "[", kFurther, "]"));
    }
    if (row.cells.size() != cells_expected) return refuse("as many values as the heading has");
    const absl::StatusOr<InvocationObserved> observed = ParseCells(row.cells);
    if (!observed.ok()) return refuse(observed.status().message());
    out.push_back(*observed);
    if (out.size() > kLinesMax) return refuse(absl::StrCat("at most ", kLinesMax, " lines"));
    return absl::OkStatus();
  };
  const absl::Status read = ForEachRow(*source, 0, source->size(), format, take);
  if (!read.ok()) return read;
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
