#include "worker/resources.h"

#include <algorithm>
#include <utility>

namespace gradloom {

std::vector<float> ReplyBuffers::Take(size_t length) {
  std::vector<float> buffer;
  {
    const MutexLock lock(mutex_);
    const auto largest =
        std::max_element(free_.begin(), free_.end(),
                         [](const auto& a, const auto& b) { return a.capacity() < b.capacity(); });
    if (largest != free_.end()) {
      buffer = std::move(*largest);
      free_.erase(largest);
    }
  }
  // Freed before a larger one is made, and not kept for a much smaller reply.
  if (buffer.capacity() < length || buffer.capacity() / 4 > length) buffer = {};
  buffer.resize(length);
  return buffer;
}

void ReplyBuffers::Give(std::vector<float> buffer) {
  const MutexLock lock(mutex_);
  if (free_.size() < kKept) free_.push_back(std::move(buffer));
}

absl::StatusOr<std::shared_ptr<const ServedRun>> WorkerResources::Open(const v1::RunOffer& offer) {
  {
    const MutexLock lock(mutex_);
    const auto found = runs_.find(offer.run());
    if (found != runs_.end() && found->second->offer == OfferKey(offer)) {
      return found->second;
    }
  }
  Close(offer.run());
  auto run = OpenRun(offer, options.data_folder, options.straggle);
  if (!run.ok()) return run;
  const MutexLock lock(mutex_);
  runs_[offer.run()] = *run;
  return run;
}

void WorkerResources::Close(uint64_t run) {
  std::shared_ptr<const ServedRun> served;
  {
    const MutexLock lock(mutex_);
    const auto found = runs_.find(run);
    if (found == runs_.end()) return;
    served = found->second;
    runs_.erase(found);
  }
  executor.Forget(*served);
  parameters.EndRun(served->serial);
}

}  // namespace gradloom
