// Text files: lines and numbers.
#ifndef GRADLOOM_MODELS_DATA_TEXT_H_
#define GRADLOOM_MODELS_DATA_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "models/data/byte_source.h"

namespace gradloom {

// Calls `take` with every line of bytes [offset, offset + length), without its "\n" or "\r\n", and
// with the offset of its first byte. The view is valid during the call. A last line without an end
// counts if it is not empty. An error from `take` ends the reading.
using LineSink = absl::FunctionRef<absl::Status(absl::string_view line, int64_t offset)>;
absl::Status ForEachLine(const ByteSource& file, int64_t offset, int64_t length, LineSink take);

// A text that is all number, in single precision.
enum class Number { kFinite, kNotFinite, kNone };
Number ParseNumber(absl::string_view text, float& value);

// What is wrong with a text that is not a finite number, to follow the place: "'abc' is not a
// number".
std::string NumberError(Number kind, absl::string_view text);

// InvalidArgument for compressed files, which only IDX may be, and for empty ones.
absl::Status CheckText(const ByteSource& file);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_TEXT_H_
