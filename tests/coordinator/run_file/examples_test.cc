// Every run file that we ship reads and resolves.
#include <gtest/gtest.h>

#include <filesystem>

#include "coordinator/run_file/run_file.h"

namespace gradloom {
namespace {

TEST(Examples, ParseAndResolve) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(GRADLOOM_EXAMPLES)) {
    if (entry.path().extension() != ".yaml") continue;
    ++files;
    absl::StatusOr<v1::RunSpec> spec = LoadRunFile(entry.path().string());
    ASSERT_TRUE(spec.ok()) << spec.status();
    absl::StatusOr<ResolvedRun> run = ResolveRunSpec(*spec);
    ASSERT_TRUE(run.ok()) << entry.path() << ": " << run.status();
    EXPECT_EQ(run->spec.name(), entry.path().stem());
  }
  EXPECT_GE(files, 5);
}

TEST(Examples, TheSweepHasFourTrials) {
  absl::StatusOr<v1::RunSpec> spec = LoadRunFile(GRADLOOM_EXAMPLES "/sweep.yaml");
  ASSERT_TRUE(spec.ok()) << spec.status();
  absl::StatusOr<ResolvedRun> run = ResolveRunSpec(*spec);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->trials.size(), 4);
}

}  // namespace
}  // namespace gradloom
