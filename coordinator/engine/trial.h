// One model of a run: a workload and its learner, and the lock between them and the world.
// Thread-safe: workers' fetches and checkpoints read under a shared lock, one effect at a time
// writes. An effect is the applying of a job, or the taking note of an evaluation, with what is
// recorded of it: a checkpoint sees all of it or nothing.
#ifndef GRADLOOM_COORDINATOR_ENGINE_TRIAL_H_
#define GRADLOOM_COORDINATOR_ENGINE_TRIAL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coding/scheme.h"
#include "coordinator/data_plane/job_sum.h"
#include "gradloom/v1/checkpoint.pb.h"
#include "gradloom/v1/run.pb.h"
#include "models/data/dataset.h"
#include "models/learners/learner.h"
#include "models/workloads/job_plans.h"
#include "models/workloads/workload.h"
#include "proto/ops/mutex.h"

namespace gradloom {

class Trial {
 public:
  // The model and its jobs, without its state: nothing of the model's size is in memory yet. spec
  // is resolved: every optional field is set.
  static absl::StatusOr<std::unique_ptr<Trial>> Plan(const v1::TrialSpec& spec,
                                                     const DatasetInfo& train);
  // Bytes that it will take from Initialise on, at least, with a sum a lane.
  double MemoryBytes() const;
  // The state, from its seed; to be called before what follows, once. `has_test`: whether there is
  // a test set; without one, workloads that need it are never due to be evaluated.
  absl::Status Initialise(std::shared_ptr<const Dataset> train, bool has_test);

  const v1::TrialSpec& spec() const { return spec_; }
  const Workload& workload() const { return *workload_; }
  int lanes() const { return static_cast<int>(workload_->lanes().size()); }
  // "trial-0", or "trial-0/layer-1" where there are several lanes.
  std::string LaneName(int lane) const;
  LaneProgress progress(int lane) const;
  // Over all lanes; a lane that finished early counts its missing jobs as done.
  int64_t jobs() const;
  int64_t jobs_done() const;
  bool finished() const;
  // Passes over the lane's data so far.
  double epoch(int lane) const;
  // The lane's job under way, and how its replies are laid out; its needs must be met.
  struct LaneJob {
    JobOrder order;
    ReplyLayout reply;
  };
  LaneJob Next(int lane) const;
  // Examples in [begin, end) / denominator of the data of a job of that request; known exactly but
  // in a job that has empty positions.
  struct Count {
    int64_t least = 0;
    int64_t most = 0;
  };
  Count CountExamples(int lane, int64_t job, const v1::Request& request, int64_t begin, int64_t end,
                      int64_t denominator) const;

  // One effect at a time: hold it from before Apply, or Evaluated, until that is recorded.
  class ABSL_SCOPED_LOCKABLE Effect {
   public:
    explicit Effect(Trial& trial) ABSL_EXCLUSIVE_LOCK_FUNCTION(trial.effect_mutex_)
        : trial_(trial) {
      trial_.effect_mutex_.Lock();
    }
    ~Effect() ABSL_UNLOCK_FUNCTION() { trial_.effect_mutex_.Unlock(); }
    Effect(const Effect&) = delete;
    Effect& operator=(const Effect&) = delete;

   private:
    Trial& trial_;
  };
  // Decodes `job` of the lane (its next one) and applies it; nothing when the lane has been
  // finished meanwhile. DataLoss when the sum does not count exactly the job's examples (within
  // `count_tolerance`, relative); OutOfRange when it is not finite. The state is untouched then.
  absl::StatusOr<std::optional<AppliedJob>> Apply(int lane, int64_t job, const JobSum& sum,
                                                  const JobDecoding& decoding,
                                                  double count_tolerance);
  // The job counts as missing; see Learner. Nothing is due when the lane has been finished
  // meanwhile.
  absl::StatusOr<std::optional<int64_t>> ApplyMissing(int lane, int64_t job);
  // The sum of a job that was missing; errors as Apply.
  absl::Status ApplyLate(int lane, int64_t job, const JobSum& sum, const JobDecoding& decoding,
                         double count_tolerance);

  // Views that are due, and one of them: see Learner. It may be read until it is evaluated, without
  // a lock.
  std::vector<int64_t> DueViews() const;
  TrialView View(int64_t view) const;
  // A chunk of its evaluation; all of it, whatever `rows`, if the workload has its own test. `test`
  // may be null then. Holds no lock while it computes. Cancelled: see Workload::EvaluateChunk.
  absl::StatusOr<EvaluationResult> EvaluateChunk(int64_t view, TestChunk rows, const Examples* test,
                                                 absl::FunctionRef<bool()> keep_going) const;
  void Evaluated(int64_t view, const Evaluation& evaluation);

  // Copies values [offset, offset + out.size()) of a segment; false when that version is gone.
  bool ReadSegment(SegmentVersion segment, size_t offset, std::span<float> out) const;
  // Of the parameters' bytes, segment after segment, in hexadecimal.
  std::string Sha256() const;

  // For checkpoints: hold it, between two effects, while what the two methods below tell is in use.
  class ABSL_SCOPED_LOCKABLE Reading {
   public:
    explicit Reading(const Trial& trial) ABSL_EXCLUSIVE_LOCK_FUNCTION(trial.effect_mutex_)
        ABSL_SHARED_LOCK_FUNCTION(trial.mutex_)
        : trial_(trial) {
      trial_.effect_mutex_.Lock();  // in this order, as effects do
      trial_.mutex_.ReaderLock();
    }
    ~Reading() ABSL_UNLOCK_FUNCTION() {
      trial_.mutex_.ReaderUnlock();
      trial_.effect_mutex_.Unlock();
    }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    const Trial& trial_;
  };
  v1::LearnerProgress ProgressLocked() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return learner_->SaveProgress();
  }
  std::vector<Learner::NamedVector> VectorsLocked() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return learner_->Vectors();
  }
  // Before the vectors of a checkpoint are read, and after: see Learner::GoOn.
  absl::Status Restore(const v1::LearnerProgress& progress);
  absl::Status GoOn();
  // Replaces every parameter, before the first job: `fill` gets the vectors that are parameters.
  absl::Status StartFrom(
      absl::FunctionRef<absl::Status(std::span<const Learner::NamedVector>)> fill);

 private:
  explicit Trial(v1::TrialSpec spec) : spec_(std::move(spec)) {}

  // Whether the decoded sum of a job of that request counts its examples and has a finite loss.
  absl::Status CheckScalars(int lane, int64_t job, const v1::Request& request,
                            const DecodedSum& sum, double count_tolerance) const;
  absl::Status Named(int lane, int64_t job, const absl::Status& status) const;

  v1::TrialSpec spec_;
  std::unique_ptr<Workload> workload_;
  std::optional<JobPlans> plans_;
  mutable Mutex effect_mutex_;
  mutable SharedMutex mutex_;
  std::unique_ptr<Learner> learner_ ABSL_PT_GUARDED_BY(mutex_);
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_TRIAL_H_
