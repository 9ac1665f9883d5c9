// What is simulated: a run, a fleet, and what goes wrong. Plain values; with a seed they say all
// that happens.
#ifndef GRADLOOM_TESTS_SIMULATION_SCENARIO_H_
#define GRADLOOM_TESTS_SIMULATION_SCENARIO_H_

#include <limits>
#include <ostream>
#include <string>
#include <vector>

namespace gradloom {

// Between the beginning and `seconds`; nothing goes wrong any more after that. Counts are at most,
// of each worker but for the coordinator's; rates are of each task or reply.
struct Faults {
  double seconds = 0;
  int kills = 0;          // the process dies; another of its name begins
  int cuts = 0;           // its connection breaks, seen at either end when it is seen
  int freezes = 0;        // it stands still; heartbeats, too
  int hangs = 0;          // it computes nothing; heartbeats go on
  double late_start = 0;  // seconds; when a worker comes first, at most
  double straggles = 0;   // computing takes seconds
  double fails = 0;       // a task fails at its worker
  double lost = 0;        // a reply breaks off on its way
  double twice = 0;       // it comes a second time
  double stale = 0;       // it comes seconds late, whatever has become of its connection
  double wrong = 0;       // a reply comes under another's task, or counts other examples
  // The coordinator's: killed, with the machine or in the midst of a checkpoint; stopped in order.
  int crashes = 0;
  int restarts = 0;
};

// What a worker is like.
struct WorkerTraits {
  std::string name;
  std::string isa = "v3";
  int capacity = 1;
  std::string unfit = {};                                      // why it cannot serve the run
  double fit_after = std::numeric_limits<double>::infinity();  // seconds; from then on it can
  bool mute = false;       // it never answers a task, and is heard of
  bool gone = false;       // it never comes
  std::string fails = {};  // every task, with this error
  bool fails_fatally = false;
};

// A driver that does wrong on purpose: whoever judges must see it.
enum class Canary {
  kNone,
  kCountsStaleReply,  // what the book has refused is told to the loop as a reply to another task
  kTrustsAnyWorker,   // a reply is let in as if the task's holder had sent it
  kSameLife,          // a resumed run gives the numbers of its first life again
  kSkipsAnUpdate,     // a job is told to be applied and is not
  kAppliesTwice,      // the same sum moves a trial twice
  kDiskForgets,       // what was synced is lost in a crash
  kNoTimer,           // the loop is never called at NextTimeout
};

struct Scenario {
  std::string name;
  std::string run;  // a run file's text, beside name, data and workload
  std::vector<WorkerTraits> workers;
  Faults faults = {};
  int features = 3;
  // Whether the parameters are the same to the last bit, whoever answers. Otherwise they agree to
  // rounding.
  bool same_bits = true;
  // The run ends so long, in virtual seconds, after the last fault.
  double bound = 180;
  Canary canary = Canary::kNone;

  friend std::ostream& operator<<(std::ostream& out, const Scenario& scenario) {
    return out << scenario.name;
  }
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_SIMULATION_SCENARIO_H_
