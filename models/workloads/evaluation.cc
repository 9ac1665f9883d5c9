#include "models/workloads/evaluation.h"

#include <algorithm>

namespace gradloom {

void EvaluationSums::AddTarget(double target) {
  const double off = target - target_mean;
  target_mean += off / static_cast<double>(++examples);
  target_spread += off * (target - target_mean);
}

void EvaluationSums::Merge(const EvaluationSums& next) {
  loss += next.loss;
  correct += next.correct;
  if (next.examples > 0) {
    const auto before = static_cast<double>(examples), more = static_cast<double>(next.examples);
    const double off = next.target_mean - target_mean;
    target_mean += off * (more / (before + more));
    target_spread += next.target_spread + off * off * (before * more / (before + more));
  }
  examples += next.examples;
}

std::vector<TestChunk> CutTestSet(int64_t examples, int64_t sub_batch) {
  const int64_t sub_batches = (examples + sub_batch - 1) / sub_batch;
  const int64_t step =
      std::max<int64_t>(1, (sub_batches + kTestChunksMax - 1) / kTestChunksMax) * sub_batch;
  std::vector<TestChunk> chunks;
  for (int64_t begin = 0; begin < examples; begin += step) {
    chunks.push_back({begin, std::min(begin + step, examples)});
  }
  if (chunks.empty()) chunks.push_back({});
  return chunks;
}

}  // namespace gradloom
