#include "models/data/dataset.h"

#include <algorithm>
#include <utility>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"
#include "models/data/sources.h"
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

// A range of another dataset, seen with a training set's classes and width.
class DatasetView final : public Dataset {
 public:
  DatasetView(std::shared_ptr<const Dataset> whole, int64_t begin, int64_t end)
      : whole_(std::move(whole)), begin_(begin) {
    info_ = whole_->info();
    info_.examples = end - begin;
    if (info_.examples != whole_->info().examples) {
      const uint64_t range = Crc32c(absl::StrCat("view ", begin, " ", end));
      info_.checksum ^= range << 32;
    }
  }

  // The value that each of the dataset's classes has from now on: a class number or a real target.
  void Relabel(const DatasetInfo& like, std::vector<float> targets) {
    targets_ = std::move(targets);
    info_.classes = like.classes;
    info_.class_labels = like.class_labels;
  }
  void Widen(int64_t features) { info_.features = features; }

  absl::StatusOr<Examples> Load(int64_t begin, int64_t end) const override {
    if (absl::Status range = CheckRange(begin, end, info_.examples); !range.ok()) return range;
    absl::StatusOr<Examples> examples = whole_->Load(begin_ + begin, begin_ + end);
    if (!examples.ok()) return examples;
    examples->features = info_.features;
    if (!targets_.empty()) {
      for (float& target : examples->targets) target = targets_[static_cast<size_t>(target)];
    }
    return examples;
  }

 private:
  std::shared_ptr<const Dataset> whole_;
  int64_t begin_;
  std::vector<float> targets_;
};

// Brings a test set to the training set's classes and width, or says why it cannot be.
absl::Status Align(const DatasetInfo& train, DatasetView& test) {
  const DatasetInfo info = test.info();
  if (info.sparse != train.sparse) {
    return absl::InvalidArgumentError("data.test: dense and sparse data cannot be mixed");
  }
  if (info.features != train.features) {
    if (!train.sparse || info.features > train.features) {
      return absl::InvalidArgumentError(absl::StrCat(
          "data.test has ", info.features, " features, data.train has ", train.features,
          train.sparse ? "; set `features` of both to the larger number" : ""));
    }
    test.Widen(train.features);
  }
  if (info.channels != train.channels || info.height != train.height || info.width != train.width) {
    return absl::InvalidArgumentError(absl::StrCat(
        "data.test has images of ", info.channels, " x ", info.height, " x ", info.width,
        ", data.train of ", train.channels, " x ", train.height, " x ", train.width));
  }
  if (info.class_labels == train.class_labels) return absl::OkStatus();
  if (train.classes == 0) {
    // Real targets that all happen to be integers.
    test.Relabel(train, info.class_labels);
    return absl::OkStatus();
  }
  if (info.classes == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("data.test has real targets, data.train has ", train.classes, " classes"));
  }
  std::vector<float> numbers;
  for (const float label : info.class_labels) {
    const auto place =
        std::lower_bound(train.class_labels.begin(), train.class_labels.end(), label);
    if (place == train.class_labels.end() || *place != label) {
      return absl::InvalidArgumentError(absl::StrCat(
          "data.test has the label ", label, ", which data.train has not; its ", train.classes,
          " labels are ", train.class_labels.front(), " to ", train.class_labels.back()));
    }
    numbers.push_back(static_cast<float>(place - train.class_labels.begin()));
  }
  test.Relabel(train, std::move(numbers));
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRange(int64_t begin, int64_t end, int64_t examples) {
  if (0 <= begin && begin <= end && end <= examples) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("examples [", begin, ", ", end, ") asked for, there are [0, ", examples, ")"));
}

Examples Examples::Gather(const std::vector<int64_t>& index) const {
  Examples out;
  out.rows = static_cast<int64_t>(index.size());
  out.features = features;
  out.sparse = sparse;
  out.targets.reserve(index.size());
  for (const int64_t row : index) {
    ABSL_RAW_CHECK(0 <= row && row < rows, "Gather outside the examples");
    out.targets.push_back(targets[row]);
  }
  if (!sparse) {
    out.dense.reserve(index.size() * features);
    for (const int64_t row : index) {
      const auto first = dense.begin() + row * features;
      out.dense.insert(out.dense.end(), first, first + features);
    }
    return out;
  }
  int64_t nonzeros = 0;
  out.row_start.reserve(index.size() + 1);
  out.row_start.push_back(0);
  for (const int64_t row : index) {
    nonzeros += row_start[row + 1] - row_start[row];
    out.row_start.push_back(nonzeros);
  }
  out.column.reserve(nonzeros);
  out.value.reserve(nonzeros);
  for (const int64_t row : index) {
    const int64_t first = row_start[row];
    const int64_t last = row_start[row + 1];
    out.column.insert(out.column.end(), column.begin() + first, column.begin() + last);
    out.value.insert(out.value.end(), value.begin() + first, value.begin() + last);
  }
  return out;
}

absl::StatusOr<std::unique_ptr<Dataset>> OpenDataset(const v1::DataSource& source,
                                                     const std::string& field,
                                                     const std::string& base_folder) {
  switch (source.source_case()) {
    case v1::DataSource::kIdx:
      return OpenIdx(source.idx(), field + ".idx", base_folder);
    case v1::DataSource::kCifar10:
      return OpenCifar10(source.cifar10(), field + ".cifar10", base_folder);
    case v1::DataSource::kLibsvm:
      return OpenLibsvm(source.libsvm(), field + ".libsvm", base_folder);
    case v1::DataSource::kCsv:
      return OpenCsv(source.csv(), field + ".csv", base_folder);
    case v1::DataSource::kNumpy:
      return OpenNumpy(source.numpy(), field + ".numpy", base_folder);
    case v1::DataSource::kGlyphs:
      return OpenGlyphs(source.glyphs(), field + ".glyphs");
    case v1::DataSource::kRegression:
      return OpenRegression(source.regression(), field + ".regression");
    case v1::DataSource::kClassification:
      return OpenClassification(source.classification(), field + ".classification");
    case v1::DataSource::kGraphNpz:
      return OpenGraphNpz(source.graph_npz(), field + ".graph_npz", base_folder);
    case v1::DataSource::kGraphCsv:
      return OpenGraphCsv(source.graph_csv(), field + ".graph_csv", base_folder);
    case v1::DataSource::kBlockModel:
      return OpenBlockModel(source.block_model(), field + ".block_model");
    case v1::DataSource::SOURCE_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": a source is required; known: idx, cifar10, libsvm, csv, numpy, ",
                   "glyphs, regression, classification, graph_npz, graph_csv, block_model"));
}

absl::StatusOr<TrainAndTest> OpenData(const v1::DataSpec& spec, const std::string& base_folder) {
  absl::StatusOr<std::unique_ptr<Dataset>> opened =
      OpenDataset(spec.train(), "data.train", base_folder);
  if (!opened.ok()) return opened.status();
  TrainAndTest data;
  data.train = *std::move(opened);
  const int64_t examples = data.train->info().examples;
  if (examples == 0) return absl::InvalidArgumentError("data.train has no examples");
  const uint64_t holdout = spec.holdout();
  if (!spec.has_test()) {
    if (holdout == 0) return data;
    if (holdout >= static_cast<uint64_t>(examples)) {
      return absl::InvalidArgumentError(absl::StrCat("data.holdout: ", holdout, "; legal: 0 to ",
                                                     examples - 1,
                                                     ", one less than the training examples"));
    }
    const int64_t kept = examples - static_cast<int64_t>(holdout);
    data.test = std::make_shared<DatasetView>(data.train, kept, examples);
    data.train = std::make_shared<DatasetView>(data.train, 0, kept);
    return data;
  }
  if (holdout != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("data.holdout: ", holdout, " and data.test are given; give one of them"));
  }
  opened = OpenDataset(spec.test(), "data.test", base_folder);
  if (!opened.ok()) return opened.status();
  std::shared_ptr<const Dataset> whole = *std::move(opened);
  if (whole->info().examples == 0) return absl::InvalidArgumentError("data.test has no examples");
  const int64_t test_examples = whole->info().examples;
  auto test = std::make_shared<DatasetView>(std::move(whole), 0, test_examples);
  if (absl::Status aligned = Align(data.train->info(), *test); !aligned.ok()) return aligned;
  data.test = std::move(test);
  return data;
}

}  // namespace gradloom
