#include "coordinator/tuning/auto_simulation.h"

#include <optional>
#include <utility>

namespace gradloom {
namespace {

absl::StatusOr<CorePlan> PlanOf(const AutoDecision& decision, const FleetSize& size) {
  absl::StatusOr<std::vector<WeavePlan>> weaves = WeavesOf(decision, size.slots);
  if (!weaves.ok()) return weaves.status();
  CorePlan plan;
  plan.slots = size.slots;
  plan.lanes = PlannedLanes(size);
  plan.weaves = *std::move(weaves);
  return plan;
}

class PolicyPilot final : public SimulationPilot {
 public:
  PolicyPilot(AutoPolicy* policy, const FleetSize& size, std::vector<AutoPlay::Entry>* journal)
      : policy_(policy), slots_(size.slots), journal_(journal) {
    for (const LanePlan& lane : PlannedLanes(size)) left_.push_back(lane.jobs - lane.first_job);
  }

  void Observe(const InvocationObserved& observed) override { policy_->Observe(observed); }
  std::optional<std::vector<WeavePlan>> Steer(double now_seconds, int lane) override {
    ++applied_;
    absl::StatusOr<std::optional<AutoDecision>> decision =
        policy_->JobApplied(lane, --left_[lane] == 0);
    if (!decision.ok()) status_ = decision.status();
    if (!decision.ok() || !decision->has_value()) return std::nullopt;
    absl::StatusOr<std::vector<WeavePlan>> weaves = WeavesOf(**decision, slots_);
    if (!weaves.ok()) {
      status_ = weaves.status();
      return std::nullopt;
    }
    journal_->push_back({now_seconds, applied_, **std::move(decision)});
    return *std::move(weaves);
  }
  const absl::Status& status() const { return status_; }

 private:
  AutoPolicy* policy_;
  int slots_;
  std::vector<int64_t> left_;
  std::vector<AutoPlay::Entry>* journal_;
  int64_t applied_ = 0;
  absl::Status status_;
};

class JournalPilot final : public SimulationPilot {
 public:
  JournalPilot(const std::vector<AutoPlay::Entry>& journal, int slots)
      : journal_(journal), slots_(slots) {}

  void Observe(const InvocationObserved&) override {}
  std::optional<std::vector<WeavePlan>> Steer(double /*now_seconds*/, int /*lane*/) override {
    ++applied_;
    if (next_ == journal_.size() || journal_[next_].jobs_applied != applied_) return std::nullopt;
    return *WeavesOf(journal_[next_++].decision, slots_);
  }

 private:
  const std::vector<AutoPlay::Entry>& journal_;
  int slots_;
  size_t next_ = 1;
  int64_t applied_ = 0;
};

}  // namespace

const AutoDecision& AutoPlay::longest() const {
  size_t longest = 0;
  int64_t most = -1;
  for (size_t i = 0; i < journal.size(); ++i) {
    const auto end = i + 1 < journal.size() ? journal[i + 1].jobs_applied
                                            : static_cast<int64_t>(result.applied_seconds.size());
    if (end - journal[i].jobs_applied <= most) continue;
    most = end - journal[i].jobs_applied;
    longest = i;
  }
  return journal[longest].decision;
}

absl::StatusOr<AutoPlay> PlayAuto(const FleetSize& size, const DelayModel& delays,
                                  const AutoOptions& options, SimulationOptions simulation) {
  AutoPolicy policy(size.slots, PlannedLanes(size), options);
  absl::StatusOr<AutoDecision> first = policy.First();
  if (!first.ok()) return first.status();
  AutoPlay play;
  play.journal.push_back({0, 0, *first});
  absl::StatusOr<CorePlan> plan = PlanOf(*first, size);
  if (!plan.ok()) return plan.status();
  PolicyPilot pilot(&policy, size, &play.journal);
  simulation.pilot = &pilot;
  absl::StatusOr<SimulationResult> result = Simulate(*std::move(plan), delays, simulation);
  if (!pilot.status().ok()) return pilot.status();
  if (!result.ok()) return result.status();
  play.result = *std::move(result);
  return play;
}

absl::StatusOr<SimulationResult> Replay(const FleetSize& size, const DelayModel& delays,
                                        const std::vector<AutoPlay::Entry>& journal,
                                        SimulationOptions simulation) {
  absl::StatusOr<CorePlan> plan = PlanOf(journal.front().decision, size);
  if (!plan.ok()) return plan.status();
  JournalPilot pilot(journal, size.slots);
  simulation.pilot = &pilot;
  return Simulate(*std::move(plan), delays, simulation);
}

}  // namespace gradloom
