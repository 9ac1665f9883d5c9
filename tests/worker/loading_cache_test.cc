#include "worker/loading_cache.h"

#include <atomic>
#include <future>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace gradloom {
namespace {

using Cache = LoadingCache<int, std::string>;

// Returns whether it was a hit.
bool Get(Cache& cache, int key, size_t bytes) {
  bool hit = false;
  const auto value = cache.Get(
      key, bytes,
      [&] {
        return absl::StatusOr<Cache::Loaded>(
            Cache::Loaded{std::make_shared<std::string>(std::to_string(key)), bytes});
      },
      hit);
  EXPECT_TRUE(value.ok());
  EXPECT_EQ(**value, std::to_string(key));
  return hit;
}

TEST(LoadingCache, LeastRecentlyUsedGoesFirst) {
  Cache cache(10);
  EXPECT_FALSE(Get(cache, 1, 4));
  EXPECT_FALSE(Get(cache, 2, 4));
  EXPECT_TRUE(Get(cache, 1, 4));
  EXPECT_FALSE(Get(cache, 3, 4));  // 2 goes
  EXPECT_TRUE(Get(cache, 1, 4));
  EXPECT_TRUE(Get(cache, 3, 4));
  EXPECT_FALSE(Get(cache, 2, 4));
  EXPECT_LE(cache.bytes(), 10u);
}

TEST(LoadingCache, AValueBeyondTheLimitIsKeptAlone) {
  Cache cache(10);
  Get(cache, 1, 4);
  EXPECT_FALSE(Get(cache, 2, 50));
  EXPECT_EQ(cache.bytes(), 50u);
  EXPECT_TRUE(Get(cache, 2, 50));
  EXPECT_FALSE(Get(cache, 3, 60));
  EXPECT_EQ(cache.bytes(), 60u);
}

TEST(LoadingCache, FailuresAreNotKept) {
  Cache cache(10);
  bool hit = true;
  const auto failed = cache.Get(
      1, 1, [] { return absl::StatusOr<Cache::Loaded>(absl::DataLossError("x")); }, hit);
  EXPECT_TRUE(absl::IsDataLoss(failed.status()));
  EXPECT_FALSE(hit);
  EXPECT_FALSE(Get(cache, 1, 1));
}

TEST(LoadingCache, F18_ALoadThatThrowsLeavesNobodyWaiting) {
  Cache cache(10);
  bool hit = false;
  const auto load = [&] {
    return cache.Get(
        1, 1, []() -> absl::StatusOr<Cache::Loaded> { throw std::bad_alloc(); }, hit);
  };
  EXPECT_THROW(load().IgnoreError(), std::bad_alloc);
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_FALSE(Get(cache, 1, 1)) << "who comes next loads";
}

TEST(LoadingCache, ConcurrentCallersLoadOnce) {
  Cache cache(1000);
  std::atomic<int> loads{0}, hits{0};
  std::promise<void> go;
  const std::shared_future<void> gone = go.get_future().share();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        bool hit = false;
        const auto value = cache.Get(
            7, 1,
            [&] {
              ++loads;
              gone.wait();
              return absl::StatusOr<Cache::Loaded>(
                  Cache::Loaded{std::make_shared<std::string>("x"), 1});
            },
            hit);
        EXPECT_TRUE(value.ok());
        hits += hit ? 1 : 0;
      });
    }
    go.set_value();
  }
  EXPECT_EQ(loads, 1);
  EXPECT_EQ(hits, 7);
}

TEST(LoadingCache, EraseForgetsAlsoWhatIsLoading) {
  Cache cache(100);
  Get(cache, 1, 5);
  Get(cache, 2, 5);
  cache.EraseIf([](int key) { return key == 1; });
  EXPECT_EQ(cache.bytes(), 5u);
  EXPECT_FALSE(Get(cache, 1, 5));
  bool hit = false;
  const auto value = cache.Get(
      3, 5,
      [&] {
        cache.EraseIf([](int key) { return key == 3; });
        return absl::StatusOr<Cache::Loaded>(
            Cache::Loaded{std::make_shared<std::string>("old"), 5});
      },
      hit);
  EXPECT_EQ(**value, "old") << "who asked still gets it";
  EXPECT_FALSE(Get(cache, 3, 5)) << "but nobody else";
}

}  // namespace
}  // namespace gradloom
