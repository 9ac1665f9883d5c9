// How fast this worker computes for each lane, learnt from earlier tasks. Thread-compatible.
#ifndef GRADLOOM_WORKER_PACE_BOOK_H_
#define GRADLOOM_WORKER_PACE_BOOK_H_

#include <compare>
#include <cstdint>
#include <map>

namespace gradloom {

class PaceBook {
 public:
  struct Lane {
    uint64_t run = 0;
    uint32_t trial = 0;
    uint32_t lane = 0;
    // NOLINTNEXTLINE(modernize-use-nullptr): the check misreads the defaulted comparison
    friend auto operator<=>(const Lane&, const Lane&) = default;
  };

  // A task of so many examples took so long; none teach nothing. Later tasks count for more.
  void Learn(const Lane& lane, double seconds, int64_t examples);
  // 0: unknown.
  double SecondsPerExample(const Lane& lane) const;
  void EndRun(uint64_t run);

 private:
  std::map<Lane, double> seconds_per_example_;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_PACE_BOOK_H_
