// What a step of a bilevel problem uses: which blocks, and which rows of each. A pure function of
// (trial seed, step, block), so that a block's batch is the same at both iterates, in both phases
// and wherever it is computed. All draws are without replacement.
#ifndef GRADLOOM_MODELS_WORKLOADS_BILEVEL_SAMPLING_H_
#define GRADLOOM_MODELS_WORKLOADS_BILEVEL_SAMPLING_H_

#include <cstdint>
#include <vector>

#include "models/data/job_plan.h"
#include "models/workloads/bilevel/problem.h"

namespace gradloom {

struct BilevelSampler {
  BilevelShape shape;
  int sampled = 1;    // blocks in a step, at most shape.blocks
  int64_t batch = 1;  // training rows of a block, at most all
  int64_t validation_batch = 1;

  // The step's blocks; the p-th is in place p.
  std::vector<int> Blocks(uint64_t seed, int64_t step) const;
  // Numbers of the rows of a block's batch: ascending training rows, then validation rows. Blocks
  // that share rows share the batch.
  std::vector<int64_t> Rows(uint64_t seed, int64_t step, int block) const;
};

// How a trial's steps are cut into lanes and jobs. Job j of a lane belongs to step j / phases; a
// lane has one place, or all of them.
struct BilevelLanes {
  int places = 1;  // sampled blocks
  int phases = 1;  // jobs of a lane in a step
  bool one_each = true;

  int lanes() const { return one_each ? places : 1; }
  int places_in_lane() const { return one_each ? 1 : places; }
  int first_place(int lane) const { return one_each ? lane : 0; }
};

class BilevelJobs final : public JobPlan {
 public:
  BilevelJobs(const BilevelSampler& sampler, const BilevelLanes& lanes, uint64_t seed)
      : sampler_(sampler), lanes_(lanes), seed_(seed) {}

  int64_t batch_size(int lane) const override;
  int64_t jobs_per_epoch() const override;
  int64_t ExamplesIn(int lane, int64_t /*job*/) const override { return batch_size(lane); }
  std::pair<int64_t, int64_t> ExampleRange(int lane, int64_t job, int64_t first,
                                           int64_t last) const override;
  std::vector<int64_t> Draw(int lane, int64_t job, int64_t first, int64_t last) const override;

 private:
  BilevelSampler sampler_;
  BilevelLanes lanes_;
  uint64_t seed_;
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_BILEVEL_SAMPLING_H_
