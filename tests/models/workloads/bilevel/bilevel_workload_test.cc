// Bilevel workloads and their learner as the service uses them, in one process: the promises, and
// what is reached.
#include "models/workloads/bilevel/bilevel_workload.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <numeric>

#include "models/learners/bilevel_learner.h"
#include "models/random.h"
#include "tests/models/learners/local_trainer.h"
#include "tests/models/workloads/bilevel/bilevel_data.h"
#include "tests/models/workloads/bilevel/bilevel_harness.h"

namespace gradloom {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

v1::Bilevel Parse(const std::string& text) {
  v1::Bilevel spec;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
  return spec;
}

absl::StatusOr<std::unique_ptr<Workload>> Make(const v1::Bilevel& bilevel,
                                               const DatasetInfo& info) {
  v1::WorkloadSpec spec;
  *spec.mutable_bilevel() = bilevel;
  return MakeWorkload(spec, info);
}

v1::TrialSpec TrialOf(uint64_t jobs, uint64_t evaluate_every = 0) {
  v1::TrialSpec trial;
  trial.set_seed(3);
  trial.mutable_training()->set_jobs(jobs);
  trial.mutable_training()->set_evaluate_every(evaluate_every);
  return trial;
}

struct Local {
  std::unique_ptr<Workload> workload;
  std::unique_ptr<LocalTrainer> trainer;

  BilevelLearner& learner() { return dynamic_cast<BilevelLearner&>(trainer->learner()); }
  const BilevelProblem& problem() const {
    return dynamic_cast<const BilevelWorkload&>(*workload).problem();
  }
  std::vector<double> x() { return {learner().state().x().begin(), learner().state().x().end()}; }
};

Local Begin(const v1::Bilevel& spec, const v1::TrialSpec& trial,
            const std::shared_ptr<const Dataset>& data) {
  Local run;
  auto workload = Make(spec, data->info());
  EXPECT_TRUE(workload.ok()) << workload.status();
  run.workload = *std::move(workload);
  auto trainer = LocalTrainer::Make(*run.workload, trial, data, nullptr);
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  run.trainer = *std::move(trainer);
  return run;
}

// Every bit of a learner's state.
std::map<std::string, std::vector<double>> StateOf(Learner& learner) {
  std::map<std::string, std::vector<double>> state;
  for (const Learner::NamedVector& vector : learner.Vectors()) {
    std::vector<double>& values = state[vector.name];
    values.assign(vector.values.begin(), vector.values.end());
    values.insert(values.end(), vector.doubles.begin(), vector.doubles.end());
    const int64_t size =
        std::accumulate(vector.shape.begin(), vector.shape.end(), int64_t{1}, std::multiplies<>());
    EXPECT_EQ(size, static_cast<int64_t>(values.size())) << vector.name;
  }
  return state;
}

constexpr char kHospitals[] = "hospitals { blocks: 6 training_rows: 30 validation_rows: 20 } ";
std::shared_ptr<const Dataset> SmallData() { return ClusterData(300, 5, 1.5); }

struct VersionCase {
  const char* name;
  const char* spec;
};
std::ostream& operator<<(std::ostream& out, const VersionCase& c) { return out << c.name; }

const VersionCase kVersions[] = {
    {"v2", "hospitals { blocks: 6 training_rows: 30 validation_rows: 20 } sampled_blocks: 3"},
    {"v1",
     "hospitals { blocks: 6 training_rows: 30 validation_rows: 20 } sampled_blocks: 3 version: V1"},
    {"heads",
     "personal_heads { blocks: 6 training_rows: 30 validation_rows: 20 hidden: 3 } "
     "sampled_blocks: 2 batch: 7"},
    {"weights",
     "sample_weights { blocks: 6 training_rows: 200 validation_rows: 100 } sampled_blocks: 2"},
    {"quadratic", "quadratic { blocks: 6 } sampled_blocks: 2 batch: 4 eta: 0.01 tau: 0.05"},
    {"quadratic_v1",
     "quadratic { blocks: 6 } sampled_blocks: 2 batch: 4 eta: 0.01 tau: 0.05 version: V1"},
};

class BilevelContract : public testing::TestWithParam<VersionCase> {
 protected:
  v1::Bilevel Spec() const { return Parse(GetParam().spec); }
};

TEST_P(BilevelContract, AnyOrderOfLanesEndsInTheSameBits) {
  const auto data = SmallData();
  Local first = Begin(Spec(), TrialOf(40, 10), data);
  ASSERT_TRUE(first.trainer->Run().ok());
  for (const uint64_t seed : {1, 2, 3}) {
    Local other = Begin(Spec(), TrialOf(40, 10), data);
    const auto status = other.trainer->RunInAnyOrder(seed);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(StateOf(first.learner()), StateOf(other.learner()));
    ASSERT_EQ(first.trainer->evaluations().size(), other.trainer->evaluations().size());
    EXPECT_EQ(first.trainer->evaluations().back().loss, other.trainer->evaluations().back().loss);
  }
  EXPECT_EQ(first.trainer->evaluations().size(), 4);
  if (!first.workload->reads_examples()) return;  // its y_i start at 0, far from where they are due
  EXPECT_LT(first.trainer->evaluations().back().loss, first.trainer->evaluations()[0].loss);
}

TEST_P(BilevelContract, OneLaneDoesTheSame) {
  const auto data = SmallData();
  v1::Bilevel spec = Spec();
  Local with = Begin(spec, TrialOf(20), data);
  spec.set_lanes(false);
  Local without = Begin(spec, TrialOf(20), data);
  EXPECT_GT(with.workload->lanes().size(), 1);
  EXPECT_EQ(without.workload->lanes().size(), 1);
  ASSERT_TRUE(with.trainer->Run().ok());
  ASSERT_TRUE(without.trainer->Run().ok());
  EXPECT_THAT(with.x(), ElementsAreArray(without.x()));
  EXPECT_EQ(with.learner().state().CaughtUp(), without.learner().state().CaughtUp());
}

// The double path has no rounding to 32 bits on the way out or back.
TEST_P(BilevelContract, FollowsTheRecursionInDouble) {
  const auto data = SmallData();
  Local run = Begin(Spec(), TrialOf(20), data);
  ASSERT_TRUE(run.trainer->Run().ok());
  const auto& plan = dynamic_cast<const BilevelWorkload&>(*run.workload).plan();
  const Examples examples =
      run.workload->reads_examples() ? *data->Load(0, data->info().examples) : Examples();
  DoubleTrainer exact(run.problem(), examples, plan.sampler, plan.options, 3);
  for (int step = 0; step < 20 / plan.lanes.phases; ++step) exact.Step();
  const std::vector<double> x = run.x();
  double moved = 0;
  std::vector<double> start(x.size());
  run.problem().InitialX(3, start);
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(x[i], exact.state().x()[i], 1e-5 * std::max(1.0, std::abs(x[i])));
    moved = std::max(moved, std::abs(x[i] - start[i]));
  }
  EXPECT_GT(moved, 1e-3);
}

TEST_P(BilevelContract, SumsOfChunksAddUp) {
  const auto data = SmallData();
  Local run = Begin(Spec(), TrialOf(20), data);
  ASSERT_TRUE(run.trainer->RunInAnyOrder(4, 23).ok());
  for (int lane = 0; lane < static_cast<int>(run.workload->lanes().size()); ++lane) {
    if (!run.trainer->MayBegin(lane)) continue;
    const int64_t job = run.learner().progress(lane).jobs_done;
    const auto whole = run.trainer->SumOf(lane, job, run.learner().Next(lane).reads);
    const auto parts = run.trainer->SumOf(lane, job, run.learner().Next(lane).reads, 5);
    ASSERT_TRUE(whole.ok() && parts.ok());
    float scale = 0;
    for (const float value : *whole) scale = std::max(scale, std::abs(value));
    for (size_t i = 0; i < whole->size(); ++i) {
      EXPECT_NEAR((*whole)[i], (*parts)[i], 2e-6 * scale) << i;
    }
  }
}

// At any moment: in the middle of a step, between the two jobs of a step, with a view waiting.
TEST_P(BilevelContract, AResumedRunEndsInTheSameBits) {
  const auto data = SmallData();
  const v1::TrialSpec trial = TrialOf(20, 4);
  Local whole = Begin(Spec(), trial, data);
  ASSERT_TRUE(whole.trainer->Run().ok());
  for (const int64_t moments : {1, 9, 20, 31}) {
    Local before = Begin(Spec(), trial, data);
    ASSERT_TRUE(before.trainer->RunInAnyOrder(6, moments).ok());
    Local after = Begin(Spec(), trial, data);
    ASSERT_TRUE(after.learner().LoadProgress(before.learner().SaveProgress()).ok());
    const auto from = before.learner().Vectors();
    const auto to = after.learner().Vectors();
    ASSERT_EQ(from.size(), to.size());
    for (size_t i = 0; i < from.size(); ++i) {
      ASSERT_EQ(from[i].name, to[i].name);
      std::copy(from[i].values.begin(), from[i].values.end(), to[i].values.begin());
      std::copy(from[i].doubles.begin(), from[i].doubles.end(), to[i].doubles.begin());
    }
    ASSERT_TRUE(after.trainer->Run().ok());
    EXPECT_EQ(StateOf(whole.learner()), StateOf(after.learner())) << moments;
  }
}

// `before`'s state, loaded by a new learner under another training.
Local GoneOn(Local& before, const v1::Bilevel& spec, const v1::TrialSpec& trial,
             const std::shared_ptr<const Dataset>& data) {
  Local after = Begin(spec, trial, data);
  EXPECT_TRUE(after.learner().LoadProgress(before.learner().SaveProgress()).ok());
  const auto from = before.learner().Vectors();
  const auto to = after.learner().Vectors();
  EXPECT_EQ(from.size(), to.size());
  for (size_t i = 0; i < std::min(from.size(), to.size()); ++i) {
    EXPECT_EQ(from[i].name, to[i].name);
    std::copy(from[i].values.begin(), from[i].values.end(), to[i].values.begin());
    std::copy(from[i].doubles.begin(), from[i].doubles.end(), to[i].doubles.begin());
  }
  EXPECT_TRUE(after.learner().GoOn().ok());
  return after;
}

TEST_P(BilevelContract, F27_ALongerTrainingGoesOnWithTheBitsItWouldHaveHad) {
  const auto data = SmallData();
  Local whole = Begin(Spec(), TrialOf(40, 4), data);
  ASSERT_TRUE(whole.trainer->Run().ok());
  for (const int jobs : {2, 18, 40}) {
    Local before = Begin(Spec(), TrialOf(jobs, 4), data);
    ASSERT_TRUE(before.trainer->RunInAnyOrder(jobs).ok());
    ASSERT_TRUE(before.trainer->Finished());
    Local after = GoneOn(before, Spec(), TrialOf(40, 4), data);
    EXPECT_EQ(after.trainer->Finished(), jobs == 40);
    ASSERT_TRUE(after.trainer->Run().ok());
    EXPECT_EQ(StateOf(whole.learner()), StateOf(after.learner())) << jobs;
  }
}

TEST_P(BilevelContract, F27_BeginsWithGivenParameters) {
  const auto data = SmallData();
  Local run = Begin(Spec(), TrialOf(20, 4), data);
  const auto drawn = StateOf(run.learner());
  for (const Learner::NamedVector& vector : run.learner().Vectors()) {
    if (vector.parameter) std::fill(vector.doubles.begin(), vector.doubles.end(), 0.25);
  }
  run.learner().StartFromParameters();
  const auto given = StateOf(run.learner());
  for (const char* name : {"x", "x_before", "y", "y_before"}) {
    EXPECT_EQ(given.at(name), std::vector<double>(given.at(name).size(), 0.25)) << name;
  }
  EXPECT_EQ(given.at("z"), drawn.at("z"));
  // What workers read first.
  for (const float value : run.learner().Values({0, 0})) EXPECT_EQ(value, 0.25f);
  EXPECT_EQ(run.learner().Values({1, 0})[0], 0.25f);
  ASSERT_TRUE(run.trainer->Run().ok());
}

INSTANTIATE_TEST_SUITE_P(All, BilevelContract, testing::ValuesIn(kVersions),
                         testing::PrintToStringParamName());

// ---- the learner --------------------------------------------------------------------------------

TEST(BilevelLearner, ViewsWaitWithTheRun) {
  const auto data = SmallData();
  Local run = Begin(Parse(kHospitals), TrialOf(8, 2), data);
  // One lane: a quarter of six blocks.
  for (int job = 0; job < 2; ++job) {
    const auto sum = run.trainer->SumOf(0, job, run.learner().Next(0).reads);
    const auto applied = run.learner().Apply(0, job, PlainSum(*sum));
    ASSERT_TRUE(applied.ok());
    EXPECT_EQ(applied->evaluate.has_value(), job == 1);
  }
  const double now = run.learner().Evaluate(2, nullptr)->loss;
  const v1::LearnerProgress progress = run.learner().SaveProgress();
  ASSERT_EQ(progress.views_size(), 1);
  EXPECT_EQ(progress.views(0).number(), 2);
  const auto sum = run.trainer->SumOf(0, 2, run.learner().Next(0).reads);
  ASSERT_TRUE(run.learner().Apply(0, 2, PlainSum(*sum)).ok());
  EXPECT_EQ(run.learner().Evaluate(2, nullptr)->loss, now);
}

TEST(BilevelLearner, ATargetEndsTheRunAtItsView) {
  const auto data = SmallData();
  v1::TrialSpec trial = TrialOf(400, 10);
  trial.mutable_training()->set_target_accuracy(0.6);
  Local run = Begin(Parse(kHospitals), trial, data);
  ASSERT_TRUE(run.trainer->Run().ok());
  EXPECT_TRUE(run.learner().progress(0).finished);
  EXPECT_LT(run.learner().progress(0).jobs_done, 400);
  EXPECT_GE(run.trainer->evaluations().back().accuracy, 0.6);
}

TEST(BilevelLearner, F27_AHigherTargetGoesOnWithTheBitsItWouldHaveHad) {
  const auto data = SmallData();
  const auto trial = [](double target) {
    v1::TrialSpec spec = TrialOf(400, 10);
    spec.mutable_training()->set_target_accuracy(target);
    return spec;
  };
  Local whole = Begin(Parse(kHospitals), trial(0.75), data);
  ASSERT_TRUE(whole.trainer->Run().ok());
  Local before = Begin(Parse(kHospitals), trial(0.6), data);
  ASSERT_TRUE(before.trainer->Run().ok());
  EXPECT_LT(before.learner().progress(0).jobs_done, whole.learner().progress(0).jobs_done);
  EXPECT_TRUE(GoneOn(before, Parse(kHospitals), trial(0.6), data).trainer->Finished());
  Local after = GoneOn(before, Parse(kHospitals), trial(0.75), data);
  ASSERT_TRUE(after.trainer->Run().ok());
  EXPECT_EQ(StateOf(whole.learner()), StateOf(after.learner()));
}

// It had caught up with what is left lazily, and did not say so.
TEST(BilevelLearner, F27_AnEarlierVersionsEndIsAnEnd) {
  const auto data = SmallData();
  Local before = Begin(Parse(kHospitals), TrialOf(20), data);
  ASSERT_TRUE(before.trainer->Run().ok());
  v1::LearnerProgress progress = before.learner().SaveProgress();
  for (auto& lane : *progress.mutable_lanes()) {
    lane.clear_ended();
    lane.clear_last();
  }
  Local after = Begin(Parse(kHospitals), TrialOf(20), data);
  ASSERT_TRUE(after.learner().LoadProgress(progress).ok());
  for (const Learner::NamedVector& vector : after.learner().Vectors()) {
    EXPECT_THAT(vector.name, testing::Not(HasSubstr("last.")));
  }
  EXPECT_TRUE(after.learner().GoOn().ok());
  EXPECT_TRUE(after.trainer->Finished());
  Local longer = Begin(Parse(kHospitals), TrialOf(40), data);
  ASSERT_TRUE(longer.learner().LoadProgress(progress).ok());
  EXPECT_EQ(longer.learner().GoOn().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(BilevelLearner, RefusesWhatIsNotFiniteAndChangesNothing) {
  const auto data = SmallData();
  Local run = Begin(Parse(kHospitals), TrialOf(8), data);
  auto sum = *run.trainer->SumOf(0, 0, run.learner().Next(0).reads);
  const auto before = StateOf(run.learner());
  sum[3] = std::numeric_limits<float>::quiet_NaN();
  const auto applied = run.learner().Apply(0, 0, PlainSum(sum));
  EXPECT_EQ(applied.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(applied.status().message()), HasSubstr("workload.bilevel.eta"));
  EXPECT_EQ(StateOf(run.learner()), before);
}

// A block that is missing moves no estimate; its late reply does.
TEST(BilevelLearner, MissingAndLateJobs) {
  const auto data = SmallData();
  const v1::Bilevel spec = Parse(std::string(kHospitals) + "sampled_blocks: 2");
  Local run = Begin(spec, TrialOf(8), data);
  const auto reads = run.learner().Next(1).reads;
  const auto lost = run.trainer->SumOf(1, 0, reads);
  ASSERT_TRUE(lost.ok());
  const auto sum = run.trainer->SumOf(0, 0, run.learner().Next(0).reads);
  ASSERT_TRUE(run.learner().Apply(0, 0, PlainSum(*sum)).ok());
  EXPECT_EQ(run.learner().state().step(), 0);
  EXPECT_EQ(*run.learner().ApplyMissing(1, 0), std::nullopt);
  EXPECT_EQ(run.learner().state().step(), 1);
  EXPECT_EQ(run.learner().progress(1).jobs_done, 1);
  const auto& plan = dynamic_cast<const BilevelWorkload&>(*run.workload).plan();
  const int block = plan.sampler.Blocks(3, 0)[1];
  const auto estimate = [&](const char* name) {
    return StateOf(run.learner()).at(name)[block * plan.shape().dy];
  };
  EXPECT_EQ(estimate("s"), 0);
  // With half of the replies gone gamma makes up for it.
  EXPECT_GT(run.learner().state().gamma(), 5 / 0.9 + 0.9 - 1e-9);
  ASSERT_TRUE(run.learner().ApplyLate(1, 0, PlainSum(*lost)).ok());
  EXPECT_EQ(estimate("s"), (*lost)[0]);
  // The run goes on.
  ASSERT_TRUE(run.trainer->Run().ok());
}

TEST(BilevelLearner, VersionOneGivesUpAWholeStepOfALane) {
  const auto data = SmallData();
  const v1::Bilevel spec = Parse(std::string(kHospitals) + "sampled_blocks: 2 version: V1");
  Local run = Begin(spec, TrialOf(8), data);
  for (const int lane : {0, 1}) {
    const auto sum = run.trainer->SumOf(lane, 0, run.learner().Next(lane).reads);
    ASSERT_TRUE(run.learner().Apply(lane, 0, PlainSum(*sum)).ok());
  }
  const auto sum = run.trainer->SumOf(0, 1, run.learner().Next(0).reads);
  ASSERT_TRUE(run.learner().Apply(0, 1, PlainSum(*sum)).ok());
  ASSERT_TRUE(run.learner().ApplyMissing(1, 1).ok());
  EXPECT_EQ(run.learner().state().step(), 1);
  EXPECT_EQ(run.learner().progress(1).jobs_done, 2);
  ASSERT_TRUE(run.trainer->Run().ok());
}

TEST(BilevelSpec, ErrorsNameTheField) {
  DatasetInfo info;
  info.examples = 300;
  info.features = 5;
  info.classes = 2;
  const auto error = [&](const std::string& text) {
    const auto made = Make(Parse(text), info);
    EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument) << text;
    return std::string(made.status().message());
  };
  EXPECT_THAT(error(""), HasSubstr("workload.bilevel: is missing; it must be one of: hospitals"));
  EXPECT_THAT(error("hospitals { blocks: 10 training_rows: 30 validation_rows: 20 }"),
              HasSubstr("workload.bilevel: its blocks have 500 rows; the training set has 300"));
  EXPECT_THAT(
      error("hospitals { blocks: 1 training_rows: 30 }"),
      HasSubstr(
          "workload.bilevel.hospitals.validation_rows: 0 is not legal; it must be from 1 to"));
  const std::string fine = kHospitals;
  EXPECT_THAT(error(fine + "sampled_blocks: 7"),
              HasSubstr("workload.bilevel.sampled_blocks: 7 is not legal; it must be from 1 to 6"));
  EXPECT_THAT(error(fine + "batch: 31"),
              HasSubstr("workload.bilevel.batch: 31 is not legal; it must be from 1 to 30"));
  EXPECT_THAT(error(fine + "validation_batch: 0"), HasSubstr("validation_batch: 0 is not legal"));
  EXPECT_THAT(error(fine + "tau: 0"),
              HasSubstr("workload.bilevel.tau: 0 is not legal; it must be more than 0"));
  EXPECT_THAT(error(fine + "give_up { nanos: 1000 }"),
              HasSubstr("workload.bilevel.give_up: 1e-06 s is not legal; it must be 1ms or more"));
  EXPECT_THAT(
      error(fine + "late: PAIRS"),
      HasSubstr(
          "workload.bilevel.late: pairs is not legal; it must be discard where give_up is not"));
  EXPECT_THAT(
      error(fine + "late: ESTIMATES give_up { seconds: 1 } version: V1"),
      HasSubstr(
          "workload.bilevel.late: estimates is not legal; it must be discard for version v1"));
  EXPECT_THAT(error(fine + "alpha: 1"), HasSubstr("alpha: 1 is not legal; it must be less than 1"));
  EXPECT_THAT(error(fine + "gamma: -1"), HasSubstr("gamma: -1 is not legal"));
  EXPECT_THAT(error("hospitals { blocks: 1 training_rows: 3 validation_rows: 2 flips: 1.5 }"),
              HasSubstr("hospitals.flips[0]: 1.5 is not legal; it must be from 0 to 1"));
  EXPECT_THAT(error("sample_weights { blocks: 1 training_rows: 3 validation_rows: 2 "
                    "temperature_min: 5 }"),
              HasSubstr("temperature_max: 4 is not legal; it must be temperature_min = 5 or more"));
  EXPECT_THAT(error("quadratic { blocks: 0 }"), HasSubstr("quadratic.blocks: 0 is not legal"));
  info.features = 201;
  EXPECT_THAT(error(fine + "version: V1"),
              HasSubstr("version: v1 is not legal; it must be v2 for blocks of 201 variables: v1 "
                        "handles Hessians of up to 200 rows"));
  info.classes = 3;
  EXPECT_THAT(error(fine), HasSubstr("needs data of two classes; the data has 3 classes"));
}

TEST(BilevelSpec, VersionOneTakesTwoJobsAStep) {
  const auto data = SmallData();
  auto workload = *Make(Parse(std::string(kHospitals) + "version: V1"), data->info());
  const auto learner = MakeLearner(*workload, TrialOf(7), data);
  EXPECT_THAT(std::string(learner.status().message()),
              HasSubstr("training.jobs = 7: version V1 takes 2 jobs a step"));
}

// ---- what is reached ----------------------------------------------------------------------------

double ExactF(Local& run, const std::shared_ptr<const Dataset>& data) {
  const Examples rows = *data->Load(0, run.problem().shape().rows());
  return ExactSolver(run.problem(), rows).Solve(run.x()).f;
}

double Show(const std::string& name, double value) {
  std::cout << name << ": " << value << "\n";
  return value;
}

void ExpectSourcesInOrder(const std::vector<double>& x) {
  for (size_t i = 1; i < x.size(); ++i) Show("logit of source", x[i]);
  for (size_t i = 2; i < x.size(); ++i) EXPECT_GT(x[i - 1], x[i]);
}

constexpr char kA8aHospitals[] =
    "hospitals { blocks: 16 training_rows: 200 validation_rows: 100 } sampled_blocks: 4 ";

TEST(BilevelGate, HospitalsOnA8a) {
  const auto data = A8a();
  if (data == nullptr) GTEST_SKIP() << "no a8a; set GRADLOOM_DATA";
  Local run = Begin(Parse(kA8aHospitals), TrialOf(6000), data);
  const Examples rows = *data->Load(0, run.problem().shape().rows());
  const ExactSolver exact(run.problem(), rows);
  const std::vector<double> start = run.x();
  const auto solved = exact.Solve(start);
  Show("F(x0)", solved.f);
  for (size_t i = 0; i < start.size(); ++i) {
    const auto f = [&](double by) {
      std::vector<double> x = start;
      x[i] += by;
      return exact.Solve(x).f;
    };
    constexpr double kStep = 5e-3;
    const double difference =
        (8 * (f(kStep) - f(-kStep)) - (f(2 * kStep) - f(-2 * kStep))) / (12 * kStep);
    EXPECT_NEAR(solved.gradient[i], difference, 1e-9) << i;
  }
  ASSERT_TRUE(run.trainer->Run().ok());
  // Exact projected gradient descent reaches 0.4060 in 120 steps.
  EXPECT_LE(Show("F(6000)", exact.Solve(run.x()).f), 0.409);
  Show("accuracy", run.trainer->evaluations().back().accuracy);
  ExpectSourcesInOrder(run.x());
}

TEST(BilevelGate, HospitalsByVersionOneOnA8a) {
  const auto data = A8a();
  if (data == nullptr) GTEST_SKIP() << "no a8a; set GRADLOOM_DATA";
  Local run = Begin(Parse(std::string(kA8aHospitals) + "version: V1 hessian_floor: 0.01"),
                    TrialOf(2000), data);
  ASSERT_TRUE(run.trainer->Run().ok());
  EXPECT_LE(Show("F(1000 steps)", ExactF(run, data)), 0.42);
  ExpectSourcesInOrder(run.x());
}

TEST(BilevelGate, HospitalsOnGeneratedData) {
  const auto data = ClusterData(3600, 20, 1.5);
  Local run = Begin(Parse("hospitals { blocks: 12 training_rows: 200 validation_rows: 100 }"),
                    TrialOf(3000), data);
  const double before = Show("F(x0)", ExactF(run, data));
  ASSERT_TRUE(run.trainer->Run().ok());
  EXPECT_LT(Show("F(3000)", ExactF(run, data)), 0.97 * before);
  ExpectSourcesInOrder(run.x());
}

TEST(BilevelGate, PersonalHeadsLearnARepresentation) {
  const auto data = ClusterData(2400, 20, 2);
  Local run =
      Begin(Parse("personal_heads { blocks: 40 training_rows: 20 validation_rows: 40 hidden: 8 }"
                  "sampled_blocks: 10 batch: 20 validation_batch: 20"),
            TrialOf(1500), data);
  const double before = Show("F(x0)", ExactF(run, data));
  ASSERT_TRUE(run.trainer->Run().ok());
  EXPECT_LT(Show("F(1500)", ExactF(run, data)), 0.9 * before);
}

// Mean weight of clean and of flipped rows.
std::pair<double, double> MeanWeights(Local& run, double flip) {
  double sums[2] = {0, 0}, counts[2] = {0, 0};
  const std::vector<double> x = run.x();
  for (size_t row = 0; row < x.size(); ++row) {
    RandomStream stream(1, Purpose::kLabelNoise, row);
    const int flipped = stream.NextUniform() < flip ? 1 : 0;
    sums[flipped] += SigmoidOf(x[row]);
    counts[flipped] += 1;
  }
  return {Show("weight, clean", sums[0] / counts[0]), Show("weight, flipped", sums[1] / counts[1])};
}

TEST(BilevelGate, SampleWeightsFindFlippedRowsOfA8a) {
  const auto data = A8a();
  if (data == nullptr) GTEST_SKIP() << "no a8a; set GRADLOOM_DATA";
  Local run =
      Begin(Parse("sample_weights { blocks: 100 training_rows: 2000 validation_rows: 2000 "
                  "flip: 0.3 ridge: 0.001 temperature_max: 2 } sampled_blocks: 10 batch: 64 "
                  "eta: 300"),
            TrialOf(1000), data);
  const double before = Show("F(x0)", ExactF(run, data));
  ASSERT_TRUE(run.trainer->Run().ok());
  EXPECT_LT(Show("F(1000)", ExactF(run, data)), 0.9 * before);
  const auto [clean, flipped] = MeanWeights(run, 0.3);
  EXPECT_GT(clean, 2 * flipped);
}

TEST(BilevelGate, SampleWeightsFindFlippedRowsOfGeneratedData) {
  const auto data = ClusterData(800, 10, 3);
  Local run = Begin(Parse("sample_weights { blocks: 20 training_rows: 400 validation_rows: 400 "
                          "flip: 0.3 ridge: 0.01 } sampled_blocks: 5 batch: 64 eta: 200"),
                    TrialOf(1000), data);
  const double before = Show("F(x0)", ExactF(run, data));
  ASSERT_TRUE(run.trainer->Run().ok());
  EXPECT_LT(Show("F(1000)", ExactF(run, data)), 0.9 * before);
  const auto [clean, flipped] = MeanWeights(run, 0.3);
  EXPECT_GT(clean, 2 * flipped);
}

}  // namespace
}  // namespace gradloom
