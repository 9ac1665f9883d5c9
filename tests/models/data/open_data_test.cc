// Train and test sets of a run; what targets mean; gathering examples; the data handed to us.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "models/data/dataset.h"
#include "tests/models/data/test_files.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OpenDataTest : public ::testing::Test {
 protected:
  void Libsvm(v1::DataSource* source, const std::string& name, const std::string& text) {
    source->mutable_libsvm()->set_file(folder_.Write(name, text));
  }
  TrainAndTest Open() {
    absl::StatusOr<TrainAndTest> data = OpenData(spec_, folder_.path());
    EXPECT_TRUE(data.ok()) << data.status();
    return data.ok() ? *data : TrainAndTest();
  }
  std::string Message() { return std::string(OpenData(spec_, folder_.path()).status().message()); }

  TempFolder folder_;
  v1::DataSpec spec_;
};

TEST_F(OpenDataTest, HoldoutIsTheEndOfTrain) {
  spec_.mutable_train()->mutable_regression()->set_count(10);
  spec_.set_holdout(3);
  const TrainAndTest data = Open();
  ASSERT_TRUE(data.train && data.test);
  EXPECT_EQ(data.train->info().examples, 7);
  EXPECT_EQ(data.test->info().examples, 3);
  EXPECT_NE(data.train->info().checksum, data.test->info().checksum);
  spec_.clear_holdout();
  const TrainAndTest whole = Open();
  EXPECT_EQ(whole.test, nullptr);
  EXPECT_EQ(data.train->Load(2, 7)->dense, whole.train->Load(2, 7)->dense);
  EXPECT_EQ(data.test->Load(1, 3)->targets, whole.train->Load(8, 10)->targets);
  EXPECT_FALSE(data.train->Load(6, 8).ok());
}

TEST_F(OpenDataTest, HoldoutMustLeaveSomething) {
  spec_.mutable_train()->mutable_regression()->set_count(10);
  spec_.set_holdout(10);
  EXPECT_THAT(Message(), HasSubstr("data.holdout: 10; legal: 0 to 9"));
  spec_.set_holdout(2);
  *spec_.mutable_test() = spec_.train();
  EXPECT_THAT(Message(), HasSubstr("data.holdout: 2 and data.test are given"));
}

TEST_F(OpenDataTest, TrainIsRequired) {
  EXPECT_THAT(Message(), HasSubstr("data.train: a source is required"));
}

TEST_F(OpenDataTest, TheTestSetGetsTheTrainingSetsClassesAndWidth) {
  Libsvm(spec_.mutable_train(), "train", "-1 1:1\n1 2:1\n3 9:1\n-1 1:1\n");
  Libsvm(spec_.mutable_test(), "test", "3 2:5\n1 1:1\n");
  const TrainAndTest data = Open();
  ASSERT_TRUE(data.train && data.test);
  EXPECT_EQ(data.train->info().classes, 3);
  EXPECT_THAT(data.train->info().class_labels, ElementsAre(-1, 1, 3));
  EXPECT_THAT(data.train->Load(0, 4)->targets, ElementsAre(0, 1, 2, 0));
  EXPECT_EQ(data.test->info().classes, 3);
  EXPECT_EQ(data.test->info().features, 9);
  const Examples test = *data.test->Load(0, 2);
  EXPECT_EQ(test.features, 9);
  EXPECT_THAT(test.targets, ElementsAre(2, 1));
}

TEST_F(OpenDataTest, RealTargetsStayReal) {
  Libsvm(spec_.mutable_train(), "train", "-1.5 1:1\n1 2:1\n3 3:1\n");
  Libsvm(spec_.mutable_test(), "test", "7 1:1\n-2 3:1\n");
  const TrainAndTest data = Open();
  ASSERT_TRUE(data.train && data.test);
  EXPECT_EQ(data.train->info().classes, 0);
  EXPECT_EQ(data.test->info().classes, 0);
  EXPECT_THAT(data.test->Load(0, 2)->targets, ElementsAre(7, -2));
}

TEST_F(OpenDataTest, ManyIntegersAreRealTargets) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += std::to_string(i) + " 1:1\n";
  Libsvm(spec_.mutable_train(), "train", text);
  EXPECT_EQ(Open().train->info().classes, 100);
  Libsvm(spec_.mutable_train(), "train", text + "100 1:1\n");
  const TrainAndTest data = Open();
  EXPECT_EQ(data.train->info().classes, 0);
  EXPECT_THAT(data.train->Load(99, 101)->targets, ElementsAre(99, 100));
}

TEST_F(OpenDataTest, TrainAndTestMustAgree) {
  Libsvm(spec_.mutable_train(), "train", "-1 1:1\n1 2:1\n");
  Libsvm(spec_.mutable_test(), "test", "2 1:1\n");
  EXPECT_THAT(Message(), HasSubstr("data.test has the label 2, which data.train has not"));
  Libsvm(spec_.mutable_test(), "test", "0.5 1:1\n");
  EXPECT_THAT(Message(), HasSubstr("data.test has real targets, data.train has 2 classes"));
  Libsvm(spec_.mutable_test(), "test", "1 3:1\n");
  EXPECT_THAT(Message(), HasSubstr("data.test has 3 features, data.train has 2; set `features`"));
  spec_.mutable_test()->mutable_classification()->set_features(2);
  EXPECT_THAT(Message(), HasSubstr("dense and sparse data cannot be mixed"));
  spec_.mutable_train()->mutable_classification()->set_features(3);
  EXPECT_THAT(Message(), HasSubstr("data.test has 2 features, data.train has 3"));
}

TEST(CsvTest, QuotesHeadersDelimitersAndLineEnds) {
  TempFolder folder;
  v1::DataSource source;
  source.mutable_csv()->set_file(
      folder.Write("a.csv",
                   "\xef\xbb\xbf"
                   "a\t\"b\tc\"\tlabel\r\n1\t\"2.5\"\t7\r\n\r\n-3\t+4\t5"));
  source.mutable_csv()->set_delimiter("\\t");
  source.mutable_csv()->set_target("a");
  absl::StatusOr<std::unique_ptr<Dataset>> dataset =
      OpenDataset(source, "data.train", folder.path());
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT((*dataset)->info().class_labels, ElementsAre(-3, 1));
  const Examples examples = *(*dataset)->Load(0, 2);
  EXPECT_THAT(examples.dense, ElementsAre(2.5, 7, 4, 5));
  EXPECT_THAT(examples.targets, ElementsAre(1, 0));
}

TEST(CsvTest, AColumnMayBeNamedByNumber) {
  TempFolder folder;
  v1::DataSource source;
  source.mutable_csv()->set_file(folder.Write("a.csv", "0.5,1,2\n1.5,3,4\n"));
  source.mutable_csv()->set_target("0");
  const auto dataset = OpenDataset(source, "data.train", folder.path());
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT((*dataset)->Load(0, 2)->dense, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT((*dataset)->Load(0, 2)->targets, ElementsAre(0.5, 1.5));
}

TEST(LibsvmTest, RowsMayBeExtremelyWide) {
  TempFolder folder;
  v1::DataSource source;
  source.mutable_libsvm()->set_file(folder.Write("a", "1 1:1 2147483647:2\n0\n1 5:3\n"));
  const auto dataset = OpenDataset(source, "data.train", folder.path());
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->info().features, 2147483647);
  const Examples examples = *(*dataset)->Load(0, 3);
  EXPECT_THAT(examples.row_start, ElementsAre(0, 2, 2, 3));
  EXPECT_THAT(examples.column, ElementsAre(0, 2147483646, 4));
  EXPECT_THAT(examples.value, ElementsAre(1, 2, 3));
}

TEST(NumpyTest, EveryElementType) {
  TempFolder folder;
  const std::vector<std::pair<std::string, std::string>> arrays = {
      {"|b1", RawBytes<uint8_t>({0, 1, 1})},  {"|i1", RawBytes<int8_t>({0, 1, 1})},
      {"<i2", RawBytes<int16_t>({0, 1, 1})},  {"<i4", RawBytes<int32_t>({0, 1, 1})},
      {"<i8", RawBytes<int64_t>({0, 1, 1})},  {"|u1", RawBytes<uint8_t>({0, 1, 1})},
      {"<u2", RawBytes<uint16_t>({0, 1, 1})}, {"<u4", RawBytes<uint32_t>({0, 1, 1})},
      {"<u8", RawBytes<uint64_t>({0, 1, 1})}, {"<f4", RawBytes<float>({0, 1, 1})},
      {"<f8", RawBytes<double>({0, 1, 1})},
  };
  for (const auto& [type, bytes] : arrays) {
    v1::DataSource source;
    source.mutable_numpy()->set_features(folder.Write("x.npy", NpyBytes(type, "(3, 1)", bytes)));
    source.mutable_numpy()->set_targets(folder.Write("y.npy", NpyBytes(type, "(3,)", bytes)));
    const auto dataset = OpenDataset(source, "data.train", folder.path());
    ASSERT_TRUE(dataset.ok()) << type << dataset.status();
    EXPECT_EQ((*dataset)->info().classes, 2) << type;
    EXPECT_THAT((*dataset)->Load(0, 3)->dense, ElementsAre(0, 1, 1)) << type;
  }
}

TEST(RegressionTest, TargetsAreLinearInTheFeaturesUpToNoise) {
  v1::DataSource source;
  source.mutable_regression()->set_features(1);
  source.mutable_regression()->set_noise(0);
  const Examples examples = *(*OpenDataset(source, "data.train", ""))->Load(0, 100);
  const double weight = examples.targets[0] / examples.dense[0];
  for (int i = 0; i < 100; ++i) {
    EXPECT_NEAR(examples.targets[i], weight * examples.dense[i], 1e-5);
  }
}

TEST(ClassificationTest, CentresAreSeparated) {
  for (const int classes : {2, 5}) {
    v1::DataSource source;
    source.mutable_classification()->set_features(5);
    source.mutable_classification()->set_classes(classes);
    source.mutable_classification()->set_separation(3);
    const Examples examples = *(*OpenDataset(source, "data.train", ""))->Load(0, 10000);
    std::vector<std::vector<double>> mean(classes, std::vector<double>(5));
    for (int i = 0; i < 10000; ++i) {
      for (int j = 0; j < 5; ++j) {
        mean[static_cast<int>(examples.targets[i])][j] +=
            examples.dense[5 * i + j] * classes / 10000.0;
      }
    }
    for (int a = 0; a < classes; ++a) {
      for (int b = 0; b < a; ++b) {
        double squares = 0;
        for (int j = 0; j < 5; ++j) squares += std::pow(mean[a][j] - mean[b][j], 2);
        EXPECT_NEAR(std::sqrt(squares), 3, 0.2);
      }
    }
  }
}

TEST(ExamplesTest, GatherDense) {
  Examples examples;
  examples.rows = 3;
  examples.features = 2;
  examples.dense = {1, 2, 3, 4, 5, 6};
  examples.targets = {7, 8, 9};
  const Examples gathered = examples.Gather({2, 0, 2});
  EXPECT_EQ(gathered.rows, 3);
  EXPECT_EQ(gathered.features, 2);
  EXPECT_THAT(gathered.dense, ElementsAre(5, 6, 1, 2, 5, 6));
  EXPECT_THAT(gathered.targets, ElementsAre(9, 7, 9));
  EXPECT_EQ(examples.Gather({}).rows, 0);
}

TEST(ExamplesTest, GatherSparse) {
  Examples examples;
  examples.rows = 3;
  examples.features = 9;
  examples.sparse = true;
  examples.row_start = {0, 2, 2, 3};
  examples.column = {1, 8, 4};
  examples.value = {10, 20, 30};
  examples.targets = {7, 8, 9};
  const Examples gathered = examples.Gather({2, 1, 0});
  EXPECT_TRUE(gathered.sparse);
  EXPECT_EQ(gathered.features, 9);
  EXPECT_THAT(gathered.row_start, ElementsAre(0, 1, 1, 3));
  EXPECT_THAT(gathered.column, ElementsAre(4, 1, 8));
  EXPECT_THAT(gathered.value, ElementsAre(30, 10, 20));
  EXPECT_THAT(gathered.targets, ElementsAre(9, 8, 7));
}

// Real files, where the environment has them.
class RealDataTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("GRADLOOM_DATA");
    folder_ = folder != nullptr ? folder : GRADLOOM_DEFAULT_DATA;
    if (!std::filesystem::exists(folder_)) {
      GTEST_SKIP() << "no data folder at " << folder_ << "; set GRADLOOM_DATA";
    }
  }
  TrainAndTest Open(const v1::DataSpec& spec) {
    absl::StatusOr<TrainAndTest> data = OpenData(spec, folder_);
    EXPECT_TRUE(data.ok()) << data.status();
    return data.ok() ? *data : TrainAndTest();
  }
  std::string folder_;
};

TEST_F(RealDataTest, Mnist) {
  v1::DataSpec spec;
  v1::IdxSource& idx = *spec.mutable_train()->mutable_idx();
  idx.set_images("mnist10k/t10k-images-idx3-ubyte.gz");
  idx.set_labels("mnist10k/t10k-labels-idx1-ubyte.gz");
  spec.set_holdout(2000);
  const TrainAndTest data = Open(spec);
  ASSERT_TRUE(data.train && data.test);
  EXPECT_EQ(data.train->info().examples, 8000);
  EXPECT_EQ(data.test->info().examples, 2000);
  EXPECT_EQ(data.train->info().height, 28);
  EXPECT_EQ(data.train->info().width, 28);
  EXPECT_EQ(data.train->info().classes, 10);
  EXPECT_THAT(data.train->Load(0, 4)->targets, ElementsAre(7, 2, 1, 0));
  EXPECT_THAT(data.test->Load(1998, 2000)->targets, ElementsAre(5, 6));
}

TEST_F(RealDataTest, A8aAndA9aTest) {
  v1::DataSpec spec;
  spec.mutable_train()->mutable_libsvm()->set_file("libsvm/a8a");
  spec.mutable_test()->mutable_libsvm()->set_file("libsvm/a9a.t");
  const TrainAndTest data = Open(spec);
  ASSERT_TRUE(data.train && data.test);
  EXPECT_EQ(data.train->info().examples, 22696);
  EXPECT_EQ(data.train->info().features, 123);
  EXPECT_THAT(data.train->info().class_labels, ElementsAre(-1, 1));
  EXPECT_EQ(data.test->info().examples, 16281);
  EXPECT_EQ(data.test->info().features, 123);  // the file itself has 122
}

TEST_F(RealDataTest, NpzWrittenByNumpy) {
  v1::DataSource source;
  source.mutable_numpy()->set_features("graphs/cora.npz:attr_shape");
  source.mutable_numpy()->set_targets("graphs/cora.npz:adj_shape.npy");
  const auto dataset = OpenDataset(source, "data.train", folder_);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT((*dataset)->Load(0, 2)->dense, ElementsAre(2708, 1433));
  source.mutable_numpy()->set_features("graphs/cora.npz:node_names");
  EXPECT_THAT(std::string(OpenDataset(source, "data.train", folder_).status().message()),
              HasSubstr("elements of type '<U7'"));
}

}  // namespace
}  // namespace gradloom
