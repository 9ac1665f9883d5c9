// NoProp-FM: flow matching. z_t = t u + (1 - t) z_0, z_0 ~ N(0, I), t uniform; the block gives a
// velocity v(z_t, x, t), with the loss |v - (u - z_0)|^2 and, where embeddings are learned, the
// cross-entropy of the read-out at z_t + (1 - t) v, where the velocity leads. Inference integrates
// dz / dt = v from noise with Euler's steps.
#include <cmath>
#include <utility>

#include "models/workloads/noprop/noprop.h"

namespace gradloom {
namespace {

std::vector<Denoiser> BlocksOf(const NoPropModel& model) {
  DenoiserShape shape = model.block;
  shape.outputs = shape.dimension;
  shape.timed = true;
  std::vector<Denoiser> blocks;
  blocks.emplace_back(shape);
  return blocks;
}

class NoPropFm final : public NoProp {
 public:
  explicit NoPropFm(const NoPropModel& model) : NoProp(model, BlocksOf(model)) {}

 protected:
  void AddLoss(int /*lane*/, Batch* batch) const override {
    const Pass& pass = batch->pass;
    const int64_t d = dimension(), count = pass.rows * d;
    std::vector<double> times(static_cast<size_t>(pass.rows));
    DrawTimes(KeyOf(*batch, kTimeStep), pass.ids, times.data());
    const float* const start = Noise(*batch, 0);
    float* const z = pass.workspace->Take(count);
    for (int64_t i = 0; i < count; ++i) {
      const auto t = static_cast<float>(times[i / d]);
      z[i] = t * batch->u[i] + (1 - t) * start[i];
    }
    const std::span<const float> parameters = BlockParameters(*batch);
    Denoiser::Trace trace;
    const float* const read = block(0).Read(pass, parameters, batch->x, &trace);
    const float* const v = block(0).Forward(pass, parameters, read, z, times.data(), &trace);

    float* const dv = pass.workspace->Take(count);  // 2 (v - (u - z_0))
    float* const goal = pass.workspace->Take(count);
    for (int64_t i = 0; i < count; ++i) {
      const float off = v[i] - (batch->u[i] - start[i]);
      batch->losses[i / d] += static_cast<double>(off) * off;
      dv[i] = 2 * off;
      goal[i] = z[i] + (1 - static_cast<float>(times[i / d])) * v[i];
    }
    if (!Finite(*batch)) return;
    if (!learned()) {
      batch->correct += static_cast<double>(CountNearest(*batch, goal));
      block(0).Backward(pass, parameters, batch->x, trace, dv, nullptr, batch->gradient);
      return;
    }
    pass.kernels->axpy(count, -1, dv, batch->du);
    float* const d_goal = pass.workspace->Take(count);
    batch->correct += static_cast<double>(AddReadOut(goal, d_goal, batch));
    if (!Finite(*batch)) return;
    for (int64_t i = 0; i < count; ++i) {
      dv[i] += (1 - static_cast<float>(times[i / d])) * d_goal[i];
    }
    float* const dz = pass.workspace->Take(count);
    block(0).Backward(pass, parameters, batch->x, trace, dv, dz, batch->gradient);
    pass.kernels->add(count, d_goal, dz);
    AddScaled(times, dz, *batch);
  }

  void Infer(const TrialView& /*view*/, const Batch& batch, Workspace* scratch,
             float* z) const override {
    const int64_t steps = model().inference_steps;
    const std::span<const float> parameters = BlockParameters(batch);
    Denoiser::Trace trace;
    const float* const read = block(0).Read(batch.pass, parameters, batch.x, &trace);
    Pass pass = batch.pass;
    pass.workspace = scratch;
    for (int64_t s = 0; s < steps; ++s) {
      scratch->Reset();
      const std::vector<double> times(static_cast<size_t>(pass.rows),
                                      static_cast<double>(s) / static_cast<double>(steps));
      const float* const v = block(0).Forward(pass, parameters, read, z, times.data(), &trace);
      pass.kernels->axpy(pass.rows * dimension(), 1 / static_cast<float>(steps), v, z);
    }
  }

 private:
  std::span<const float> BlockParameters(const Batch& batch) const {
    return batch.parameters.first(block(0).parameters());
  }
};

}  // namespace

std::unique_ptr<Workload> MakeNoPropFm(const NoPropModel& model) {
  return std::make_unique<NoPropFm>(model);
}

}  // namespace gradloom
