// A network and a loss as a workload: all the workloads of the table are this class with different
// layers. Sparse examples go straight through a single dense layer (linear models, any number of
// features); deeper networks get them written out, sub-batch by sub-batch.
#ifndef GRADLOOM_MODELS_WORKLOADS_NETWORK_WORKLOAD_H_
#define GRADLOOM_MODELS_WORKLOADS_NETWORK_WORKLOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "models/layers/loss.h"
#include "models/layers/network.h"
#include "models/workloads/class_numbers.h"
#include "models/workloads/workload.h"

namespace gradloom {

// A network's parameters by name, where they lie in its vector.
std::vector<ParameterTensor> TensorsOf(const Network& network);

class NetworkWorkload final : public Workload {
 public:
  // `linear`: the network is one dense layer. Its first parameters are then the weights,
  // [width, features], and the bias, if any, follows. `data` has classes unless the loss is of
  // numbers.
  NetworkWorkload(Network network, LossKind loss, int64_t sub_batch, bool linear,
                  const DatasetInfo& data);

  const std::vector<SegmentSpec>& segments() const override { return segments_; }
  const std::vector<LaneSpec>& lanes() const override { return lanes_; }
  void Initialise(uint64_t seed, int segment, std::span<float> values) const override;
  int64_t sub_batch() const override { return sub_batch_; }
  absl::Status AddSum(const JobInputs& inputs, const Examples& batch, std::span<const int64_t> ids,
                      std::span<float> sum) const override;
  double EvaluationBytes() const override;
  absl::Status AddEvaluation(const TrialView& view, const Examples& batch, int64_t first,
                             EvaluationSums* sums) const override;
  // Of numbers, the accuracy is R^2.
  Evaluation Conclude(const EvaluationSums& sums) const override;

 private:
  int64_t features() const { return network_.input().size(); }
  int64_t width() const { return network_.output().size(); }
  size_t reply_length() const { return static_cast<size_t>(lanes_[0].reply.length()); }

  Network network_;
  LossKind loss_;
  ClassNumbers classes_;
  int64_t sub_batch_;
  bool linear_;
  std::vector<SegmentSpec> segments_;  // one
  std::vector<LaneSpec> lanes_;        // one
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_NETWORK_WORKLOAD_H_
