// The delays on purpose that this worker's invocations have met with. A slot that is asked for
// several tasks at once is slow once: the delay begins with the first of them that is about to be
// computed, and nothing that is dropped takes it along. Tasks of invocation 0 stand alone.
// Thread-compatible.
#ifndef GRADLOOM_WORKER_DELAY_BOOK_H_
#define GRADLOOM_WORKER_DELAY_BOOK_H_

#include <cstdint>
#include <optional>
#include <set>

#include "absl/time/time.h"
#include "gradloom/v1/worker.pb.h"
#include "worker/latest_invocations.h"
#include "worker/straggler.h"

namespace gradloom {

class DelayBook {
 public:
  struct Begun {
    absl::Time slow_until;
    bool first_of_job = true;  // the invocation has not come to the task's job before
  };
  // The task is about to be computed.
  Begun Begin(uint64_t run, const v1::Task& task, const Straggler& straggler, absl::Time now);
  // What is left of the delay before the task's computing.
  absl::Duration Left(uint64_t run, const v1::Task& task, const Straggler& straggler,
                      absl::Time now) const;
  void EndRun(uint64_t run) { invocations_.EndRun(run); }

 private:
  struct Invocation {
    std::optional<absl::Time> slow_until;
    std::set<uint64_t> jobs;  // of its tasks that were about to be computed
  };
  LatestInvocations<Invocation> invocations_;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_DELAY_BOOK_H_
