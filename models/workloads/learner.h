// The coordinator's side of a trial: its state, and how a decoded job moves it. Everything that is
// no sum over examples (division by their number, moments, projections, recursions, early stopping)
// happens here. Not thread-safe; all methods are deterministic: the state after a set of jobs does
// not depend on the order in which independent lanes' jobs were applied.
#ifndef GRADLOOM_MODELS_WORKLOADS_LEARNER_H_
#define GRADLOOM_MODELS_WORKLOADS_LEARNER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gradloom/v1/checkpoint.pb.h"
#include "models/data/dataset.h"
#include "models/workloads/workload.h"

namespace gradloom {

// A job's decoded sum, scalars included; read piece by piece, so that nobody needs a second copy.
class DecodedSum {
 public:
  virtual ~DecodedSum() = default;
  // Values [offset, offset + out.size()). Fastest in whole blocks of kBlock.
  static constexpr size_t kBlock = 16384;
  virtual void Read(size_t offset, std::span<float> out) const = 0;
};

// What applying a job told.
struct AppliedJob {
  double loss = 0;      // mean over the job's examples
  double accuracy = 0;  // on them, before the update
  double learning_rate = 0;
  double gradient_norm = 0;
  // The state as of here is due to be evaluated; it is set aside as the view of that number.
  std::optional<int64_t> evaluate = std::nullopt;
};

struct LaneProgress {
  int64_t jobs_done = 0;
  int64_t jobs = 0;  // at most
  // A lane that has done all its jobs and is not finished waits for its last evaluation.
  bool finished = false;
};

class Learner {
 public:
  // A vector of the state as it is written to a checkpoint.
  struct NamedVector {
    std::string name;
    std::vector<int64_t> shape;
    std::span<float> values;
    bool parameter = false;          // part of the trained model, not only of the way there
    std::span<double> doubles = {};  // in place of values, where the state is in double
  };

  virtual ~Learner() = default;

  virtual LaneProgress progress(int lane) const = 0;
  // What the lane's next job reads: Workload::Reads with final versions filled in. To be asked once
  // the lane's needs are met.
  virtual std::vector<SegmentVersion> Reads(int lane) const = 0;
  // Applies the lane's next job (job = progress(lane).jobs_done). OutOfRange when the loss or the
  // sum is not finite: nothing has changed then. Other lanes may finish by it, too.
  virtual absl::StatusOr<AppliedJob> Apply(int lane, int64_t job, const DecodedSum& sum) = 0;
  // The lane's next job is given up, and with it what cannot be done without it: progress(lane)
  // tells where the lane goes on. The view that is due for evaluation, if any. Unimplemented for
  // lanes without LaneSpec::give_up.
  virtual absl::StatusOr<std::optional<int64_t>> ApplyMissing(int lane, int64_t job);
  // The sum of a job that ApplyMissing was called for. OutOfRange as Apply; Unimplemented for lanes
  // without LaneSpec::late.
  virtual absl::Status ApplyLate(int lane, int64_t job, const DecodedSum& sum);
  // The segment's values at that version; empty when they are not kept (any more). Kept are those
  // that jobs may read, and those of the views that are due.
  virtual std::span<const float> Values(SegmentVersion segment) const = 0;
  // There is nothing to evaluate on: no view is due, nor set aside, from here on. To be called
  // before all that follows; never with Workload::has_own_test.
  virtual void EvaluateNever() {}
  // Views that are due, and not evaluated, in the order in which Evaluated takes them. None once
  // an evaluation has ended the training.
  virtual std::vector<int64_t> DueViews() const = 0;
  // One of them. Until Evaluated it stays where it is, whatever else happens: it may be
  // read meanwhile. [nothing, where Workload::evaluated_by_learner]
  virtual TrialView View(int64_t /*view*/) const { return {}; }
  virtual absl::StatusOr<Evaluation> Evaluate(int64_t view, const Examples* test) const = 0;
  // Does what Evaluate does, and may be called while the learner moves on, but for Evaluated;
  // wanted where Workload::evaluated_by_learner.
  using Evaluator = std::function<absl::StatusOr<Evaluation>(const Examples* test)>;
  virtual Evaluator EvaluatorOf(int64_t view) const;
  // Takes note of an evaluation. May finish lanes (a target reached, patience exhausted) at the
  // view's state, or at the best one's, however far they have come meanwhile.
  virtual void Evaluated(int64_t view, const Evaluation& evaluation) = 0;

  // For checkpoints: what is small, and the vectors. A new learner that has loaded the former lists
  // the same vectors, to be filled. DataLoss when it is another learner's, or has come further than
  // this training goes.
  virtual v1::LearnerProgress SaveProgress() const = 0;
  virtual absl::Status LoadProgress(const v1::LearnerProgress& progress) = 0;
  virtual std::vector<NamedVector> Vectors() = 0;
  // Once a checkpoint has been loaded, vectors and all: lanes that had finished go on from their
  // last state where the training is now longer, or what ended them would end them no more
  // (patience, target_accuracy). The state is then what it would be had the training been so from
  // the start, where no lane waits for the end of another. FailedPrecondition when the checkpoint
  // lacks what that takes.
  virtual absl::Status GoOn() = 0;
  // Once the parameters among Vectors() have been replaced, before the first job: whatever follows
  // from them does so anew.
  virtual void StartFromParameters() {}
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_LEARNER_H_
