// Threads that carry out what may take long, in the order in which it was asked for: applying
// decoded jobs, evaluating, writing checkpoints. Thread-safe.
#ifndef GRADLOOM_COORDINATOR_ENGINE_EFFECT_POOL_H_
#define GRADLOOM_COORDINATOR_ENGINE_EFFECT_POOL_H_

#include <functional>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/engine/mailbox.h"

namespace gradloom {

class EffectPool {
 public:
  explicit EffectPool(int threads) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this] {
        while (auto effect = effects_.Take(absl::InfiniteDuration())) (*effect)();
      });
    }
  }
  // Effects under way are finished, those that wait are not begun.
  ~EffectPool() {
    effects_.Close();
    threads_.clear();
  }
  EffectPool(const EffectPool&) = delete;
  EffectPool& operator=(const EffectPool&) = delete;

  void Post(std::function<void()> effect) { effects_.Post(std::move(effect)); }

 private:
  Mailbox<std::function<void()>> effects_;
  std::vector<std::jthread> threads_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_EFFECT_POOL_H_
