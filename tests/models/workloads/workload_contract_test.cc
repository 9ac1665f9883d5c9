// What every workload promises, over a table of specs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <thread>

#include "tests/models/workloads/reply_scalars.h"
#include "tests/models/workloads/workload_cases.h"

namespace gradloom {
namespace {

class WorkloadContract : public testing::TestWithParam<LaneCase> {
 protected:
  WorkloadContract()
      : workload_(WorkloadOf(Case())),
        segments_(RandomSegments(*workload_, 5)),
        parameters_(segments_[GetParam().lane]) {}

  static const WorkloadCase& Case() { return GetParam().workload; }
  static std::vector<int64_t> Ids(int64_t first, int64_t count) {
    std::vector<int64_t> ids(count);
    std::iota(ids.begin(), ids.end(), first);
    return ids;
  }

  // What the lane's job reads: the segment that it moves, which comes first, is `parameters`. The
  // same segment at another version, or read for something else, is a constant.
  JobInputs Inputs(std::span<const float> parameters, int64_t job = 3) const {
    JobInputs inputs{.segments = {}, .seed = 11, .lane = GetParam().lane, .job = job};
    for (const SegmentVersion& read : workload_->Reads(GetParam().lane, job)) {
      inputs.segments.push_back(segments_[read.segment]);
    }
    inputs.segments[0] = parameters;
    return inputs;
  }
  // The reply for a batch whose first example is number `first_id`.
  std::vector<float> Sum(const std::vector<float>& parameters, const Examples& batch,
                         int64_t first_id = 0, int64_t job = 3) const {
    std::vector<float> sum(reply_length());
    AddTo(parameters, batch, first_id, job, &sum);
    return sum;
  }
  void AddTo(const std::vector<float>& parameters, const Examples& batch, int64_t first_id,
             int64_t job, std::vector<float>* sum) const {
    const auto status =
        workload_->AddSum(Inputs(parameters, job), batch, Ids(first_id, batch.rows), *sum);
    ASSERT_TRUE(status.ok()) << status;
  }
  double Loss(const std::vector<float>& parameters, const Examples& batch) const {
    return Sum(parameters, batch)[count() + kLossSum];
  }
  double GradientNorm(const std::vector<float>& sum) const {
    double square = 0;
    for (int64_t i = 0; i < count(); ++i) square += double{sum[i]} * sum[i];
    return std::sqrt(square);
  }
  // Values that the lane moves, and those of its reply.
  int64_t count() const { return static_cast<int64_t>(parameters_.size()); }
  size_t reply_length() const { return workload_->lanes()[GetParam().lane].reply.length(); }

  std::unique_ptr<Workload> workload_;
  std::vector<std::vector<float>> segments_;
  std::vector<float> parameters_;  // of the lane's segment
};

TEST_P(WorkloadContract, GradientMatchesCentralDifferencesAlongDirections) {
  const Examples batch = RandomExamples(Case(), 12, 1);
  const std::vector<float> sum = Sum(parameters_, batch);
  const double norm = GradientNorm(sum);
  const int64_t count = this->count();
  ASSERT_GT(norm, 1e-3);
  const double loss = Loss(parameters_, batch);
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
    double expected_up = 0, expected_down = 0;  // with the steps as rounded
    for (int64_t i = 0; i < count; ++i) {
      up[i] += static_cast<float>(step * direction[i]);
      down[i] -= static_cast<float>(step * direction[i]);
      expected_up += (double{up[i]} - parameters_[i]) * sum[i];
      expected_down += (double{parameters_[i]} - down[i]) * sum[i];
    }
    const double expected = expected_up + expected_down;
    const double right = (Loss(up, batch) - loss) / expected_up;
    const double left = (loss - Loss(down, batch)) / expected_down;
    const double both = (Loss(up, batch) - Loss(down, batch)) / expected;
    // Where a step crosses the kink of a ReLU, the other side's slope is the right one.
    EXPECT_LE(std::min({left, right, both}), 1.01) << "direction " << trial;
    EXPECT_GE(std::max({left, right, both}), 0.99) << "direction " << trial;
    EXPECT_NEAR(both, 1, 0.05) << "direction " << trial;
  }
}

TEST_P(WorkloadContract, GradientMatchesCentralDifferencesByCoordinate) {
  const Examples batch = RandomExamples(Case(), 6, 2);
  const std::vector<float> sum = Sum(parameters_, batch);
  const int64_t count = this->count();
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
  if (Case().group >= 30) GTEST_SKIP() << "one group is a whole sub-batch";
  const int64_t cut = Case().group == 1 ? 14 : Case().group;
  const Examples all = RandomExamples(Case(), 30, 3);
  const std::vector<float> whole = Sum(parameters_, all);
  const std::vector<float> head = Sum(parameters_, RowsOf(all, 0, cut));
  const std::vector<float> tail = Sum(parameters_, RowsOf(all, cut, 30), cut);
  std::vector<float> swapped(reply_length());
  AddTo(parameters_, RowsOf(all, cut, 30), cut, 3, &swapped);
  AddTo(parameters_, RowsOf(all, 0, cut), 0, 3, &swapped);
  const double scale = GradientNorm(whole);
  for (size_t i = 0; i < whole.size(); ++i) {
    EXPECT_NEAR(whole[i], double{head[i]} + tail[i], 1e-5 * (scale + std::abs(whole[i]))) << i;
    EXPECT_NEAR(whole[i], swapped[i], 1e-5 * (scale + std::abs(whole[i]))) << i;
  }
  EXPECT_EQ(whole[count() + kExamples], 30);
}

TEST_P(WorkloadContract, AddSumAddsToWhatIsThere) {
  const Examples batch = RandomExamples(Case(), 10, 4);
  const std::vector<float> once = Sum(parameters_, batch);
  std::vector<float> twice = once;
  AddTo(parameters_, batch, 0, 3, &twice);
  const double scale = GradientNorm(once);
  for (size_t i = 0; i < once.size(); ++i) EXPECT_NEAR(twice[i], 2 * once[i], 1e-5 * scale + 1e-5);
}

// The headline promise: bits depend on values alone.
TEST_P(WorkloadContract, SameBitsOnAnyThreadAndAtAnyAlignment) {
  const int64_t rows = std::min<int64_t>(workload_->sub_batch(), 37);
  const Examples batch = RandomExamples(Case(), rows, 5);
  const std::vector<float> expected = Sum(parameters_, batch);
  std::vector<float> other;
  std::thread([&] { other = Sum(parameters_, batch); }).join();
  EXPECT_EQ(expected, other);
  const size_t count = parameters_.size(), length = expected.size();
  for (size_t shift : {1, 3, 8, 13}) {
    std::vector<float> parameters(count + 16), sum(length + 16);
    std::copy(parameters_.begin(), parameters_.end(), parameters.begin() + shift);
    const JobInputs inputs = Inputs(std::span<const float>(parameters).subspan(shift, count));
    const auto status = workload_->AddSum(inputs, batch, Ids(0, rows),
                                          std::span<float>(sum).subspan(16 - shift, length));
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), sum.begin() + 16 - shift)) << shift;
  }
}

TEST_P(WorkloadContract, RandomnessIsKeyedByJobAndExample) {
  const Examples batch = RandomExamples(Case(), 9, 6);
  const std::vector<float> sum = Sum(parameters_, batch);
  EXPECT_EQ(sum != Sum(parameters_, batch, 0, 4), Case().random);
  // Where numbers are all that is given of examples, others are other examples.
  EXPECT_EQ(sum != Sum(parameters_, batch, 100, 3), Case().random || !workload_->reads_examples());
}

TEST_P(WorkloadContract, TensorsCoverTheSegmentsAndLanesTheirs) {
  std::vector<std::string> names;
  int64_t parameters = 0;
  for (const SegmentSpec& segment : workload_->segments()) {
    int64_t offset = 0;
    for (const ParameterTensor& tensor : segment.tensors) {
      EXPECT_EQ(tensor.offset, offset);
      int64_t size = 1;
      for (const int64_t n : tensor.shape) size *= n;
      EXPECT_EQ(tensor.size, size);
      offset += tensor.size;
      names.push_back(tensor.name);
    }
    EXPECT_EQ(offset, segment.size);
    parameters += segment.size;
  }
  EXPECT_EQ(parameters, workload_->parameters());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
  EXPECT_EQ(workload_->lanes().size(), static_cast<size_t>(Case().lanes));
  EXPECT_EQ(reply_length(), count() + kReplyScalars);
}

TEST_P(WorkloadContract, ALaneReadsItsSegmentFirstAndWhatItsNeedsKeep) {
  for (const int64_t job : {0, 1, 7}) {
    const std::vector<SegmentVersion> reads = workload_->Reads(GetParam().lane, job);
    ASSERT_FALSE(reads.empty());
    EXPECT_EQ(reads[0], (SegmentVersion{GetParam().lane, job}));
    for (const SegmentVersion& read : reads) {
      if (read.segment == GetParam().lane) {
        EXPECT_LE(read.version, job);
        EXPECT_GE(read.version,
                  std::max<int64_t>(0, job - workload_->segments()[read.segment].history));
        continue;
      }
      if (read.segment >= static_cast<int>(workload_->lanes().size())) {
        EXPECT_EQ(read.version, 0) << "a constant";
        continue;
      }
      // Another lane's version exists once the needs are met.
      bool met = false;
      for (const LaneNeed& need : workload_->lanes()[GetParam().lane].needs) {
        if (need.lane != read.segment) continue;
        met |= need.finished ? read.version == kFinal
                             : read.version <= std::max<int64_t>(0, job - need.lag);
      }
      EXPECT_TRUE(met) << "segment " << read.segment << " at " << read.version;
    }
  }
}

TEST_P(WorkloadContract, InitialValuesAreAFunctionOfTheSeed) {
  std::vector<float> a(count(), NAN), b = a, c = a;
  workload_->Initialise(1, GetParam().lane, a);
  workload_->Initialise(1, GetParam().lane, b);
  workload_->Initialise(2, GetParam().lane, c);
  EXPECT_EQ(a, b);
  const bool zeros = std::all_of(a.begin(), a.end(), [](float x) { return x == 0; });
  EXPECT_EQ(a == c, zeros);
}

TEST_P(WorkloadContract, EvaluatesAsItTrains) {
  if (workload_->has_own_test()) GTEST_SKIP() << "evaluates other examples than it trains on";
  const Examples all = RandomExamples(Case(), 2 * workload_->sub_batch() + 5, 7);
  TrialView view;
  for (const std::vector<float>& segment : segments_) view.segments.push_back(segment);
  const auto evaluation = workload_->Evaluate(view, &all);
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  EXPECT_EQ(evaluation->examples, all.rows);
  if (Case().random) return;
  double loss = 0, correct = 0;
  for (int64_t first = 0; first < all.rows; first += workload_->sub_batch()) {
    const int64_t last = std::min(all.rows, first + workload_->sub_batch());
    const std::vector<float> sum = Sum(parameters_, RowsOf(all, first, last));
    loss += sum[count() + kLossSum];
    correct += sum[count() + kCorrect];
  }
  EXPECT_NEAR(evaluation->loss, loss / all.rows, 1e-5 * loss / all.rows);
  if (Case().classes == 0) return;
  EXPECT_NEAR(evaluation->accuracy, correct / all.rows, 1e-12);
}

// Chunks computed by several threads, each from examples of its own, as workers load them.
TEST_P(WorkloadContract, AnEvaluationIsTheSameNumberWhoeverComputesWhichChunk) {
  if (workload_->has_own_test()) GTEST_SKIP() << "evaluated as a whole";
  const Examples all = RandomExamples(Case(), 3 * workload_->sub_batch() + 5, 7);
  TrialView view;
  for (const std::vector<float>& segment : segments_) view.segments.push_back(segment);
  const auto expected = workload_->Evaluate(view, &all);
  ASSERT_TRUE(expected.ok()) << expected.status();
  const std::vector<TestChunk> chunks = CutTestSet(all.rows, workload_->sub_batch());
  ASSERT_EQ(chunks.size(), 4u);
  std::vector<EvaluationSums> sums(chunks.size());
  {
    std::vector<std::jthread> workers;
    for (size_t i = 0; i < chunks.size(); ++i) {
      workers.emplace_back([&, i] {
        const auto [begin, end] = chunks[i];
        const auto of_chunk = workload_->EvaluateChunk(
            view, RowsOf(all, begin, end), {0, end - begin}, begin, [] { return true; });
        if (of_chunk.ok()) sums[i] = *of_chunk;
      });
    }
  }
  EvaluationSums merged;
  for (const EvaluationSums& of_chunk : sums) merged.Merge(of_chunk);
  const Evaluation result = workload_->Conclude(merged);
  EXPECT_EQ(result.loss, expected->loss);
  EXPECT_EQ(result.accuracy, expected->accuracy);
  EXPECT_EQ(result.examples, all.rows);
}

TEST_P(WorkloadContract, AnEvaluationStopsBetweenSubBatches) {
  if (workload_->has_own_test()) GTEST_SKIP() << "evaluated as a whole";
  const Examples all = RandomExamples(Case(), 2 * workload_->sub_batch() + 1, 7);
  TrialView view;
  for (const std::vector<float>& segment : segments_) view.segments.push_back(segment);
  int asked = 0;
  const auto sums =
      workload_->EvaluateChunk(view, all, {0, all.rows}, 0, [&] { return ++asked < 3; });
  EXPECT_EQ(sums.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(asked, 3);
}

TEST_P(WorkloadContract, RefusesExamplesThatAreNotFinite) {
  if (!workload_->reads_examples()) GTEST_SKIP() << "has its own, which were checked when read";
  Examples batch = RandomExamples(Case(), 8, 8);
  (batch.sparse ? batch.value.back() : batch.dense[7 * batch.features + 2]) = NAN;
  std::vector<float> sum(reply_length());
  auto status = workload_->AddSum(Inputs(parameters_), batch, Ids(40, 8), sum);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("training example 47"));
  EXPECT_EQ(sum, std::vector<float>(reply_length())) << "the sum was touched";
}

TEST_P(WorkloadContract, RefusesParametersThatHaveDiverged) {
  std::vector<float> sum(reply_length());
  const Examples good = RandomExamples(Case(), 8, 8);
  const std::vector<float> diverged(parameters_.size(), INFINITY);
  const auto status = workload_->AddSum(Inputs(diverged), good, Ids(40, 8), sum);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("training example 40"));
  EXPECT_EQ(sum, std::vector<float>(reply_length())) << "the sum was touched";
  TrialView view;
  for (const std::vector<float>& segment : segments_) view.segments.push_back(segment);
  view.segments[GetParam().lane] = diverged;
  EXPECT_FALSE(workload_->Evaluate(view, &good).ok());
}

TEST_P(WorkloadContract, RefusesWhatDoesNotFit) {
  std::vector<float> sum(reply_length());
  const Examples batch = RandomExamples(Case(), 4, 8);
  if (workload_->reads_examples()) {
    EXPECT_FALSE(workload_->AddSum(Inputs(parameters_), batch, Ids(0, 3), sum).ok());
  }
  std::vector<float> fewer(reply_length() - 1);
  EXPECT_FALSE(workload_->AddSum(Inputs(parameters_), batch, Ids(0, 4), fewer).ok());
  const int64_t many = workload_->sub_batch() + 1;
  const Examples large = RandomExamples(Case(), many, 8);
  EXPECT_FALSE(workload_->AddSum(Inputs(parameters_), large, Ids(0, many), sum).ok());
  if (Case().classes == 0 || !workload_->reads_examples()) return;
  Examples wrong = batch;
  wrong.targets[2] = static_cast<float>(Case().classes);
  const auto status = workload_->AddSum(Inputs(parameters_), wrong, Ids(0, 4), sum);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("training example 2: target"));
}

INSTANTIATE_TEST_SUITE_P(Table, WorkloadContract, testing::ValuesIn(LaneCases()),
                         [](const auto& info) {
                           const std::string name = info.param.workload.name;
                           return info.param.workload.lanes == 1
                                      ? name
                                      : name + "_" + std::to_string(info.param.lane);
                         });

}  // namespace
}  // namespace gradloom
