#include "coordinator/engine/evaluation_book.h"

#include <algorithm>
#include <utility>

namespace gradloom {
namespace {

// As tasks' ids are.
constexpr int kLifeBits = 40;
// What the longest answer counts for after each further one.
constexpr double kForget = 0.9;

}  // namespace

EvaluationBook::EvaluationBook(uint64_t life) : next_id_((life << kLifeBits) + 1) {}

void EvaluationBook::Add(const Due& due, absl::Time now) {
  if (views_.empty()) last_answer_ = now;
  View view{.due = due, .chunks = {}, .left = static_cast<size_t>(due.chunks)};
  view.chunks.resize(view.left);
  views_.push_back(std::move(view));
}

size_t EvaluationBook::due(int trial) const {
  return static_cast<size_t>(std::count_if(
      views_.begin(), views_.end(), [trial](const View& view) { return view.due.trial == trial; }));
}

void EvaluationBook::Leave(WorkerId worker) {
  const auto found = workers_.find(worker);
  if (found == workers_.end()) return;
  if (const auto asked = asked_.find(found->second.busy_with); asked != asked_.end()) {
    StateOf(asked->second.second)->asked.erase(asked->first);
    asked_.erase(asked);
  }
  workers_.erase(found);
}

bool EvaluationBook::AnybodyLeft(const State& state) const {
  return std::any_of(workers_.begin(), workers_.end(), [&state](const auto& entry) {
    return !entry.second.unable && !state.failed_at.contains(entry.first);
  });
}

EvaluationBook::State* EvaluationBook::StateOf(const Chunk& what) {
  const auto found = std::find_if(views_.begin(), views_.end(), [&what](const View& view) {
    return view.due.trial == what.trial && view.due.view == what.view;
  });
  return found == views_.end() ? nullptr : &found->chunks[what.chunk];
}

// ---- who is asked -------------------------------------------------------------------------------

absl::Duration EvaluationBook::Patience() const {
  return std::max(kPatienceMin, kPatience * longest_);
}

bool EvaluationBook::Stalled(absl::Time now) const { return now >= last_answer_ + kStalled; }

bool EvaluationBook::BeingTaken(int trial) const {
  return std::any_of(views_.begin(), views_.end(), [trial](const View& view) {
    return view.due.trial == trial && view.complete_taken;
  });
}

bool EvaluationBook::MustComputeMyself(const View& view, const State& state) {
  return !view.due.by_workers || state.failed_at.size() >= kFailedAtMax;
}

absl::Time EvaluationBook::MayAskFrom(WorkerId worker, const View& view, const State& state) const {
  if (state.result.has_value() || state.local || state.failed_at.contains(worker) ||
      static_cast<int>(state.asked.size()) >= kAskedMax || MustComputeMyself(view, state)) {
    return absl::InfiniteFuture();
  }
  absl::Time latest = absl::InfinitePast();
  for (const auto& [id, asked] : state.asked) latest = std::max(latest, asked.since + Patience());
  return latest;
}

std::optional<EvaluationBook::Chunk> EvaluationBook::ChunkFor(WorkerId worker, absl::Time now) {
  std::optional<Chunk> best;
  absl::Time first = absl::InfiniteFuture();
  for (const View& view : views_) {
    for (int i = 0; i < view.due.chunks; ++i) {
      const absl::Time from = MayAskFrom(worker, view, view.chunks[i]);
      if (from >= first) continue;
      first = from;
      best = {view.due.trial, view.due.view, i};
      if (from == absl::InfinitePast()) return best;
    }
  }
  if (first <= now) return best;
  next_timeout_ = std::min(next_timeout_, first);
  return std::nullopt;
}

std::optional<EvaluationBook::Chunk> EvaluationBook::ChunkForMyself(absl::Time now) {
  const bool all = Stalled(now);
  std::optional<Chunk> asked;
  for (const View& view : views_) {
    if (view.complete_taken || BeingTaken(view.due.trial)) continue;
    for (int i = 0; i < view.due.chunks; ++i) {
      const State& state = view.chunks[i];
      if (state.result.has_value()) continue;
      const bool others = !state.asked.empty() || AnybodyLeft(state);
      if (!all && others && !MustComputeMyself(view, state)) continue;
      const Chunk what{view.due.trial, view.due.view, i};
      if (state.asked.empty()) return what;
      if (!asked.has_value()) asked = what;
    }
  }
  return asked;
}

uint64_t EvaluationBook::Hand(WorkerId worker, const Chunk& what, absl::Time now) {
  const uint64_t id = next_id_++;
  asked_[id] = {worker, what};
  State* const state = StateOf(what);
  if (worker == 0) {
    state->local = true;
    local_id_ = id;
    local_ = what;
  } else {
    state->asked[id] = {worker, now};
    workers_[worker].busy_with = id;
  }
  return id;
}

std::vector<EvaluationBook::Ask> EvaluationBook::Next(absl::Time now) {
  next_timeout_ = absl::InfiniteFuture();
  std::vector<Ask> asks;
  if (views_.empty()) return asks;
  const auto ask = [&](WorkerId worker, const Chunk& what) {
    asks.push_back({Hand(worker, what, now), worker, what});
  };
  for (const auto& [worker, at] : workers_) {
    if (at.unable || at.busy_with != 0) continue;
    if (const auto what = ChunkFor(worker, now); what.has_value()) ask(worker, *what);
  }
  if (local_id_ != 0) return asks;
  if (const auto what = ChunkForMyself(now); what.has_value()) {
    ask(0, *what);
  } else if (!Stalled(now)) {
    next_timeout_ = std::min(next_timeout_, last_answer_ + kStalled);
  }
  return asks;
}

// ---- what they say ------------------------------------------------------------------------------

std::optional<EvaluationBook::Chunk> EvaluationBook::Find(uint64_t id, WorkerId worker) const {
  const auto found = asked_.find(id);
  if (found == asked_.end() || found->second.first != worker) return std::nullopt;
  return found->second.second;
}

void EvaluationBook::Settle(State* state) {
  for (const auto& [id, asked] : state->asked) asked_.erase(id);
  state->asked.clear();
  if (!state->local) return;
  // The coordinator goes on in vain; what it says will be stale.
  state->local = false;
  asked_.erase(local_id_);
}

void EvaluationBook::Answered(uint64_t id, WorkerId worker, const EvaluationResult& result,
                              absl::Time now) {
  const std::optional<Chunk> what = Find(id, worker);
  if (const auto found = workers_.find(worker);
      found != workers_.end() && found->second.busy_with == id) {
    found->second.busy_with = 0;
    if (what.has_value()) found->second.failures = 0;
  }
  if (worker == 0 && id == local_id_) {
    local_id_ = 0;
    local_.reset();
  }
  if (!what.has_value()) return;
  State* const state = StateOf(*what);
  if (worker != 0) {
    last_answer_ = now;
    longest_ = std::max(kForget * longest_, now - state->asked.at(id).since);
  }
  state->result = result;
  const auto view = std::find_if(views_.begin(), views_.end(), [&what](const View& v) {
    return v.due.trial == what->trial && v.due.view == what->view;
  });
  --view->left;
  asked_.erase(id);
  Settle(state);
}

void EvaluationBook::Failed(uint64_t id, WorkerId worker, bool unable) {
  const std::optional<Chunk> what = Find(id, worker);
  if (const auto found = workers_.find(worker); found != workers_.end()) {
    Worker& at = found->second;
    if (at.busy_with == id) at.busy_with = 0;
    if (what.has_value() && ++at.failures >= kFailuresMax) at.unable = true;
    at.unable = at.unable || unable;
  }
  if (!what.has_value() || worker == 0) return;
  State* const state = StateOf(*what);
  state->asked.erase(id);
  state->failed_at.insert(worker);
  asked_.erase(id);
}

// ---- views --------------------------------------------------------------------------------------

std::optional<EvaluationBook::Complete> EvaluationBook::TakeComplete() {
  std::set<int> earlier;  // trials, one of whose views comes first
  for (View& view : views_) {
    const int trial = view.due.trial;
    if (!earlier.insert(trial).second || view.left > 0 || view.complete_taken) continue;
    if (local_.has_value() && local_->trial == trial) continue;
    view.complete_taken = true;
    Complete complete{trial, view.due.view, {}};
    for (const State& state : view.chunks) complete.results.push_back(*state.result);
    return complete;
  }
  return std::nullopt;
}

void EvaluationBook::DropView(Views::iterator view) {
  for (State& state : view->chunks) Settle(&state);
  views_.erase(view);
}

void EvaluationBook::Taken(int trial, int64_t view, std::span<const int64_t> due) {
  for (auto at = views_.begin(); at != views_.end();) {
    const auto here = at++;
    if (here->due.trial != trial) continue;
    const bool stays =
        here->due.view != view && std::find(due.begin(), due.end(), here->due.view) != due.end();
    if (!stays) DropView(here);
  }
}

void EvaluationBook::Clear() {
  while (!views_.empty()) DropView(views_.begin());
}

}  // namespace gradloom
