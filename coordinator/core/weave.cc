#include "coordinator/core/weave.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gradloom {

absl::Status Weave::Validate(const std::vector<WeavePlan>& weaves, int slots, size_t lanes) {
  if (slots < 1) return absl::InvalidArgumentError(absl::StrCat("slots = ", slots, ": at least 1"));
  std::vector<int> weaves_of_lane(lanes, 0);
  for (const WeavePlan& weave : weaves) {
    const int scheme_slots = weave.scheme->slots();
    if (scheme_slots != static_cast<int>(weave.slots.size())) {
      return absl::InvalidArgumentError(
          absl::StrCat("the scheme has ", scheme_slots, " slots, its weave ", weave.slots.size()));
    }
    for (int slot : weave.slots) {
      if (slot < 0 || slot >= slots) {
        return absl::InvalidArgumentError(
            absl::StrCat("slot ", slot, " of a weave: the fleet has 0..", slots - 1));
      }
    }
    for (int lane : weave.lanes) {
      if (lane < 0 || lane >= static_cast<int>(lanes)) {
        return absl::InvalidArgumentError(absl::StrCat("no lane ", lane));
      }
      ++weaves_of_lane[lane];
    }
    if (weave.scheme->delay() > static_cast<int>(weave.lanes.size()) - 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          weave.scheme->description(), " has delay T = ", weave.scheme->delay(),
          ", which needs T + 1 lanes (trials that take turns); there are ", weave.lanes.size()));
    }
  }
  for (size_t lane = 0; lane < weaves_of_lane.size(); ++lane) {
    if (weaves_of_lane[lane] != 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("lane ", lane, " is in ", weaves_of_lane[lane], " weaves, not in one"));
    }
  }
  return absl::OkStatus();
}

Weave::Weave(WeavePlan plan, size_t turn)
    : plan_(std::move(plan)),
      turn_(turn),
      arrived_(plan_.slots.size()),
      invocation_(plan_.slots.size()) {}

void Weave::Retire() {
  retiring_ = true;
  plan_.lanes.clear();
  plan_.gang = -1;
}

Weave::Job* Weave::Find(int64_t job) {
  return job < first_job() || job >= end_job() ? nullptr : &jobs_[job - first_job_];
}

bool Weave::AnyUnaccepted() const {
  return std::any_of(jobs_.begin(), jobs_.end(), [](const Job& job) { return !job.accepted; });
}

std::span<const MiniTask> Weave::StartRound(absl::Time now, std::optional<size_t> turn,
                                            int64_t lane_job) {
  const std::span<const MiniTask> minis = scheme().StartRound(turn.has_value());
  Job job;
  if (turn.has_value()) {
    job.lane = plan_.lanes[*turn];
    job.lane_job = lane_job;
    turn_ = (*turn + 1) % plan_.lanes.size();
  } else {
    job.accepted = true;
  }
  jobs_.push_back(std::move(job));
  open_ = true;
  round_start_ = now;
  ask_again_ = absl::InfiniteFuture();
  std::fill(arrived_.begin(), arrived_.end(), false);
  std::fill(invocation_.begin(), invocation_.end(), Invocation{});
  closing().StartRound(scheme().Pending());
  return minis;
}

void Weave::Asked(const MiniTask& mini) {
  if (scheme().delay() == 0) return;
  const auto parts = static_cast<int64_t>(scheme().parts().size());
  if (!Find(mini.job)->asked.insert(mini.slot * parts + mini.part).second) {
    retries_.push_back(plan_.slots[mini.slot]);
  }
}

void Weave::Arrived(int slot, absl::Time now) {
  if (!open_ || arrived_[slot] || !scheme().Delivered(slot)) return;
  arrived_[slot] = true;
  closing().Arrive(absl::ToDoubleSeconds(now - round_start_), false);
}

std::vector<int> Weave::PendingSlots() const {
  std::vector<int> pending;
  if (!open_) return pending;
  for (size_t i = 0; i < plan_.slots.size(); ++i) {
    if (!scheme().Delivered(static_cast<int>(i))) pending.push_back(plan_.slots[i]);
  }
  return pending;
}

ClosingRule::Decision Weave::Decide(absl::Time now) {
  CloseVerdict verdict = scheme().Verdict();
  const int64_t due = round() - scheme().delay();
  if (closing().accepts_early() && verdict.due_decodable && due >= 0) {
    const Job* job = Find(due);
    verdict.due_decodable = job == nullptr || job->accepted;
  }
  const double seconds = absl::ToDoubleSeconds(now - round_start_);
  const ClosingRule::Decision decision = closing().Decide(seconds, verdict, scheme().Pending());
  if (decision.close) return decision;
  ask_again_ = decision.ask_again_seconds == std::numeric_limits<double>::infinity()
                   ? absl::InfiniteFuture()
                   : round_start_ + absl::Seconds(decision.ask_again_seconds);
  // A deadline already reached would make the owner spin; the rule has just been asked.
  if (ask_again_ <= now) ask_again_ = now + absl::Milliseconds(1);
  return decision;
}

Weave::Closed Weave::CloseRound(absl::Time now) {
  Closed closed;
  closed.round = round();
  closed.duration = now - round_start_;
  closed.stragglers = PendingSlots();
  closed.stragglers.insert(closed.stragglers.end(), excused_.begin(), excused_.end());
  std::sort(closed.stragglers.begin(), closed.stragglers.end());
  closed.stragglers.erase(std::unique(closed.stragglers.begin(), closed.stragglers.end()),
                          closed.stragglers.end());
  closed.retries = std::exchange(retries_, {});
  last_duration_ = closed.duration;
  open_ = false;
  excused_.clear();
  scheme().CloseRound();
  for (size_t i = 0; i < jobs_.size(); ++i) {
    if (jobs_[i].accepted) scheme().Forget(first_job_ + static_cast<int64_t>(i));
  }
  return closed;
}

void Weave::ForgetAccepted() {
  while (!jobs_.empty() && jobs_.front().accepted) {
    jobs_.pop_front();
    ++first_job_;
  }
}

Weave::Wait Weave::WouldHaveWaited(int64_t round, absl::Duration total) {
  Wait wait;
  if (round + 1 != scheme().rounds() + (open_ ? -1 : 0)) return wait;  // only the latest closed
  wait.straggled = total > 2 * last_duration_;
  const absl::Duration extra = total - last_duration_;
  if (wait_round_ != round) {
    wait_round_ = round;
    wait_reported_ = absl::ZeroDuration();
  }
  if (extra <= wait_reported_) return wait;
  wait.extra = extra - wait_reported_;
  wait_reported_ = extra;
  return wait;
}

}  // namespace gradloom
