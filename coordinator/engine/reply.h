// A reply's way in, once the book has let it in: AddFrame per frame, in any order, then Finish.
// One stream's own; not thread-safe, but any number of replies may go on at once.
#ifndef GRADLOOM_COORDINATOR_ENGINE_REPLY_H_
#define GRADLOOM_COORDINATOR_ENGINE_REPLY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "coordinator/data_plane/frame_pool.h"
#include "coordinator/data_plane/job_sum.h"
#include "coordinator/engine/reply_book.h"
#include "coordinator/engine/run_events.h"
#include "coordinator/metrics/coordinator_metrics.h"

namespace gradloom {

class Reply {
 public:
  // `post` outlives the reply.
  Reply(uint64_t run, ReplyBook::Entry entry, size_t frame_values, CoordinatorMetrics* metrics,
        std::function<void(RunEvent)> post)
      : run_(run),
        entry_(std::move(entry)),
        frame_values_(frame_values),
        metrics_(metrics),
        post_(std::move(post)) {}

  // Memory to receive a frame in. Give it back before the reply goes.
  FramePool::Buffer NewBuffer() { return entry_.sum->NewBuffer(); }
  // Frame `frame` of the reply, the first `count` of `values`. InvalidArgument when it does not fit
  // or is not finite, NotFound when its job has been decoded meanwhile.
  absl::Status AddFrame(size_t frame, FramePool::Buffer values, size_t count, uint32_t checksum);
  // Reports the reply, and what its worker says that computing took, when its part is whole;
  // InvalidArgument when frames are missing.
  absl::Status Finish(double compute_seconds);
  size_t length() const { return entry_.sum->length(); }
  size_t frame_values() const { return frame_values_; }

 private:
  uint64_t run_;
  ReplyBook::Entry entry_;
  size_t frame_values_;
  CoordinatorMetrics* metrics_;
  std::function<void(RunEvent)> post_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_REPLY_H_
