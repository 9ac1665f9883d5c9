// CRC-32C (Castagnoli; RFC 3720, appendix B.4): Crc32c("123456789") == 0xE3069283. The checksum of
// frames, data, checkpoints and TensorBoard records.
#ifndef GRADLOOM_PROTO_WIRE_CRC32C_H_
#define GRADLOOM_PROTO_WIRE_CRC32C_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace gradloom {

// The checksum of `bytes`; or, given the checksum of what came before, of both together.
uint32_t Crc32c(absl::string_view bytes, uint32_t before = 0);

}  // namespace gradloom

#endif  // GRADLOOM_PROTO_WIRE_CRC32C_H_
