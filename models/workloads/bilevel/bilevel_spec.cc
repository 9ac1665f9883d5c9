#include "models/workloads/bilevel/bilevel_spec.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "models/workloads/builders.h"

namespace gradloom {
namespace {

#define GRADLOOM_DEFAULT(message, field, value) \
  if (!(message)->has_##field()) (message)->set_##field(value)

constexpr int64_t kMaxBlocks = 1 << 20;
constexpr int64_t kMaxRows = int64_t{1} << 31;
constexpr double kMaxNumber = 1e9;
// In a step. Each lane knows all others.
constexpr int64_t kMaxLanes = 1 << 12;
constexpr int64_t kMaxPlaces = 1 << 16;
// Of all samples of generated blocks, which are in memory.
constexpr double kMaxSampleValues = 0x1p27;

// What the fields of the method depend on.
struct Sizes {
  int64_t blocks = 0, training_rows = 0, validation_rows = 0;
  int64_t block_size = 0;  // 0: known with the data only
};

template <typename Problem>
Sizes SizesOf(const Problem& problem) {
  return {problem.blocks(), problem.training_rows(), problem.validation_rows()};
}

Sizes SizesOf(const v1::Bilevel& spec) {
  switch (spec.problem_case()) {
    case v1::Bilevel::kHospitals:
      return SizesOf(spec.hospitals());
    case v1::Bilevel::kPersonalHeads: {
      Sizes sizes = SizesOf(spec.personal_heads());
      sizes.block_size = spec.personal_heads().hidden();
      return sizes;
    }
    case v1::Bilevel::kSampleWeights:
      return SizesOf(spec.sample_weights());
    case v1::Bilevel::kQuadratic:
      return {spec.quadratic().blocks(), spec.quadratic().samples(), spec.quadratic().samples(),
              spec.quadratic().block_size()};
    default:
      return {};
  }
}

void FillProblem(v1::Bilevel* spec) {
  switch (spec->problem_case()) {
    case v1::Bilevel::kHospitals: {
      auto* hospitals = spec->mutable_hospitals();
      if (hospitals->flips().empty()) {
        for (const double flip : {0.0, 0.1, 0.25, 0.45}) hospitals->add_flips(flip);
      }
      GRADLOOM_DEFAULT(hospitals, seed, 1);
      break;
    }
    case v1::Bilevel::kPersonalHeads: {
      auto* heads = spec->mutable_personal_heads();
      GRADLOOM_DEFAULT(heads, hidden, 16);
      GRADLOOM_DEFAULT(heads, ridge, 0.05);
      break;
    }
    case v1::Bilevel::kSampleWeights: {
      auto* weights = spec->mutable_sample_weights();
      GRADLOOM_DEFAULT(weights, temperature_min, 1);
      GRADLOOM_DEFAULT(weights, temperature_max, 4);
      GRADLOOM_DEFAULT(weights, ridge, 1e-5);
      GRADLOOM_DEFAULT(weights, seed, 1);
      break;
    }
    case v1::Bilevel::kQuadratic: {
      auto* quadratic = spec->mutable_quadratic();
      GRADLOOM_DEFAULT(quadratic, blocks, 20);
      GRADLOOM_DEFAULT(quadratic, block_size, 5);
      GRADLOOM_DEFAULT(quadratic, shared_size, 4);
      GRADLOOM_DEFAULT(quadratic, samples, 64);
      GRADLOOM_DEFAULT(quadratic, noise, 0.5);
      GRADLOOM_DEFAULT(quadratic, seed, 1);
      break;
    }
    default:
      break;
  }
}

// One number and its limits; the first that is not within them is the error.
struct Number {
  const char* name;
  double value;
  double least, most;
  bool above = false;  // `least` itself is not legal
};

absl::Status CheckNumbers(const std::string& field, std::initializer_list<Number> numbers) {
  for (const Number& number : numbers) {
    const bool enough = number.above ? number.value > number.least : number.value >= number.least;
    if (enough && number.value <= number.most) continue;
    return Illegal(absl::StrCat(field, ".", number.name), number.value,
                   absl::StrCat(number.above ? "above " : "", number.least,
                                number.above ? ", up to " : " to ", number.most));
  }
  return absl::OkStatus();
}

template <typename Problem>
absl::Status CheckRows(const Problem& problem, const std::string& field) {
  return CheckNumbers(
      field, {{"blocks", static_cast<double>(problem.blocks()), 1, kMaxBlocks},
              {"training_rows", static_cast<double>(problem.training_rows()), 1, kMaxRows},
              {"validation_rows", static_cast<double>(problem.validation_rows()), 1, kMaxRows}});
}

absl::Status CheckProblem(const v1::Bilevel& spec, const std::string& field) {
  absl::Status status;
  switch (spec.problem_case()) {
    case v1::Bilevel::kHospitals: {
      const auto& hospitals = spec.hospitals();
      status = CheckRows(hospitals, field + ".hospitals");
      if (hospitals.flips_size() > 1024) {
        status.Update(Illegal(field + ".hospitals.flips: their number", hospitals.flips_size(),
                              "up to 1024"));
      }
      for (int i = 0; i < hospitals.flips_size(); ++i) {
        status.Update(CheckNumbers(
            field, {{absl::StrCat("hospitals.flips[", i, "]").c_str(), hospitals.flips(i), 0, 1}}));
      }
      return status;
    }
    case v1::Bilevel::kPersonalHeads:
      status = CheckRows(spec.personal_heads(), field + ".personal_heads");
      status.Update(
          CheckNumbers(field + ".personal_heads",
                       {{"hidden", static_cast<double>(spec.personal_heads().hidden()), 1, 4096},
                        {"ridge", spec.personal_heads().ridge(), 0, kMaxNumber, true}}));
      return status;
    case v1::Bilevel::kSampleWeights: {
      const auto& weights = spec.sample_weights();
      status = CheckRows(weights, field + ".sample_weights");
      status.Update(CheckNumbers(
          field + ".sample_weights",
          {{"temperature_min", weights.temperature_min(), 0, kMaxNumber, true},
           {"temperature_max", weights.temperature_max(), weights.temperature_min(), kMaxNumber},
           {"ridge", weights.ridge(), 0, kMaxNumber, true},
           {"flip", weights.flip(), 0, 1}}));
      return status;
    }
    case v1::Bilevel::kQuadratic: {
      const auto& quadratic = spec.quadratic();
      const double rows = quadratic.block_size(), columns = rows + quadratic.shared_size();
      const double of_sample = 2.0 * quadratic.blocks() * rows * columns;
      return CheckNumbers(field + ".quadratic",
                          {{"blocks", static_cast<double>(quadratic.blocks()), 1, 1000},
                           {"block_size", rows, 1, kMaxHessianRows},
                           {"shared_size", static_cast<double>(quadratic.shared_size()), 1, 200},
                           {"samples", static_cast<double>(quadratic.samples()), 1,
                            std::min(10'000.0, std::floor(kMaxSampleValues / of_sample))},
                           {"noise", quadratic.noise(), 0, 10}});
    }
    default:
      return absl::InvalidArgumentError(absl::StrCat(
          field, ": no problem is given; known: hospitals, personal_heads, sample_weights, ",
          "quadratic"));
  }
}

absl::Status CheckMethod(const v1::Bilevel& spec, const Sizes& sizes, const std::string& field) {
  if (spec.version() != v1::Bilevel::V1 && spec.version() != v1::Bilevel::V2) {
    return Illegal(field + ".version", static_cast<int>(spec.version()), "V1, V2");
  }
  if (!v1::Bilevel::Estimator_IsValid(spec.estimator()) ||
      spec.estimator() == v1::Bilevel::ESTIMATOR_UNSPECIFIED) {
    return Illegal(field + ".estimator", static_cast<int>(spec.estimator()),
                   "MSVR, STORM, MOVING_AVERAGE, PLAIN");
  }
  const int64_t most = std::min(sizes.blocks, spec.lanes() ? kMaxLanes : kMaxPlaces);
  absl::Status status = CheckNumbers(
      field,
      {{"sampled_blocks", static_cast<double>(spec.sampled_blocks()), 1, static_cast<double>(most)},
       {"batch", static_cast<double>(spec.batch()), 1, static_cast<double>(sizes.training_rows)},
       {"validation_batch", static_cast<double>(spec.validation_batch()), 1,
        static_cast<double>(sizes.validation_rows)},
       {"eta", spec.eta(), 0, kMaxNumber, true},
       {"tau", spec.tau(), 0, kMaxNumber, true},
       {"tau_v", spec.tau_v(), 0, kMaxNumber, true},
       {"alpha", spec.alpha(), 0, 1, true},
       {"beta", spec.beta(), 0, 1, true},
       {"gamma", spec.gamma(), 0, kMaxNumber},
       {"radius", spec.radius(), 0, kMaxNumber, true},
       {"hessian_floor", spec.hessian_floor(), 0, kMaxNumber, true}});
  if (!status.ok()) return status;
  if (spec.estimator() == v1::Bilevel::MSVR && !spec.has_gamma() && spec.alpha() == 1) {
    return Illegal(field + ".alpha", spec.alpha(), "below 1 where gamma is not given");
  }
  if (!v1::Bilevel::Late_IsValid(spec.late()) || spec.late() == v1::Bilevel::LATE_UNSPECIFIED) {
    return Illegal(field + ".late", static_cast<int>(spec.late()), "DISCARD, ESTIMATES, PAIRS");
  }
  const double give_up =
      static_cast<double>(spec.give_up().seconds()) + spec.give_up().nanos() * 1e-9;
  if (spec.has_give_up() && !(give_up >= 1e-3)) {
    return Illegal(field + ".give_up", give_up, "at least 1ms");
  }
  if (spec.late() != v1::Bilevel::DISCARD) {
    const std::string late = absl::StrCat(field, ".late = ", v1::Bilevel::Late_Name(spec.late()));
    if (!spec.has_give_up()) {
      return absl::InvalidArgumentError(
          absl::StrCat(late, " without give_up: nothing is ever late; legal is DISCARD"));
    }
    if (spec.version() == v1::Bilevel::V1) {
      return absl::InvalidArgumentError(
          absl::StrCat(late, " with version V1, whose step has two jobs; legal is DISCARD"));
    }
  }
  return sizes.block_size > 0 ? CheckHessianRows(spec, sizes.block_size, field) : absl::OkStatus();
}

}  // namespace

void FillBilevelDefaults(v1::Bilevel* spec) {
  FillProblem(spec);
  if (spec->version() == v1::Bilevel::VERSION_UNSPECIFIED) spec->set_version(v1::Bilevel::V2);
  if (spec->estimator() == v1::Bilevel::ESTIMATOR_UNSPECIFIED) {
    spec->set_estimator(v1::Bilevel::MSVR);
  }
  if (spec->late() == v1::Bilevel::LATE_UNSPECIFIED) spec->set_late(v1::Bilevel::DISCARD);
  if (const Sizes sizes = SizesOf(*spec);
      sizes.blocks > 0 && sizes.training_rows > 0 && sizes.validation_rows > 0) {
    GRADLOOM_DEFAULT(spec, sampled_blocks, std::max<int64_t>(1, sizes.blocks / 4));
    GRADLOOM_DEFAULT(spec, batch, std::min<int64_t>(32, sizes.training_rows));
    GRADLOOM_DEFAULT(spec, validation_batch,
                     std::min<int64_t>(spec->batch(), sizes.validation_rows));
  }
  // A row's logit has a part of 1 / rows in F.
  const double scale =
      spec->has_sample_weights() ? spec->sample_weights().training_rows() / 3.0 : 1;
  GRADLOOM_DEFAULT(spec, eta, 0.3 * std::max(1.0, scale));
  GRADLOOM_DEFAULT(spec, tau, 0.3);
  GRADLOOM_DEFAULT(spec, tau_v, spec->tau());
  GRADLOOM_DEFAULT(spec, alpha, 0.1);
  GRADLOOM_DEFAULT(spec, beta, 0.1);
  GRADLOOM_DEFAULT(spec, radius, 100);
  GRADLOOM_DEFAULT(spec, hessian_floor, 1e-3);
  GRADLOOM_DEFAULT(spec, lanes, true);
}

absl::Status CheckBilevelSpec(const v1::Bilevel& spec, const std::string& field) {
  if (absl::Status status = CheckProblem(spec, field); !status.ok()) return status;
  return CheckMethod(spec, SizesOf(spec), field);
}

absl::Status CheckHessianRows(const v1::Bilevel& spec, int64_t rows, const std::string& field) {
  if (spec.version() != v1::Bilevel::V1 || rows <= kMaxHessianRows) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, ".version = V1 with blocks of ", rows,
                                                 " variables: it handles Hessians of up to ",
                                                 kMaxHessianRows, " rows; legal is V2"));
}

}  // namespace gradloom
