#include "coordinator/data_plane/frame_pool.h"

#include <algorithm>
#include <new>

namespace gradloom {
namespace {

constexpr size_t kSlabBytes = 1 << 20;
constexpr size_t kAlignment = 64;  // a cache line, and the widest vector

}  // namespace

FramePool::FramePool(size_t values) : values_(values) {}

FramePool::Buffer FramePool::Take() {
  const MutexLock lock(mutex_);
  if (!free_.empty()) {
    float* data = free_.back();
    free_.pop_back();
    return {this, data};
  }
  const size_t bytes = (values_ * sizeof(float) + kAlignment - 1) / kAlignment * kAlignment;
  const size_t buffers = std::max<size_t>(1, kSlabBytes / bytes);
  if (unused_ == 0) {
    auto* memory = static_cast<float*>(std::aligned_alloc(kAlignment, buffers * bytes));
    if (memory == nullptr) throw std::bad_alloc();
    slabs_.emplace_back(memory);
    unused_ = buffers;
  }
  ++peak_;
  return {this, slabs_.back().get() + (buffers - unused_--) * (bytes / sizeof(float))};
}

void FramePool::Return(float* data) {
  const MutexLock lock(mutex_);
  free_.push_back(data);
}

size_t FramePool::peak() const {
  const MutexLock lock(mutex_);
  return peak_;
}

}  // namespace gradloom
