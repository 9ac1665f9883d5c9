// What is trained. The worker's side is a pure function of (parameters, examples, seeds): a sum
// over examples of a float vector [gradient | scalars], hence codable. Immutable and thread-safe.
#ifndef GRADLOOM_MODELS_WORKLOADS_WORKLOAD_H_
#define GRADLOOM_MODELS_WORKLOADS_WORKLOAD_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gradloom/v1/run.pb.h"
#include "models/data/dataset.h"

namespace gradloom {

// Scalars that travel behind the gradient, as further coordinates of the sum.
enum ReplyScalar { kLossSum = 0, kCorrect = 1, kExamples = 2, kReplyScalars = 3 };

// A named slice of the parameter vector, for checkpoints: row-major `shape`.
struct ParameterSegment {
  std::string name;  // "layers.0.weight"
  std::vector<int64_t> shape;
  int64_t offset = 0;
  int64_t size = 0;
};

// What identifies a chunk sum beside its examples.
struct JobInputs {
  std::span<const float> parameters;
  uint64_t seed = 0;  // the trial's
  int64_t job = 0;
};

struct Evaluation {
  double loss = 0;      // mean
  double accuracy = 0;  // classification: fraction correct; regression: R^2
  int64_t examples = 0;
};

class Workload {
 public:
  virtual ~Workload() = default;

  virtual int64_t parameters() const = 0;
  int64_t reply_length() const { return parameters() + kReplyScalars; }
  virtual const std::vector<ParameterSegment>& segments() const = 0;
  // Fills the initial parameters from a seed.
  virtual void Initialise(uint64_t seed, std::span<float> parameters) const = 0;
  // Examples computed at a time; work may stop between sub-batches. Sums are accumulated sub-batch
  // by sub-batch in example order, so a chunk's bits do not depend on who computes it.
  virtual int64_t sub_batch() const = 0;
  // Adds the gradient sum of `batch` (at most sub_batch() examples), and its scalars, to `sum`
  // (reply_length() values). ids[i] is example i's number in the training set: it keys dropout.
  virtual absl::Status AddSum(const JobInputs& inputs, const Examples& batch,
                              std::span<const int64_t> ids, std::span<float> sum) const = 0;
  virtual absl::StatusOr<Evaluation> Evaluate(std::span<const float> parameters,
                                              const Examples& examples) const = 0;
};

// Errors name the field ("workload.mlp.hidden[1]"), the value and what is legal, and what the data
// is when workload and data do not fit.
absl::StatusOr<std::unique_ptr<Workload>> MakeWorkload(const v1::WorkloadSpec& spec,
                                                       const DatasetInfo& data);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_WORKLOAD_H_
