// Tells scripts and tests which port was taken when a program was started with port 0.
#ifndef GRADLOOM_PROTO_OPS_PORT_FILE_H_
#define GRADLOOM_PROTO_OPS_PORT_FILE_H_

#include <string>

#include "absl/status/status.h"

namespace gradloom {

// Writes "PORT\n" to `path`, all at once: whoever sees the file can read the whole number.
absl::Status WritePortFile(const std::string& path, int port);

}  // namespace gradloom

#endif  // GRADLOOM_PROTO_OPS_PORT_FILE_H_
