// What a run tells the world of itself: its status, changed by the loop and by effects, read by
// everybody at any time. Thread-safe; nothing is done under its lock but copying.
#ifndef GRADLOOM_COORDINATOR_ENGINE_STATUS_BOOK_H_
#define GRADLOOM_COORDINATOR_ENGINE_STATUS_BOOK_H_

#include <functional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "gradloom/v1/training.pb.h"
#include "proto/ops/mutex.h"

namespace gradloom {

inline bool IsEnded(v1::RunState state) {
  return state == v1::SUCCEEDED || state == v1::FAILED || state == v1::CANCELLED;
}

class StatusBook {
 public:
  explicit StatusBook(v1::RunStatus status) : status_(std::move(status)) {}

  v1::RunStatus Get() const;
  bool ended() const;
  void Change(absl::FunctionRef<void(v1::RunStatus&)> change);
  // Shows the last few; a repeated one moves to the end.
  void Warn(const std::string& warning);
  // Returns when the run has ended, or after `limit`.
  void WaitForEnd(absl::Duration limit) const;

 private:
  mutable Mutex mutex_;
  mutable CondVar ended_;
  v1::RunStatus status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_STATUS_BOOK_H_
