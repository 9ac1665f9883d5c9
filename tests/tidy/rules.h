// The rules that the source tree keeps. Each returns its findings, "path:line: what is wrong", in
// the tree's order; none means the tree is tidy. Pure functions.
#ifndef GRADLOOM_TESTS_TIDY_RULES_H_
#define GRADLOOM_TESTS_TIDY_RULES_H_

#include <string>
#include <vector>

#include "tests/tidy/tree.h"

namespace gradloom {

using Findings = std::vector<std::string>;

// Dependencies point one way: mains -> adapters -> core -> coding; models stand alone; worker and
// coordinator do not know each other.
Findings ForbiddenIncludes(const Tree& tree);
// No clock, sleep or random device in the pure folders; no sleep in a test.
Findings BannedCalls(const Tree& tree);
// Every .cc is named by the CMakeLists.txt of its folder or of one above.
Findings UnlistedSources(const Tree& tree);
// No note that something is left to be done.
Findings LeftoverMarkers(const Tree& tree);
Findings TabsAndTrailingBlanks(const Tree& tree);
// Every top-level folder of code explains itself in a README.md.
Findings MissingReadmes(const Tree& tree);
// coding/scheme.h is guarded by GRADLOOM_CODING_SCHEME_H_.
Findings WrongHeaderGuards(const Tree& tree);
Findings LongFiles(const Tree& tree);
// No absolute path of the machine that something was written on.
Findings MachinePaths(const Tree& tree);

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_TIDY_RULES_H_
