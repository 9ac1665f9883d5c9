// Forward-Forward (Hinton, "The forward-forward algorithm: some preliminary investigations", 2022)
// for layers on [example | label]. With N(x) = x / (|x| + 1e-8), layer l gives h_l = ReLU(W_l
// N(h_{l-1}) + b_l), where h_0 = [N(example) | one-hot label]: lengths are taken away, so that a
// layer cannot read off the goodness g = |h|^2 of the one below. Its loss of an example is
// -log sigmoid(g+ - threshold) - log sigmoid(threshold - g-), with the goodness of the right and of
// a wrong label. Classification: the label of the largest sum over layers of the mean of h^2 (the
// mean, so that a wide layer counts no more than a narrow one).
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "models/layers/activation.h"
#include "models/layers/layer_kind.h"
#include "models/layers/layers.h"
#include "models/portable_math.h"
#include "models/workloads/example_rows.h"
#include "models/workloads/network_workload.h"
#include "models/workloads/workload_kind.h"

namespace gradloom {
namespace {

constexpr int64_t kSubBatch = 128;
constexpr int kMaxLayers = 256;

// Simultaneous layers. A layer's job j reads the layers below at version j - 1 (kBehind), and no
// layer begins a job more than kAhead beyond those that a layer above it has still to do. So while
// a layer's job j is under way, a layer below has made at most j + kAhead + 1 updates, and keeps
// the kHistory versions before its newest.
constexpr int64_t kBehind = 1;
constexpr int64_t kAhead = 2;
constexpr int kHistory = kBehind + kAhead + 1;

// log(1 + exp(x)) and its derivative.
double Softplus(double x) { return std::max(x, 0.0) + PortableLog(1 + PortableExp(-std::abs(x))); }
double Sigmoid(double x) { return 1 / (1 + PortableExp(-x)); }

double SquaredLength(const Kernels& kernels, int64_t columns, const float* x) {
  float square;
  kernels.row_dots(1, columns, x, columns, x, &square);
  return square;
}

// Every row divided by its length; y may be x. y's rows are `stride` apart.
void Normalise(const Kernels& kernels, int64_t rows, int64_t columns, const float* x,
               int64_t stride, float* y) {
  for (int64_t row = 0; row < rows; ++row, x += columns, y += stride) {
    const auto scale =
        static_cast<float>(1 / (std::sqrt(SquaredLength(kernels, columns, x)) + 1e-8));
    for (int64_t j = 0; j < columns; ++j) y[j] = scale * x[j];
  }
}

class ForwardForward final : public Workload {
 public:
  ForwardForward(const DatasetInfo& data, std::vector<Network> layers, double threshold,
                 bool greedy)
      : Workload(data.examples),
        features_(data.features),
        class_numbers_(data),
        classes_(data.classes),
        layers_(std::move(layers)),
        threshold_(threshold),
        greedy_(greedy) {
    const int layers_count = static_cast<int>(layers_.size());
    for (int l = 0; l < layers_count; ++l) {
      const Network& layer = layers_[l];
      const bool is_read = l + 1 < layers_count;
      segments_.push_back(
          {TensorsOf(layer), layer.parameters(), is_read && !greedy ? kHistory : 0});
      LaneSpec lane{absl::StrCat("layer-", l), ReplyLayout::OfGradient(layer.parameters()), {}};
      for (int other = 0; other < layers_count; ++other) {
        if (greedy && other < l) lane.needs.push_back({other, 0, true});
        if (!greedy && other < l) lane.needs.push_back({other, kBehind, false});
        if (!greedy && other > l) lane.needs.push_back({other, kAhead, false});
      }
      lanes_.push_back(std::move(lane));
    }
  }

  const std::vector<SegmentSpec>& segments() const override { return segments_; }
  const std::vector<LaneSpec>& lanes() const override { return lanes_; }
  int64_t sub_batch() const override { return kSubBatch; }

  std::vector<SegmentVersion> Reads(int lane, int64_t job) const override {
    std::vector<SegmentVersion> reads = {{lane, job}};
    for (int l = 0; l < lane; ++l) {
      reads.push_back({l, greedy_ ? kFinal : std::max<int64_t>(job - kBehind, 0)});
    }
    return reads;
  }

  void Initialise(uint64_t seed, int segment, std::span<float> values) const override {
    layers_[segment].Initialise(seed, values, 2 * static_cast<uint64_t>(segment));
  }

  absl::Status AddSum(const JobInputs& inputs, const Examples& batch, std::span<const int64_t> ids,
                      std::span<float> sum) const override;
  double EvaluationBytes() const override {
    double values = 0;
    for (const Network& layer : layers_) values += static_cast<double>(layer.outputs()) * kSubBatch;
    return values * sizeof(float);
  }
  // The loss is what training expects, with the mean over all wrong labels.
  absl::Status AddEvaluation(const TrialView& view, const Examples& batch, int64_t first,
                             EvaluationSums* sums) const override;

 private:
  // What a layer made of its input.
  struct Activations {
    const float* input;  // normalised
    const float* output;
    Network::Trace trace;
  };
  Activations Forward(size_t layer, const Pass& pass, std::span<const float> parameters,
                      const float* x) const {
    const Network& network = layers_[layer];
    const int64_t inputs = network.input().size();
    float* const normal = pass.workspace->Take(pass.rows * inputs);
    Normalise(*pass.kernels, pass.rows, inputs, x, inputs, normal);
    Activations result{normal, nullptr, {}};
    result.output = network.Forward(pass, parameters, normal, &result.trace);
    return result;
  }
  // Whether a layer takes part in an evaluation: one that has not begun knows nothing.
  static bool HasBegun(const TrialView& view, size_t layer) {
    return layer == 0 || layer >= view.jobs_done.size() || view.jobs_done[layer] > 0;
  }
  absl::Status CheckSegment(size_t segment, size_t size) const;
  absl::Status CheckSizes(const JobInputs& inputs, const Examples& batch,
                          std::span<const int64_t> ids, std::span<float> sum) const;
  // [N(x) | one-hot label].
  void Label(const float* labels, const Pass& pass, float* x) const;
  // A wrong label for every example.
  void DrawWrong(const JobInputs& inputs, std::span<const int64_t> ids, const float* targets,
                 float* wrong) const;

  int64_t features_;
  ClassNumbers class_numbers_;
  int64_t classes_;
  std::vector<Network> layers_;
  double threshold_;
  bool greedy_;
  std::vector<SegmentSpec> segments_;  // by layer
  std::vector<LaneSpec> lanes_;        // likewise
};

absl::Status ForwardForward::CheckSegment(size_t segment, size_t size) const {
  const auto legal = static_cast<size_t>(segments_[segment].size);
  if (size == legal) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("segment ", segment, " has ", size, " values; legal are ", legal));
}

absl::Status ForwardForward::CheckSizes(const JobInputs& inputs, const Examples& batch,
                                        std::span<const int64_t> ids, std::span<float> sum) const {
  const auto layers = static_cast<size_t>(inputs.lane) + 1;
  if (batch.rows > kSubBatch || ids.size() != static_cast<size_t>(batch.rows) ||
      inputs.segments.size() != layers ||
      sum.size() != static_cast<size_t>(lanes_[inputs.lane].reply.length())) {
    return absl::InvalidArgumentError(
        absl::StrCat("sub-batch of ", batch.rows, " examples with ", ids.size(), " ids, ",
                     inputs.segments.size(), " segments and a sum of ", sum.size(),
                     " values; legal are 0 to ", kSubBatch, " examples with an id each, ", layers,
                     " and ", lanes_[inputs.lane].reply.length()));
  }
  for (size_t i = 0; i < layers; ++i) {
    const size_t segment = i == 0 ? layers - 1 : i - 1;
    absl::Status status = CheckSegment(segment, inputs.segments[i].size());
    if (!status.ok()) return status;
  }
  return CheckExamples(batch, features_);
}

void ForwardForward::Label(const float* labels, const Pass& pass, float* x) const {
  for (int64_t row = 0; row < pass.rows; ++row) {
    float* const label = x + row * (features_ + classes_) + features_;
    std::fill_n(label, classes_, 0.0f);
    label[static_cast<int64_t>(labels[row])] = 1;
  }
}

void ForwardForward::DrawWrong(const JobInputs& inputs, std::span<const int64_t> ids,
                               const float* targets, float* wrong) const {
  // Keyed by what it is for: the lanes' jobs j see the same wrong labels, replicas as well.
  RandomStream keys(inputs.seed, Purpose::kNegativeLabel, static_cast<uint64_t>(inputs.job));
  const uint64_t key = keys.NextBits();
  const uint64_t seed = key << 32 | keys.NextBits();
  for (size_t row = 0; row < ids.size(); ++row) {
    RandomStream stream(seed, Purpose::kNegativeLabel, static_cast<uint64_t>(ids[row]));
    const auto off =
        1 + static_cast<int64_t>(stream.NextBelow(static_cast<uint64_t>(classes_ - 1)));
    wrong[row] = static_cast<float>((static_cast<int64_t>(targets[row]) + off) % classes_);
  }
}

absl::Status ForwardForward::AddSum(const JobInputs& inputs, const Examples& batch,
                                    std::span<const int64_t> ids, std::span<float> sum) const {
  if (batch.rows == 0) return absl::OkStatus();
  if (auto status = CheckSizes(inputs, batch, ids, sum); !status.ok()) return status;
  Workspace* const workspace = &Workspace::OfThisThread();
  const Kernels& k = kernels();
  const Slice slice = SliceOf(batch, 0, batch.rows, class_numbers_, workspace);
  absl::Status status = CheckValues(k, slice, features_, ids, 0);
  status.Update(CheckClasses(slice, classes_, ids, 0));
  if (!status.ok()) return status;

  // The right labels' rows, then the wrong ones'.
  const int64_t rows = batch.rows, width = features_ + classes_;
  const Pass pass{.kernels = &k, .workspace = workspace, .rows = 2 * rows, .ids = {}};
  float* const labels = workspace->Take(2 * rows);
  std::copy_n(slice.targets, rows, labels);
  DrawWrong(inputs, ids, slice.targets, labels + rows);
  float* const x = workspace->Take(2 * rows * width);
  Normalise(k, rows, features_, DenseRows(slice, features_, workspace), width, x);
  std::copy_n(x, rows * width, x + rows * width);
  Label(labels, pass, x);

  const float* input = x;
  for (int l = 0; l < inputs.lane; ++l)
    input = Forward(l, pass, inputs.segments[l + 1], input).output;
  const Activations top = Forward(inputs.lane, pass, inputs.segments[0], input);

  const Network& layer = layers_[inputs.lane];
  const int64_t units = layer.output().size();
  float* const gradient = workspace->Take(pass.rows * units);  // at the activations
  std::vector<double> goodness(pass.rows);
  double loss = 0;
  for (int64_t row = 0; row < pass.rows; ++row) {
    const float* const h = top.output + row * units;
    goodness[row] = SquaredLength(k, units, h);
    if (!std::isfinite(goodness[row])) {
      return BadExample(NameOf(ids, row % rows), slice.targets[row % rows], classes_);
    }
    const double sign = row < rows ? -1 : 1;  // the right label's goodness is to be large
    const double excess = sign * (goodness[row] - threshold_);
    loss += Softplus(excess);
    const auto slope = static_cast<float>(2 * sign * Sigmoid(excess));
    for (int64_t j = 0; j < units; ++j) gradient[row * units + j] = slope * h[j];
  }
  layer.Backward(pass, inputs.segments[0], top.input, top.trace, gradient, sum.data());
  ExampleTotals totals{.loss = loss, .examples = rows};
  for (int64_t row = 0; row < rows; ++row) {
    totals.correct += goodness[row] > goodness[rows + row] ? 1 : 0;
  }
  AddTotals(lanes_[inputs.lane].reply, totals, sum);
  return absl::OkStatus();
}

absl::Status ForwardForward::AddEvaluation(const TrialView& view, const Examples& batch,
                                           int64_t first, EvaluationSums* sums) const {
  for (size_t l = 0; l < layers_.size(); ++l) {
    if (auto status = CheckSegment(l, view.segments.at(l).size()); !status.ok()) return status;
  }
  absl::Status status = CheckExamples(batch, features_);
  if (!status.ok()) return status;
  Workspace* const workspace = &Workspace::OfThisThread();
  const Slice slice = SliceOf(batch, 0, batch.rows, class_numbers_, workspace);
  const Kernels& k = kernels();
  status = CheckValues(k, slice, features_, {}, first);
  status.Update(CheckClasses(slice, classes_, {}, first));
  if (!status.ok()) return status;
  const int64_t rows = slice.rows;
  const Pass pass{.kernels = &k, .workspace = workspace, .rows = rows, .ids = {}};
  float* const x = workspace->Take(rows * (features_ + classes_));
  Normalise(k, rows, features_, DenseRows(slice, features_, workspace), features_ + classes_, x);
  std::vector<double> best(rows, -1), losses(rows);
  std::vector<int64_t> best_label(rows);
  std::vector<float> labels(rows), goodness(rows);
  for (int64_t label = 0; label < classes_; ++label) {
    std::fill(labels.begin(), labels.end(), static_cast<float>(label));
    Label(labels.data(), pass, x);
    std::vector<double> scores(rows);
    const float* input = x;
    for (size_t l = 0; l < layers_.size(); ++l) {
      const Activations layer = Forward(l, pass, view.segments[l], input);
      input = layer.output;
      if (!HasBegun(view, l)) continue;
      const int64_t units = layers_[l].output().size();
      for (int64_t row = 0; row < rows; ++row) {
        const double g = SquaredLength(k, units, layer.output + row * units);
        scores[row] += g / static_cast<double>(units);
        const bool right = static_cast<float>(label) == slice.targets[row];
        losses[row] += right ? Softplus(threshold_ - g)
                             : Softplus(g - threshold_) / static_cast<double>(classes_ - 1);
      }
    }
    for (int64_t row = 0; row < rows; ++row) {
      if (scores[row] > best[row]) {
        best[row] = scores[row];
        best_label[row] = label;
      }
    }
  }
  for (int64_t row = 0; row < rows; ++row) {
    if (!std::isfinite(losses[row])) {
      return BadExample(NameOf({}, first + row), slice.targets[row], classes_);
    }
    sums->loss += losses[row];
    sums->correct += static_cast<float>(best_label[row]) == slice.targets[row] ? 1 : 0;
  }
  sums->examples += rows;
  return absl::OkStatus();
}

constexpr NumberField kNumbers[] = {{"hidden", kUnitsRange},
                                    {"threshold", MoreThanUpTo(0, 1e6), 2}};

void Fill(v1::WorkloadSpec* spec) {
  v1::ForwardForward* model = spec->mutable_forward_forward();
  if (model->schedule() == v1::ForwardForward::SCHEDULE_UNSPECIFIED) {
    model->set_schedule(v1::ForwardForward::SIMULTANEOUS);
  }
}

void Check(const v1::WorkloadSpec& spec, const std::string& field, Findings* findings) {
  const int layers = spec.forward_forward().hidden_size();
  if (layers == 0) {
    findings->Add(field + ".hidden", "is empty; it must list the width of a layer or several");
  }
  findings->Require(layers <= kMaxLayers, field + ".hidden", absl::StrCat("a list of ", layers),
                    absl::StrCat("one of at most ", kMaxLayers));
}

MadeWorkload Make(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                  const std::string& /*field*/) {
  const v1::ForwardForward& model = spec.forward_forward();
  std::vector<Network> layers;
  Shape shape{data.features + data.classes, 1, 1};
  for (int l = 0; l < model.hidden_size(); ++l) {
    const int64_t units = model.hidden(l);
    Network layer(shape);
    layer.Add(MakeDense(shape, units, InitialSpread(ActivationKind::kRelu, shape.size(), units)),
              absl::StrCat("layers.", l));
    layer.Add(MakeActivation(layer.output(), ActivationKind::kRelu), "");
    shape = layer.output();
    layers.push_back(std::move(layer));
  }
  return std::make_unique<ForwardForward>(data, std::move(layers), model.threshold(),
                                          model.schedule() == v1::ForwardForward::GREEDY);
}

}  // namespace

extern const WorkloadKind kForwardForwardWorkload = {
    .spec = {.kind = v1::WorkloadSpec::kForwardForward,
             .numbers = kNumbers,
             .fill = Fill,
             .check = Check},
    .takes = TakesTargets::kAsClasses,
    .writes_out_sparse = true,
    .make = Make,
};

}  // namespace gradloom
