// Numbers on the wire: fp32, bf16 and fp16, little-endian. Conversions are canonical, so encoded
// bytes are the same on every machine: round to nearest, ties to even; subnormals are kept; beyond
// the largest finite value (rounded) comes infinity; NaN stays NaN (quiet, sign and the payload's
// upper bits kept). Vectorised where the processor has AVX2 and F16C, with the same results.
// Pure functions.
#ifndef GRADLOOM_PROTO_WIRE_NUMBER_FORMAT_H_
#define GRADLOOM_PROTO_WIRE_NUMBER_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "gradloom/v1/run.pb.h"

namespace gradloom {

// UNSPECIFIED means fp32, as run.proto says. `format` must be one of the enum's values.
size_t BytesPerValue(v1::NumberFormat format);
// Whether `format` is one this version can encode.
bool IsKnownNumberFormat(v1::NumberFormat format);
// Values of larger magnitude become infinite when encoded.
float LargestEncodable(v1::NumberFormat format);

// Writes values.size() * BytesPerValue(format) bytes to `out`, which needs no alignment.
void EncodeValues(v1::NumberFormat format, std::span<const float> values, void* out);
// Reads values.size() * BytesPerValue(format) bytes from `in`, which needs no alignment.
void DecodeValues(v1::NumberFormat format, const void* in, std::span<float> values);

namespace internal_number_format {

// One value at a time in integer arithmetic: the definition of the conversions, also taken where
// the processor has no F16C.
uint16_t EncodeBf16(float value);
float DecodeBf16(uint16_t code);
uint16_t EncodeFp16(float value);
float DecodeFp16(uint16_t code);

}  // namespace internal_number_format
}  // namespace gradloom

#endif  // GRADLOOM_PROTO_WIRE_NUMBER_FORMAT_H_
