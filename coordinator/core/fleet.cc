#include "coordinator/core/fleet.h"

#include <algorithm>
#include <utility>

namespace gradloom {

Fleet::Fleet(int slots, absl::Duration rejoin_grace) : slots_(slots), rejoin_grace_(rejoin_grace) {}

void Fleet::PlaceAll() {
  placed_ = true;
  orphans_ = slots();
  const int64_t count = std::min(workers(), slots());
  auto worker = workers_.begin();
  for (int64_t slot = 0, given = 0; slot < slots(); ++slot) {
    if (slot >= (given + 1) * slots() / count) {
      ++given;
      ++worker;
    }
    Give(static_cast<int>(slot), worker->first);
  }
}

void Fleet::Join(WorkerId worker, const std::string& name) {
  workers_[worker].name = name;
  if (!placed_) return;
  bool took = false;
  for (int slot = 0; slot < slots(); ++slot) {
    if (slots_[slot].holder == 0 && slots_[slot].last_name == name) {
      Give(slot, worker);
      took = true;
    }
  }
  if (took) return;
  // A stranger is a spare: it takes orphans at once, up to its fair share.
  const int share = (slots() + workers() - 1) / workers();
  for (int slot = 0; slot < slots() && workers_[worker].slots < share; ++slot) {
    if (slots_[slot].holder == 0) Give(slot, worker);
  }
}

std::vector<int> Fleet::Lose(WorkerId worker, absl::Time now) {
  std::vector<int> orphans;
  if (workers_.erase(worker) == 0) return orphans;
  for (int slot = 0; slot < slots(); ++slot) {
    if (slots_[slot].holder != worker) continue;
    slots_[slot].holder = 0;
    ++orphans_;
    slots_[slot].orphaned = now;
    orphans.push_back(slot);
  }
  // Spares hold nothing: they take over at once.
  for (int slot : orphans) {
    const auto spare = std::find_if(workers_.begin(), workers_.end(),
                                    [](const auto& entry) { return entry.second.slots == 0; });
    if (spare == workers_.end()) break;
    Give(slot, spare->first);
  }
  return orphans;
}

std::vector<Fleet::Move> Fleet::TakeMoves() { return std::exchange(moves_, {}); }

void Fleet::Expire(absl::Time now) {
  if (orphans_ == 0 || workers_.empty()) return;
  for (int slot = 0; slot < slots(); ++slot) {
    if (slots_[slot].holder == 0 && slots_[slot].orphaned + rejoin_grace_ <= now) {
      Give(slot, LeastLoaded());
    }
  }
}

void Fleet::Rebalance() {
  if (!placed_ || workers_.empty()) return;
  const int most = (slots() + workers() - 1) / workers();
  for (int slot = 0; slot < slots(); ++slot) {
    const WorkerId holder = slots_[slot].holder;
    if (holder == 0 || workers_[holder].slots <= most) continue;
    const WorkerId lightest = LeastLoaded();
    if (workers_[lightest].slots < most) Give(slot, lightest);
  }
}

absl::Time Fleet::NextTimeout() const {
  absl::Time next = absl::InfiniteFuture();
  if (orphans_ == 0 || workers_.empty()) return next;
  for (const Slot& slot : slots_) {
    if (slot.holder == 0) next = std::min(next, slot.orphaned + rejoin_grace_);
  }
  return next;
}

void Fleet::Give(int slot, WorkerId worker) {
  Slot& s = slots_[slot];
  moves_.push_back({slot, s.holder});
  if (s.holder != 0) {
    --workers_[s.holder].slots;
  } else {
    --orphans_;
  }
  s.holder = worker;
  s.orphaned = absl::InfiniteFuture();
  Worker& w = workers_[worker];
  s.last_name = w.name;
  ++w.slots;
}

WorkerId Fleet::LeastLoaded() const {
  return std::min_element(
             workers_.begin(), workers_.end(),
             [](const auto& a, const auto& b) { return a.second.slots < b.second.slots; })
      ->first;
}

}  // namespace gradloom
