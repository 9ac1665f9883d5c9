// What every data source promises. A new source adds one entry to Cases().
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "models/data/dataset.h"
#include "tests/models/data/test_files.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

struct Case {
  std::string name;
  int64_t examples;
  int64_t features;
  int classes;
  // Writes the source's files, if any; with `changed`, one example differs (or a setting).
  std::function<v1::DataSource(const TempFolder&, bool changed)> write;
};

std::string Pixels(int64_t count, bool changed) {
  std::string pixels;
  for (int64_t i = 0; i < count; ++i) pixels.push_back(static_cast<char>(i * 37 + i / 5));
  if (changed) pixels.back() ^= 1;
  return pixels;
}

std::string Labels(int64_t count, int classes) {
  std::string labels;
  for (int64_t i = 0; i < count; ++i) labels.push_back(static_cast<char>(i * 7 % classes));
  return labels;
}

v1::DataSource WriteIdx(const TempFolder& folder, bool changed, bool gzip) {
  const std::string images = IdxBytes({40, 3, 4}, Pixels(40 * 12, changed));
  const std::string labels = IdxBytes({40}, Labels(40, 5));
  v1::DataSource source;
  source.mutable_idx()->set_images(folder.Write("images", gzip ? Gzip(images) : images));
  source.mutable_idx()->set_labels(folder.Write("labels", gzip ? Gzip(labels) : labels));
  return source;
}

v1::DataSource WriteCifar10(const TempFolder& folder, bool changed) {
  v1::DataSource source;
  for (int file = 0; file < 3; ++file) {
    std::string bytes;
    for (int i = 0; i < 5; ++i) {
      bytes += static_cast<char>((3 * file + i) % 10) + Pixels(3072, changed && file == 2);
    }
    source.mutable_cifar10()->add_files(folder.Write(absl::StrCat("batch", file), bytes));
  }
  return source;
}

v1::DataSource WriteLibsvm(const TempFolder& folder, bool changed) {
  std::string text = "# two classes\n";
  for (int i = 0; i < 30; ++i) {
    text += i % 3 == 0 ? "+1" : "-1";
    for (int j = i % 4 + 1; j < 20; j += 3) {
      absl::StrAppend(&text, " ", j, ":", 0.25 * (i - j));
    }
    text += i == 29 && changed ? " 20:1" : " 20:2";
    text += i % 2 == 0 ? "\n" : " \r\n\n";
  }
  v1::DataSource source;
  source.mutable_libsvm()->set_file(folder.Write("data.libsvm", text));
  return source;
}

v1::DataSource WriteCsv(const TempFolder& folder, bool changed) {
  std::string text = "x,\"the \"\"y\"\"\nof it\",target,z\n";
  for (int i = 0; i < 25; ++i) {
    absl::StrAppend(&text, 0.5 * i, ",\"", 0.5 * i, "\",", 0.1 * i, ",-1e-3\n");
  }
  text += changed ? "1,2,3,4" : "1,2,3,5";
  v1::DataSource source;
  source.mutable_csv()->set_file(folder.Write("data.csv", text));
  source.mutable_csv()->set_target("target");
  return source;
}

v1::DataSource WriteNpy(const TempFolder& folder, bool changed) {
  // More than one block of 256 KiB.
  std::vector<double> x(40 * 1000);
  for (size_t i = 0; i < x.size(); ++i) x[i] = 0.001 * static_cast<double>(i);
  if (changed) x.back() += 1;
  std::vector<int64_t> y(40);
  for (size_t i = 0; i < y.size(); ++i) y[i] = static_cast<int64_t>(i % 3) - 1;
  v1::DataSource source;
  source.mutable_numpy()->set_features(
      folder.Write("x.npy", NpyBytes("<f8", "(40, 2, 20, 25)", RawBytes(x))));
  source.mutable_numpy()->set_targets(folder.Write("y.npy", NpyBytes("<i8", "(40,)", RawBytes(y))));
  return source;
}

v1::DataSource WriteNpz(const TempFolder& folder, bool changed, bool deflated) {
  std::vector<float> x(70000);
  for (size_t i = 0; i < x.size(); ++i) x[i] = 0.5F * static_cast<float>(i % 1000);
  if (changed) x.back() += 1;
  std::vector<float> y(70);
  for (size_t i = 0; i < y.size(); ++i) y[i] = 0.3F * static_cast<float>(i);
  const std::string zip = ZipBytes({{"y.npy", NpyBytes("<f4", "(70, 1)", RawBytes(y))},
                                    {"x.npy", NpyBytes("<f4", "(70, 1000)", RawBytes(x))}},
                                   deflated);
  folder.Write("data.npz", zip);
  v1::DataSource source;
  source.mutable_numpy()->set_features("data.npz:x");
  source.mutable_numpy()->set_targets("data.npz:y");
  return source;
}

v1::DataSource WriteGraphNpz(const TempFolder& folder, bool changed, bool dense) {
  // A path of six nodes, some edges given twice, in both directions, or as loops.
  const std::vector<int32_t> start = {0, 2, 4, 6, 7, 9, 10}, to = {1, 0, 0, 2, 3, 3, 4, 4, 5, 4};
  const std::vector<float> weight(10, 1.0f);
  const std::vector<int32_t> feature = {0, 2, 1, 2, 0, 1}, feature_start = {0, 2, 3, 4, 4, 5, 6};
  std::vector<float> value = {1, 3, 1, -2, 5, 1};
  if (changed) value[1] = 4;
  std::vector<float> matrix(18);
  for (int i = 0; i < 6; ++i) {
    for (int k = feature_start[i]; k < feature_start[i + 1]; ++k)
      matrix[3 * i + feature[k]] = value[k];
  }
  const std::vector<int8_t> labels = {0, 1, 1, 4, 0, 4};
  const std::vector<int64_t> square = {6, 6}, shape = {6, 3};
  std::vector<std::pair<std::string, std::string>> arrays = {
      {"adj_data.npy", NpyBytes("<f4", "(10,)", RawBytes(weight))},
      {"adj_indices.npy", NpyBytes("<i4", "(10,)", RawBytes(to))},
      {"adj_indptr.npy", NpyBytes("<i4", "(7,)", RawBytes(start))},
      {"adj_shape.npy", NpyBytes("<i8", "(2,)", RawBytes(square))},
      {"labels.npy", NpyBytes("|i1", "(6,)", RawBytes(labels))}};
  if (dense) {
    arrays.emplace_back("attr_matrix.npy", NpyBytes("<f4", "(6, 3)", RawBytes(matrix)));
  } else {
    arrays.emplace_back("attr_data.npy", NpyBytes("<f4", "(6,)", RawBytes(value)));
    arrays.emplace_back("attr_indices.npy", NpyBytes("<i4", "(6,)", RawBytes(feature)));
    arrays.emplace_back("attr_indptr.npy", NpyBytes("<i4", "(7,)", RawBytes(feature_start)));
    arrays.emplace_back("attr_shape.npy", NpyBytes("<i8", "(2,)", RawBytes(shape)));
  }
  v1::DataSource source;
  source.mutable_graph_npz()->set_file(folder.Write("graph.npz", ZipBytes(arrays, dense)));
  return source;
}

v1::DataSource WriteGraphCsv(const TempFolder& folder, bool changed) {
  v1::DataSource source;
  source.mutable_graph_csv()->set_edges(
      folder.Write("edges", "from,to\n0,1\n# one more\n1 0\n\n1\t2\n2,2\n3 , 2\n4,3\n4,5\n"));
  source.mutable_graph_csv()->mutable_nodes()->set_file(folder.Write(
      "nodes", absl::StrCat("a,b,c,class\n1,0,", changed ? 4 : 3, ",0\n0,1,0,1\n0,0,-2,1\n",
                            "0,0,0,4\n5,0,0,0\n0,1,0,4\n")));
  return source;
}

const std::vector<Case>& Cases() {
  static const auto& cases = *new std::vector<Case>{
      {"idx", 40, 12, 5, [](auto& folder, bool c) { return WriteIdx(folder, c, false); }},
      {"idx_gzip", 40, 12, 5, [](auto& folder, bool c) { return WriteIdx(folder, c, true); }},
      {"idx_range", 20, 12, 5,
       [](auto& folder, bool c) {
         v1::DataSource source = WriteIdx(folder, c, false);
         source.mutable_idx()->set_first(10);
         source.mutable_idx()->set_count(20);
         return source;
       }},
      {"cifar10", 15, 3072, 10, WriteCifar10},
      {"libsvm", 30, 20, 2, WriteLibsvm},
      {"csv", 26, 3, 0, WriteCsv},
      {"npy", 40, 1000, 3, WriteNpy},
      {"npz", 70, 1000, 0, [](auto& folder, bool c) { return WriteNpz(folder, c, false); }},
      {"npz_deflated", 70, 1000, 0, [](auto& folder, bool c) { return WriteNpz(folder, c, true); }},
      {"glyphs", 30, 784, 10,
       [](auto&, bool c) {
         v1::DataSource source;
         source.mutable_glyphs()->set_count(30);
         source.mutable_glyphs()->set_noise(c ? 0.2 : 0.1);
         return source;
       }},
      {"regression", 50, 6, 0,
       [](auto&, bool c) {
         v1::DataSource source;
         source.mutable_regression()->set_count(50);
         source.mutable_regression()->set_features(6);
         source.mutable_regression()->set_seed(c ? 2 : 3);
         return source;
       }},
      {"classification", 50, 6, 4,
       [](auto&, bool c) {
         v1::DataSource source;
         source.mutable_classification()->set_count(50);
         source.mutable_classification()->set_features(6);
         source.mutable_classification()->set_classes(4);
         source.mutable_classification()->set_first(c ? 7 : 8);
         return source;
       }},
      {"graph_npz", 6, 3, 3, [](auto& folder, bool c) { return WriteGraphNpz(folder, c, false); }},
      {"graph_npz_dense", 6, 3, 3,
       [](auto& folder, bool c) { return WriteGraphNpz(folder, c, true); }},
      {"graph_csv", 6, 3, 3, WriteGraphCsv},
      {"block_model", 80, 50, 4,
       [](auto&, bool c) {
         v1::DataSource source;
         source.mutable_block_model()->set_count(80);
         source.mutable_block_model()->set_features(50);
         source.mutable_block_model()->set_seed(c ? 2 : 3);
         return source;
       }},
  };
  return cases;
}

void AppendTo(Examples& all, const Examples& part) {
  const int64_t offset = static_cast<int64_t>(all.column.size());
  all.rows += part.rows;
  all.dense.insert(all.dense.end(), part.dense.begin(), part.dense.end());
  for (size_t i = 1; i < part.row_start.size(); ++i) {
    all.row_start.push_back(offset + part.row_start[i]);
  }
  all.column.insert(all.column.end(), part.column.begin(), part.column.end());
  all.value.insert(all.value.end(), part.value.begin(), part.value.end());
  all.targets.insert(all.targets.end(), part.targets.begin(), part.targets.end());
}

void ExpectSame(const Examples& a, const Examples& b) {
  EXPECT_EQ(a.rows, b.rows);
  EXPECT_EQ(a.features, b.features);
  EXPECT_EQ(a.sparse, b.sparse);
  EXPECT_EQ(a.dense, b.dense);
  EXPECT_EQ(a.row_start, b.row_start);
  EXPECT_EQ(a.column, b.column);
  EXPECT_EQ(a.value, b.value);
  EXPECT_EQ(a.targets, b.targets);
}

class DatasetContractTest : public ::testing::TestWithParam<Case> {
 protected:
  std::unique_ptr<Dataset> Open(bool changed = false) {
    absl::StatusOr<std::unique_ptr<Dataset>> dataset =
        OpenDataset(GetParam().write(folder_, changed), "data.train", folder_.path());
    EXPECT_TRUE(dataset.ok()) << dataset.status();
    return dataset.ok() ? *std::move(dataset) : nullptr;
  }
  static Examples Load(const Dataset& dataset, int64_t begin, int64_t end) {
    absl::StatusOr<Examples> examples = dataset.Load(begin, end);
    EXPECT_TRUE(examples.ok()) << examples.status();
    return examples.ok() ? *std::move(examples) : Examples();
  }

  TempFolder folder_;
};

TEST_P(DatasetContractTest, InfoDescribesWhatIsLoaded) {
  const std::unique_ptr<Dataset> dataset = Open();
  ASSERT_NE(dataset, nullptr);
  const DatasetInfo& info = dataset->info();
  EXPECT_EQ(info.examples, GetParam().examples);
  EXPECT_EQ(info.features, GetParam().features);
  EXPECT_EQ(info.classes, GetParam().classes);
  EXPECT_EQ(info.class_labels.size(), info.classes);
  EXPECT_EQ(info.no_classes.empty(), info.classes > 0) << info.no_classes;
  if (info.channels != 0) {
    EXPECT_EQ(info.channels * info.height * info.width, info.features);
  }
  const Examples all = Load(*dataset, 0, info.examples);
  EXPECT_EQ(all.rows, info.examples);
  EXPECT_EQ(all.features, info.features);
  EXPECT_EQ(all.sparse, info.sparse);
  ASSERT_EQ(all.targets.size(), info.examples);
  for (const float target : all.targets) {
    EXPECT_TRUE(std::isfinite(target));
    if (info.classes > 0) {
      EXPECT_TRUE(absl::c_binary_search(info.class_labels, target)) << target;
    }
  }
  if (info.sparse) {
    EXPECT_TRUE(all.dense.empty());
    ASSERT_EQ(all.row_start.size(), all.rows + 1);
    EXPECT_EQ(all.row_start.back(), all.column.size());
    EXPECT_EQ(all.value.size(), all.column.size());
    for (const int32_t column : all.column) EXPECT_LT(column, info.features);
  } else {
    EXPECT_EQ(all.dense.size(), all.rows * all.features);
    EXPECT_TRUE(all.row_start.empty());
  }
}

TEST_P(DatasetContractTest, RangesJoinToTheWhole) {
  const std::unique_ptr<Dataset> dataset = Open();
  ASSERT_NE(dataset, nullptr);
  const int64_t n = dataset->info().examples;
  const Examples whole = Load(*dataset, 0, n);
  for (const int64_t step : {int64_t{1}, int64_t{7}, n - 1}) {
    Examples joined = Load(*dataset, 0, 0);
    for (int64_t begin = 0; begin < n; begin += step) {
      AppendTo(joined, Load(*dataset, begin, std::min(begin + step, n)));
    }
    ExpectSame(joined, whole);
  }
}

TEST_P(DatasetContractTest, EmptyRangesHaveAShape) {
  const std::unique_ptr<Dataset> dataset = Open();
  ASSERT_NE(dataset, nullptr);
  for (const int64_t at : {int64_t{0}, int64_t{3}, dataset->info().examples}) {
    const Examples none = Load(*dataset, at, at);
    EXPECT_EQ(none.rows, 0);
    EXPECT_EQ(none.features, dataset->info().features);
    EXPECT_EQ(none.row_start.size(), none.sparse ? 1 : 0);
    EXPECT_TRUE(none.targets.empty());
  }
}

TEST_P(DatasetContractTest, RangesOutsideAreRefused) {
  const std::unique_ptr<Dataset> dataset = Open();
  ASSERT_NE(dataset, nullptr);
  const int64_t n = dataset->info().examples;
  EXPECT_EQ(dataset->Load(-1, 2).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(dataset->Load(3, 2).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(dataset->Load(0, n + 1).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_P(DatasetContractTest, ChecksumIsOfTheData) {
  const std::unique_ptr<Dataset> first = Open();
  const std::unique_ptr<Dataset> again = Open();
  const std::unique_ptr<Dataset> changed = Open(/*changed=*/true);
  ASSERT_TRUE(first && again && changed);
  EXPECT_NE(first->info().checksum, 0);
  EXPECT_EQ(first->info().checksum, again->info().checksum);
  EXPECT_NE(first->info().checksum, changed->info().checksum);
}

TEST_P(DatasetContractTest, LoadsConcurrently) {
  const std::unique_ptr<Dataset> dataset = Open();
  ASSERT_NE(dataset, nullptr);
  const int64_t n = dataset->info().examples;
  std::vector<Examples> loaded(4);
  {
    std::vector<std::jthread> threads;
    for (Examples& examples : loaded) {
      threads.emplace_back([&] { examples = Load(*dataset, n / 3, n); });
    }
  }
  for (const Examples& examples : loaded) ExpectSame(examples, Load(*dataset, n / 3, n));
}

TEST_P(DatasetContractTest, AMissingFileIsNamed) {
  v1::DataSource source = GetParam().write(folder_, false);
  TempFolder empty;
  absl::StatusOr<std::unique_ptr<Dataset>> dataset =
      OpenDataset(source, "data.train", empty.path());
  if (source.has_glyphs() || source.has_regression() || source.has_classification() ||
      source.has_block_model()) {
    EXPECT_TRUE(dataset.ok());
    return;
  }
  EXPECT_EQ(dataset.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(dataset.status().message()), HasSubstr("data.train."));
  EXPECT_THAT(std::string(dataset.status().message()), HasSubstr(empty.path()));
  EXPECT_THAT(std::string(dataset.status().message()), HasSubstr("No such file"));
}

INSTANTIATE_TEST_SUITE_P(Sources, DatasetContractTest, ::testing::ValuesIn(Cases()),
                         [](const auto& info) { return info.param.name; });

TEST(DatasetTest, ASourceIsRequired) {
  const absl::Status status = OpenDataset({}, "data.test", "").status();
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("data.test: is missing; it must be one of: idx, cifar10"));
}

TEST(DatasetTest, AnyFileButAnArchiveMayBeGzipped) {
  using Write = v1::DataSource (*)(const TempFolder&, bool);
  for (const Write write : {Write(&WriteLibsvm), Write(&WriteCsv), Write(&WriteNpy),
                            Write(&WriteCifar10), Write(&WriteGraphCsv)}) {
    TempFolder folder;
    const v1::DataSource source = write(folder, false);
    const auto plain = OpenDataset(source, "data.train", folder.path());
    ASSERT_TRUE(plain.ok()) << plain.status();
    const int64_t n = (*plain)->info().examples;
    const Examples all = *(*plain)->Load(0, n), some = *(*plain)->Load(n / 3, n - 1);
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
      std::stringstream bytes;
      bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
      folder.Write(entry.path().filename().string(), Gzip(bytes.str()));
    }
    const auto gzip = OpenDataset(source, "data.train", folder.path());
    ASSERT_TRUE(gzip.ok()) << gzip.status();
    EXPECT_EQ((*plain)->info().checksum, (*gzip)->info().checksum);
    ExpectSame(*(*gzip)->Load(0, n), all);
    ExpectSame(*(*gzip)->Load(n / 3, n - 1), some);
  }
}

}  // namespace
}  // namespace gradloom
