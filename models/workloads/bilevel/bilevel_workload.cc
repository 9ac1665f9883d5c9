#include "models/workloads/bilevel/bilevel_workload.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gradloom {

int64_t BilevelPlan::place_length() const {
  int64_t half = 0;
  for (int phase = 0; phase < lanes.phases; ++phase) half = std::max(half, Layout(phase).half());
  return 2 * half;
}

BilevelRow BilevelWorkload::RowOf(const Examples& examples, int64_t at, int64_t number) const {
  BilevelRow row;
  row.number = number;
  row.target = classes_.Of(examples.targets[at]);
  if (examples.sparse) {
    const int64_t begin = examples.row_start[at], end = examples.row_start[at + 1];
    row.columns = std::span(examples.column).subspan(begin, end - begin);
    row.values = std::span(examples.value).subspan(begin, end - begin);
  } else {
    row.values = std::span(examples.dense).subspan(at * examples.features, examples.features);
  }
  return row;
}

BilevelWorkload::BilevelWorkload(std::unique_ptr<BilevelProblem> problem, const BilevelPlan& plan,
                                 const DatasetInfo& data)
    : Workload(problem->shape().rows()),
      problem_(std::move(problem)),
      plan_(plan),
      features_(data.features),
      classes_(data) {
  const int64_t dx = plan.shape().dx, dy = plan.shape().dy;
  segments_.push_back({{{"x", {dx}, 0, dx}, {"x_before", {dx}, dx, dx}}, 2 * dx});
  for (int place = 0; place < plan.lanes.places; ++place) {
    SegmentSpec segment{{}, 4 * dy};
    for (const char* name : {"y", "y_before", "v", "v_before"}) {
      const auto offset = static_cast<int64_t>(segment.tensors.size()) * dy;
      segment.tensors.push_back({absl::StrCat("place-", place, ".", name), {dy}, offset, dy});
    }
    segments_.push_back(std::move(segment));
  }
  const int lanes = plan.lanes.lanes();
  for (int lane = 0; lane < lanes; ++lane) {
    std::vector<ReplyLayout::Part> places;
    for (int place = 0; place < plan.lanes.places_in_lane(); ++place) {
      places.push_back({absl::StrCat("place-", place), plan.place_length()});
    }
    LaneSpec spec{lanes == 1 ? "" : absl::StrCat("place-", lane),
                  ReplyLayout::WithScalars(std::move(places)),
                  {},
                  plan.give_up,
                  plan.late};
    for (int other = 0; other < lanes; ++other) {
      if (other != lane) spec.needs.push_back({.lane = other, .lag = 0});
    }
    lanes_.push_back(std::move(spec));
  }
}

std::vector<SegmentVersion> BilevelWorkload::Reads(int lane, int64_t job) const {
  std::vector<SegmentVersion> reads = {{0, job / plan_.lanes.phases}};
  const int first = plan_.lanes.first_place(lane);
  for (int place = first; place < first + plan_.lanes.places_in_lane(); ++place) {
    reads.push_back({1 + place, job});
  }
  return reads;
}

void BilevelWorkload::Initialise(uint64_t seed, int segment, std::span<float> values) const {
  std::fill(values.begin(), values.end(), 0.0f);
  if (segment != 0) return;
  std::vector<double> x(plan_.shape().dx);
  problem_->InitialX(seed, x);
  problem_->ProjectX(x);
  std::copy(x.begin(), x.end(), values.begin());
  std::copy(x.begin(), x.end(), values.begin() + plan_.shape().dx);
}

std::unique_ptr<JobPlan> BilevelWorkload::PlanJobs(const v1::TrainingSpec& /*training*/,
                                                   uint64_t seed) const {
  return std::make_unique<BilevelJobs>(plan_.sampler, plan_.lanes, seed);
}

absl::Status BilevelWorkload::Check(const JobInputs& inputs, const Examples& batch,
                                    std::span<const int64_t> ids,
                                    std::span<const float> sum) const {
  const LaneSpec& lane = lanes_[inputs.lane];
  const auto rows = static_cast<size_t>(batch.rows);
  bool fits = sum.size() == static_cast<size_t>(lane.reply.length()) &&
              inputs.segments.size() == 1 + static_cast<size_t>(plan_.lanes.places_in_lane());
  for (size_t i = 0; fits && i < inputs.segments.size(); ++i) {
    fits = inputs.segments[i].size() ==
           static_cast<size_t>(i == 0 ? segments_[0].size : segments_[1].size);
  }
  if (reads_examples()) {
    fits = fits && rows == ids.size() && batch.targets.size() == rows &&
           batch.features == features_ &&
           (batch.sparse ? batch.row_start.size() == rows + 1
                         : batch.dense.size() == rows * static_cast<size_t>(features_));
  }
  if (!fits) {
    return absl::InvalidArgumentError(absl::StrCat(
        "sub-batch of ", batch.rows, " examples of ", batch.features, " features with ", ids.size(),
        " ids, ", inputs.segments.size(), " segments and a sum of ", sum.size(),
        " values; legal are an id each of ", features_, " features, ",
        1 + plan_.lanes.places_in_lane(), " and ", lane.reply.length()));
  }
  for (const int64_t id : ids) {
    if (id < 0 || id >= plan_.shape().rows()) {
      return absl::InvalidArgumentError(
          absl::StrCat("training example ", id, "; legal are 0 to ", plan_.shape().rows() - 1));
    }
  }
  for (const int32_t column : batch.column) {
    if (column < 0 || column >= features_) {
      return absl::DataLossError(
          absl::StrCat("feature ", column, "; legal are 0 to ", features_ - 1));
    }
  }
  return absl::OkStatus();
}

absl::Status BilevelWorkload::AddSum(const JobInputs& inputs, const Examples& batch,
                                     std::span<const int64_t> ids, std::span<float> sum) const {
  if (auto status = Check(inputs, batch, ids, sum); !status.ok()) return status;
  const int64_t dx = plan_.shape().dx, dy = plan_.shape().dy, phases = plan_.lanes.phases;
  const std::vector<int> blocks = plan_.sampler.Blocks(inputs.seed, inputs.job / phases);
  const BlockLayout layout = plan_.Layout(static_cast<int>(inputs.job % phases));
  const std::vector<double> x(inputs.segments[0].begin(), inputs.segments[0].end());
  for (int k = 0; k < plan_.lanes.places_in_lane(); ++k) {
    const int block = blocks[plan_.lanes.first_place(inputs.lane) + k];
    const std::span<const float> values = inputs.segments[1 + k];
    const std::vector<double> own(values.begin(), values.end());
    const auto part = [&own, dy](int number) { return std::span(own).subspan(number * dy, dy); };
    const Bsvrb::Pair at = {{std::span(x).first(dx), part(0), part(2)},
                            {std::span(x).last(dx), part(1), part(3)}};
    BatchSums sums(*problem_, layout, 1.0 / static_cast<double>(plan_.sampler.batch),
                   1.0 / static_cast<double>(plan_.sampler.validation_batch));
    for (size_t i = 0; i < ids.size(); ++i) {
      const BilevelShape::Place place = plan_.shape().PlaceOf(ids[i]);
      if (place.block >= 0 && place.block != block) continue;
      BilevelRow row;
      row.number = ids[i];
      if (reads_examples()) row = RowOf(batch, static_cast<int64_t>(i), ids[i]);
      sums.Add(block, place.validation, row, at);
    }
    sums.AddDataFree(block, at);
    const std::span<float> reply = sum.subspan(k * plan_.place_length(), 2 * layout.half());
    for (int64_t i = 0; i < layout.half(); ++i) {
      reply[i] += static_cast<float>(sums.now()[i]);
      reply[layout.half() + i] += static_cast<float>(sums.now()[i] - sums.before()[i]);
    }
    AddTotals(lanes_[inputs.lane].reply,
              {.loss = sums.loss(), .correct = static_cast<double>(sums.correct())}, sum);
  }
  AddTotals(lanes_[inputs.lane].reply, {.examples = static_cast<int64_t>(ids.size())}, sum);
  return absl::OkStatus();
}

absl::StatusOr<Evaluation> BilevelWorkload::Evaluate(const TrialView& /*view*/,
                                                     const Examples* /*test*/) const {
  return absl::UnimplementedError("a bilevel trial is evaluated by its learner");
}

double BilevelWorkload::LearnerBytes() const {
  const BilevelShape& shape = plan_.shape();
  const auto blocks = static_cast<double>(shape.blocks);
  // Of x, of all y (both with what is tracked of them), and the Hessians; see Bsvrb.
  double doubles = 5.0 * static_cast<double>(shape.dx) + 6 * blocks * static_cast<double>(shape.dy);
  if (plan_.options.version == v1::Bilevel::V1) {
    doubles += 2 * blocks * static_cast<double>(shape.hessian_size());
  }
  double floats = static_cast<double>(parameters());
  if (reads_examples()) {
    floats += static_cast<double>(shape.rows()) * static_cast<double>(features_);
  }
  return doubles * sizeof(double) + floats * sizeof(float);
}

}  // namespace gradloom
