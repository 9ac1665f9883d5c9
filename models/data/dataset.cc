#include "models/data/dataset.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "models/data/sources.h"
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

// A range of another dataset, with an info of its own: of another width or other classes.
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

  DatasetInfo& mutable_info() { return info_; }

  absl::StatusOr<Examples> Load(int64_t begin, int64_t end) const override {
    if (absl::Status range = CheckLoad(begin, end); !range.ok()) return range;
    absl::StatusOr<Examples> examples = whole_->Load(begin_ + begin, begin_ + end);
    if (!examples.ok()) return examples;
    examples->features = info_.features;
    return examples;
  }

 private:
  std::shared_ptr<const Dataset> whole_;
  int64_t begin_;
};

// Brings a test set to the training set's width, or says why it cannot be.
absl::Status AlignShape(const DatasetInfo& train, DatasetInfo& info) {
  if (info.sparse != train.sparse) {
    return absl::InvalidArgumentError("data.test: dense and sparse data cannot be mixed");
  }
  if (info.features != train.features) {
    if (!train.sparse || info.features > train.features) {
      return absl::InvalidArgumentError(absl::StrCat(
          "data.test has ", info.features, " features, data.train has ", train.features,
          train.sparse ? "; set `features` of both to the larger number" : ""));
    }
    info.features = train.features;
  }
  if (info.channels != train.channels || info.height != train.height || info.width != train.width) {
    return absl::InvalidArgumentError(absl::StrCat(
        "data.test has images of ", info.channels, " x ", info.height, " x ", info.width,
        ", data.train of ", train.channels, " x ", train.height, " x ", train.width));
  }
  return absl::OkStatus();
}

// Why the training set's classes are not those of the test set's targets; empty when they are.
std::string ForeignClasses(const DatasetInfo& train, const DatasetInfo& test) {
  if (test.classes == 0) return test.no_classes;
  for (const float label : test.class_labels) {
    if (absl::c_binary_search(train.class_labels, label)) continue;
    return absl::StrFormat(
        "data.test has the target %.9g, which data.train has not; its %d classes are %.9g to %.9g",
        label, train.classes, train.class_labels.front(), train.class_labels.back());
  }
  return "";
}

}  // namespace

absl::Status Dataset::CheckLoad(int64_t begin, int64_t end) const {
  constexpr int64_t kMaxValues = int64_t{1} << 34;
  if (begin < 0 || end < begin || end > info_.examples) {
    return absl::InvalidArgumentError(absl::StrCat(
        "examples [", begin, ", ", end, ") asked for, there are [0, ", info_.examples, ")"));
  }
  const int64_t width = info_.sparse ? 1 : info_.features;
  if (width == 0 || end - begin <= kMaxValues / width) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("examples [", begin, ", ", end, ") of ", width,
                                                 " values each asked for; legal: up to ",
                                                 kMaxValues, " values at a time"));
}

absl::Status CheckExampleCount(absl::string_view name, int64_t examples) {
  if (examples <= kMaxExamples) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " has ", examples, " rows or more; legal: up to ", kMaxExamples));
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
  auto train = std::make_shared<DatasetView>(data.train, 0, examples);
  auto test = std::make_shared<DatasetView>(std::move(whole), 0, test_examples);
  DatasetInfo& info = test->mutable_info();
  if (absl::Status aligned = AlignShape(train->info(), info); !aligned.ok()) return aligned;
  if (train->info().classes > 0) {
    train->mutable_info().no_classes = ForeignClasses(train->info(), info);
  }
  info.classes = train->info().classes;
  info.class_labels = train->info().class_labels;
  info.no_classes = train->info().no_classes;
  info.rather_numbers = train->info().rather_numbers;
  data.train = std::move(train);
  data.test = std::move(test);
  return data;
}

}  // namespace gradloom
