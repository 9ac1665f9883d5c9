#include "models/learners/gradient_learner.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"
#include "models/learners/training_length.h"

namespace gradloom {
namespace {

// In several sums side by side and a fixed order: it vectorises, with the same bits everywhere.
double SquareSum(std::span<const float> values) {
  constexpr size_t kSums = 8;
  std::array<double, kSums> sums = {};
  size_t i = 0;
  for (; i + kSums <= values.size(); i += kSums) {
    for (size_t j = 0; j < kSums; ++j) {
      sums[j] += static_cast<double>(values[i + j]) * values[i + j];
    }
  }
  for (; i < values.size(); ++i) sums[0] += static_cast<double>(values[i]) * values[i];
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

float Scalar(const ReplyLayout& layout, const char* name, const DecodedSum& sum) {
  float value = 0;
  sum.Read(static_cast<size_t>(layout.At(name).offset), std::span(&value, 1));
  return value;
}

}  // namespace

GradientLearner::GradientLearner(const Workload& workload, const v1::TrialSpec& trial,
                                 const Length& length, std::unique_ptr<JobPlan> plan,
                                 std::unique_ptr<Optimiser> optimiser,
                                 std::vector<Floats> constants)
    : Learner(workload, trial, length, static_cast<int>(workload.lanes().size())),
      plan_(std::move(plan)),
      optimiser_(std::move(optimiser)),
      constants_(std::move(constants)),
      lanes_(workload.lanes().size()) {
  for (size_t l = 0; l < lanes_.size(); ++l) {
    Lane& lane = lanes_[l];
    lane.values.resize(workload.segments()[l].size);
    workload.Initialise(trial.seed(), static_cast<int>(l), lane.values);
    lane.state.assign(optimiser_->state_names().size(), Floats(lane.values.size()));
  }
}

absl::StatusOr<std::unique_ptr<Learner>> GradientLearner::Make(const Workload& workload,
                                                               const v1::TrialSpec& trial,
                                                               std::vector<Floats> constants) {
  const std::unique_ptr<JobPlan> plan = workload.PlanJobs(trial.training(), trial.seed());
  const absl::StatusOr<int64_t> jobs = JobsOf(trial.training(), *plan);
  if (!jobs.ok()) return jobs.status();
  absl::StatusOr<std::unique_ptr<Optimiser>> optimiser = MakeOptimiser(trial.optimizer(), *jobs);
  if (!optimiser.ok()) return optimiser.status();
  return MakeWith(*std::move(optimiser), workload, trial, std::move(constants));
}

absl::StatusOr<std::unique_ptr<Learner>> GradientLearner::MakeWith(
    std::unique_ptr<Optimiser> optimiser, const Workload& workload, const v1::TrialSpec& trial,
    std::vector<Floats> constants) {
  ABSL_RAW_CHECK(workload.lanes().size() + constants.size() == workload.segments().size(),
                 "a gradient learner has a segment a lane, and constants");
  if (trial.training().patience() > 0 && !workload.has_validation()) {
    return absl::InvalidArgumentError(
        absl::StrCat("training.patience = ", trial.training().patience(),
                     ": this workload sets no validation data aside; legal is 0"));
  }
  std::unique_ptr<JobPlan> plan = workload.PlanJobs(trial.training(), trial.seed());
  const absl::StatusOr<int64_t> jobs = JobsOf(trial.training(), *plan);
  if (!jobs.ok()) return jobs.status();
  const Length length{.jobs = *jobs, .evaluate_every = EvaluateEvery(trial.training(), *plan)};
  return std::unique_ptr<Learner>(new GradientLearner(workload, trial, length, std::move(plan),
                                                      std::move(optimiser), std::move(constants)));
}

// ---- jobs ---------------------------------------------------------------------------------------

JobOrder GradientLearner::Next(int lane) const {
  JobOrder order{{}, workload().Reads(lane, jobs_done(lane))};
  for (SegmentVersion& read : order.reads) {
    if (read.version == kFinal) read.version = ModelVersion(read.segment);
  }
  return order;
}

absl::StatusOr<AppliedJob> GradientLearner::Judge(int lane, int64_t job, double examples,
                                                  const DecodedSum& sum) const {
  const ReplyLayout& reply = workload().lanes()[lane].reply;
  AppliedJob applied{.loss = Scalar(reply, "loss", sum) / examples};
  Floats block(std::min(DecodedSum::kBlock, lanes_[lane].values.size()));
  double squares = 0;
  for (size_t offset = 0; offset < lanes_[lane].values.size(); offset += DecodedSum::kBlock) {
    const size_t left = lanes_[lane].values.size() - offset;
    const std::span<float> part(block.data(), std::min(DecodedSum::kBlock, left));
    sum.Read(offset, part);
    squares += SquareSum(part);
  }
  const double norm = std::sqrt(squares) / examples;
  if (!std::isfinite(applied.loss) || !std::isfinite(norm)) {
    return absl::OutOfRangeError(
        absl::StrCat("the training diverged (loss ", applied.loss, ", gradient norm ", norm,
                     "); try a smaller optimizer.learning_rate or set optimizer.clip_norm"));
  }
  applied.metrics = {{"train_accuracy", Scalar(reply, "correct", sum) / examples},
                     {"learning_rate", optimiser_->LearningRate(job)},
                     {"gradient_norm", norm}};
  return applied;
}

absl::StatusOr<AppliedJob> GradientLearner::Apply(int lane, int64_t job, const DecodedSum& sum) {
  ABSL_RAW_CHECK(job == jobs_done(lane) && !finished(lane), "jobs are applied in order");
  const auto examples = static_cast<double>(plan_->ExamplesIn(lane, job));
  absl::StatusOr<AppliedJob> applied = Judge(lane, job, examples, sum);
  if (!applied.ok()) return applied.status();
  const double norm = applied->metrics["gradient_norm"];
  double scale = 1 / examples;
  if (optimiser_->clip_norm() > 0 && norm > optimiser_->clip_norm()) {
    scale *= optimiser_->clip_norm() / norm;
  }
  BeforeChange(lane);
  Descend(lane, job, scale, sum);
  SetJobsDone(lane, job + 1);
  applied->evaluate = Came(lane, job, job + 1);
  return applied;
}

void GradientLearner::Descend(int lane_number, int64_t job, double scale, const DecodedSum& sum) {
  Lane& lane = lanes_[lane_number];
  if (const auto history = static_cast<size_t>(workload().segments()[lane_number].history)) {
    lane.history.push_front(lane.values);
    if (lane.history.size() > history) lane.history.pop_back();
  }
  // Of a piece of the segment: a block, or a tensor as a whole where the rule sees whole ones.
  Floats gradient;
  std::vector<std::span<float>> state(lane.state.size());
  const auto take = [&](size_t offset, size_t count) {
    gradient.resize(count);
    for (size_t at = 0; at < count; at += DecodedSum::kBlock) {
      const size_t some = std::min(DecodedSum::kBlock, count - at);
      sum.Read(offset + at, std::span(gradient).subspan(at, some));
    }
    for (size_t k = 0; k < state.size(); ++k) {
      state[k] = std::span(lane.state[k]).subspan(offset, count);
    }
    return std::span(lane.values).subspan(offset, count);
  };
  if (!optimiser_->element_wise()) {
    for (const ParameterTensor& tensor : workload().segments()[lane_number].tensors) {
      const std::span<float> values =
          take(static_cast<size_t>(tensor.offset), static_cast<size_t>(tensor.size));
      optimiser_->UpdateTensor(job, scale, {tensor.name, tensor.shape}, gradient, values, state);
    }
    return;
  }
  for (size_t offset = 0; offset < lane.values.size(); offset += DecodedSum::kBlock) {
    const size_t count = std::min(DecodedSum::kBlock, lane.values.size() - offset);
    const std::span<float> values = take(offset, count);
    optimiser_->Update(job, scale, gradient, values, state);
  }
}

// ---- state --------------------------------------------------------------------------------------

GradientLearner::Floats& GradientLearner::Model(int lane) {
  Result* ended = result(lane);
  return ended != nullptr ? ended->values.floats : lanes_[lane].values;
}

std::span<const float> GradientLearner::Model(int lane) const {
  const Result* ended = result(lane);
  return ended != nullptr ? ended->values.floats : lanes_[lane].values;
}

int64_t GradientLearner::ModelVersion(int lane) const {
  const Result* ended = result(lane);
  return ended != nullptr ? ended->version : jobs_done(lane);
}

std::span<const float> GradientLearner::Values(SegmentVersion segment) const {
  const size_t lanes = lanes_.size();
  if (segment.segment >= lanes) return constants_[segment.segment - lanes];
  const int64_t back = ModelVersion(segment.segment) - segment.version;
  if (back == 0) return Model(segment.segment);
  const std::deque<Floats>& history = lanes_[segment.segment].history;
  if (result(segment.segment) == nullptr && back >= 1 &&
      back <= static_cast<int64_t>(history.size())) {
    return history[back - 1];
  }
  const ModelCopy* aside = views().Find(segment.segment, segment.version);
  return aside != nullptr ? std::span<const float>(aside->floats) : std::span<const float>();
}

TrialView GradientLearner::View(int64_t number) const {
  TrialView view;
  for (int lane = 0; lane < static_cast<int>(lanes_.size()); ++lane) {
    const ViewBook::Aside* aside = views().FindAside(number, lane);
    view.segments.push_back(aside != nullptr ? aside->values->floats : Model(lane));
    view.jobs_done.push_back(aside != nullptr ? aside->jobs_done : jobs_done(lane));
    view.versions.push_back(aside != nullptr ? aside->jobs_done : ModelVersion(lane));
  }
  view.segments.insert(view.segments.end(), constants_.begin(), constants_.end());
  view.versions.resize(view.segments.size());
  view.seed = seed();
  return view;
}

ModelCopy GradientLearner::SetAside(int part) {
  Floats& values = lanes_[part].values;
  ModelCopy aside{.floats = std::move(values)};
  values = aside.floats;
  return aside;
}

absl::Status GradientLearner::GoOnFromResult(int part) {
  lanes_[part].values = Model(part);
  return absl::OkStatus();
}

// ---- checkpoints --------------------------------------------------------------------------------

void GradientLearner::SaveLane(int lane, v1::LearnerProgress::Lane* saved) const {
  saved->set_history(static_cast<uint32_t>(lanes_[lane].history.size()));
}

absl::Status GradientLearner::LoadLane(int lane, const v1::LearnerProgress::Lane& saved) {
  const int most = workload().segments()[lane].history;
  if (saved.history() > static_cast<uint64_t>(most)) {
    return absl::DataLossError(absl::StrCat("the checkpoint has ", saved.history(),
                                            " versions before the last; legal are up to ", most));
  }
  lanes_[lane].history.assign(saved.history(), Floats(lanes_[lane].values.size()));
  return absl::OkStatus();
}

std::string GradientLearner::Suffix(int lane) const {
  const std::string& name = workload().lanes()[lane].name;
  return name.empty() ? "" : absl::StrCat(".", name);
}

void GradientLearner::List(int part, const std::string& name, ModelCopy& copy,
                           std::vector<NamedVector>* vectors) {
  vectors->push_back({absl::StrCat(name, Suffix(part)),
                      {static_cast<int64_t>(copy.floats.size())},
                      std::span(copy.floats)});
}

std::vector<Learner::NamedVector> GradientLearner::Vectors() {
  std::vector<NamedVector> vectors;
  const std::vector<SegmentSpec>& segments = workload().segments();
  for (size_t s = 0; s < segments.size(); ++s) {
    Floats& values = s < lanes_.size() ? Model(static_cast<int>(s)) : constants_[s - lanes_.size()];
    for (const ParameterTensor& tensor : segments[s].tensors) {
      vectors.push_back(
          {tensor.name, tensor.shape, std::span(values).subspan(tensor.offset, tensor.size), true});
    }
  }
  for (int l = 0; l < static_cast<int>(lanes_.size()); ++l) {
    Lane& lane = lanes_[l];
    const auto whole = [&](const std::string& name, Floats& values) {
      vectors.push_back({absl::StrCat(name, Suffix(l)),
                         {static_cast<int64_t>(values.size())},
                         std::span(values)});
    };
    for (size_t k = 0; k < lane.state.size(); ++k) {
      whole(absl::StrCat("optimiser.", optimiser_->state_names()[k]), lane.state[k]);
    }
    if (keeps_last(l)) whole("last", lane.values);
    for (size_t k = 0; k < lane.history.size(); ++k) {
      whole(absl::StrCat("history.", k + 1), lane.history[k]);
    }
    ListCopies(l, &vectors);
  }
  return vectors;
}

}  // namespace gradloom
