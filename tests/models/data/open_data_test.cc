// Train and test sets of a run; what targets mean; gathering examples; the data handed to us.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/data/dataset.h"
#include "tests/models/data/test_files.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
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
  EXPECT_THAT(Message(), HasSubstr("data.train: is missing"));
}

TEST_F(OpenDataTest, TheTestSetGetsTheTrainingSetsClassesAndWidth) {
  Libsvm(spec_.mutable_train(), "train", "-1 1:1\n1 2:1\n3 9:1\n-1 1:1\n");
  Libsvm(spec_.mutable_test(), "test", "3 2:5\n1 1:1\n");
  const TrainAndTest data = Open();
  ASSERT_TRUE(data.train && data.test);
  EXPECT_EQ(data.train->info().classes, 3);
  EXPECT_THAT(data.train->info().class_labels, ElementsAre(-1, 1, 3));
  EXPECT_THAT(data.train->Load(0, 4)->targets, ElementsAre(-1, 1, 3, -1));
  EXPECT_EQ(data.test->info().classes, 3);
  EXPECT_EQ(data.test->info().class_labels, data.train->info().class_labels);
  EXPECT_EQ(data.test->info().features, 9);
  const Examples test = *data.test->Load(0, 2);
  EXPECT_EQ(test.features, 9);
  EXPECT_THAT(test.targets, ElementsAre(3, 1));
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

TEST_F(OpenDataTest, ManyIntegersAreRatherNumbers) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += std::to_string(i) + " 1:1\n";
  Libsvm(spec_.mutable_train(), "train", text);
  EXPECT_EQ(Open().train->info().classes, 100);
  EXPECT_FALSE(Open().train->info().rather_numbers);
  Libsvm(spec_.mutable_train(), "train", text + "100 1:1\n");
  const TrainAndTest data = Open();
  EXPECT_EQ(data.train->info().classes, 101);
  EXPECT_TRUE(data.train->info().rather_numbers);
  EXPECT_THAT(data.train->Load(99, 101)->targets, ElementsAre(99, 100));
}

TEST_F(OpenDataTest, ClassesAreWholeNumbersThatSinglePrecisionTellsApart) {
  Libsvm(spec_.mutable_train(), "train", "1 1:1\n16777217 1:1\n16777216 1:1\n");
  const DatasetInfo info = Open().train->info();
  EXPECT_EQ(info.classes, 0);
  EXPECT_THAT(info.no_classes, HasSubstr("train, line 2: the target 16777216 is none of"));
}

TEST_F(OpenDataTest, TrainAndTestMustAgree) {
  Libsvm(spec_.mutable_train(), "train", "-1 1:1\n1 2:1\n");
  Libsvm(spec_.mutable_test(), "test", "2 1:1\n");
  EXPECT_THAT(Open().train->info().no_classes,
              HasSubstr("data.test has the target 2, which data.train has not"));
  Libsvm(spec_.mutable_test(), "test", "1 1:1\n0.5 1:1\n");
  EXPECT_THAT(Open().train->info().no_classes,
              AllOf(HasSubstr("data.test.libsvm.file: "),
                    HasSubstr("test, line 2: the target 0.5 is no whole number")));
  Libsvm(spec_.mutable_test(), "test", "1 3:1\n");
  EXPECT_THAT(Message(), HasSubstr("data.test has 3 features, data.train has 2; set `features`"));
  spec_.mutable_test()->mutable_classification()->set_features(2);
  EXPECT_THAT(Message(), HasSubstr("dense and sparse data cannot be mixed"));
  spec_.mutable_train()->mutable_classification()->set_features(3);
  EXPECT_THAT(Message(), HasSubstr("data.test has 2 features, data.train has 3"));
}

TEST_F(OpenDataTest, F03_WholeTargetsStayTheNumbersTheyAre) {
  const std::vector<float> x = {1, 2, 3, 4}, y = {100, 200, -300, 200};
  v1::DataSource libsvm, csv, numpy;
  Libsvm(&libsvm, "a", "100 1:1\n200 1:2\n-300 1:3\n200 1:4\n");
  csv.mutable_csv()->set_file(folder_.Write("a.csv", "1,100\n2,200\n3,-300\n4,200\n"));
  numpy.mutable_numpy()->set_features(
      folder_.Write("x.npy", NpyBytes("<f4", "(4,)", RawBytes<float>(x))));
  numpy.mutable_numpy()->set_targets(
      folder_.Write("y.npy", NpyBytes("<i8", "(4,)", RawBytes<int64_t>({100, 200, -300, 200}))));
  for (const v1::DataSource& source : {libsvm, csv, numpy}) {
    *spec_.mutable_train() = source;
    const TrainAndTest data = Open();
    ASSERT_NE(data.train, nullptr);
    EXPECT_EQ(data.train->Load(0, 4)->targets, y);
    EXPECT_EQ(data.train->Load(1, 3)->targets, (std::vector<float>{200, -300}));
    EXPECT_THAT(data.train->info().class_labels, ElementsAre(-300, 100, 200));
    EXPECT_EQ(data.train->info().no_classes, "");
  }
}

TEST_F(OpenDataTest, F03_ATargetThatIsNoClassIsNamedByPlaceAndValue) {
  v1::DataSource& source = *spec_.mutable_train();
  const auto why = [&] { return Open().train->info().no_classes; };
  Libsvm(&source, "a", "1 1:1\n# a comment\n0.5 1:2\n");
  EXPECT_EQ(why(), "data.train.libsvm.file: " + folder_.path() +
                       "/a, line 3: the target 0.5 is no whole number");
  source.mutable_csv()->set_file(folder_.Write("a.csv", "x,y\n1,7\n2,1e-3\n"));
  EXPECT_THAT(why(), HasSubstr("a.csv, line 3: the target 0.001"));
  source.mutable_numpy()->set_features(
      folder_.Write("x.npy", NpyBytes("<f4", "(2,)", RawBytes<float>({1, 2}))));
  source.mutable_numpy()->set_targets(
      folder_.Write("y.npy", NpyBytes("<f4", "(2,)", RawBytes<float>({3, 2.5}))));
  EXPECT_THAT(why(), HasSubstr("y.npy, row 1: the target 2.5 is no whole number"));
  source.mutable_regression();
  EXPECT_EQ(why(), "data.train.regression draws numbers as targets");
}

TEST_F(OpenDataTest, F06_TrainAndTestHaveChecksumsOfEveryValueTargetAndOfTheOrder) {
  using Rows = std::vector<std::vector<int>>;  // features and, last, the target
  const Rows rows = {{1, 2, 0}, {3, 4, 1}, {5, 6, 1}, {7, 8, 0}};
  const std::vector<Rows> others = {
      {{1, 2, 1}, {3, 4, 0}, {5, 6, 0}, {7, 8, 1}},  // all labels flipped
      {{1, 2, 0}, {3, 4, 1}, {5, 6, 1}, {7, 9, 0}},  // a feature
      {{1, 2, 0}, {3, 4, 1}, {5, 6, 1}, {7, 8, 1}},  // a target
      {{3, 4, 1}, {1, 2, 0}, {5, 6, 1}, {7, 8, 0}},  // the order
      {{1, 2, 0}, {3, 4, 1}, {5, 6, 1}},             // the number
      {{2, 1, 0}, {4, 3, 1}, {6, 5, 1}, {8, 7, 0}},  // columns
  };
  const auto csv = [&](const std::string& name, const Rows& data) {
    std::string text;
    for (const auto& row : data) text += absl::StrJoin(row, ",") + "\n";
    v1::DataSource source;
    source.mutable_csv()->set_file(folder_.Write(name, text));
    return source;
  };
  const auto libsvm = [&](const std::string& name, const Rows& data) {
    v1::DataSource source;
    std::string text;
    for (const auto& row : data) text += absl::StrCat(row[2], " 1:", row[0], " 2:", row[1], "\n");
    Libsvm(&source, name, text);
    return source;
  };
  const auto numpy = [&](const std::string& name, const Rows& data) {
    std::vector<float> x;
    std::vector<int8_t> y;
    for (const auto& row : data) {
      x.insert(x.end(), row.begin(), row.end() - 1);
      y.push_back(static_cast<int8_t>(row.back()));
    }
    folder_.Write(
        name,
        ZipBytes({{"x.npy", NpyBytes("<f4", absl::StrCat("(", data.size(), ", 2)"), RawBytes(x))},
                  {"y.npy", NpyBytes("|i1", absl::StrCat("(", data.size(), ",)"), RawBytes(y))}},
                 true));
    v1::DataSource source;
    source.mutable_numpy()->set_features(name + ":x");
    source.mutable_numpy()->set_targets(name + ":y");
    return source;
  };
  const auto idx = [&](const std::string& name, const Rows& data) {
    std::string pixels, labels;
    for (const auto& row : data) {
      pixels += {static_cast<char>(row[0]), static_cast<char>(row[1])};
      labels += static_cast<char>(row[2]);
    }
    const auto count = static_cast<uint32_t>(data.size());
    v1::DataSource source;
    source.mutable_idx()->set_images(folder_.Write(name + ".x", IdxBytes({count, 2}, pixels)));
    source.mutable_idx()->set_labels(folder_.Write(name + ".y", IdxBytes({count}, labels)));
    return source;
  };
  const std::vector<std::function<v1::DataSource(const std::string&, const Rows&)>> formats = {
      csv, libsvm, numpy, idx};
  for (size_t format = 0; format < formats.size(); ++format) {
    const auto& write = formats[format];
    *spec_.mutable_train() = write("train.npz", rows);
    *spec_.mutable_test() = write("test.npz", rows);
    const TrainAndTest data = Open();
    ASSERT_TRUE(data.train && data.test);
    for (size_t other = 0; other < others.size(); ++other) {
      *spec_.mutable_train() = write("train.npz", others[other]);
      *spec_.mutable_test() = write("test.npz", rows);
      const TrainAndTest other_train = Open();
      *spec_.mutable_train() = write("train.npz", rows);
      *spec_.mutable_test() = write("test.npz", others[other]);
      const TrainAndTest other_test = Open();
      ASSERT_TRUE(other_train.train && other_test.test) << format << other;
      EXPECT_NE(other_train.train->info().checksum, data.train->info().checksum) << format << other;
      EXPECT_EQ(other_train.test->info().checksum, data.test->info().checksum) << format << other;
      EXPECT_EQ(other_test.train->info().checksum, data.train->info().checksum) << format << other;
      EXPECT_NE(other_test.test->info().checksum, data.test->info().checksum) << format << other;
    }
  }
}

TEST_F(OpenDataTest, F06_AHoldoutHasAChecksumOfItsOwn) {
  const auto checksums = [&](const std::string& text, int holdout) {
    spec_.mutable_train()->mutable_csv()->set_file(folder_.Write("a.csv", text));
    spec_.set_holdout(holdout);
    const TrainAndTest data = Open();
    return std::pair(data.train->info().checksum, data.test->info().checksum);
  };
  const auto [train, test] = checksums("1,0\n2,1\n3,0\n4,1\n", 2);
  EXPECT_NE(train, test);
  EXPECT_NE(checksums("1,0\n2,1\n3,0\n4,1\n", 1).first, train);
  EXPECT_NE(checksums("1,0\n2,1\n3,0\n4,1\n", 1).second, test);
  EXPECT_NE(checksums("1,0\n2,1\n3,0\n4,0\n", 2).second, test) << "a target of the test set";
  EXPECT_NE(checksums("1,0\n2,1\n5,0\n4,1\n", 2).second, test) << "a feature of the test set";
  EXPECT_NE(checksums("1,1\n2,1\n3,0\n4,1\n", 2).first, train) << "a target of the training set";
}

TEST_F(OpenDataTest, F17_NobodyIsAskedForMoreThanMemoryMayHold) {
  spec_.mutable_train()->mutable_glyphs()->set_count(uint64_t{1} << 40);
  const TrainAndTest data = Open();
  ASSERT_NE(data.train, nullptr);
  EXPECT_THAT(std::string(data.train->Load(0, int64_t{1} << 40).status().message()),
              HasSubstr("of 784 values each asked for; legal: up to 17179869184 values at a time"));
  EXPECT_TRUE(data.train->Load((int64_t{1} << 40) - 1, int64_t{1} << 40).ok());
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
  EXPECT_THAT(examples.targets, ElementsAre(1, -3));
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
