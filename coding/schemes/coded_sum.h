// The replies to one sum protected by a gradient code, and whether they suffice; O(1) a reply.
// Not thread-safe. The code must outlive it.
#ifndef GRADLOOM_CODING_SCHEMES_CODED_SUM_H_
#define GRADLOOM_CODING_SCHEMES_CODED_SUM_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "coding/code.h"
#include "coding/scheme.h"

namespace gradloom {

class CodedSum {
 public:
  explicit CodedSum(const GradientCode& code);

  // Forgets all replies, for the next job. O(n).
  void Clear();
  // Records slot's reply; true when it adds to what Decode may use.
  bool Receive(int slot);
  bool Has(int slot) const { return has_slot_[slot]; }
  bool HasPart(int part) const { return has_part_[part]; }
  int missing_slots() const { return missing_slots_; }
  // Exact codes of known unit weights: every part has arrived from some slot. Others: at most
  // tolerance() slots are missing.
  bool decodable() const { return decodable_; }
  // Whether some slot's reply of `part` would bring the sum nearer to being decodable.
  bool Needs(int part) const { return !decodable_ && !has_part_[part]; }
  // As GradientCode::Decode.
  absl::StatusOr<Decoding> Decode() const { return code_->Decode(has_slot_); }
  // Weights by part, in part order, with `first_part` added to the code's part numbers.
  void AppendWeights(const Decoding& decoding, int first_part, JobDecoding* out) const;

 private:
  void Update();

  const GradientCode* code_;
  bool by_part_;
  std::vector<bool> has_slot_;
  std::vector<bool> has_part_;
  int missing_slots_ = 0;
  int missing_parts_ = 0;
  bool decodable_ = false;
};

}  // namespace gradloom

#endif  // GRADLOOM_CODING_SCHEMES_CODED_SUM_H_
