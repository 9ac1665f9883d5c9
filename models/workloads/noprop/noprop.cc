#include "models/workloads/noprop/noprop.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/layers/activation.h"
#include "models/layers/layers.h"
#include "models/layers/loss.h"
#include "models/workloads/example_rows.h"
#include "models/workloads/network_workload.h"

namespace gradloom {
namespace {

constexpr uint64_t kTableStream = uint64_t{1} << 32;  // behind all the blocks'
constexpr uint64_t kReadOutStream = kTableStream + 1;

}  // namespace

NoProp::NoProp(NoPropModel model, std::vector<Denoiser> blocks, ParameterTensor extra)
    : Workload(model.data.examples),
      model_(std::move(model)),
      class_numbers_(model_.data),
      blocks_(std::move(blocks)),
      read_out_({dimension(), 1, 1}) {
  const int64_t table_size = classes() * dimension();
  const bool lane_each = !learned() && blocks_.size() > 1;
  for (size_t b = 0; b < blocks_.size(); ++b) {
    if (b == 0 || lane_each) segments_.emplace_back();
    SegmentSpec& segment = segments_.back();
    const std::string name = absl::StrCat("block-", b + 1);
    const auto tensors =
        blocks_[b].Tensors(blocks_.size() > 1 ? absl::StrCat(name, ".") : "", segment.size);
    segment.tensors.insert(segment.tensors.end(), tensors.begin(), tensors.end());
    segment.size += blocks_[b].parameters();
    if (lane_each) lanes_.push_back({name, ReplyLayout::OfGradient(segment.size), {}});
  }
  SegmentSpec& last = segments_.back();
  const auto add = [&last](ParameterTensor tensor) {
    tensor.offset = last.size;
    last.size += tensor.size;
    last.tensors.push_back(std::move(tensor));
  };
  if (learned()) {
    read_out_.Add(MakeDense(read_out_.output(), classes(),
                            InitialSpread(ActivationKind::kIdentity, dimension(), classes())),
                  "output");
    table_offset_ = last.size;
    add({"embeddings", {classes(), dimension()}, 0, table_size});
    for (const ParameterTensor& tensor : TensorsOf(read_out_)) add(tensor);
  }
  extra_offset_ = last.size;
  if (extra.size > 0) add(std::move(extra));
  if (!lane_each) lanes_.push_back({"", ReplyLayout::OfGradient(last.size), {}});
  if (model_.embedding == v1::NoProp::PROTOTYPE) {
    segments_.push_back({{{"embeddings", {classes(), dimension()}, 0, table_size}}, table_size});
  }
  if (model_.embedding == v1::NoProp::ONE_HOT) {
    identity_.resize(static_cast<size_t>(table_size));
    for (int64_t c = 0; c < classes(); ++c) identity_[c * dimension() + c] = 1;
  }
}

std::vector<SegmentVersion> NoProp::Reads(int lane, int64_t job) const {
  std::vector<SegmentVersion> reads = {{lane, job}};
  if (model_.embedding == v1::NoProp::PROTOTYPE) {
    reads.push_back({static_cast<int32_t>(lanes_.size()), 0});
  }
  return reads;
}

int64_t NoProp::BlockOffset(size_t b) const {
  int64_t offset = 0;
  for (size_t other = 0; other < b; ++other) offset += blocks_[other].parameters();
  return offset;
}

void NoProp::Initialise(uint64_t seed, int segment, std::span<float> values) const {
  std::fill(values.begin(), values.end(), 0.0f);
  const auto lanes = static_cast<int>(lanes_.size());
  if (segment >= lanes) return;
  const bool lane_each = lanes > 1;
  for (size_t b = 0; b < blocks_.size(); ++b) {
    if (lane_each && b != static_cast<size_t>(segment)) continue;
    blocks_[b].Initialise(seed, values.subspan(lane_each ? 0 : BlockOffset(b)),
                          b * Denoiser::kStreams);
  }
  if (!learned()) return;
  const std::span<float> table = values.subspan(table_offset_, classes() * dimension());
  RandomStream(seed, Purpose::kInitialParameters, kTableStream).FillNormals(table);
  const auto scale = static_cast<float>(model_.embedding_spread);
  for (float& value : table) value *= scale;
  read_out_.Initialise(seed, values.subspan(table_offset_ + table.size()), kReadOutStream);
}

// ---- a sub-batch --------------------------------------------------------------------------------

absl::Status NoProp::CheckSegment(size_t segment, size_t size) const {
  const auto legal = static_cast<size_t>(segments_[segment].size);
  if (size == legal) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("segment ", segment, " has ", size, " values; legal are ", legal));
}

absl::Status NoProp::CheckSizes(const JobInputs& inputs, const Examples& batch,
                                std::span<const int64_t> ids, std::span<float> sum) const {
  const std::vector<SegmentVersion> reads = Reads(inputs.lane, inputs.job);
  const int64_t length = lanes_[inputs.lane].reply.length();
  if (batch.rows > sub_batch() || ids.size() != static_cast<size_t>(batch.rows) ||
      inputs.segments.size() != reads.size() || sum.size() != static_cast<size_t>(length)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "sub-batch of ", batch.rows, " examples with ", ids.size(), " ids, ",
        inputs.segments.size(), " segments and a sum of ", sum.size(), " values; legal are 0 to ",
        sub_batch(), " examples with an id each, ", reads.size(), " and ", length));
  }
  for (size_t i = 0; i < reads.size(); ++i) {
    absl::Status status = CheckSegment(reads[i].segment, inputs.segments[i].size());
    if (!status.ok()) return status;
  }
  return CheckExamples(batch, model_.data.features);
}

const float* NoProp::TableOf(std::span<const std::span<const float>> segments) const {
  if (model_.embedding == v1::NoProp::ONE_HOT) return identity_.data();
  return learned() ? segments.back().data() + table_offset_ : segments.back().data();
}

absl::Status NoProp::Prepare(const Examples& examples, int64_t first, Batch* batch) const {
  const Slice slice = SliceOf(examples, 0, batch->pass.rows, class_numbers_, batch->pass.workspace);
  const std::span<const int64_t> ids =
      batch->pass.training ? batch->pass.ids : std::span<const int64_t>();
  absl::Status status = CheckValues(*batch->pass.kernels, slice, model_.data.features, ids, first);
  status.Update(CheckClasses(slice, classes(), ids, first));
  if (!status.ok()) return status;
  batch->x = DenseRows(slice, model_.data.features, batch->pass.workspace);
  batch->targets = slice.targets;
  float* const u = batch->pass.workspace->Take(batch->pass.rows * dimension());
  for (int64_t row = 0; row < batch->pass.rows; ++row) {
    const float* const embedding =
        batch->table + static_cast<int64_t>(slice.targets[row]) * dimension();
    std::copy_n(embedding, dimension(), u + row * dimension());
  }
  batch->u = u;
  batch->losses.assign(static_cast<size_t>(batch->pass.rows), 0);
  return absl::OkStatus();
}

absl::Status NoProp::AddSum(const JobInputs& inputs, const Examples& batch,
                            std::span<const int64_t> ids, std::span<float> sum) const {
  if (batch.rows == 0) return absl::OkStatus();
  if (auto status = CheckSizes(inputs, batch, ids, sum); !status.ok()) return status;
  Batch part{.pass = {.kernels = &kernels(),
                      .workspace = &Workspace::OfThisThread(),
                      .rows = batch.rows,
                      .training = true,
                      .seed = inputs.seed,
                      .job = inputs.job,
                      .ids = ids},
             .table = TableOf(inputs.segments),
             .parameters = inputs.segments[0],
             .gradient = sum.data()};
  if (auto status = Prepare(batch, 0, &part); !status.ok()) return status;
  if (learned()) {
    part.d_table = sum.data() + table_offset_;
    part.du = part.pass.workspace->TakeZeros(batch.rows * dimension());
  }
  AddLoss(inputs.lane, &part);
  for (int64_t row = 0; row < batch.rows; ++row) {
    if (!std::isfinite(part.losses[row])) {
      return BadExample(NameOf(ids, row), part.targets[row], classes());
    }
  }
  for (int64_t row = 0; learned() && row < batch.rows; ++row) {
    part.pass.kernels->add(dimension(), part.du + row * dimension(),
                           part.d_table + static_cast<int64_t>(part.targets[row]) * dimension());
  }
  AddTotals(lanes_[inputs.lane].reply,
            {.loss = std::accumulate(part.losses.begin(), part.losses.end(), 0.0),
             .correct = part.correct,
             .examples = batch.rows},
            sum);
  return absl::OkStatus();
}

float* NoProp::Noise(const Batch& batch, uint32_t step) const {
  float* const eps = batch.pass.workspace->Take(batch.pass.rows * dimension());
  DrawNoise(KeyOf(batch, step), batch.pass.ids, dimension(), eps);
  return eps;
}

float* NoProp::Diffuse(const Batch& batch, std::span<const NoiseLevel> levels,
                       const float* eps) const {
  float* const z = batch.pass.workspace->Take(batch.pass.rows * dimension());
  for (int64_t row = 0, i = 0; row < batch.pass.rows; ++row) {
    const NoiseLevel& level = levels[levels.size() == 1 ? 0 : row];
    const auto of_u = static_cast<float>(std::sqrt(level.signal));
    const auto of_eps = static_cast<float>(std::sqrt(level.noise));
    for (const int64_t end = i + dimension(); i < end; ++i) {
      z[i] = of_u * batch.u[i] + of_eps * eps[i];
    }
  }
  return z;
}

NoProp::Estimate NoProp::EstimateFrom(const Batch& batch, const float* scores) const {
  const Kernels& k = *batch.pass.kernels;
  const int64_t rows = batch.pass.rows, width = classes();
  Estimate estimate{batch.pass.workspace->Take(rows * width),
                    batch.pass.workspace->Take(rows * dimension())};
  for (int64_t row = 0; row < rows; ++row) {
    const float* const score = scores + row * width;
    float* const p = estimate.probabilities + row * width;
    const float top = *std::max_element(score, score + width);
    for (int64_t c = 0; c < width; ++c) p[c] = score[c] - top;
    k.exp(width, p, p);
    const auto scale = static_cast<float>(1 / std::accumulate(p, p + width, 0.0));
    for (int64_t c = 0; c < width; ++c) p[c] *= scale;
  }
  k.gemm(false, false, rows, dimension(), width, estimate.probabilities, width, batch.table,
         dimension(), false, estimate.u, dimension());
  return estimate;
}

void NoProp::Advance(const Batch& batch, const Estimate& estimate, const NoiseStep& step,
                     uint32_t noise_step, float* z) const {
  const float* const eps = Noise(batch, noise_step);
  const auto of_u = static_cast<float>(step.estimate), of_z = static_cast<float>(step.kept);
  const auto of_eps = static_cast<float>(std::sqrt(step.variance));
  for (int64_t i = 0; i < batch.pass.rows * dimension(); ++i) {
    z[i] = of_u * estimate.u[i] + of_z * z[i] + of_eps * eps[i];
  }
}

std::vector<double> NoProp::AddDenoising(const Denoising& term, float* dz, Batch* batch) const {
  const Pass& pass = batch->pass;
  const Kernels& k = *pass.kernels;
  const int64_t rows = pass.rows, d = dimension(), width = classes();
  Denoiser::Trace trace;
  const float* const read = term.block.Read(pass, term.parameters, batch->x, &trace);
  const float* const scores =
      term.block.Forward(pass, term.parameters, read, term.z, term.times, &trace);
  const Estimate estimate = EstimateFrom(*batch, scores);
  // At uhat: weight * (uhat - u).
  float* const slope = pass.workspace->Take(rows * d);
  std::vector<double> squares(static_cast<size_t>(rows));
  for (int64_t row = 0; row < rows; ++row) {
    float* const at = slope + row * d;
    for (int64_t j = 0; j < d; ++j) at[j] = estimate.u[row * d + j] - batch->u[row * d + j];
    float square;
    k.row_dots(1, d, at, d, at, &square);
    squares[row] = square;
    batch->losses[row] += 0.5 * term.weights[row] * square;
    const auto weight = static_cast<float>(term.weights[row]);
    for (int64_t j = 0; j < d; ++j) at[j] *= weight;
    if (!term.count_correct) continue;
    const float* const p = estimate.probabilities + row * width;
    batch->correct += std::max_element(p, p + width) - p == batch->targets[row] ? 1 : 0;
  }
  if (!Finite(*batch)) return squares;
  // Through the softmax: p o (dp - <p, dp>).
  float* const d_scores = pass.workspace->Take(rows * width);
  k.gemm(false, true, rows, width, d, slope, d, batch->table, d, false, d_scores, width);
  for (int64_t row = 0; row < rows; ++row) {
    const float* const p = estimate.probabilities + row * width;
    float* const at = d_scores + row * width;
    const auto mean = static_cast<float>(std::inner_product(p, p + width, at, 0.0));
    for (int64_t c = 0; c < width; ++c) at[c] = p[c] * (at[c] - mean);
  }
  term.block.Backward(pass, term.parameters, batch->x, trace, d_scores, dz, term.gradient);
  if (batch->du != nullptr) {
    k.gemm(true, false, width, d, rows, estimate.probabilities, width, slope, d, true,
           batch->d_table, d);
    k.axpy(rows * d, -1, slope, batch->du);
  }
  return squares;
}

int64_t NoProp::AddReadOut(const float* z, float* dz, Batch* batch) const {
  const Pass& pass = batch->pass;
  const int64_t offset = table_offset_ + classes() * dimension();
  const std::span<const float> parameters = batch->parameters.subspan(offset);
  Network::Trace trace;
  const float* const scores = read_out_.Forward(pass, parameters, z, &trace);
  float* const d_scores = pass.workspace->Take(pass.rows * classes());
  int64_t correct = 0;
  for (int64_t row = 0; row < pass.rows; ++row) {
    const LossSums sums =
        ComputeLoss(LossKind::kSoftmax, *pass.kernels, 1, classes(), scores + row * classes(),
                    batch->targets + row, d_scores + row * classes());
    batch->losses[row] += sums.loss;
    correct += sums.correct;
  }
  if (dz != nullptr && Finite(*batch)) {
    read_out_.Backward(pass, parameters, z, trace, d_scores, batch->gradient + offset, dz);
  }
  return correct;
}

bool NoProp::Finite(const Batch& batch) {
  return std::all_of(batch.losses.begin(), batch.losses.end(),
                     [](double loss) { return std::isfinite(loss); });
}

int64_t NoProp::CountNearest(const Batch& batch, const float* z) const {
  // |z - u_c|^2 = |z|^2 - 2 (z . u_c - |u_c|^2 / 2).
  const Kernels& k = *batch.pass.kernels;
  const int64_t rows = batch.pass.rows, d = dimension(), width = classes();
  std::vector<float> scores(static_cast<size_t>(rows * width)), bias(static_cast<size_t>(width));
  for (int64_t c = 0; c < width; ++c) {
    const float* const u = batch.table + c * d;
    k.row_dots(1, d, u, d, u, &bias[c]);
    bias[c] *= -0.5f;
  }
  k.gemm(false, true, rows, width, d, z, d, batch.table, d, false, scores.data(), width);
  k.add_bias(rows, width, bias.data(), scores.data());
  int64_t correct = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const auto score = scores.begin() + row * width;
    correct += std::max_element(score, score + width) - score == batch.targets[row] ? 1 : 0;
  }
  return correct;
}

void NoProp::AddScaled(std::span<const double> scale, const float* dz, const Batch& batch) const {
  for (int64_t row = 0; row < batch.pass.rows; ++row) {
    batch.pass.kernels->axpy(dimension(), static_cast<float>(scale[scale.size() == 1 ? 0 : row]),
                             dz + row * dimension(), batch.du + row * dimension());
  }
}

// ---- evaluation ---------------------------------------------------------------------------------

absl::Status NoProp::AddEvaluation(const TrialView& view, const Examples& batch, int64_t first,
                                   EvaluationSums* sums) const {
  if (view.segments.size() != segments_.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(view.segments.size(), " segments; legal are ", segments_.size()));
  }
  for (size_t s = 0; s < segments_.size(); ++s) {
    if (auto status = CheckSegment(s, view.segments[s].size()); !status.ok()) return status;
  }
  if (auto status = CheckExamples(batch, model_.data.features); !status.ok()) return status;
  std::vector<int64_t> ids(static_cast<size_t>(batch.rows));
  std::iota(ids.begin(), ids.end(), first);
  Batch prepared{.pass = {.kernels = &kernels(),
                          .workspace = &Workspace::OfThisThread(),
                          .rows = batch.rows,
                          .training = false,
                          .seed = view.seed,
                          .job = kInferenceJob,
                          .ids = ids},
                 .table = TableOf(view.segments),
                 .parameters = view.segments[0]};
  if (auto status = Prepare(batch, first, &prepared); !status.ok()) return status;
  return AddInference(view, &prepared, sums);
}

absl::Status NoProp::AddInference(const TrialView& view, Batch* batch, EvaluationSums* sums) const {
  thread_local Workspace scratch;  // grown once
  float* const z = Noise(*batch, 0);
  Infer(view, *batch, &scratch, z);
  const int64_t rows = batch->pass.rows, d = dimension();
  if (learned()) {
    sums->correct += static_cast<double>(AddReadOut(z, nullptr, batch));
  } else {
    sums->correct += static_cast<double>(CountNearest(*batch, z));
    for (int64_t i = 0; i < rows * d; ++i) {
      const double off = double{z[i]} - batch->u[i];
      batch->losses[i / d] += 0.5 * off * off;
    }
  }
  for (int64_t row = 0; row < rows; ++row) {
    if (!std::isfinite(batch->losses[row])) {
      return BadExample(NameOf({}, batch->pass.ids[row]), batch->targets[row], classes());
    }
    sums->loss += batch->losses[row];
  }
  sums->examples += rows;
  return absl::OkStatus();
}

// ---- the coordinator's side ---------------------------------------------------------------------

absl::StatusOr<std::vector<float>> NoProp::Prototypes(const Dataset& train) const {
  constexpr int64_t kAtATime = 4096;
  const int64_t d = dimension();
  std::vector<double> sums(static_cast<size_t>(classes() * d));
  std::vector<int64_t> counts(static_cast<size_t>(classes()));
  for (int64_t begin = 0; begin < train.info().examples; begin += kAtATime) {
    const int64_t end = std::min(begin + kAtATime, train.info().examples);
    const absl::StatusOr<Examples> examples = train.Load(begin, end);
    if (!examples.ok()) return examples.status();
    absl::Status status = CheckExamples(*examples, d);
    if (!status.ok()) return status;
    Workspace* const workspace = &Workspace::OfThisThread();
    const Slice slice = SliceOf(*examples, 0, end - begin, class_numbers_, workspace);
    status = CheckValues(kernels(), slice, d, {}, begin);
    status.Update(CheckClasses(slice, classes(), {}, begin));
    if (!status.ok()) return status;
    const float* x = DenseRows(slice, d, workspace);
    for (int64_t row = 0; row < slice.rows; ++row, x += d) {
      const auto target = static_cast<int64_t>(slice.targets[row]);
      ++counts[target];
      for (int64_t j = 0; j < d; ++j) sums[target * d + j] += x[j];
    }
  }
  std::vector<float> means(sums.size());
  for (size_t i = 0; i < sums.size(); ++i) {
    // A class without examples keeps the origin.
    const int64_t count = std::max<int64_t>(counts[i / static_cast<size_t>(d)], 1);
    means[i] = static_cast<float>(sums[i] / static_cast<double>(count));
  }
  return means;
}

absl::StatusOr<std::vector<std::vector<float>>> NoProp::Constants(const Dataset* train) const {
  std::vector<std::vector<float>> constants;
  if (model_.embedding == v1::NoProp::PROTOTYPE) {
    absl::StatusOr<std::vector<float>> prototypes = Prototypes(*train);
    if (!prototypes.ok()) return prototypes.status();
    constants.push_back(*std::move(prototypes));
  }
  return constants;
}

}  // namespace gradloom
