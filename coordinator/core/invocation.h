// A slot's invocation: all that one assignment, and what is added to it while the slot is at it,
// ask of the slot.
#ifndef GRADLOOM_COORDINATOR_CORE_INVOCATION_H_
#define GRADLOOM_COORDINATOR_CORE_INVOCATION_H_

#include <cstdint>
#include <optional>

namespace gradloom {

struct Invocation {
  uint64_t number = 0;              // over the run; 0: not sent yet
  std::optional<uint32_t> of_slot;  // its number among its slot's: stays when it is sent anew
};

// What the coordinator sees of one.
struct InvocationObserved {
  int slot = 0;
  double load = 0;        // of its first reply, as a fraction of a job's data
  double seconds = 0;     // until its first reply, > 0
  bool at_least = false;  // it was cut before: it would have taken longer
  // Of all its replies, as the worker measured: what load costs, whatever else there is. 0:
  // unknown.
  double compute_seconds = 0;
  // From its first reply to its last.
  int further_replies = 0;
  double further_load = 0;
  double further_seconds = 0;

  double total_load() const { return load + further_load; }

  // A reply of so much load came so long after the start.
  void Reply(double its_load, double its_compute_seconds, double seconds_since_start) {
    compute_seconds += its_compute_seconds;
    if (seconds == 0) {
      load = its_load;
      seconds = seconds_since_start;
    } else {
      ++further_replies;
      further_load += its_load;
      further_seconds = seconds_since_start - seconds;
    }
  }
  // It ended, after so long; `next_load`: of the task that was not answered, if it was cut.
  void End(double next_load, double seconds_since_start) {
    if (seconds > 0) return;
    load = next_load;
    seconds = seconds_since_start;
    at_least = true;
  }
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CORE_INVOCATION_H_
