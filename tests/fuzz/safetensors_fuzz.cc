// Headers of safetensors files: what is accepted tiles the data exactly.
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/string_view.h"
#include "coordinator/store/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  // Seeds end in braces and describe 28 bytes of data; otherwise the last two bytes say how many.
  const uint64_t claimed = data[size - 2] | data[size - 1] << 8;
  const absl::string_view json(reinterpret_cast<const char*>(data), size);
  for (const auto& [text, bytes] :
       {std::pair(json, uint64_t{28}), std::pair(json.substr(0, size - 2), claimed)}) {
    const auto header = gradloom::ParseSafetensorsHeader(text, bytes);
    if (!header.ok()) continue;
    uint64_t held = 0;
    for (const auto& [name, info] : header->tensors) {
      ABSL_RAW_CHECK(info.offset + info.bytes() <= bytes, "tensors lie inside");
      held += info.bytes();
    }
    ABSL_RAW_CHECK(held == bytes, "tensors tile the data");
  }
  return 0;
}
