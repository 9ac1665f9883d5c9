// What other threads have sent, one after the other, for a test to wait for.
#ifndef GRADLOOM_TESTS_WORKER_INBOX_H_
#define GRADLOOM_TESTS_WORKER_INBOX_H_

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "gtest/gtest.h"

namespace gradloom {

template <typename T>
class Inbox {
 public:
  void Put(T item) {
    const std::lock_guard lock(mutex_);
    items_.push_back(std::move(item));
    changed_.notify_all();
  }
  T Next() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return !items_.empty(); });
    if (items_.empty()) {
      ADD_FAILURE() << "nothing has come";
      return {};
    }
    T item = std::move(items_.front());
    items_.pop_front();
    return item;
  }
  bool empty() {
    const std::lock_guard lock(mutex_);
    return items_.empty();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> items_;
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_WORKER_INBOX_H_
