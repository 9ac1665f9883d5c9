// The learner of descending lanes: what it keeps, when it evaluates and stops, and that neither the
// order of independent jobs nor a restart changes a bit.
#include "models/learners/gradient_learner.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

#include "tests/models/learners/local_trainer.h"
#include "tests/models/workloads/reply_scalars.h"

namespace gradloom {
namespace {

constexpr int64_t kExampleCount = 20;
constexpr int64_t kSize = 4;

enum class Shape { kGreedy, kSideBySide };

// Each lane pulls its segment towards a value that moves with the segments that it reads:
// sum over examples i of |w_l - (l + i / examples) - reads' mean / 4|^2 / 2.
class Pulling final : public Workload {
 public:
  Pulling(Shape shape, int lanes) : Workload(kExampleCount), shape_(shape) {
    for (int l = 0; l < lanes; ++l) {
      const std::string name = "lane-" + std::to_string(l);
      segments_.push_back({{{name + ".w", {2, 2}, 0, kSize}}, kSize});
      lanes_.push_back({name, ReplyLayout::OfGradient(kSize), {}});
      for (int other = 0; other < lanes; ++other) {
        if (shape == Shape::kSideBySide && other != l) lanes_[l].needs.push_back({other, 1, false});
      }
      if (shape == Shape::kGreedy && l > 0) lanes_[l].needs.push_back({l - 1, 0, true});
      // A lane may be two jobs ahead of another one, which reads one version back.
      if (shape == Shape::kSideBySide) segments_[l].history = 3;
    }
  }

  const std::vector<SegmentSpec>& segments() const override { return segments_; }
  const std::vector<LaneSpec>& lanes() const override { return lanes_; }
  std::vector<SegmentVersion> Reads(int lane, int64_t job) const override {
    std::vector<SegmentVersion> reads = {{lane, job}};
    if (shape_ == Shape::kGreedy) {
      for (int l = 0; l < lane; ++l) reads.push_back({l, kFinal});
    } else {
      for (int l = 0; l < static_cast<int>(lanes_.size()); ++l) {
        reads.push_back({l, std::max<int64_t>(job - 1, 0)});
      }
    }
    return reads;
  }
  void Initialise(uint64_t seed, int segment, std::span<float> values) const override {
    RandomStream stream(seed, Purpose::kInitialParameters, segment);
    for (float& value : values) value = static_cast<float>(stream.NextNormal());
  }
  bool reads_examples() const override { return false; }
  int64_t sub_batch() const override { return 7; }
  absl::Status AddSum(const JobInputs& inputs, const Examples& /*batch*/,
                      std::span<const int64_t> ids, std::span<float> sum) const override {
    for (const int64_t id : ids) {
      for (int64_t d = 0; d < kSize; ++d) {
        float goal = static_cast<float>(inputs.lane) + static_cast<float>(id) / kExampleCount;
        for (size_t r = 1; r < inputs.segments.size(); ++r) {
          goal += inputs.segments[r][d] / static_cast<float>(4 * (inputs.segments.size() - 1));
        }
        const float off = inputs.segments[0][d] - goal;
        sum[d] += off;
        sum[kSize + kLossSum] += off * off / 2;
      }
      sum[kSize + kCorrect] += 1;
      sum[kSize + kExamples] += 1;
    }
    return absl::OkStatus();
  }
  bool has_own_test() const override { return true; }
  bool has_validation() const override { return true; }
  // Validation is best where the values' mean passes `best_at`; accuracy grows with it.
  absl::StatusOr<Evaluation> Evaluate(const TrialView& view,
                                      const Examples* /*test*/) const override {
    double mean = 0;
    for (const std::span<const float> values : view.segments) {
      for (const float value : values) mean += value / static_cast<double>(kSize);
    }
    mean /= static_cast<double>(view.segments.size());
    return Evaluation{
        .loss = 0, .accuracy = mean, .examples = 1, .validation = -std::abs(mean - best_at)};
  }

  double best_at = 0.5;

 private:
  Shape shape_;
  std::vector<SegmentSpec> segments_;
  std::vector<LaneSpec> lanes_;
};

v1::TrialSpec Trial(int jobs, int evaluate_every, int patience) {
  v1::TrialSpec trial;
  trial.set_seed(3);
  trial.mutable_optimizer()->set_kind(v1::OptimizerSpec::ADAM);
  trial.mutable_optimizer()->set_learning_rate(0.05);
  trial.mutable_training()->set_batch_size(8);
  trial.mutable_training()->set_jobs(jobs);
  trial.mutable_training()->set_evaluate_every(evaluate_every);
  trial.mutable_training()->set_patience(patience);
  return trial;
}

std::unique_ptr<LocalTrainer> TrainerOf(const Workload& workload, const v1::TrialSpec& trial) {
  auto trainer = LocalTrainer::Make(workload, trial, nullptr, nullptr);
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  return *std::move(trainer);
}

// The trained model; every vector, finished or not, with `all`.
std::map<std::string, std::vector<float>> VectorsOf(Learner& learner, bool all = false) {
  std::map<std::string, std::vector<float>> values;
  for (const Learner::NamedVector& vector : learner.Vectors()) {
    if (vector.parameter || all)
      values[vector.name].assign(vector.values.begin(), vector.values.end());
  }
  return values;
}

std::vector<std::pair<double, double>> Scores(const LocalTrainer& trainer) {
  std::vector<std::pair<double, double>> scores;
  for (const Evaluation& e : trainer.evaluations()) scores.emplace_back(e.accuracy, *e.validation);
  return scores;
}

// A new learner where `before` is.
std::unique_ptr<LocalTrainer> Continued(LocalTrainer& before, const Workload& workload,
                                        const v1::TrialSpec& trial) {
  auto after = TrainerOf(workload, trial);
  EXPECT_TRUE(after->learner().LoadProgress(before.learner().SaveProgress()).ok());
  const auto saved = VectorsOf(before.learner(), true);
  for (const Learner::NamedVector& vector : after->learner().Vectors()) {
    const auto found = saved.find(vector.name);
    EXPECT_NE(found, saved.end()) << vector.name;
    if (found != saved.end()) {
      std::copy(found->second.begin(), found->second.end(), vector.values.begin());
    }
  }
  after->Resume();
  return after;
}

// Under another training.
std::unique_ptr<LocalTrainer> GoneOn(LocalTrainer& before, const Workload& workload,
                                     const v1::TrialSpec& trial) {
  auto after = Continued(before, workload, trial);
  EXPECT_TRUE(after->learner().GoOn().ok());
  after->Resume();
  return after;
}

struct Setting {
  const char* name;
  Shape shape;
  int lanes;
  int patience;
  double target = 0;
};
std::ostream& operator<<(std::ostream& out, const Setting& s) { return out << s.name; }

class Settings : public testing::TestWithParam<Setting> {
 protected:
  Settings() : workload_(GetParam().shape, GetParam().lanes) {
    trial_ = Trial(30, 4, GetParam().patience);
    if (GetParam().target > 0) trial_.mutable_training()->set_target_accuracy(GetParam().target);
  }
  Pulling workload_;
  v1::TrialSpec trial_;
};

TEST_P(Settings, TheOrderOfIndependentJobsChangesNothing) {
  const auto expected = TrainerOf(workload_, trial_);
  ASSERT_TRUE(expected->Run().ok());
  EXPECT_GE(expected->evaluations().size(), 3);
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const auto trainer = TrainerOf(workload_, trial_);
    const auto status = trainer->RunInAnyOrder(seed);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(VectorsOf(trainer->learner()), VectorsOf(expected->learner())) << seed;
    EXPECT_EQ(Scores(*trainer), Scores(*expected)) << seed;
  }
}

// Lanes have gone on, or even ended by their length, when an evaluation comes.
TEST_P(Settings, HowLongAnEvaluationTakesChangesNothing) {
  const auto expected = TrainerOf(workload_, trial_);
  ASSERT_TRUE(expected->Run().ok());
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const auto trainer = TrainerOf(workload_, trial_);
    trainer->EvaluateLate();
    const auto status = trainer->RunInAnyOrder(seed);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(VectorsOf(trainer->learner()), VectorsOf(expected->learner())) << seed;
    EXPECT_EQ(Scores(*trainer), Scores(*expected)) << seed;
    for (int lane = 0; lane < GetParam().lanes; ++lane) {
      EXPECT_EQ(trainer->learner().progress(lane).jobs_done,
                expected->learner().progress(lane).jobs_done);
    }
  }
}

TEST_P(Settings, ARestartWithViewsThatAreDueChangesNothing) {
  const auto expected = TrainerOf(workload_, trial_);
  ASSERT_TRUE(expected->Run().ok());
  for (int64_t steps = 0; steps < 300; ++steps) {
    const auto before = TrainerOf(workload_, trial_);
    before->EvaluateLate();
    ASSERT_TRUE(before->RunInAnyOrder(11, steps).ok());
    const auto after = Continued(*before, workload_, trial_);
    EXPECT_EQ(after->learner().DueViews(), before->learner().DueViews());
    after->EvaluateLate();
    const auto status = after->RunInAnyOrder(steps);
    ASSERT_TRUE(status.ok()) << status << " after " << steps;
    EXPECT_EQ(VectorsOf(after->learner()), VectorsOf(expected->learner())) << steps;
    if (before->Finished()) return;
  }
  FAIL() << "300 steps did not suffice";
}

TEST_P(Settings, ARestartAnywhereChangesNothing) {
  const auto expected = TrainerOf(workload_, trial_);
  ASSERT_TRUE(expected->Run().ok());
  for (int64_t steps = 0; steps < 200; ++steps) {
    const auto before = TrainerOf(workload_, trial_);
    ASSERT_TRUE(before->RunInAnyOrder(7, steps).ok());
    const auto after = TrainerOf(workload_, trial_);
    const v1::LearnerProgress progress = before->learner().SaveProgress();
    ASSERT_TRUE(after->learner().LoadProgress(progress).ok());
    const auto saved = VectorsOf(before->learner(), true);
    const auto loaded = after->learner().Vectors();
    ASSERT_EQ(loaded.size(), saved.size()) << steps;
    for (const Learner::NamedVector& vector : loaded) {
      const auto found = saved.find(vector.name);
      ASSERT_NE(found, saved.end()) << vector.name << " after " << steps;
      ASSERT_EQ(found->second.size(), vector.values.size());
      std::copy(found->second.begin(), found->second.end(), vector.values.begin());
    }
    EXPECT_EQ(after->learner().SaveProgress().SerializeAsString(), progress.SerializeAsString());
    const auto status = after->RunInAnyOrder(steps);
    ASSERT_TRUE(status.ok()) << status << " after " << steps;
    EXPECT_EQ(VectorsOf(after->learner()), VectorsOf(expected->learner())) << steps;
    if (before->Finished()) return;
  }
  FAIL() << "200 steps did not suffice";
}

TEST_P(Settings, F27_ALongerTrainingGoesOnWithTheBitsItWouldHaveHad) {
  const auto expected = TrainerOf(workload_, trial_);
  ASSERT_TRUE(expected->Run().ok());
  const bool waits = GetParam().shape == Shape::kGreedy && GetParam().lanes > 1;
  for (const int jobs : {4, 12, 28, 30}) {
    trial_.mutable_training()->set_jobs(jobs);
    const auto before = TrainerOf(workload_, trial_);
    if (jobs % 8 == 4) before->EvaluateLate();
    ASSERT_TRUE(before->RunInAnyOrder(jobs).ok());
    ASSERT_TRUE(before->Finished());
    trial_.mutable_training()->set_jobs(30);
    const auto after = GoneOn(*before, workload_, trial_);
    const auto status = after->RunInAnyOrder(jobs + 1);
    ASSERT_TRUE(status.ok()) << status << " after " << jobs;
    EXPECT_TRUE(after->Finished());
    // Layers that were trained on others' former ends are trained further on the new ones.
    if (waits) continue;
    EXPECT_EQ(VectorsOf(after->learner()), VectorsOf(expected->learner())) << jobs;
  }
}

TEST_P(Settings, F27_WhatHasEndedStaysSoUnlessTheTrainingIsLonger) {
  const auto before = TrainerOf(workload_, trial_);
  ASSERT_TRUE(before->Run().ok());
  const auto after = GoneOn(*before, workload_, trial_);
  EXPECT_TRUE(after->Finished());
  EXPECT_EQ(VectorsOf(after->learner(), true), VectorsOf(before->learner(), true));
}

INSTANTIATE_TEST_SUITE_P(
    Table, Settings,
    testing::Values(Setting{"one_lane", Shape::kGreedy, 1, 0},
                    Setting{"one_lane_patience", Shape::kGreedy, 1, 2},
                    Setting{"greedy", Shape::kGreedy, 3, 0},
                    Setting{"greedy_patience", Shape::kGreedy, 3, 2},
                    Setting{"greedy_target", Shape::kGreedy, 3, 0, 1.0},
                    Setting{"side_by_side", Shape::kSideBySide, 3, 0},
                    Setting{"side_by_side_patience", Shape::kSideBySide, 3, 2},
                    Setting{"side_by_side_long_patience", Shape::kSideBySide, 3, 50},
                    Setting{"side_by_side_target", Shape::kSideBySide, 3, 0, 0.9},
                    Setting{"side_by_side_both", Shape::kSideBySide, 3, 50, 0.9}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(GradientLearner, F27_WhatEndedByPatienceGoesOnWithMoreOfIt) {
  for (const auto& [lanes, late] : {std::pair(1, false), {3, false}, {1, true}, {3, true}}) {
    const Pulling workload(Shape::kSideBySide, lanes);
    const auto expected = TrainerOf(workload, Trial(40, 2, 6));
    ASSERT_TRUE(expected->Run().ok());
    const auto before = TrainerOf(workload, Trial(40, 2, 3));
    if (late) before->EvaluateLate();
    ASSERT_TRUE(before->RunInAnyOrder(lanes).ok());
    ASSERT_LT(before->learner().progress(0).jobs_done, 40) << "patience never ran out";
    EXPECT_TRUE(GoneOn(*before, workload, Trial(80, 2, 3))->Finished()) << "for it is exhausted";
    const auto after = GoneOn(*before, workload, Trial(40, 2, 6));
    EXPECT_FALSE(after->Finished());
    ASSERT_TRUE(after->RunInAnyOrder(5).ok());
    EXPECT_EQ(VectorsOf(after->learner()), VectorsOf(expected->learner()));
  }
}

TEST(GradientLearner, F27_WhatReachedItsTargetGoesOnToAHigherOne) {
  for (const auto& [lanes, late] : {std::pair(1, false), {3, false}, {1, true}, {3, true}}) {
    const Pulling workload(Shape::kSideBySide, lanes);
    const auto trial = [](int jobs, double target) {
      v1::TrialSpec spec = Trial(jobs, 2, 0);
      spec.mutable_training()->set_target_accuracy(target);
      return spec;
    };
    const auto expected = TrainerOf(workload, trial(40, 0.9));
    ASSERT_TRUE(expected->Run().ok());
    const auto before = TrainerOf(workload, trial(40, 0.4));
    if (late) before->EvaluateLate();
    ASSERT_TRUE(before->RunInAnyOrder(lanes).ok());
    ASSERT_LT(before->learner().progress(0).jobs_done, 40) << "the target was never reached";
    EXPECT_TRUE(GoneOn(*before, workload, trial(80, 0.4))->Finished()) << "for it is reached";
    const auto after = GoneOn(*before, workload, trial(40, 0.9));
    EXPECT_FALSE(after->Finished());
    ASSERT_TRUE(after->RunInAnyOrder(5).ok());
    EXPECT_EQ(VectorsOf(after->learner()), VectorsOf(expected->learner()));
  }
}

// What an earlier version wrote: neither why a lane ended, nor its last state.
TEST(GradientLearner, F27_GoesOnFromAnEarlierVersionsCheckpoint) {
  const Pulling workload(Shape::kGreedy, 1);
  const auto expected = TrainerOf(workload, Trial(20, 2, 0));
  ASSERT_TRUE(expected->Run().ok());
  const auto before = TrainerOf(workload, Trial(10, 2, 0));
  ASSERT_TRUE(before->Run().ok());
  v1::LearnerProgress progress = before->learner().SaveProgress();
  progress.mutable_lanes(0)->clear_ended();
  const auto after = TrainerOf(workload, Trial(20, 2, 0));
  ASSERT_TRUE(after->learner().LoadProgress(progress).ok());
  const auto saved = VectorsOf(before->learner(), true);
  for (const Learner::NamedVector& vector : after->learner().Vectors()) {
    std::copy(saved.at(vector.name).begin(), saved.at(vector.name).end(), vector.values.begin());
  }
  ASSERT_TRUE(after->learner().GoOn().ok());
  ASSERT_TRUE(after->Run().ok());
  EXPECT_EQ(VectorsOf(after->learner()), VectorsOf(expected->learner()));
}

TEST(GradientLearner, F17_RefusesATrainingThatNeverEnds) {
  const Pulling workload(Shape::kGreedy, 1);
  v1::TrialSpec trial = Trial(1, 0, 0);
  trial.mutable_training()->clear_jobs();
  trial.mutable_training()->set_epochs(1e300);
  const auto trainer = LocalTrainer::Make(workload, trial, nullptr, nullptr);
  EXPECT_EQ(trainer.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(trainer.status().message().find("training.epochs: "), std::string::npos);
}

TEST(GradientLearner, PatienceRestoresTheBestStateOfEachGreedyLane) {
  const Pulling workload(Shape::kGreedy, 2);
  const auto trainer = TrainerOf(workload, Trial(100, 2, 3));
  Learner& learner = trainer->learner();
  std::map<int64_t, std::vector<float>> seen;  // lane 0's values after so many jobs
  int64_t best = 0;
  double best_validation = -INFINITY;
  while (!learner.progress(0).finished) {
    const size_t evaluations = trainer->evaluations().size();
    const int64_t done = learner.progress(0).jobs_done + 1;
    ASSERT_FALSE(trainer->MayBegin(1)) << "lane 1 began before lane 0 had ended";
    trainer->Begin(0);
    ASSERT_TRUE(trainer->End(0).ok());
    if (trainer->evaluations().size() == evaluations) continue;
    if (*trainer->evaluations().back().validation > best_validation) {
      best_validation = *trainer->evaluations().back().validation;
      best = done;
    }
    if (learner.progress(0).finished) break;
    const auto values = learner.Values({0, done});
    seen[done].assign(values.begin(), values.end());
  }
  ASSERT_LT(learner.progress(0).jobs_done, 100) << "patience never ran out";
  EXPECT_EQ(learner.progress(0).jobs_done, best + 6);
  ASSERT_TRUE(trainer->MayBegin(1));
  // The segment is where it was, and is called so: a worker that has that version has these values.
  const std::vector<SegmentVersion> reads = learner.Next(1).reads;
  EXPECT_EQ(reads, (std::vector<SegmentVersion>{{1, 0}, {0, best}}));
  const auto values = learner.Values({0, best});
  EXPECT_EQ(std::vector<float>(values.begin(), values.end()), seen[best]);
  EXPECT_TRUE(learner.Values({0, best + 6}).empty());
}

TEST(GradientLearner, TheLastEvaluationCountsBeforeTheNextLaneBegins) {
  Pulling workload(Shape::kGreedy, 2);
  workload.best_at = 100;  // every step makes it worse: the first evaluation is the best
  const auto trainer = TrainerOf(workload, Trial(6, 2, 50));
  Learner& learner = trainer->learner();
  for (int job = 0; job < 6; ++job) {
    trainer->Begin(0);
    ASSERT_TRUE(trainer->End(0).ok());
  }
  EXPECT_TRUE(learner.progress(0).finished);
  EXPECT_EQ(learner.Next(1).reads[1], (SegmentVersion{0, 2}));
}

TEST(GradientLearner, KeepsTheHistoryThatTheSegmentAsksFor) {
  const Pulling workload(Shape::kSideBySide, 2);
  const auto trainer = TrainerOf(workload, Trial(20, 0, 0));
  const auto step = [&](int lane) {
    ASSERT_TRUE(trainer->MayBegin(lane));
    trainer->Begin(lane);
    ASSERT_TRUE(trainer->End(lane).ok());
  };
  step(0);
  step(0);
  EXPECT_FALSE(trainer->MayBegin(0)) << "a lane may be two jobs ahead with a lag of one";
  step(1);
  step(0);
  step(1);
  step(0);
  Learner& learner = trainer->learner();
  for (int64_t version = 1; version <= 4; ++version) {
    EXPECT_FALSE(learner.Values({0, version}).empty()) << version;
  }
  EXPECT_TRUE(learner.Values({0, 0}).empty());
  EXPECT_TRUE(learner.Values({0, 5}).empty());
}

TEST(GradientLearner, WithNothingToEvaluateOnNothingIsSetAside) {
  const Pulling workload(Shape::kGreedy, 1);
  const auto trainer = TrainerOf(workload, Trial(4, 2, 0));
  Learner& learner = trainer->learner();
  learner.EvaluateNever();
  const size_t vectors = learner.Vectors().size();
  for (int job = 0; job < 4; ++job) {
    trainer->Begin(0);
    ASSERT_TRUE(trainer->End(0).ok());
    EXPECT_FALSE(trainer->applied(0).back().evaluate.has_value());
    EXPECT_EQ(learner.Vectors().size(), vectors);
  }
  EXPECT_TRUE(learner.progress(0).finished);
}

// Descends, but only along whole tensors.
class WholeTensors final : public Optimiser {
 public:
  explicit WholeTensors(std::vector<std::string>* seen) : seen_(*seen) {}
  const std::vector<std::string>& state_names() const override { return names_; }
  double LearningRate(int64_t /*job*/) const override { return 1; }
  bool element_wise() const override { return false; }
  void Update(int64_t, double, std::span<const float>, std::span<float>,
              std::span<const std::span<float>>) const override {
    seen_.push_back("a block");
  }
  void UpdateTensor(int64_t /*job*/, double scale, const TensorView& tensor,
                    std::span<const float> gradient, std::span<float> parameters,
                    std::span<const std::span<float>> state) const override {
    seen_.push_back(absl::StrCat(tensor.name, " ", tensor.shape[0], "x", tensor.shape[1], " ",
                                 gradient.size(), " ", state[0].size()));
    for (size_t i = 0; i < parameters.size(); ++i) {
      parameters[i] -= static_cast<float>(scale * gradient[i]);
      state[0][i] += 1;
    }
  }

 private:
  const std::vector<std::string> names_ = {"steps"};
  std::vector<std::string>& seen_;
};

TEST(GradientLearner, ARuleThatSeesTensorsIsGivenWholeOnesWithTheirShapes) {
  const Pulling workload(Shape::kGreedy, 1);
  std::vector<std::string> seen;
  auto learner =
      GradientLearner::MakeWith(std::make_unique<WholeTensors>(&seen), workload, Trial(10, 0, 0));
  ASSERT_TRUE(learner.ok()) << learner.status();
  const std::vector<float> old = VectorsOf(**learner).begin()->second;
  ASSERT_TRUE((*learner)->Apply(0, 0, PlainSum({8, 0, 0, 24, 0, 0, 8})).ok());
  EXPECT_EQ(seen, std::vector<std::string>{"lane-0.w 2x2 4 4"});
  const std::vector<float> now = VectorsOf(**learner).begin()->second;
  EXPECT_FLOAT_EQ(old[0] - now[0], 1);
  EXPECT_FLOAT_EQ(old[3] - now[3], 3);
  EXPECT_EQ(VectorsOf(**learner, true).at("optimiser.steps.lane-0"), std::vector<float>(4, 1));
}

TEST(GradientLearner, ADivergedSumChangesNothing) {
  const Pulling workload(Shape::kGreedy, 1);
  const auto trainer = TrainerOf(workload, Trial(10, 2, 0));
  Learner& learner = trainer->learner();
  const auto before = VectorsOf(learner, true);
  std::vector<float> sum(kSize + kReplyScalars, 1.0f);
  sum[2] = NAN;
  EXPECT_EQ(learner.Apply(0, 0, PlainSum(sum)).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(VectorsOf(learner, true), before);
  EXPECT_EQ(learner.progress(0).jobs_done, 0);
}

TEST(GradientLearner, ClipsTheMeanGradientOfEachLane) {
  const Pulling workload(Shape::kGreedy, 1);
  v1::TrialSpec trial = Trial(10, 0, 0);
  trial.mutable_optimizer()->set_kind(v1::OptimizerSpec::SGD);
  trial.mutable_optimizer()->set_learning_rate(1);
  trial.mutable_optimizer()->set_clip_norm(0.5);
  const auto trainer = TrainerOf(workload, trial);
  Learner& learner = trainer->learner();
  const std::vector<float> old = VectorsOf(learner).begin()->second;
  const auto applied = learner.Apply(0, 0, PlainSum({8, 0, 0, 24, 0, 0, 8}));
  ASSERT_TRUE(applied.ok());
  EXPECT_NEAR(applied->metrics.at("gradient_norm"), std::sqrt(10.0), 1e-6);
  const std::vector<float> now = VectorsOf(learner).begin()->second;
  EXPECT_NEAR(old[0] - now[0], 0.5 * 1 / std::sqrt(10.0), 1e-6);
  EXPECT_NEAR(old[3] - now[3], 0.5 * 3 / std::sqrt(10.0), 1e-6);
}

TEST(GradientLearner, RefusesWhatIsAnotherLearners) {
  const Pulling workload(Shape::kSideBySide, 2);
  const auto trainer = TrainerOf(workload, Trial(10, 2, 0));
  const auto load = [&](auto change) {
    v1::LearnerProgress progress = trainer->learner().SaveProgress();
    change(progress);
    const auto fresh = TrainerOf(workload, Trial(10, 2, 0));
    return fresh->learner().LoadProgress(progress).code();
  };
  EXPECT_EQ(load([](auto&) {}), absl::StatusCode::kOk);
  EXPECT_EQ(load([](auto& p) { p.add_lanes(); }), absl::StatusCode::kDataLoss);
  EXPECT_EQ(load([](auto& p) { p.mutable_lanes(0)->set_jobs_done(11); }),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(load([](auto& p) { p.mutable_lanes(0)->set_version(1); }), absl::StatusCode::kDataLoss);
  EXPECT_EQ(load([](auto& p) { p.mutable_lanes(0)->set_history(4); }), absl::StatusCode::kDataLoss);
  EXPECT_EQ(load([](auto& p) { p.add_views()->add_lanes(2); }), absl::StatusCode::kOk)
      << "a view's lane without its jobs counts for nothing";
  EXPECT_EQ(load([](auto& p) {
              p.add_views()->add_lanes(2);
              p.mutable_views(0)->set_number(2);
              p.mutable_views(0)->add_jobs_done(1);
            }),
            absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace gradloom
