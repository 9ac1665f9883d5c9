// Who names a plug-in. Kinds of schemes, codes, closing rules and so on are each known to their own
// files and to one table; everything else asks the table. So whoever adds a kind touches nothing
// else, and this is how the tree shows it.
#ifndef GRADLOOM_TESTS_TIDY_PLUG_INS_H_
#define GRADLOOM_TESTS_TIDY_PLUG_INS_H_

#include <string>
#include <vector>

#include "tests/tidy/rules.h"
#include "tests/tidy/tree.h"

namespace gradloom {

struct PlugIn {
  std::string name;
  // What names it: "m_sgc", "MSgc", "kMSgc". Found where neither a letter, a digit nor _ goes on
  // beyond an end that is one of these itself: "gc" in quotes is a token for words too short to
  // stand alone.
  std::vector<std::string> tokens;
  // Paths, or how they begin, that may name it: its own files, the table, and what must be said to
  // be an exception where it is listed.
  std::vector<std::string> own;
};

// The name as code writes it: "m_sgc", "MSgc" and "kMSgc" for "m_sgc".
std::vector<std::string> UsualTokens(const std::string& name);

// Every line of C++ outside of tests/ and of the plug-in's own files that names it, comments left
// out and literals not: "path:line: names m_sgc".
Findings StrangersNaming(const Tree& tree, const PlugIn& plug_in);

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_TIDY_PLUG_INS_H_
