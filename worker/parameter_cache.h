// Versions of the segments of trials' states, as fetched from the coordinator, up to a limit of
// bytes. Of each segment only those stay that a task may still read. Thread-safe.
#ifndef GRADLOOM_WORKER_PARAMETER_CACHE_H_
#define GRADLOOM_WORKER_PARAMETER_CACHE_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "absl/status/statusor.h"
#include "worker/loading_cache.h"

namespace gradloom {

// A version of a segment; not zeroed before it is filled.
struct Parameters {
  explicit Parameters(size_t length)
      : values(std::make_unique_for_overwrite<float[]>(length)), length(length) {}
  std::span<float> span() { return {values.get(), length}; }
  std::span<const float> span() const { return {values.get(), length}; }

  std::unique_ptr<float[]> values;
  size_t length;
};

class ParameterCache {
 public:
  struct Segment {
    uint64_t run = 0;  // serial of the served run
    uint32_t trial = 0;
    uint32_t segment = 0;
    // NOLINTNEXTLINE(modernize-use-nullptr): the check misreads the defaulted comparison
    friend auto operator<=>(const Segment&, const Segment&) = default;
  };
  using Pointer = std::shared_ptr<const Parameters>;
  using Load = absl::FunctionRef<absl::StatusOr<std::shared_ptr<Parameters>>()>;

  explicit ParameterCache(size_t limit_bytes) : cache_(limit_bytes) {}

  // The version, of `length` values, loaded when it is not here; `hit` says whether it was.
  // Callers of one version load it once. As LoadingCache::Get.
  absl::StatusOr<Pointer> Get(const Segment& segment, uint64_t version, size_t length, Load load,
                              bool& hit);

  // A task reads `version`, so the coordinator keeps that one and `history` before it at most:
  // older ones go, but for those `still_read` by tasks that wait.
  void ForgetOld(const Segment& segment, uint64_t version, int history,
                 std::span<const uint64_t> still_read);
  void EndRun(uint64_t run);
  void Clear();

  size_t bytes() const { return cache_.bytes(); }
  size_t versions() const { return cache_.size(); }

 private:
  LoadingCache<std::pair<Segment, uint64_t>, Parameters> cache_;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_PARAMETER_CACHE_H_
