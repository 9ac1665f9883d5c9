#include "coordinator/store/json_file.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/struct.pb.h"
#include "gradloom/v1/checkpoint.pb.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::CheckpointManifest Manifest() {
  v1::CheckpointManifest manifest;
  manifest.set_format(1);
  manifest.set_run(18446744073709551615U);
  manifest.set_rounds(9007199254740993);  // 2^53 + 1
  manifest.set_seconds_running(0.1);
  manifest.set_version("123");
  v1::TrialCheckpoint& trial = *manifest.add_trials();
  trial.set_name("\"12\": \"13\", {[\\");
  trial.set_file("42");
  trial.set_jobs_done(7);
  v1::LearnerProgress::View& view = *trial.mutable_progress()->add_views();
  view.set_number(-9223372036854775807 - 1);
  view.add_lanes(3);
  view.add_jobs_done(4);
  view.add_jobs_done(5);
  return manifest;
}

TEST(JsonFileTest, F28_CountsAreNumbersAndTextStaysText) {
  const std::string json = ToJson(Manifest());
  EXPECT_THAT(json, HasSubstr("\"run\": 18446744073709551615,"));
  EXPECT_THAT(json, HasSubstr("\"rounds\": 9007199254740993\n"));
  EXPECT_THAT(json, HasSubstr("\"jobs_done\": 7,"));
  EXPECT_THAT(json, HasSubstr("\"number\": -9223372036854775808,"));
  EXPECT_THAT(json, HasSubstr("\"version\": \"123\""));
  EXPECT_THAT(json, HasSubstr("\"file\": \"42\""));
  EXPECT_THAT(json, HasSubstr(R"("name": "\"12\": \"13\", {[\\")"));
  EXPECT_EQ(json.back(), '\n');
}

TEST(JsonFileTest, F28_WhatIsWrittenIsReadBackExactly) {
  v1::CheckpointManifest read;
  ASSERT_TRUE(FromJson(ToJson(Manifest()), &read).ok());
  EXPECT_EQ(read.SerializeAsString(), Manifest().SerializeAsString());
  ASSERT_TRUE(FromJson(ToJson(v1::CheckpointManifest(), JsonFields::kAll), &read).ok());
}

TEST(JsonFileTest, F28_FilesOfEarlierVersionsAreRead) {
  v1::CheckpointManifest read;
  ASSERT_TRUE(
      FromJson(R"({"run": "18446744073709551615", "trials": [{"jobs_done": "7"}]})", &read).ok());
  EXPECT_EQ(read.run(), 18446744073709551615U);
  EXPECT_EQ(read.trials(0).jobs_done(), 7);
  EXPECT_EQ(FromJson("{\"colour\": 1}", &read).code(), absl::StatusCode::kDataLoss);
}

TEST(JsonFileTest, FieldsAtTheirDefaultsAreWrittenWhenAskedFor) {
  EXPECT_THAT(ToJson(v1::CheckpointManifest()), Not(HasSubstr("rounds")));
  EXPECT_THAT(ToJson(v1::CheckpointManifest(), JsonFields::kAll), HasSubstr("\"rounds\": 0,"));
}

// Kinds of messages whose JSON is no object of their fields.
TEST(JsonFileTest, WellKnownTypesAndMapsAreLeftAlone) {
  v1::RunRecord record;
  record.set_run(3);
  record.mutable_spec()->set_seed(18446744073709551615U);
  record.mutable_spec()->mutable_checkpoint()->mutable_every()->set_seconds(30);
  const std::string json = ToJson(record);
  EXPECT_THAT(json, HasSubstr("\"every\": \"30s\""));
  EXPECT_THAT(json, HasSubstr("\"seed\": 18446744073709551615"));
  v1::RunRecord read;
  ASSERT_TRUE(FromJson(json, &read).ok());
  EXPECT_EQ(read.SerializeAsString(), record.SerializeAsString());

  google::protobuf::Struct anything;
  (*anything.mutable_fields())["12"].set_string_value("13");
  (*anything.mutable_fields())["list"].mutable_list_value()->add_values()->set_number_value(1.5);
  EXPECT_THAT(ToJson(anything), HasSubstr("\"12\": \"13\""));
  google::protobuf::Struct again;
  ASSERT_TRUE(FromJson(ToJson(anything), &again).ok());
  EXPECT_EQ(again.fields().at("list").list_value().values(0).number_value(), 1.5);
}

}  // namespace
}  // namespace gradloom
