#include "tests/tidy/tree.h"

#include <array>
#include <fstream>
#include <sstream>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace gradloom {
namespace {

namespace fs = std::filesystem;

constexpr std::array kTextSuffixes = {".cc",  ".h",     ".proto", ".py",  ".sh",   ".md",
                                      ".txt", ".cmake", ".yaml",  ".yml", ".json", ".in"};

bool IsText(const fs::path& file) {
  const std::string name = file.filename().string();
  if (absl::StartsWith(name, "Dockerfile") || file.parent_path().filename() == ".ci") return true;
  for (absl::string_view suffix : kTextSuffixes) {
    if (absl::EndsWith(name, suffix)) return true;
  }
  return false;
}

bool IsForeign(const fs::path& folder) {
  const std::string name = folder.filename().string();
  return absl::StartsWith(name, "build") || name == "out" || name == "__pycache__" ||
         (absl::StartsWith(name, ".") && name != ".ci");
}

// Blanks comments, and perhaps literals, of one line at a time; what may span lines is remembered.
class Blanker {
 public:
  explicit Blanker(bool keep_literals) : keep_literals_(keep_literals) {}

  std::string Blank(absl::string_view line) {
    std::string out;
    for (size_t i = 0; i < line.size();) i = Step(line, i, out);
    if (state_ == kString || state_ == kCharacter) state_ = kCode;
    return out;
  }

 private:
  enum State { kCode, kBlockComment, kString, kCharacter, kRawString };

  size_t Step(absl::string_view line, size_t i, std::string& out) {
    const absl::string_view rest = line.substr(i);
    switch (state_) {
      case kBlockComment:
        if (!absl::StartsWith(rest, "*/")) return i + 1;
        state_ = kCode;
        return i + 2;
      case kRawString:
        if (!absl::StartsWith(rest, raw_end_)) return Literal(rest, 1, i, out);
        state_ = kCode;
        out += '"';
        return i + raw_end_.size();
      case kString:
      case kCharacter:
        if (rest[0] == '\\') return Literal(rest, 2, i, out);
        if (rest[0] != (state_ == kString ? '"' : '\'')) return Literal(rest, 1, i, out);
        state_ = kCode;
        out += rest[0];
        return i + 1;
      case kCode:
        break;
    }
    return StepInCode(line, i, out);
  }

  // Characters inside of a literal.
  size_t Literal(absl::string_view rest, size_t count, size_t i, std::string& out) const {
    if (keep_literals_) out += std::string(rest.substr(0, count));
    return i + count;
  }

  size_t StepInCode(absl::string_view line, size_t i, std::string& out) {
    const absl::string_view rest = line.substr(i);
    if (absl::StartsWith(rest, "//")) return line.size();
    if (absl::StartsWith(rest, "/*")) {
      state_ = kBlockComment;
      return i + 2;
    }
    if (absl::StartsWith(rest, "R\"")) {
      const size_t open = rest.find('(');
      if (open != absl::string_view::npos) {
        raw_end_ = absl::StrCat(")", rest.substr(2, open - 2), "\"");
        state_ = kRawString;
        out += "R\"";
        return i + open + 1;
      }
    }
    // A quote between digits separates them: 1'000.
    const bool separator = rest[0] == '\'' && i > 0 && absl::ascii_isalnum(line[i - 1]);
    if (rest[0] == '"') state_ = kString;
    if (rest[0] == '\'' && !separator) state_ = kCharacter;
    out += rest[0];
    return i + 1;
  }

  const bool keep_literals_;
  State state_ = kCode;
  std::string raw_end_;
};

std::vector<std::string> Blanked(const std::vector<std::string>& lines, bool keep_literals) {
  Blanker blanker(keep_literals);
  std::vector<std::string> code;
  for (const std::string& line : lines) {
    code.push_back(absl::StartsWith(line, "#include") ? line : blanker.Blank(line));
  }
  return code;
}

}  // namespace

std::vector<std::string> Lines(absl::string_view text) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

Tree ReadTree(const fs::path& top) {
  ABSL_RAW_CHECK(fs::is_directory(top), "the top of the source tree is no folder");
  Tree tree;
  for (fs::recursive_directory_iterator it(top), end; it != end; ++it) {
    if (it->is_directory()) {
      if (IsForeign(it->path())) it.disable_recursion_pending();
    } else if (IsText(it->path())) {
      std::ostringstream text;
      text << std::ifstream(it->path()).rdbuf();
      tree[fs::relative(it->path(), top).generic_string()] = Lines(text.str());
    }
  }
  return tree;
}

bool IsCpp(absl::string_view path) {
  return absl::EndsWith(path, ".cc") || absl::EndsWith(path, ".h");
}

bool IsScript(absl::string_view path) {
  for (absl::string_view suffix : {".sh", ".py", ".cmake", ".yaml", ".yml", "CMakeLists.txt"}) {
    if (absl::EndsWith(path, suffix)) return true;
  }
  return absl::StartsWith(path, ".ci/");
}

std::vector<std::string> CodeOnly(const std::vector<std::string>& lines) {
  return Blanked(lines, false);
}

std::vector<std::string> CodeAndLiterals(const std::vector<std::string>& lines) {
  return Blanked(lines, true);
}

}  // namespace gradloom
