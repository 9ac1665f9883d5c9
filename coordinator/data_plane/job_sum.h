// Where one job's replies become its decoded sum.
//
// With unit weights (fractional repetition, uncoded, and schemes built on them) every frame is
// added to one order-free accumulator as it arrives: memory is 16 bytes a value whatever the number
// of slots, and the sum's bits do not depend on who answered or when. Replicas of a part carry the
// same bits, so a part's frame counts once, whichever replica brings it first; a later replica's
// frame is compared by its checksum, which names a worker that computes something else. With other
// codes the weights depend on who answers: replies are kept, one buffer a part, and combined in
// part order in double precision.
//
// Thread-safe: frames of different streams may be added concurrently.
#ifndef GRADLOOM_COORDINATOR_DATA_PLANE_JOB_SUM_H_
#define GRADLOOM_COORDINATOR_DATA_PLANE_JOB_SUM_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "coding/reproducible_sum.h"
#include "coding/scheme.h"

namespace gradloom {

class JobSum {
 public:
  // length: values of a reply; frame_values: values of every frame but the last, a multiple of
  // ReproducibleSum::kBlock.
  JobSum(size_t length, size_t frame_values, int parts, bool unit_weights);

  size_t length() const { return length_; }
  // Forgets everything, for the next job, and begins the next epoch: frames of replies that began
  // in an earlier one are refused from now on, so that a straggler's late stream needs no second
  // buffer. Not concurrently with Decode.
  void Clear();
  uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }

  enum class Outcome {
    kAdded,
    kDuplicate,  // another replica had brought it
    kDiffers,    // another replica had brought other bits: one of the two computes wrongly
  };
  // Frame number `frame` of `part`. `checksum` is that of the payload on the wire; `epoch` that of
  // when the reply began. InvalidArgument when a value is not finite, NotFound when the epoch is
  // over; nothing is added then.
  absl::StatusOr<Outcome> AddFrame(uint64_t epoch, int part, size_t frame,
                                   std::span<const float> values, uint32_t checksum);
  // Whether the epoch goes on and every frame of the part is here.
  bool Complete(uint64_t epoch, int part) const;

  // Values [offset, offset + out.size()) of the decoded sum. The decoding's parts must be complete.
  void Decode(const JobDecoding& decoding, size_t offset, std::span<float> out) const;

  size_t frames() const { return frames_; }

 private:
  struct PartState {
    std::vector<uint32_t> checksums;  // by frame, once `seen`
    std::vector<uint8_t> seen;        // by frame; bytes, so that frames do not share a word
    std::atomic<size_t> count = 0;
    std::vector<float> values;  // not unit weights: the reply
  };

  // A part's bookkeeping, made when its first frame arrives.
  PartState& State(int part);

  size_t length_;
  size_t frame_values_;
  size_t frames_;
  bool unit_weights_;
  std::unique_ptr<ReproducibleSum> sum_;  // unit weights
  // Changes with every frame mutex and parts_mutex_ held.
  std::atomic<uint64_t> epoch_ = 0;
  mutable std::mutex parts_mutex_;  // guards the pointers, not what they point to
  std::vector<std::unique_ptr<PartState>> parts_;
  std::vector<std::mutex> frame_mutexes_;  // frame f is guarded by f % size
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_DATA_PLANE_JOB_SUM_H_
