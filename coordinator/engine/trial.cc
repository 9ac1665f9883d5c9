#include "coordinator/engine/trial.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/store/sha256.h"

namespace gradloom {
namespace {

// Values decoded at a time: small enough for the cache, a multiple of the sum's blocks.
constexpr size_t kBlock = 16 * ReproducibleSum::kBlock;

}  // namespace

Trial::Trial(v1::TrialSpec spec, std::unique_ptr<Workload> workload, MinibatchPlan minibatches)
    : spec_(std::move(spec)),
      workload_(std::move(workload)),
      minibatches_(minibatches),
      parameters_(workload_->parameters()) {}

absl::StatusOr<std::unique_ptr<Trial>> Trial::Create(const v1::TrialSpec& spec,
                                                     const DatasetInfo& data) {
  absl::StatusOr<std::unique_ptr<Workload>> workload = MakeWorkload(spec.workload(), data);
  if (!workload.ok()) return workload.status();
  const v1::TrainingSpec& training = spec.training();
  const MinibatchPlan plan(data.examples, static_cast<int64_t>(training.batch_size()), spec.seed());
  auto trial = std::unique_ptr<Trial>(new Trial(spec, *std::move(workload), plan));
  trial->jobs_ = training.has_jobs()
                     ? static_cast<int64_t>(training.jobs())
                     : static_cast<int64_t>(std::ceil(training.epochs() *
                                                      static_cast<double>(plan.jobs_per_epoch())));
  trial->evaluate_every_ = training.has_evaluate_every()
                               ? static_cast<int64_t>(training.evaluate_every())
                               : plan.jobs_per_epoch();
  absl::StatusOr<std::unique_ptr<Optimiser>> optimiser =
      MakeOptimiser(spec.optimizer(), trial->jobs_);
  if (!optimiser.ok()) return optimiser.status();
  trial->optimiser_ = *std::move(optimiser);
  for (size_t i = 0; i < trial->optimiser_->state_names().size(); ++i) {
    trial->state_.emplace_back(trial->parameters_.size());
  }
  trial->workload_->Initialise(spec.seed(), trial->parameters_);
  return trial;
}

int64_t Trial::jobs_done() const {
  std::shared_lock lock(mutex_);
  return jobs_done_;
}

double Trial::epoch() const {
  return static_cast<double>(jobs_done()) / static_cast<double>(minibatches_.jobs_per_epoch());
}

bool Trial::EvaluationDue(int64_t jobs_done) const {
  return jobs_done == jobs_ || (evaluate_every_ > 0 && jobs_done % evaluate_every_ == 0);
}

absl::StatusOr<AppliedJob> Trial::Apply(int64_t job, const JobSum& sum, const JobDecoding& decoding,
                                        double count_tolerance) {
  const size_t length = parameters_.size();
  std::array<float, kReplyScalars> scalars;
  sum.Decode(decoding, length, scalars);
  const auto expected = static_cast<double>(minibatches_.ExamplesIn(job));
  const double counted = scalars[kExamples];
  if (!(std::fabs(counted - expected) <= count_tolerance * expected)) {
    return absl::DataLossError(absl::StrCat("trial ", spec_.name(), ", job ", job,
                                            ": the decoded sum counts ", counted,
                                            " examples, the job has ", expected));
  }
  AppliedJob applied;
  applied.loss = scalars[kLossSum] / expected;
  applied.accuracy = scalars[kCorrect] / expected;
  applied.learning_rate = optimiser_->LearningRate(job);
  // One pass for the norm: it tells divergence before anything is changed, and clipping needs it.
  std::vector<float> block(std::min(kBlock, length));
  double squares = 0;
  for (size_t offset = 0; offset < length; offset += kBlock) {
    const std::span<float> part(block.data(), std::min(kBlock, length - offset));
    sum.Decode(decoding, offset, part);
    for (float value : part) squares += static_cast<double>(value) * value;
  }
  applied.gradient_norm = std::sqrt(squares) / expected;
  if (!std::isfinite(applied.loss) || !std::isfinite(applied.gradient_norm)) {
    return absl::OutOfRangeError(
        absl::StrCat("trial ", spec_.name(), ", job ", job, ": the training diverged (loss ",
                     applied.loss, ", gradient norm ", applied.gradient_norm,
                     "); try a smaller optimizer.learning_rate or set optimizer.clip_norm"));
  }
  double scale = 1 / expected;
  if (optimiser_->clip_norm() > 0 && applied.gradient_norm > optimiser_->clip_norm()) {
    scale *= optimiser_->clip_norm() / applied.gradient_norm;
  }
  std::unique_lock lock(mutex_);
  std::vector<std::span<float>> state(state_.size());
  for (size_t offset = 0; offset < length; offset += kBlock) {
    const size_t count = std::min(kBlock, length - offset);
    const std::span<float> part(block.data(), count);
    sum.Decode(decoding, offset, part);
    for (size_t k = 0; k < state_.size(); ++k) {
      state[k] = std::span(state_[k]).subspan(offset, count);
    }
    optimiser_->Update(job, scale, part, std::span(parameters_).subspan(offset, count), state);
  }
  jobs_done_ = job + 1;
  return applied;
}

absl::StatusOr<Evaluation> Trial::Evaluate(const Examples& test) const {
  std::shared_lock lock(mutex_);
  return workload_->Evaluate(parameters_, test);
}

bool Trial::ReadParameters(int64_t version, size_t offset, std::span<float> out) const {
  std::shared_lock lock(mutex_);
  if (version != jobs_done_) return false;
  std::copy_n(parameters_.begin() + static_cast<int64_t>(offset), out.size(), out.begin());
  return true;
}

std::string Trial::Sha256() const {
  std::shared_lock lock(mutex_);
  gradloom::Sha256 digest;
  digest.Update(std::span<const float>(parameters_));
  return digest.HexDigest();
}

std::vector<Trial::NamedVector> Trial::Vectors() {
  std::vector<NamedVector> vectors;
  for (const ParameterSegment& segment : workload_->segments()) {
    vectors.push_back({segment.name, segment.shape,
                       std::span(parameters_).subspan(segment.offset, segment.size)});
  }
  for (size_t k = 0; k < state_.size(); ++k) {
    vectors.push_back({absl::StrCat("optimiser.", optimiser_->state_names()[k]),
                       {static_cast<int64_t>(state_[k].size())},
                       std::span(state_[k])});
  }
  return vectors;
}

void Trial::SetJobsDone(int64_t jobs_done) {
  std::unique_lock lock(mutex_);
  jobs_done_ = jobs_done;
}

}  // namespace gradloom
