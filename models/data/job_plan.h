// Which examples the jobs of a trial's lanes use. A job has positions 0 .. batch_size - 1; a chunk
// is an interval of them, and draws the same examples wherever it is computed: a pure function of
// the lane, the job and the seed that the plan was made with. Immutable and thread-safe.
#ifndef GRADLOOM_MODELS_DATA_JOB_PLAN_H_
#define GRADLOOM_MODELS_DATA_JOB_PLAN_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "models/data/minibatch.h"

namespace gradloom {

class JobPlan {
 public:
  virtual ~JobPlan() = default;

  // Positions of every job of the lane.
  virtual int64_t batch_size(int lane) const = 0;
  // Jobs of a lane that make one pass over its data.
  virtual int64_t jobs_per_epoch() const = 0;
  // Examples in the job's positions, empty ones left out: the N to divide a decoded sum by.
  virtual int64_t ExamplesIn(int lane, int64_t job) const = 0;
  // The contiguous range of the data set that positions [first, last) can ever touch: what a worker
  // keeps in memory for them.
  virtual std::pair<int64_t, int64_t> ExampleRange(int lane, int64_t job, int64_t first,
                                                   int64_t last) const = 0;
  // Numbers of the examples at positions [first, last), in position order.
  virtual std::vector<int64_t> Draw(int lane, int64_t job, int64_t first, int64_t last) const = 0;

  // Positions [first, last) of a chunk [begin, end) / denominator of a job's data.
  std::pair<int64_t, int64_t> Positions(int lane, int64_t begin, int64_t end,
                                        int64_t denominator) const;
};

// Every lane's job j has mini-batch j of the plan.
class MinibatchJobs final : public JobPlan {
 public:
  explicit MinibatchJobs(const MinibatchPlan& plan) : plan_(plan) {}

  int64_t batch_size(int /*lane*/) const override { return plan_.batch_size(); }
  int64_t jobs_per_epoch() const override { return plan_.jobs_per_epoch(); }
  int64_t ExamplesIn(int /*lane*/, int64_t job) const override { return plan_.ExamplesIn(job); }
  std::pair<int64_t, int64_t> ExampleRange(int /*lane*/, int64_t /*job*/, int64_t first,
                                           int64_t last) const override {
    return plan_.ExampleRange(first, last);
  }
  std::vector<int64_t> Draw(int /*lane*/, int64_t job, int64_t first, int64_t last) const override {
    return plan_.Draw(job, first, last);
  }

 private:
  MinibatchPlan plan_;
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_JOB_PLAN_H_
