// The registry over real engines and a temporary folder, without a transport: workers are messages.
#include "coordinator/service/run_registry.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "coordinator/run_file/run_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/ops/mutex.h"
#include "tests/coordinator/store/temporary_folder.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

// Nobody is at the other end.
class NoFleet final : public FleetLink {
 public:
  void Send(WorkerId, v1::ToWorker) override {}
};

v1::RunSpec Spec(const std::string& more = "") {
  const auto spec =
      ParseRunFile(absl::StrCat("name: test\n"
                                "data: {train: {regression: {count: 64, features: 3}}}\n"
                                "workload: {linear_regression: {}}\n"
                                "training: {epochs: 3, batch_size: 16}\n"
                                "scheme: {slots: 2}\n",
                                more),
                   "test.yaml");
  EXPECT_TRUE(spec.ok()) << spec.status();
  return *spec;
}

class RunRegistryTest : public testing::Test {
 protected:
  std::unique_ptr<RunRegistry> Open() {
    auto registry =
        std::make_unique<RunRegistry>(folder_.path() + "/state", "", &fleet_, &metrics_);
    EXPECT_TRUE(registry->Start({[](const auto&) {}, [](uint64_t) {}}).ok());
    return registry;
  }
  static v1::RunState StateOf(const RunRegistry& registry, uint64_t run) {
    const auto status = registry.Status(run);
    return status.ok() ? status->state() : v1::RUN_STATE_UNSPECIFIED;
  }
  static void AwaitEnd(const RunRegistry& registry, uint64_t run) {
    registry.WaitForEnd(run, absl::Seconds(60));
    EXPECT_TRUE(IsEnded(StateOf(registry, run)));
  }
  std::string Folder(uint64_t run) const {
    return absl::StrCat(folder_.path(), "/state/runs/", run);
  }

  TemporaryFolder folder_;
  NoFleet fleet_;
  CoordinatorMetrics metrics_;
};

TEST_F(RunRegistryTest, ARunWaitsForWorkersAndIsCancelled) {
  const auto registry = Open();
  const auto run = registry->Submit(Spec());
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(StateOf(*registry, *run), v1::WAITING);
  EXPECT_THAT(registry->Status(*run)->waiting_for(), HasSubstr("0 ready of 2"));
  EXPECT_TRUE(registry->Cancel(*run).ok());
  AwaitEnd(*registry, *run);
  EXPECT_EQ(StateOf(*registry, *run), v1::CANCELLED);
  EXPECT_TRUE(registry->Cancel(*run).ok()) << "idempotent";
}

TEST_F(RunRegistryTest, F16_ResumesAtOnceAreOneResume) {
  const auto registry = Open();
  const uint64_t run = *registry->Submit(Spec());
  ASSERT_TRUE(registry->Cancel(run).ok());
  std::vector<std::jthread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] { EXPECT_TRUE(registry->Resume(run).ok()); });
  }
  callers.clear();
  EXPECT_EQ(StateOf(*registry, run), v1::WAITING);
  EXPECT_EQ(registry->Status(run)->resumes(), 1u);
  EXPECT_EQ(registry->AllActive().size(), 1u);
}

TEST_F(RunRegistryTest, F16_CancelsAndResumesInAnyOrderLeaveOneTruth) {
  const auto registry = Open();
  const uint64_t run = *registry->Submit(Spec());
  std::vector<std::jthread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int k = 0; k < 5; ++k) {
        EXPECT_TRUE(registry->Cancel(run).ok());
        EXPECT_TRUE(registry->Resume(run).ok());
      }
    });
  }
  callers.clear();
  ASSERT_TRUE(registry->Resume(run).ok());
  EXPECT_EQ(StateOf(*registry, run), v1::WAITING);
  ASSERT_TRUE(registry->Cancel(run).ok());
  AwaitEnd(*registry, run);
  EXPECT_EQ(StateOf(*registry, run), v1::CANCELLED);
}

TEST_F(RunRegistryTest, F16_ASubmitWhoseCallerWentAwayLeavesNothing) {
  const auto registry = Open();
  const auto refused = registry->Submit(Spec(), [] { return true; });
  EXPECT_TRUE(absl::IsCancelled(refused.status()));
  EXPECT_TRUE(registry->List().empty());
  EXPECT_FALSE(std::filesystem::exists(Folder(1)));
}

TEST_F(RunRegistryTest, F16_WhatIsRefusedChangesNothing) {
  const auto registry = Open();
  const auto refused =
      registry->Submit(*ParseRunFile("name: x\n"
                                     "data: {train: {csv: {file: /nowhere.csv}}}\n"
                                     "workload: {linear_regression: {}}\n",
                                     "test.yaml"));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("/nowhere.csv"));
  EXPECT_TRUE(registry->List().empty());
  EXPECT_FALSE(std::filesystem::exists(Folder(1)));
}

TEST_F(RunRegistryTest, F14_ARunThatCannotBeResumedIsFailedAndTheOthersGoOn) {
  {
    const auto registry = Open();
    ASSERT_EQ(*registry->Submit(Spec()), 1u);
    ASSERT_EQ(*registry->Submit(Spec()), 2u);
  }  // both get a checkpoint
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(Folder(1) + "/checkpoints")) {
    if (entry.is_regular_file()) std::ofstream(entry.path(), std::ios::trunc) << "damaged";
  }
  const auto registry = Open();
  EXPECT_EQ(StateOf(*registry, 1), v1::FAILED);
  EXPECT_THAT(registry->Status(1)->error(), HasSubstr("cannot be resumed"));
  EXPECT_EQ(StateOf(*registry, 2), v1::WAITING);
  int damaged = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(Folder(1) + "/checkpoints")) {
    if (!entry.is_regular_file()) continue;
    std::string text;
    std::getline(std::ifstream(entry.path()) >> std::ws, text);
    EXPECT_EQ(text, "damaged") << entry.path();
    ++damaged;
  }
  EXPECT_GT(damaged, 0);
  // A resume that fails leaves it as it was, and can be tried again.
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(registry->Resume(1).ok());
    EXPECT_EQ(StateOf(*registry, 1), v1::FAILED);
  }
}

TEST_F(RunRegistryTest, F14_ARunWhoseRecordCannotBeReadIsFailedAndItsFileStays) {
  {
    const auto registry = Open();
    ASSERT_EQ(*registry->Submit(Spec()), 1u);
    ASSERT_EQ(*registry->Submit(Spec()), 2u);
  }
  std::ofstream(Folder(1) + "/run.json", std::ios::trunc) << "damaged";
  const auto registry = Open();
  ASSERT_EQ(registry->List().size(), 2u);
  EXPECT_EQ(StateOf(*registry, 1), v1::FAILED);
  EXPECT_THAT(registry->Status(1)->error(), HasSubstr("run.json cannot be read"));
  EXPECT_EQ(StateOf(*registry, 2), v1::WAITING);
  for (const absl::Status& status : {registry->Resume(1), registry->Spec(1).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  }
  EXPECT_TRUE(registry->Cancel(1).ok());
  std::string text;
  std::getline(std::ifstream(Folder(1) + "/run.json"), text);
  EXPECT_EQ(text, "damaged");
}

TEST_F(RunRegistryTest, F06_OtherDataAreRefused) {
  const std::string file = folder_.path() + "/data.csv";
  const auto write = [&file](int sign) {
    std::ofstream out(file, std::ios::trunc);
    for (int i = 0; i < 50; ++i) out << i << "," << sign * i << "\n";
  };
  write(1);
  v1::RunSpec spec = Spec();
  spec.mutable_data()->mutable_train()->mutable_csv()->set_file(file);
  {
    const auto registry = Open();
    ASSERT_EQ(*registry->Submit(spec), 1u);
  }
  write(-1);
  {
    const auto registry = Open();
    EXPECT_EQ(StateOf(*registry, 1), v1::FAILED);
    EXPECT_THAT(registry->Status(1)->error(), HasSubstr("data.train has checksum"));
  }
  write(1);
  const auto registry = Open();
  EXPECT_TRUE(registry->Resume(1).ok());
  EXPECT_EQ(StateOf(*registry, 1), v1::WAITING);
}

TEST_F(RunRegistryTest, StatusIsAnsweredWhileARunIsOpened) {
  const auto registry = Open();
  std::vector<std::jthread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] { EXPECT_TRUE(registry->Submit(Spec()).ok()); });
  }
  for (int i = 0; i < 100; ++i) {
    for (const v1::RunStatus& status : registry->List()) EXPECT_NE(status.run(), 0u);
  }
  callers.clear();
  EXPECT_EQ(registry->List().size(), 3u);
}

}  // namespace
}  // namespace gradloom
