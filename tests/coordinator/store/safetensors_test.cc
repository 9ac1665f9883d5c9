#include "coordinator/store/safetensors.h"

#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/store/python.h"
#include "tests/coordinator/store/temporary_folder.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string FileOf(const std::string& json, const std::string& data) {
  const uint64_t length = json.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + json + data;
}

class SafetensorsTest : public ::testing::Test {
 protected:
  absl::Status Write(const std::vector<TensorView>& tensors,
                     const std::map<std::string, std::string>& metadata = {}) {
    return WriteSafetensorsFile(PosixFileSystem(), path_, tensors, metadata);
  }
  std::string OpenError(const std::string& contents) {
    Spill(path_, contents);
    const absl::StatusOr<SafetensorsReader> reader = SafetensorsReader::Open(path_);
    EXPECT_EQ(reader.status().code(), absl::StatusCode::kDataLoss) << reader.status();
    EXPECT_THAT(std::string(reader.status().message()), HasSubstr(path_));
    return std::string(reader.status().message());
  }

  TemporaryFolder folder_;
  std::string path_ = folder_ / "model.safetensors";
};

const std::vector<float> kWeights = {1,      -2.5F,
                                     3e-40F, std::numeric_limits<float>::infinity(),
                                     -0.0F,  std::numeric_limits<float>::quiet_NaN()};
const std::vector<float> kBias = {7, 8};
const float kScalar = 42;

std::vector<TensorView> Example() {
  return {{"layer.0/weights", {2, 3}, kWeights},
          {"bias", {2}, kBias},
          {"empty", {0, 4}, {}},
          {"a \"quoted\" \\ name", {}, std::span(&kScalar, 1)}};
}

TEST_F(SafetensorsTest, WhatIsWrittenIsReadBackBitByBit) {
  ASSERT_TRUE(Write(Example(), {{"run", "7"}, {"name", "größe\n"}}).ok());
  const auto reader = SafetensorsReader::Open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(reader->header().tensors.size(), 4);
  EXPECT_THAT(reader->header().tensors.at("layer.0/weights").shape, ElementsAre(2, 3));
  EXPECT_THAT(reader->header().tensors.at("empty").shape, ElementsAre(0, 4));
  EXPECT_EQ(reader->header().metadata.at("name"), "größe\n");
  std::vector<float> values(6);
  ASSERT_TRUE(reader->Read("layer.0/weights", values).ok());
  EXPECT_EQ(std::memcmp(values.data(), kWeights.data(), 24), 0);
  values.resize(1);
  ASSERT_TRUE(reader->Read("a \"quoted\" \\ name", values).ok());
  EXPECT_EQ(values[0], 42);
  ASSERT_TRUE(reader->Read("empty", std::span<float>()).ok());
}

TEST_F(SafetensorsTest, DoublesKeepTheirBits) {
  const std::vector<double> values = {0.1, -3e-310, std::numeric_limits<double>::quiet_NaN(),
                                      1e300};
  ASSERT_TRUE(Write({{"bias", {2}, kBias}, {"d", {2, 2}, {}, values}}).ok());
  const auto reader = SafetensorsReader::Open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_TRUE(reader->header().tensors.at("d").doubles);
  std::vector<double> read(4);
  ASSERT_TRUE(reader->Read("d", read).ok());
  EXPECT_EQ(std::memcmp(read.data(), values.data(), 32), 0);
  std::vector<float> bias(2);
  ASSERT_TRUE(reader->Read("bias", bias).ok());
  EXPECT_EQ(bias, kBias);
}

TEST_F(SafetensorsTest, SameInputSameBytesAndAlignedData) {
  ASSERT_TRUE(Write(Example(), {{"b", "1"}, {"a", "2"}}).ok());
  const std::string first = Slurp(path_);
  ASSERT_TRUE(Write(Example(), {{"a", "2"}, {"b", "1"}}).ok());
  EXPECT_EQ(Slurp(path_), first);
  uint64_t length = 0;
  std::memcpy(&length, first.data(), 8);
  EXPECT_EQ(length % 8, 0);
  EXPECT_EQ(first.size(), 8 + length + (6 + 2 + 1) * 4);
}

TEST_F(SafetensorsTest, AnIndependentReaderAgrees) {
  if (!HasPythonWithNumpy()) GTEST_SKIP() << "python3 with numpy is missing";
  const std::vector<float> ramp = {0, 1, 2, 3, 4, 5};
  const std::vector<double> doubles = {-2};
  ASSERT_TRUE(Write({{"w", {3, 2}, ramp},
                     {"bias", {2}, kBias},
                     {"s", {}, {&kScalar, 1}},
                     {"d", {1}, {}, doubles}},
                    {{"jobs_done", "12"}, {"name", "größe"}})
                  .ok());
  int status = 0;
  const std::string output = RunPython("read_safetensors.py", path_, &status);
  EXPECT_EQ(status, 0) << output;
  EXPECT_EQ(output,
            "w [3, 2] 000000000000803f00000040000040400000804000"
            "00a040\n"
            "bias [2] 0000e04000000041\n"
            "s [] 00002842\n"
            "d [1] 00000000000000c0\n"
            "{\"jobs_done\": \"12\", \"name\": \"größe\"}\n");
}

TEST_F(SafetensorsTest, WriterRefusesWhatNoReaderWouldTake) {
  const auto error = [&](const std::vector<TensorView>& tensors) {
    const absl::Status status = Write(tensors);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
    return std::string(status.message());
  };
  EXPECT_EQ(error({{"w", {3}, kBias}}),
            "tensor 'w' has shape [3] but 2 values; legal: as many as the product of its shape");
  EXPECT_THAT(error({{"w", {-1, -2}, kBias}}), HasSubstr("[-1, -2]"));
  EXPECT_THAT(error({{"w", {1L << 40, 1L << 40}, kBias}}), HasSubstr("2 values"));
  EXPECT_THAT(error({{"w", {2}, kBias}, {"w", {2}, kBias}}), HasSubstr("'w' is given twice"));
  EXPECT_THAT(error({{"", {2}, kBias}}), HasSubstr("tensor name ''"));
  EXPECT_THAT(error({{"__metadata__", {2}, kBias}}), HasSubstr("legal: printable ASCII"));
  EXPECT_THAT(error({{"a\nb", {2}, kBias}}), HasSubstr("legal: printable ASCII"));
}

TEST_F(SafetensorsTest, ReadErrorsSayWhatIsThere) {
  ASSERT_TRUE(Write(Example()).ok());
  const auto reader = SafetensorsReader::Open(path_);
  ASSERT_TRUE(reader.ok());
  std::vector<float> values(3);
  EXPECT_EQ(
      reader->Read("bias", values).message(),
      absl::StrCat(path_, ": tensor 'bias' has 2 values of float32, but 3 of float32 were asked ",
                   "for; legal: equal"));
  std::vector<double> doubles(2);
  EXPECT_THAT(std::string(reader->Read("bias", doubles).message()),
              HasSubstr("2 values of float32, but 2 of float64"));
  const absl::Status missing = reader->Read("wights", values);
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(
      std::string(missing.message()),
      HasSubstr("has no tensor 'wights'; it has: a \"quoted\" \\ name, bias, empty, layer"));
  EXPECT_EQ(SafetensorsReader::Open(folder_ / "none").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(SafetensorsTest, F17_OnlyRegularFilesAreOpened) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(std::string(SafetensorsReader::Open(path_).status().message()),
            path_ + " is a pipe; legal: a regular file");
  EXPECT_EQ(std::string(SafetensorsReader::Open(folder_ / "").status().message()),
            folder_ / "" + " is a folder; legal: a regular file");
}

TEST_F(SafetensorsTest, DamagedHeadersAreRefused) {
  EXPECT_THAT(OpenError(""), HasSubstr("has 0 bytes; legal: at least 8"));
  EXPECT_THAT(OpenError(std::string(8, '\xff')), HasSubstr("legal: at most 0"));
  EXPECT_THAT(OpenError(FileOf("{", "")), HasSubstr("no JSON object"));
  EXPECT_THAT(OpenError(FileOf("[1]", "")), HasSubstr("no JSON object"));
  const std::string eight(8, 'x');
  const auto error = [&](const std::string& entry) {
    return OpenError(FileOf("{\"w\":" + entry + "}", eight));
  };
  EXPECT_THAT(error("3"), HasSubstr("'w' is no JSON object"));
  EXPECT_THAT(error(R"({"dtype":"F16","shape":[4],"data_offsets":[0,8]})"),
              HasSubstr("'w' has dtype 'F16'; legal: F32, F64"));
  EXPECT_THAT(error(R"({"dtype":"F64","shape":[2],"data_offsets":[0,8]})"),
              HasSubstr("but 8 bytes; legal: 8 bytes an element"));
  EXPECT_THAT(error(R"({"shape":[2],"data_offsets":[0,8]})"), HasSubstr("dtype '(none)'"));
  EXPECT_THAT(error(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), HasSubstr("no shape"));
  EXPECT_THAT(error(R"({"dtype":"F32","shape":[2.5],"data_offsets":[0,8]})"),
              HasSubstr("no shape"));
  EXPECT_THAT(error(R"({"dtype":"F32","shape":[1e300],"data_offsets":[0,8]})"),
              HasSubstr("no shape"));
  EXPECT_THAT(error(R"({"dtype":"F32","shape":[2],"data_offsets":[0]})"),
              HasSubstr("no data_offsets"));
  EXPECT_THAT(error(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"),
              HasSubstr("within the file's 8 data bytes"));
  EXPECT_THAT(error(R"({"dtype":"F32","shape":[3],"data_offsets":[0,12]})"),
              HasSubstr("within the file's 8 data bytes"));
  EXPECT_THAT(error(R"({"dtype":"F32","shape":[1],"data_offsets":[0,8]})"),
              HasSubstr("shape [1] but 8 bytes"));
  EXPECT_THAT(error(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]})"),
              HasSubstr("but 8 bytes"));
  EXPECT_THAT(error(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})"),
              HasSubstr("the tensors have 4 bytes, the file has 8"));
  EXPECT_THAT(error(R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})"),
              HasSubstr("begins at data byte 4; legal: at 0"));
  EXPECT_THAT(error(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                    R"("v":{"dtype":"F32","shape":[1],"data_offsets":[4,8]})"),
              HasSubstr("begins at data byte 4; legal: at 8"));
  EXPECT_THAT(error(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                    R"("w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})"),
              HasSubstr("no JSON object"));
  EXPECT_THAT(OpenError(FileOf(std::string(100000, '['), "")), HasSubstr("no JSON object"));
}

TEST_F(SafetensorsTest, EveryTruncationIsNoticed) {
  ASSERT_TRUE(Write(Example(), {{"run", "7"}}).ok());
  const std::string whole = Slurp(path_);
  for (size_t length = 0; length < whole.size(); ++length) {
    Spill(path_, whole.substr(0, length));
    EXPECT_FALSE(SafetensorsReader::Open(path_).ok()) << length;
  }
}

}  // namespace
}  // namespace gradloom
