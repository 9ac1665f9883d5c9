// What others tell a loop's thread, in order. Thread-safe.
#ifndef GRADLOOM_COORDINATOR_ENGINE_MAILBOX_H_
#define GRADLOOM_COORDINATOR_ENGINE_MAILBOX_H_

#include <deque>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "proto/ops/mutex.h"

namespace gradloom {

template <typename Message>
class Mailbox {
 public:
  void Post(Message message) {
    const MutexLock lock(mutex_);
    messages_.push_back(std::move(message));
    filled_.NotifyOne();
  }
  // The next message; nothing when none came in time, or when the mailbox is closed.
  std::optional<Message> Take(absl::Duration at_most) {
    const MutexLock lock(mutex_);
    while (messages_.empty() && !closed_) {
      if (!filled_.WaitFor(mutex_, at_most)) break;
    }
    if (messages_.empty() || closed_) return std::nullopt;
    std::optional<Message> message = std::move(messages_.front());
    messages_.pop_front();
    return message;
  }
  // Whoever waits is woken; what is left is not taken any more.
  void Close() {
    const MutexLock lock(mutex_);
    closed_ = true;
    filled_.NotifyAll();
  }
  bool closed() const {
    const MutexLock lock(mutex_);
    return closed_;
  }

 private:
  mutable Mutex mutex_;
  CondVar filled_;
  std::deque<Message> messages_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_MAILBOX_H_
