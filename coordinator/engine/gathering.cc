#include "coordinator/engine/gathering.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gradloom {

void Gathering::Offered(WorkerId worker, const std::string& name, absl::Time now) {
  const auto [found, fresh] = workers_.try_emplace(worker);
  found->second.name = name;
  if (fresh) quiet_since_ = now;
}

void Gathering::Ready(WorkerId worker, const std::string& name, const std::string& isa,
                      absl::Time now) {
  Offered(worker, name, now);
  workers_[worker].state = State::kReady;
  workers_[worker].isa = isa;
}

void Gathering::Unfit(WorkerId worker, const std::string& name, const std::string& reason) {
  Connected& connected = workers_[worker];
  connected.name = name;
  connected.state = State::kUnfit;
  connected.reason = reason;
}

void Gathering::Gone(WorkerId worker) { workers_.erase(worker); }

int Gathering::Count(State state) const {
  return static_cast<int>(
      std::count_if(workers_.begin(), workers_.end(),
                    [state](const auto& entry) { return entry.second.state == state; }));
}

std::string Gathering::isa() const {
  if (!options_.isa.empty()) return options_.isa;
  std::map<std::string, int> votes;
  for (const auto& [id, worker] : workers_) {
    if (worker.state == State::kReady) ++votes[worker.isa];
  }
  // Of equally many the lower level, which the others' machines can be told to use.
  const auto most = std::max_element(
      votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == votes.end() ? "" : most->first;
}

std::vector<Gathering::Worker> Gathering::Fit() const {
  const std::string level = isa();
  std::vector<Worker> fit;
  for (const auto& [id, worker] : workers_) {
    if (worker.state == State::kReady && worker.isa == level) fit.push_back({id, worker.name});
  }
  return fit;
}

std::vector<Gathering::Worker> Gathering::OfOtherLevels() const {
  const std::string level = isa();
  std::vector<Worker> others;
  for (const auto& [id, worker] : workers_) {
    if (worker.state == State::kReady && worker.isa != level) others.push_back({id, worker.name});
  }
  return others;
}

Gathering::Verdict Gathering::Judge(absl::Time now) const {
  Verdict verdict;
  const int ready = static_cast<int>(Fit().size());
  const int other_levels = static_cast<int>(OfOtherLevels().size());
  const int unfit = Count(State::kUnfit);
  const int opening = Count(State::kOffered);
  std::string bad;  // one that cannot serve the run
  for (const auto& [id, worker] : workers_) {
    if (worker.state != State::kUnfit) continue;
    bad = absl::StrCat("worker ", worker.name, " cannot serve the run: ", worker.reason);
    break;
  }
  const int enough = std::max(options_.expected, options_.min_workers);
  if (options_.expected > 0 && ready >= enough) {
    verdict.start = true;
    return verdict;
  }
  const absl::Time quiet = quiet_since_ + options_.gather;
  const bool answered = opening == 0;
  // Who has said nothing is waited for as long as who might still come.
  const bool settled = now >= quiet + (answered ? absl::ZeroDuration() : options_.gather);
  if (settled && ready >= options_.min_workers) {
    verdict.start = true;
    return verdict;
  }
  if (options_.expected > 0 && ready == 0 && answered && unfit >= options_.expected) {
    verdict.failure = bad;
    return verdict;
  }
  verdict.waiting_for = absl::StrCat("workers: ", ready, " ready");
  if (options_.expected > 0) {
    absl::StrAppend(&verdict.waiting_for, " of ", options_.expected, " expected");
  }
  if (ready < options_.min_workers) {
    absl::StrAppend(&verdict.waiting_for, ", at least ", options_.min_workers,
                    " are needed (fleet.min_workers)");
  } else if (!settled) {
    absl::StrAppend(&verdict.waiting_for, ", starting when no other has come for ",
                    absl::FormatDuration(options_.gather), " (fleet.gather)");
  }
  if (opening > 0) absl::StrAppend(&verdict.waiting_for, "; ", opening, " opening their data");
  if (other_levels > 0) {
    absl::StrAppend(&verdict.waiting_for, "; ", other_levels,
                    " at another instruction-set level than ", isa(), " (fleet.isa)");
  }
  if (!bad.empty()) absl::StrAppend(&verdict.waiting_for, "; ", bad);
  verdict.ask_again = now < quiet ? quiet : quiet + options_.gather;
  if (verdict.ask_again <= now) verdict.ask_again = absl::InfiniteFuture();
  return verdict;
}

}  // namespace gradloom
