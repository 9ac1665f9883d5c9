#include "models/data/delay_trace.h"

#include <cstdint>
#include <span>

#include "absl/strings/str_cat.h"
#include "models/data/rows.h"
#include "models/data/text.h"

namespace gradloom {
namespace {

constexpr double kLongestSeconds = 24 * 3600;
constexpr size_t kMaxCells = 10'000'000;

}  // namespace

absl::StatusOr<std::vector<std::vector<double>>> ReadDelayTrace(const std::string& file,
                                                                const std::string& field,
                                                                const std::string& base_folder) {
  const auto text = OpenText(file, field, base_folder);
  if (!text.ok()) return text.status();
  const std::string& name = (*text)->name();
  std::vector<std::vector<double>> rows;
  size_t cells = 0;
  const auto take = [&](int64_t line, std::span<const double> row) -> absl::Status {
    for (const double seconds : row) {
      if (seconds >= 0 && seconds <= kLongestSeconds) continue;
      return absl::InvalidArgumentError(absl::StrCat(name, ", line ", line, ": ", seconds,
                                                     " is no delay; legal: seconds from 0 to ",
                                                     kLongestSeconds));
    }
    cells += row.size();
    if (cells > kMaxCells) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " has more than ", kMaxCells, " delays"));
    }
    rows.emplace_back(row.begin(), row.end());
    return absl::OkStatus();
  };
  if (absl::Status read = ForEachNumbers(**text, take); !read.ok()) return read;
  if (rows.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, " has no row; legal: CSV, a row an invocation, a column a slot, in seconds"));
  }
  return rows;
}

}  // namespace gradloom
