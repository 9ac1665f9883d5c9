// A run that goes on under a run file that has changed: what may change, and what may not.
#include "coordinator/run_file/run_update.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/run_file/run_file.h"
#include "google/protobuf/util/message_differencer.h"

namespace gradloom {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::HasSubstr;

constexpr char kBase[] = "data: {train: glyphs}\nworkload: softmax_regression\n";

v1::RunSpec Resolved(const std::string& more) {
  const auto spec = ParseRunFile(absl::StrCat(kBase, more), "run.yaml");
  EXPECT_TRUE(spec.ok()) << spec.status();
  const auto run = ResolveRunSpec(*spec);
  EXPECT_TRUE(run.ok()) << run.status() << more;
  return run->spec;
}

std::string ErrorOf(const v1::RunSpec& stored, const std::string& wanted) {
  const auto update = UpdateRun(stored, Resolved(wanted));
  EXPECT_EQ(update.status().code(), absl::StatusCode::kFailedPrecondition) << wanted;
  return std::string(update.status().message());
}

RunUpdate Update(const v1::RunSpec& stored, const std::string& wanted) {
  const auto update = UpdateRun(stored, Resolved(wanted));
  EXPECT_TRUE(update.ok()) << update.status() << wanted;
  return update.value_or(RunUpdate());
}

TEST(RunUpdate, LooksThroughWhatSettlesAtTheStart) {
  v1::RunSpec stored = Resolved("");
  SettleScheme(6, stored.mutable_scheme());
  for (const char* same : {"", "scheme: {gc: {s: 1}}\n"}) {
    const RunUpdate update = Update(stored, same);
    EXPECT_FALSE(update.changed || update.trains_further) << same;
    EXPECT_TRUE(MessageDifferencer::Equals(update.spec, stored));
  }
  // Expects as many workers, which changes no result.
  EXPECT_FALSE(Update(stored, "scheme: {slots: 6}\n").trains_further);
  EXPECT_THAT(ErrorOf(stored, "scheme: {gc: {s: 2}}\n"), HasSubstr("gc.s"));
  EXPECT_THAT(ErrorOf(stored, "scheme: uncoded\n"), HasSubstr("scheme"));
  EXPECT_THAT(ErrorOf(stored, "scheme: {slots: 4}\n"), HasSubstr("slots"));
  // Not started yet, hence not settled.
  EXPECT_FALSE(Update(Resolved(""), "").changed);
}

TEST(RunUpdate, F27_TrainingsMayBeMadeLonger) {
  const v1::RunSpec stored = Resolved("training: {epochs: 1}\n");
  const RunUpdate longer = Update(stored, "training: {epochs: 3}\n");
  EXPECT_TRUE(longer.changed && longer.trains_further);
  EXPECT_EQ(longer.spec.trials(0).training().epochs(), 3);
  EXPECT_THAT(
      ErrorOf(stored, "training: {epochs: 0.5}\n"),
      HasSubstr("trials[0].training.epochs: 1.0 -> 0.5: a training may only be made longer"));
  // Only the data can tell, when it goes on.
  EXPECT_TRUE(Update(stored, "training: {jobs: 5}\n").trains_further);
  for (const char* ends : {"patience: 3", "target_accuracy: 0.9"}) {
    EXPECT_TRUE(Update(stored, absl::StrCat("training: {epochs: 1, ", ends, "}\n")).trains_further);
  }
  // One trial of several.
  const v1::RunSpec two = Resolved("trials: [{training: {jobs: 5}}, {training: {jobs: 6}}]\n");
  EXPECT_TRUE(
      Update(two, "trials: [{training: {jobs: 5}}, {training: {jobs: 9}}]\n").trains_further);
  EXPECT_THAT(ErrorOf(two, "trials: [{training: {jobs: 8}}, {training: {jobs: 4}}]\n"),
              HasSubstr("trials[1].training.jobs: 6 -> 4"));
}

TEST(RunUpdate, F27_WhatChangesNoResultMayChange) {
  const v1::RunSpec stored = Resolved("straggle: {fixed: {delay: 1s}}\n");
  for (const char* other : {"", "straggle: {fixed: {delay: 2s}}\n",
                            "straggle: {fixed: {delay: 1s}}\nfleet: {min_workers: 3}\n",
                            "straggle: {fixed: {delay: 1s}}\ncheckpoint: {every: 1, keep: 9}\n",
                            "straggle: {fixed: {delay: 1s}}\nlimits: {max_task_attempts: 9}\n"}) {
    const RunUpdate update = Update(stored, other);
    EXPECT_TRUE(update.changed) << other;
    EXPECT_FALSE(update.trains_further) << other;
    EXPECT_TRUE(MessageDifferencer::Equals(update.spec, Resolved(other))) << other;
  }
}

TEST(RunUpdate, F27_WhatElseDiffersIsNamed) {
  const v1::RunSpec stored = Resolved("");
  EXPECT_THAT(ErrorOf(stored, "optimizer: {learning_rate: 0.5}\n"),
              HasSubstr("optimizer.learning_rate: 0.001 -> 0.5"));
  EXPECT_THAT(ErrorOf(stored, "seed: 2\n"), HasSubstr("seed: 1 -> 2"));
  EXPECT_THAT(ErrorOf(stored, "training: {batch_size: 7}\n"), HasSubstr("training.batch_size"));
  EXPECT_THAT(ErrorOf(stored, "training: {evaluate_every: 7}\n"), HasSubstr("evaluate_every"));
  EXPECT_THAT(ErrorOf(stored, "trials: [{}, {}]\n"), HasSubstr("trials[1]"));
  EXPECT_THAT(ErrorOf(stored, "fleet: {arrangement: overlap}\n"), HasSubstr("fleet.arrangement"));
  EXPECT_THAT(ErrorOf(stored, "wire: {replies: bf16}\n"), HasSubstr("wire.replies"));
  EXPECT_THAT(ErrorOf(stored, "name: other\n"), HasSubstr("name"));
  EXPECT_THAT(ErrorOf(stored, "start_from: a.safetensors\n"), HasSubstr("start_from"));
}

TEST(RunUpdate, F27_AFilesChecksumStays) {
  v1::RunSpec stored = Resolved("start_from: a.safetensors\ntrials: [{}, {start_from: b.st}]\n");
  for (auto* start : {stored.mutable_start_from(), stored.mutable_trials(0)->mutable_start_from(),
                      stored.mutable_trials(1)->mutable_start_from()}) {
    start->set_sha256(std::string(64, 'a'));
  }
  const char* same = "start_from: a.safetensors\ntrials: [{}, {start_from: b.st}]\n";
  EXPECT_FALSE(Update(stored, same).changed);
  EXPECT_THAT(ErrorOf(stored, "start_from: a.safetensors\ntrials: [{}, {start_from: c.st}]\n"),
              HasSubstr("start_from.file"));
}

TEST(RunUpdate, F27_KeysOfATrialAreSetForAllOfThem) {
  v1::RunSpec spec = Resolved("trials: [{training: {epochs: 2}}, {training: {jobs: 6}}]\n");
  ASSERT_TRUE(ApplyToResolved("training.jobs=9", &spec).ok());
  for (const v1::TrialSpec& trial : spec.trials()) {
    EXPECT_EQ(trial.training().jobs(), 9);
    EXPECT_FALSE(trial.training().has_epochs());
  }
  ASSERT_TRUE(ApplyToResolved("trials[1].training.epochs=4", &spec).ok());
  EXPECT_EQ(spec.trials(0).training().jobs(), 9);
  EXPECT_EQ(spec.trials(1).training().epochs(), 4);
  EXPECT_FALSE(spec.trials(1).training().has_jobs());
  ASSERT_TRUE(ApplyToResolved("checkpoint.keep=4", &spec).ok());
  EXPECT_EQ(spec.checkpoint().keep(), 4);
  EXPECT_FALSE(ApplyToResolved("training.epoch=4", &spec).ok());
  const auto again = ResolveRunSpec(spec);
  EXPECT_TRUE(again.ok()) << again.status();
}

}  // namespace
}  // namespace gradloom
