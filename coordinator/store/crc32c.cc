#include "coordinator/store/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace gradloom {

uint32_t ExtendCrc32c(uint32_t crc, std::span<const std::byte> data) {
  // ISA-L works on the raw register (no inversion before or after), takes a length as int, and a
  // pointer to non-const that it does not write through.
  constexpr size_t kPiece = size_t{1} << 30;
  uint32_t state = ~crc;
  while (!data.empty()) {
    const std::span<const std::byte> piece = data.first(std::min(kPiece, data.size()));
    auto* bytes = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(piece.data()));
    state = crc32_iscsi(bytes, static_cast<int>(piece.size()), state);
    data = data.subspan(piece.size());
  }
  return ~state;
}

}  // namespace gradloom
