#include "models/layers/workspace.h"

#include <algorithm>

#include "absl/base/internal/raw_logging.h"

namespace gradloom {

namespace {
constexpr int64_t kLine = 16;                // floats of a cache line
constexpr int64_t kSmallestBlock = 1 << 18;  // floats
constexpr int64_t kKept = int64_t{1} << 28;  // floats a thread keeps for its next sub-batch
}  // namespace

Workspace& Workspace::OfThisThread() {
  thread_local Workspace workspace;
  workspace.Reset();
  return workspace;
}

float* Workspace::Take(int64_t count) {
  const int64_t size = (count + kLine - 1) / kLine * kLine;
  if (blocks_.empty() || used_ + size > blocks_.back().size) {
    AddBlock(std::max(size, kSmallestBlock));
  }
  float* const taken = blocks_.back().memory.get() + used_;
  used_ += size;
  return taken;
}

float* Workspace::TakeZeros(int64_t count) {
  float* const taken = Take(count);
  std::fill_n(taken, count, 0.0f);
  return taken;
}

void Workspace::Reset() {
  used_ = 0;
  if (blocks_.size() <= 1) return;
  // One block that would have sufficed.
  int64_t total = 0;
  for (const Block& block : blocks_) total += block.size;
  blocks_.clear();
  if (total <= kKept) AddBlock(total);
}

void Workspace::AddBlock(int64_t size) {
  auto* const memory = static_cast<float*>(std::aligned_alloc(64, size * sizeof(float)));
  ABSL_RAW_CHECK(memory != nullptr, "no memory for a sub-batch's activations");
  blocks_.push_back({std::unique_ptr<float, Free>(memory), size});
  used_ = 0;
}

}  // namespace gradloom
