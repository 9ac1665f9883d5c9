#include "models/learners/bilevel_learner.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"
#include "models/learners/training_length.h"

namespace gradloom {

absl::StatusOr<std::unique_ptr<BilevelLearner>> BilevelLearner::Make(
    const BilevelWorkload& workload, const v1::TrialSpec& trial, const Dataset& train) {
  if (trial.training().patience() > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("training.patience = ", trial.training().patience(),
                     ": this workload sets no validation data aside; legal is 0"));
  }
  const BilevelPlan& plan = workload.plan();
  const BilevelJobs job_plan(plan.sampler, plan.lanes, trial.seed());
  const absl::StatusOr<int64_t> jobs = JobsOf(trial.training(), job_plan);
  if (!jobs.ok()) return jobs.status();
  Length length{.jobs = *jobs,
                .evaluate_every = EvaluateEvery(trial.training(), job_plan),
                .step_jobs = plan.lanes.phases};
  if (const int64_t over = length.jobs % plan.lanes.phases; over != 0) {
    if (trial.training().has_jobs()) {
      return absl::InvalidArgumentError(absl::StrCat("training.jobs = ", length.jobs,
                                                     ": version V1 takes ", plan.lanes.phases,
                                                     " jobs a step; legal are multiples of that"));
    }
    length.jobs += plan.lanes.phases - over;
  }
  Examples rows;
  if (workload.reads_examples()) {
    absl::StatusOr<Examples> loaded = train.Load(0, plan.shape().rows());
    if (!loaded.ok()) return loaded.status();
    rows = *std::move(loaded);
  }
  return std::unique_ptr<BilevelLearner>(
      new BilevelLearner(workload, trial, length, std::move(rows)));
}

BilevelLearner::BilevelLearner(const BilevelWorkload& workload, const v1::TrialSpec& trial,
                               const Length& length, Examples rows)
    : Learner(workload, trial, length, 1),
      bilevel_(workload),
      plan_(workload.plan()),
      rows_(std::move(rows)),
      state_(workload.problem(), plan_.options, trial.seed()),
      replies_(plan_.lanes.places),
      settled_(plan_.lanes.places) {
  for (const SegmentSpec& segment : workload.segments()) segments_.emplace_back(segment.size);
  for (auto& of_place : replies_) of_place.assign(phases(), Floats(plan_.place_length()));
  Publish();
}

JobOrder BilevelLearner::Next(int lane) const {
  return {{}, bilevel_.Reads(lane, jobs_done(lane))};
}

std::span<const float> BilevelLearner::Values(SegmentVersion segment) const {
  int64_t version = state_.step();
  if (segment.segment > 0) {
    const int place = segment.segment - 1;
    version = jobs_done(plan_.lanes.one_each ? place : 0);
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
  blocks_ = plan_.sampler.Blocks(seed(), state_.step());
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
  Floats values(workload().lanes()[lane].reply.length());
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
  ABSL_RAW_CHECK(job == jobs_done(lane) && !finished(lane), "jobs are applied in order");
  absl::StatusOr<Floats> values = ReadFinite(lane, sum);
  if (!values.ok()) return values.status();
  BeforeChange(0);
  const auto phase = static_cast<int>(job % phases());
  const int first = plan_.lanes.first_place(lane), places = plan_.lanes.places_in_lane();
  const BlockLayout layout = plan_.Layout(phase);
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
  const ReplyLayout& reply = bilevel_.lanes()[lane].reply;
  const auto rows = static_cast<double>(places * plan_.sampler.validation_batch);
  AppliedJob applied{.loss = reply.In(*values, "loss")[0] / rows,
                     .metrics = {{"train_accuracy", reply.In(*values, "correct")[0] / rows},
                                 {"learning_rate", plan_.options.eta},
                                 {"gradient_norm", std::sqrt(squares / places)}}};
  SetJobsDone(lane, job + 1);
  applied.evaluate = EndStepIfSettled();
  return applied;
}

absl::StatusOr<std::optional<int64_t>> BilevelLearner::ApplyMissing(int lane, int64_t job) {
  ABSL_RAW_CHECK(job == jobs_done(lane) && !finished(lane), "jobs are applied in order");
  BeforeChange(0);
  const int first = plan_.lanes.first_place(lane);
  for (int k = 0; k < plan_.lanes.places_in_lane(); ++k) settled_[first + k] = kMissing;
  SetJobsDone(lane, (job / phases() + 1) * phases());
  return EndStepIfSettled();
}

absl::Status BilevelLearner::ApplyLate(int lane, int64_t job, const DecodedSum& sum) {
  ABSL_RAW_CHECK(job < jobs_done(lane), "a late job was given up before");
  ABSL_RAW_CHECK(phases() == 1, "what a late first phase would make possible is over");
  absl::StatusOr<Floats> values = ReadFinite(lane, sum);
  if (!values.ok()) return values.status();
  BeforeChange(0);
  const std::vector<int> blocks = plan_.sampler.Blocks(seed(), job);
  for (int k = 0; k < plan_.lanes.places_in_lane(); ++k) {
    const auto from = values->begin() + k * plan_.place_length();
    BlockReply reply;
    ReadReply(plan_.Layout(0), std::vector<double>(from, from + plan_.place_length()), reply);
    state_.Late(blocks[plan_.lanes.first_place(lane) + k], reply);
  }
  return absl::OkStatus();
}

std::optional<int64_t> BilevelLearner::EndStepIfSettled() {
  const int64_t done = (state_.step() + 1) * phases();
  for (int lane = 0; lane < plan_.lanes.lanes(); ++lane) {
    if (jobs_done(lane) < done) return std::nullopt;
  }
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
  return Came(0, done - phases(), done);
}

// ---- evaluation ---------------------------------------------------------------------------------

Evaluation BilevelLearner::EvaluateOn(const ModelCopy& model, int block,
                                      const Examples* test) const {
  const BilevelShape& shape = plan_.shape();
  const std::span<const double> all = model.doubles;
  const std::span<const double> y = all.subspan(shape.dx + block * shape.dy, shape.dy);
  const BilevelPoint at{all.first(shape.dx), y, y};
  BilevelTerms terms;
  const int64_t count = test != nullptr ? test->rows : shape.validation_rows;
  for (int64_t k = 0; k < count; ++k) {
    BilevelRow row;
    row.number = shape.Row(block, true, k);
    if (test != nullptr) {
      row = bilevel_.RowOf(*test, k, k);
    } else if (bilevel_.reads_examples()) {
      row = bilevel_.RowOf(rows_, row.number, row.number);
    }
    bilevel_.problem().AddValidation(block, row, at, 0, terms);
  }
  return {.loss = terms.loss, .accuracy = terms.correct, .examples = count};
}

Learner::Evaluator BilevelLearner::EvaluatorOf(int64_t view) const {
  const ViewBook::Aside* aside = views().FindAside(view, 0);
  return [this, model = aside != nullptr ? *aside->values : CopyOf(0)](const Examples* test) {
    return EvaluateAll(model, test);
  };
}

absl::StatusOr<Evaluation> BilevelLearner::EvaluateAll(const ModelCopy& model,
                                                       const Examples* test) const {
  const BilevelShape& shape = plan_.shape();
  if (!bilevel_.reads_examples()) test = nullptr;
  if (test != nullptr && test->features != rows_.features) {
    return absl::InvalidArgumentError(
        absl::StrCat("test data of ", test->features, " features; legal are ", rows_.features));
  }
  Evaluation all;
  for (int block = 0; block < shape.blocks; ++block) {
    const Evaluation one = EvaluateOn(model, block, test);
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

void BilevelLearner::StartFromParameters() {
  state_.Begin();
  Publish();
}

// ---- checkpoints --------------------------------------------------------------------------------

ModelCopy BilevelLearner::CopyOf(int /*part*/) const {
  ModelCopy copy{.doubles = {state_.x().begin(), state_.x().end()}};
  const std::vector<double> y = state_.CaughtUp();
  copy.doubles.insert(copy.doubles.end(), y.begin(), y.end());
  return copy;
}

ModelCopy BilevelLearner::Blank(int /*part*/) const {
  const BilevelShape& shape = plan_.shape();
  return {.doubles = std::vector<double>(shape.dx + shape.blocks * shape.dy)};
}

void BilevelLearner::List(int /*part*/, const std::string& name, ModelCopy& copy,
                          std::vector<NamedVector>* vectors) {
  const auto dx = static_cast<size_t>(plan_.shape().dx);
  const auto add = [&](const char* variable, std::span<double> values) {
    vectors->push_back({absl::StrCat(name, ".", variable),
                        {static_cast<int64_t>(values.size())},
                        {},
                        false,
                        values});
  };
  add("x", std::span(copy.doubles).first(dx));
  add("y", std::span(copy.doubles).subspan(dx));
}

absl::Status BilevelLearner::GoOnFromResult(int /*part*/) {
  return absl::FailedPreconditionError(
      "training: an earlier version of Gradloom ended it and kept the model alone, which is not "
      "all that a bilevel training goes on from; legal is its former length");
}

absl::Status BilevelLearner::Loaded() {
  int64_t least = jobs_done(0), most = jobs_done(0);
  for (int lane = 1; lane < plan_.lanes.lanes(); ++lane) {
    least = std::min(least, jobs_done(lane));
    most = std::max(most, jobs_done(lane));
  }
  if (most > (least / phases() + 1) * phases()) {
    return absl::DataLossError(absl::StrCat("the checkpoint's lanes are at jobs ", least, " to ",
                                            most, "; legal are jobs of one step of ", phases()));
  }
  state_.set_step(least / phases());
  blocks_ = plan_.sampler.Blocks(seed(), state_.step());
  return absl::OkStatus();
}

std::vector<Learner::NamedVector> BilevelLearner::Vectors() {
  std::vector<NamedVector> vectors;
  for (const Bsvrb::Vector& vector : state_.Vectors()) {
    const bool model = vector.name == "x" || vector.name == "y";
    const auto add = [&](std::string name, bool parameter, std::span<double> values) {
      vectors.push_back({std::move(name), vector.shape, {}, parameter, values});
    };
    if (!model || result(0) == nullptr) {
      add(vector.name, model, *vector.values);
      continue;
    }
    const std::span<double> ended = result(0)->values.doubles;
    const auto dx = static_cast<size_t>(plan_.shape().dx);
    add(vector.name, true, vector.name == "x" ? ended.first(dx) : ended.subspan(dx));
    if (keeps_last(0)) add(absl::StrCat("last.", vector.name), false, *vector.values);
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
  ListCopies(0, &vectors);
  return vectors;
}

}  // namespace gradloom
