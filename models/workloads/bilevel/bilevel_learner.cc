#include "models/workloads/bilevel/bilevel_learner.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"
#include "models/workloads/gradient_learner.h"

namespace gradloom {

absl::StatusOr<std::unique_ptr<BilevelLearner>> BilevelLearner::Make(
    const BilevelWorkload& workload, const v1::TrialSpec& trial, const Dataset& train) {
  if (trial.training().patience() > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("training.patience = ", trial.training().patience(),
                     ": this workload sets no validation data aside; legal is 0"));
  }
  const BilevelPlan& plan = workload.plan();
  const absl::StatusOr<int64_t> asked =
      JobsOf(trial.training(), BilevelJobs(plan.sampler, plan.lanes, trial.seed()));
  if (!asked.ok()) return asked.status();
  int64_t jobs = *asked;
  if (const int64_t over = jobs % plan.lanes.phases; over != 0) {
    if (trial.training().has_jobs()) {
      return absl::InvalidArgumentError(absl::StrCat("training.jobs = ", jobs,
                                                     ": version V1 takes ", plan.lanes.phases,
                                                     " jobs a step; legal are multiples of that"));
    }
    jobs += plan.lanes.phases - over;
  }
  Examples rows;
  if (workload.reads_examples()) {
    absl::StatusOr<Examples> loaded = train.Load(0, plan.shape().rows());
    if (!loaded.ok()) return loaded.status();
    rows = *std::move(loaded);
  }
  return std::unique_ptr<BilevelLearner>(
      new BilevelLearner(workload, trial, jobs, std::move(rows)));
}

BilevelLearner::BilevelLearner(const BilevelWorkload& workload, const v1::TrialSpec& trial,
                               int64_t jobs, Examples rows)
    : workload_(workload),
      plan_(workload.plan()),
      training_(trial.training()),
      seed_(trial.seed()),
      jobs_(jobs),
      evaluate_every_(training_.has_evaluate_every()
                          ? static_cast<int64_t>(training_.evaluate_every())
                          : BilevelJobs(plan_.sampler, plan_.lanes, seed_).jobs_per_epoch()),
      rows_(std::move(rows)),
      state_(workload.problem(), plan_.options, trial.seed()),
      jobs_done_(workload.lanes().size()),
      replies_(plan_.lanes.places),
      settled_(plan_.lanes.places) {
  for (const SegmentSpec& segment : workload.segments()) segments_.emplace_back(segment.size);
  for (auto& of_place : replies_) of_place.assign(phases(), Floats(plan_.place_length()));
  Publish();
}

LaneProgress BilevelLearner::progress(int lane) const {
  if (result_.has_value()) return {result_->jobs_done, jobs_, true};
  return {jobs_done_[lane], jobs_, jobs_done_[lane] >= jobs_};
}

std::vector<SegmentVersion> BilevelLearner::Reads(int lane) const {
  return workload_.Reads(lane, jobs_done_[lane]);
}

std::span<const float> BilevelLearner::Values(SegmentVersion segment) const {
  int64_t version = state_.step();
  if (segment.segment > 0) {
    const int place = segment.segment - 1;
    version = jobs_done_[plan_.lanes.one_each ? place : 0];
    // A place that is ahead has ended its step: what it read last is still there.
    if (version == (state_.step() + 1) * phases()) --version;
  }
  if (segment.version != version) return {};
  return segments_[segment.segment];
}

void BilevelLearner::PublishPlace(int place, const BilevelPoint& now, const BilevelPoint& before) {
  float* out = segments_[1 + place].data();
  for (const std::span<const double> part : {now.y, before.y, now.v, before.v}) {
    out = std::copy(part.begin(), part.end(), out);
  }
}

void BilevelLearner::Publish() {
  blocks_ = plan_.sampler.Blocks(seed_, state_.step());
  for (int place = 0; place < plan_.lanes.places; ++place) {
    const Bsvrb::Pair at = state_.CatchUp(blocks_[place]);
    PublishPlace(place, at.now, at.before);
    float* const x = segments_[0].data();
    std::copy(at.now.x.begin(), at.now.x.end(), x);
    std::copy(at.before.x.begin(), at.before.x.end(), x + at.now.x.size());
  }
}

absl::StatusOr<BilevelLearner::Floats> BilevelLearner::ReadFinite(int lane,
                                                                  const DecodedSum& sum) const {
  Floats values(workload_.lanes()[lane].reply_length);
  for (size_t offset = 0; offset < values.size(); offset += DecodedSum::kBlock) {
    const size_t count = std::min(DecodedSum::kBlock, values.size() - offset);
    sum.Read(offset, std::span(values).subspan(offset, count));
  }
  for (const float value : values) {
    if (std::isfinite(value)) continue;
    return absl::OutOfRangeError(
        absl::StrCat("the training diverged (a block's gradients have a value of ", value,
                     "); try a smaller workload.bilevel.eta, tau or tau_v"));
  }
  return values;
}

BlockReply BilevelLearner::ReplyAt(int place) const {
  BlockReply reply;
  for (int phase = 0; phase < phases(); ++phase) {
    const Floats& floats = replies_[place][phase];
    const std::vector<double> values(floats.begin(), floats.end());
    ReadReply(plan_.Layout(phase), values, reply);
  }
  return reply;
}

void BilevelLearner::SolveForSecondPhase(int place) {
  const Bsvrb::Pair at = state_.CatchUp(blocks_[place]);
  BlockReply reply;
  const Floats& floats = replies_[place][0];
  ReadReply(plan_.Layout(0), std::vector<double>(floats.begin(), floats.end()), reply);
  const auto [now, before] = state_.InverseProducts(blocks_[place], reply);
  PublishPlace(place, {{}, at.now.y, now}, {{}, at.before.y, before});
}

absl::StatusOr<AppliedJob> BilevelLearner::Apply(int lane, int64_t job, const DecodedSum& sum) {
  ABSL_RAW_CHECK(job == jobs_done_[lane] && !progress(lane).finished, "jobs are applied in order");
  absl::StatusOr<Floats> values = ReadFinite(lane, sum);
  if (!values.ok()) return values.status();
  const auto phase = static_cast<int>(job % phases());
  const int first = plan_.lanes.first_place(lane), places = plan_.lanes.places_in_lane();
  const ReplyLayout layout = plan_.Layout(phase);
  double squares = 0;  // of the newest gradients in what the method descends along
  for (int k = 0; k < places; ++k) {
    const auto from = values->begin() + k * plan_.place_length();
    replies_[first + k][phase].assign(from, from + plan_.place_length());
    const int64_t begin = layout.gx > 0 ? layout.gy + layout.q : 0;
    const int64_t size = layout.gx > 0 ? layout.gx : layout.gy;
    for (int64_t i = begin; i < begin + size; ++i) squares += double{from[i]} * from[i];
    if (phase + 1 < phases()) {
      SolveForSecondPhase(first + k);
    } else {
      settled_[first + k] = kArrived;
    }
  }
  const float* const scalars = values->data() + values->size() - kReplyScalars;
  const auto rows = static_cast<double>(places * plan_.sampler.validation_batch);
  AppliedJob applied{.loss = scalars[kLossSum] / rows,
                     .accuracy = scalars[kCorrect] / rows,
                     .learning_rate = plan_.options.eta,
                     .gradient_norm = std::sqrt(squares / places)};
  ++jobs_done_[lane];
  applied.evaluate = EndStepIfSettled();
  return applied;
}

absl::StatusOr<std::optional<int64_t>> BilevelLearner::ApplyMissing(int lane, int64_t job) {
  ABSL_RAW_CHECK(job == jobs_done_[lane] && !progress(lane).finished, "jobs are applied in order");
  const int first = plan_.lanes.first_place(lane);
  for (int k = 0; k < plan_.lanes.places_in_lane(); ++k) settled_[first + k] = kMissing;
  jobs_done_[lane] = (job / phases() + 1) * phases();
  return EndStepIfSettled();
}

absl::Status BilevelLearner::ApplyLate(int lane, int64_t job, const DecodedSum& sum) {
  ABSL_RAW_CHECK(job < jobs_done_[lane], "a late job was given up before");
  ABSL_RAW_CHECK(phases() == 1, "what a late first phase would make possible is over");
  absl::StatusOr<Floats> values = ReadFinite(lane, sum);
  if (!values.ok()) return values.status();
  const std::vector<int> blocks = plan_.sampler.Blocks(seed_, job);
  for (int k = 0; k < plan_.lanes.places_in_lane(); ++k) {
    const auto from = values->begin() + k * plan_.place_length();
    BlockReply reply;
    ReadReply(plan_.Layout(0), std::vector<double>(from, from + plan_.place_length()), reply);
    state_.Late(blocks[plan_.lanes.first_place(lane) + k], reply);
  }
  return absl::OkStatus();
}

BilevelLearner::Model BilevelLearner::NewView() const {
  const BilevelShape& shape = plan_.shape();
  return {std::vector<double>(shape.dx), std::vector<double>(shape.blocks * shape.dy)};
}

void BilevelLearner::End(v1::LearnerProgress::End why, int64_t view) {
  ended_ = why;
  result_ = {views_.at(view), view};
}

std::optional<int64_t> BilevelLearner::EndStepIfSettled() {
  const int64_t done = (state_.step() + 1) * phases();
  if (*std::min_element(jobs_done_.begin(), jobs_done_.end()) < done) return std::nullopt;
  std::vector<int> blocks;
  std::vector<BlockReply> replies;
  for (int place = 0; place < plan_.lanes.places; ++place) {
    if (settled_[place] == kArrived) {
      blocks.push_back(blocks_[place]);
      replies.push_back(ReplyAt(place));
    }
    settled_[place] = kOpen;
  }
  state_.Step(blocks, replies);
  Publish();
  const bool due =
      evaluate_every_ > 0 && done / evaluate_every_ > (done - phases()) / evaluate_every_;
  if (!due && done < jobs_) return std::nullopt;
  views_[done] = {{state_.x().begin(), state_.x().end()}, state_.CaughtUp()};
  if (done >= jobs_) End(v1::LearnerProgress::LENGTH, done);
  return done;
}

// ---- evaluation ---------------------------------------------------------------------------------

Evaluation BilevelLearner::EvaluateOn(const Model& view, int block, const Examples* test) const {
  const BilevelShape& shape = plan_.shape();
  const std::span<const double> y = std::span(view.y).subspan(block * shape.dy, shape.dy);
  const BilevelPoint at{view.x, y, y};
  BilevelTerms terms;
  const int64_t count = test != nullptr ? test->rows : shape.validation_rows;
  for (int64_t k = 0; k < count; ++k) {
    BilevelRow row;
    row.number = shape.Row(block, true, k);
    if (test != nullptr) {
      row = workload_.RowOf(*test, k, k);
    } else if (workload_.reads_examples()) {
      row = workload_.RowOf(rows_, row.number, row.number);
    }
    workload_.problem().AddValidation(block, row, at, 0, terms);
  }
  return {.loss = terms.loss, .accuracy = terms.correct, .examples = count};
}

std::vector<int64_t> BilevelLearner::DueViews() const {
  std::vector<int64_t> due;
  if (ended_ == v1::LearnerProgress::TARGET) return due;
  for (const auto& [number, view] : views_) due.push_back(number);
  return due;
}

absl::StatusOr<Evaluation> BilevelLearner::Evaluate(int64_t view, const Examples* test) const {
  return EvaluateAll(views_.at(view), test);
}

Learner::Evaluator BilevelLearner::EvaluatorOf(int64_t view) const {
  return
      [this, model = &views_.at(view)](const Examples* test) { return EvaluateAll(*model, test); };
}

absl::StatusOr<Evaluation> BilevelLearner::EvaluateAll(const Model& view,
                                                       const Examples* test) const {
  const BilevelShape& shape = plan_.shape();
  if (!workload_.reads_examples()) test = nullptr;
  if (test != nullptr && test->features != rows_.features) {
    return absl::InvalidArgumentError(
        absl::StrCat("test data of ", test->features, " features; legal are ", rows_.features));
  }
  Evaluation all;
  for (int block = 0; block < shape.blocks; ++block) {
    const Evaluation one = EvaluateOn(view, block, test);
    all.loss += one.loss;
    all.accuracy += one.accuracy;
    all.examples += one.examples;
  }
  if (all.examples > 0) {
    all.loss /= static_cast<double>(all.examples);
    all.accuracy /= static_cast<double>(all.examples);
  }
  return all;
}

void BilevelLearner::Evaluated(int64_t view, const Evaluation& evaluation) {
  // With what was evaluated, however far lanes have run ahead.
  if (training_.has_target_accuracy() && evaluation.accuracy >= training_.target_accuracy()) {
    reached_ = evaluation.accuracy;
    End(v1::LearnerProgress::TARGET, view);
  }
  views_.erase(view);
}

absl::Status BilevelLearner::GoOn() {
  if (!result_.has_value()) return absl::OkStatus();
  const bool longer = *std::min_element(jobs_done_.begin(), jobs_done_.end()) < jobs_ &&
                      (ended_ != v1::LearnerProgress::TARGET || !training_.has_target_accuracy() ||
                       reached_ < training_.target_accuracy());
  if (!longer) return absl::OkStatus();
  if (ended_ == v1::LearnerProgress::END_UNSPECIFIED) {
    return absl::FailedPreconditionError(
        "training: an earlier version of Gradloom ended it and kept the model alone, which is not "
        "all that a bilevel training goes on from; legal is its former length");
  }
  result_.reset();
  reached_.reset();
  ended_ = v1::LearnerProgress::END_UNSPECIFIED;
  return absl::OkStatus();
}

void BilevelLearner::StartFromParameters() {
  state_.Begin();
  Publish();
}

// ---- checkpoints --------------------------------------------------------------------------------

v1::LearnerProgress BilevelLearner::SaveProgress() const {
  v1::LearnerProgress progress;
  for (const int64_t done : jobs_done_) {
    v1::LearnerProgress::Lane* lane = progress.add_lanes();
    lane->set_jobs_done(result_.has_value() ? result_->jobs_done : done);
    lane->set_finished(result_.has_value());
    lane->set_ended(ended_);
    lane->set_last(static_cast<uint64_t>(done));
  }
  for (const auto& [number, view] : views_) progress.add_views()->set_number(number);
  if (reached_.has_value()) progress.set_reached(*reached_);
  return progress;
}

absl::Status BilevelLearner::LoadProgress(const v1::LearnerProgress& progress) {
  if (progress.lanes_size() != static_cast<int>(jobs_done_.size())) {
    return absl::DataLossError(absl::StrCat("the checkpoint has ", progress.lanes_size(),
                                            " lanes, the trial ", jobs_done_.size()));
  }
  uint64_t least = UINT64_MAX, most = 0;
  for (size_t l = 0; l < jobs_done_.size(); ++l) {
    const v1::LearnerProgress::Lane& lane = progress.lanes(static_cast<int>(l));
    const uint64_t done = lane.has_last() ? lane.last() : lane.jobs_done();
    least = std::min(least, done);
    most = std::max(most, done);
    jobs_done_[l] = static_cast<int64_t>(done);
  }
  if (absl::Status status = CheckLength(most, jobs_); !status.ok()) return status;
  const auto per_step = static_cast<uint64_t>(phases());
  if (most > (least / per_step + 1) * per_step) {
    return absl::DataLossError(absl::StrCat("the checkpoint's lanes are at jobs ", least, " to ",
                                            most, "; legal are jobs of one step of ", per_step));
  }
  state_.set_step(static_cast<int64_t>(least / per_step));
  blocks_ = plan_.sampler.Blocks(seed_, state_.step());
  views_.clear();
  for (const v1::LearnerProgress::View& view : progress.views()) views_[view.number()] = NewView();
  ended_ = progress.lanes(0).ended();
  if (progress.has_reached()) reached_ = progress.reached();
  if (progress.lanes(0).finished()) {
    result_ = {NewView(), static_cast<int64_t>(progress.lanes(0).jobs_done())};
  }
  return absl::OkStatus();
}

std::vector<Learner::NamedVector> BilevelLearner::Vectors() {
  std::vector<NamedVector> vectors;
  for (const Bsvrb::Vector& vector : state_.Vectors()) {
    const bool model = vector.name == "x" || vector.name == "y";
    const auto add = [&](std::string name, bool parameter, std::vector<double>& values) {
      vectors.push_back({std::move(name), vector.shape, {}, parameter, std::span(values)});
    };
    if (!model || !result_.has_value()) {
      add(vector.name, model, *vector.values);
      continue;
    }
    add(vector.name, true, vector.name == "x" ? result_->view.x : result_->view.y);
    // An earlier version kept the result alone.
    if (ended_ != v1::LearnerProgress::END_UNSPECIFIED) {
      add(absl::StrCat("last.", vector.name), false, *vector.values);
    }
  }
  const auto floats = [&vectors](std::string name, Floats& values) {
    vectors.push_back({std::move(name), {static_cast<int64_t>(values.size())}, values, false, {}});
  };
  for (size_t i = 0; i < segments_.size(); ++i) floats(absl::StrCat("segment.", i), segments_[i]);
  for (size_t place = 0; place < replies_.size(); ++place) {
    for (int phase = 0; phase < phases(); ++phase) {
      floats(absl::StrCat("reply.", place, ".", phase), replies_[place][phase]);
    }
  }
  floats("settled", settled_);
  for (auto& [number, view] : views_) {
    for (const auto& [name, values] : {std::pair("x", &view.x), std::pair("y", &view.y)}) {
      vectors.push_back({absl::StrCat("view.", number, ".", name),
                         {static_cast<int64_t>(values->size())},
                         {},
                         false,
                         std::span(*values)});
    }
  }
  return vectors;
}

}  // namespace gradloom
