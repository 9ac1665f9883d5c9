// What is trained. A trial's state is a list of **segments** (vectors that workers read, versioned
// by the number of their updates); its work is a list of **lanes** (chains of dependent jobs). Most
// workloads have one of each. Layers that are trained locally, blocks that do not wait for each
// other, sampled blocks of a multi-block problem are lanes of one trial, so that sequential schemes
// serve a single model as they serve a sweep.
//
// The worker's side is a pure function of (the segments' values, examples, seeds): a sum over
// examples of a float vector of named parts (request.h), hence codable. What a job sums is what the
// learner asks (models/learners/learner.h, the coordinator's side): the gradient, mostly. A
// Workload is immutable and thread-safe.
#ifndef GRADLOOM_MODELS_WORKLOADS_WORKLOAD_H_
#define GRADLOOM_MODELS_WORKLOADS_WORKLOAD_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gradloom/v1/run.pb.h"
#include "models/data/dataset.h"
#include "models/data/job_plan.h"
#include "models/workloads/evaluation.h"
#include "models/workloads/request.h"

namespace gradloom {

// A named slice of a segment, for checkpoints: row-major `shape`.
struct ParameterTensor {
  std::string name;  // "layers.0.weight"; unique in the trial
  std::vector<int64_t> shape;
  int64_t offset = 0;  // in the segment
  int64_t size = 0;
};

// A vector of the trial's state that jobs read as a whole.
struct SegmentSpec {
  std::vector<ParameterTensor> tensors;
  int64_t size = 0;
  // Versions kept behind the newest one, for jobs that read older ones.
  int history = 0;
};
inline constexpr int64_t kFinal = -1;  // whichever version a finished lane left
struct SegmentVersion {
  int32_t segment = 0;
  int64_t version = 0;  // number of updates, or kFinal
  friend bool operator==(const SegmentVersion&, const SegmentVersion&) = default;
  friend auto operator<=>(const SegmentVersion&, const SegmentVersion&) = default;
};

// Job j of a lane starts only once job j - 1 of it has been applied, and for each need: the other
// lane has applied at least j - lag jobs (lag -1: its job j, too) or is finished; or, with
// `finished`, is finished.
struct LaneNeed {
  int32_t lane = 0;
  int64_t lag = 0;
  bool finished = false;
};
struct LaneSpec {
  std::string name;   // "layer-1"; "" for the only lane
  ReplyLayout reply;  // of its jobs' usual request
  std::vector<LaneNeed> needs;
  // A job may count as missing when its sum is not there so long after it began
  // (Learner::ApplyMissing); and, with `late`, still serve when it comes (Learner::ApplyLate).
  absl::Duration give_up = absl::InfiniteDuration();
  bool late = false;
};

// What identifies a chunk sum beside its examples.
struct JobInputs {
  // The values of Reads(lane, job), in that order, and which they are: a key for what is derived.
  std::vector<std::span<const float>> segments;
  std::vector<SegmentVersion> versions = {};
  uint64_t seed = 0;  // the trial's
  int lane = 0;
  int64_t job = 0;  // or Request::batch, the job whose examples and draws this one shares
};

// Which of a job's positions a sub-batch is at, for requests whose sums depend on it.
struct JobShare {
  int64_t position = 0;   // of the sub-batch's first example among the job's
  int64_t positions = 0;  // of the job
  // For requests that share the parameters, not the examples (SharesParameters): [begin, end) /
  // denominator of them is summed over, for all of the job's examples at once, of which those at
  // positions [first, last) count in the scalars.
  int64_t begin = 0, end = 1, denominator = 1;
  int64_t first = 0, last = 0;
};

struct Evaluation {
  double loss = 0;      // mean
  double accuracy = 0;  // classification: fraction correct; regression: R^2
  int64_t examples = 0;
  // On data that is neither trained nor tested on, where the workload sets some aside: decides
  // early stopping. Larger is better.
  std::optional<double> validation = std::nullopt;
};

// Of a chunk of the test set; or of all at once, where the workload has its own.
using EvaluationResult = std::variant<EvaluationSums, Evaluation>;

// The trial's whole state as it is evaluated.
struct TrialView {
  std::vector<std::span<const float>> segments;  // one each, in order
  std::vector<int64_t> versions = {};            // of the segments
  std::vector<int64_t> jobs_done = {};           // by lane; 0: not begun
  uint64_t seed = 0;                             // the trial's
};

class Workload {
 public:
  virtual ~Workload() = default;

  virtual const std::vector<SegmentSpec>& segments() const = 0;
  virtual const std::vector<LaneSpec>& lanes() const = 0;
  // Values of all segments.
  int64_t parameters() const;
  // A lane's direction (JobOrder::reads) is a segment behind the others, as long as the lane's own.
  int DirectionOf(int lane) const { return static_cast<int>(segments().size()) + lane; }
  // Of a segment or a direction; 0 where there is none of that number.
  int64_t SegmentSize(int segment) const;

  // What the lane's gradient job reads; kFinal where it reads a lane's segment that it needs
  // finished. [segment `lane` at version `job`: every lane has its own]. Segments beyond the lanes'
  // are constants: always at version 0.
  virtual std::vector<SegmentVersion> Reads(int lane, int64_t job) const;
  // Fills a segment's initial values from a seed. What the training set decides is left at zero;
  // Constants tells it.
  virtual void Initialise(uint64_t seed, int segment, std::span<float> values) const = 0;

  // Which examples jobs use. [mini-batches of training.batch_size over the whole training set]
  virtual std::unique_ptr<JobPlan> PlanJobs(const v1::TrainingSpec& training, uint64_t seed) const;
  // Whether AddSum wants the examples themselves, or their numbers only (it has its own data).
  virtual bool reads_examples() const { return true; }
  // Examples computed at a time; work may stop between sub-batches. Sums are accumulated sub-batch
  // by sub-batch in position order, so a chunk's bits do not depend on who computes it.
  virtual int64_t sub_batch() const = 0;
  // Adds the gradient sum over `batch` (at most sub_batch() examples; empty unless
  // reads_examples()), and its scalars, to `sum`, which is laid out as the lane's reply. ids[i] is
  // example i's number in the training set: it keys whatever is drawn for it.
  virtual absl::Status AddSum(const JobInputs& inputs, const Examples& batch,
                              std::span<const int64_t> ids, std::span<float> sum) const = 0;

  // How a reply to the request is laid out. Unimplemented names the request when the workload does
  // not answer it; InvalidArgument what is wrong with it. [the lane's reply, to gradient requests]
  virtual absl::StatusOr<ReplyLayout> LayoutOf(int lane, const v1::Request& request) const;
  // As AddSum, of what is requested, laid out so. inputs.segments has the direction last, where the
  // request reads one.
  virtual absl::Status AddAnswer(const v1::Request& request, const JobShare& share,
                                 const JobInputs& inputs, const Examples& batch,
                                 std::span<const int64_t> ids, std::span<float> sum) const;

  // Whether Evaluate needs no test set from outside, and whether it fills Evaluation::validation.
  virtual bool has_own_test() const { return false; }
  virtual bool has_validation() const { return false; }
  // Whether only the learner can evaluate: it takes more than the segments.
  virtual bool evaluated_by_learner() const { return false; }
  // Adds the losses of `batch` (at most sub_batch() test examples, numbered from `first`), and what
  // Conclude needs beside them. DataLoss names an example. Unimplemented if has_own_test().
  virtual absl::Status AddEvaluation(const TrialView& view, const Examples& batch, int64_t first,
                                     EvaluationSums* sums) const;
  // What the sums over all test examples say. [mean loss, fraction correct]
  virtual Evaluation Conclude(const EvaluationSums& sums) const;
  // All at once; `test` is null only if has_own_test(). [Conclude of the sums over the chunks of
  // CutTestSet(test, sub_batch()), merged in order]
  virtual absl::StatusOr<Evaluation> Evaluate(const TrialView& view, const Examples* test) const;
  // Of `rows` of the examples, the first of which is test example `first`, sub-batch by sub-batch.
  // Cancelled when `keep_going`, which is asked before each, says so.
  absl::StatusOr<EvaluationSums> EvaluateChunk(const TrialView& view, const Examples& examples,
                                               TestChunk rows, int64_t first,
                                               absl::FunctionRef<bool()> keep_going) const;

  // Bytes that an evaluation takes beside the trial's state and the test data, where it is much.
  virtual double EvaluationBytes() const { return 0; }
  // Values of the segments beyond the lanes', in order: what the training set decides. [none]
  virtual absl::StatusOr<std::vector<std::vector<float>>> Constants(
      const Dataset* /*train*/) const {
    return std::vector<std::vector<float>>();
  }

 protected:
  explicit Workload(int64_t examples) : examples_(examples) {}

 private:
  int64_t examples_;  // of the training set
};

// Errors name the field ("workload.mlp.hidden[1]"), the value and what is legal, and what the data
// is when workload and data do not fit.
absl::StatusOr<std::unique_ptr<Workload>> MakeWorkload(const v1::WorkloadSpec& spec,
                                                       const DatasetInfo& data);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_WORKLOAD_H_
