// What users see, from given states.
#include "coordinator/cli/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/cli/display.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

v1::RunStatus Status(int trials) {
  v1::RunStatus status;
  status.set_run(3);
  status.set_name("quick");
  status.set_state(v1::RUNNING);
  status.set_rounds(210);
  status.set_rounds_per_second(12.34);
  status.set_stragglers_tolerated(31);
  status.set_seconds(17);
  status.set_seconds_left(75);
  status.set_workers(6);
  status.set_slots(6);
  for (int i = 0; i < trials; ++i) {
    auto* trial = status.add_trials();
    trial->set_name(absl::StrCat("trial-", i));
    trial->set_jobs(100);
    trial->set_jobs_done(50);
    trial->set_loss(0.12345);
    trial->set_accuracy(0.9712);
  }
  return status;
}

TEST(RenderProgress, OneBarATrialAndALineForTheRun) {
  const auto lines = RenderProgress(Status(2), 80, 24);
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_THAT(lines[0], AllOf(StartsWith("trial-0 [====="), HasSubstr(" 50%"),
                              HasSubstr("loss 0.1235"), HasSubstr("accuracy 97.12%")));
  EXPECT_EQ(lines[2],
            "210 rounds (12.3/s), 31 stragglers tolerated, 6 workers, 17.0 s, 75.0 s left");
  const size_t open = lines[0].find('['), close = lines[0].find(']');
  const size_t middle = lines[0].find_last_of('=');
  EXPECT_NEAR(static_cast<double>(middle - open) / static_cast<double>(close - open), 0.5, 0.05);
}

TEST(RenderProgress, FitsAnyWidthAndHeight) {
  v1::RunStatus status = Status(40);
  status.mutable_trials(0)->set_name(std::string(300, 'x'));
  for (int i = 0; i < 39; ++i) status.mutable_trials(i)->set_finished(true);
  for (const int width : {0, 1, 20, 40, 80, 500}) {
    const auto lines = RenderProgress(status, width, 10);
    EXPECT_THAT(lines, SizeIs(9)) << width;
    for (const auto& line : lines) EXPECT_LE(line.size(), width);
  }
  const auto lines = RenderProgress(status, 120, 10);
  EXPECT_THAT(lines[0], StartsWith("trial-39"));  // the only one that is still going
  EXPECT_THAT(lines[8], StartsWith("and 32 more trials; 210 rounds"));
}

TEST(RenderProgress, SaysWhatIsNotKnownYet) {
  v1::RunStatus status = Status(1);
  status.set_state(v1::WAITING);
  status.mutable_trials(0)->set_jobs_done(0);
  status.mutable_trials(0)->clear_accuracy();
  status.mutable_trials(0)->set_jobs(0);
  const auto lines = RenderProgress(status, 80, 24);
  EXPECT_THAT(lines[0], AllOf(HasSubstr("  0%"), HasSubstr("loss - "), HasSubstr("accuracy -")));
  EXPECT_EQ(lines[1], "waiting for workers (6 connected)");
  status.set_state(v1::RUNNING);
  status.set_seconds_left(-1);
  EXPECT_THAT(RenderProgress(status, 200, 24)[1], Not(HasSubstr("left")));
}

TEST(RenderSummary, SaysWhatStragglersWouldHaveCost) {
  v1::RunStatus status = Status(1);
  status.set_state(v1::SUCCEEDED);
  status.set_scheme("GC(s=1)");
  status.set_seconds(40);
  status.set_uncoded_extra_seconds(60);
  status.set_replies_late(1);
  status.set_workers_lost(2);
  status.mutable_trials(0)->set_jobs_done(100);
  status.mutable_trials(0)->set_parameters_sha256(std::string(64, 'a'));
  EXPECT_EQ(RenderSummary(status),
            "quick: succeeded after 40.0 s, GC(s=1), 6 slots\n"
            "  trial        jobs       loss  accuracy  SHA-256 of the parameters\n"
            "  trial-0       100     0.1235    97.12%  " +
                std::string(64, 'a') +
                "\n"
                "  210 rounds (12.3/s), 31 stragglers tolerated, 1 late reply, 2 workers lost, "
                "0 resumes\n"
                "  waiting for every slot would have taken 60.0 s more (2.5 times as long)\n");
  status.set_uncoded_extra_seconds(0);
  status.set_error("disk full");
  EXPECT_THAT(RenderSummary(status),
              AllOf(Not(HasSubstr("times as long")), HasSubstr("error: disk full")));
}

TEST(RenderSummary, F07_SaysWhereTheParametersAreIfTheNameDoesNot) {
  v1::RunStatus status = Status(3);
  status.mutable_trials(0)->set_file("trial-0.safetensors");
  status.mutable_trials(1)->set_name("a b");
  status.mutable_trials(1)->set_file("a_b~c8687a08aa5d6ed2.safetensors");
  status.mutable_trials(2)->set_name("c d");
  status.mutable_trials(2)->set_file("c_d~0.safetensors");
  status.mutable_trials(2)->set_jobs_done(0);  // untrained: there is none
  EXPECT_THAT(
      RenderSummary(status),
      AllOf(HasSubstr("\n  the parameters of 'a b' are in a_b~c8687a08aa5d6ed2.safetensors\n"),
            Not(HasSubstr("trial-0.safetensors")), Not(HasSubstr("c_d"))));
}

TEST(RenderProgress, NamesOfAnyScriptKeepTheirColumns) {
  v1::RunStatus status = Status(2);
  status.mutable_trials(0)->set_name(
      "\xe5\xad\xa6\xe7\xbf\x92-0");  // two characters of three bytes
  const auto lines = RenderProgress(status, 80, 24);
  EXPECT_EQ(lines[0].find('[') - 4, lines[1].find('['));
  // Cut between characters, wherever.
  std::string greek;
  for (int i = 0; i < 100; ++i) greek += "\xce\xb1";
  status.mutable_trials(0)->set_name(greek);
  for (int width = 0; width < 90; ++width) {
    const std::string line = RenderProgress(status, width, 24)[0];
    size_t columns = 0;
    for (size_t i = 0; i < line.size(); ++i) {
      const bool begins = (static_cast<unsigned char>(line[i]) & 0xc0U) != 0x80U;
      columns += begins ? 1 : 0;
      EXPECT_TRUE(line[i] != '\xce' || i + 1 < line.size()) << width;
    }
    EXPECT_LE(columns, static_cast<size_t>(width));
  }
  EXPECT_LT(RenderProgressLine(status).size(), 400);
}

TEST(RenderSeconds, PicksUnits) {
  EXPECT_EQ(RenderSeconds(-1), "0.0 s");
  EXPECT_EQ(RenderSeconds(7.26), "7.3 s");
  EXPECT_EQ(RenderSeconds(125), "2 min 05 s");
  EXPECT_EQ(RenderSeconds(3 * 3600 + 12 * 60 + 5), "3 h 12 min");
}

TEST(RenderRuns, IsATable) {
  EXPECT_THAT(RenderRuns({Status(2)}),
              AllOf(HasSubstr("run  name"), HasSubstr("    3  quick  running       50%")));
}

Display::Screen Pipe() { return {}; }
Display::Screen Terminal() { return {true, 80, 24}; }

TEST(Display, PlainLinesEveryTwoSecondsAndWhenTheStateChanges) {
  std::ostringstream out;
  Display display(&out, &Pipe);
  v1::RunStatus status = Status(1);
  const absl::Time start = absl::UnixEpoch();
  display.Show(start, status);
  display.Show(start + absl::Seconds(1), status);
  EXPECT_EQ(out.str(), RenderProgressLine(status) + "\n");
  display.Show(start + absl::Seconds(2), status);
  EXPECT_EQ(out.str(), RenderProgressLine(status) + "\n" + RenderProgressLine(status) + "\n");
  out.str("");
  status.set_state(v1::SUCCEEDED);
  display.Show(start + absl::Seconds(2.1), status);
  display.Finish(status);
  EXPECT_EQ(out.str(), RenderProgressLine(status) + "\n");  // the last line is not said twice
}

TEST(Display, BarsAreDrawnOverTheLastOnes) {
  std::ostringstream out;
  Display display(&out, &Terminal);
  const v1::RunStatus status = Status(1);
  const absl::Time start = absl::UnixEpoch();
  display.Show(start, status);
  EXPECT_THAT(out.str(), Not(HasSubstr("\x1b")));
  out.str("");
  display.Show(start + absl::Milliseconds(50), status);
  EXPECT_EQ(out.str(), "");
  display.Show(start + absl::Milliseconds(150), status);
  EXPECT_THAT(out.str(), StartsWith("\x1b[2F\x1b[Jtrial-0"));
  out.str("");
  display.Note("worker-1 died");
  EXPECT_EQ(out.str(), "\x1b[2F\x1b[Jworker-1 died\n");
  out.str("");
  display.Show(start + absl::Milliseconds(160), status);
  EXPECT_THAT(out.str(), StartsWith("trial-0"));
}

TEST(Progress, F21_NamesAndErrorsAreTextOnATerminal) {
  const std::string evil = "a\nb\x1b[2J\xff";
  v1::RunStatus status;
  status.set_name(evil);
  status.set_error(evil);
  status.set_scheme(evil);
  status.set_state(v1::FAILED);
  status.add_trials()->set_name(evil);
  const auto bare = [](const std::string& text) {
    return text.find('\x1b') == std::string::npos && text.find('\xff') == std::string::npos &&
           text.find("a\nb") == std::string::npos;
  };
  EXPECT_TRUE(bare(RenderSummary(status))) << RenderSummary(status);
  EXPECT_TRUE(bare(RenderProgressLine(status))) << RenderProgressLine(status);
  EXPECT_TRUE(bare(RenderRuns({status}))) << RenderRuns({status});
  for (const std::string& line : RenderProgress(status, 80, 24)) EXPECT_TRUE(bare(line)) << line;
}

}  // namespace
}  // namespace gradloom
