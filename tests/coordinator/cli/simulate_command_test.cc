// `gradloom simulate --run` and `gradloom tune --run` as a user starts them.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Two layers in step, three jobs each; the fleet in the file suits four slots.
constexpr char kGnn[] =
    "data: {train: {block_model: {count: 100}}}\n"
    "workload: {forward_gnn: {layers: 2, width: 4, method: sf_top2loss}}\n"
    "training: {jobs: 3}\n"
    "scheme: {slots: 4, gc: {s: 1}}\n"
    "fleet: {arrangement: gang}\n";

class SimulateCommandTest : public testing::Test {
 protected:
  SimulateCommandTest() {
    std::filesystem::create_directories(folder_);
    Write("gnn.yaml", kGnn);
    // Slot i takes i + 1 seconds, always.
    Write("trace.csv", "1,2,3,4\n");
  }
  ~SimulateCommandTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
  }
  // Output and errors.
  std::string Run(const std::string& arguments, int code = 0) const {
    const std::string command =
        absl::StrCat("cd ", folder_, " && ", GRADLOOM_COMMAND, " ", arguments, " 2>&1");
    FILE* pipe = popen(command.c_str(), "r");
    std::string output(1 << 16, '\0');
    output.resize(fread(output.data(), 1, output.size(), pipe));
    const int status = pclose(pipe);
    EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, code) << command << "\n" << output;
    return output;
  }
  // The total of the table's line that begins so.
  static double Total(const std::string& output, const std::string& line_start) {
    for (const std::string& line : std::vector<std::string>(absl::StrSplit(output, '\n'))) {
      if (line.rfind(line_start, 0) != 0) continue;
      const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
      double total = -1;
      EXPECT_TRUE(absl::SimpleAtod(words.at(4), &total)) << line;
      return total;
    }
    ADD_FAILURE() << "no line " << line_start << " in\n" << output;
    return -1;
  }

  const std::string folder_ = absl::StrCat(testing::TempDir(), "/simulate-", getpid());
};

TEST_F(SimulateCommandTest, TheRunFileSaysWhatIsPlayed) {
  const std::string output = Run("simulate --run gnn.yaml --trace trace.csv");
  EXPECT_THAT(output, HasSubstr("4 slots, 6 jobs of 2 lanes"));
  // Slots 0 and 2 have one part, 1 and 3 the other: three rounds of 2 s for both layers.
  EXPECT_DOUBLE_EQ(Total(output, "gc:s=1"), 6);
  EXPECT_THAT(output, HasSubstr("gang"));
}

TEST_F(SimulateCommandTest, FlagsGoBeforeTheRunFile) {
  const std::string output =
      Run("simulate --run gnn.yaml --trace trace.csv --scheme uncoded --fleet woven --slots 3 "
          "--jobs 4");
  EXPECT_THAT(output, HasSubstr("3 slots, 4 jobs of 2 lanes"));
  EXPECT_DOUBLE_EQ(Total(output, "uncoded"), 4 * 3);
  EXPECT_THAT(output, Not(HasSubstr("gc:s=1")));
  EXPECT_THAT(Run("simulate --run gnn.yaml --trace trace.csv --set training.jobs=5"),
              HasSubstr("10 jobs of 2 lanes"));
}

TEST_F(SimulateCommandTest, WithoutLanesAModelsJobsWaitForEachOther) {
  const std::string output = Run(
      "simulate --run gnn.yaml --trace trace.csv --scheme uncoded --scheme m_sgc:b=1,w=2,lambda=4 "
      "--fleet gang --lanes off",
      1);
  EXPECT_THAT(output, HasSubstr("T + 1 lanes"));
  const std::string both = Run(
      "simulate --run gnn.yaml --trace trace.csv --scheme uncoded --scheme m_sgc:b=1,w=2,lambda=4 "
      "--lanes both --fleet woven");
  EXPECT_DOUBLE_EQ(Total(both, "uncoded                     1"), 6 * 4);
  EXPECT_DOUBLE_EQ(Total(both, "uncoded                     2"), 6 * 4);
  EXPECT_THAT(both, HasSubstr("m_sgc:b=1,w=2,lambda=4      2"));
  EXPECT_THAT(both, Not(HasSubstr("m_sgc:b=1,w=2,lambda=4      1")));
}

TEST_F(SimulateCommandTest, AutoIsPlayed) {
  Write("auto.yaml",
        "data: {train: {block_model: {count: 100}}}\n"
        "workload: {forward_gnn: {layers: 2, width: 4, method: sf_top2loss}}\n"
        "training: {jobs: 3}\n"
        "scheme: {auto: {}}\n");
  EXPECT_THAT(Run("simulate --run auto.yaml --trace trace.csv"), HasSubstr("auto, mostly"));
  const std::string both =
      Run("simulate --run gnn.yaml --trace trace.csv --scheme uncoded --scheme auto");
  EXPECT_THAT(both, HasSubstr("auto, mostly"));
  EXPECT_DOUBLE_EQ(Total(both, "uncoded "), 3 * 4);
}

TEST_F(SimulateCommandTest, F29_BothCountingsByName) {
  Write("burst.csv", "1,9,9\n1,1,1\n1,1,9\n");
  const std::string paper =
      "simulate --trace burst.csv --slope 0 --jobs 3 --scheme sr_sgc:b=1,w=3,lambda=2 "
      "--scheme gc:s=2 --paper ";
  for (const char* flag : {"", "--counting paper"}) {
    const std::string output = Run(paper + flag);
    EXPECT_DOUBLE_EQ(Total(output, "sr_sgc"), 2 + 1 + 2) << flag;
    EXPECT_DOUBLE_EQ(Total(output, "gc"), 2 + 1 + 2) << flag;
  }
  for (const char* flag : {"--counting authors", "--authors-gc"}) {
    const std::string output = Run(paper + flag);
    EXPECT_DOUBLE_EQ(Total(output, "sr_sgc"), 2 + 1 + 9) << flag;
    EXPECT_DOUBLE_EQ(Total(output, "gc"), 9 + 1 + 2) << flag;
  }
  EXPECT_THAT(Run(paper + "--counting theirs", 2), HasSubstr("{paper,authors}"));
  EXPECT_THAT(Run(paper + "--counting paper --authors-gc", 2), HasSubstr("excludes"));
  EXPECT_THAT(Run("simulate --trace burst.csv --scheme gc:s=1 --counting authors", 1),
              HasSubstr("belong to --paper"));
}

TEST_F(SimulateCommandTest, FlagsThatContradictEachOther) {
  const std::string run = "simulate --run gnn.yaml --trace trace.csv ";
  EXPECT_THAT(Run(run + "--trials 3", 2), HasSubstr("--run excludes --trials"));
  EXPECT_THAT(Run(run + "--paper", 2), HasSubstr("--run excludes --paper"));
  EXPECT_THAT(Run(run + "--lanes maybe", 2), HasSubstr("--lanes"));
  EXPECT_THAT(Run("simulate --trace trace.csv --lanes off", 2),
              HasSubstr("--lanes requires --run"));
  EXPECT_THAT(Run("simulate --trace trace.csv --set a=b", 2), HasSubstr("--set requires --run"));
  EXPECT_THAT(Run("tune --trace trace.csv --run gnn.yaml --table trace.csv", 2),
              HasSubstr("--run excludes --table"));
  EXPECT_THAT(Run("simulate --trace trace.csv", 1), HasSubstr("--scheme or --run FILE"));
}

TEST_F(SimulateCommandTest, WhatTheRunFileCannotBe) {
  const std::string run = "simulate --run gnn.yaml --trace trace.csv ";
  EXPECT_THAT(Run(run + "--jobs 7", 1), HasSubstr("--jobs 7: gnn.yaml has 6 in all"));
  EXPECT_THAT(Run(run + "--slots 1", 1), HasSubstr("scheme.gc.s"));
  EXPECT_THAT(Run(run + "--set scheme.slots=9", 1), HasSubstr("scheme.slots: 9: trace.csv has 4"));
  EXPECT_THAT(Run(run + "--set training.jobs=x", 1), HasSubstr("--set training.jobs"));
  EXPECT_THAT(Run("simulate --run none.yaml --trace trace.csv", 1), HasSubstr("none.yaml"));
  Write("bad.yaml", "data: {train: glyphs}\nworkload: {forward_gnn: {layers: 2}}\n");
  EXPECT_THAT(Run("simulate --run bad.yaml --trace trace.csv", 1), HasSubstr("bad.yaml: trial"));
}

TEST_F(SimulateCommandTest, TuneSearchesForTheRunsLanes) {
  const std::string tuned = Run("tune --run gnn.yaml --trace trace.csv --resamples 0");
  EXPECT_THAT(tuned, HasSubstr("4 slots, 6 jobs of 2 lanes"));
  EXPECT_THAT(tuned, HasSubstr("arrangement:"));
  const std::string table = Run("tune --lanes-table gnn.yaml --trace trace.csv --slope 1");
  EXPECT_THAT(table, HasSubstr("| gnn | 6 | off: 1 |"));
  EXPECT_THAT(table, HasSubstr("| gnn | 6 | on: 2 |"));
  EXPECT_THAT(table, HasSubstr("| - |")) << "no M-SGC without lanes";
}

}  // namespace
}  // namespace gradloom
