// Text of strangers - peers, files - made harmless for a line of a log or a terminal.
#ifndef GRADLOOM_PROTO_OPS_PRINTABLE_H_
#define GRADLOOM_PROTO_OPS_PRINTABLE_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace gradloom {

// What cannot be seen, or changes how the rest is seen, is escaped: control characters (line ends
// as \n and \r, others as \x1b), bytes that are no UTF-8 (\xff), and Unicode's line ends, direction
// marks and invisible characters (\u202e). The rest of the text stays as it is; so does a
// backslash, because the result is for people to read.
std::string Printable(absl::string_view text);
// Cut to about `most` bytes, with a note of how many are missing.
std::string Printable(absl::string_view text, size_t most);

// Whether a character is seen, leaves lines and their direction alone, and is no control.
bool IsVisible(char32_t c);

// The length of the valid UTF-8 sequence that `text` begins with, and its code point; 0: none, and
// the code point is left alone.
size_t Utf8Length(absl::string_view text, char32_t* code_point);

}  // namespace gradloom

#endif  // GRADLOOM_PROTO_OPS_PRINTABLE_H_
