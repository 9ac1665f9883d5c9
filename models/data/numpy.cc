// NumPy arrays: features (rows), (rows, columns), (rows, height, width) or (rows, channels, height,
// width), taken as they are; targets (rows) or (rows, 1).
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/data/npy_array.h"
#include "models/data/sources.h"
#include "models/data/targets.h"
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

class NumpyDataset final : public Dataset {
 public:
  NumpyDataset(NpyArray features, std::vector<float> targets, uint64_t checksum)
      : features_(std::move(features)), targets_(std::move(targets)) {
    info_.examples = features_.rows();
    info_.features = features_.row_size();
    const std::vector<int64_t>& shape = features_.shape();
    if (shape.size() >= 3 && info_.features <= std::numeric_limits<int>::max()) {
      info_.channels = shape.size() == 4 ? static_cast<int>(shape[1]) : 1;
      info_.height = static_cast<int>(shape[shape.size() - 2]);
      info_.width = static_cast<int>(shape[shape.size() - 1]);
    }
    info_.checksum = checksum;
  }

  void Scan(const std::string& name) {
    TargetScan scan(name + ", row ");
    for (size_t row = 0; row < targets_.size(); ++row) {
      scan.Add(targets_[row], static_cast<int64_t>(row));
    }
    scan.Tell(info_);
  }

  absl::StatusOr<Examples> Load(int64_t begin, int64_t end) const override {
    if (absl::Status range = CheckLoad(begin, end); !range.ok()) return range;
    Examples examples;
    examples.rows = end - begin;
    examples.features = info_.features;
    examples.targets.assign(targets_.begin() + begin, targets_.begin() + end);
    if (absl::Status read = features_.Append(begin, end, examples.dense); !read.ok()) return read;
    return examples;
  }

 private:
  NpyArray features_;
  std::vector<float> targets_;
};

void Check(const v1::DataSource& source, const std::string& field, Findings* findings) {
  const char* const what = "file.npy, or file.npz:array";
  findings->RequireText(source.numpy().features(), field + ".features", what);
  findings->RequireText(source.numpy().targets(), field + ".targets", what);
}

DatasetOr Open(const v1::DataSource& data, const std::string& field,
               const std::string& base_folder) {
  const v1::NumpySource& source = data.numpy();
  absl::StatusOr<NpyArray> features =
      NpyArray::Open(source.features(), field + ".features", base_folder);
  if (!features.ok()) return features.status();
  absl::StatusOr<NpyArray> targets =
      NpyArray::Open(source.targets(), field + ".targets", base_folder);
  if (!targets.ok()) return targets.status();
  if (features->shape().size() > 4) {
    return absl::InvalidArgumentError(absl::StrCat(features->name(), " has shape ",
                                                   absl::StrJoin(features->shape(), " x "),
                                                   "; legal: one to four dimensions"));
  }
  if (targets->shape().size() > 2 || targets->row_size() != 1) {
    return absl::InvalidArgumentError(absl::StrCat(targets->name(), " has shape ",
                                                   absl::StrJoin(targets->shape(), " x "),
                                                   "; legal: rows, or rows x 1"));
  }
  if (features->rows() != targets->rows()) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, ": ", features->rows(), " rows of features but ", targets->rows(), " targets"));
  }
  if (absl::Status count = CheckExampleCount(targets->name(), targets->rows()); !count.ok()) {
    return count;
  }
  std::vector<float> values;
  if (absl::Status read = targets->Append(0, targets->rows(), values); !read.ok()) return read;
  const uint64_t checksum = Crc32c(absl::StrCat(features->checksum(), " ", targets->checksum()));
  auto dataset = std::make_unique<NumpyDataset>(*std::move(features), std::move(values), checksum);
  dataset->Scan(targets->name());
  return dataset;
}

}  // namespace

extern const SourceKind kNumpySource = {.spec = {.kind = v1::DataSource::kNumpy, .check = Check},
                                        .open = Open};

}  // namespace gradloom
