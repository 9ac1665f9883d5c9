#include "coordinator/cli/programs.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/ops/printable.h"

namespace gradloom {

absl::StatusOr<std::string> FindProgramIn(const std::string& name,
                                          const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) {
    if (folder.empty()) continue;
    const std::filesystem::path path = std::filesystem::path(folder) / name;
    std::error_code error;
    if (std::filesystem::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0) {
      return path.string();
    }
  }
  return absl::NotFoundError(absl::StrCat("the program ", name,
                                          " is in none of: ", absl::StrJoin(folders, ", "),
                                          "; name its folder in GRADLOOM_BIN"));
}

absl::StatusOr<std::string> FindProgram(const std::string& name) {
  std::vector<std::string> folders;
  if (const char* bin = std::getenv("GRADLOOM_BIN")) folders.emplace_back(bin);
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) {
    const std::filesystem::path here = self.parent_path();
    folders.push_back(here.string());
    for (const char* neighbour : {"coordinator", "worker", "bin"}) {
      folders.push_back((here.parent_path() / neighbour).string());
    }
  }
  if (const char* path = std::getenv("PATH")) {
    for (const auto folder : absl::StrSplit(path, ':')) folders.emplace_back(folder);
  }
  return FindProgramIn(name, folders);
}

std::string LogTail(const std::string& file, int lines) {
  constexpr std::streamoff kLongest = 16 << 10;
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  if (!in) return "";
  in.seekg(std::max<std::streamoff>(0, in.tellg() - kLongest));
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  std::vector<std::string> all = absl::StrSplit(absl::StripSuffix(text, "\n"), '\n');
  if (all.size() > static_cast<size_t>(lines)) all.erase(all.begin(), all.end() - lines);
  std::string out;
  for (const std::string& line : all) {
    if (!line.empty()) absl::StrAppend(&out, "    ", Printable(line), "\n");
  }
  return out;
}

}  // namespace gradloom
