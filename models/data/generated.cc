#include "models/data/generated.h"

#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "models/data/sources.h"
#include "models/data/targets.h"
#include "models/random.h"
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

constexpr uint64_t kMostFeatures = 1 << 24;
constexpr uint64_t kMostCentreValues = 1 << 26;

class RegressionDataset final : public Dataset {
 public:
  absl::Status Open(const v1::RegressionSource& source, const std::string& field) {
    const uint64_t count = source.has_count() ? source.count() : 10000;
    const uint64_t features = source.has_features() ? source.features() : 20;
    seed_ = source.has_seed() ? source.seed() : 1;
    noise_ = source.has_noise() ? source.noise() : 0.1;
    first_ = static_cast<int64_t>(source.first());
    if (absl::Status s = CheckSequence(field, source.first(), count); !s.ok()) return s;
    if (absl::Status s = CheckCount(field + ".features", features, kMostFeatures); !s.ok()) {
      return s;
    }
    if (absl::Status s = CheckSize(field + ".noise", noise_); !s.ok()) return s;
    info_.examples = static_cast<int64_t>(count);
    info_.features = static_cast<int64_t>(features);
    info_.checksum = Crc32c(absl::StrFormat("regression 1 %d %d %d %d %.17g", count, features,
                                            source.first(), seed_, noise_));
    info_.no_classes = absl::StrCat(field, " draws numbers as targets");
    RandomStream stream(seed_, Purpose::kGeneratedData, 0, kModel);
    for (uint64_t i = 0; i < features; ++i) weights_.push_back(stream.NextNormal());
    return absl::OkStatus();
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
  uint64_t seed_ = 0;
  int64_t first_ = 0;
  double noise_ = 0;
  std::vector<double> weights_;
};

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
  absl::Status Open(const v1::ClassificationSource& source, const std::string& field) {
    const uint64_t count = source.has_count() ? source.count() : 10000;
    const uint64_t features = source.has_features() ? source.features() : 20;
    const uint32_t classes = source.has_classes() ? source.classes() : 2;
    const double separation = source.has_separation() ? source.separation() : 2;
    seed_ = source.has_seed() ? source.seed() : 1;
    first_ = static_cast<int64_t>(source.first());
    if (absl::Status s = CheckSequence(field, source.first(), count); !s.ok()) return s;
    if (classes < 2 || classes > 1000) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ".classes: ", classes, "; legal: 2 to 1000"));
    }
    if (absl::Status s = CheckCount(field + ".features", features, kMostCentreValues / classes);
        !s.ok())
      return s;
    if (absl::Status s = CheckSize(field + ".separation", separation); !s.ok()) return s;
    info_.examples = static_cast<int64_t>(count);
    info_.features = static_cast<int64_t>(features);
    SetClasses(static_cast<int>(classes), info_);
    info_.checksum = Crc32c(absl::StrFormat("classification 1 %d %d %d %d %d %.17g", count,
                                            features, classes, source.first(), seed_, separation));
    centres_ = Centres(seed_, info_.classes, info_.features, separation);
    return absl::OkStatus();
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
  uint64_t seed_ = 0;
  int64_t first_ = 0;
  std::vector<std::vector<double>> centres_;
};

}  // namespace

int BalancedLabel(uint64_t seed, int64_t example, int classes) {
  const int64_t block = example / classes;
  const int64_t place = example % classes;
  RandomStream stream(seed, Purpose::kGeneratedData, static_cast<uint64_t>(block), kLabel);
  std::vector<int> order(classes);
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = 0; i <= place; ++i) {
    std::swap(order[i], order[i + static_cast<int64_t>(stream.NextBelow(classes - i))]);
  }
  return order[place];
}

absl::Status CheckCount(const std::string& field, uint64_t value, uint64_t most) {
  if (1 <= value && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", value, "; legal: 1 to ", most));
}

absl::Status CheckSize(const std::string& field, double value) {
  if (value >= 0 && value <= 1e6) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", value, "; legal: 0 to 1e6"));
}

absl::Status CheckSequence(const std::string& field, uint64_t first, uint64_t count) {
  constexpr uint64_t kMost = uint64_t{1} << 48;
  if (absl::Status counted = CheckCount(field + ".count", count, kMost); !counted.ok()) {
    return counted;
  }
  if (first <= kMost) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, ".first: ", first, "; legal: 0 to ", kMost));
}

DatasetOr OpenRegression(const v1::RegressionSource& source, const std::string& field) {
  auto dataset = std::make_unique<RegressionDataset>();
  if (absl::Status opened = dataset->Open(source, field); !opened.ok()) return opened;
  return dataset;
}

DatasetOr OpenClassification(const v1::ClassificationSource& source, const std::string& field) {
  auto dataset = std::make_unique<ClassificationDataset>();
  if (absl::Status opened = dataset->Open(source, field); !opened.ok()) return opened;
  return dataset;
}

}  // namespace gradloom
