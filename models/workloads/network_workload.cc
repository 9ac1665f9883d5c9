#include "models/workloads/network_workload.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/workloads/example_rows.h"
#include "models/workloads/sparse.h"

namespace gradloom {

std::vector<ParameterTensor> TensorsOf(const Network& network) {
  std::vector<ParameterTensor> tensors;
  for (const Network::Segment& segment : network.segments()) {
    tensors.push_back(
        {segment.name, segment.parameter->shape, segment.offset, segment.parameter->size()});
  }
  return tensors;
}

NetworkWorkload::NetworkWorkload(Network network, LossKind loss, int64_t sub_batch, bool linear,
                                 const DatasetInfo& data)
    : Workload(data.examples),
      network_(std::move(network)),
      loss_(loss),
      classes_(data),
      sub_batch_(sub_batch),
      linear_(linear) {
  segments_.push_back({TensorsOf(network_), network_.parameters()});
  lanes_.push_back({"", ReplyLayout::OfGradient(network_.parameters()), {}});
}

void NetworkWorkload::Initialise(uint64_t seed, int /*segment*/, std::span<float> values) const {
  network_.Initialise(seed, values);
}

namespace {

// One sub-batch's scores, the loss's gradient at them, and the way back.
class Step {
 public:
  Step(const Network& network, bool linear, const Pass& pass, std::span<const float> parameters,
       const Slice& slice)
      : network_(network), pass_(pass), parameters_(parameters), slice_(slice) {
    const int64_t features = network.input().size(), width = network.output().size();
    through_ = linear && slice.dense == nullptr;
    if (through_) {
      float* const scores = pass.workspace->Take(slice.rows * width);
      const float* const bias =
          network.parameters() > features * width ? &parameters[features * width] : nullptr;
      SparseForward(slice.sparse, features, width, parameters.data(), bias, scores);
      scores_ = scores;
      return;
    }
    x_ = DenseRows(slice, features, pass.workspace);
    scores_ = network.Forward(pass, parameters, x_, &trace_);
  }

  LossSums Loss(LossKind loss) {
    const int64_t width = network_.output().size();
    float* const gradient = pass_.workspace->Take(slice_.rows * width);
    dy_ = gradient;
    return ComputeLoss(loss, *pass_.kernels, slice_.rows, width, scores_, slice_.targets, gradient);
  }

  // After Loss.
  void Backward(float* gradient) {
    if (!through_) {
      network_.Backward(pass_, parameters_, x_, trace_, dy_, gradient);
      return;
    }
    const int64_t features = network_.input().size(), width = network_.output().size();
    float* const bias =
        network_.parameters() > features * width ? gradient + features * width : nullptr;
    SparseBackward(slice_.sparse, features, width, dy_, gradient, bias);
  }

 private:
  const Network& network_;
  const Pass& pass_;
  std::span<const float> parameters_;
  const Slice& slice_;
  bool through_ = false;  // sparse rows straight through the one layer
  const float* x_ = nullptr;
  const float* scores_ = nullptr;
  const float* dy_ = nullptr;
  Network::Trace trace_;
};

}  // namespace

absl::Status NetworkWorkload::AddSum(const JobInputs& inputs, const Examples& batch,
                                     std::span<const int64_t> ids, std::span<float> sum) const {
  if (batch.rows == 0) return absl::OkStatus();
  const std::span<const float> parameters = inputs.segments.at(0);
  if (batch.rows > sub_batch_ || ids.size() != static_cast<size_t>(batch.rows) ||
      parameters.size() != static_cast<size_t>(network_.parameters()) ||
      sum.size() != reply_length()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "sub-batch of ", batch.rows, " examples with ", ids.size(), " ids, ", parameters.size(),
        " parameters and a sum of ", sum.size(), " values; legal are 0 to ", sub_batch_,
        " examples with an id each, ", network_.parameters(), " and ", reply_length()));
  }
  if (auto status = CheckExamples(batch, features()); !status.ok()) return status;
  const Pass pass{.kernels = &kernels(),
                  .workspace = &Workspace::OfThisThread(),
                  .rows = batch.rows,
                  .training = true,
                  .seed = inputs.seed,
                  .job = inputs.job,
                  .ids = ids};
  const Slice slice = SliceOf(batch, 0, batch.rows, classes_, pass.workspace);
  if (auto status = CheckValues(*pass.kernels, slice, features(), ids, 0); !status.ok()) {
    return status;
  }
  Step step(network_, linear_, pass, parameters, slice);
  const LossSums sums = step.Loss(loss_);
  if (sums.bad_row >= 0) {
    return BadExample(NameOf(ids, sums.bad_row), slice.targets[sums.bad_row], classes_.count());
  }
  step.Backward(sum.data());
  AddTotals(
      lanes_[0].reply,
      {.loss = sums.loss, .correct = static_cast<double>(sums.correct), .examples = batch.rows},
      sum);
  return absl::OkStatus();
}

double NetworkWorkload::EvaluationBytes() const {
  const double values = static_cast<double>(network_.outputs()) * static_cast<double>(sub_batch_);
  return values * sizeof(float);
}

absl::Status NetworkWorkload::AddEvaluation(const TrialView& view, const Examples& batch,
                                            int64_t first, EvaluationSums* sums) const {
  const std::span<const float> parameters = view.segments.at(0);
  if (parameters.size() != static_cast<size_t>(network_.parameters())) {
    return absl::InvalidArgumentError(
        absl::StrCat(parameters.size(), " parameters; legal are ", network_.parameters()));
  }
  if (auto status = CheckExamples(batch, features()); !status.ok()) return status;
  const Pass pass{.kernels = &kernels(),
                  .workspace = &Workspace::OfThisThread(),
                  .rows = batch.rows,
                  .ids = {}};
  const Slice slice = SliceOf(batch, 0, batch.rows, classes_, pass.workspace);
  if (auto status = CheckValues(*pass.kernels, slice, features(), {}, first); !status.ok()) {
    return status;
  }
  Step step(network_, linear_, pass, parameters, slice);
  const LossSums losses = step.Loss(loss_);
  if (losses.bad_row >= 0) {
    return BadExample(NameOf({}, first + losses.bad_row), slice.targets[losses.bad_row],
                      classes_.count());
  }
  sums->loss += losses.loss;
  sums->correct += static_cast<double>(losses.correct);
  if (loss_ == LossKind::kSquared) {
    for (int64_t row = 0; row < batch.rows; ++row) sums->AddTarget(slice.targets[row]);
  } else {
    sums->examples += batch.rows;
  }
  return absl::OkStatus();
}

Evaluation NetworkWorkload::Conclude(const EvaluationSums& sums) const {
  Evaluation result = Workload::Conclude(sums);
  if (loss_ != LossKind::kSquared) return result;
  result.accuracy = sums.target_spread > 0 ? 1 - 2 * sums.loss / sums.target_spread : 0;
  return result;
}

}  // namespace gradloom
