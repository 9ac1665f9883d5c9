#include "proto/wire/crc32c.h"

#include <isa-l/crc.h>

namespace gradloom {

uint32_t Crc32c(absl::string_view bytes, uint32_t before) {
  constexpr size_t kLargest = size_t{1} << 30;  // the library counts in int
  // The library leaves the standard's complement before and after to its caller.
  uint32_t crc = ~before;
  while (!bytes.empty()) {
    const absl::string_view part = bytes.substr(0, kLargest);
    // It takes a pointer to non-const but only reads.
    auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(part.data()));
    crc = crc32_iscsi(data, static_cast<int>(part.size()), crc);
    bytes.remove_prefix(part.size());
  }
  return ~crc;
}

}  // namespace gradloom
