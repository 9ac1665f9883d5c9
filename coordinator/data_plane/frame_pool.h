// Memory for frames of values, used again and again: a buffer that was given back is handed out
// next, while it is still in the cache, and pages stay mapped from job to job. Thread-safe.
#ifndef GRADLOOM_COORDINATOR_DATA_PLANE_FRAME_POOL_H_
#define GRADLOOM_COORDINATOR_DATA_PLANE_FRAME_POOL_H_

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "proto/ops/mutex.h"

namespace gradloom {

class FramePool {
 public:
  // Buffers hold `values` floats each.
  explicit FramePool(size_t values);

  // One buffer; not initialised. Goes back when destroyed. Move-only.
  class Buffer {
   public:
    Buffer() = default;  // none
    Buffer(Buffer&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), data_(std::exchange(other.data_, nullptr)) {}
    Buffer& operator=(Buffer&& other) noexcept {
      std::swap(pool_, other.pool_);
      std::swap(data_, other.data_);
      return *this;
    }
    ~Buffer() {
      if (pool_ != nullptr) pool_->Return(data_);
    }
    explicit operator bool() const { return data_ != nullptr; }
    float* data() const { return data_; }
    // Of the pool's length.
    std::span<float> values() const { return {data_, pool_ == nullptr ? 0 : pool_->values_}; }

   private:
    friend class FramePool;
    Buffer(FramePool* pool, float* data) : pool_(pool), data_(data) {}

    FramePool* pool_ = nullptr;
    float* data_ = nullptr;
  };

  // The pool must outlive the buffer.
  Buffer Take();
  // Most buffers that were ever in use at a time.
  size_t peak() const;

 private:
  struct Free {
    void operator()(float* memory) const { std::free(memory); }
  };

  void Return(float* data);

  const size_t values_;
  mutable Mutex mutex_;
  std::vector<std::unique_ptr<float, Free>> slabs_ ABSL_GUARDED_BY(mutex_);
  size_t unused_ ABSL_GUARDED_BY(mutex_) =
      0;  // buffers at the end of the last slab, never handed out
  std::vector<float*> free_ ABSL_GUARDED_BY(mutex_);  // given back, the last one on top
  size_t peak_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_DATA_PLANE_FRAME_POOL_H_
