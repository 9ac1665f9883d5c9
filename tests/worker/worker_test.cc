// The real worker against a fake coordinator over real gRPC.
#include "worker/worker.h"

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/ops/logging.h"
#include "proto/ops/version.h"
#include "tests/models/workloads/reply_scalars.h"
#include "tests/worker/fake_coordinator.h"
#include "tests/worker/test_run.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;
using From = v1::FromWorker;

class Running {
 public:
  explicit Running(const std::string& address, const std::string& straggle = "none",
                   absl::Duration reconnect_for = absl::Minutes(1)) {
    WorkerOptions options;
    options.coordinator = address;
    options.name = "w1";
    options.isa = "test-level";
    options.reconnect.first = absl::Milliseconds(1);
    options.reconnect.most = absl::Milliseconds(20);
    options.reconnect.give_up_after = reconnect_for;
    options.heartbeat_every = absl::Milliseconds(5);
    options.open_again_first = absl::Milliseconds(1);
    options.open_again_most = absl::Milliseconds(5);
    options.straggle.model = *ParseStraggle(straggle);
    worker_.emplace(options);
    thread_ = std::jthread([this] { result_ = worker_->Run(); });
  }
  ~Running() { Stop(); }

  Worker& operator*() { return *worker_; }
  void Stop() {
    worker_->Stop("test over");
    Join();
  }
  Worker::Result Join() {
    if (thread_.joinable()) thread_.join();
    return result_;
  }
  double Metric(const std::string& name, const std::string& result = "") {
    for (const auto& family : worker_->registry()->Collect()) {
      if (family.name != name) continue;
      for (const auto& metric : family.metric) {
        if (result.empty()) return metric.counter.value;
        for (const auto& label : metric.label) {
          if (label.value == result) return metric.counter.value;
        }
      }
    }
    return -1;
  }

 private:
  std::optional<Worker> worker_;
  Worker::Result result_;
  std::jthread thread_;
};

void Ready(FakeCoordinator& coordinator, const v1::RunOffer& offer = TestOffer(1)) {
  coordinator.Next(From::kHello);
  coordinator.Offer(offer);
  const From message = coordinator.Next(From::kRunReady);
  EXPECT_EQ(message.run_ready().error(), "");
  EXPECT_EQ(message.run_ready().examples(), kTestExamples);
  EXPECT_EQ(message.run_ready().data_checksum(), offer.data_checksum());
}

// Until the worker knows that so many replies have arrived.
void AwaitDone(FakeCoordinator& coordinator, uint64_t tasks) {
  while (true) {
    const From message = coordinator.Next(From::kHeartbeat);
    ASSERT_TRUE(message.has_heartbeat());
    if (message.heartbeat().tasks_done() >= tasks) return;
  }
}

v1::Task Plain(uint64_t id, uint64_t job = 0) { return TestTask(id, job, 6, {{1, 3, 1}}); }

std::vector<float> Expected(const v1::Task& task, const std::vector<float>& parameters) {
  const auto run = OpenRun(TestOffer(1), "", {});
  ChunkExecutor executor(1 << 20);
  std::vector<float> sum(kTestParameters + kReplyScalars);
  EXPECT_TRUE(executor
                  .Compute(
                      **run, task, {parameters}, [](int64_t) { return true; }, sum)
                  .ok());
  return sum;
}

TEST(Worker, IntroducesItselfComputesAndCachesParameters) {
  FakeCoordinator coordinator;
  coordinator.Serve(0, TestParameters());
  Running worker(coordinator.address());
  const From hello = coordinator.Next(From::kHello);
  EXPECT_EQ(hello.hello().worker(), "w1");
  EXPECT_EQ(hello.hello().version(), Version());
  EXPECT_EQ(hello.hello().isa(), "test-level");
  EXPECT_EQ(hello.hello().capacity(), 1u);
  coordinator.Offer(TestOffer(1));
  EXPECT_EQ(coordinator.Next(From::kRunReady).run_ready().error(), "");

  coordinator.Assign(1, {Plain(10), Plain(11)});
  std::vector<uint64_t> ids;  // sent side by side, so in any order
  for (int i = 0; i < 2; ++i) {
    const FakeCoordinator::Reply reply = coordinator.NextReply();
    ids.push_back(reply.header.task());
    EXPECT_EQ(reply.header.run(), 1u);
    EXPECT_EQ(reply.header.generation(), 1u);
    EXPECT_GT(reply.header.compute_seconds(), 0);
    EXPECT_EQ(reply.values, Expected(Plain(10), TestParameters()));
  }
  EXPECT_THAT(ids, testing::UnorderedElementsAre(10, 11));
  EXPECT_EQ(coordinator.fetches(), 1);
  EXPECT_TRUE((*worker).Health().ok());
  AwaitDone(coordinator, 2);
  worker.Stop();
  EXPECT_EQ(worker.Metric("gradloom_worker_tasks_total", "done"), 2);
  EXPECT_EQ(worker.Metric("gradloom_worker_parameter_cache_requests_total", "hit"), 1);
  EXPECT_EQ(worker.Metric("gradloom_worker_parameter_cache_requests_total", "miss"), 1);
  EXPECT_FALSE((*worker).Health().ok());
}

TEST(Worker, StopsWithAGoodbye) {
  FakeCoordinator coordinator;
  Running worker(coordinator.address());
  Ready(coordinator);
  worker.Stop();
  EXPECT_EQ(coordinator.Next(From::kGoodbye).goodbye().reason(), "test over");
  EXPECT_EQ(worker.Join().exit, Worker::Exit::kStopped);
}

TEST(Worker, DuplicateAssignmentsAreComputedOnce) {
  FakeCoordinator coordinator;
  coordinator.Serve(0, TestParameters());
  Running worker(coordinator.address());
  Ready(coordinator);
  coordinator.Assign(1, {Plain(10), Plain(10)});
  EXPECT_EQ(coordinator.NextReply().header.task(), 10u);
  coordinator.Assign(1, {Plain(10), Plain(11)});
  EXPECT_EQ(coordinator.NextReply().header.task(), 11u);
  EXPECT_EQ(coordinator.replies(), 0u);
  worker.Stop();
  EXPECT_EQ(worker.Metric("gradloom_worker_tasks_total", "duplicate"), 2);
}

// Both the delayed task and the one waiting behind it; the worker then goes on at once.
TEST(Worker, DropsDelayedAndWaitingTasksAndSaysWhatTheyWouldHaveTaken) {
  FakeCoordinator coordinator;
  coordinator.Serve(0, TestParameters());
  coordinator.Serve(1, TestParameters());
  v1::RunOffer offer = TestOffer(1);
  Running worker(
      coordinator.address(), "trace:file=" + [] {
        const std::string file = testing::TempDir() + "/worker_trace.csv";
        std::ofstream(file) << "1000\n0\n";  // job 0 is slow, job 1 is not
        return file;
      }());
  Ready(coordinator, offer);
  coordinator.Assign(1, {Plain(10), Plain(11), Plain(12), Plain(13)});
  coordinator.Drop(1, {10, 11, 12, 13});
  for (int i = 0; i < 4; ++i) {
    const v1::TaskDropped dropped = coordinator.Next(From::kTaskDropped).task_dropped();
    EXPECT_EQ(dropped.run(), 1u);
    EXPECT_THAT(dropped.task(), testing::AllOf(testing::Ge(10u), testing::Le(13u)));
    EXPECT_NEAR(dropped.estimated_seconds(), 1000, 20);
  }
  coordinator.Assign(1, {Plain(20, 1)});
  EXPECT_EQ(coordinator.NextReply().header.task(), 20u);
  AwaitDone(coordinator, 1);
  worker.Stop();
  EXPECT_EQ(worker.Metric("gradloom_worker_tasks_total", "dropped"), 4);
}

TEST(Worker, ReconnectsForgetsItsTasksAndComesBackWithANewGeneration) {
  FakeCoordinator coordinator;
  coordinator.Serve(0, TestParameters());
  Running worker(coordinator.address());
  Ready(coordinator);
  coordinator.Assign(1, {Plain(10)});
  EXPECT_EQ(coordinator.NextReply().header.generation(), 1u);
  coordinator.EndStream();
  Ready(coordinator);
  coordinator.Assign(1, {Plain(10)});
  const FakeCoordinator::Reply reply = coordinator.NextReply();
  EXPECT_EQ(reply.header.task(), 10u) << "of another life, so not a duplicate";
  EXPECT_EQ(reply.header.generation(), 2u);
  EXPECT_EQ(coordinator.fetches(), 2) << "parameters of an earlier connection are not trusted";
}

TEST(Worker, WaitsForARestartedCoordinator) {
  const ReservedPort port;
  auto coordinator = std::make_unique<FakeCoordinator>(port.port());
  Running worker(coordinator->address(), "fixed:delay=1000s");
  Ready(*coordinator);
  coordinator->Assign(1, {Plain(10), Plain(11)});  // under way when it dies
  coordinator = nullptr;
  coordinator = std::make_unique<FakeCoordinator>(port.port());
  Ready(*coordinator);
}

TEST(Worker, ARefusalForGoodEndsIt) {
  FakeCoordinator coordinator;
  coordinator.RefuseWith("the coordinator is 9.9.9, this worker is 0.1.0", /*retry=*/false);
  Running worker(coordinator.address());
  const Worker::Result result = worker.Join();
  EXPECT_EQ(result.exit, Worker::Exit::kRefused);
  EXPECT_EQ(result.reason, "refused: the coordinator is 9.9.9, this worker is 0.1.0");
}

TEST(Worker, ARefusalForNowIsTriedAgain) {
  FakeCoordinator coordinator;
  coordinator.RefuseWith("full", /*retry=*/true, 3);
  Running worker(coordinator.address());
  for (int i = 0; i < 3; ++i) coordinator.Next(From::kHello);
  Ready(coordinator);
}

// The pauses between are Reconnect's.
TEST(Worker, F20_AWorkerWhosePlaceIsTakenSaysWhyAndWhatToDo) {
  FakeCoordinator coordinator;
  coordinator.Replace(3);
  Running worker(coordinator.address());
  for (int i = 0; i < 3; ++i) coordinator.Next(From::kHello);
  Ready(coordinator);  // and serves when it is let
  EXPECT_TRUE((*worker).Health().ok());
  coordinator.Replace(1'000'000);
  coordinator.EndStream();
  coordinator.Next(From::kHello);
  coordinator.Next(From::kHello);  // the first one's end is known
  std::string health;
  do health = std::string((*worker).Health().message());
  while (health.empty());  // welcomed, and not yet cut off
  EXPECT_THAT(health, testing::AllOf(HasSubstr("another process has connected as worker 'w1'"),
                                     HasSubstr("--name")));
}

TEST(Worker, GivesUpWithoutACoordinator) {
  const ReservedPort port;
  Running worker(port.address(), "none", absl::Milliseconds(30));
  const Worker::Result result = worker.Join();
  EXPECT_EQ(result.exit, Worker::Exit::kGaveUp);
  EXPECT_THAT(result.reason, HasSubstr("no coordinator at 127.0.0.1:"));
}

TEST(Worker, DamagedParametersAreFetchedOnceMore) {
  FakeCoordinator coordinator;
  coordinator.Serve(0, TestParameters());
  int left = 1;
  coordinator.OnFetch([&](std::vector<v1::Frame>& frames) {
    if (left-- > 0) (*frames[0].mutable_payload())[5] ^= 1;
    return grpc::Status::OK;
  });
  Running worker(coordinator.address());
  Ready(coordinator);
  coordinator.Assign(1, {Plain(10)});
  EXPECT_EQ(coordinator.NextReply().values, Expected(Plain(10), TestParameters()));
  EXPECT_EQ(coordinator.fetches(), 2);

  left = 2;
  coordinator.Serve(1, TestParameters());
  coordinator.Assign(1, {Plain(11, 1)});
  const v1::TaskFailed failed = coordinator.Next(From::kTaskFailed).task_failed();
  EXPECT_EQ(failed.task(), 11u);
  EXPECT_FALSE(failed.fatal());
  EXPECT_THAT(failed.error(), HasSubstr("parameters arrived damaged: frame.crc32c at offset 0"));
}

TEST(Worker, ParametersOfAnotherLengthAreRefused) {
  FakeCoordinator coordinator;
  coordinator.Serve(0, std::vector<float>(kTestParameters - 1));
  Running worker(coordinator.address());
  Ready(coordinator);
  coordinator.Assign(1, {Plain(10)});
  EXPECT_THAT(coordinator.Next(From::kTaskFailed).task_failed().error(),
              HasSubstr("frame.header.length 26, expected 27"));
}

TEST(Worker, StaleVersionsAreDroppedQuietly) {
  FakeCoordinator coordinator;
  coordinator.Serve(1, TestParameters());
  Running worker(coordinator.address());
  Ready(coordinator);
  coordinator.Assign(1, {Plain(10, 0), Plain(11, 1)});
  EXPECT_EQ(coordinator.NextReply().header.task(), 11u);
  AwaitDone(coordinator, 1);
  worker.Stop();
  EXPECT_EQ(worker.Metric("gradloom_worker_tasks_total", "dropped"), 1);
  EXPECT_EQ(worker.Metric("gradloom_worker_tasks_total", "failed"), 0);
}

TEST(Worker, NotANumberIsFatal) {
  FakeCoordinator coordinator;
  std::vector<float> parameters = TestParameters();
  parameters[3] = std::nanf("");
  coordinator.Serve(7, parameters);
  Running worker(coordinator.address());
  Ready(coordinator);
  coordinator.Assign(1, {Plain(10, 7)});
  const v1::TaskFailed failed = coordinator.Next(From::kTaskFailed).task_failed();
  EXPECT_TRUE(failed.fatal());
  EXPECT_THAT(failed.error(), testing::AllOf(HasSubstr("trial 0, job 7"), HasSubstr("not finite")));
}

TEST(Worker, TasksOfUnknownRunsFail) {
  FakeCoordinator coordinator;
  Running worker(coordinator.address());
  coordinator.Next(From::kHello);
  coordinator.Assign(5, {Plain(10)});
  const v1::TaskFailed failed = coordinator.Next(From::kTaskFailed).task_failed();
  EXPECT_EQ(failed.run(), 5u);
  EXPECT_THAT(failed.error(), HasSubstr("run 5 is not open at this worker"));
}

TEST(Worker, ARunThatCannotBeServedSaysWhy) {
  FakeCoordinator coordinator;
  Running worker(coordinator.address());
  coordinator.Next(From::kHello);
  v1::RunOffer offer = TestOffer(1);
  offer.set_data_checksum(1);
  coordinator.Offer(offer);
  EXPECT_THAT(coordinator.Next(From::kRunReady).run_ready().error(),
              HasSubstr("the coordinator's has 0000000000000001"));
}

TEST(Worker, F18_ARunIsServedOnceItsDataAreThere) {
  const std::string file = absl::StrCat(testing::TempDir(), "/worker_late_data", getpid(), ".csv");
  const auto write = [&](const std::string& text) {
    std::ofstream(file + ".part") << text;  // no half-written file is ever seen
    std::filesystem::rename(file + ".part", file);
  };
  std::string text;
  for (int i = 0; i < kTestExamples; ++i) text += "1,2,3,4,5,6,7,8,1.5\n";
  write(text);
  v1::RunOffer offer = TestOffer(1);
  v1::DataSource& train = *offer.mutable_spec()->mutable_data()->mutable_train();
  train.mutable_csv()->set_file(file);
  offer.mutable_trials(0)->mutable_workload()->mutable_linear_regression();
  const auto data = OpenData(offer.spec().data(), "");
  ASSERT_TRUE(data.ok()) << data.status();
  offer.set_data_checksum(data->train->info().checksum);
  std::filesystem::remove(file);

  FakeCoordinator coordinator;
  Running worker(coordinator.address());
  coordinator.Next(From::kHello);
  coordinator.Offer(offer);
  EXPECT_THAT(coordinator.Next(From::kRunReady).run_ready().error(), HasSubstr(file));
  write("9" + text);
  EXPECT_THAT(coordinator.Next(From::kRunReady).run_ready().error(), HasSubstr("has checksum"));
  write(text);
  const From ready = coordinator.Next(From::kRunReady);
  EXPECT_EQ(ready.run_ready().error(), "");
  EXPECT_EQ(ready.run_ready().examples(), kTestExamples);
  std::filesystem::remove(file);
}

// Also while a task is computed, or delayed.
TEST(Worker, F18_HeartbeatsComeWhateverElseGoesOn) {
  FakeCoordinator coordinator;
  coordinator.Serve(0, TestParameters());
  Running worker(coordinator.address(), "fixed:delay=1000s");
  Ready(coordinator);
  From idle = coordinator.Next(From::kHeartbeat);
  EXPECT_EQ(idle.heartbeat().tasks_in_hand(), 0u);
  coordinator.Assign(1, {Plain(10), Plain(11), Plain(12)});
  while (true) {
    const From busy = coordinator.Next(From::kHeartbeat);
    ASSERT_TRUE(busy.has_heartbeat());
    if (busy.heartbeat().tasks_in_hand() < 2) continue;
    EXPECT_EQ(busy.heartbeat().tasks_waiting(), 1u);
    break;
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(coordinator.Next(From::kHeartbeat).heartbeat().tasks_in_hand(), 2u);
  }
}

TEST(Worker, EndedRunsAreForgotten) {
  FakeCoordinator coordinator;
  coordinator.Serve(0, TestParameters());
  Running worker(coordinator.address(), "fixed:delay=1000s");
  Ready(coordinator);
  coordinator.Assign(1, {Plain(10), Plain(11), Plain(12)});
  v1::ToWorker end;
  end.mutable_run_end()->set_run(1);
  coordinator.Send(end);
  coordinator.Assign(1, {Plain(20)});
  EXPECT_EQ(coordinator.Next(From::kTaskFailed).task_failed().task(), 20u);
  EXPECT_EQ(coordinator.replies(), 0u);
}

TEST(Worker, HalfPrecisionBothWays) {
  FakeCoordinator coordinator;
  coordinator.Serve(0, TestParameters(0.25f), v1::BF16);  // exact in bf16
  Running worker(coordinator.address());
  v1::RunOffer offer = TestOffer(1);
  offer.mutable_spec()->mutable_wire()->set_replies(v1::BF16);
  Ready(coordinator, offer);
  coordinator.Assign(1, {Plain(10)});
  const FakeCoordinator::Reply reply = coordinator.NextReply();
  EXPECT_EQ(reply.header.format(), v1::BF16);
  const std::vector<float> exact = Expected(Plain(10), TestParameters(0.25f));
  ASSERT_EQ(reply.values.size(), exact.size());
  for (size_t i = 0; i < exact.size(); ++i) {
    EXPECT_NEAR(reply.values[i], exact[i], std::abs(exact[i]) / 256);
  }
}

}  // namespace
}  // namespace gradloom

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (!gradloom::SetUpLogging("worker_test", "text", "off").ok()) return 1;
  return RUN_ALL_TESTS();
}
