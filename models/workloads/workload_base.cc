// What most workloads have in common.
#include <algorithm>
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
