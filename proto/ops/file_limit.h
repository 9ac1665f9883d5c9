// The limit of open files and connections of a process.
#ifndef GRADLOOM_PROTO_OPS_FILE_LIMIT_H_
#define GRADLOOM_PROTO_OPS_FILE_LIMIT_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace gradloom {

// Raises this process's limit as far as it may without rights (children inherit it) and returns it.
uint64_t RaiseFileLimit();

// ResourceExhausted when `needed` files are more than the limit; says who needs them and how the
// limit is raised.
absl::Status CheckFileLimit(uint64_t limit, uint64_t needed, absl::string_view who);

}  // namespace gradloom

#endif  // GRADLOOM_PROTO_OPS_FILE_LIMIT_H_
