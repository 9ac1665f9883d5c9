#include "proto/wire/number_format.h"

#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

static_assert(std::endian::native == std::endian::little, "the wire's numbers are little-endian");

namespace gradloom {
namespace internal_number_format {

// Inlined into the loops below, which are compiled for several instruction sets.
#define GRADLOOM_INLINE inline __attribute__((always_inline))

GRADLOOM_INLINE uint16_t EncodeBf16Inline(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const uint32_t quiet_nan = (bits >> 16) | 0x0040u;
  return static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet_nan : rounded);
}

GRADLOOM_INLINE float DecodeBf16Inline(uint16_t code) {
  return std::bit_cast<float>(static_cast<uint32_t>(code) << 16);
}

uint16_t EncodeBf16(float value) { return EncodeBf16Inline(value); }
float DecodeBf16(uint16_t code) { return DecodeBf16Inline(code); }

uint16_t EncodeFp16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    return static_cast<uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
  }
  if (magnitude >= 0x47800000u) return static_cast<uint16_t>(sign | 0x7c00u);  // >= 2^16
  if (magnitude >= 0x38800000u) {                                              // >= 2^-14: normal
    // A carry out of the significand lands in the exponent, as it should, up to infinity.
    const uint32_t rounded = (magnitude + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
    return static_cast<uint16_t>(sign | (rounded - (112u << 10)));
  }
  const uint32_t shift = 126u - (magnitude >> 23);
  if (shift > 24) return static_cast<uint16_t>(sign);  // < 2^-25
  const uint32_t significand = (magnitude & 0x7fffffu) | 0x800000u;
  const uint32_t kept = significand >> shift;
  const uint32_t lost = significand & ((1u << shift) - 1u);
  const uint32_t half = 1u << (shift - 1);
  const uint32_t up = lost > half || (lost == half && (kept & 1u) != 0) ? 1u : 0u;
  return static_cast<uint16_t>(sign | (kept + up));
}

float DecodeFp16(uint16_t code) {
  const uint32_t sign = static_cast<uint32_t>(code & 0x8000u) << 16;
  const uint32_t exponent = (code >> 10) & 0x1fu;
  const uint32_t fraction = code & 0x3ffu;
  if (exponent == 0x1f) {
    const uint32_t quiet = fraction != 0 ? 0x00400000u : 0u;
    return std::bit_cast<float>(sign | 0x7f800000u | quiet | (fraction << 13));
  }
  if (exponent == 0) {  // fraction * 2^-24, exact in float
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (fraction << 13));
}

}  // namespace internal_number_format

namespace {

using internal_number_format::DecodeBf16Inline;
using internal_number_format::DecodeFp16;
using internal_number_format::EncodeBf16Inline;
using internal_number_format::EncodeFp16;

// The buffers of the wire need no alignment, hence memcpy; it compiles to plain moves.
GRADLOOM_INLINE void EncodeBf16Loop(const float* in, size_t count, char* out) {
  for (size_t i = 0; i < count; ++i) {
    const uint16_t code = EncodeBf16Inline(in[i]);
    std::memcpy(out + 2 * i, &code, 2);
  }
}

GRADLOOM_INLINE void DecodeBf16Loop(const char* in, size_t count, float* out) {
  for (size_t i = 0; i < count; ++i) {
    uint16_t code;
    std::memcpy(&code, in + 2 * i, 2);
    out[i] = DecodeBf16Inline(code);
  }
}

void EncodeFp16Plain(const float* in, size_t count, char* out) {
  for (size_t i = 0; i < count; ++i) {
    const uint16_t code = EncodeFp16(in[i]);
    std::memcpy(out + 2 * i, &code, 2);
  }
}

void DecodeFp16Plain(const char* in, size_t count, float* out) {
  for (size_t i = 0; i < count; ++i) {
    uint16_t code;
    std::memcpy(&code, in + 2 * i, 2);
    out[i] = DecodeFp16(code);
  }
}

#if defined(__x86_64__)
#define GRADLOOM_AVX2 __attribute__((target("avx2,f16c")))

// clang 14's __builtin_cpu_supports does not know f16c.
bool HaveF16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

bool HaveAvx2() {
  static const bool have = __builtin_cpu_supports("avx2") && HaveF16c();
  return have;
}

// By hand, because compilers do not vectorise the narrowing well.
GRADLOOM_AVX2 __m256i Bf16Of8(const float* in) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in));
  const __m256i high = _mm256_srli_epi32(bits, 16);
  const __m256i odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_srli_epi32(
      _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd), 16);
  const __m256i magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fffffff));
  const __m256i is_nan = _mm256_cmpgt_epi32(magnitude, _mm256_set1_epi32(0x7f800000));
  return _mm256_blendv_epi8(rounded, _mm256_or_si256(high, _mm256_set1_epi32(0x40)), is_nan);
}

GRADLOOM_AVX2 void EncodeBf16Avx2(const float* in, size_t count, char* out) {
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m256i packed = _mm256_packus_epi32(Bf16Of8(in + i), Bf16Of8(in + i + 8));
    // packus works within 128-bit lanes: put the quarters back in order.
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 2 * i),
                        _mm256_permute4x64_epi64(packed, 0b11011000));
  }
  EncodeBf16Loop(in + i, count - i, out + 2 * i);
}

GRADLOOM_AVX2 void DecodeBf16Avx2(const char* in, size_t count, float* out) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + 2 * i));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i),
                        _mm256_slli_epi32(_mm256_cvtepu16_epi32(codes), 16));
  }
  DecodeBf16Loop(in + 2 * i, count - i, out + i);
}

GRADLOOM_AVX2 void EncodeFp16Avx2(const float* in, size_t count, char* out) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 2 * i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT));
  }
  EncodeFp16Plain(in + i, count - i, out + 2 * i);
}

GRADLOOM_AVX2 void DecodeFp16Avx2(const char* in, size_t count, float* out) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + 2 * i));
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(codes));
  }
  DecodeFp16Plain(in + 2 * i, count - i, out + i);
}
#endif

}  // namespace

size_t BytesPerValue(v1::NumberFormat format) {
  return format == v1::BF16 || format == v1::FP16 ? 2 : 4;
}

bool IsKnownNumberFormat(v1::NumberFormat format) {
  return format == v1::NUMBER_FORMAT_UNSPECIFIED || format == v1::FP32 || format == v1::BF16 ||
         format == v1::FP16;
}

float LargestEncodable(v1::NumberFormat format) {
  // One float below the midpoint between the format's largest finite value and the next step.
  if (format == v1::FP16) return 0x1.ffdffep15f;
  if (format == v1::BF16) return std::bit_cast<float>(0x7f7f7fffu);
  return std::bit_cast<float>(0x7f7fffffu);
}

void EncodeValues(v1::NumberFormat format, std::span<const float> values, void* out) {
  if (values.empty()) return;
  char* bytes = static_cast<char*>(out);
  if (BytesPerValue(format) == 4) {
    std::memcpy(bytes, values.data(), values.size_bytes());
    return;
  }
  const bool bf16 = format == v1::BF16;
#if defined(__x86_64__)
  if (HaveAvx2()) {
    (bf16 ? EncodeBf16Avx2 : EncodeFp16Avx2)(values.data(), values.size(), bytes);
    return;
  }
#endif
  if (bf16) {
    EncodeBf16Loop(values.data(), values.size(), bytes);
  } else {
    EncodeFp16Plain(values.data(), values.size(), bytes);
  }
}

void DecodeValues(v1::NumberFormat format, const void* in, std::span<float> values) {
  if (values.empty()) return;
  const char* bytes = static_cast<const char*>(in);
  if (BytesPerValue(format) == 4) {
    std::memcpy(values.data(), bytes, values.size_bytes());
    return;
  }
  const bool bf16 = format == v1::BF16;
#if defined(__x86_64__)
  if (HaveAvx2()) {
    (bf16 ? DecodeBf16Avx2 : DecodeFp16Avx2)(bytes, values.size(), values.data());
    return;
  }
#endif
  if (bf16) {
    DecodeBf16Loop(bytes, values.size(), values.data());
  } else {
    DecodeFp16Plain(bytes, values.size(), values.data());
  }
}

}  // namespace gradloom
