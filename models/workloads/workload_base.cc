// What most workloads have in common.
#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/data/minibatch.h"
#include "models/workloads/workload.h"

namespace gradloom {

int64_t Workload::parameters() const {
  int64_t values = 0;
  for (const SegmentSpec& segment : segments()) values += segment.size;
  return values;
}

int64_t Workload::SegmentSize(int segment) const {
  const auto own = static_cast<int>(segments().size());
  const int of = segment < own ? segment : segment - own;
  if (segment < 0 || of >= (segment < own ? own : static_cast<int>(lanes().size()))) return 0;
  return segments()[of].size;
}

std::vector<SegmentVersion> Workload::Reads(int lane, int64_t job) const { return {{lane, job}}; }

absl::Status Workload::AddEvaluation(const TrialView& /*view*/, const Examples& /*batch*/,
                                     int64_t /*first*/, EvaluationSums* /*sums*/) const {
  return absl::UnimplementedError("this workload has a test of its own");
}

Evaluation Workload::Conclude(const EvaluationSums& sums) const {
  if (sums.examples == 0) return {};
  const auto examples = static_cast<double>(sums.examples);
  return {
      .loss = sums.loss / examples, .accuracy = sums.correct / examples, .examples = sums.examples};
}

absl::StatusOr<EvaluationSums> Workload::EvaluateChunk(const TrialView& view,
                                                       const Examples& examples, TestChunk rows,
                                                       int64_t first,
                                                       absl::FunctionRef<bool()> keep_going) const {
  EvaluationSums sums;
  std::vector<int64_t> index;
  for (int64_t at = rows.begin; at < rows.end; at += sub_batch()) {
    if (!keep_going()) return absl::CancelledError("the evaluation is not wanted any more");
    index.resize(static_cast<size_t>(std::min(sub_batch(), rows.end - at)));
    std::iota(index.begin(), index.end(), at);
    absl::Status status =
        AddEvaluation(view, examples.Gather(index), first + at - rows.begin, &sums);
    if (!status.ok()) return status;
  }
  return sums;
}

absl::StatusOr<Evaluation> Workload::Evaluate(const TrialView& view, const Examples* test) const {
  EvaluationSums all;
  for (const TestChunk& chunk : CutTestSet(test->rows, sub_batch())) {
    const absl::StatusOr<EvaluationSums> sums =
        EvaluateChunk(view, *test, chunk, chunk.begin, [] { return true; });
    if (!sums.ok()) return sums.status();
    all.Merge(*sums);
  }
  return Conclude(all);
}

std::unique_ptr<JobPlan> Workload::PlanJobs(const v1::TrainingSpec& training, uint64_t seed) const {
  const uint64_t batch = training.batch_size();
  const auto examples = static_cast<uint64_t>(examples_);
  return std::make_unique<MinibatchJobs>(
      MinibatchPlan(examples_, static_cast<int64_t>(std::min(batch, examples)), seed));
}

absl::StatusOr<ReplyLayout> Workload::LayoutOf(int lane, const v1::Request& request) const {
  if (IsGradient(request)) return lanes()[lane].reply;
  return absl::UnimplementedError(
      absl::StrCat("request ", NameOf(request.kind()), ": this workload answers gradient only"));
}

absl::Status Workload::AddAnswer(const v1::Request& request, const JobShare& /*share*/,
                                 const JobInputs& inputs, const Examples& batch,
                                 std::span<const int64_t> ids, std::span<float> sum) const {
  if (IsGradient(request)) return AddSum(inputs, batch, ids, sum);
  return LayoutOf(inputs.lane, request).status();
}

}  // namespace gradloom
