// y = x.w + noise, x ~ N(0, I).
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "models/data/generated.h"
#include "models/data/sources.h"
#include "models/random.h"
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

class RegressionDataset final : public Dataset {
 public:
  RegressionDataset(const v1::RegressionSource& source, const std::string& field)
      : seed_(source.seed()), first_(static_cast<int64_t>(source.first())), noise_(source.noise()) {
    info_.examples = static_cast<int64_t>(source.count());
    info_.features = static_cast<int64_t>(source.features());
    info_.checksum = Crc32c(absl::StrFormat("regression 1 %d %d %d %d %.17g", source.count(),
                                            source.features(), source.first(), seed_, noise_));
    info_.no_classes = absl::StrCat(field, " draws numbers as targets");
    RandomStream stream(seed_, Purpose::kGeneratedData, 0, kModel);
    for (int64_t i = 0; i < info_.features; ++i) weights_.push_back(stream.NextNormal());
  }

  absl::StatusOr<Examples> Load(int64_t begin, int64_t end) const override {
    if (absl::Status range = CheckLoad(begin, end); !range.ok()) return range;
    Examples examples;
    examples.rows = end - begin;
    examples.features = info_.features;
    examples.dense.reserve(examples.rows * examples.features);
    for (int64_t i = first_ + begin; i < first_ + end; ++i) {
      RandomStream stream(seed_, Purpose::kGeneratedData, static_cast<uint64_t>(i), kFeatures);
      double target = noise_ * stream.NextNormal();
      for (const double weight : weights_) {
        const double x = stream.NextNormal();
        examples.dense.push_back(static_cast<float>(x));
        target += weight * x;
      }
      examples.targets.push_back(static_cast<float>(target));
    }
    return examples;
  }

 private:
  uint64_t seed_;
  int64_t first_;
  double noise_;
  std::vector<double> weights_;
};

constexpr NumberField kNumbers[] = {
    {"count", kCountRange, 10'000}, {"features", Within(1, 1 << 24), 20},
    {"first", kFirstRange},         {"seed", {}, 1},
    {"noise", kSizeRange, 0.1},
};

}  // namespace

extern const SourceKind kRegressionSource = {
    .spec = {.kind = v1::DataSource::kRegression, .numbers = kNumbers},
    .open = [](const v1::DataSource& source, const std::string& field,
               const std::string& /*base_folder*/) -> DatasetOr {
      return std::make_unique<RegressionDataset>(source.regression(), field);
    }};

}  // namespace gradloom
