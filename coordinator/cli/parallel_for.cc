#include "coordinator/cli/parallel_for.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace gradloom {

ParallelFor ThreadedFor(int threads) {
  if (threads <= 1) return RunInOrder;
  return [threads](int count, const std::function<void(int)>& body) {
    std::atomic<int> next = 0;
    const auto work = [&] {
      for (int i = next++; i < count; i = next++) body(i);
    };
    std::vector<std::jthread> others;
    for (int i = 1; i < std::min(threads, count); ++i) others.emplace_back(work);
    work();
  };
}

}  // namespace gradloom
