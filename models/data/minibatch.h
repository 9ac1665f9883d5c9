// Which examples a job uses. Independent of the code, of slots and of chunks: position p of a job's
// mini-batch of size B draws from the p-th of B equal strata of the training set, [p N / B,
// (p+1) N / B), one example a job, in an order drawn by seed from (trial seed, epoch, p). So every
// epoch uses every example exactly once, a chunk (an interval of positions) touches one contiguous
// range of the data, and the same chunk has the same examples wherever it is computed.
// An epoch has ceil(N / B) jobs; in its last job the shorter strata have nothing left, so some
// positions are empty.
#ifndef GRADLOOM_MODELS_DATA_MINIBATCH_H_
#define GRADLOOM_MODELS_DATA_MINIBATCH_H_

#include <cstdint>
#include <utility>
#include <vector>

namespace gradloom {

class MinibatchPlan {
 public:
  // examples N >= 1; batch_size 0 or > N means N (full batch).
  MinibatchPlan(int64_t examples, int64_t batch_size, uint64_t seed);

  int64_t batch_size() const { return batch_size_; }
  int64_t jobs_per_epoch() const;
  // Examples in job `job`'s whole mini-batch (the N to divide a decoded sum by).
  int64_t ExamplesIn(int64_t job) const;
  // Positions [first, last) of a chunk [begin, end) / denominator of the job's data.
  std::pair<int64_t, int64_t> Positions(int64_t begin, int64_t end, int64_t denominator) const;
  // The contiguous range of examples that positions [first, last) can ever touch.
  std::pair<int64_t, int64_t> ExampleRange(int64_t first, int64_t last) const;
  // Examples of positions [first, last) in job `job`, in position order, empty positions left out.
  std::vector<int64_t> Draw(int64_t job, int64_t first, int64_t last) const;

 private:
  int64_t examples_;
  int64_t batch_size_;
  uint64_t seed_;
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_MINIBATCH_H_
