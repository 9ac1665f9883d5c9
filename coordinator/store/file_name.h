// Names that people see, and names of files: two things. A name may hold whatever a run file
// allows; a file's name has to be legal on every file system, and no two names may share one, not
// even where upper and lower case are the same.
#ifndef GRADLOOM_COORDINATOR_STORE_FILE_NAME_H_
#define GRADLOOM_COORDINATOR_STORE_FILE_NAME_H_

#include <string>

#include "absl/strings/string_view.h"

namespace gradloom {

// The name of the file, or folder, that belongs to a name; without an ending. A plain name (up to
// 200 characters of printable ASCII without capitals, blanks and / \ : * ? " < > |, no dot at
// either end, none that a system reserves) is its own: "trial-0", "optimizer.learning_rate=0.1".
// Every other one gets a readable part and the first 16 digits of its SHA-256, so that different
// names stay different: "a b" becomes "a_b~c8687a08aa5d6ed2". At most 200 bytes; never "." or "..".
std::string FileName(absl::string_view name);

// The readable part alone: legal, at most 200 bytes, but shared by names that look alike.
std::string ReadableFileName(absl::string_view name);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_STORE_FILE_NAME_H_
