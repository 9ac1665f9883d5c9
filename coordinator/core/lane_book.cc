#include "coordinator/core/lane_book.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gradloom {

absl::Status LaneBook::Validate(const std::vector<LanePlan>& plans) {
  for (size_t lane = 0; lane < plans.size(); ++lane) {
    for (const LaneDependency& need : plans[lane].needs) {
      if (need.lane >= 0 && need.lane < static_cast<int>(plans.size())) continue;
      return absl::InvalidArgumentError(absl::StrCat("lane ", lane, " needs lane ", need.lane,
                                                     ": there are ", plans.size(), " lanes"));
    }
  }
  return absl::OkStatus();
}

LaneBook::LaneBook(const std::vector<LanePlan>& plans) {
  for (const LanePlan& plan : plans) {
    Lane lane;
    lane.jobs = plan.jobs;
    lane.next_job = plan.first_job;
    lane.state = plan.applying ? State::kApplying : StateAfter(lane);
    lane.needs = plan.needs;
    lane.pause_at = plan.pause_at;
    lane.give_up = plan.give_up;
    lane.late = plan.late;
    lanes_.push_back(std::move(lane));
  }
}

LaneBook::State LaneBook::StateAfter(const Lane& lane) {
  return lane.next_job >= lane.jobs ? State::kDone : State::kReady;
}

int64_t LaneBook::next_start(int lane) const {
  const Lane& l = lanes_[lane];
  return l.next_job + (l.state == State::kReady || l.missed > 0 ? 0 : 1);
}

bool LaneBook::AllDone() const {
  return std::all_of(lanes_.begin(), lanes_.end(),
                     [](const Lane& lane) { return lane.state == State::kDone; });
}

bool LaneBook::AnyEffect() const {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) {
    return lane.state == State::kApplying || lane.missing;
  });
}

bool LaneBook::AnyApplying(int weave) const {
  return std::any_of(lanes_.begin(), lanes_.end(), [weave](const Lane& lane) {
    return lane.weave == weave && lane.state == State::kApplying;
  });
}

bool LaneBook::MayBegin(int number) const {
  const Lane& lane = lanes_[number];
  if (lane.state != State::kReady || lane.next_job >= lane.pause_at) return false;
  return std::all_of(lane.needs.begin(), lane.needs.end(), [&](const LaneDependency& need) {
    const Lane& other = lanes_[need.lane];
    if (other.state == State::kDone) return true;
    return !need.finished && other.next_job >= lane.next_job - need.lag;
  });
}

bool LaneBook::Moves(int number) const {
  const auto under_way = [](const Lane& lane) {
    return lane.state == State::kInFlight || lane.state == State::kApplying;
  };
  const Lane& lane = lanes_[number];
  return under_way(lane) ||
         (lane.state == State::kReady &&
          std::any_of(lane.needs.begin(), lane.needs.end(),
                      [&](const LaneDependency& need) { return under_way(lanes_[need.lane]); }));
}

void LaneBook::Begin(int number, int weave, absl::Time now) {
  Lane& lane = lanes_[number];
  lane.state = State::kInFlight;
  lane.weave = weave;
  lane.started = lane.waits_since = now;
  lane.missed = 0;
}

bool LaneBook::Accept(int number) {
  Lane& lane = lanes_[number];
  lane.state = State::kApplying;
  lane.applies_late = lane.missed > 0;
  return lane.applies_late;
}

bool LaneBook::Applied(int number) {
  Lane& lane = lanes_[number];
  if (lane.state != State::kApplying) return false;
  if (!std::exchange(lane.applies_late, false)) ++lane.next_job;
  lane.missed = 0;
  if (!lane.missing) lane.state = StateAfter(lane);
  return true;
}

absl::Time LaneBook::MissTime(int number, absl::Time manned_since) const {
  const Lane& lane = lanes_[number];
  return std::max(lane.waits_since, manned_since) + lane.give_up;
}

absl::Time LaneBook::NextMiss(absl::Time manned_since) const {
  absl::Time next = absl::InfiniteFuture();
  for (int lane = 0; lane < size(); ++lane) {
    if (lanes_[lane].state != State::kInFlight || lanes_[lane].missing) continue;
    next = std::min(next, MissTime(lane, manned_since));
  }
  return next;
}

bool LaneBook::Overdue(int number, absl::Time now, absl::Time manned_since) const {
  const Lane& lane = lanes_[number];
  if (lane.state != State::kInFlight || lane.missing) return false;
  if (now >= MissTime(number, manned_since)) return true;
  // It is known to miss this one as well: a job of the lanes that wait for it is there, so that
  // the model moves on by more than misses.
  return lane.missed > 0 && std::any_of(lanes_.begin(), lanes_.end(), [&](const Lane& other) {
           return other.next_job > lane.next_job &&
                  std::any_of(other.needs.begin(), other.needs.end(),
                              [number](const LaneDependency& n) { return n.lane == number; });
         });
}

bool LaneBook::Miss(int number) {
  Lane& lane = lanes_[number];
  ++lane.missed;
  lane.missing = true;
  return !lane.late;
}

bool LaneBook::Missed(int number, int64_t next_job, absl::Time now) {
  Lane& lane = lanes_[number];
  lane.missing = false;  // whatever became of the lane: nothing is awaited of it any more
  if (lane.state == State::kDone) return false;
  lane.next_job = next_job;
  lane.waits_since = now;
  return true;
}

bool LaneBook::Hopeless(int number, absl::Time now, absl::Time manned_since) const {
  const Lane& lane = lanes_[number];
  if (lane.state != State::kInFlight) return false;
  const absl::Time since = std::max(lane.started, manned_since);
  return lane.next_job >= lane.jobs || now > since + LanePlan::kLateMax * lane.give_up;
}

void LaneBook::GoOn(int number) {
  Lane& lane = lanes_[number];
  if (lane.state != State::kApplying || lane.applies_late) return;
  lane.missed = 0;
  lane.state = StateAfter(lane);
}

void LaneBook::PauseAt(const std::vector<int64_t>& jobs) {
  for (size_t lane = 0; lane < lanes_.size(); ++lane) {
    lanes_[lane].pause_at = jobs.empty() ? std::numeric_limits<int64_t>::max() : jobs[lane];
  }
}

}  // namespace gradloom
