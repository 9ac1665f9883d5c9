#include "coordinator/data_plane/job_sum.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace gradloom {
namespace {
constexpr size_t kMutexes = 64;
}  // namespace

JobSum::JobSum(size_t length, size_t frame_values, int parts, bool unit_weights)
    : length_(length),
      frame_values_(frame_values),
      frames_((length + frame_values - 1) / frame_values),
      unit_weights_(unit_weights),
      parts_(parts),
      frame_mutexes_(std::min(kMutexes, frames_)) {
  if (unit_weights_) sum_ = std::make_unique<ReproducibleSum>(length);
}

void JobSum::Clear() {
  std::vector<std::unique_lock<std::mutex>> locks;
  for (std::mutex& mutex : frame_mutexes_) locks.emplace_back(mutex);
  std::lock_guard lock(parts_mutex_);
  epoch_.fetch_add(1, std::memory_order_acq_rel);
  if (sum_ != nullptr) sum_->Clear();
  for (std::unique_ptr<PartState>& part : parts_) part.reset();
}

JobSum::PartState& JobSum::State(int part) {
  std::lock_guard lock(parts_mutex_);
  std::unique_ptr<PartState>& state = parts_[part];
  if (state == nullptr) {
    state = std::make_unique<PartState>();
    state->checksums.resize(frames_);
    state->seen.resize(frames_);
    if (!unit_weights_) state->values.resize(length_);
  }
  return *state;
}

absl::StatusOr<JobSum::Outcome> JobSum::AddFrame(uint64_t epoch, int part, size_t frame,
                                                 std::span<const float> values, uint32_t checksum) {
  const size_t offset = frame * frame_values_;
  if (part < 0 || part >= static_cast<int>(parts_.size()) || frame >= frames_ ||
      values.size() != std::min(frame_values_, length_ - offset)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "frame ", frame, " of part ", part, " with ", values.size(), " values: there are ", frames_,
        " frames of ", frame_values_, " values and ", parts_.size(), " parts"));
  }
  std::lock_guard lock(frame_mutexes_[frame % frame_mutexes_.size()]);
  if (epoch != this->epoch()) return absl::NotFoundError("the job has been decoded without it");
  PartState& state = State(part);
  if (state.seen[frame] != 0) {
    return state.checksums[frame] == checksum ? Outcome::kDuplicate : Outcome::kDiffers;
  }
  if (unit_weights_) {
    if (absl::Status status = sum_->Add(offset, values); !status.ok()) return status;
  } else {
    for (size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) {
        return absl::InvalidArgumentError(
            absl::StrCat("element ", offset + i, " is ", values[i], ", not a finite number"));
      }
    }
    std::copy(values.begin(), values.end(), state.values.begin() + static_cast<int64_t>(offset));
  }
  state.seen[frame] = 1;
  state.checksums[frame] = checksum;
  state.count.fetch_add(1, std::memory_order_release);
  return Outcome::kAdded;
}

bool JobSum::Complete(uint64_t epoch, int part) const {
  std::lock_guard lock(parts_mutex_);
  if (epoch != this->epoch()) return false;
  const PartState* state = parts_[part].get();
  return state != nullptr && state->count.load(std::memory_order_acquire) == frames_;
}

void JobSum::Decode(const JobDecoding& decoding, size_t offset, std::span<float> out) const {
  if (unit_weights_) {
    sum_->Round(offset, out);
    return;
  }
  constexpr size_t kBlock = 1024;
  double block[kBlock];
  for (size_t start = 0; start < out.size(); start += kBlock) {
    const size_t count = std::min(kBlock, out.size() - start);
    std::fill_n(block, count, 0.0);
    for (const JobDecoding::Weight& weight : decoding.weights) {
      const float* values = parts_[weight.part]->values.data() + offset + start;
      for (size_t i = 0; i < count; ++i) block[i] += weight.weight * values[i];
    }
    for (size_t i = 0; i < count; ++i) out[start + i] = static_cast<float>(block[i]);
  }
}

}  // namespace gradloom
