#include "worker/parameter_cache.h"

#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace gradloom {
namespace {

constexpr size_t kLength = 8;
constexpr size_t kBytes = kLength * sizeof(float);
const ParameterCache::Segment kSegment{1, 0, 0};

// Reads a version, as a task does. Returns whether it was there.
bool Read(ParameterCache& cache, const ParameterCache::Segment& segment, uint64_t version,
          int history = 0, const std::vector<uint64_t>& still_read = {}) {
  bool hit = false;
  const auto load = [&]() -> absl::StatusOr<std::shared_ptr<Parameters>> {
    auto parameters = std::make_shared<Parameters>(kLength);
    parameters->span()[0] = static_cast<float>(version);
    return parameters;
  };
  const auto value = cache.Get(segment, version, kLength, load, hit);
  EXPECT_TRUE(value.ok());
  EXPECT_EQ((*value)->values[0], static_cast<float>(version));
  cache.ForgetOld(segment, version, history, still_read);
  return hit;
}

TEST(ParameterCache, F24_OldVersionsGoWhenANewerOneIsRead) {
  ParameterCache cache(1'000'000);
  for (uint64_t version = 0; version < 560; ++version) {
    EXPECT_FALSE(Read(cache, kSegment, version));
    EXPECT_TRUE(Read(cache, kSegment, version)) << "by the job's next task";
    EXPECT_EQ(cache.versions(), 1u);
    EXPECT_EQ(cache.bytes(), kBytes);
  }
}

TEST(ParameterCache, F24_WhatTheCoordinatorKeepsIsKept) {
  ParameterCache cache(1'000'000);
  for (uint64_t version = 0; version < 100; ++version) {
    Read(cache, kSegment, version, /*history=*/2);
    EXPECT_LE(cache.versions(), 3u);
    if (version >= 2) {
      EXPECT_TRUE(Read(cache, kSegment, version - 2, /*history=*/2));
    }
  }
}

TEST(ParameterCache, F24_SegmentsHaveVersionsOfTheirOwn) {
  ParameterCache cache(1'000'000);
  const ParameterCache::Segment others[] = {{1, 0, 1}, {1, 1, 0}, {2, 0, 0}};
  for (const ParameterCache::Segment& other : others) Read(cache, other, 3);
  for (uint64_t version = 0; version < 100; ++version) Read(cache, kSegment, version);
  EXPECT_EQ(cache.versions(), 4u);
  for (const ParameterCache::Segment& other : others) EXPECT_TRUE(Read(cache, other, 3));
  cache.EndRun(1);
  EXPECT_EQ(cache.versions(), 1u);
  cache.Clear();
  EXPECT_EQ(cache.versions(), 0u);
}

TEST(ParameterCache, F24_WhatWaitingTasksReadStaysUntilTheyHave) {
  ParameterCache cache(1'000'000);
  Read(cache, kSegment, 5);
  Read(cache, kSegment, 6, 0, {5, 6});
  EXPECT_EQ(cache.versions(), 2u);
  EXPECT_TRUE(Read(cache, kSegment, 5, 0, {5, 6})) << "a late job's";
  EXPECT_TRUE(Read(cache, kSegment, 6)) << "an older one's reading drops nothing newer";
  Read(cache, kSegment, 7);
  EXPECT_EQ(cache.versions(), 1u);
}

TEST(ParameterCache, ALimitOfBytesHoldsAsWell) {
  ParameterCache cache(2 * kBytes);
  for (uint64_t version = 0; version < 10; ++version) Read(cache, kSegment, version, 100);
  EXPECT_EQ(cache.versions(), 2u);
}

}  // namespace
}  // namespace gradloom
