#include "coordinator/store/metrics_history.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/store/faulty_file_system.h"
#include "tests/coordinator/store/temporary_folder.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

MetricsRow Row(const std::string& trial, uint64_t job) {
  MetricsRow row;
  row.trial = trial;
  row.job = job;
  row.round = 2 * job;
  row.epoch = 0.25 * static_cast<double>(job);
  row.loss = 1.0 / static_cast<double>(job + 1);
  return row;
}

class MetricsHistoryTest : public ::testing::Test {
 protected:
  MetricsHistory Open(const std::map<std::string, uint64_t>& jobs_done) {
    absl::StatusOr<MetricsHistory> history = MetricsHistory::Open(path_, jobs_done);
    EXPECT_TRUE(history.ok()) << history.status();
    return *std::move(history);
  }
  std::string Expected(const std::vector<MetricsRow>& rows) {
    std::string text = absl::StrCat(MetricsHeader(), "\n");
    for (const MetricsRow& row : rows) absl::StrAppend(&text, FormatMetricsRow(row), "\n");
    return text;
  }

  TemporaryFolder folder_;
  std::string path_ = folder_ / "metrics.csv";
};

TEST_F(MetricsHistoryTest, RowsAreVisibleAtOnceWithEmptyCellsForTheUnknown) {
  MetricsHistory history = Open({});
  MetricsRow row;
  row.wall_seconds = 1.23456;
  row.trial = "say \"hi\", twice";
  row.job = 41;
  row.epoch = 0.5;
  row.round = 43;
  row.loss = std::numeric_limits<double>::quiet_NaN();
  row.test_accuracy = 1.0 / 3;
  row.learning_rate = 1e-4;
  row.stragglers = 2;
  ASSERT_TRUE(history.Append(row).ok());
  EXPECT_EQ(Slurp(path_),
            "wall_seconds,trial,job,epoch,round,loss,train_accuracy,test_loss,test_accuracy,"
            "learning_rate,gradient_norm,stragglers\n"
            "1.235,\"say \"\"hi\"\", twice\",41,0.5,43,nan,,,0.333333333,0.0001,,2\n");
  EXPECT_TRUE(history.Sync().ok());
}

TEST_F(MetricsHistoryTest, AResumeDropsWhatTheCheckpointDoesNotKnow) {
  {
    MetricsHistory history = Open({});
    for (uint64_t job = 0; job < 6; ++job) {
      ASSERT_TRUE(history.Append(Row("a, \"b\"", job)).ok());
      ASSERT_TRUE(history.Append(Row("c", job)).ok());
      ASSERT_TRUE(history.Append(Row("gone", job)).ok());
    }
  }
  MetricsHistory history = Open({{"a, \"b\"", 3}, {"c", 1}});
  const std::vector<MetricsRow> rows = {Row("a, \"b\"", 0), Row("c", 0), Row("a, \"b\"", 1),
                                        Row("a, \"b\"", 2), Row("c", 1)};
  ASSERT_TRUE(history.Append(rows.back()).ok());
  EXPECT_EQ(Slurp(path_), Expected(rows));
}

TEST_F(MetricsHistoryTest, ALineCutShortAnywhereIsDropped) {
  const std::string whole = Expected({Row("a", 0), Row("a", 1)});
  const size_t second = Expected({Row("a", 0)}).size();
  for (size_t length = second; length < whole.size(); ++length) {
    Spill(path_, whole.substr(0, length));
    MetricsHistory history = Open({{"a", 9}});
    EXPECT_EQ(Slurp(path_), Expected({Row("a", 0)})) << length;
  }
}

TEST_F(MetricsHistoryTest, AHalfLineWithTheNextRowRunIntoItIsDropped) {
  const std::string half = FormatMetricsRow(Row("a", 1)).substr(0, 9);
  Spill(path_, absl::StrCat(Expected({Row("a", 0)}), half, FormatMetricsRow(Row("a", 2)), "\n",
                            FormatMetricsRow(Row("a", 3)), "\n"));
  MetricsHistory history = Open({{"a", 9}});
  EXPECT_EQ(Slurp(path_), Expected({Row("a", 0), Row("a", 3)}));
}

TEST_F(MetricsHistoryTest, NoJobsDoneStartsAfreshAndAMissingFileIsNoError) {
  { MetricsHistory history = Open({{"a", 3}}); }
  EXPECT_EQ(Slurp(path_), Expected({}));
  Spill(path_, "old stuff\n");
  { MetricsHistory history = Open({}); }
  EXPECT_EQ(Slurp(path_), Expected({}));
}

TEST_F(MetricsHistoryTest, Errors) {
  Spill(path_, "x,y\n1,2\n");
  EXPECT_THAT(MetricsHistory::Open(path_, {{"a", 1}}).status().ToString(),
              HasSubstr(path_ + " line 1 is 'x,y'; legal: 'wall_seconds,"));
  EXPECT_EQ(Slurp(path_), "x,y\n1,2\n");
  MetricsHistory history = Open({});
  EXPECT_EQ(history.Append(Row("a\nb", 0)).code(), absl::StatusCode::kInvalidArgument);
  FaultyFileSystem files(6, FaultyFileSystem::Fault::kError);
  auto full = MetricsHistory::Open(path_, {}, files);
  ASSERT_FALSE(full.ok() && full->Append(Row("a", 0)).ok() && full->Append(Row("a", 1)).ok());
}

TEST_F(MetricsHistoryTest, ACrashAtAnyStepOfOpenKeepsTheHistory) {
  for (int fail_at = 0;; ++fail_at) {
    Spill(path_, Expected({Row("a", 0), Row("a", 1)}));
    FaultyFileSystem files(fail_at, FaultyFileSystem::Fault::kCrash);
    { const auto history = MetricsHistory::Open(path_, {{"a", 1}}, files); }
    if (!files.fault_happened()) {
      EXPECT_GT(fail_at, 5);
      break;
    }
    files.Lose();
    MetricsHistory history = Open({{"a", 1}});
    EXPECT_EQ(Slurp(path_), Expected({Row("a", 0)})) << fail_at;
  }
}

}  // namespace
}  // namespace gradloom
