// Numbers or classes: the same whole targets are what the workload takes them for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "models/workloads/workload.h"
#include "tests/models/learners/local_trainer.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class TargetsTest : public ::testing::Test {
 protected:
  TargetsTest() {
    std::string pattern = testing::TempDir() + "/gradloom-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << "no temporary folder";
    folder_ = pattern;
  }
  ~TargetsTest() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
    return name;
  }
  // Train and, if it is not empty, test data, as CSV.
  TrainAndTest Open(const std::string& train, const std::string& test = "") const {
    v1::DataSpec spec;
    spec.mutable_train()->mutable_csv()->set_file(Write("train.csv", train));
    if (!test.empty()) spec.mutable_test()->mutable_csv()->set_file(Write("test.csv", test));
    const auto data = OpenData(spec, folder_);
    EXPECT_TRUE(data.ok()) << data.status();
    return data.ok() ? *data : TrainAndTest();
  }
  static absl::StatusOr<std::unique_ptr<Workload>> Make(const std::string& workload,
                                                        const TrainAndTest& data) {
    v1::WorkloadSpec spec;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(workload, &spec)) << workload;
    return MakeWorkload(spec, data.train->info());
  }
  static std::string Message(const std::string& workload, const TrainAndTest& data) {
    return std::string(Make(workload, data).status().message());
  }
  // Plain gradient descent on all data; the parameters.
  static std::vector<float> Train(const std::string& workload, const TrainAndTest& data,
                                  double learning_rate, int jobs) {
    const auto made = Make(workload, data);
    EXPECT_TRUE(made.ok()) << made.status();
    if (!made.ok()) return {};
    v1::TrialSpec trial;
    trial.mutable_optimizer()->set_kind(v1::OptimizerSpec::SGD);
    trial.mutable_optimizer()->set_learning_rate(learning_rate);
    trial.mutable_training()->set_jobs(jobs);
    trial.mutable_training()->set_evaluate_every(jobs);
    const Examples test = *data.train->Load(0, data.train->info().examples);
    const auto trainer = LocalTrainer::Make(**made, trial, data.train, &test);
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    const absl::Status run = (*trainer)->Run();
    EXPECT_TRUE(run.ok()) << run;
    const std::span<const float> values = (*trainer)->FinalValues(0);
    return {values.begin(), values.end()};
  }
  absl::StatusOr<Evaluation> Evaluate(const std::string& workload, const TrainAndTest& data,
                                      const std::vector<float>& parameters) const {
    const Examples test = *data.test->Load(0, data.test->info().examples);
    return (*Make(workload, data))->Evaluate({.segments = {parameters}}, &test);
  }

  std::string folder_;
};

TEST_F(TargetsTest, F03_RegressionTargetsAreNumbers) {
  std::string rows;
  for (int x = 1; x <= 8; ++x) absl::StrAppend(&rows, x, ",", 100 * x, "\n");
  const TrainAndTest data = Open(rows);
  const std::vector<float> weight =
      Train("linear_regression { intercept: false }", data, 0.03, 200);
  ASSERT_EQ(weight.size(), 1);
  EXPECT_NEAR(weight[0], 100, 1e-3);
}

TEST_F(TargetsTest, F03_ARegressionIsTestedOnNumbersThatTrainingHasNot) {
  const TrainAndTest data = Open("1,2\n2,4\n3,6\n", "5,10\n7.5,15\n2,4\n0.25,0.5\n");
  const auto evaluation = Evaluate("linear_regression { intercept: false }", data, {2});
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  EXPECT_EQ(evaluation->loss, 0);
  EXPECT_EQ(evaluation->accuracy, 1);
}

TEST_F(TargetsTest, F03_ClassifiersTakeTheSameTargetsForClasses) {
  // Two of three classes in the test set, in another order.
  const TrainAndTest data = Open("1,-5\n2,0\n3,40\n", "3,40\n1,-5\n");
  // Scores 0, x, 2 (x - 1): classes 1, 2 and ... by hand for x = 3 and x = 1.
  const auto evaluation = Evaluate("softmax_regression {}", data, {0, 1, 3, 2.5f, 0, -3});
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  EXPECT_EQ(evaluation->accuracy, 1) << "class 2 of 40 at x = 3, class 0 of -5 at x = 1";
  const TrainAndTest signs = Open("1,-1\n2,1\n", "2,1\n1,-1\n");
  const auto logistic = Evaluate("logistic_regression {}", signs, {10, -15});
  ASSERT_TRUE(logistic.ok()) << logistic.status();
  EXPECT_EQ(logistic->accuracy, 1);
}

TEST_F(TargetsTest, F03_WhoWantsClassesIsToldWhichTargetIsNone) {
  const TrainAndTest fractions = Open("x,y\n1,1\n2,0.5\n");
  for (const char* workload :
       {"softmax_regression {}", "logistic_regression {}", "forward_forward { hidden: 3 }",
        "noprop {}", "targets: CLASSES mlp {}",
        "bilevel { hospitals { blocks: 1 training_rows: 1 validation_rows: 1 } sampled_blocks: 1 "
        "batch: 1 validation_batch: 1 }"}) {
    EXPECT_THAT(Message(workload, fractions),
                AllOf(HasSubstr("needs data of at least two classes; data.train.csv.file: "),
                      HasSubstr("train.csv, line 3: the target 0.5 is no whole number")))
        << workload;
  }
  EXPECT_TRUE(Make("linear_regression {}", fractions).ok());
  EXPECT_TRUE(Make("mlp {}", fractions).ok());
  const TrainAndTest foreign = Open("1,1\n2,3\n", "1,1\n1,2\n");
  EXPECT_THAT(Message("softmax_regression {}", foreign),
              HasSubstr("data.test has the target 2, which data.train has not; its 2 classes are "
                        "1 to 3"));
  EXPECT_THAT(Message("mlp {}", foreign),
              AllOf(HasSubstr("data.test has the target 2"),
                    HasSubstr("for a regression say workload.targets: numbers")));
  EXPECT_TRUE(Make("targets: NUMBERS mlp {}", foreign).ok());
  EXPECT_TRUE(Make("linear_regression {}", foreign).ok());
  EXPECT_THAT(Message("softmax_regression {}", Open("1,1\n2,3\n", "1,1\n1,1.5\n")),
              AllOf(HasSubstr("data.test.csv.file: "), HasSubstr("line 2: the target 1.5 is no")));
}

TEST_F(TargetsTest, F03_NetworksThatCanDoEitherAreTold) {
  std::string rows;
  for (int x = 1; x <= 8; ++x) absl::StrAppend(&rows, x, ",", 100 * x, "\n");
  const TrainAndTest data = Open(rows);
  EXPECT_EQ((*Make("mlp {}", data))->parameters(), 16) << "eight classes by the look of it";
  EXPECT_EQ((*Make("targets: NUMBERS mlp {}", data))->parameters(), 2);
  const std::vector<float> line = Train("targets: NUMBERS mlp {}", data, 0.06, 500);
  ASSERT_EQ(line.size(), 2);
  EXPECT_NEAR(line[0], 100, 0.1);
  // More values than anybody guesses to be classes.
  for (int x = 9; x <= 150; ++x) absl::StrAppend(&rows, x, ",", 100 * x, "\n");
  const TrainAndTest many = Open(rows);
  EXPECT_EQ((*Make("mlp {}", many))->parameters(), 2);
  EXPECT_EQ((*Make("targets: CLASSES mlp {}", many))->parameters(), 300);
  EXPECT_EQ((*Make("softmax_regression {}", many))->parameters(), 300);
}

TEST_F(TargetsTest, F03_WhatAWorkloadDoesNotTakeIsRefused) {
  const TrainAndTest data = Open("1,1\n2,2\n");
  EXPECT_EQ(Message("targets: CLASSES linear_regression {}", data),
            "workload.targets: classes is not legal; it must be numbers: linear_regression leaves "
            "no choice");
  EXPECT_EQ(Message("targets: NUMBERS noprop {}", data),
            "workload.targets: numbers is not legal; it must be classes: noprop leaves no choice");
}

}  // namespace
}  // namespace gradloom
