// Offers of runs that are not open yet, and when each is to be tried: what cannot be opened now is
// tried again with growing pauses, since its files may still arrive. Thread-compatible; no clock.
#ifndef GRADLOOM_WORKER_OFFER_BOOK_H_
#define GRADLOOM_WORKER_OFFER_BOOK_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "gradloom/v1/worker.pb.h"
#include "worker/backoff.h"

namespace gradloom {

class OfferBook {
 public:
  OfferBook(absl::Duration first_pause, absl::Duration longest_pause)
      : first_pause_(first_pause), longest_pause_(longest_pause) {}

  // In place of an earlier offer of the same run.
  void Add(const v1::RunOffer& offer, absl::Time now);
  void EndRun(uint64_t run) { offers_.erase(run); }

  struct Attempt {
    uint64_t number = 0;
    v1::RunOffer offer;
  };
  // What to try now, one at a time; nothing before NextTime().
  std::optional<Attempt> Take(absl::Time now);
  absl::Time NextTime() const;

  enum class News {
    kNone,     // still the same error
    kTell,     // the coordinator does not know yet
    kOutdated  // the run has ended meanwhile, or has been offered anew
  };
  // What has come of an attempt; "": the run is open, and its offer forgotten. Opening that takes
  // long is tried the more seldom.
  News Done(const Attempt& attempt, const std::string& error, absl::Time now, absl::Duration took);

 private:
  struct Entry {
    uint64_t number = 0;
    v1::RunOffer offer;
    absl::Time due;
    Backoff backoff;
    std::optional<std::string> error;  // as told
  };
  const absl::Duration first_pause_;
  const absl::Duration longest_pause_;
  std::map<uint64_t, Entry> offers_;  // by run
  uint64_t next_number_ = 1;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_OFFER_BOOK_H_
