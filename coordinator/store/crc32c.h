// CRC-32C (Castagnoli; RFC 3720, appendix B.4), the checksum of checkpoints and TensorBoard
// records.
#ifndef GRADLOOM_COORDINATOR_STORE_CRC32C_H_
#define GRADLOOM_COORDINATOR_STORE_CRC32C_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/strings/string_view.h"

namespace gradloom {

// crc: of what came before, 0 at the start. "123456789" has 0xE3069283.
uint32_t ExtendCrc32c(uint32_t crc, std::span<const std::byte> data);

inline uint32_t Crc32c(absl::string_view text) {
  return ExtendCrc32c(0, std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_STORE_CRC32C_H_
