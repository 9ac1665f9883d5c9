#include "models/workloads/gradient_learner.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"
#include "models/optimisers/optimiser.h"

namespace gradloom {
namespace {

using Floats = std::vector<float>;

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

class GradientLearner final : public Learner {
 public:
  GradientLearner(const Workload& workload, const v1::TrialSpec& trial, int64_t jobs,
                  std::unique_ptr<JobPlan> plan, std::unique_ptr<Optimiser> optimiser,
                  std::vector<Floats> constants)
      : workload_(workload),
        seed_(trial.seed()),
        training_(trial.training()),
        plan_(std::move(plan)),
        optimiser_(std::move(optimiser)),
        jobs_(jobs),
        evaluate_every_(training_.has_evaluate_every()
                            ? static_cast<int64_t>(training_.evaluate_every())
                            : plan_->jobs_per_epoch()),
        constants_(std::move(constants)) {
    for (size_t l = 0; l < workload.lanes().size(); ++l) {
      Lane lane;
      lane.values.resize(workload.segments()[l].size);
      workload.Initialise(trial.seed(), static_cast<int>(l), lane.values);
      lane.state.assign(optimiser_->state_names().size(), Floats(lane.values.size()));
      if (jobs_ == 0) End(v1::LearnerProgress::LENGTH, lane);
      lanes_.push_back(std::move(lane));
    }
  }

  LaneProgress progress(int lane) const override {
    const Lane& at = lanes_[lane];
    return {at.result.has_value() ? at.result->jobs_done : at.jobs_done, jobs_, at.finished};
  }

  std::vector<SegmentVersion> Reads(int lane) const override {
    std::vector<SegmentVersion> reads = workload_.Reads(lane, lanes_[lane].jobs_done);
    for (SegmentVersion& read : reads) {
      if (read.version == kFinal) read.version = lanes_[read.segment].model_version();
    }
    return reads;
  }

  absl::StatusOr<AppliedJob> Apply(int lane, int64_t job, const DecodedSum& sum) override;

  std::span<const float> Values(SegmentVersion segment) const override {
    const size_t lanes = lanes_.size();
    if (segment.segment >= lanes) return constants_[segment.segment - lanes];
    const Lane& lane = lanes_[segment.segment];
    const int64_t back = lane.model_version() - segment.version;
    if (back == 0) return lane.model();
    if (!lane.result.has_value() && back >= 1 &&
        back <= static_cast<int64_t>(lane.history.size())) {
      return lane.history[back - 1];
    }
    for (const auto& [number, view] : views_) {
      const auto aside = view.find(segment.segment);
      if (aside != view.end() && aside->second.jobs_done == segment.version) {
        return aside->second.values;
      }
    }
    return {};
  }

  std::vector<int64_t> DueViews() const override;
  TrialView View(int64_t number) const override;
  absl::StatusOr<Evaluation> Evaluate(int64_t view, const Examples* test) const override;
  void Evaluated(int64_t view, const Evaluation& evaluation) override;
  void EvaluateNever() override { never_ = true; }

  v1::LearnerProgress SaveProgress() const override;
  absl::Status LoadProgress(const v1::LearnerProgress& progress) override;
  std::vector<NamedVector> Vectors() override;
  absl::Status GoOn() override;

 private:
  using Ending = v1::LearnerProgress::End;
  struct Result {
    Floats values;
    int64_t version = 0;
    int64_t jobs_done = 0;  // that count
  };
  struct Lane {
    int64_t jobs_done = 0;  // the version of `values`, too
    Floats values;
    std::deque<Floats> history;  // the versions before, newest first
    std::vector<Floats> state;   // the optimiser's
    bool finished = false;
    Ending ended = v1::LearnerProgress::END_UNSPECIFIED;
    uint64_t evaluations_since_best = 0;  // when it finished
    // What it finished with, where that is not its last state: the model is this, and `values` stay
    // in case that the lane goes on.
    std::optional<Result> result;
    bool last_lost = false;  // a checkpoint of an earlier version had no values beside the result

    Floats& model() { return result.has_value() ? result->values : values; }
    const Floats& model() const { return result.has_value() ? result->values : values; }
    int64_t model_version() const { return result.has_value() ? result->version : jobs_done; }
  };
  struct SetAside {
    Floats values;
    int64_t jobs_done = 0;
  };
  using LanesAside = std::map<int, SetAside>;  // by lane

  // Whether the lane cannot have begun: it needs the end of a lane that has not ended.
  bool Held(int lane) const;
  // Whether the lane may move.
  bool Trains(int lane) const { return !lanes_[lane].finished && !Held(lane); }
  // The number of the view that is complete now that the lane is due, if any.
  std::optional<int64_t> Due(int lane);
  // Whether no lane that is still to come is missing.
  bool IsComplete(const LanesAside& view) const;
  void KeepBest(int64_t view);
  // Ends the lanes that train, at their best state; `view` has decided it.
  void EndAtBest(Ending why, int64_t view);
  // Ends the trial at the view; lanes that are held never begin.
  void EndAt(int64_t view);
  static void End(Ending why, Lane& lane);
  bool WouldEndNoMore(const Lane& lane) const;
  bool IsDue(int64_t jobs_done) const {
    if (never_) return false;
    return jobs_done == jobs_ || (evaluate_every_ > 0 && jobs_done % evaluate_every_ == 0);
  }
  void ForgetBest();

  const Workload& workload_;
  const uint64_t seed_;
  const v1::TrainingSpec training_;
  const std::unique_ptr<JobPlan> plan_;
  const std::unique_ptr<Optimiser> optimiser_;
  const int64_t jobs_;
  const int64_t evaluate_every_;
  std::vector<Floats> constants_;  // not const: checkpoints fill them
  std::vector<Lane> lanes_;
  std::map<int64_t, LanesAside> views_;
  bool never_ = false;  // nothing is evaluated
  // Early stopping of the lanes that train.
  std::optional<double> best_validation_;
  int64_t best_view_ = 0;
  std::map<int, Floats> best_;  // by lane
  uint64_t evaluations_since_best_ = 0;
  std::optional<double> reached_;  // the accuracy that met the target
};

absl::StatusOr<AppliedJob> GradientLearner::Apply(int lane_number, int64_t job,
                                                  const DecodedSum& sum) {
  Lane& lane = lanes_[lane_number];
  ABSL_RAW_CHECK(job == lane.jobs_done && !lane.finished, "jobs are applied in order");
  const size_t length = lane.values.size();
  std::array<float, kReplyScalars> scalars;
  sum.Read(length, scalars);
  const auto examples = static_cast<double>(plan_->ExamplesIn(lane_number, job));
  AppliedJob applied;
  applied.loss = scalars[kLossSum] / examples;
  applied.accuracy = scalars[kCorrect] / examples;
  applied.learning_rate = optimiser_->LearningRate(job);
  // One pass for the norm: it tells divergence before anything is changed, and clipping needs it.
  Floats block(std::min(DecodedSum::kBlock, length));
  double squares = 0;
  for (size_t offset = 0; offset < length; offset += DecodedSum::kBlock) {
    const std::span<float> part(block.data(), std::min(DecodedSum::kBlock, length - offset));
    sum.Read(offset, part);
    squares += SquareSum(part);
  }
  applied.gradient_norm = std::sqrt(squares) / examples;
  if (!std::isfinite(applied.loss) || !std::isfinite(applied.gradient_norm)) {
    return absl::OutOfRangeError(absl::StrCat(
        "the training diverged (loss ", applied.loss, ", gradient norm ", applied.gradient_norm,
        "); try a smaller optimizer.learning_rate or set optimizer.clip_norm"));
  }
  double scale = 1 / examples;
  if (optimiser_->clip_norm() > 0 && applied.gradient_norm > optimiser_->clip_norm()) {
    scale *= optimiser_->clip_norm() / applied.gradient_norm;
  }
  if (const auto history = static_cast<size_t>(workload_.segments()[lane_number].history)) {
    lane.history.push_front(lane.values);
    if (lane.history.size() > history) lane.history.pop_back();
  }
  std::vector<std::span<float>> state(lane.state.size());
  for (size_t offset = 0; offset < length; offset += DecodedSum::kBlock) {
    const size_t count = std::min(DecodedSum::kBlock, length - offset);
    const std::span<float> part(block.data(), count);
    sum.Read(offset, part);
    for (size_t k = 0; k < state.size(); ++k) {
      state[k] = std::span(lane.state[k]).subspan(offset, count);
    }
    optimiser_->Update(job, scale, part, std::span(lane.values).subspan(offset, count), state);
  }
  ++lane.jobs_done;
  applied.evaluate = Due(lane_number);
  // With patience it is the last evaluation that ends a lane: who needs it reads the best state.
  if (lane.jobs_done >= jobs_ && training_.patience() == 0) End(v1::LearnerProgress::LENGTH, lane);
  return applied;
}

// ---- evaluation ---------------------------------------------------------------------------------

bool GradientLearner::Held(int lane) const {
  const std::vector<LaneNeed>& needs = workload_.lanes()[lane].needs;
  return std::any_of(needs.begin(), needs.end(), [this](const LaneNeed& need) {
    return need.finished && !lanes_[need.lane].finished;
  });
}

std::optional<int64_t> GradientLearner::Due(int lane) {
  const int64_t done = lanes_[lane].jobs_done;
  if (!IsDue(done)) return std::nullopt;
  LanesAside& view = views_[done];
  view[lane] = {lanes_[lane].values, done};
  if (!IsComplete(view)) return std::nullopt;
  return done;
}

bool GradientLearner::IsComplete(const LanesAside& view) const {
  for (int lane = 0; lane < static_cast<int>(lanes_.size()); ++lane) {
    if (view.contains(lane) || !Trains(lane)) continue;
    // One that waited for the end of a lane of the view has views of its own.
    const std::vector<LaneNeed>& needs = workload_.lanes()[lane].needs;
    const bool later = std::any_of(needs.begin(), needs.end(), [&view](const LaneNeed& need) {
      return need.finished && view.contains(need.lane);
    });
    if (!later) return false;
  }
  return true;
}

std::vector<int64_t> GradientLearner::DueViews() const {
  // Of a training that an evaluation has ended, further ones are for a longer training to judge.
  const bool finished =
      std::all_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.finished; });
  const bool by_length = std::all_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) {
    return lane.ended == v1::LearnerProgress::LENGTH;
  });
  std::vector<int64_t> due;
  if (finished && (!by_length || training_.patience() > 0)) return due;
  for (const auto& [number, view] : views_) {
    if (IsComplete(view)) due.push_back(number);
  }
  return due;
}

TrialView GradientLearner::View(int64_t number) const {
  const auto found = views_.find(number);
  TrialView view;
  for (int number_of_lane = 0; const Lane& lane : lanes_) {
    view.segments.emplace_back(lane.model());
    view.versions.push_back(lane.model_version());
    view.jobs_done.push_back(lane.jobs_done);
    const int l = number_of_lane++;
    if (found == views_.end()) continue;
    if (const auto aside = found->second.find(l); aside != found->second.end()) {
      view.segments.back() = aside->second.values;
      view.versions.back() = view.jobs_done.back() = aside->second.jobs_done;
    }
  }
  view.segments.insert(view.segments.end(), constants_.begin(), constants_.end());
  view.versions.resize(view.segments.size());
  view.seed = seed_;
  return view;
}

absl::StatusOr<Evaluation> GradientLearner::Evaluate(int64_t view, const Examples* test) const {
  return workload_.Evaluate(View(view), test);
}

void GradientLearner::Evaluated(int64_t view, const Evaluation& evaluation) {
  if (training_.has_target_accuracy() && evaluation.accuracy >= training_.target_accuracy()) {
    reached_ = evaluation.accuracy;
    EndAt(view);
    return;
  }
  if (training_.patience() > 0) {
    ABSL_RAW_CHECK(evaluation.validation.has_value(), "has_validation() promises one");
    if (!best_validation_.has_value() || *evaluation.validation > *best_validation_) {
      best_validation_ = evaluation.validation;
      evaluations_since_best_ = 0;
      KeepBest(view);
    } else {
      ++evaluations_since_best_;
    }
    const bool exhausted = evaluations_since_best_ >= training_.patience();
    if (view == jobs_ || exhausted) {
      EndAtBest(exhausted ? v1::LearnerProgress::PATIENCE : v1::LearnerProgress::LENGTH, view);
    }
  }
  views_.erase(view);
}

void GradientLearner::KeepBest(int64_t view) {
  const TrialView state = View(view);
  best_view_ = view;
  for (int lane = 0; lane < static_cast<int>(lanes_.size()); ++lane) {
    if (Trains(lane)) best_[lane].assign(state.segments[lane].begin(), state.segments[lane].end());
  }
}

void GradientLearner::End(Ending why, Lane& lane) {
  lane.finished = true;
  lane.ended = why;
}

void GradientLearner::ForgetBest() {
  best_.clear();
  best_validation_.reset();
  evaluations_since_best_ = 0;
}

void GradientLearner::EndAtBest(Ending why, int64_t view) {
  for (auto& [number, values] : best_) {
    Lane& lane = lanes_[number];
    if (lane.jobs_done != best_view_) {
      lane.result = {std::move(values), best_view_, view};
    }
    lane.evaluations_since_best = evaluations_since_best_;
    End(why, lane);
  }
  best_.clear();
  // Lanes that are still to come have evaluations of their own.
  const bool all =
      std::all_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.finished; });
  if (all) return;
  ForgetBest();
  views_.erase(views_.upper_bound(view), views_.end());
}

void GradientLearner::EndAt(int64_t view) {
  const auto found = views_.find(view);
  for (int l = 0; l < static_cast<int>(lanes_.size()); ++l) {
    Lane& lane = lanes_[l];
    if (found != views_.end() && found->second.contains(l)) {
      SetAside& aside = found->second[l];
      if (aside.jobs_done != lane.jobs_done) {
        lane.result = {std::move(aside.values), aside.jobs_done, aside.jobs_done};
      }
    }
    if (lane.ended != v1::LearnerProgress::PATIENCE) End(v1::LearnerProgress::TARGET, lane);
  }
  ForgetBest();
  views_.erase(view);
}

// ---- going on -----------------------------------------------------------------------------------

bool GradientLearner::WouldEndNoMore(const Lane& lane) const {
  if (lane.jobs_done >= jobs_) return false;
  switch (lane.ended) {
    case v1::LearnerProgress::LENGTH:
      return true;
    case v1::LearnerProgress::PATIENCE:
      return training_.patience() == 0 || lane.evaluations_since_best < training_.patience();
    case v1::LearnerProgress::TARGET:
      return !training_.has_target_accuracy() || reached_ < training_.target_accuracy();
    default:  // an earlier version's checkpoint: by its length, if nothing else could end it
      return training_.patience() == 0 && !training_.has_target_accuracy();
  }
}

absl::Status GradientLearner::GoOn() {
  const bool known = training_.patience() > 0 && best_validation_.has_value();
  bool any = false, held = false;
  for (int l = 0; l < static_cast<int>(lanes_.size()); ++l) {
    Lane& lane = lanes_[l];
    if (!lane.finished || !WouldEndNoMore(lane)) continue;
    any = true;
    if (lane.last_lost) lane.values = lane.model();
    if (known) best_[l] = lane.model();
    lane.result.reset();
    lane.last_lost = false;
    lane.finished = false;
    lane.ended = v1::LearnerProgress::END_UNSPECIFIED;
  }
  if (!any) return absl::OkStatus();
  reached_.reset();
  // Early stopping goes on, too, unless what is known of it is of a lane that is to wait now.
  for (int l = 0; l < static_cast<int>(lanes_.size()); ++l) held = held || Held(l);
  if (!known || held) ForgetBest();
  return absl::OkStatus();
}

// ---- checkpoints --------------------------------------------------------------------------------

v1::LearnerProgress GradientLearner::SaveProgress() const {
  v1::LearnerProgress progress;
  for (const Lane& lane : lanes_) {
    v1::LearnerProgress::Lane* saved = progress.add_lanes();
    const auto last = static_cast<uint64_t>(lane.jobs_done);
    saved->set_jobs_done(lane.result.has_value() ? lane.result->jobs_done : last);
    saved->set_finished(lane.finished);
    saved->set_version(static_cast<uint64_t>(lane.model_version()));
    saved->set_history(static_cast<uint32_t>(lane.history.size()));
    saved->set_ended(lane.ended);
    saved->set_evaluations_since_best(lane.evaluations_since_best);
    if (lane.result.has_value() && !lane.last_lost) saved->set_last(last);
  }
  for (const auto& [number, view] : views_) {
    v1::LearnerProgress::View* saved = progress.add_views();
    saved->set_number(number);
    for (const auto& [lane, aside] : view) {
      saved->add_lanes(static_cast<uint32_t>(lane));
      saved->add_jobs_done(static_cast<uint64_t>(aside.jobs_done));
    }
  }
  if (best_validation_.has_value()) {
    progress.set_best(*best_validation_);
    progress.set_best_view(best_view_);
  }
  progress.set_evaluations_since_best(evaluations_since_best_);
  if (reached_.has_value()) progress.set_reached(*reached_);
  return progress;
}

absl::Status GradientLearner::LoadProgress(const v1::LearnerProgress& progress) {
  if (progress.lanes_size() != static_cast<int>(lanes_.size())) {
    return absl::DataLossError(absl::StrCat("the checkpoint has ", progress.lanes_size(),
                                            " lanes, the trial ", lanes_.size()));
  }
  for (size_t l = 0; l < lanes_.size(); ++l) {
    Lane& lane = lanes_[l];
    const v1::LearnerProgress::Lane& saved = progress.lanes(static_cast<int>(l));
    const uint64_t last = saved.has_last() ? saved.last() : saved.jobs_done();
    if (absl::Status status = CheckLength(last, jobs_); !status.ok()) return status;
    if (saved.version() > saved.jobs_done() || saved.jobs_done() > last ||
        saved.history() > static_cast<uint64_t>(workload_.segments()[l].history)) {
      return absl::DataLossError(absl::StrCat("the checkpoint has version ", saved.version(),
                                              " and ", saved.history(), " before it after ",
                                              saved.jobs_done(), " jobs"));
    }
    lane.jobs_done = static_cast<int64_t>(last);
    lane.finished = saved.finished();
    lane.ended = saved.ended();
    lane.evaluations_since_best = saved.evaluations_since_best();
    if (saved.version() != last) {
      lane.result = {Floats(lane.values.size()), static_cast<int64_t>(saved.version()),
                     static_cast<int64_t>(saved.jobs_done())};
      lane.last_lost = !saved.has_last();
    }
    lane.history.assign(saved.history(), Floats(lane.values.size()));
  }
  for (const v1::LearnerProgress::View& saved : progress.views()) {
    // One that the training's former end was due at is of no use to a longer one.
    if (!IsDue(saved.number())) continue;
    LanesAside& view = views_[saved.number()];
    for (int i = 0; i < std::min(saved.lanes_size(), saved.jobs_done_size()); ++i) {
      const uint32_t lane = saved.lanes(i);
      if (lane >= lanes_.size()) return absl::DataLossError("the checkpoint's views are damaged");
      view[static_cast<int>(lane)] = {Floats(lanes_[lane].values.size()),
                                      static_cast<int64_t>(saved.jobs_done(i))};
    }
  }
  evaluations_since_best_ = progress.evaluations_since_best();
  if (progress.has_reached()) reached_ = progress.reached();
  if (progress.has_best()) {
    best_validation_ = progress.best();
    best_view_ = progress.best_view();
    for (int lane = 0; lane < static_cast<int>(lanes_.size()); ++lane) {
      if (Trains(lane)) best_[lane].resize(lanes_[lane].values.size());
    }
  }
  return absl::OkStatus();
}

std::vector<Learner::NamedVector> GradientLearner::Vectors() {
  std::vector<NamedVector> vectors;
  const auto whole = [&vectors](std::string name, Floats& values) {
    vectors.push_back(
        {std::move(name), {static_cast<int64_t>(values.size())}, std::span(values), false});
  };
  for (size_t s = 0; s < workload_.segments().size(); ++s) {
    Floats& values = s < lanes_.size() ? lanes_[s].model() : constants_[s - lanes_.size()];
    for (const ParameterTensor& tensor : workload_.segments()[s].tensors) {
      vectors.push_back(
          {tensor.name, tensor.shape, std::span(values).subspan(tensor.offset, tensor.size), true});
    }
  }
  for (size_t l = 0; l < lanes_.size(); ++l) {
    Lane& lane = lanes_[l];
    const std::string& name = workload_.lanes()[l].name;
    const std::string suffix = name.empty() ? "" : absl::StrCat(".", name);
    for (size_t k = 0; k < lane.state.size(); ++k) {
      whole(absl::StrCat("optimiser.", optimiser_->state_names()[k], suffix), lane.state[k]);
    }
    if (lane.result.has_value() && !lane.last_lost)
      whole(absl::StrCat("last", suffix), lane.values);
    for (size_t k = 0; k < lane.history.size(); ++k) {
      whole(absl::StrCat("history.", k + 1, suffix), lane.history[k]);
    }
    if (const auto best = best_.find(static_cast<int>(l)); best != best_.end()) {
      whole(absl::StrCat("best", suffix), best->second);
    }
    for (auto& [number, view] : views_) {
      const auto aside = view.find(static_cast<int>(l));
      if (aside != view.end()) whole(absl::StrCat("view.", number, suffix), aside->second.values);
    }
  }
  return vectors;
}

}  // namespace

absl::Status CheckLength(uint64_t jobs_done, int64_t jobs) {
  if (jobs_done <= static_cast<uint64_t>(jobs)) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("training: its length is ", jobs, " jobs, but ",
                                          jobs_done, " have been done already; legal are ",
                                          jobs_done, " and more"));
}

absl::StatusOr<int64_t> JobsOf(const v1::TrainingSpec& training, const JobPlan& plan) {
  const auto per_epoch = static_cast<double>(plan.jobs_per_epoch());
  const double jobs = training.has_jobs() ? static_cast<double>(training.jobs())
                                          : std::ceil(training.epochs() * per_epoch);
  if (jobs <= static_cast<double>(kMaxJobs)) return static_cast<int64_t>(jobs);
  return absl::InvalidArgumentError(
      absl::StrCat("training.", training.has_jobs() ? "jobs" : "epochs", ": ", jobs,
                   " jobs, an epoch has ", per_epoch, "; legal are up to ", kMaxJobs));
}

absl::StatusOr<std::unique_ptr<Learner>> MakeGradientLearner(const Workload& workload,
                                                             const v1::TrialSpec& trial,
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
  absl::StatusOr<std::unique_ptr<Optimiser>> optimiser = MakeOptimiser(trial.optimizer(), *jobs);
  if (!optimiser.ok()) return optimiser.status();
  return std::make_unique<GradientLearner>(workload, trial, *jobs, std::move(plan),
                                           *std::move(optimiser), std::move(constants));
}

}  // namespace gradloom
