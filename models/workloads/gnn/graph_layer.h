// One graph convolution: out = ReLU(conv(inputs) + bias), where the inputs are aggregated already
// (layer_inputs.h). GCN (arXiv 1609.02907) and SAGE with the mean (1706.02216) differ in the
// aggregation only; GAT (1710.10903) weighs the projected neighbours of each head by attention:
// a_ij = softmax over j of LeakyReLU_0.2(s . y_j + t . y_i), y = inputs W; heads side by side.
#ifndef GRADLOOM_MODELS_WORKLOADS_GNN_GRAPH_LAYER_H_
#define GRADLOOM_MODELS_WORKLOADS_GNN_GRAPH_LAYER_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/random.h"
#include "models/workloads/gnn/layer_inputs.h"
#include "models/workloads/workload.h"

namespace gradloom {

class GraphLayer {
 public:
  // `inputs`: width of the LayerInputs. `heads` divides `units`; 1 unless GAT.
  GraphLayer(Convolution convolution, int64_t inputs, int64_t units, int64_t heads, bool relu)
      : convolution_(convolution), inputs_(inputs), units_(units), heads_(heads), relu_(relu) {}

  int64_t units() const { return units_; }
  int64_t parameters() const;
  // weight [inputs, units] and bias [units]; GAT: also source and target [units]. The first lies at
  // `offset`.
  std::vector<ParameterTensor> Tensors(const std::string& name, int64_t offset) const;
  // Glorot's normal distribution; biases are zero.
  void Initialise(RandomStream& stream, std::span<float> parameters) const;

  // What Backward needs of a view.
  struct Pass {
    Matrix out;                    // wanted rows x units
    Matrix projected;              // GAT: all rows x units
    std::vector<float> attention;  // GAT: wanted rows' entries of `heard` x heads
    std::vector<float> slope;      // GAT: LeakyReLU's, likewise
  };
  // Views [first, last).
  std::vector<Pass> Forward(const LayerInputs& inputs, Rows rows, std::span<const float> parameters,
                            int first, int last) const;
  std::vector<Pass> Forward(const LayerInputs& inputs, Rows rows,
                            std::span<const float> parameters) const {
    return Forward(inputs, rows, parameters, 0, inputs.views);
  }
  // Adds the parameters' gradient. `gradients` are those at the passes' `out` (all views), and
  // become those at the products with the weights: of the wanted rows, or for GAT of all.
  void Backward(const LayerInputs& inputs, Rows rows, std::span<const float> parameters,
                const std::vector<Pass>& passes, std::vector<Matrix>& gradients,
                std::span<float> parameters_gradient) const;
  // The gradient at a dense part's rows, from that at the products.
  Matrix PartGradient(const InputPart& part, std::span<const float> parameters,
                      const Matrix& product_gradient) const;

 private:
  int64_t weights() const { return inputs_ * units_; }
  int64_t head_units() const { return units_ / heads_; }
  bool attends() const { return convolution_ == Convolution::kGat; }
  void Attend(const Csr& heard, Rows rows, std::span<const float> parameters, Pass& pass) const;
  void AttendBackward(const Csr& heard, Rows rows, std::span<const float> parameters,
                      const Pass& pass, Matrix& gradient,
                      std::span<float> parameters_gradient) const;

  Convolution convolution_;
  int64_t inputs_, units_, heads_;
  bool relu_;
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_GNN_GRAPH_LAYER_H_
