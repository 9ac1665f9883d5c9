// What a layer's outputs are trained towards, and what they say about nodes or pairs that are
// evaluated. (arXiv 2403.11004)
#ifndef GRADLOOM_MODELS_WORKLOADS_GNN_OBJECTIVE_H_
#define GRADLOOM_MODELS_WORKLOADS_GNN_OBJECTIVE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "models/layers/loss.h"
#include "models/workloads/gnn/matrix.h"
#include "models/workloads/gnn/split.h"
#include "models/workloads/workload.h"

namespace gradloom {

// The mean of the outputs of the layers above, which take part in a layer's loss as constants.
struct Above {
  Matrix sum;  // all nodes x units
  int layers = 0;
};

// Scores that layers add up: samples x outcomes.
using Scores = Matrix;

class Objective {
 public:
  explicit Objective(Split split) : split_(std::move(split)) {}
  virtual ~Objective() = default;
  const Split& split() const { return split_; }

  // The nodes whose outputs the loss of these training samples reads, each once.
  virtual std::vector<int32_t> Rows(std::span<const int64_t> ids) const = 0;
  // The loss summed over the training samples, from the outputs of Rows(ids) under every view, and
  // its gradient at them. bad_row is a place in `ids`.
  virtual LossSums Loss(std::span<const int64_t> ids, const std::vector<const Matrix*>& out,
                        const Above* above, std::vector<Matrix>* gradients) const = 0;
  // Adds what the outputs of all nodes under view `view` say about everything that is evaluated.
  virtual void AddScores(const Matrix& out, int view, const Above* above, Scores& scores) const = 0;
  virtual Scores NoScores() const = 0;
  // `terms`: how many outputs the scores are a sum of.
  virtual Evaluation Judge(const Scores& scores, int64_t terms) const = 0;

 private:
  Split split_;
};

// Cross-entropy of softmax(h_i . h_v / temperature) over the classes' virtual nodes v, the last
// `classes` rows. With `above`, h is the mean of the output and of the layers above.
std::unique_ptr<Objective> MakeSimilarityObjective(Split split, int64_t nodes, int classes,
                                                   float temperature);
// Cross-entropy of softmax(h_i), backpropagation's.
std::unique_ptr<Objective> MakeLogitsObjective(Split split, int64_t nodes, int classes);
// Goodness g = sum of h^2: cross-entropy of sigmoid(g - threshold) with 1 under view 0 and 0 under
// the others, whose mean counts. Evaluated with the classes as views, by mean of h^2 - threshold.
std::unique_ptr<Objective> MakeGoodnessObjective(Split split, int64_t nodes, int classes,
                                                 float threshold);
// Cross-entropy of sigmoid(s) and whether the pair is joined: s = h_u . h_v, or with `goodness`
// the sum of (h_u h_v)^2 - threshold. Evaluated by the mean of sigmoid(s); the accuracy is the area
// under the ROC curve.
std::unique_ptr<Objective> MakeLinkObjective(Split split, bool goodness, float threshold);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_GNN_OBJECTIVE_H_
