// Values that are expensive to get, kept up to a limit of bytes: least recently used ones go first.
// A value that several threads ask for is loaded once. Thread-safe.
#ifndef GRADLOOM_WORKER_LOADING_CACHE_H_
#define GRADLOOM_WORKER_LOADING_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/cleanup/cleanup.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/ops/mutex.h"

namespace gradloom {

template <typename Key, typename Value>
class LoadingCache {
 public:
  using Pointer = std::shared_ptr<const Value>;
  struct Loaded {
    Pointer value;
    size_t bytes = 0;
  };
  using Load = absl::FunctionRef<absl::StatusOr<Loaded>()>;

  explicit LoadingCache(size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  // The key's value, loaded here when it is not there. Room for `expected_bytes` is made before
  // loading; a value beyond the limit is kept alone. Failures are not kept, exceptions of `load`
  // included: who waited for a load that failed loads itself. `hit` says whether this call was
  // spared the load.
  absl::StatusOr<Pointer> Get(const Key& key, size_t expected_bytes, Load load, bool& hit) {
    uint64_t ticket = 0;
    {
      const MutexLock lock(mutex_);
      auto found = entries_.find(key);
      while (found != entries_.end() && found->second.value == nullptr) {
        changed_.Wait(mutex_);
        found = entries_.find(key);
      }
      hit = found != entries_.end();
      if (hit) {
        found->second.used = ++clock_;
        return found->second.value;
      }
      ticket = ++clock_;
      entries_[key].used = ticket;
      MakeRoom(expected_bytes);
    }
    absl::StatusOr<Loaded> loaded = absl::InternalError("loading has thrown");
    {
      // Nobody may wait for ever for a load that throws (out of memory, say).
      const absl::Cleanup settle = [&] { Settle(key, ticket, loaded.ok() ? &*loaded : nullptr); };
      loaded = load();
    }
    if (!loaded.ok()) return loaded.status();
    return loaded->value;
  }

  // Forgets the keys that `wanted` says; values in use live on with their users.
  void EraseIf(absl::FunctionRef<bool(const Key&)> wanted) {
    const MutexLock lock(mutex_);
    for (auto at = entries_.begin(); at != entries_.end();) {
      if (wanted(at->first)) {
        bytes_ -= at->second.bytes;
        at = entries_.erase(at);
      } else {
        ++at;
      }
    }
    changed_.NotifyAll();
  }

  size_t bytes() const {
    const MutexLock lock(mutex_);
    return bytes_;
  }
  // Values, those that are being loaded included.
  size_t size() const {
    const MutexLock lock(mutex_);
    return entries_.size();
  }

 private:
  struct Entry {
    Pointer value;  // null while it is loaded
    size_t bytes = 0;
    uint64_t used = 0;
  };

  // The load that `ticket` stands for has ended; null: it failed.
  void Settle(const Key& key, uint64_t ticket, const Loaded* loaded) {
    const MutexLock lock(mutex_);
    const auto found = entries_.find(key);
    // It may have been erased meanwhile, even asked for anew.
    const bool mine =
        found != entries_.end() && found->second.value == nullptr && found->second.used == ticket;
    if (mine && loaded != nullptr) {
      found->second.value = loaded->value;
      found->second.bytes = loaded->bytes;
      bytes_ += loaded->bytes;
      MakeRoom(0);
    } else if (mine) {
      entries_.erase(found);
    }
    changed_.NotifyAll();
  }

  void MakeRoom(size_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (bytes_ > 0 && bytes_ + bytes > limit_bytes_) {
      auto oldest = entries_.end();
      size_t values = 0;
      for (auto at = entries_.begin(); at != entries_.end(); ++at) {
        if (at->second.value == nullptr) continue;
        ++values;
        if (oldest == entries_.end() || at->second.used < oldest->second.used) oldest = at;
      }
      // The newest value stays even beyond the limit, unless another one is about to come.
      if (values == 0 || (values == 1 && bytes == 0)) return;
      bytes_ -= oldest->second.bytes;
      entries_.erase(oldest);
    }
  }

  const size_t limit_bytes_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<Key, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t clock_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_LOADING_CACHE_H_
