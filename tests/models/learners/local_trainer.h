// Trains a trial in this process, without workers, codes or time: every legal order of its lanes'
// jobs can be tried. A job may be begun and ended at different moments, as with a fleet: what it
// reads is fetched as late as a worker that takes over from a lost one would fetch it.
#ifndef GRADLOOM_TESTS_MODELS_LEARNERS_LOCAL_TRAINER_H_
#define GRADLOOM_TESTS_MODELS_LEARNERS_LOCAL_TRAINER_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "models/data/dataset.h"
#include "models/learners/learner_table.h"
#include "models/random.h"
#include "models/workloads/workload.h"

namespace gradloom {

// A sum that nobody coded.
class PlainSum final : public DecodedSum {
 public:
  explicit PlainSum(std::vector<float> values) : values_(std::move(values)) {}
  void Read(size_t offset, std::span<float> out) const override {
    std::copy_n(values_.begin() + static_cast<int64_t>(offset), out.size(), out.begin());
  }

 private:
  std::vector<float> values_;
};

class LocalTrainer {
 public:
  // `trial` is resolved. `train` may be null if the workload reads no examples, `test` if it has
  // its own. All must outlive the trainer.
  static absl::StatusOr<std::unique_ptr<LocalTrainer>> Make(const Workload& workload,
                                                            const v1::TrialSpec& trial,
                                                            std::shared_ptr<const Dataset> train,
                                                            const Examples* test) {
    auto trainer = std::unique_ptr<LocalTrainer>(new LocalTrainer(workload, trial, test));
    if (workload.reads_examples()) {
      auto examples = train->Load(0, train->info().examples);
      if (!examples.ok()) return examples.status();
      trainer->examples_ = *std::move(examples);
    }
    auto learner = MakeLearner(workload, trial, std::move(train));
    if (!learner.ok()) return learner.status();
    trainer->learner_ = *std::move(learner);
    return trainer;
  }

  Learner& learner() { return *learner_; }
  // What every evaluation said, in order.
  const std::vector<Evaluation>& evaluations() const { return evaluations_; }
  // What the lane's jobs told, in order.
  const std::vector<AppliedJob>& applied(int lane) const { return applied_[lane]; }

  // From here on evaluations are like a fleet's: they end when End has long gone on.
  void EvaluateLate() { late_ = true; }
  bool Finished() const {
    if (!due_.empty()) return false;
    for (size_t lane = 0; lane < begun_.size(); ++lane) {
      if (!learner_->progress(static_cast<int>(lane)).finished) return false;
    }
    return true;
  }
  bool Begun(int lane) const { return begun_[lane].has_value(); }
  // Whether the lane's next job may be begun now.
  bool MayBegin(int lane) const {
    const LaneProgress progress = learner_->progress(lane);
    if (Begun(lane) || progress.finished || progress.jobs_done >= progress.jobs) return false;
    for (const LaneNeed& need : workload_.lanes()[lane].needs) {
      const LaneProgress other = learner_->progress(need.lane);
      if (need.finished && !due_.empty()) return false;
      if (other.finished) continue;
      if (need.finished || other.jobs_done < progress.jobs_done - need.lag) return false;
    }
    return true;
  }
  void Begin(int lane) {
    begun_[lane] = Job{learner_->progress(lane).jobs_done, learner_->Next(lane).reads};
  }

  // The sum of the lane's job, in `chunks` pieces added up.
  absl::StatusOr<std::vector<float>> SumOf(int lane, int64_t job,
                                           const std::vector<SegmentVersion>& reads,
                                           int chunks = 1) const {
    JobInputs inputs{
        .segments = {}, .versions = reads, .seed = trial_.seed(), .lane = lane, .job = job};
    for (const SegmentVersion& read : reads) {
      inputs.segments.push_back(learner_->Values(read));
      if (inputs.segments.back().empty()) {
        return absl::InternalError(absl::StrCat("lane ", lane, ", job ", job, ": segment ",
                                                read.segment, " is not kept at version ",
                                                read.version));
      }
    }
    std::vector<float> sum(workload_.lanes()[lane].reply.length());
    for (int chunk = 0; chunk < chunks; ++chunk) {
      std::vector<float> part(sum.size());
      const auto [first, last] = plan_->Positions(lane, chunk, chunk + 1, chunks);
      const std::vector<int64_t> ids = plan_->Draw(lane, job, first, last);
      for (size_t at = 0; at < ids.size(); at += workload_.sub_batch()) {
        const size_t end = std::min(ids.size(), at + static_cast<size_t>(workload_.sub_batch()));
        const std::vector<int64_t> some(ids.begin() + static_cast<int64_t>(at),
                                        ids.begin() + static_cast<int64_t>(end));
        const Examples batch = workload_.reads_examples() ? examples_.Gather(some) : Examples();
        if (auto status = workload_.AddSum(inputs, batch, some, part); !status.ok()) return status;
      }
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += part[i];
    }
    return sum;
  }

  // Computes and applies the job that was begun, evaluates if it is due.
  absl::Status End(int lane) {
    const Job job = *begun_[lane];
    begun_[lane].reset();
    if (learner_->progress(lane).finished) return absl::OkStatus();  // stopped meanwhile
    auto sum = SumOf(lane, job.number, job.reads);
    if (!sum.ok()) return sum.status();
    const auto applied = learner_->Apply(lane, job.number, PlainSum(*std::move(sum)));
    if (!applied.ok()) return applied.status();
    applied_[lane].push_back(*applied);
    due_ = learner_->DueViews();
    return late_ ? absl::OkStatus() : EvaluateDue();
  }
  // The first view that is due, if any.
  absl::Status EvaluateDue() {
    if (due_.empty()) return absl::OkStatus();
    const auto evaluation = learner_->Evaluate(due_.front(), test_);
    if (!evaluation.ok()) return evaluation.status();
    evaluations_.push_back(*evaluation);
    learner_->Evaluated(due_.front(), *evaluation);
    due_ = learner_->DueViews();
    return absl::OkStatus();
  }
  // The learner was loaded from a checkpoint.
  void Resume() { due_ = learner_->DueViews(); }

  // The segment as it is: early stopping may have gone back to an older version.
  std::span<const float> FinalValues(int segment) const {
    int64_t version = learner_->progress(segment).jobs_done;
    while (version > 0 && learner_->Values({segment, version}).empty()) --version;
    return learner_->Values({segment, version});
  }

  // One job after the other: always the first lane that may begin.
  absl::Status Run() {
    while (!Finished()) {
      int lane = 0;
      while (lane < lanes() && !MayBegin(lane)) ++lane;
      if (lane == lanes()) return absl::InternalError("no lane can go on");
      Begin(lane);
      if (auto status = End(lane); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  // Jobs begin and end in an order drawn by seed; at most `steps` of either.
  absl::Status RunInAnyOrder(uint64_t seed, int64_t steps = INT64_MAX) {
    RandomStream stream(seed, Purpose::kStraggle);
    for (int64_t step = 0; step < steps && !Finished(); ++step) {
      std::vector<int> movable;
      // At most three views are due at a time, as the service has it.
      for (int lane = 0; lane < lanes() && due_.size() < 3; ++lane) {
        if (Begun(lane) || MayBegin(lane)) movable.push_back(lane);
      }
      if (!due_.empty()) movable.push_back(lanes());
      if (movable.empty()) return absl::InternalError("no lane can go on");
      const int lane = movable[stream.NextBelow(movable.size())];
      if (lane == lanes()) {
        if (auto status = EvaluateDue(); !status.ok()) return status;
      } else if (!Begun(lane)) {
        Begin(lane);
      } else if (auto status = End(lane); !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

 private:
  struct Job {
    int64_t number = 0;
    std::vector<SegmentVersion> reads;
  };

  LocalTrainer(const Workload& workload, const v1::TrialSpec& trial, const Examples* test)
      : workload_(workload),
        trial_(trial),
        test_(test),
        plan_(workload.PlanJobs(trial.training(), trial.seed())),
        begun_(workload.lanes().size()),
        applied_(workload.lanes().size()) {}
  int lanes() const { return static_cast<int>(begun_.size()); }

  const Workload& workload_;
  const v1::TrialSpec trial_;
  const Examples* test_;
  const std::unique_ptr<JobPlan> plan_;
  Examples examples_;
  std::unique_ptr<Learner> learner_;
  std::vector<std::optional<Job>> begun_;
  std::vector<std::vector<AppliedJob>> applied_;
  std::vector<Evaluation> evaluations_;
  bool late_ = false;
  std::vector<int64_t> due_;
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_MODELS_LEARNERS_LOCAL_TRAINER_H_
