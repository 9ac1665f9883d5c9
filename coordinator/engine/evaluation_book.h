// Who evaluates what. Views of trials are due, in order; each is cut into chunks, and chunks are
// handed to workers that have time, one at a time each. One that is not answered is handed to
// another worker as well: whoever is first counts, since all compute the same number. The
// coordinator itself computes what no worker can, or will: so an evaluation always ends.
//
// Knows neither the core nor a transport. Not thread-safe; times never decrease.
#ifndef GRADLOOM_COORDINATOR_ENGINE_EVALUATION_BOOK_H_
#define GRADLOOM_COORDINATOR_ENGINE_EVALUATION_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/core/events.h"
#include "models/workloads/workload.h"

namespace gradloom {

class EvaluationBook {
 public:
  // A chunk waits for its worker at least that long, and for kPatience times as long as the longest
  // answer of late, before another one is asked as well.
  static constexpr absl::Duration kPatienceMin = absl::Milliseconds(250);
  static constexpr double kPatience = 4;
  static constexpr int kAskedMax = 3;  // workers, for one chunk
  // When no worker has answered for so long, the coordinator computes.
  static constexpr absl::Duration kStalled = absl::Seconds(10);
  // Chunks that a worker may fail at, one after the other, before it is not asked any more; and
  // workers that may fail at a chunk before it is the coordinator's.
  static constexpr int kFailuresMax = 3;
  static constexpr size_t kFailedAtMax = 2;

  // `life`: how often the run has been begun. Ids of different lives differ.
  explicit EvaluationBook(uint64_t life);

  // A view is due, after those of its trial that are due already.
  struct Due {
    int trial = 0;
    int64_t view = 0;
    int chunks = 1;
    bool by_workers = true;  // they can compute it
  };
  void Add(const Due& due, absl::Time now);
  // Views of the trial that have not been taken.
  size_t due(int trial) const;
  bool empty() const { return views_.empty(); }

  void Join(WorkerId worker) { workers_.try_emplace(worker); }
  void Leave(WorkerId worker);

  struct Chunk {
    int trial = 0;
    int64_t view = 0;
    int chunk = 0;
    friend bool operator==(const Chunk&, const Chunk&) = default;
  };
  struct Ask {
    uint64_t id = 0;
    WorkerId worker = 0;  // 0: the coordinator, one chunk at a time
    Chunk what;
  };
  // What is to be asked for now; to be called whenever something has changed, and at NextTimeout.
  std::vector<Ask> Next(absl::Time now);
  absl::Time NextTimeout() const { return next_timeout_; }

  // What an answer is to; nothing if it is stale: settled by another's, dropped, or not this
  // worker's to answer.
  std::optional<Chunk> Find(uint64_t id, WorkerId worker) const;
  // Stale ones count for nothing, but their worker has time again.
  void Answered(uint64_t id, WorkerId worker, const EvaluationResult& result, absl::Time now);
  // `unable`: the worker is not asked any more.
  void Failed(uint64_t id, WorkerId worker, bool unable);

  struct Complete {
    int trial = 0;
    int64_t view = 0;
    std::vector<EvaluationResult> results;  // by chunk
  };
  // A trial's first view, all of whose chunks are there, once; never while the coordinator computes
  // for the trial. It stays due until it is taken.
  std::optional<Complete> TakeComplete();
  // The view is evaluated; of the trial's others these are still due.
  void Taken(int trial, int64_t view, std::span<const int64_t> due);
  // Nothing is due any more.
  void Clear();

 private:
  struct Asked {
    WorkerId worker = 0;
    absl::Time since;
  };
  struct State {
    std::optional<EvaluationResult> result;
    std::map<uint64_t, Asked> asked;  // by id, of workers
    std::set<WorkerId> failed_at;
    bool local = false;  // the coordinator is at it
  };
  struct View {
    Due due;
    std::vector<State> chunks;
    size_t left = 0;
    bool complete_taken = false;
  };
  struct Worker {
    uint64_t busy_with = 0;  // id; 0: it has time
    int failures = 0;
    bool unable = false;
  };
  using Views = std::list<View>;

  // Whether there is a worker that could still be asked for the chunk.
  bool AnybodyLeft(const State& state) const;
  State* StateOf(const Chunk& what);
  void Settle(State* state);
  void DropView(Views::iterator view);
  absl::Duration Patience() const;
  bool Stalled(absl::Time now) const;
  bool BeingTaken(int trial) const;
  // For a worker that has time; nothing: there is nothing for it.
  std::optional<Chunk> ChunkFor(WorkerId worker, absl::Time now);
  std::optional<Chunk> ChunkForMyself(absl::Time now);
  static bool MustComputeMyself(const View& view, const State& state);
  // InfinitePast: nobody is at it; InfiniteFuture: the worker never may be.
  absl::Time MayAskFrom(WorkerId worker, const View& view, const State& state) const;
  uint64_t Hand(WorkerId worker, const Chunk& what, absl::Time now);

  Views views_;  // in the order of being due
  std::map<WorkerId, Worker> workers_;
  std::map<uint64_t, std::pair<WorkerId, Chunk>> asked_;  // that are not settled
  uint64_t next_id_;
  uint64_t local_id_ = 0;  // the coordinator is at it; 0: at none
  std::optional<Chunk> local_;
  absl::Duration longest_;  // answer, of late
  absl::Time last_answer_ = absl::InfinitePast();
  absl::Time next_timeout_ = absl::InfiniteFuture();
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_EVALUATION_BOOK_H_
