// A pipeline between a source of parameters and a sink of replies that the test holds in its hands:
// no network.
#include "worker/pipeline.h"

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/ops/logging.h"
#include "tests/worker/inbox.h"
#include "tests/worker/test_run.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class FakeSource final : public ParameterSource {
 public:
  absl::StatusOr<std::shared_ptr<Parameters>> Fetch(const v1::FetchParametersRequest& request,
                                                    size_t length) override {
    if (hook) {
      if (absl::Status status = hook(request); !status.ok()) return status;
    }
    auto parameters = std::make_shared<Parameters>(length);
    std::fill(parameters->span().begin(), parameters->span().end(), 0.01f);
    requests.Put(request);
    return parameters;
  }
  std::function<absl::Status(const v1::FetchParametersRequest&)> hook;
  Inbox<v1::FetchParametersRequest> requests;
};

class FakeSink final : public ReplySink {
 public:
  absl::StatusOr<bool> Send(const v1::VectorHeader& header, uint32_t /*frame_bytes*/,
                            std::span<const float> /*sum*/, std::stop_token stop) override {
    begun.Put(header.task());
    if (stuck) {
      std::mutex mutex;
      std::condition_variable_any changed;
      std::unique_lock lock(mutex);
      changed.wait(lock, stop, [] { return false; });
      return absl::UnavailableError("withdrawn");
    }
    headers.Put(header);
    return true;
  }
  bool stuck = false;
  Inbox<uint64_t> begun;
  Inbox<v1::VectorHeader> headers;
};

class PipelineTest : public testing::Test {
 protected:
  explicit PipelineTest(const std::string& straggle = "none")
      : resources_([&] {
          WorkerOptions options;
          options.name = "w1";
          options.straggle.model = *ParseStraggle(straggle);
          return options;
        }()) {
    run_ = *resources_.Open(TestOffer(1));
    pipeline_.emplace(
        resources_,
        Pipeline::Ports{.find_run = [this](uint64_t run) { return run == 1 ? run_ : nullptr; },
                        .source = &source_,
                        .sink = &sink_,
                        .tell = [this](const v1::FromWorker& message) { told_.Put(message); }});
    EXPECT_TRUE(pipeline_->Start().ok());
    pipeline_->SetGeneration(9);
  }
  ~PipelineTest() override {
    pipeline_->End();
    pipeline_->Join();
  }

  static v1::Task Task(uint64_t id, uint64_t job = 0) { return TestTask(id, job, 6, {{1, 3, 1}}); }
  void Assign(const std::vector<v1::Task>& tasks, uint64_t run = 1) {
    v1::Assign assign;
    assign.set_run(run);
    for (const v1::Task& task : tasks) *assign.add_tasks() = task;
    pipeline_->Assign(assign);
  }
  void Drop(const std::vector<uint64_t>& tasks) {
    v1::Drop drop;
    drop.set_run(1);
    for (const uint64_t task : tasks) drop.add_tasks(task);
    pipeline_->Drop(drop);
  }
  v1::TaskFailed NextFailure() { return told_.Next().task_failed(); }

  WorkerResources resources_;
  std::shared_ptr<const ServedRun> run_;
  FakeSource source_;
  FakeSink sink_;
  Inbox<v1::FromWorker> told_;
  std::optional<Pipeline> pipeline_;
};

TEST_F(PipelineTest, RepliesAndFetchesNameTheirConnection) {
  Assign({Task(10)});
  const v1::VectorHeader header = sink_.headers.Next();
  EXPECT_EQ(header.run(), 1u);
  EXPECT_EQ(header.task(), 10u);
  EXPECT_EQ(header.generation(), 9u);
  EXPECT_EQ(source_.requests.Next().generation(), 9u);
}

// A worker's own trouble ends neither the worker nor the run: the task is tried elsewhere.
TEST_F(PipelineTest, F18_WhatIsThrownFailsTheTaskNotTheWorker) {
  source_.hook = [](const v1::FetchParametersRequest&) -> absl::Status { throw std::bad_alloc(); };
  Assign({Task(10)});
  v1::TaskFailed failed = NextFailure();
  EXPECT_EQ(failed.task(), 10u);
  EXPECT_FALSE(failed.fatal());
  EXPECT_THAT(failed.error(), HasSubstr("no memory"));

  source_.hook = [](const v1::FetchParametersRequest&) -> absl::Status {
    throw std::runtime_error("disk full");
  };
  Assign({Task(11)});
  failed = NextFailure();
  EXPECT_EQ(failed.task(), 11u);
  EXPECT_FALSE(failed.fatal());
  EXPECT_THAT(failed.error(), HasSubstr("disk full"));

  source_.hook = nullptr;
  Assign({Task(12)});
  EXPECT_EQ(sink_.headers.Next().task(), 12u);
}

TEST_F(PipelineTest, F18_ATaskThatMakesNoSenseHereMayMakeSenseElsewhere) {
  v1::Task task = Task(10);
  task.set_trial(7);
  Assign({task});
  const v1::TaskFailed failed = NextFailure();
  EXPECT_FALSE(failed.fatal());
  EXPECT_THAT(failed.error(), HasSubstr("task.trial 7 is out of range"));
}

// Beyond what signed numbers hold, and so far that counting on from them would.
TEST_F(PipelineTest, NumbersFromTheNetworkAreWithinLimits) {
  for (const uint64_t number : {uint64_t{1} << 49, uint64_t{1} << 63, ~uint64_t{0}}) {
    v1::Task job = Task(number, number);
    Assign({job});
    EXPECT_THAT(NextFailure().error(), AllOf(HasSubstr("task.job"), HasSubstr("out of range")));
    v1::Task version = Task(number + 1);
    version.mutable_reads(0)->set_version(number);
    Assign({version});
    EXPECT_THAT(NextFailure().error(),
                AllOf(HasSubstr("task.reads.version"), HasSubstr("out of range")));
  }
}

TEST_F(PipelineTest, F24_OnlyVersionsThatMayStillBeReadAreKept) {
  for (uint64_t job = 0; job < 30; ++job) {
    Assign({Task(2 * job, job), Task(2 * job + 1, job)});
    sink_.headers.Next();
    sink_.headers.Next();
    EXPECT_EQ(resources_.parameters.versions(), 1u) << "job " << job;
  }
}

TEST_F(PipelineTest, ADroppedReplyIsWithdrawn) {
  sink_.stuck = true;
  Assign({Task(10)});
  EXPECT_EQ(sink_.begun.Next(), 10u);
  Drop({10});
  EXPECT_EQ(told_.Next().task_dropped().task(), 10u);
}

TEST_F(PipelineTest, TheEndIsSilent) {
  sink_.stuck = true;
  Assign({Task(10), Task(11), Task(12)});
  sink_.begun.Next();
  pipeline_->End();
  pipeline_->Join();
  Assign({Task(13)});
  EXPECT_TRUE(told_.empty());
  EXPECT_EQ(pipeline_->Heartbeat().tasks_waiting(), 0u);
}

class DelayedPipelineTest : public PipelineTest {
 protected:
  DelayedPipelineTest() : PipelineTest("fixed:delay=1000s") {}
};

// A worker that hangs in a task is told from one that has nothing to do.
TEST_F(DelayedPipelineTest, F18_HeartbeatsCountWhatWaitsAndWhatIsInHand) {
  EXPECT_EQ(pipeline_->Heartbeat().tasks_in_hand(), 0u);
  Assign({Task(10), Task(11), Task(12), Task(13), Task(14)});
  source_.requests.Next();  // both in hand have come to their parameters, or are about to
  v1::Heartbeat beat;
  do beat = pipeline_->Heartbeat();
  while (beat.tasks_in_hand() < 2);
  EXPECT_EQ(beat.tasks_in_hand(), 2u) << "twice the capacity";
  EXPECT_EQ(beat.tasks_waiting(), 3u);
  EXPECT_EQ(beat.tasks_done(), 0u);
  Drop({10, 11, 12, 13, 14});
  for (int i = 0; i < 5; ++i) EXPECT_GT(told_.Next().task_dropped().estimated_seconds(), 900);
}

}  // namespace
}  // namespace gradloom

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (!gradloom::SetUpLogging("pipeline_test", "text", "off").ok()) return 1;
  return RUN_ALL_TESTS();
}
