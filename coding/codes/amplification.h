// When is a decode too sensitive to the rounding of its replies?
//
// A reply that travels with unit roundoff u carries a relative error of about u; weights with
// amplification A turn that into a relative error of about A u of the decoded sum
// (Decoding::amplification). Surplus replies allow smaller weights. So: accept a decode while
// A <= MaxAmplification(u); otherwise wait for one more slot and try again; accept whatever it is
// once every slot has answered.
#ifndef GRADLOOM_CODING_CODES_AMPLIFICATION_H_
#define GRADLOOM_CODING_CODES_AMPLIFICATION_H_

#include <algorithm>

namespace gradloom {

// Largest relative error of rounding to nearest: 2^-p for p significant bits.
inline constexpr double kUnitRoundoffFp32 = 0x1p-24;
inline constexpr double kUnitRoundoffFp16 = 0x1p-11;
inline constexpr double kUnitRoundoffBf16 = 0x1p-8;

// Relative error of a decoded sum to put up with: far below the noise of a mini-batch gradient.
inline constexpr double kDefaultDecodeTolerance = 1e-3;

// Largest amplification to accept for payloads with this unit roundoff. Never below 1, the
// amplification of a plain sum, which waiting would not improve: with bf16 even that exceeds the
// default tolerance, and whoever chose bf16 has accepted it. fp32: 16777; fp16: 2.05; bf16: 1.
constexpr double MaxAmplification(double unit_roundoff,
                                  double tolerance = kDefaultDecodeTolerance) {
  return std::max(1.0, tolerance / unit_roundoff);
}

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CODES_AMPLIFICATION_H_
