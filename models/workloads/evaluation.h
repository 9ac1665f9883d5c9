// Evaluation as a sum over test examples: computed chunk by chunk, by whoever has time. The cut
// into chunks depends on the workload and the test set only, and their sums are merged in order, so
// the result is the same number, bit for bit, whoever computed which.
#ifndef GRADLOOM_MODELS_WORKLOADS_EVALUATION_H_
#define GRADLOOM_MODELS_WORKLOADS_EVALUATION_H_

#include <cstdint>
#include <vector>

namespace gradloom {

struct EvaluationSums {
  double loss = 0;
  double correct = 0;
  int64_t examples = 0;
  // Of targets that are numbers, else 0: their mean, and the sum of their squared distances to it.
  double target_mean = 0;
  double target_spread = 0;

  // Counts one more example, with its target.
  void AddTarget(double target);
  // Those of the examples that follow. Chan, Golub and LeVeque's update of mean and spread.
  void Merge(const EvaluationSums& next);
  friend bool operator==(const EvaluationSums&, const EvaluationSums&) = default;
};

// Test examples [begin, end).
struct TestChunk {
  int64_t begin = 0;
  int64_t end = 0;
  friend bool operator==(const TestChunk&, const TestChunk&) = default;
};
inline constexpr int64_t kTestChunksMax = 64;
// In order; each begins at a multiple of `sub_batch`. One chunk of nothing without examples.
std::vector<TestChunk> CutTestSet(int64_t examples, int64_t sub_batch);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_EVALUATION_H_
