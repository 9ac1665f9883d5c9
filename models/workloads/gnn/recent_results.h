// The last few results of a pure function, found again by the values that it was computed from: who
// computes changes no bit. Thread-safe; a result is computed by one thread while others wait.
#ifndef GRADLOOM_MODELS_WORKLOADS_GNN_RECENT_RESULTS_H_
#define GRADLOOM_MODELS_WORKLOADS_GNN_RECENT_RESULTS_H_

#include <algorithm>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "proto/ops/mutex.h"

namespace gradloom {

using Segments = std::span<const std::span<const float>>;

template <typename Result>
class RecentResults {
 public:
  explicit RecentResults(size_t most) : most_(most) {}

  // `which` tells apart functions of the same arguments.
  std::shared_ptr<const Result> Get(int which, Segments arguments,
                                    absl::FunctionRef<Result()> compute) {
    const MutexLock lock(mutex_);
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      if (entry->which != which || !Equal(entry->arguments, arguments)) continue;
      entries_.splice(entries_.begin(), entries_, entry);
      return entry->result;
    }
    // Room first: the old result and the new one are never held together for want of it.
    while (entries_.size() >= most_) entries_.pop_back();
    Entry entry{which, {}, std::make_shared<const Result>(compute())};
    for (const std::span<const float> values : arguments) {
      entry.arguments.emplace_back(values.begin(), values.end());
    }
    entries_.push_front(std::move(entry));
    return entries_.front().result;
  }

 private:
  struct Entry {
    int which;
    std::vector<std::vector<float>> arguments;
    std::shared_ptr<const Result> result;
  };
  static bool Equal(const std::vector<std::vector<float>>& kept, Segments arguments) {
    return std::equal(kept.begin(), kept.end(), arguments.begin(), arguments.end(),
                      [](const std::vector<float>& a, std::span<const float> b) {
                        return std::equal(a.begin(), a.end(), b.begin(), b.end());
                      });
  }

  const size_t most_;
  Mutex mutex_;
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // the most recent first
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_GNN_RECENT_RESULTS_H_
