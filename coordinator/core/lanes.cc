// CoordinatorCore: when a lane may begin its next job, and what ends, or misses, one.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/core/coordinator_core.h"

namespace gradloom {

bool CoordinatorCore::MayBegin(const Lane& lane) const {
  if (lane.state != LaneState::kReady || lane.next_job >= lane.pause_at) return false;
  return std::all_of(lane.needs.begin(), lane.needs.end(), [&](const LaneDependency& need) {
    const Lane& other = lanes_[need.lane];
    if (other.state == LaneState::kDone) return true;
    return !need.finished && other.next_job >= lane.next_job - need.lag;
  });
}

bool CoordinatorCore::Moves(const Lane& lane) const {
  const auto under_way = [](const Lane& l) {
    return l.state == LaneState::kInFlight || l.state == LaneState::kApplying;
  };
  return under_way(lane) ||
         (lane.state == LaneState::kReady &&
          std::any_of(lane.needs.begin(), lane.needs.end(),
                      [&](const LaneDependency& need) { return under_way(lanes_[need.lane]); }));
}

void CoordinatorCore::OnApplied(const JobApplied& event) {
  Lane& lane = lanes_[event.lane];
  if (lane.state != LaneState::kApplying) return;  // ended by another lane meanwhile
  if (!std::exchange(lane.applies_late, false)) ++lane.next_job;
  lane.missed = 0;
  if (!lane.missing) lane.state = StateAfter(lane);
  for (int finished : event.finished) FinishLane(finished);
}

void CoordinatorCore::OnMissed(const JobMissed& event) {
  Lane& lane = lanes_[event.lane];
  if (lane.state == LaneState::kDone) return;  // ended by another lane meanwhile
  lane.missing = false;
  lane.next_job = event.next_job;
  lane.waits_since = now_;
  for (int finished : event.finished) FinishLane(finished);
  if (lane.state == LaneState::kDone || lane.applies_late) return;
  const absl::Time since = std::max(lane.started, manned_since_);
  if (lane.next_job >= lane.jobs || now_ > since + LanePlan::kLateMax * lane.give_up) {
    Abandon(event.lane);
  }
  if (lane.state == LaneState::kApplying) {
    lane.missed = 0;
    lane.state = StateAfter(lane);
  }
}

CoordinatorCore::LaneState CoordinatorCore::StateAfter(const Lane& lane) {
  return lane.next_job >= lane.jobs ? LaneState::kDone : LaneState::kReady;
}

void CoordinatorCore::Abandon(int number) {
  Lane& lane = lanes_[number];
  if (lane.state != LaneState::kInFlight) return;
  Weave& w = weaves_.at(lane.weave);
  for (size_t i = 0; i < w.jobs.size(); ++i) {
    if (w.jobs[i].lane != number || w.jobs[i].accepted) continue;
    w.jobs[i].accepted = true;
    const int64_t job = w.first_job + static_cast<int64_t>(i);
    Excuse(lane.weave, job);
    if (!w.open) w.plan.scheme->Forget(job);  // as the round's end would
  }
  lane.state = LaneState::kApplying;
}

void CoordinatorCore::FinishLane(int number) {
  Abandon(number);
  lanes_[number].state = LaneState::kDone;
}

absl::Time CoordinatorCore::MissTime(const Lane& lane) const {
  return std::max(lane.waits_since, manned_since_) + lane.give_up;
}

bool CoordinatorCore::Overdue(const Lane& lane, int number) const {
  if (lane.state != LaneState::kInFlight || lane.missing) return false;
  if (now_ >= MissTime(lane)) return true;
  // It is known to miss this one as well: a job of the lanes that wait for it is there, so that
  // the model moves on by more than misses.
  return lane.missed > 0 && std::any_of(lanes_.begin(), lanes_.end(), [&](const Lane& other) {
           return other.next_job > lane.next_job &&
                  std::any_of(other.needs.begin(), other.needs.end(),
                              [number](const LaneDependency& n) { return n.lane == number; });
         });
}

void CoordinatorCore::MissOverdue() {
  if (fleet_.workers() == 0) return;
  for (int number = 0; number < static_cast<int>(lanes_.size()); ++number) {
    Lane& lane = lanes_[number];
    if (!Overdue(lane, number)) continue;
    ++counters_.jobs_missed;
    ++lane.missed;
    lane.missing = true;
    if (!lane.late) Abandon(number);
    actions_->push_back(MissJob{number, lane.next_job});
  }
}

}  // namespace gradloom
