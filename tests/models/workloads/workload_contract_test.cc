// What every workload promises, over a table of specs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <thread>

#include "tests/models/workloads/workload_cases.h"

namespace gradloom {
namespace {

class WorkloadContract : public testing::TestWithParam<WorkloadCase> {
 protected:
  WorkloadContract()
      : workload_(WorkloadOf(GetParam())), parameters_(RandomParameters(*workload_, 5)) {}

  static std::vector<int64_t> Ids(int64_t first, int64_t count) {
    std::vector<int64_t> ids(count);
    std::iota(ids.begin(), ids.end(), first);
    return ids;
  }

  // The reply for a batch whose first example is number `first_id`.
  std::vector<float> Sum(const std::vector<float>& parameters, const Examples& batch,
                         int64_t first_id = 0, int64_t job = 3) const {
    std::vector<float> sum(workload_->lanes()[0].reply_length);
    AddTo(parameters, batch, first_id, job, &sum);
    return sum;
  }
  void AddTo(const std::vector<float>& parameters, const Examples& batch, int64_t first_id,
             int64_t job, std::vector<float>* sum) const {
    const auto status = workload_->AddSum({.segments = {parameters}, .seed = 11, .job = job}, batch,
                                          Ids(first_id, batch.rows), *sum);
    ASSERT_TRUE(status.ok()) << status;
  }
  double Loss(const std::vector<float>& parameters, const Examples& batch) const {
    return Sum(parameters, batch)[workload_->parameters() + kLossSum];
  }
  double GradientNorm(const std::vector<float>& sum) const {
    double square = 0;
    for (int64_t i = 0; i < workload_->parameters(); ++i) square += double{sum[i]} * sum[i];
    return std::sqrt(square);
  }

  std::unique_ptr<Workload> workload_;
  std::vector<float> parameters_;
};

TEST_P(WorkloadContract, GradientMatchesCentralDifferencesAlongDirections) {
  const Examples batch = RandomExamples(GetParam(), 12, 1);
  const std::vector<float> sum = Sum(parameters_, batch);
  const double norm = GradientNorm(sum);
  const int64_t count = workload_->parameters();
  ASSERT_GT(norm, 1e-3);
  RandomStream stream(9, Purpose::kGeneratedData);
  for (int trial = 0; trial < 6; ++trial) {
    // First the gradient's own direction, where the loss moves most, then random ones that lean to
    // it, so that the derivative is never lost in rounding.
    std::vector<double> direction(count);
    double square = 0;
    for (int64_t i = 0; i < count; ++i) {
      direction[i] = sum[i] / norm + (trial == 0 ? 0 : stream.NextNormal() / std::sqrt(count));
      square += direction[i] * direction[i];
    }
    const double step = 2e-3 / std::sqrt(square);
    std::vector<float> up = parameters_, down = parameters_;
    double expected = 0;  // with the steps as rounded
    for (int64_t i = 0; i < count; ++i) {
      up[i] += static_cast<float>(step * direction[i]);
      down[i] -= static_cast<float>(step * direction[i]);
      expected += (double{up[i]} - down[i]) * sum[i];
    }
    EXPECT_NEAR(Loss(up, batch) - Loss(down, batch), expected, 0.01 * std::abs(expected))
        << "direction " << trial;
  }
}

TEST_P(WorkloadContract, GradientMatchesCentralDifferencesByCoordinate) {
  const Examples batch = RandomExamples(GetParam(), 6, 2);
  const std::vector<float> sum = Sum(parameters_, batch);
  const int64_t count = workload_->parameters();
  const double largest =
      std::abs(*std::max_element(sum.begin(), sum.begin() + count,
                                 [](float a, float b) { return std::abs(a) < std::abs(b); }));
  const double loss = Loss(parameters_, batch);
  const int64_t stride = std::max<int64_t>(1, count / 150);
  for (int64_t i = 0; i < count; i += stride) {
    std::vector<float> up = parameters_, down = parameters_;
    up[i] += 4e-3f;
    down[i] -= 4e-3f;
    // Between the one-sided slopes: they differ where a step crosses the kink of a ReLU.
    const double right = (Loss(up, batch) - loss) / (double{up[i]} - parameters_[i]);
    const double left = (loss - Loss(down, batch)) / (double{parameters_[i]} - down[i]);
    const double tolerance = 0.02 * largest + 1e-3;
    EXPECT_GE(sum[i], std::min(left, right) - tolerance) << "coordinate " << i;
    EXPECT_LE(sum[i], std::max(left, right) + tolerance) << "coordinate " << i;
  }
}

TEST_P(WorkloadContract, SumsAddUp) {
  if (GetParam().group >= 30) GTEST_SKIP() << "one group is a whole sub-batch";
  const int64_t cut = GetParam().group == 1 ? 14 : GetParam().group;
  const Examples all = RandomExamples(GetParam(), 30, 3);
  const std::vector<float> whole = Sum(parameters_, all);
  const std::vector<float> head = Sum(parameters_, RowsOf(all, 0, cut));
  const std::vector<float> tail = Sum(parameters_, RowsOf(all, cut, 30), cut);
  std::vector<float> swapped(workload_->lanes()[0].reply_length);
  AddTo(parameters_, RowsOf(all, cut, 30), cut, 3, &swapped);
  AddTo(parameters_, RowsOf(all, 0, cut), 0, 3, &swapped);
  const double scale = GradientNorm(whole);
  for (size_t i = 0; i < whole.size(); ++i) {
    EXPECT_NEAR(whole[i], double{head[i]} + tail[i], 1e-5 * (scale + std::abs(whole[i]))) << i;
    EXPECT_NEAR(whole[i], swapped[i], 1e-5 * (scale + std::abs(whole[i]))) << i;
  }
  EXPECT_EQ(whole[workload_->parameters() + kExamples], 30);
}

TEST_P(WorkloadContract, AddSumAddsToWhatIsThere) {
  const Examples batch = RandomExamples(GetParam(), 10, 4);
  const std::vector<float> once = Sum(parameters_, batch);
  std::vector<float> twice = once;
  AddTo(parameters_, batch, 0, 3, &twice);
  const double scale = GradientNorm(once);
  for (size_t i = 0; i < once.size(); ++i) EXPECT_NEAR(twice[i], 2 * once[i], 1e-5 * scale + 1e-5);
}

// The headline promise: bits depend on values alone.
TEST_P(WorkloadContract, SameBitsOnAnyThreadAndAtAnyAlignment) {
  const int64_t rows = std::min<int64_t>(workload_->sub_batch(), 37);
  const Examples batch = RandomExamples(GetParam(), rows, 5);
  const std::vector<float> expected = Sum(parameters_, batch);
  std::vector<float> other;
  std::thread([&] { other = Sum(parameters_, batch); }).join();
  EXPECT_EQ(expected, other);
  const size_t count = parameters_.size(), length = expected.size();
  for (size_t shift : {1, 3, 8, 13}) {
    std::vector<float> parameters(count + 16), sum(length + 16);
    std::copy(parameters_.begin(), parameters_.end(), parameters.begin() + shift);
    const JobInputs inputs{.segments = {std::span<const float>(parameters).subspan(shift, count)},
                           .seed = 11,
                           .job = 3};
    const auto status = workload_->AddSum(inputs, batch, Ids(0, rows),
                                          std::span<float>(sum).subspan(16 - shift, length));
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), sum.begin() + 16 - shift)) << shift;
  }
}

TEST_P(WorkloadContract, RandomnessIsKeyedByJobAndExample) {
  const Examples batch = RandomExamples(GetParam(), 9, 6);
  const std::vector<float> sum = Sum(parameters_, batch);
  EXPECT_EQ(sum != Sum(parameters_, batch, 0, 4), GetParam().random);
  EXPECT_EQ(sum != Sum(parameters_, batch, 100, 3), GetParam().random);
}

TEST_P(WorkloadContract, SegmentsCoverTheParameters) {
  int64_t offset = 0;
  std::vector<std::string> names;
  for (const ParameterTensor& segment : workload_->segments()[0].tensors) {
    EXPECT_EQ(segment.offset, offset);
    int64_t size = 1;
    for (const int64_t n : segment.shape) size *= n;
    EXPECT_EQ(segment.size, size);
    offset += segment.size;
    names.push_back(segment.name);
  }
  EXPECT_EQ(offset, workload_->parameters());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
}

TEST_P(WorkloadContract, InitialParametersAreAFunctionOfTheSeed) {
  std::vector<float> a(workload_->parameters(), NAN), b = a, c = a;
  workload_->Initialise(1, 0, a);
  workload_->Initialise(1, 0, b);
  workload_->Initialise(2, 0, c);
  EXPECT_EQ(a, b);
  const bool zeros = std::all_of(a.begin(), a.end(), [](float x) { return x == 0; });
  EXPECT_EQ(a == c, zeros);
}

TEST_P(WorkloadContract, EvaluatesAsItTrains) {
  const Examples all = RandomExamples(GetParam(), 2 * workload_->sub_batch() + 5, 7);
  const auto evaluation = workload_->Evaluate({.segments = {parameters_}}, &all);
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  EXPECT_EQ(evaluation->examples, all.rows);
  if (GetParam().random) return;
  double loss = 0, correct = 0;
  for (int64_t first = 0; first < all.rows; first += workload_->sub_batch()) {
    const int64_t last = std::min(all.rows, first + workload_->sub_batch());
    const std::vector<float> sum = Sum(parameters_, RowsOf(all, first, last));
    loss += sum[workload_->parameters() + kLossSum];
    correct += sum[workload_->parameters() + kCorrect];
  }
  EXPECT_NEAR(evaluation->loss, loss / all.rows, 1e-5 * loss / all.rows);
  if (GetParam().classes == 0) return;
  EXPECT_NEAR(evaluation->accuracy, correct / all.rows, 1e-12);
}

TEST_P(WorkloadContract, RefusesWhatIsNotFinite) {
  Examples batch = RandomExamples(GetParam(), 8, 8);
  (batch.sparse ? batch.value.back() : batch.dense[7 * batch.features + 2]) = NAN;
  std::vector<float> sum(workload_->lanes()[0].reply_length);
  auto status =
      workload_->AddSum({.segments = {parameters_}, .seed = 11, .job = 3}, batch, Ids(40, 8), sum);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("training example 47"));
  EXPECT_EQ(sum, std::vector<float>(workload_->lanes()[0].reply_length)) << "the sum was touched";

  const Examples good = RandomExamples(GetParam(), 8, 8);
  const std::vector<float> diverged(parameters_.size(), INFINITY);
  status = workload_->AddSum({.segments = {diverged}, .seed = 11, .job = 3}, good, Ids(40, 8), sum);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("training example 40"));
  EXPECT_FALSE(workload_->Evaluate({.segments = {diverged}}, &good).ok());
}

TEST_P(WorkloadContract, RefusesWhatDoesNotFit) {
  std::vector<float> sum(workload_->lanes()[0].reply_length);
  const Examples batch = RandomExamples(GetParam(), 4, 8);
  EXPECT_FALSE(
      workload_->AddSum({.segments = {parameters_}, .seed = 1, .job = 0}, batch, Ids(0, 3), sum)
          .ok());
  std::vector<float> fewer(workload_->lanes()[0].reply_length - 1);
  EXPECT_FALSE(
      workload_->AddSum({.segments = {parameters_}, .seed = 1, .job = 0}, batch, Ids(0, 4), fewer)
          .ok());
  const int64_t many = workload_->sub_batch() + 1;
  const Examples large = RandomExamples(GetParam(), many, 8);
  EXPECT_FALSE(
      workload_->AddSum({.segments = {parameters_}, .seed = 1, .job = 0}, large, Ids(0, many), sum)
          .ok());
  if (GetParam().classes == 0) return;
  Examples wrong = batch;
  wrong.targets[2] = static_cast<float>(GetParam().classes);
  const auto status =
      workload_->AddSum({.segments = {parameters_}, .seed = 1, .job = 0}, wrong, Ids(0, 4), sum);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("training example 2: target"));
}

INSTANTIATE_TEST_SUITE_P(Table, WorkloadContract, testing::ValuesIn(WorkloadCases()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace gradloom
