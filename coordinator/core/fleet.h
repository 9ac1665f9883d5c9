// Slots are not workers: which worker holds which slot, and what each slot has outstanding.
// A lost worker's slots go to a spare at once, or to the least loaded worker when its grace is
// over; a worker that comes back under its name takes them back. A worker that rests holds none.
// Part of the core: pure, deterministic (ties go to the lower number), not thread-safe.
#ifndef GRADLOOM_COORDINATOR_CORE_FLEET_H_
#define GRADLOOM_COORDINATOR_CORE_FLEET_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/core/events.h"

namespace gradloom {

class Fleet {
 public:
  Fleet(int slots, absl::Duration rejoin_grace);

  int slots() const { return static_cast<int>(slots_.size()); }
  int workers() const { return static_cast<int>(workers_.size()); }
  // Workers that do not rest.
  int available() const { return available_; }
  // "" when it is gone.
  std::string name(WorkerId worker) const;
  // 0 while no worker holds the slot.
  WorkerId holder(int slot) const { return slots_[slot].holder; }

  // First placement of all slots over the workers that are there, in blocks of neighbours: the
  // slots of one repetition group (i mod groups) lie far apart, hence on different workers.
  void PlaceAll();
  void Join(WorkerId worker, const std::string& name);
  // Returns the slots that lost their holder.
  std::vector<int> Lose(WorkerId worker, absl::Time now);
  // The worker holds no slot until then: they go to others at once, or wait if all rest. Returns
  // those that it held. Nothing when the worker is gone.
  std::vector<int> Rest(WorkerId worker, absl::Time until);

  // Slots that have a new holder since the last call, with the holder they had (0: none).
  struct Move {
    int slot = 0;
    WorkerId from = 0;
  };
  std::vector<Move> TakeMoves();
  // Ends rests that are over, and gives overdue orphans to the least loaded workers.
  void Expire(absl::Time now);
  // Evens out slots between workers; to be called between rounds, since a moved slot's outstanding
  // work starts again.
  void Rebalance();
  absl::Time NextTimeout() const;

 private:
  struct Slot {
    WorkerId holder = 0;
    std::string last_name;  // of its last holder
    absl::Time orphaned = absl::InfiniteFuture();
  };
  struct Worker {
    std::string name;
    int slots = 0;
    absl::Time rests_until = absl::InfinitePast();
    bool rests = false;
  };

  void Give(int slot, WorkerId worker);
  // Of those that do not rest; there must be one.
  WorkerId LeastLoaded() const;
  void Orphan(int slot, absl::Time since);

  std::vector<Slot> slots_;
  std::map<WorkerId, Worker> workers_;
  int available_ = 0;
  absl::Duration rejoin_grace_;
  bool placed_ = false;
  int orphans_ = 0;  // slots without a holder, once placed
  std::vector<Move> moves_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CORE_FLEET_H_
