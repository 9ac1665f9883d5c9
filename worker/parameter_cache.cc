#include "worker/parameter_cache.h"

#include <algorithm>

namespace gradloom {

absl::StatusOr<ParameterCache::Pointer> ParameterCache::Get(const Segment& segment,
                                                            uint64_t version, size_t length,
                                                            Load load, bool& hit) {
  const size_t bytes = length * sizeof(float);
  using Loaded = decltype(cache_)::Loaded;
  return cache_.Get(
      {segment, version}, bytes,
      [&]() -> absl::StatusOr<Loaded> {
        auto parameters = load();
        if (!parameters.ok()) return parameters.status();
        return Loaded{*std::move(parameters), bytes};
      },
      hit);
}

void ParameterCache::ForgetOld(const Segment& segment, uint64_t version, int history,
                               std::span<const uint64_t> still_read) {
  cache_.EraseIf([&](const std::pair<Segment, uint64_t>& key) {
    return key.first == segment && key.second < version &&
           version - key.second > static_cast<uint64_t>(history) &&
           std::find(still_read.begin(), still_read.end(), key.second) == still_read.end();
  });
}

void ParameterCache::EndRun(uint64_t run) {
  cache_.EraseIf([&](const std::pair<Segment, uint64_t>& key) { return key.first.run == run; });
}

void ParameterCache::Clear() {
  cache_.EraseIf([](const auto&) { return true; });
}

}  // namespace gradloom
