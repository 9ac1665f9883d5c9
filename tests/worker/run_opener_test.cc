#include "worker/run_opener.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/dataset.h"
#include "proto/ops/logging.h"
#include "tests/worker/inbox.h"
#include "tests/worker/test_run.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

class RunOpenerTest : public testing::Test {
 protected:
  RunOpenerTest() : resources_(Options()) {
    opener_.emplace(resources_, [this](const v1::FromWorker& message) { told_.Put(message); });
    opener_->Start();
  }
  ~RunOpenerTest() override {
    opener_->End();
    std::filesystem::remove(file_);
  }

  static WorkerOptions Options() {
    WorkerOptions options;
    options.name = "w1";
    options.open_again_first = absl::Milliseconds(1);
    options.open_again_most = absl::Milliseconds(5);
    return options;
  }
  // Nobody sees half of it.
  void Write(const std::string& text) const {
    std::ofstream(file_ + ".part") << text;
    std::filesystem::rename(file_ + ".part", file_);
  }
  v1::RunReady Next() { return told_.Next().run_ready(); }

  const std::string file_ = absl::StrCat(testing::TempDir(), "/run_opener", getpid(), ".csv");
  WorkerResources resources_;
  Inbox<v1::FromWorker> told_;
  std::optional<RunOpener> opener_;
};

TEST_F(RunOpenerTest, OpensRunsUntilTheyEnd) {
  opener_->Offer(TestOffer(1));
  opener_->Offer(TestOffer(2));
  for (const uint64_t run : {1, 2}) {
    const v1::RunReady ready = Next();
    EXPECT_EQ(ready.run(), run);
    EXPECT_EQ(ready.error(), "");
    EXPECT_EQ(ready.examples(), kTestExamples);
    EXPECT_NE(opener_->Find(run), nullptr);
  }
  opener_->EndRun(1);
  EXPECT_EQ(opener_->Find(1), nullptr);
  EXPECT_NE(opener_->Find(2), nullptr);
}

TEST_F(RunOpenerTest, F18_ARunIsOpenedOnceItsDataAreThere) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += "1,2,1.5\n";
  Write(text);
  v1::RunOffer offer = TestOffer(1);
  v1::DataSource& train = *offer.mutable_spec()->mutable_data()->mutable_train();
  train.mutable_csv()->set_file(file_);
  offer.mutable_trials(0)->mutable_workload()->mutable_linear_regression();
  const auto data = OpenData(offer.spec().data(), "");
  ASSERT_TRUE(data.ok()) << data.status();
  offer.set_data_checksum(data->train->info().checksum);
  std::filesystem::remove(file_);

  opener_->Offer(offer);
  EXPECT_THAT(Next().error(), HasSubstr(file_));
  EXPECT_EQ(opener_->Find(1), nullptr);
  Write("9" + text);
  EXPECT_THAT(Next().error(), HasSubstr("has checksum"));
  Write(text);
  EXPECT_EQ(Next().error(), "");
  EXPECT_NE(opener_->Find(1), nullptr);
}

TEST_F(RunOpenerTest, ANewLifeOfARunHasTheSameData) {
  opener_->Offer(TestOffer(1));
  Next();
  const auto before = opener_->Find(1);
  v1::RunOffer resumed = TestOffer(1);
  resumed.set_life(2);
  opener_->Offer(resumed);
  Next();
  EXPECT_EQ(opener_->Find(1), before);
  v1::RunOffer other = TestOffer(1, /*batch_size=*/30);
  opener_->Offer(other);
  Next();
  EXPECT_NE(opener_->Find(1), before);
}

}  // namespace
}  // namespace gradloom

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (!gradloom::SetUpLogging("run_opener_test", "text", "off").ok()) return 1;
  return RUN_ALL_TESTS();
}
