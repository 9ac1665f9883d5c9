// Text files as spreadsheets, R and old Macs write them: lines and numbers. Every text that a user
// names is read here (rows.h splits lines into cells): data, graphs, recorded delays, probes. Lines
// end in "\n", "\r\n" or "\r"; a byte order mark of UTF-8 is no part of the text.
#ifndef GRADLOOM_MODELS_DATA_TEXT_H_
#define GRADLOOM_MODELS_DATA_TEXT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/data/byte_source.h"

namespace gradloom {

// Longest line, so that no file makes its reader keep more.
inline constexpr size_t kMaxLineBytes = size_t{64} << 20;

// OpenFile for a text: InvalidArgument when it is empty.
absl::StatusOr<std::unique_ptr<ByteSource>> OpenText(absl::string_view path,
                                                     absl::string_view field,
                                                     absl::string_view base_folder);

// The text as a whole, uncompressed; InvalidArgument when it has more than `most` bytes.
absl::StatusOr<std::string> ReadTextFile(absl::string_view path, absl::string_view field,
                                         absl::string_view base_folder, int64_t most);

// Calls `take` with every line of bytes [offset, offset + length), without its end, and with the
// offset of its first byte. The view is valid during the call. A last line without an end counts if
// it is not empty. An error from `take` ends the reading. InvalidArgument when the file begins like
// no text in UTF-8, or a line is longer than kMaxLineBytes.
using LineSink = absl::FunctionRef<absl::Status(absl::string_view line, int64_t offset)>;
absl::Status ForEachLine(const ByteSource& file, int64_t offset, int64_t length, LineSink take);

// A text that is all number. Not finite: infinite, NaN, or beyond the type.
enum class Number { kFinite, kNotFinite, kNone };
Number ParseNumber(absl::string_view text, float& value);
Number ParseNumber(absl::string_view text, double& value);

// What is wrong with a text that is not a finite number, to follow the place: "'abc' is not a
// number".
std::string NumberError(Number kind, absl::string_view text);

// The text in quotes, shortened and with its control characters escaped.
std::string Shown(absl::string_view text);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_TEXT_H_
