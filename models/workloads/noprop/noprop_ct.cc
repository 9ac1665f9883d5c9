// NoProp-CT: one block for all times. Its loss of an example is, at a time t drawn uniformly,
//   w(t) / 2 |uhat(z_t, x, t) - u|^2,  w(t) = eta SNR'(t), cut off at weight_limit,
// and, where embeddings are learned, CE(f_out(z_1), y) + KL(q(z_0 | y) || N(0, I)). A learned
// schedule gets the gradient of all of it; with fixed embeddings only its shape is learned, for
// nothing would hold its ends. Inference takes exact steps of the stochastic differential equation
// (StepBetween): smaller ones bring the estimate up to date more often.
#include <algorithm>
#include <cmath>
#include <utility>

#include "models/workloads/noprop/noprop.h"

namespace gradloom {
namespace {

constexpr uint32_t kEndStep = 1;  // the noise of z_1; z_t's is step 0

std::vector<Denoiser> BlocksOf(const NoPropModel& model) {
  DenoiserShape shape = model.block;
  shape.outputs = model.data.classes;
  shape.timed = true;
  std::vector<Denoiser> blocks;
  blocks.emplace_back(shape);
  return blocks;
}

ParameterTensor ScheduleOf(const NoPropModel& model) {
  if (!model.learned_schedule) return {};
  const int64_t size = model.embedding == v1::NoProp::LEARNED ? kNoiseShapeAndEnds : kNoiseShape;
  return {"schedule", {size}, 0, size};
}

class NoPropCt final : public NoProp {
 public:
  explicit NoPropCt(const NoPropModel& model) : NoProp(model, BlocksOf(model), ScheduleOf(model)) {}

 protected:
  void AddLoss(int /*lane*/, Batch* batch) const override {
    ScheduleGradient schedule{*this, *batch};
    AddAtRandomTimes(batch, &schedule);
    if (learned()) AddEnds(batch, &schedule);
    if (!model().learned_schedule || !Finite(*batch)) return;
    for (size_t i = 0; i < ScheduleParameters(*batch).size(); ++i) {
      batch->gradient[extra_offset() + i] += static_cast<float>(schedule.sum[i]);
    }
  }

  void Infer(const TrialView& /*view*/, const Batch& batch, Workspace* scratch,
             float* z) const override {
    const int64_t steps = model().inference_steps;
    const std::span<const float> parameters = BlockParameters(batch);
    Denoiser::Trace trace;
    const float* const read = block(0).Read(batch.pass, parameters, batch.x, &trace);
    Batch step = batch;
    step.pass.workspace = scratch;
    for (int64_t s = 0; s < steps; ++s) {
      scratch->Reset();
      const double from = static_cast<double>(s) / static_cast<double>(steps);
      const double to = static_cast<double>(s + 1) / static_cast<double>(steps);
      const std::vector<double> times(static_cast<size_t>(batch.pass.rows), from);
      const float* const scores =
          block(0).Forward(step.pass, parameters, read, z, times.data(), &trace);
      Advance(step, EstimateFrom(step, scores),
              StepBetween(LevelAt(batch, from), LevelAt(batch, to)), static_cast<uint32_t>(s + 1),
              z);
    }
  }

 private:
  std::span<const float> BlockParameters(const Batch& batch) const {
    return batch.parameters.first(block(0).parameters());
  }
  std::span<const float> ScheduleParameters(const Batch& batch) const {
    return batch.parameters.subspan(extra_offset());
  }
  NoiseLevel LevelAt(const Batch& batch, double t) const {
    return model().learned_schedule ? NoiseLevel(LearnedNoiseAt(ScheduleParameters(batch), t))
                                    : CosineNoise(t);
  }

  // Of a learned schedule's parameters; nothing happens without one.
  struct ScheduleGradient {
    const NoPropCt& workload;
    const Batch& batch;
    std::vector<double> sum = std::vector<double>(kNoiseShapeAndEnds);

    // A loss's gradient at abar(t)'s gamma and gamma', for one example.
    void Add(double t, double at_gamma, double at_gamma_slope) {
      if (!workload.model().learned_schedule) return;
      AddNoiseGradient(workload.ScheduleParameters(batch), t, at_gamma, at_gamma_slope, sum);
    }
  };

  // <dz, dz/dgamma> of one row: abar = sigmoid(-gamma), so d sqrt(abar) = -sqrt(abar) (1 - abar) /
  // 2 and d sqrt(1 - abar) = abar sqrt(1 - abar) / 2.
  double AlongGamma(const Batch& batch, const NoiseLevel& level, int64_t row, const float* eps,
                    const float* dz) const {
    float with_u, with_eps;
    const int64_t d = dimension();
    batch.pass.kernels->row_dots(1, d, dz + row * d, d, batch.u + row * d, &with_u);
    batch.pass.kernels->row_dots(1, d, dz + row * d, d, eps + row * d, &with_eps);
    return 0.5 * (with_eps * level.signal * std::sqrt(level.noise) -
                  with_u * level.noise * std::sqrt(level.signal));
  }

  void AddAtRandomTimes(Batch* batch, ScheduleGradient* schedule) const {
    const auto rows = static_cast<size_t>(batch->pass.rows);
    std::vector<double> times(rows), weights(rows), scales(rows);
    std::vector<NoiseLevel> levels(rows);
    DrawTimes(KeyOf(*batch, kTimeStep), batch->pass.ids, times.data());
    for (size_t row = 0; row < rows; ++row) {
      levels[row] = LevelAt(*batch, times[row]);
      weights[row] = std::min(model().eta * levels[row].snr_slope, model().weight_limit);
      scales[row] = std::sqrt(levels[row].signal);
    }
    const float* const eps = Noise(*batch, 0);
    const float* const z = Diffuse(*batch, levels, eps);
    const bool needs_dz = learned() || model().learned_schedule;
    float* const dz =
        needs_dz ? batch->pass.workspace->Take(batch->pass.rows * dimension()) : nullptr;
    const std::vector<double> squares = AddDenoising(
        {block(0), BlockParameters(*batch), batch->gradient, z, times.data(), weights, true}, dz,
        batch);
    if (learned()) AddScaled(scales, dz, *batch);
    if (!model().learned_schedule) return;
    for (size_t row = 0; row < rows; ++row) {
      const LearnedNoise level = LearnedNoiseAt(ScheduleParameters(*batch), times[row]);
      double at_gamma = AlongGamma(*batch, level, static_cast<int64_t>(row), eps, dz);
      double at_slope = 0;
      // SNR' = -gamma' exp(-gamma), where it is not cut off.
      if (model().eta * level.snr_slope < model().weight_limit) {
        const double at_weight = 0.5 * model().eta * squares[row];
        at_gamma -= at_weight * level.snr_slope;
        at_slope -= at_weight * Snr(level);
      }
      schedule->Add(times[row], at_gamma, at_slope);
    }
  }

  // The read-out at z_1 and the prior at z_0.
  void AddEnds(Batch* batch, ScheduleGradient* schedule) const {
    const NoiseLevel start = LevelAt(*batch, 0), end = LevelAt(*batch, 1);
    const int64_t d = dimension();
    const float* const eps = Noise(*batch, kEndStep);
    float* const dz = batch->pass.workspace->Take(batch->pass.rows * d);
    AddReadOut(Diffuse(*batch, {&end, 1}, eps), dz, batch);
    const double scale = std::sqrt(end.signal);
    AddScaled({&scale, 1}, dz, *batch);
    AddScaled({&start.signal, 1}, batch->u, *batch);
    for (int64_t row = 0; row < batch->pass.rows; ++row) {
      const float* const u = batch->u + row * d;
      float square;
      batch->pass.kernels->row_dots(1, d, u, d, u, &square);
      batch->losses[row] += PriorDivergence(start, square, d);
      schedule->Add(1, AlongGamma(*batch, end, row, eps, dz), 0);
      // KL = (abar |u|^2 - d abar - d ln(1 - abar)) / 2.
      const double at_signal = 0.5 * (square - static_cast<double>(d) * (1 - 1 / start.noise));
      schedule->Add(0, -at_signal * start.signal * start.noise, 0);
    }
  }
};

}  // namespace

std::unique_ptr<Workload> MakeNoPropCt(const NoPropModel& model) {
  return std::make_unique<NoPropCt>(model);
}

}  // namespace gradloom
