// Evaluations in spare time: training first, the same numbers as at the coordinator, and what a
// worker says when it cannot.
#include "worker/evaluator.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/ops/logging.h"
#include "tests/worker/inbox.h"
#include "tests/worker/test_run.h"
#include "worker/pipeline.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kTestRows = 3000;

v1::RunOffer Offer(uint64_t run) {
  v1::RunOffer offer = TestOffer(run);
  auto& test = *offer.mutable_spec()->mutable_data()->mutable_test()->mutable_classification();
  test = offer.spec().data().train().classification();
  test.set_count(kTestRows);
  test.set_first(kTestExamples);
  const auto data = OpenData(offer.spec().data(), "");
  EXPECT_TRUE(data.ok()) << data.status();
  if (!data.ok()) return offer;
  offer.set_data_checksum(data->train->info().checksum);
  offer.set_test_checksum(data->test->info().checksum);
  return offer;
}

class FakeSource final : public ParameterSource {
 public:
  absl::StatusOr<std::shared_ptr<Parameters>> Fetch(const v1::FetchParametersRequest& request,
                                                    size_t length) override {
    if (hook) {
      if (absl::Status status = hook(request); !status.ok()) return status;
    }
    auto parameters = std::make_shared<Parameters>(length);
    const std::vector<float> values = TestParameters();
    std::copy(values.begin(), values.end(), parameters->span().begin());
    requests.Put(request);
    return parameters;
  }
  std::function<absl::Status(const v1::FetchParametersRequest&)> hook;
  Inbox<v1::FetchParametersRequest> requests;
};

class EvaluatorTest : public testing::Test {
 protected:
  EvaluatorTest() : resources_(Options()) { Open(Offer(1)); }
  ~EvaluatorTest() override {
    evaluator_->End();
    evaluator_->Join();
  }
  static WorkerOptions Options() {
    WorkerOptions options;
    options.name = "w1";
    return options;
  }
  void Open(const v1::RunOffer& offer) {
    const auto run = resources_.Open(offer);
    ASSERT_TRUE(run.ok()) << run.status();
    run_ = *run;
    evaluator_.emplace(
        resources_,
        Evaluator::Ports{
            .find_run = [this](uint64_t number) { return number == 1 ? run_ : nullptr; },
            .source = &source_,
            .tell = [this](const v1::FromWorker& message) { told_.Put(message); }});
    ASSERT_TRUE(evaluator_->Start().ok());
    evaluator_->SetGeneration(9);
  }
  static v1::Evaluate Task(uint64_t id, TestChunk rows = {0, 512}) {
    v1::Evaluate task;
    task.set_run(1);
    task.set_id(id);
    task.add_versions(20);
    task.add_jobs_done(20);
    task.set_begin(static_cast<uint64_t>(rows.begin));
    task.set_end(static_cast<uint64_t>(rows.end));
    return task;
  }
  v1::Evaluated Next() { return told_.Next().evaluated(); }

  WorkerResources resources_;
  std::shared_ptr<const ServedRun> run_;
  FakeSource source_;
  Inbox<v1::FromWorker> told_;
  std::optional<Evaluator> evaluator_;
};

TEST_F(EvaluatorTest, ItsChunksMergeToWhatTheCoordinatorComputes) {
  const Workload& workload = *run_->trials[0].workload;
  EvaluationSums all;
  uint64_t id = 0;
  for (const TestChunk& rows : CutTestSet(kTestRows, workload.sub_batch())) {
    evaluator_->Add(Task(++id, rows));
    const v1::Evaluated evaluated = Next();
    ASSERT_TRUE(evaluated.has_sums()) << evaluated.error();
    EXPECT_EQ(evaluated.id(), id);
    const v1::EvaluationSums& sums = evaluated.sums();
    all.Merge({sums.loss(), sums.correct(), static_cast<int64_t>(sums.examples()),
               sums.target_mean(), sums.target_spread()});
  }
  ASSERT_GT(id, 1u);
  const Examples test = *run_->test->Load(0, kTestRows);
  const std::vector<float> parameters = TestParameters();
  const auto expected =
      workload.Evaluate({.segments = {parameters}, .jobs_done = {20}, .seed = 3}, &test);
  ASSERT_TRUE(expected.ok());
  EXPECT_EQ(workload.Conclude(all).loss, expected->loss);
  EXPECT_EQ(workload.Conclude(all).accuracy, expected->accuracy);
  source_.requests.Next();
  EXPECT_TRUE(source_.requests.empty()) << "a view's parameters are fetched once";
}

TEST_F(EvaluatorTest, WaitsWhileThereAreTasksAlsoInTheMiddle) {
  Inbox<int> fetching;
  source_.hook = [&](const v1::FetchParametersRequest&) {
    evaluator_->SetBusy(true);  // a task has come
    fetching.Put(1);
    return absl::OkStatus();
  };
  evaluator_->Add(Task(1));
  fetching.Next();
  source_.requests.Next();
  EXPECT_TRUE(told_.empty());
  // What waits is dropped with its run, and nobody hears of it.
  evaluator_->EndRun(1);
  evaluator_->SetBusy(false);
  source_.hook = nullptr;
  evaluator_->Add(Task(2));
  EXPECT_EQ(Next().id(), 2u);
}

TEST_F(EvaluatorTest, GoesOnWhereItStopped) {
  source_.hook = [&](const v1::FetchParametersRequest&) {
    evaluator_->SetBusy(true);
    return absl::OkStatus();
  };
  evaluator_->Add(Task(1));
  source_.requests.Next();
  EXPECT_TRUE(told_.empty());
  evaluator_->SetBusy(false);
  EXPECT_EQ(Next().sums().examples(), 512u);
}

TEST_F(EvaluatorTest, OtherTestDataMakeAWorkerUnable) {
  v1::RunOffer offer = Offer(1);
  offer.set_test_checksum(offer.test_checksum() + 1);
  Open(offer);
  evaluator_->Add(Task(1));
  const v1::Evaluated evaluated = Next();
  EXPECT_TRUE(evaluated.unable());
  EXPECT_THAT(evaluated.error(), HasSubstr("data.test here has checksum"));
}

TEST_F(EvaluatorTest, WhatFailsOrMakesNoSenseIsSaid) {
  v1::Evaluate task = Task(1);
  task.set_trial(7);
  evaluator_->Add(task);
  EXPECT_THAT(Next().error(), HasSubstr("trial 7"));
  for (const TestChunk& rows :
       {TestChunk{5, 5}, TestChunk{9, 2}, TestChunk{0, kTestRows + 1}, TestChunk{-1, 3}}) {
    evaluator_->Add(Task(2, rows));
    EXPECT_THAT(Next().error(), HasSubstr("intervals within [0, 3000)"));
  }
  task = Task(3);
  task.add_versions(1);
  evaluator_->Add(task);
  EXPECT_THAT(Next().error(), HasSubstr("2 segments and 1 lanes"));
  task = Task(4);
  task.set_versions(0, uint64_t{1} << 60);
  evaluator_->Add(task);
  EXPECT_THAT(Next().error(), HasSubstr("versions beyond 2^48"));
  task = Task(5);
  task.set_run(2);
  evaluator_->Add(task);
  EXPECT_THAT(Next().error(), HasSubstr("run 2 is not open"));
  source_.hook = [](const v1::FetchParametersRequest&) -> absl::Status { throw std::bad_alloc(); };
  evaluator_->Add(Task(6));
  const v1::Evaluated evaluated = Next();
  EXPECT_THAT(evaluated.error(), HasSubstr("no memory"));
  EXPECT_FALSE(evaluated.unable());
}

TEST_F(EvaluatorTest, EvaluatesTheModelItselfHoweverTasksReadIt) {
  v1::RunOffer offer = Offer(1);
  offer.mutable_spec()->mutable_wire()->set_parameters(v1::BF16);
  Open(offer);
  evaluator_->Add(Task(1));
  Next();
  const v1::FetchParametersRequest request = source_.requests.Next();
  EXPECT_TRUE(request.exact());
  EXPECT_EQ(request.generation(), 9u);
  EXPECT_EQ(request.segment().version(), 20u);
  EXPECT_EQ(resources_.parameters.versions(), 0u) << "tasks must not find it";
}

class FakeSink final : public ReplySink {
 public:
  absl::StatusOr<bool> Send(const v1::VectorHeader& header, uint32_t, std::span<const float>,
                            std::stop_token) override {
    replies.Put(header.task());
    return true;
  }
  Inbox<uint64_t> replies;
};

// With the pipeline: whoever waits for a task waits for no evaluation.
TEST_F(EvaluatorTest, TasksComeFirst) {
  FakeSink sink;
  Inbox<v1::FromWorker> said;
  Pipeline pipeline(resources_, {.find_run = [this](uint64_t) { return run_; },
                                 .source = &source_,
                                 .sink = &sink,
                                 .tell = [&](const v1::FromWorker& message) { said.Put(message); },
                                 .busy = [this](bool busy) { evaluator_->SetBusy(busy); }});
  ASSERT_TRUE(pipeline.Start().ok());
  Inbox<int> evaluating, go_on;
  source_.hook = [&](const v1::FetchParametersRequest& request) {
    if (request.exact()) evaluating.Put(1);
    if (!request.exact()) go_on.Next();  // a task, in hand until the test says so
    return absl::OkStatus();
  };
  v1::Assign assign;
  assign.set_run(1);
  *assign.add_tasks() = TestTask(10, 0, 6, {{1, 3, 1}});
  pipeline.Assign(assign);
  evaluator_->Add(Task(1));
  EXPECT_TRUE(evaluating.empty()) << "nothing is begun while a task is in hand";
  go_on.Put(1);
  EXPECT_EQ(sink.replies.Next(), 10u);
  EXPECT_EQ(Next().id(), 1u);
  pipeline.End();
  pipeline.Join();
}

}  // namespace
}  // namespace gradloom

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (!gradloom::SetUpLogging("evaluator_test", "text", "off").ok()) return 1;
  return RUN_ALL_TESTS();
}
