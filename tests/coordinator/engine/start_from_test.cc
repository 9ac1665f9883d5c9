// Trials that begin with a trained model's parameters.
#include "coordinator/engine/start_from.h"

#include <sys/stat.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/run_plan.h"
#include "coordinator/run_file/run_file.h"
#include "coordinator/store/safetensors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/store/temporary_folder.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;

constexpr char kData[] = "data: {train: {classification: {count: 60, features: 3}}}\n";
constexpr char kSoftmax[] = "workload: softmax_regression\n";  // weight [2, 3], bias [2]
constexpr char kBilevel[] =
    "workload: {bilevel: {hospitals: {blocks: 2, training_rows: 20, validation_rows: 10}}}\n";

using Trials = std::vector<std::unique_ptr<Trial>>;

class StartFrom : public testing::Test {
 protected:
  v1::RunSpec Resolved(const std::string& more) const {
    const auto spec = ParseRunFile(
        absl::StrCat(kData, more, "training: {batch_size: 10, jobs: 2}\n"), "test.yaml");
    EXPECT_TRUE(spec.ok()) << spec.status();
    const auto run = ResolveRunSpec(*spec);
    EXPECT_TRUE(run.ok()) << run.status();
    return run.ok() ? run->spec : v1::RunSpec();
  }
  Trials Opened(const v1::RunSpec& spec) const {
    auto run = OpenInputs(spec, {spec.trials().begin(), spec.trials().end()}, folder_.path(), {});
    EXPECT_TRUE(run.ok()) << run.status();
    return run.ok() ? std::move(run->trials) : Trials();
  }
  std::string ErrorOf(const std::string& more) const {
    const Trials trials = Opened(Resolved(more));
    const absl::Status status = StartTrials(trials, folder_.path());
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  }
  void Write(const std::string& name, const std::vector<TensorView>& tensors) const {
    ASSERT_TRUE(WriteSafetensorsFile(PosixFileSystem(), folder_ / name, tensors, {}).ok());
  }
  void WriteSoftmax(const std::string& name, float value) const {
    const std::vector<float> weight(6, value), bias(2, value);
    Write(name, {{"linear.weight", {2, 3}, weight}, {"linear.bias", {2}, bias}});
  }
  static std::map<std::string, std::vector<double>> ParametersOf(const Trial& trial) {
    std::map<std::string, std::vector<double>> all;
    for (const Learner::NamedVector& vector : trial.VectorsLocked()) {
      if (!vector.parameter) continue;
      std::vector<double>& values = all[vector.name];
      values.assign(vector.values.begin(), vector.values.end());
      values.insert(values.end(), vector.doubles.begin(), vector.doubles.end());
    }
    return all;
  }

  TemporaryFolder folder_;
};

TEST_F(StartFrom, F27_FillsEveryParameter) {
  WriteSoftmax("model.safetensors", 0.5f);
  const Trials trials = Opened(Resolved(absl::StrCat(kSoftmax, "start_from: model.safetensors\n")));
  ASSERT_EQ(trials.size(), 1);
  ASSERT_TRUE(StartTrials(trials, folder_.path()).ok());
  for (const auto& [name, values] : ParametersOf(*trials[0])) {
    EXPECT_THAT(values, Each(0.5)) << name;
  }
  // What workers read.
  std::vector<float> read(8);
  ASSERT_TRUE(trials[0]->ReadSegment({0, 0}, 0, read));
  EXPECT_THAT(read, Each(0.5f));
}

TEST_F(StartFrom, F27_EachTrialMayHaveItsOwnFile) {
  WriteSoftmax("a.safetensors", 1);
  WriteSoftmax("b.safetensors", 2);
  const Trials trials = Opened(Resolved(absl::StrCat(
      kSoftmax, "start_from: a.safetensors\ntrials: [{}, {start_from: {file: b.safetensors}}]\n")));
  ASSERT_TRUE(StartTrials(trials, folder_.path()).ok());
  EXPECT_THAT(ParametersOf(*trials[0]).at("linear.bias"), Each(1));
  EXPECT_THAT(ParametersOf(*trials[1]).at("linear.bias"), Each(2));
  // A sweep over files.
  const Trials swept = Opened(Resolved(
      absl::StrCat(kSoftmax, "sweep: {grid: {start_from: [a.safetensors, b.safetensors]}}\n")));
  ASSERT_TRUE(StartTrials(swept, folder_.path()).ok());
  EXPECT_EQ(swept[1]->spec().name(), "start_from=b.safetensors");
  EXPECT_THAT(ParametersOf(*swept[1]).at("linear.weight"), Each(2));
}

TEST_F(StartFrom, F27_ReadsEitherPrecision) {
  const std::vector<double> weight(6, 0.25), bias(2, 0.25);
  Write("doubles.safetensors",
        {{"linear.weight", {2, 3}, {}, weight}, {"linear.bias", {2}, {}, bias}});
  const Trials trials =
      Opened(Resolved(absl::StrCat(kSoftmax, "start_from: doubles.safetensors\n")));
  ASSERT_TRUE(StartTrials(trials, folder_.path()).ok());
  EXPECT_THAT(ParametersOf(*trials[0]).at("linear.weight"), Each(0.25));

  const std::vector<float> x(5, 0.5f), y(6, 0.5f);
  Write("bilevel.safetensors", {{"x", {5}, x}, {"y", {2, 3}, y}});
  const Trials bilevel =
      Opened(Resolved(absl::StrCat(kBilevel, "start_from: bilevel.safetensors\n")));
  ASSERT_TRUE(StartTrials(bilevel, folder_.path()).ok()) << StartTrials(bilevel, folder_.path());
  EXPECT_THAT(ParametersOf(*bilevel[0]).at("x"), Each(0.5));
  EXPECT_THAT(ParametersOf(*bilevel[0]).at("y"), Each(0.5));
}

TEST_F(StartFrom, F27_NamesWhatDoesNotFit) {
  const std::vector<float> values(9, 1);
  Write("other.safetensors", {{"linear.weight", {3, 3}, values}, {"head", {9}, values}});
  EXPECT_THAT(ErrorOf(absl::StrCat(kSoftmax, "start_from: other.safetensors\n")),
              AllOf(HasSubstr("trial trial-0: start_from.file: "), HasSubstr("other.safetensors"),
                    HasSubstr("it lacks linear.bias [2]"),
                    HasSubstr("linear.weight is [3, 3], the model's [2, 3]"),
                    HasSubstr("the model lacks head [9]")));
  const std::vector<float> bad = {1, 2, 3, 4, NAN, 6}, bias(2);
  Write("nan.safetensors", {{"linear.weight", {2, 3}, bad}, {"linear.bias", {2}, bias}});
  EXPECT_THAT(ErrorOf(absl::StrCat(kSoftmax, "start_from: nan.safetensors\n")),
              HasSubstr("value 4 of linear.weight is nan"));
}

TEST_F(StartFrom, F27_TakesRegularFilesOnly) {
  EXPECT_THAT(ErrorOf(absl::StrCat(kSoftmax, "start_from: none.safetensors\n")),
              AllOf(HasSubstr(folder_ / "none.safetensors"), HasSubstr("cannot be opened")));
  ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(ErrorOf(absl::StrCat(kSoftmax, "start_from: pipe\n")),
              HasSubstr("legal: a regular file"));
  EXPECT_THAT(ErrorOf(absl::StrCat(kSoftmax, "start_from: .\n")),
              HasSubstr("legal: a regular file"));
  std::ofstream(folder_ / "text") << "no tensors at all";
  EXPECT_THAT(ErrorOf(absl::StrCat(kSoftmax, "start_from: text\n")),
              AllOf(HasSubstr("start_from.file"), HasSubstr("text")));
}

TEST_F(StartFrom, F27_AStartThatIsRepeatedIsTheSame) {
  WriteSoftmax("model.safetensors", 1);
  v1::RunSpec spec = Resolved(absl::StrCat(kSoftmax, "start_from: model.safetensors\n"));
  ASSERT_TRUE(PinStartFiles(folder_.path(), &spec).ok());
  const std::string pinned = spec.trials(0).start_from().sha256();
  EXPECT_EQ(pinned.size(), 64);
  EXPECT_EQ(spec.start_from().sha256(), pinned);
  EXPECT_TRUE(ResolveRunSpec(spec).ok());
  EXPECT_TRUE(StartTrials(Opened(spec), folder_.path()).ok());
  WriteSoftmax("model.safetensors", 2);
  const absl::Status changed = StartTrials(Opened(spec), folder_.path());
  EXPECT_THAT(changed.message(), AllOf(HasSubstr("has the SHA-256 "), HasSubstr(pinned)));
  // What the user has pinned himself stays.
  spec.mutable_trials(0)->mutable_start_from()->set_sha256(std::string(64, '0'));
  ASSERT_TRUE(PinStartFiles(folder_.path(), &spec).ok());
  EXPECT_EQ(spec.trials(0).start_from().sha256(), std::string(64, '0'));
  spec.mutable_trials(0)->mutable_start_from()->clear_sha256();
  spec.mutable_trials(0)->mutable_start_from()->set_file("none");
  EXPECT_THAT(PinStartFiles(folder_.path(), &spec).message(), HasSubstr("cannot be opened"));
}

}  // namespace
}  // namespace gradloom
