#include "coordinator/core/worker_judge.h"

#include <algorithm>

#include "absl/strings/str_join.h"

namespace gradloom {
namespace {

constexpr size_t kRecordsMax = 4096;  // of workers that have rested; the oldest are forgotten

}  // namespace

bool WorkerJudge::Failed(const What& what, const std::string& worker, bool fatal, bool others) {
  Failures& failures = failures_[what];
  ++failures.count;
  failures.workers.insert(worker);
  if (fatal) failures.fatal_at.insert(worker);
  if (failures.fatal_at.size() >= 2 || (fatal && !others)) return true;
  // A worker that fails at everything must not use up what its fellows would have done.
  return failures.count >= options_.max_task_attempts && (failures.workers.size() >= 2 || !others);
}

std::string WorkerJudge::FailedAt(const What& what) const {
  const auto found = failures_.find(what);
  return found == failures_.end() ? "" : absl::StrJoin(found->second.workers, ", ");
}

void WorkerJudge::Settled(int lane, int64_t job) {
  const What first{lane, 0, 0}, end{lane, job, 0};
  failures_.erase(failures_.lower_bound(first), failures_.lower_bound(end));
  unanswered_.erase(unanswered_.lower_bound(first), unanswered_.lower_bound(end));
}

absl::Time WorkerJudge::Rest(const std::string& worker, absl::Time now) {
  if (records_.size() >= kRecordsMax && !records_.contains(worker)) {
    records_.erase(std::min_element(
        records_.begin(), records_.end(),
        [](const auto& a, const auto& b) { return a.second.back < b.second.back; }));
  }
  const auto [found, fresh] = records_.try_emplace(worker);
  Record& record = found->second;
  // Pardoned after it served as long as it may rest at most.
  const bool again = !fresh && now < record.back + options_.rest_max;
  record.rest = again ? std::min(2 * record.rest, options_.rest_max) : options_.rest_first;
  record.back = now + record.rest;
  return record.back;
}

absl::Time WorkerJudge::RestsUntil(const std::string& worker) const {
  const auto found = records_.find(worker);
  return found == records_.end() ? absl::InfinitePast() : found->second.back;
}

void WorkerJudge::Answered(const What& what, absl::Duration took) {
  if (!unanswered_.empty()) unanswered_.erase(what);
  while (!longest_.empty() && longest_.back().took <= took) longest_.pop_back();
  longest_.push_back({answers_++, took});
  if (longest_.front().number + kWindow < answers_) longest_.pop_front();
}

void WorkerJudge::Unanswered(const What& what, absl::Duration took) { unanswered_[what] = took; }

absl::Duration WorkerJudge::Patience() const {
  if (longest_.empty()) return absl::InfiniteDuration();
  absl::Duration patience =
      std::max(options_.patience_min, options_.patience_factor * longest_.front().took);
  for (const auto& [what, took] : unanswered_) patience = std::max(patience, 2 * took);
  return patience;
}

}  // namespace gradloom
