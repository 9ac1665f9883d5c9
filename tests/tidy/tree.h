// The source tree as the tidiness rules see it: every text file's lines by path.
// Immutable once read; thread-compatible.
#ifndef GRADLOOM_TESTS_TIDY_TREE_H_
#define GRADLOOM_TESTS_TIDY_TREE_H_

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace gradloom {

// Paths are relative to the tree's top, with slashes: "coding/scheme.h".
using Tree = std::map<std::string, std::vector<std::string>>;

// Reads every source, script and document below `top`, but for build and hidden folders (.ci is
// read). Aborts when `top` is not a folder.
Tree ReadTree(const std::filesystem::path& top);

std::vector<std::string> Lines(absl::string_view text);

bool IsCpp(absl::string_view path);     // .cc or .h
bool IsScript(absl::string_view path);  // sh, Python, CMake, YAML: has # comments

// A C++ file's lines with comments and the contents of string literals blanked out; the paths of
// #include directives stay.
std::vector<std::string> CodeOnly(const std::vector<std::string>& lines);
// Likewise, but string literals stay: they may name things, too.
std::vector<std::string> CodeAndLiterals(const std::vector<std::string>& lines);

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_TIDY_TREE_H_
