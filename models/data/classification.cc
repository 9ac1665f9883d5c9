// Gaussian clusters, one a class.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "models/data/generated.h"
#include "models/data/sources.h"
#include "models/data/targets.h"
#include "models/random.h"
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

constexpr uint64_t kMaxFeatures = 1 << 24;
constexpr uint64_t kMaxCentreValues = 1 << 26;

// Centres of `classes` clusters. Two classes lie opposite each other; as long as there are as many
// directions as classes the centres are orthogonal; either way every two are exactly `separation`
// apart. With more classes than directions they are so in the root mean square only.
std::vector<std::vector<double>> Centres(uint64_t seed, int classes, int64_t features,
                                         double separation) {
  const auto scale = [](std::vector<double>& v, double by) {
    for (double& x : v) x *= by;
  };
  std::vector<std::vector<double>> centres;
  for (int c = 0; c < classes; ++c) {
    RandomStream stream(seed, Purpose::kGeneratedData, c, kModel);
    std::vector<double> direction(features);
    for (double& x : direction) x = stream.NextNormal();
    if (classes > features && classes > 2) {
      scale(direction, 1 / std::sqrt(static_cast<double>(features)));
    } else if (c == 1 && classes == 2) {
      direction = centres[0];
      scale(direction, -1);
    } else {
      for (const std::vector<double>& other : centres) {
        const double along =
            std::inner_product(direction.begin(), direction.end(), other.begin(), 0.0);
        for (int64_t i = 0; i < features; ++i) direction[i] -= along * other[i];
      }
      scale(direction, 1 / std::sqrt(std::inner_product(direction.begin(), direction.end(),
                                                        direction.begin(), 0.0)));
    }
    centres.push_back(std::move(direction));
  }
  for (std::vector<double>& centre : centres) {
    scale(centre, classes == 2 ? separation / 2 : separation * std::sqrt(0.5));
  }
  return centres;
}

class ClassificationDataset final : public Dataset {
 public:
  explicit ClassificationDataset(const v1::ClassificationSource& source)
      : seed_(source.seed()), first_(static_cast<int64_t>(source.first())) {
    info_.examples = static_cast<int64_t>(source.count());
    info_.features = static_cast<int64_t>(source.features());
    SetClasses(static_cast<int>(source.classes()), info_);
    info_.checksum = Crc32c(absl::StrFormat("classification 1 %d %d %d %d %d %.17g", source.count(),
                                            source.features(), source.classes(), source.first(),
                                            seed_, source.separation()));
    centres_ = Centres(seed_, info_.classes, info_.features, source.separation());
  }

  absl::StatusOr<Examples> Load(int64_t begin, int64_t end) const override {
    if (absl::Status range = CheckLoad(begin, end); !range.ok()) return range;
    Examples examples;
    examples.rows = end - begin;
    examples.features = info_.features;
    examples.dense.reserve(examples.rows * examples.features);
    for (int64_t i = first_ + begin; i < first_ + end; ++i) {
      const int label = BalancedLabel(seed_, i, info_.classes);
      RandomStream stream(seed_, Purpose::kGeneratedData, static_cast<uint64_t>(i), kFeatures);
      for (const double centre : centres_[label]) {
        examples.dense.push_back(static_cast<float>(centre + stream.NextNormal()));
      }
      examples.targets.push_back(static_cast<float>(label));
    }
    return examples;
  }

 private:
  uint64_t seed_;
  int64_t first_;
  std::vector<std::vector<double>> centres_;
};

constexpr NumberField kNumbers[] = {
    {"count", kCountRange, 10'000},
    {"features", Within(1, kMaxFeatures), 20},
    {"classes", Within(2, 1000), 2},
    {"first", kFirstRange},
    {"seed", {}, 1},
    {"separation", kSizeRange, 2},
};

void Check(const v1::DataSource& data, const std::string& field, Findings* findings) {
  const v1::ClassificationSource& source = data.classification();
  const uint64_t most = kMaxCentreValues / std::max(source.classes(), 1U);
  findings->Require(source.features() <= most, field + ".features", source.features(),
                    absl::StrCat("at most ", most, " for ", source.classes(), " classes"));
}

}  // namespace

extern const SourceKind kClassificationSource = {
    .spec = {.kind = v1::DataSource::kClassification, .numbers = kNumbers, .check = Check},
    .open = [](const v1::DataSource& source, const std::string& /*field*/,
               const std::string& /*base_folder*/) -> DatasetOr {
      return std::make_unique<ClassificationDataset>(source.classification());
    }};

}  // namespace gradloom
