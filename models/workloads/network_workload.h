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
#include "models/workloads/workload.h"

namespace gradloom {

class NetworkWorkload final : public Workload {
 public:
  // `linear`: the network is one dense layer. Its first parameters are then the weights,
  // [width, features], and the bias, if any, follows.
  NetworkWorkload(Network network, LossKind loss, int64_t sub_batch, bool linear);

  int64_t parameters() const override { return network_.parameters(); }
  const std::vector<ParameterSegment>& segments() const override { return segments_; }
  void Initialise(uint64_t seed, std::span<float> parameters) const override;
  int64_t sub_batch() const override { return sub_batch_; }
  absl::Status AddSum(const JobInputs& inputs, const Examples& batch, std::span<const int64_t> ids,
                      std::span<float> sum) const override;
  absl::StatusOr<Evaluation> Evaluate(std::span<const float> parameters,
                                      const Examples& examples) const override;

 private:
  int64_t features() const { return network_.input().size(); }
  int64_t width() const { return network_.output().size(); }

  Network network_;
  LossKind loss_;
  int64_t sub_batch_;
  bool linear_;
  std::vector<ParameterSegment> segments_;
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_NETWORK_WORKLOAD_H_
