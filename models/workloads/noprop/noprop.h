// NoProp (Li, Teh and Pascanu 2025): what its variants have in common. A model is made of blocks
// (denoiser.h) and of the classes' embeddings, a table of `classes` rows:
//   one-hot    the identity;
//   prototype  the classes' mean training examples: a constant segment behind the lanes', which the
//              coordinator computes, for it alone has the whole training set;
//   learned    parameters behind the blocks' in the only segment, and a linear read-out behind
//   them.
// What has no gradient with respect to embeddings leaves the blocks' losses independent.
#ifndef GRADLOOM_MODELS_WORKLOADS_NOPROP_NOPROP_H_
#define GRADLOOM_MODELS_WORKLOADS_NOPROP_NOPROP_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/layers/network.h"
#include "models/workloads/class_numbers.h"
#include "models/workloads/noprop/denoiser.h"
#include "models/workloads/noprop/noise.h"
#include "models/workloads/workload.h"

namespace gradloom {

// A spec with its defaults filled in, checked.
struct NoPropModel {
  DatasetInfo data;
  v1::NoProp::Embedding embedding = v1::NoProp::ONE_HOT;
  DenoiserShape block;          // but outputs, timed and first_dropout
  int64_t blocks = 0;           // DT
  int64_t inference_steps = 0;  // CT, FM
  double eta = 0;
  double weight_limit = 0;
  double embedding_spread = 1;    // standard deviation of learned embeddings' initial values
  bool learned_schedule = false;  // CT
};

class NoProp : public Workload {
 public:
  const std::vector<SegmentSpec>& segments() const final { return segments_; }
  const std::vector<LaneSpec>& lanes() const final { return lanes_; }
  std::vector<SegmentVersion> Reads(int lane, int64_t job) const final;
  void Initialise(uint64_t seed, int segment, std::span<float> values) const final;
  int64_t sub_batch() const final { return model_.block.channels.empty() ? 128 : 32; }
  absl::Status AddSum(const JobInputs& inputs, const Examples& batch, std::span<const int64_t> ids,
                      std::span<float> sum) const final;
  absl::Status AddEvaluation(const TrialView& view, const Examples& batch, int64_t first,
                             EvaluationSums* sums) const final;
  absl::StatusOr<std::vector<std::vector<float>>> Constants(const Dataset* train) const final;

 protected:
  // A sub-batch under way. What a variant adds to `losses`, `correct` and the gradients is all of
  // its loss.
  struct Batch {
    Pass pass;
    const float* x = nullptr;           // rows x features
    const float* targets = nullptr;     // class numbers
    const float* table = nullptr;       // classes x dimension
    const float* u = nullptr;           // rows x dimension: the targets' embeddings
    std::span<const float> parameters;  // of the lane's segment
    float* gradient = nullptr;          // at them
    // At table and u, where embeddings are learned; else null.
    float* d_table = nullptr;
    float* du = nullptr;
    std::vector<double> losses = {};  // by row
    double correct = 0;
  };

  // `blocks` of a segment each where embeddings are fixed, else all in one. extra: parameters of
  // the variant's own, behind all others of the only segment.
  NoProp(NoPropModel model, std::vector<Denoiser> blocks, ParameterTensor extra = {});

  // Adds the lane's loss of a sub-batch and its gradients; none of the latter once a loss is not
  // finite.
  virtual void AddLoss(int lane, Batch* batch) const = 0;
  // From z, nothing but noise, to the last z. Memory is taken from `scratch`, and given back at
  // every step; rows x dimension.
  virtual void Infer(const TrialView& view, const Batch& batch, Workspace* scratch,
                     float* z) const = 0;

  const NoPropModel& model() const { return model_; }
  int64_t dimension() const { return model_.block.dimension; }
  int64_t classes() const { return model_.data.classes; }
  bool learned() const { return model_.embedding == v1::NoProp::LEARNED; }
  const Denoiser& block(size_t b) const { return blocks_[b]; }
  // Of block b's parameters in the only segment of learned embeddings.
  int64_t BlockOffset(size_t b) const;
  int64_t extra_offset() const { return extra_offset_; }

  NoiseKey KeyOf(const Batch& batch, uint32_t step) const {
    return {batch.pass.seed, batch.pass.job, step};
  }
  // Noise of the step, rows x dimension.
  float* Noise(const Batch& batch, uint32_t step) const;
  // sqrt(signal) u + sqrt(noise) eps, by row; `levels` has a level a row, or one for all.
  float* Diffuse(const Batch& batch, std::span<const NoiseLevel> levels, const float* eps) const;

  // uhat = softmax(scores) table.
  struct Estimate {
    float* probabilities;  // rows x classes
    float* u;              // rows x dimension
  };
  Estimate EstimateFrom(const Batch& batch, const float* scores) const;
  // A step of inference: z becomes the next one.
  void Advance(const Batch& batch, const Estimate& estimate, const NoiseStep& step,
               uint32_t noise_step, float* z) const;

  static bool Finite(const Batch& batch);
  // The denoising loss of a block at z, by row weight / 2 |uhat - u|^2, and its gradients; dz
  // (rows x dimension) unless it is null. Returns |uhat - u|^2 by row.
  struct Denoising {
    const Denoiser& block;
    std::span<const float> parameters;
    float* gradient;
    const float* z;
    const double* times;
    const std::vector<double>& weights;
    bool count_correct;
  };
  std::vector<double> AddDenoising(const Denoising& term, float* dz, Batch* batch) const;
  // The cross-entropy of the learned read-out at z, and its gradients; writes dz. The number of
  // examples that it has right.
  int64_t AddReadOut(const float* z, float* dz, Batch* batch) const;
  // Examples whose embedding is the nearest to their z.
  int64_t CountNearest(const Batch& batch, const float* z) const;
  // du += scale dz, by row; `scale` one a row, or one for all.
  void AddScaled(std::span<const double> scale, const float* dz, const Batch& batch) const;

 private:
  absl::Status CheckSizes(const JobInputs& inputs, const Examples& batch,
                          std::span<const int64_t> ids, std::span<float> sum) const;
  absl::Status CheckSegment(size_t segment, size_t size) const;
  const float* TableOf(std::span<const std::span<const float>> segments) const;
  // Examples, targets and embeddings of a sub-batch, which are numbered from `first` unless they
  // have ids. DataLoss names an example.
  absl::Status Prepare(const Examples& examples, int64_t first, Batch* batch) const;
  // Of a batch that has been prepared.
  absl::Status AddInference(const TrialView& view, Batch* batch, EvaluationSums* sums) const;
  absl::StatusOr<std::vector<float>> Prototypes(const Dataset& train) const;

  NoPropModel model_;
  ClassNumbers class_numbers_;
  std::vector<Denoiser> blocks_;
  Network read_out_;
  std::vector<float> identity_;  // the table of one-hot embeddings
  int64_t table_offset_ = 0;     // in the only segment; of learned embeddings
  int64_t extra_offset_ = 0;
  std::vector<SegmentSpec> segments_;
  std::vector<LaneSpec> lanes_;
};

std::unique_ptr<Workload> MakeNoPropDt(const NoPropModel& model);
std::unique_ptr<Workload> MakeNoPropCt(const NoPropModel& model);
std::unique_ptr<Workload> MakeNoPropFm(const NoPropModel& model);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_NOPROP_NOPROP_H_
