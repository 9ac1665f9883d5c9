// Where one job's replies become its decoded sum.
//
// With unit weights (fractional repetition, uncoded, and schemes built on them) the sum is
// order-free (coding/reproducible_sum.h), so its bits do not depend on who answered or when.
// Memory is what costs time here, so a frame of a reply is kept as it came, 4 bytes a value, and
// the parts' frames are added in one pass: into the final sum, 4 bytes a value, the moment the last
// part's frame is there; or, when more parts are to come than memory may hold, into an
// accumulator, 16 bytes a value. All that is held takes at most kValueBytesMax bytes a value,
// whatever the number of parts and slots. Replicas of a part carry the same bits, so a part's frame
// counts once, whichever replica brings it first; a later replica's frame is compared by its
// checksum, which names a worker that computes something else. With other codes the weights depend
// on who answers: all replies are kept, 4 bytes a value and part, and combined in part order in
// double precision.
//
// Thread-safe: frames of different streams may be added concurrently.
#ifndef GRADLOOM_COORDINATOR_DATA_PLANE_JOB_SUM_H_
#define GRADLOOM_COORDINATOR_DATA_PLANE_JOB_SUM_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "coding/reproducible_sum.h"
#include "coding/scheme.h"
#include "coordinator/data_plane/frame_pool.h"
#include "proto/ops/mutex.h"

namespace gradloom {

class JobSum {
 public:
  // Unit weights: what the sum holds at most, beside the frames that are just being added (each of
  // which takes one frame's kValueBytesMax for a moment).
  static constexpr size_t kValueBytesMax = 20;

  // length: values of a reply; frame_values: values of every frame but the last, a multiple of
  // ReproducibleSum::kBlock.
  JobSum(size_t length, size_t frame_values, int parts, bool unit_weights);

  size_t length() const { return length_; }
  size_t frames() const { return frames_.size(); }
  // Forgets everything, for the next job, and begins the next epoch: frames of replies that began
  // in an earlier one are refused from now on, so that a straggler's late stream needs no second
  // buffer. Not concurrently with Decode.
  void Clear() ABSL_NO_THREAD_SAFETY_ANALYSIS;  // takes every lock there is
  uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }

  enum class Outcome {
    kAdded,
    kDuplicate,  // another replica had brought it
    kDiffers,    // another replica had brought other bits: one of the two computes wrongly
  };
  // Memory to receive a frame in: at least frame_values. Give it back before the sum goes.
  FramePool::Buffer NewBuffer() { return pool_.Take(); }
  // Frame number `frame` of `part`: the first `count` values of `values`. `checksum` is that of the
  // payload on the wire; `epoch` that of when the reply began. InvalidArgument when a value is not
  // finite, NotFound when the epoch is over; nothing is added then.
  absl::StatusOr<Outcome> AddFrame(uint64_t epoch, int part, size_t frame, FramePool::Buffer values,
                                   size_t count, uint32_t checksum);
  // Whether the epoch goes on and every frame of the part is here.
  bool Complete(uint64_t epoch, int part) const;

  // Values [offset, offset + out.size()) of the decoded sum. The decoding's parts must be complete.
  void Decode(const JobDecoding& decoding, size_t offset, std::span<float> out) const;

  // Most frames' buffers that were ever held, each of frame_values values.
  size_t buffers_peak() const { return pool_.peak(); }

 private:
  using Bin = ReproducibleSum::Bin;
  using Range = ReproducibleSum::Range;
  // A part's frame as it came.
  struct Kept {
    int part = 0;
    FramePool::Buffer values;
    std::vector<Range> ranges;  // by block
  };
  // Sums of a frame's blocks in pieces of a quarter of a block, `high` and `low` of a piece side by
  // side: the pieces fill four buffers of a frame each.
  struct Accumulator {
    static constexpr size_t kBuffers = 4;
    static constexpr size_t kPiece = ReproducibleSum::kBlock / kBuffers;  // values

    // Piece `piece` of a frame, of `count` values.
    ReproducibleSum Piece(size_t piece, size_t count) const;

    std::array<FramePool::Buffer, kBuffers> buffers;
    std::vector<Bin> bins;  // by block
  };
  struct Frame {
    std::vector<Kept> kept;
    std::unique_ptr<Accumulator> accumulator;
    FramePool::Buffer sum;  // the final one, once every part is here; nothing else then
    int parts = 0;          // that arrived
    size_t reserved = Accumulator::kBuffers;  // buffers that it may hold
  };
  struct Part {
    std::vector<uint32_t> checksums;  // by frame, once `seen`
    std::vector<uint8_t> seen;        // by frame; bytes, so that frames do not share a word
    std::atomic<size_t> count = 0;
  };

  // A part's bookkeeping, made when its first frame arrives.
  Part& PartOf(int part);
  size_t CountOf(size_t frame) const;
  Mutex& MutexOf(size_t frame) const { return frame_mutexes_[frame % frame_mutexes_.size()]; }
  // With the frame's mutex held:
  // Lets the frame hold `buffers`, if that leaves every other frame what it has reserved.
  bool Reserve(Frame& frame, size_t buffers);
  void Release(Frame& frame, size_t buffers);
  // What is kept of value `begin` of a frame and those that follow.
  using Addends = absl::InlinedVector<const float*, 8>;
  static Addends AddendsAt(const Frame& frame, size_t begin);
  void Accumulate(Frame& frame, size_t count);
  void FinishFrame(Frame& frame, size_t count);
  // Values [begin, begin + out.size()) of a frame, within one block. `out` may be the kept values'.
  static void SumBlock(const Frame& frame, size_t begin, std::span<float> out);
  static void SumSlices(const Frame& frame, Bin bin, size_t begin, std::span<float> out);
  static void Combine(const Frame& frame, const JobDecoding& decoding, size_t begin,
                      std::span<float> out);

  const size_t length_;
  const size_t frame_values_;
  const bool unit_weights_;
  FramePool pool_;  // before what holds its buffers
  std::vector<Frame> frames_;
  std::atomic<size_t> reserved_ = 0;  // by all frames
  // Changes with every frame mutex and parts_mutex_ held.
  std::atomic<uint64_t> epoch_ = 0;
  mutable Mutex parts_mutex_;  // guards the pointers, not what they point to
  std::vector<std::unique_ptr<Part>> parts_ ABSL_GUARDED_BY(parts_mutex_);
  const int parts_count_;
  mutable std::vector<Mutex> frame_mutexes_;  // frame f is guarded by f % size
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_DATA_PLANE_JOB_SUM_H_
