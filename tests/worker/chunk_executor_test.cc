#include "worker/chunk_executor.h"

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/worker/test_run.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

constexpr int kLength = kTestParameters + kReplyScalars;
const auto kAlways = [](int64_t) { return true; };

std::shared_ptr<const ServedRun> Open(const v1::RunOffer& offer) {
  auto run = OpenRun(offer, "", {});
  EXPECT_TRUE(run.ok()) << run.status();
  return *run;
}

std::vector<float> Compute(ChunkExecutor& executor, const ServedRun& run, const v1::Task& task) {
  const std::vector<float> parameters = TestParameters();
  std::vector<float> sum(kLength, 99);
  const absl::Status status = executor.Compute(run, task, {parameters}, kAlways, sum);
  EXPECT_TRUE(status.ok()) << status;
  return sum;
}

// One example at a time, in double.
std::vector<double> Oracle(const ServedRun& run, const v1::Task& task) {
  const ServedTrial& trial = run.trials[0];
  const std::vector<float> parameters = TestParameters();
  std::vector<double> sum(kLength);
  for (const v1::Term& term : task.terms()) {
    const auto [first, last] =
        trial.plan->Positions(0, term.begin(), term.end(), task.denominator());
    for (const int64_t id : trial.plan->Draw(0, task.job(), first, last)) {
      std::vector<float> one(kLength);
      const std::vector<int64_t> ids = {id};
      EXPECT_TRUE(trial.workload
                      ->AddSum({.segments = {parameters},
                                .seed = trial.seed,
                                .job = static_cast<int64_t>(task.job())},
                               *run.data->Load(id, id + 1), ids, one)
                      .ok());
      for (int i = 0; i < kLength; ++i) sum[i] += term.coefficient() * one[i];
    }
  }
  return sum;
}

TEST(ChunkExecutor, RepliesAreTheSumsOfTheTerms) {
  ChunkExecutor executor(1 << 20);
  const auto run = Open(TestOffer(1));
  for (const uint64_t job : {0, 1, 9, 10, 31}) {
    for (const v1::Task& task :
         {TestTask(1, job, 6, {{0, 1, 1}}), TestTask(1, job, 6, {{1, 3, 1}, {5, 6, 1}}),
          TestTask(1, job, 6, {{2, 3, -0.75}}),
          TestTask(1, job, 6, {{0, 2, 0.5}, {2, 3, 1}, {3, 6, -2}}),
          TestTask(1, job, 1000, {{0, 1, 1}})}) {
      const std::vector<float> sum = Compute(executor, *run, task);
      const std::vector<double> expected = Oracle(*run, task);
      for (int i = 0; i < kLength; ++i) ASSERT_NEAR(sum[i], expected[i], 1e-4) << i;
    }
  }
}

TEST(ChunkExecutor, ChunksOfAJobMakeUpTheWholeJob) {
  ChunkExecutor executor(1 << 20);
  const auto run = Open(TestOffer(1));
  double examples = 0;
  for (uint64_t k = 0; k < 7; ++k) {
    examples +=
        Compute(executor, *run, TestTask(k, 4, 7, {{k, k + 1, 1}}))[kTestParameters + kExamples];
  }
  EXPECT_EQ(examples, 60);
}

TEST(ChunkExecutor, SameBitsCachedOrNotHereOrElsewhere) {
  for (const uint64_t batch_size : {60, 0}) {
    const auto run = Open(TestOffer(1, batch_size));
    const auto elsewhere = Open(TestOffer(1, batch_size));
    ChunkExecutor cached(1 << 20), uncached(100);
    const v1::Task task = TestTask(1, 2, 3, {{0, 1, 1}, {2, 3, 1}});
    const std::vector<float> sum = Compute(cached, *run, task);
    EXPECT_EQ(Compute(cached, *run, task), sum);
    EXPECT_EQ(Compute(uncached, *run, task), sum);
    EXPECT_EQ(Compute(cached, *elsewhere, task), sum);
    cached.Forget(*run);
    EXPECT_EQ(Compute(cached, *run, task), sum);
  }
}

TEST(ChunkExecutor, StopsBetweenSubBatches) {
  ChunkExecutor executor(1 << 20);
  const auto run = Open(TestOffer(1, 0));
  const int64_t step = run->trials[0].workload->sub_batch();
  ASSERT_LT(step, kTestExamples);
  const std::vector<float> parameters = TestParameters();
  std::vector<float> sum(kLength);
  std::vector<int64_t> seen;
  const absl::Status status = executor.Compute(
      *run, TestTask(1, 0, 1, {{0, 1, 1}}), {parameters},
      [&](int64_t done) {
        seen.push_back(done);
        return done < step;
      },
      sum);
  EXPECT_TRUE(absl::IsCancelled(status));
  EXPECT_EQ(seen, (std::vector<int64_t>{0, step}));
}

TEST(ChunkExecutor, SenselessTasksAreRefusedByName) {
  const auto run = Open(TestOffer(1));
  v1::Task bad_trial = TestTask(1, 0, 2, {{0, 1, 1}});
  bad_trial.set_trial(1);
  const std::pair<v1::Task, const char*> cases[] = {
      {bad_trial, "task.trial 1 is out of range; legal: 0 to 0"},
      {TestTask(1, 0, 0, {{0, 1, 1}}), "task.denominator 0 is out of range"},
      {TestTask(1, 0, 2, {}), "task.terms is empty"},
      {TestTask(1, 0, 2, {{1, 1, 1}}), "task.terms [1, 1) is out of range"},
      {TestTask(1, 0, 2, {{1, 3, 1}}), "task.terms [1, 3) is out of range"},
      {TestTask(1, 0, 2, {{0, 1, std::nan("")}}), "task.terms.coefficient nan"},
  };
  for (const auto& [task, message] : cases) {
    const absl::Status status = ChunkExecutor::Check(*run, task);
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  }
  EXPECT_TRUE(ChunkExecutor::Check(*run, TestTask(1, 0, 2, {{0, 1, 1}})).ok());
  EXPECT_EQ(ChunkExecutor::Positions(*run, TestTask(1, 0, 6, {{0, 1, 1}, {3, 6, 1}})), 40);
}

// Each example's gradient is its target, but for one example.
class OddWorkload final : public Workload {
 public:
  OddWorkload(int64_t odd, float value) : Workload(kTestExamples), odd_(odd), value_(value) {
    segments_.push_back({{}, kTestParameters});
    lanes_.push_back({"", kTestParameters + kReplyScalars, {}});
  }
  const std::vector<SegmentSpec>& segments() const override { return segments_; }
  const std::vector<LaneSpec>& lanes() const override { return lanes_; }
  void Initialise(uint64_t, int, std::span<float>) const override {}
  int64_t sub_batch() const override { return 16; }
  absl::Status AddSum(const JobInputs&, const Examples&, std::span<const int64_t> ids,
                      std::span<float> sum) const override {
    for (const int64_t id : ids) sum[5] += id == odd_ ? value_ : 1;
    return absl::OkStatus();
  }
  absl::StatusOr<Evaluation> Evaluate(const TrialView&, const Examples*) const override {
    return Evaluation{};
  }

 private:
  int64_t odd_;
  float value_;
  std::vector<SegmentSpec> segments_;
  std::vector<LaneSpec> lanes_;
};

absl::Status ComputeOdd(int64_t odd, float value, v1::NumberFormat format,
                        const std::vector<float>& parameters = TestParameters()) {
  ServedRun run;
  run.data = OpenData(TestOffer(1).spec().data(), "")->train;
  run.reply_format = format;
  run.trials.push_back({std::make_unique<OddWorkload>(odd, value),
                        std::make_unique<MinibatchJobs>(MinibatchPlan(kTestExamples, 0, 1)), 1});
  ChunkExecutor executor(1 << 20);
  std::vector<float> sum(kLength);
  return executor.Compute(run, TestTask(1, 12, 1, {{0, 1, 1}}), {parameters}, kAlways, sum);
}

TEST(ChunkExecutor, NotFiniteIsFatalAndNamesTheExample) {
  const absl::Status nan = ComputeOdd(321, std::nanf(""), v1::FP32);
  EXPECT_TRUE(absl::IsInvalidArgument(nan));
  EXPECT_THAT(std::string(nan.message()),
              HasSubstr("trial 0, job 12, example 321: coordinate 5 of its gradient is nan"));

  std::vector<float> diverged = TestParameters();
  diverged[4] = std::numeric_limits<float>::infinity();
  const absl::Status infinite = ComputeOdd(0, std::nanf(""), v1::FP32, diverged);
  EXPECT_THAT(std::string(infinite.message()),
              HasSubstr("parameter 4 is inf: the training has diverged"));
}

TEST(ChunkExecutor, TooLargeForTheNumberFormatIsFatal) {
  EXPECT_TRUE(ComputeOdd(3, 64000, v1::FP16).ok());
  EXPECT_TRUE(ComputeOdd(3, 70000, v1::BF16).ok());
  const absl::Status large = ComputeOdd(3, 70000, v1::FP16);
  EXPECT_TRUE(absl::IsInvalidArgument(large));
  EXPECT_THAT(std::string(large.message()),
              HasSubstr("the largest that FP16 holds; legal: wire.replies fp32 or bf16"));
}

TEST(OpenRun, ErrorsNameWhatDoesNotFit) {
  v1::RunOffer offer = TestOffer(1);
  offer.set_data_checksum(offer.data_checksum() + 1);
  EXPECT_THAT(std::string(OpenRun(offer, "", {}).status().message()),
              HasSubstr("give this worker the same data"));
  offer = TestOffer(1);
  offer.mutable_spec()->mutable_data()->mutable_train()->mutable_idx()->set_images("none.idx");
  offer.mutable_spec()->mutable_data()->mutable_train()->mutable_idx()->set_labels("none.idx");
  EXPECT_THAT(std::string(OpenRun(offer, "/nowhere", {}).status().message()),
              HasSubstr("/nowhere/none.idx"));
  offer = TestOffer(1);
  offer.mutable_trials(0)->mutable_workload()->mutable_cnn();
  EXPECT_THAT(std::string(OpenRun(offer, "", {}).status().message()), HasSubstr("trial 0: "));
}

}  // namespace
}  // namespace gradloom
