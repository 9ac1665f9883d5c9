// One model of a run: its parameters, its optimiser's state, and how a decoded job moves them.
// Thread-safe: workers' fetches and checkpoints read under a shared lock, one effect at a time
// writes.
#ifndef GRADLOOM_COORDINATOR_ENGINE_TRIAL_H_
#define GRADLOOM_COORDINATOR_ENGINE_TRIAL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coding/scheme.h"
#include "coordinator/data_plane/job_sum.h"
#include "gradloom/v1/run.pb.h"
#include "models/data/dataset.h"
#include "models/data/minibatch.h"
#include "models/optimisers/optimiser.h"
#include "models/workloads/workload.h"

namespace gradloom {

// What applying a job told.
struct AppliedJob {
  double loss = 0;      // mean over the job's examples
  double accuracy = 0;  // on them, before the update
  double learning_rate = 0;
  double gradient_norm = 0;
};

class Trial {
 public:
  // spec is resolved: every optional field is set. Parameters are initialised from its seed.
  static absl::StatusOr<std::unique_ptr<Trial>> Create(const v1::TrialSpec& spec,
                                                       const DatasetInfo& data);

  const v1::TrialSpec& spec() const { return spec_; }
  const Workload& workload() const { return *workload_; }
  const MinibatchPlan& minibatches() const { return minibatches_; }
  int64_t jobs() const { return jobs_; }
  // Jobs applied so far: the version of the parameters.
  int64_t jobs_done() const;
  double epoch() const;
  // Whether the test data are to be evaluated after `jobs_done` jobs.
  bool EvaluationDue(int64_t jobs_done) const;

  // Decodes `job` (which must be jobs_done()) and updates the parameters. DataLoss when the sum
  // does not count exactly the job's examples (within `count_tolerance`, relative); OutOfRange when
  // the loss or the gradient is not finite. The parameters are untouched then.
  absl::StatusOr<AppliedJob> Apply(int64_t job, const JobSum& sum, const JobDecoding& decoding,
                                   double count_tolerance);
  absl::StatusOr<Evaluation> Evaluate(const Examples& test) const;

  // Copies parameters [offset, offset + out.size()) of `version`; false when they have moved on.
  bool ReadParameters(int64_t version, size_t offset, std::span<float> out) const;
  // Of the parameters' bytes, in hexadecimal.
  std::string Sha256() const;

  // For checkpoints: hold the lock while the spans are in use.
  std::shared_lock<std::shared_mutex> LockForReading() const { return std::shared_lock(mutex_); }
  int64_t JobsDoneLocked() const { return jobs_done_; }
  struct NamedVector {
    std::string name;
    std::vector<int64_t> shape;
    std::span<float> values;
  };
  // The parameters by segment, then each optimiser state vector ("optimiser.first_moment").
  std::vector<NamedVector> Vectors();
  // After a checkpoint was read into Vectors().
  void SetJobsDone(int64_t jobs_done);

 private:
  Trial(v1::TrialSpec spec, std::unique_ptr<Workload> workload, MinibatchPlan minibatches);

  v1::TrialSpec spec_;
  std::unique_ptr<Workload> workload_;
  std::unique_ptr<Optimiser> optimiser_;
  MinibatchPlan minibatches_;
  int64_t jobs_ = 0;
  int64_t evaluate_every_ = 0;
  mutable std::shared_mutex mutex_;
  int64_t jobs_done_ = 0;
  std::vector<float> parameters_;
  std::vector<std::vector<float>> state_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_TRIAL_H_
