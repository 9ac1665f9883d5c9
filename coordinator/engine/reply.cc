#include "coordinator/engine/reply.h"

#include "absl/strings/str_cat.h"
#include "proto/ops/logging.h"

namespace gradloom {
namespace {

constexpr double kComputeSecondsMax = 1e6;  // what a worker says beyond is unknown

}  // namespace

absl::Status Reply::AddFrame(size_t frame, FramePool::Buffer values, size_t count,
                             uint32_t checksum) {
  const int part = entry_.wanted.part;
  absl::StatusOr<JobSum::Outcome> outcome =
      entry_.sum->AddFrame(entry_.epoch, part, frame, std::move(values), count, checksum);
  if (!outcome.ok()) return outcome.status();
  metrics_->reply_bytes.Increment(static_cast<double>(count * sizeof(float)));
  if (*outcome == JobSum::Outcome::kDiffers) {
    metrics_->replies_differing.Increment();
    Log(LogLevel::kError,
        absl::StrCat("run ", run_, ": connection ", entry_.wanted.worker,
                     " sent other bits for task ", entry_.task, " (part ", part, ", frame ", frame,
                     ") than a replica did: one of the two computes wrongly"));
  }
  return absl::OkStatus();
}

absl::Status Reply::Finish(double compute_seconds) {
  if (entry_.epoch != entry_.sum->epoch()) {
    return absl::NotFoundError(absl::StrCat("task ", entry_.task, " is no longer wanted"));
  }
  if (!entry_.sum->Complete(entry_.epoch, entry_.wanted.part)) {
    return absl::InvalidArgumentError(absl::StrCat("task ", entry_.task, ": frames are missing"));
  }
  const bool legal = compute_seconds >= 0 && compute_seconds < kComputeSecondsMax;
  post_(Event(ReplyReceived{entry_.task, legal ? compute_seconds : 0}));
  return absl::OkStatus();
}

}  // namespace gradloom
