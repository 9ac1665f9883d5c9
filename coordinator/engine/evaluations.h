// Evaluations of a run under way: which views of its trials are due, the messages to the workers
// that compute them, the judging of what they answer, and the lanes that wait. Knows workers,
// effects and time through the loop's ports, and of the core only what is to be told to it.
//
// An evaluation holds a lane in two cases only: a lane that has made a third view of its trial due
// goes on once one of them is evaluated, so that there are never more copies of the model; and a
// lane's last job counts as applied once the view that it made due is, so that lanes that begin
// with its end, and the end of the run, come after it.
//
// Not thread-safe.
#ifndef GRADLOOM_COORDINATOR_ENGINE_EVALUATIONS_H_
#define GRADLOOM_COORDINATOR_ENGINE_EVALUATIONS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/core/lane_book.h"
#include "coordinator/engine/effects.h"
#include "coordinator/engine/evaluation_book.h"
#include "coordinator/engine/fleet_link.h"
#include "coordinator/engine/run_events.h"
#include "coordinator/engine/trial_set.h"
#include "gradloom/v1/worker.pb.h"

namespace gradloom {

class Evaluations {
 public:
  // Views of a trial that may wait while its lanes go on.
  static constexpr size_t kDueMax = 2;

  struct Options {
    uint64_t run = 0;
    uint64_t life = 0;
    int64_t test_examples = 0;  // 0: there is no test set
    // Of a worker that is of no use here: why, for people.
    std::function<void(WorkerId, const std::string& why)> warn;
  };
  // All outlive this.
  Evaluations(Options options, const TrialSet& trials, Effects& effects, FleetLink& link);

  // What earlier lives left due. Before the core is built: its lanes whose last job's end was
  // waited for are made to wait again.
  void Resume(std::vector<LanePlan>* lanes, absl::Time now);
  // After that, once the workers that are there have joined.
  void Begin(absl::Time now) {
    begun_ = true;
    Advance(now);
  }
  // The run's level: what the coordinator computes itself, it computes at that.
  void SetIsa(const std::string& isa) { isa_ = isa; }
  void Join(WorkerId worker, absl::Time now);
  void Leave(WorkerId worker, absl::Time now);

  void On(const ViewDue& event, absl::Time now);
  void On(const EvaluationAnswered& event, absl::Time now);
  void On(const EvaluationTaken& event, absl::Time now);
  void Wake(absl::Time now);
  absl::Time NextTimeout() const { return book_.NextTimeout(); }
  // What the core may be told now.
  std::vector<Event> TakeEvents() { return std::exchange(events_, {}); }
  bool empty() const { return book_.empty(); }
  // Whoever waits goes on; what was due stays so for a later life.
  void Abandon();

 private:
  struct Held {
    Event event;
    int trial = 0;
    int64_t view = 0;  // that it made due
    bool last = false;
  };
  // How a trial's evaluation is cut.
  std::vector<TestChunk> ChunksOf(const Trial& trial) const;
  void Add(int trial, int64_t view, absl::Time now);
  void Advance(absl::Time now);
  void Ask(const EvaluationBook::Ask& ask);
  // Why the answer cannot be one to that chunk; "": it can.
  std::string WrongWith(const EvaluationBook::Chunk& what, const EvaluationResult& result) const;
  Evaluation Conclude(const EvaluationBook::Complete& complete) const;
  bool Holds(const Held& held) const;
  void Release();

  const Options options_;
  const TrialSet& trials_;
  Effects& effects_;
  FleetLink& link_;
  std::string isa_;
  EvaluationBook book_;
  std::map<std::pair<int, int64_t>, v1::Evaluate> messages_;  // of views that are due, but chunks
  bool begun_ = false;
  bool abandoned_ = false;
  std::vector<Held> held_;
  std::vector<Event> events_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_EVALUATIONS_H_
