// How a decoded gradient moves the parameters. Runs at the coordinator, after decoding: everything
// non-linear or global (division by the number of examples, weight decay, clipping, moments,
// schedule) happens here, never at a worker. Stateless: the moments live with the caller, so that
// checkpoints see them. Immutable and thread-safe.
//
// A rule is element-wise (an element's move depends on that element alone, so any split into blocks
// gives the same bits) or sees whole tensors with their shapes, one at a time: a matrix to
// orthogonalise, a layer to scale by its norm. Whoever calls tells by element_wise().
#ifndef GRADLOOM_MODELS_OPTIMISERS_OPTIMISER_H_
#define GRADLOOM_MODELS_OPTIMISERS_OPTIMISER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gradloom/v1/run.pb.h"
#include "models/spec/findings.h"

namespace gradloom {

// What a tensor's values are, before an update and after it.
enum class Constraint {
  kNone,
  kBinary,           // each is -1 or 1
  kUnitNorm,         // of length 1 as a whole: a point on the sphere
  kOrthonormalRows,  // a matrix W with W W^T = I: a point on the Stiefel manifold
};

// A tensor that an update is about. Borrows.
struct TensorView {
  absl::string_view name;          // "layers.0.weight"
  std::span<const int64_t> shape;  // row-major: [rows, columns] of a matrix
  Constraint constraint = Constraint::kNone;
};

class Optimiser {
 public:
  virtual ~Optimiser() = default;
  // Names of the state vectors, each as long as the parameters and starting at zero:
  // e.g. {"first_moment", "second_moment"}.
  virtual const std::vector<std::string>& state_names() const = 0;
  // Learning rate at job (from 0), schedule and warm-up applied.
  virtual double LearningRate(int64_t job) const = 0;
  // 0: no clipping.
  double clip_norm() const { return clip_norm_; }

  // Whether Update may be called, with any split into blocks. Otherwise whole tensors only.
  virtual bool element_wise() const { return true; }
  // Whether an update leaves such a tensor as constrained as it was. Ask before the first one.
  virtual bool Keeps(Constraint constraint) const { return constraint == Constraint::kNone; }

  // One block of job's update. gradient[i] * scale is the mean gradient (scale = clip factor / N);
  // weight decay is added here. state[k] is the block's slice of state vector k.
  virtual void Update(int64_t job, double scale, std::span<const float> gradient,
                      std::span<float> parameters,
                      std::span<const std::span<float>> state) const = 0;
  // Likewise of a whole tensor, for any rule: spans have as many values as the shape says. An
  // element-wise rule's bits are those of Update. Tensors are independent of each other.
  virtual void UpdateTensor(int64_t job, double scale, const TensorView& tensor,
                            std::span<const float> gradient, std::span<float> parameters,
                            std::span<const std::span<float>> state) const;

 protected:
  double clip_norm_ = 0;
};

// Sets what `spec` leaves out, as far as its kind uses it.
void FillOptimizer(v1::OptimizerSpec* spec);
// Reports what is wrong with a spec that has its defaults, as "optimizer.beta1: ...": also what its
// kind does not use, which would silently do nothing. jobs: length of the training, for schedules.
void CheckOptimizer(const v1::OptimizerSpec& spec, int64_t jobs, Findings* findings);
// Takes away what belongs to a kind: another kind keeps the rest.
void ClearOwnFields(v1::OptimizerSpec* spec);

// Errors are those of CheckOptimizer on `spec` with its defaults.
absl::StatusOr<std::unique_ptr<Optimiser>> MakeOptimiser(const v1::OptimizerSpec& spec,
                                                         int64_t jobs);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_OPTIMISERS_OPTIMISER_H_
