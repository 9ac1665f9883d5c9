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

std::string Fleet::name(WorkerId worker) const {
  const auto found = workers_.find(worker);
  return found == workers_.end() ? "" : found->second.name;
}

void Fleet::Join(WorkerId worker, const std::string& name) {
  const auto [joined, fresh] = workers_.try_emplace(worker);
  if (!fresh) return;
  joined->second.name = name;
  ++available_;
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
  const int share = (slots() + available_ - 1) / available_;
  for (int slot = 0; slot < slots() && workers_[worker].slots < share; ++slot) {
    if (slots_[slot].holder == 0) Give(slot, worker);
  }
}

std::vector<int> Fleet::Lose(WorkerId worker, absl::Time now) {
  std::vector<int> orphans;
  const auto found = workers_.find(worker);
  if (found == workers_.end()) return orphans;
  if (!found->second.rests) --available_;
  workers_.erase(found);
  for (int slot = 0; slot < slots(); ++slot) {
    if (slots_[slot].holder != worker) continue;
    Orphan(slot, now);
    orphans.push_back(slot);
  }
  // Spares hold nothing: they take over at once.
  for (int slot : orphans) {
    const auto spare = std::find_if(workers_.begin(), workers_.end(), [](const auto& entry) {
      return entry.second.slots == 0 && !entry.second.rests;
    });
    if (spare == workers_.end()) break;
    Give(slot, spare->first);
  }
  return orphans;
}

std::vector<int> Fleet::Rest(WorkerId worker, absl::Time until) {
  std::vector<int> held;
  const auto found = workers_.find(worker);
  if (found == workers_.end()) return held;
  found->second.rests_until = until;
  if (!std::exchange(found->second.rests, true)) --available_;
  for (int slot = 0; slot < slots(); ++slot) {
    if (slots_[slot].holder != worker) continue;
    held.push_back(slot);
    if (available_ > 0) {
      Give(slot, LeastLoaded());
    } else {
      found->second.slots = 0;
      Orphan(slot, absl::InfinitePast());  // whose rest is over first takes it
    }
  }
  return held;
}

void Fleet::Orphan(int slot, absl::Time since) {
  slots_[slot].holder = 0;
  slots_[slot].orphaned = since;
  ++orphans_;
}

std::vector<Fleet::Move> Fleet::TakeMoves() { return std::exchange(moves_, {}); }

void Fleet::Expire(absl::Time now) {
  if (available_ < workers()) {
    for (auto& [id, worker] : workers_) {
      if (!worker.rests || worker.rests_until > now) continue;
      worker.rests = false;
      ++available_;
    }
  }
  if (orphans_ == 0 || available_ == 0) return;
  for (int slot = 0; slot < slots(); ++slot) {
    if (slots_[slot].holder == 0 && slots_[slot].orphaned + rejoin_grace_ <= now) {
      Give(slot, LeastLoaded());
    }
  }
}

void Fleet::Rebalance() {
  if (!placed_ || available_ == 0) return;
  const int most = (slots() + available_ - 1) / available_;
  for (int slot = 0; slot < slots(); ++slot) {
    const WorkerId holder = slots_[slot].holder;
    if (holder == 0 || workers_[holder].slots <= most) continue;
    const WorkerId lightest = LeastLoaded();
    if (workers_[lightest].slots < most) Give(slot, lightest);
  }
}

absl::Time Fleet::NextTimeout() const {
  absl::Time next = absl::InfiniteFuture();
  if (available_ < workers()) {
    for (const auto& [id, worker] : workers_) {
      if (worker.rests) next = std::min(next, worker.rests_until);
    }
  }
  if (orphans_ == 0 || available_ == 0) return next;
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
  const auto load = [](const Worker& worker) { return std::pair(worker.rests, worker.slots); };
  return std::min_element(
             workers_.begin(), workers_.end(),
             [&](const auto& a, const auto& b) { return load(a.second) < load(b.second); })
      ->first;
}

}  // namespace gradloom
