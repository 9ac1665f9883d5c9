// Text from outside, character by character.
#ifndef GRADLOOM_COORDINATOR_RUN_FILE_UTF8_H_
#define GRADLOOM_COORDINATOR_RUN_FILE_UTF8_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace gradloom {

struct Utf8Character {
  char32_t code = 0;
  size_t bytes = 0;    // that it takes; 1 where they are no UTF-8
  bool legal = false;  // else code is U+FFFD
};
// `text` is not empty. Neither surrogates nor encodings that are longer than they need be are
// legal.
Utf8Character FirstCharacter(absl::string_view text);

// Whether it may stand in a line of YAML as it is: no control character, line or paragraph
// separator, byte order mark, nor any of the codes that are no characters.
bool IsPrintable(char32_t c);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_RUN_FILE_UTF8_H_
