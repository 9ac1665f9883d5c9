#include "coordinator/store/metrics_history.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/store/faulty_file_system.h"
#include "tests/coordinator/store/memory_file_system.h"
#include "tests/coordinator/store/temporary_folder.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using JobsDone = std::map<std::string, uint64_t>;

MetricsRow Row(const std::string& trial, uint64_t job) {
  MetricsRow row;
  row.trial = trial;
  row.job = job;
  row.round = 2 * job;
  row.epoch = 0.25 * static_cast<double>(job);
  row.loss = 1.0 / static_cast<double>(job + 1);
  return row;
}

std::string Line(const MetricsRow& row) {
  return absl::StrCat(FormatMetricsRow(row, OwnMetricsColumns()), "\n");
}

std::string Expected(const std::vector<MetricsRow>& rows) {
  std::string text = absl::StrCat(FormatMetricsHeader(OwnMetricsColumns()), "\n");
  for (const MetricsRow& row : rows) text += Line(row);
  return text;
}

class MetricsHistoryTest : public ::testing::Test {
 protected:
  MetricsHistory Open(const JobsDone& jobs_done) {
    absl::StatusOr<MetricsHistory> history = MetricsHistory::Read(kPath, jobs_done, disk_);
    EXPECT_TRUE(history.ok()) << history.status();
    const absl::Status started = history->Start();
    EXPECT_TRUE(started.ok()) << started;
    return *std::move(history);
  }
  std::string File(const std::string& name = "metrics.csv") {
    const auto files = disk_.Files();
    const auto found = files.find("/out/" + name);
    return found == files.end() ? "(none)" : found->second;
  }
  // The file with these contents, opened: what has become of it.
  std::string Reopened(const std::string& contents, const JobsDone& jobs_done) {
    disk_.Put(kPath, contents);
    Open(jobs_done);
    return File();
  }

  static constexpr char kPath[] = "/out/metrics.csv";
  MemoryFileSystem disk_;
  MetricsHistoryTest() { disk_.Put("/out/other", ""); }
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
  row.more["learning_rate"] = 1e-4;
  row.stragglers = 2;
  ASSERT_TRUE(history.Append(row).ok());
  EXPECT_EQ(File(),
            "wall_seconds,trial,job,epoch,round,loss,train_accuracy,test_loss,test_accuracy,"
            "learning_rate,gradient_norm,stragglers\n"
            "1.235,\"say \"\"hi\"\", twice\",41,0.5,43,nan,,,0.333333333,0.0001,,2\n");
  EXPECT_TRUE(history.file()->Sync().ok());
}

TEST_F(MetricsHistoryTest, AResumeDropsWhatTheCheckpointDoesNotKnow) {
  {
    MetricsHistory history = Open({});
    for (uint64_t job = 0; job < 6; ++job) {
      ASSERT_TRUE(history.Append(Row("a, \"b\"", job)).ok());
      ASSERT_TRUE(history.Append(Row("c", job)).ok());
    }
  }
  MetricsHistory history = Open({{"a, \"b\"", 3}, {"c", 1}});
  EXPECT_THAT(history.damage(), IsEmpty());
  EXPECT_EQ(history.next_round(), 5) << "after job 2 of the first, in round 4";
  const std::vector<MetricsRow> rows = {Row("a, \"b\"", 0), Row("c", 0), Row("a, \"b\"", 1),
                                        Row("a, \"b\"", 2), Row("c", 1)};
  ASSERT_TRUE(history.Append(rows.back()).ok());
  EXPECT_EQ(File(), Expected(rows));
}

TEST_F(MetricsHistoryTest, ALineCutShortAnywhereIsDropped) {
  const std::string whole = Expected({Row("a", 0), Row("a", 1)});
  const size_t second = Expected({Row("a", 0)}).size();
  for (size_t length = second; length < whole.size(); ++length) {
    EXPECT_EQ(Reopened(whole.substr(0, length), {{"a", 9}}), Expected({Row("a", 0)})) << length;
    EXPECT_EQ(File("metrics.damaged-1.csv"), "(none)") << "that is what a crash leaves";
  }
}

TEST_F(MetricsHistoryTest, NoJobsDoneStartsAfreshAndAMissingFileIsNoError) {
  { MetricsHistory history = Open({{"a", 3}}); }
  EXPECT_EQ(File(), Expected({}));
  EXPECT_EQ(Reopened("old stuff\n", {}), Expected({}));
  EXPECT_EQ(Reopened("", {{"a", 3}}), Expected({}));
}

// ---- damage -------------------------------------------------------------------------------------

TEST_F(MetricsHistoryTest, F14_DamagedRowsStayBesideAndTheOthersGoOn) {
  const std::string good = Line(Row("a", 0));
  const std::string last = Line(Row("a", 3));
  const std::string half = Line(Row("a", 1)).substr(0, 9);
  for (const std::string& damage :
       {half + Line(Row("a", 2)), std::string("\n"), std::string("1,2\n"),
        std::string("0.000,a,x,0,0,1,,,,,,\n"), std::string("0.000,a,1,zero,0,1,,,,,,\n"),
        std::string("0.000,\"a,1,0,0,1,,,,,,\n"), std::string(64, '\0') + "\n",
        Line(Row("of another run", 1)), std::string(3 << 20, 'x') + "\n"}) {
    const std::string contents = Expected({}) + good + damage + last;
    disk_.Put(kPath, contents);
    const auto history = MetricsHistory::Read(kPath, {{"a", 9}}, disk_);
    ASSERT_TRUE(history.ok()) << history.status();
    ASSERT_FALSE(history->damage().empty()) << damage.substr(0, 40);
    EXPECT_THAT(history->damage()[0], HasSubstr("/out/metrics.csv line 3 is "));
    EXPECT_EQ(File(), contents) << "nothing has been touched";
    EXPECT_EQ(Open({{"a", 9}}).set_aside(), "/out/metrics.damaged-1.csv");
    EXPECT_EQ(File(), Expected({Row("a", 0), Row("a", 3)}));
    EXPECT_EQ(File("metrics.damaged-1.csv"), contents);
    EXPECT_EQ(Open({{"a", 9}}).set_aside(), "") << "once";
    ASSERT_TRUE(disk_.RemoveAll("/out/metrics.damaged-1.csv").ok());
  }
}

TEST_F(MetricsHistoryTest, F14_AFileWithoutColumnsStaysBeside) {
  for (const std::string contents : {"x,y\n1,2\n", "job,job,trial\n", "\n\n", "\"trial,job\n"}) {
    EXPECT_EQ(Reopened(contents, {{"a", 1}}), Expected({}));
    EXPECT_EQ(File("metrics.damaged-1.csv"), contents);
    ASSERT_TRUE(disk_.RemoveAll("/out/metrics.damaged-1.csv").ok());
  }
  disk_.Put("/out/metrics.damaged-1.csv", "from before");
  Reopened("x,y\n", {{"a", 1}});
  EXPECT_EQ(File("metrics.damaged-1.csv"), "from before");
  EXPECT_EQ(File("metrics.damaged-2.csv"), "x,y\n");
}

TEST_F(MetricsHistoryTest, ManyDamagedLinesAreCounted) {
  std::string contents = Expected({});
  for (int line = 0; line < 1000; ++line) contents += "rubbish\n";
  disk_.Put(kPath, contents);
  const auto history = MetricsHistory::Read(kPath, {{"a", 9}}, disk_);
  ASSERT_THAT(history->damage(), SizeIs(4));
  EXPECT_EQ(history->damage()[3], "and 997 further lines");
}

TEST_F(MetricsHistoryTest, F14_OnAFullDiskTheFileIsAsItWas) {
  const std::string contents = Expected({Row("a", 0), Row("a", 1), Row("a", 2)}) + "rubbish\n";
  disk_.Put(kPath, contents);
  for (const size_t room : {size_t{0}, size_t{100}, contents.size(), contents.size() + 100}) {
    disk_.SetCapacity(contents.size() + room);
    auto history = MetricsHistory::Read(kPath, {{"a", 2}}, disk_);
    ASSERT_TRUE(history.ok()) << history.status();
    EXPECT_EQ(history->Start().code(), absl::StatusCode::kResourceExhausted) << room;
    EXPECT_EQ(File(), contents) << room;
    ASSERT_TRUE(disk_.RemoveAll("/out/metrics.damaged-1.csv").ok());
  }
}

TEST_F(MetricsHistoryTest, AnIntactFileIsNotWrittenAgain) {
  const std::string contents = Expected({Row("a", 0), Row("a", 1)});
  disk_.Put(kPath, contents);
  disk_.SetCapacity(contents.size());
  MetricsHistory history = Open({{"a", 2}});
  EXPECT_EQ(File(), contents);
  EXPECT_FALSE(history.Append(Row("a", 2)).ok());
}

TEST_F(MetricsHistoryTest, WhatIsNoFileIsAnError) {
  disk_.Put("/out/metrics.csv/oh", "a folder");
  EXPECT_EQ(MetricsHistory::Read(kPath, {{"a", 1}}, disk_).status().code(),
            absl::StatusCode::kInvalidArgument);
}

// ---- columns ------------------------------------------------------------------------------------

TEST_F(MetricsHistoryTest, ColumnsThatANewerProgramHasAreAdded) {
  EXPECT_EQ(Reopened("trial,job,loss\na,0,0.5\na,1,0.25\na,2,0.125\n", {{"a", 2}}),
            "trial,job,loss,wall_seconds,epoch,round,train_accuracy,test_loss,test_accuracy,"
            "learning_rate,gradient_norm,stragglers\n"
            "a,0,0.5,,,,,,,,,\n"
            "a,1,0.25,,,,,,,,,\n");
  MetricsHistory history = Open({{"a", 2}});
  EXPECT_THAT(history.damage(), IsEmpty());
  ASSERT_TRUE(history.Append(Row("a", 2)).ok());
  EXPECT_THAT(File(), HasSubstr("\na,2,0.333333333,0.000,0.5,4,,,,,,\n"));
}

TEST_F(MetricsHistoryTest, ColumnsThatANewerProgramHasNotStayAndStayEmpty) {
  const std::string header = FormatMetricsHeader(OwnMetricsColumns());
  const std::string old = FormatMetricsRow(Row("a", 0), OwnMetricsColumns());
  disk_.Put(kPath, absl::StrCat("residual,", header, "\n0.5,", old, "\n"));
  MetricsHistory history = Open({{"a", 1}});
  ASSERT_TRUE(history.Append(Row("a", 1)).ok());
  EXPECT_EQ(File(), absl::StrCat("residual,", header, "\n0.5,", old, "\n,", Line(Row("a", 1))));
}

TEST_F(MetricsHistoryTest, ALearnersOwnScalarsGetColumnsWhenTheyCome) {
  MetricsHistory history = Open({});
  ASSERT_TRUE(history.Append(Row("a", 0)).ok());
  MetricsRow row = Row("a", 1);
  row.more = {{"step/curvature", 0.5}};
  const std::shared_ptr<AppendFile> before = history.file();
  ASSERT_TRUE(history.Append(row).ok());
  ASSERT_TRUE(history.Append(Row("b", 0)).ok());
  EXPECT_TRUE(before->Sync().ok()) << "who syncs meanwhile is not disturbed";
  MetricsColumns columns = OwnMetricsColumns();
  columns.push_back("step/curvature");
  EXPECT_EQ(File(),
            absl::StrCat(FormatMetricsHeader(columns), "\n", FormatMetricsRow(Row("a", 0), columns),
                         "\n", FormatMetricsRow(row, columns), "\n",
                         FormatMetricsRow(Row("b", 0), columns), "\n"));
  EXPECT_THAT(File(), HasSubstr(",0.5\n"));
}

TEST_F(MetricsHistoryTest, IllegalNamesAreRefused) {
  MetricsHistory history = Open({});
  EXPECT_EQ(history.Append(Row("a\nb", 0)).code(), absl::StatusCode::kInvalidArgument);
  for (const char* name : {"", "Loss", "a,b", "a b", "\n"}) {
    MetricsRow row = Row("a", 0);
    row.more = {{name, 1}};
    EXPECT_EQ(history.Append(row).code(), absl::StatusCode::kInvalidArgument) << name;
  }
  MetricsRow row = Row("a", 0);
  for (int i = 0; i < 300; ++i) row.more[absl::StrCat("c", i)] = i;
  EXPECT_EQ(history.Append(row).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(File(), Expected({}));
}

TEST_F(MetricsHistoryTest, WhatASpreadsheetHasSavedIsRead) {
  const std::string saved =
      "\xEF\xBB\xBF" + absl::StrReplaceAll(Expected({Row("a", 0), Row("a", 1)}), {{"\n", "\r\n"}});
  EXPECT_EQ(Reopened(saved, {{"a", 5}}), Expected({Row("a", 0), Row("a", 1)}));
  EXPECT_EQ(File("metrics.damaged-1.csv"), "(none)");
}

// ---- crashes ------------------------------------------------------------------------------------

TEST(MetricsHistoryCrashTest, ACrashAtAnyStepOfStartKeepsTheHistory) {
  const TemporaryFolder folder;
  const std::string path = folder / "metrics.csv";
  for (const std::string damage : {"", "rubbish\n"}) {
    const std::string contents = Expected({Row("a", 0), Row("a", 1)}) + damage;
    for (int fail_at = 0;; ++fail_at) {
      Spill(path, contents);
      FaultyFileSystem files(fail_at, FaultyFileSystem::Fault::kCrash);
      {
        auto history = MetricsHistory::Read(path, {{"a", 1}}, files);
        ASSERT_TRUE(history.ok()) << history.status();
        const bool started = history->Start().ok();
        EXPECT_EQ(started, !files.fault_happened());
      }
      if (!files.fault_happened()) {
        EXPECT_GT(fail_at, 5);
        break;
      }
      files.Lose();
      auto history = MetricsHistory::Read(path, {{"a", 1}});
      ASSERT_TRUE(history.ok() && history->Start().ok()) << fail_at;
      EXPECT_EQ(Slurp(path), Expected({Row("a", 0)})) << fail_at;
      if (damage.empty()) continue;
      bool kept = false;
      for (int number = 1; number <= 2; ++number) {
        const std::string aside = folder / absl::StrCat("metrics.damaged-", number, ".csv");
        kept = kept || Slurp(aside) == contents;
        std::filesystem::remove(aside);
      }
      EXPECT_TRUE(kept) << fail_at;
    }
  }
}

}  // namespace
}  // namespace gradloom
