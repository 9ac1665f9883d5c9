#include "coordinator/engine/schedule.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/run_plan.h"
#include "coordinator/planning/arrangement.h"
#include "coordinator/store/atomic_file.h"
#include "coordinator/store/json_file.h"
#include "proto/ops/mutex.h"

namespace gradloom {
namespace {

constexpr uint64_t kJournalBytesMax = uint64_t{64} << 20;

v1::ScheduleDecision ToProto(const AutoDecision& decision, const std::vector<int64_t>& next_jobs) {
  v1::ScheduleDecision proto;
  proto.set_scheme(SchemeText(decision.choice.scheme));
  proto.set_closing(ClosingText(decision.choice.closing));
  proto.set_arrangement(ArrangementText(decision.choice.fleet));
  for (int lane : decision.lanes) proto.add_lanes(static_cast<uint32_t>(lane));
  for (int lane : decision.done) proto.add_done(static_cast<uint32_t>(lane));
  for (int64_t job : next_jobs) proto.add_first_job(static_cast<uint64_t>(job));
  proto.set_predicted_gain(decision.predicted_gain);
  proto.set_why(decision.why);
  return proto;
}

absl::StatusOr<AutoDecision> FromProto(const v1::ScheduleDecision& proto) {
  AutoDecision decision;
  absl::StatusOr<SchemeSpec> scheme = ParseScheme(proto.scheme());
  if (!scheme.ok()) return scheme.status();
  absl::StatusOr<ClosingRuleSpec> closing = ParseClosing(proto.closing());
  if (!closing.ok()) return closing.status();
  absl::StatusOr<Arrangement> fleet = ParseArrangement(proto.arrangement());
  if (!fleet.ok()) return fleet.status();
  decision.choice = {*scheme, *closing, *fleet};
  decision.lanes.assign(proto.lanes().begin(), proto.lanes().end());
  decision.done.assign(proto.done().begin(), proto.done().end());
  decision.predicted_gain = proto.predicted_gain();
  decision.why = proto.why();
  return decision;
}

bool Done(const LanePlan& lane) { return lane.first_job >= lane.jobs; }

}  // namespace

// The policy. After First or Continue it is for the searches, of which there is one at a time.
class Schedule::Pilot {
 public:
  explicit Pilot(AutoPolicy policy) : policy_(std::move(policy)) {}

  AutoPolicy& policy() { return policy_; }
  struct Applied {
    int lane = 0;
    bool done = false;
    std::vector<int> ended;  // other lanes, by this job
  };
  // `observed`: before the job was applied.
  void Search(const std::vector<InvocationObserved>& observed, const Applied& applied) {
    for (const InvocationObserved& each : observed) policy_.Observe(each);
    for (int lane : applied.ended) policy_.EndLane(lane);
    absl::StatusOr<std::optional<AutoDecision>> decision =
        policy_.JobApplied(applied.lane, applied.done);
    if (decision.ok() && !decision->has_value()) return;
    const MutexLock lock(mutex_);
    if (decision.ok()) {
      decision_ = **std::move(decision);
    } else {
      status_ = decision.status();
    }
  }
  absl::StatusOr<std::optional<AutoDecision>> Take() {
    const MutexLock lock(mutex_);
    if (!status_.ok()) return std::exchange(status_, absl::OkStatus());
    return std::exchange(decision_, std::nullopt);
  }

 private:
  AutoPolicy policy_;
  Mutex mutex_;
  std::optional<AutoDecision> decision_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

Schedule::Schedule(const v1::RunSpec& spec, std::vector<LanePlan> lanes, Options options,
                   FileSystem& files)
    : spec_(spec),
      slots_(static_cast<int>(spec.scheme().slots())),
      lanes_(std::move(lanes)),
      options_(std::move(options)),
      files_(files) {}

Schedule::~Schedule() = default;

absl::StatusOr<std::vector<WeavePlan>> Schedule::WeavesOf(const std::string& choice, int slots) {
  v1::ScheduleDecision proto;
  if (absl::Status status = FromJson(choice, &proto); !status.ok()) return status;
  const absl::StatusOr<AutoDecision> decision = FromProto(proto);
  if (!decision.ok()) return decision.status();
  return gradloom::WeavesOf(*decision, slots);
}

absl::StatusOr<std::unique_ptr<Schedule>> Schedule::Open(const v1::RunSpec& spec,
                                                         std::vector<LanePlan> lanes,
                                                         Options options, FileSystem& files) {
  std::unique_ptr<Schedule> schedule(
      new Schedule(spec, std::move(lanes), std::move(options), files));
  if (!spec.scheme().has_auto_()) return schedule;
  const std::string& replay = spec.scheme().auto_().replay();
  if (!replay.empty()) {
    const absl::Status status =
        schedule->OpenJournal(FileInFolder(schedule->options_.data_folder, replay));
    if (status.ok() && !schedule->journal_.decisions().empty()) return schedule;
    return absl::InvalidArgumentError(
        absl::StrCat("scheme.auto.replay: ", status.ok() ? absl::StrCat(replay, " has no decisions")
                                                         : std::string(status.message())));
  }
  absl::Status status = schedule->OpenJournal(schedule->options_.journal_file);
  if (status.ok()) status = schedule->MakePilot();
  if (!status.ok()) return status;
  return schedule;
}

absl::Status Schedule::OpenJournal(const std::string& file) {
  absl::StatusOr<std::string> text = ReadFile(file, kJournalBytesMax, files_);
  if (absl::IsNotFound(text.status())) return absl::OkStatus();
  if (!text.ok()) return text.status();
  absl::Status status = FromJson(*text, &journal_);
  for (int i = 0; status.ok() && i < journal_.decisions_size(); ++i) {
    const v1::ScheduleDecision& decision = journal_.decisions(i);
    if (decision.first_job_size() != static_cast<int>(lanes_.size())) {
      status =
          absl::DataLossError(absl::StrCat("decision ", i, " is of ", decision.first_job_size(),
                                           " lanes, the run has ", lanes_.size()));
    } else if (absl::StatusOr<AutoDecision> read = FromProto(decision); !read.ok()) {
      status = read.status();
    } else {
      const auto weaves = gradloom::WeavesOf(*read, slots_);
      status = weaves.status();
    }
  }
  if (!status.ok()) {
    return absl::DataLossError(absl::StrCat(file, ": ", status.message()));
  }
  return absl::OkStatus();
}

absl::Status Schedule::MakePilot() {
  absl::StatusOr<AutoOptions> options =
      ReadAutoOptions(spec_.scheme().auto_(), slots_, options_.data_folder);
  if (!options.ok()) return options.status();
  pilot_ = std::make_shared<Pilot>(AutoPolicy(slots_, lanes_, *std::move(options)));
  return absl::OkStatus();
}

absl::StatusOr<Schedule::Next> Schedule::First() {
  if (!spec_.scheme().has_auto_()) {
    AutoDecision fixed;
    absl::StatusOr<Choice> choice = FixedChoice(spec_, slots_);
    if (!choice.ok()) return choice.status();
    fixed.choice = *choice;
    for (int lane = 0; lane < static_cast<int>(lanes_.size()); ++lane) {
      (Done(lanes_[lane]) ? fixed.done : fixed.lanes).push_back(lane);
    }
    if (fixed.lanes.empty()) fixed.lanes.swap(fixed.done);
    return NextOf(fixed);
  }
  std::vector<int64_t> next_jobs;
  for (const LanePlan& lane : lanes_) next_jobs.push_back(lane.first_job);
  if (journal_.decisions().empty()) {
    absl::StatusOr<AutoDecision> first = pilot_->policy().First();
    if (!first.ok()) return first.status();
    if (absl::Status status = Journal(*first, next_jobs); !status.ok()) return status;
  } else {
    absl::StatusOr<AutoDecision> last = FromProto(*journal_.decisions().rbegin());
    if (!last.ok()) return last.status();
    // The phase of the lane that is furthest behind.
    phase_ = journal_.decisions_size() - 1;
    while (phase_ > 0 && !Reached(phase_)) --phase_;
    if (pilot_ != nullptr && phase_ + 1 == journal_.decisions_size() && Reopen(&*last)) {
      if (absl::Status status = Journal(*last, next_jobs); !status.ok()) return status;
    }
    if (pilot_ != nullptr) pilot_->policy().Continue(*last);
  }
  return Replayed();
}

bool Schedule::Reopen(AutoDecision* decision) const {
  const auto again = [this](int lane) { return !Done(lanes_[lane]); };
  if (std::none_of(decision->done.begin(), decision->done.end(), again)) return false;
  AutoDecision open = *decision;
  open.lanes.clear();
  open.done.clear();
  for (int lane = 0; lane < static_cast<int>(lanes_.size()); ++lane) {
    (again(lane) ? open.lanes : open.done).push_back(lane);
  }
  open.predicted_gain = 0;
  open.why = "lanes that were done go on";
  if (!gradloom::WeavesOf(open, slots_).ok()) return false;
  *decision = std::move(open);
  return true;
}

bool Schedule::Reached(int phase) const {
  for (size_t lane = 0; lane < lanes_.size(); ++lane) {
    const auto first =
        static_cast<int64_t>(journal_.decisions(phase).first_job(static_cast<int>(lane)));
    if (!Done(lanes_[lane]) && lanes_[lane].first_job < first) return false;
  }
  return true;
}

absl::StatusOr<Schedule::Next> Schedule::NextOf(const AutoDecision& decision) const {
  absl::StatusOr<std::vector<WeavePlan>> weaves = gradloom::WeavesOf(decision, slots_);
  if (!weaves.ok()) return weaves.status();
  Next next;
  next.weaves = *std::move(weaves);
  next.choice = ToJson(ToProto(decision, {}));
  const std::string fleet = ArrangementText(decision.choice.fleet);
  next.description = next.weaves[0].scheme->description();
  if (fleet != "woven") absl::StrAppend(&next.description, ", ", fleet);
  if (spec_.scheme().has_auto_()) absl::StrAppend(&next.description, " (auto)");
  const absl::StatusOr<ChoiceCost> cost =
      CostOf(decision.choice, {slots_, static_cast<int>(decision.lanes.size()), 1});
  if (cost.ok()) next.cost = *cost;
  return next;
}

absl::StatusOr<Schedule::Next> Schedule::Replayed() const {
  absl::StatusOr<AutoDecision> decision = FromProto(journal_.decisions(phase_));
  if (!decision.ok()) return decision.status();
  absl::StatusOr<Next> next = NextOf(*decision);
  if (next.ok() && phase_ + 1 < journal_.decisions_size()) {
    const auto& first = journal_.decisions(phase_ + 1).first_job();
    next->pause_at.assign(first.begin(), first.end());
  }
  return next;
}

absl::Status Schedule::Journal(const AutoDecision& decision,
                               const std::vector<int64_t>& next_jobs) {
  *journal_.add_decisions() = ToProto(decision, next_jobs);
  phase_ = journal_.decisions_size() - 1;
  return WriteFileAtomically(files_, options_.journal_file, ToJson(journal_));
}

void Schedule::Observe(const InvocationObserved& observed) {
  if (pilot_ != nullptr) observed_.push_back(observed);
}

void Schedule::JobApplied(int lane, std::vector<LanePlan> lanes) {
  lanes_.swap(lanes);
  if (pilot_ == nullptr) return;
  Pilot::Applied applied{lane, Done(lanes_[lane]), {}};
  for (int other = 0; other < static_cast<int>(lanes.size()); ++other) {
    if (other != lane && Done(lanes_[other]) && !Done(lanes[other])) applied.ended.push_back(other);
  }
  options_.think([pilot = pilot_, observed = std::exchange(observed_, {}),
                  applied = std::move(applied)] { pilot->Search(observed, applied); });
}

absl::StatusOr<std::optional<Schedule::Next>> Schedule::Change(
    const std::vector<int64_t>& next_jobs) {
  absl::StatusOr<std::optional<AutoDecision>> decision = std::optional<AutoDecision>();
  if (pilot_ != nullptr) decision = pilot_->Take();
  if (!decision.ok()) return decision.status();
  if (phase_ + 1 < journal_.decisions_size()) {
    // Going through the journal: a phase begins when every lane has come to it, which may end it at
    // once. What the policy wants meanwhile, it will want again.
    const int before = phase_;
    while (phase_ + 1 < journal_.decisions_size() && Reached(phase_ + 1)) ++phase_;
    if (phase_ == before) return std::nullopt;
    absl::StatusOr<Next> next = Replayed();
    if (!next.ok()) return next.status();
    return *std::move(next);
  }
  if (!decision->has_value()) return std::nullopt;
  absl::StatusOr<Next> next = NextOf(**decision);
  if (!next.ok()) return next.status();
  if (absl::Status status = Journal(**decision, next_jobs); !status.ok()) return status;
  return *std::move(next);
}

}  // namespace gradloom
