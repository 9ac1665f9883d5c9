#include "models/data/delay_trace.h"

#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace gradloom {

absl::StatusOr<std::vector<std::vector<double>>> ReadDelayTrace(const std::string& file,
                                                                const std::string& field,
                                                                const std::string& base_folder) {
  const std::string path =
      base_folder.empty() || file.starts_with("/") ? file : absl::StrCat(base_folder, "/", file);
  std::error_code error;
  // A pipe or a device would block its reader, or never end.
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    return absl::InvalidArgumentError(absl::StrCat(field, " '", path, "' is no regular file"));
  }
  std::ifstream in(path);
  if (!in) {
    return absl::InvalidArgumentError(absl::StrCat(field, " '", path, "' cannot be read"));
  }
  std::vector<std::vector<double>> rows;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    std::vector<double> row;
    for (const absl::string_view cell : absl::StrSplit(line, ',')) {
      double seconds = 0;
      if (!absl::SimpleAtod(cell, &seconds) || !(seconds >= 0) || seconds > 86400) {
        if (rows.empty() && row.empty()) break;  // a heading
        return absl::InvalidArgumentError(
            absl::StrCat(field, " '", path, "' line ", number, ": '", cell,
                         "' is no delay; legal: seconds from 0 to 86400"));
      }
      row.push_back(seconds);
    }
    if (!row.empty()) rows.push_back(std::move(row));
  }
  if (rows.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(field, " '", path,
                                                   "' has no row; legal: CSV, a row a round, a "
                                                   "column a slot, in seconds"));
  }
  return rows;
}

}  // namespace gradloom
