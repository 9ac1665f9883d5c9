#include "tests/tidy/rules.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace gradloom {
namespace {

using Words = std::vector<absl::string_view>;

// What the files of a folder may include of the project itself, and which libraries (by the start
// of the include's path) they may not. The longest matching folder counts.
struct IncludeRule {
  absl::string_view folder;
  Words project;
  Words banned_libraries;
};

// Libraries that bring I/O, threads, clocks or randomness.
const Words& Impure() {
  static const Words& libraries = *new Words{
      "grpc",    "google/",  "spdlog/", "prometheus/", "yaml-cpp/",         "CLI/", "asio",
      "fstream", "iostream", "thread",  "mutex",       "filesystem",        "sys/", "unistd.h",
      "chrono",  "ctime",    "future",  "absl/random", "condition_variable"};
  return libraries;
}
const Words& Service() {
  static const Words& libraries =
      *new Words{"grpc", "spdlog/", "prometheus/", "yaml-cpp/", "CLI/", "asio"};
  return libraries;
}

const std::vector<IncludeRule>& IncludeRules() {
  static const auto& rules = *new std::vector<IncludeRule>{
      {"coding/", {"coding/"}, Impure()},
      {"models/",
       {"models/", "gradloom/v1/run.pb.h", "gradloom/v1/request.pb.h",
        "gradloom/v1/checkpoint.pb.h", "proto/ops/mutex.h", "proto/wire/crc32c.h"},
       Service()},
      {"proto/", {"proto/", "gradloom/"}, {}},
      {"proto/wire/", {"proto/wire/", "gradloom/"}, {"grpc", "spdlog/", "prometheus/"}},
      {"coordinator/core/", {"coordinator/core/", "coding/"}, Impure()},
      {"coordinator/data_plane/",
       {"coordinator/data_plane/", "coding/", "proto/ops/mutex.h"},
       Service()},
      {"coordinator/planning/",
       {"coordinator/planning/", "coordinator/core/", "coding/"},
       Impure()},
      // Production plans and searches; that searching simulates is the tuner's own affair.
      {"coordinator/run_file/",
       {"coordinator/run_file/", "coordinator/planning/", "coding/", "models/", "gradloom/"},
       {"grpc"}},
      {"coordinator/engine/",
       {"coordinator/engine/", "coordinator/core/", "coordinator/data_plane/",
        "coordinator/metrics/", "coordinator/planning/", "coordinator/run_file/",
        "coordinator/store/", "coordinator/tuning/", "coding/", "models/", "proto/", "gradloom/"},
       {"grpc"}},
      {"coordinator/", {"coordinator/", "coding/", "models/", "proto/", "gradloom/"}, {}},
      {"worker/", {"worker/", "coding/", "models/", "proto/", "gradloom/"}, {}},
  };
  return rules;
}

constexpr std::array kProjectFolders = {"coding/", "coordinator/", "models/",  "worker/",
                                        "proto/",  "tests/",       "gradloom/"};

struct BannedWord {
  absl::string_view word;
  Words folders;
};

const std::vector<BannedWord>& BannedWords() {
  static const Words& pure = *new Words{"coding/", "models/", "coordinator/core/"};
  static const Words& pure_and_tests =
      *new Words{"coding/", "models/", "coordinator/core/", "coordinator/data_plane/", "tests/"};
  static const auto& words = *new std::vector<BannedWord>{
      {"absl::Now", pure},        {"system_clock", pure},        {"steady_clock", pure},
      {"random_device", pure},    {"rand", pure_and_tests},      {"srand", pure_and_tests},
      {"gettimeofday", pure},     {"clock_gettime", pure},       {"sleep_for", pure_and_tests},
      {"sleep", pure_and_tests},  {"SleepFor", pure_and_tests},  {"sleep_until", pure_and_tests},
      {"usleep", pure_and_tests}, {"nanosleep", pure_and_tests},
  };
  return words;
}

constexpr size_t kLinesMax = 700;

template <typename List>
bool StartsWithAny(absl::string_view text, const List& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](absl::string_view prefix) { return absl::StartsWith(text, prefix); });
}

bool IsWordCharacter(char c) { return absl::ascii_isalnum(c) || c == '_'; }

// Whether `word` stands in `line` with no letter, digit or _ on either side.
bool HasWord(absl::string_view line, absl::string_view word) {
  for (size_t at = line.find(word); at != absl::string_view::npos; at = line.find(word, at + 1)) {
    const size_t end = at + word.size();
    if ((at == 0 || !IsWordCharacter(line[at - 1])) &&
        (end == line.size() || !IsWordCharacter(line[end]))) {
      return true;
    }
  }
  return false;
}

// Calls `check(line)` for every line and reports those for which it returns a complaint.
template <typename Check>
void EachLine(const std::string& path, const std::vector<std::string>& lines, Check check,
              Findings& findings) {
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string complaint = check(lines[i]);
    if (!complaint.empty()) findings.push_back(absl::StrCat(path, ":", i + 1, ": ", complaint));
  }
}

// The path of an #include directive, or nothing.
absl::string_view IncludedPath(absl::string_view line) {
  if (!absl::ConsumePrefix(&line, "#include ") || line.empty()) return {};
  return line.substr(1, line.find_last_of(">\"") - 1);
}

std::string CheckInclude(const IncludeRule& rule, absl::string_view included) {
  if (StartsWithAny(included, rule.banned_libraries)) {
    return absl::StrCat(rule.folder, " must not use ", included);
  }
  if (!StartsWithAny(included, kProjectFolders) || StartsWithAny(included, rule.project)) return "";
  return absl::StrCat(rule.folder, " must not include ", included, "; it may include ",
                      absl::StrJoin(rule.project, ", "));
}

// Whether a CMakeLists.txt in `folder` ("" or "a/b/") names the source by its path from there,
// with or without its extension (gradloom_test adds it).
bool Lists(const Tree& tree, absl::string_view folder, absl::string_view source) {
  const auto found = tree.find(absl::StrCat(folder, "CMakeLists.txt"));
  if (found == tree.end()) return false;
  const absl::string_view name = source.substr(folder.size());
  return std::any_of(found->second.begin(), found->second.end(), [&](const std::string& line) {
    const absl::string_view code = absl::string_view(line).substr(0, line.find('#'));
    return HasWord(code, name) || HasWord(code, absl::StripSuffix(name, ".cc"));
  });
}

std::string ExpectedGuard(absl::string_view path) {
  return absl::StrCat(
      "GRADLOOM_", absl::AsciiStrToUpper(absl::StrReplaceAll(path, {{"/", "_"}, {".", "_"}})), "_");
}

}  // namespace

Findings ForbiddenIncludes(const Tree& tree) {
  Findings findings;
  for (const auto& [path, lines] : tree) {
    const IncludeRule* rule = nullptr;
    for (const IncludeRule& candidate : IncludeRules()) {
      if (IsCpp(path) && absl::StartsWith(path, candidate.folder) &&
          (rule == nullptr || candidate.folder.size() > rule->folder.size())) {
        rule = &candidate;
      }
    }
    if (rule == nullptr) continue;
    EachLine(
        path, lines,
        [&](absl::string_view line) { return CheckInclude(*rule, IncludedPath(line)); }, findings);
  }
  return findings;
}

Findings BannedCalls(const Tree& tree) {
  Findings findings;
  for (const auto& [path, lines] : tree) {
    // A stand-in program under tests/ is a main of its own.
    if (!IsCpp(path) || (absl::StartsWith(path, "tests/") && !absl::EndsWith(path, "_test.cc"))) {
      continue;
    }
    EachLine(
        path, CodeOnly(lines),
        [&, &path = path](absl::string_view line) -> std::string {
          if (absl::StartsWith(line, "#include")) return "";
          for (const BannedWord& banned : BannedWords()) {
            if (StartsWithAny(path, banned.folders) && HasWord(line, banned.word)) {
              return absl::StrCat(banned.word, " is banned in ",
                                  absl::StrJoin(banned.folders, ", "));
            }
          }
          return "";
        },
        findings);
  }
  return findings;
}

Findings UnlistedSources(const Tree& tree) {
  Findings findings;
  for (const auto& [path, lines] : tree) {
    if (!absl::EndsWith(path, ".cc")) continue;
    bool listed = false;
    absl::string_view folder = path;
    do {
      folder = absl::StripSuffix(folder, "/");
      folder = folder.substr(0, folder.rfind('/') + 1);  // "" when there is none: npos + 1 is 0
      listed = Lists(tree, folder, path);
    } while (!listed && !folder.empty());
    if (!listed) findings.push_back(absl::StrCat(path, ":1: no CMakeLists.txt above lists it"));
  }
  return findings;
}

Findings LeftoverMarkers(const Tree& tree) {
  // In two halves, so that this file does not hold them.
  static const std::array markers = {std::string("TO") + "DO", std::string("FIX") + "ME",
                                     std::string("XX") + "X", std::string("HA") + "CK"};
  Findings findings;
  for (const auto& [path, lines] : tree) {
    EachLine(
        path, lines,
        [](absl::string_view line) -> std::string {
          for (const std::string& marker : markers) {
            if (HasWord(line, marker)) return absl::StrCat("leftover ", marker);
          }
          return "";
        },
        findings);
  }
  return findings;
}

Findings TabsAndTrailingBlanks(const Tree& tree) {
  Findings findings;
  for (const auto& [path, lines] : tree) {
    EachLine(
        path, lines,
        [](absl::string_view line) -> std::string {
          if (absl::StrContains(line, '\t')) return "tab";
          if (absl::EndsWith(line, " ")) return "blank at the end of the line";
          return absl::EndsWith(line, "\r") ? "carriage return" : "";
        },
        findings);
  }
  return findings;
}

Findings MissingReadmes(const Tree& tree) {
  Findings findings;
  for (absl::string_view folder : {"coding", "deploy", "proto", "tests", "worker"}) {
    const std::string prefix = absl::StrCat(folder, "/");
    const auto first = tree.lower_bound(prefix);
    const bool exists = first != tree.end() && absl::StartsWith(first->first, prefix);
    if (exists && tree.count(prefix + "README.md") == 0) {
      findings.push_back(absl::StrCat(prefix, "README.md:1: missing"));
    }
  }
  return findings;
}

Findings WrongHeaderGuards(const Tree& tree) {
  Findings findings;
  for (const auto& [path, lines] : tree) {
    if (!absl::EndsWith(path, ".h")) continue;
    const std::string guard = ExpectedGuard(path);
    const auto directive = std::find_if(lines.begin(), lines.end(), [](const std::string& line) {
      return absl::StartsWith(line, "#");
    });
    const bool right = directive != lines.end() && lines.end() - directive >= 3 &&
                       *directive == "#ifndef " + guard && *(directive + 1) == "#define " + guard &&
                       lines.back() == "#endif  // " + guard;
    if (!right) findings.push_back(absl::StrCat(path, ":1: must be guarded by ", guard));
  }
  return findings;
}

Findings LongFiles(const Tree& tree) {
  Findings findings;
  for (const auto& [path, lines] : tree) {
    if ((IsCpp(path) || IsScript(path)) && lines.size() > kLinesMax) {
      findings.push_back(
          absl::StrCat(path, ":", lines.size(), ": longer than ", kLinesMax, " lines"));
    }
  }
  return findings;
}

Findings MachinePaths(const Tree& tree) {
  static constexpr std::array kHomes = {"home",      "root", "Users", "work",
                                        "workspace", "mnt",  "farm"};
  Findings findings;
  for (const auto& [path, lines] : tree) {
    EachLine(
        path, lines,
        [](absl::string_view line) -> std::string {
          for (absl::string_view home : kHomes) {
            const std::string folder = absl::StrCat("/", home, "/");
            for (size_t at = line.find(folder); at != absl::string_view::npos;
                 at = line.find(folder, at + 1)) {
              // Relative paths (a/home/b, ../home/b, {top}/home/b) are no concern of ours.
              if (at == 0 || (!IsWordCharacter(line[at - 1]) &&
                              !absl::StrContains(".}\"$)>", line.substr(at - 1, 1)))) {
                return absl::StrCat("absolute path below ", folder);
              }
            }
          }
          return "";
        },
        findings);
  }
  return findings;
}

}  // namespace gradloom
