// Whether the fleet is there: what a run waits for before its first round.
//
// A run starts as soon as the workers that it expects are ready; or else, with the fewest that it
// may start with, once no worker has connected for a while and all that are connected have said
// whether they can serve it. A worker that says nothing is waited for no longer than that while.
// Replicas must compute at one instruction-set level: the run's own, or that of most workers that
// are ready when it starts; a newcomer of another level decides nothing.
//
// Pure; not thread-safe.
#ifndef GRADLOOM_COORDINATOR_ENGINE_GATHERING_H_
#define GRADLOOM_COORDINATOR_ENGINE_GATHERING_H_

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/core/events.h"

namespace gradloom {

class Gathering {
 public:
  struct Options {
    int expected = 0;     // workers; 0: whoever comes
    int min_workers = 1;  // never start with fewer
    absl::Duration gather = absl::Seconds(10);
    std::string isa = {};  // "": that of most
  };
  Gathering(Options options, absl::Time now) : options_(std::move(options)), quiet_since_(now) {}

  // A worker is connected and was offered the run.
  void Offered(WorkerId worker, const std::string& name, absl::Time now);
  void Ready(WorkerId worker, const std::string& name, const std::string& isa, absl::Time now);
  void Unfit(WorkerId worker, const std::string& name, const std::string& reason);
  void Gone(WorkerId worker);

  struct Verdict {
    bool start = false;
    // Nobody can serve the run of as many as are expected: why.
    std::string failure;
    std::string waiting_for;  // for people, if neither
    absl::Time ask_again = absl::InfiniteFuture();
  };
  Verdict Judge(absl::Time now) const;

  // Of the run, should it start now.
  std::string isa() const;
  struct Worker {
    WorkerId id = 0;
    std::string name;
  };
  // Those that are ready at the run's level.
  std::vector<Worker> Fit() const;
  // Those that are ready at another level.
  std::vector<Worker> OfOtherLevels() const;

 private:
  enum class State { kOffered, kReady, kUnfit };
  struct Connected {
    std::string name;
    State state = State::kOffered;
    std::string isa;
    std::string reason;
  };
  int Count(State state) const;

  const Options options_;
  std::map<WorkerId, Connected> workers_;
  absl::Time quiet_since_;  // the latest connection
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_GATHERING_H_
