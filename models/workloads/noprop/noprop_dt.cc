// NoProp-DT. Block t = 1 .. T denoises z_{t-1}; with weight w_t = eta T (SNR(t) - SNR(t-1)), cut
// off at weight_limit, the loss is
//   CE(f_out(z_T), y) + KL(q(z_0 | y) || N(0, I)) + sum over t of w_t / 2 |uhat_t(z_{t-1}, x) -
//   u|^2
// (in the paper the expectation over a uniform t, hence the T). With fixed embeddings the first two
// terms train nothing, and w_t is but a constant of block t's own loss: it is left out, which no
// optimiser that scales itself (Adam) notices and the others need (w_T is thousands).
#include <algorithm>
#include <cmath>
#include <utility>

#include "models/workloads/noprop/noprop.h"

namespace gradloom {
namespace {

constexpr uint32_t kDropoutsOfABlock = 16;

std::vector<Denoiser> BlocksOf(const NoPropModel& model) {
  std::vector<Denoiser> blocks;
  DenoiserShape shape = model.block;
  shape.outputs = model.data.classes;
  for (int64_t b = 0; b < model.blocks; ++b) {
    shape.first_dropout = static_cast<uint32_t>(b) * kDropoutsOfABlock;
    blocks.emplace_back(shape);
  }
  return blocks;
}

class NoPropDt final : public NoProp {
 public:
  explicit NoPropDt(const NoPropModel& model) : NoProp(model, BlocksOf(model)) {
    for (int64_t t = 0; t <= model.blocks; ++t) {
      levels_.push_back(CosineNoise(static_cast<double>(t) / static_cast<double>(model.blocks)));
    }
  }

 protected:
  void AddLoss(int lane, Batch* batch) const override {
    if (!learned()) {
      const size_t b = blocks() > 1 ? static_cast<size_t>(lane) : 0;
      AddBlock(b, batch->parameters, batch->gradient, 1, true, batch);
      return;
    }
    for (size_t b = 0; b < blocks(); ++b) {
      const double weight =
          model().eta * static_cast<double>(blocks()) * (Snr(levels_[b + 1]) - Snr(levels_[b]));
      const int64_t offset = BlockOffset(b);
      // The first block has nothing but noise to go by besides the example: its estimates tell how
      // well the others could classify.
      AddBlock(b, batch->parameters.subspan(offset, block(b).parameters()),
               batch->gradient + offset, std::min(weight, model().weight_limit), b == 0, batch);
    }
    const NoiseLevel& end = levels_.back();
    const float* const z =
        Diffuse(*batch, {&end, 1}, Noise(*batch, static_cast<uint32_t>(blocks())));
    float* const dz = batch->pass.workspace->Take(batch->pass.rows * dimension());
    AddReadOut(z, dz, batch);
    const double scale = std::sqrt(end.signal), prior = levels_[0].signal;
    AddScaled({&scale, 1}, dz, *batch);
    AddScaled({&prior, 1}, batch->u, *batch);
    for (int64_t row = 0; row < batch->pass.rows; ++row) {
      const float* const u = batch->u + row * dimension();
      float square;
      batch->pass.kernels->row_dots(1, dimension(), u, dimension(), u, &square);
      batch->losses[row] += PriorDivergence(levels_[0], square, dimension());
    }
  }

  void Infer(const TrialView& view, const Batch& batch, Workspace* scratch,
             float* z) const override {
    Batch step = batch;
    step.pass.workspace = scratch;
    for (size_t b = 0; b < blocks(); ++b) {
      scratch->Reset();
      const std::span<const float> parameters =
          learned() ? batch.parameters.subspan(BlockOffset(b), block(b).parameters())
                    : view.segments[b];
      Denoiser::Trace trace;
      const float* const read = block(b).Read(step.pass, parameters, batch.x, &trace);
      const float* const scores = block(b).Forward(step.pass, parameters, read, z, nullptr, &trace);
      Advance(step, EstimateFrom(step, scores), StepBetween(levels_[b], levels_[b + 1]),
              static_cast<uint32_t>(b + 1), z);
    }
  }

 private:
  size_t blocks() const { return levels_.size() - 1; }

  void AddBlock(size_t b, std::span<const float> parameters, float* gradient, double weight,
                bool count_correct, Batch* batch) const {
    const float* const z =
        Diffuse(*batch, {&levels_[b], 1}, Noise(*batch, static_cast<uint32_t>(b)));
    const std::vector<double> weights(static_cast<size_t>(batch->pass.rows), weight);
    float* const dz =
        learned() ? batch->pass.workspace->Take(batch->pass.rows * dimension()) : nullptr;
    AddDenoising({block(b), parameters, gradient, z, nullptr, weights, count_correct}, dz, batch);
    if (!learned()) return;
    const double scale = std::sqrt(levels_[b].signal);
    AddScaled({&scale, 1}, dz, *batch);
  }

  std::vector<NoiseLevel> levels_;  // at t = 0 .. T
};

}  // namespace

std::unique_ptr<Workload> MakeNoPropDt(const NoPropModel& model) {
  return std::make_unique<NoPropDt>(model);
}

}  // namespace gradloom
