// NoProp's formulas against identities, quadrature and dumb oracles; what is special about its
// workloads. Gradients are the contract suite's.
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "models/workloads/noprop/noise.h"
#include "tests/models/learners/local_trainer.h"
#include "tests/models/workloads/reply_scalars.h"
#include "tests/models/workloads/workload_cases.h"

namespace gradloom {
namespace {

constexpr int kBlocks = 10;

NoiseLevel LevelOf(int t) { return CosineNoise(static_cast<double>(t) / kBlocks); }

// ---- noise --------------------------------------------------------------------------------------

TEST(Noise, SignalRisesFromNoneToAlmostAll) {
  EXPECT_EQ(CosineNoise(0).signal, 0);
  EXPECT_EQ(CosineNoise(0).noise, 1);
  EXPECT_NEAR(CosineNoise(1).noise, 1.55e-4, 1e-6);
  EXPECT_NEAR(Snr(LevelOf(10)) - Snr(LevelOf(9)), 6399, 50);
  for (int i = 1; i <= 1000; ++i) {
    const NoiseLevel before = CosineNoise((i - 1) / 1000.0), level = CosineNoise(i / 1000.0);
    EXPECT_GT(level.signal, before.signal);
    EXPECT_NEAR(level.signal + level.noise, 1, 1e-15);
    EXPECT_NEAR(level.signal, std::pow(std::cos((1 - i / 1000.0 + 0.008) / 1.008 * M_PI / 2), 2),
                1e-14);
  }
}

TEST(Noise, SlopeOfTheSignalToNoiseRatio) {
  for (const double t : {0.05, 0.3, 0.6, 0.9, 0.99}) {
    const double h = 1e-6;
    const double slope = (Snr(CosineNoise(t + h)) - Snr(CosineNoise(t - h))) / (2 * h);
    EXPECT_NEAR(CosineNoise(t).snr_slope / slope, 1, 1e-6) << t;
  }
}

TEST(Noise, SquaredEstimateOverVarianceIsTheGainOfSignalToNoise) {
  for (int t = 1; t <= kBlocks; ++t) {
    const NoiseStep step = StepBetween(LevelOf(t - 1), LevelOf(t));
    const double gain = Snr(LevelOf(t)) - Snr(LevelOf(t - 1));
    EXPECT_NEAR(step.estimate * step.estimate / step.variance / gain, 1, 1e-12) << t;
  }
}

// A step from q(z_s | u) ends in q(z_t | u), for every pair of levels.
TEST(Noise, StepsKeepTheDistribution) {
  for (int s = 0; s < kBlocks; ++s) {
    for (int t = s + 1; t <= kBlocks; ++t) {
      const NoiseLevel from = LevelOf(s), to = LevelOf(t);
      const NoiseStep step = StepBetween(from, to);
      EXPECT_NEAR(step.estimate + step.kept * std::sqrt(from.signal), std::sqrt(to.signal), 1e-13);
      EXPECT_NEAR(step.kept * step.kept * from.noise + step.variance, to.noise, 1e-13);
    }
  }
}

// Small steps are the stochastic differential equation of the continuous variant.
TEST(Noise, SmallStepsAreTheDifferentialEquation) {
  const double h = 1e-6;
  for (const double t : {0.1, 0.35, 0.5, 0.8, 0.95}) {
    const double signal = CosineNoise(t).signal;
    const double slope = (CosineNoise(t + h).signal - CosineNoise(t - h).signal) / (2 * h);
    const NoiseStep step = StepBetween(CosineNoise(t), CosineNoise(t + h));
    EXPECT_NEAR(step.estimate / h / (slope / (std::sqrt(signal) * (1 - signal))), 1, 1e-3) << t;
    EXPECT_NEAR((1 - step.kept) / h / (slope * (1 + signal) / (2 * signal * (1 - signal))), 1, 1e-3)
        << t;
    EXPECT_NEAR(step.variance / h / (slope / signal), 1, 1e-3) << t;
  }
}

// Of N(sqrt(abar) u_j, 1 - abar) from N(0, 1), coordinate by coordinate, by the trapezoidal rule.
TEST(Noise, PriorDivergenceIsTheIntegral) {
  const std::vector<double> u = {0.7, -1.3, 0.2};
  for (const double t : {0.0, 0.05, 0.4}) {
    const NoiseLevel level = CosineNoise(t);
    double expected = 0, square = 0;
    for (const double value : u) {
      square += value * value;
      const double mean = std::sqrt(level.signal) * value, deviation = std::sqrt(level.noise);
      for (double z = -14; z <= 14; z += 1e-3) {
        const double off = (z - mean) / deviation;
        const double log_q = -0.5 * off * off - std::log(deviation);
        expected += 1e-3 * std::exp(log_q) / std::sqrt(2 * M_PI) * (log_q + 0.5 * z * z);
      }
    }
    EXPECT_NEAR(PriorDivergence(level, square, 3), expected, 1e-8) << t;
  }
}

TEST(LearnedNoise, FallsAndHasItsDerivatives) {
  const std::vector<float> parameters = {0.5f, -1, 0.25f, 0, 0.3f, -0.2f};
  double gamma = 1e9;
  for (int i = 0; i <= 20; ++i) {
    const double t = i / 20.0;
    const LearnedNoise level = LearnedNoiseAt(parameters, t);
    EXPECT_LT(level.gamma, gamma);
    gamma = level.gamma;
    EXPECT_NEAR(level.signal, 1 / (1 + std::exp(level.gamma)), 1e-12);
    EXPECT_NEAR(level.signal + level.noise, 1, 1e-12);
    EXPECT_NEAR(Snr(level) / std::exp(-level.gamma), 1, 1e-10);
    if (i == 0 || i == 20) continue;
    const double h = 1e-5;
    const LearnedNoise up = LearnedNoiseAt(parameters, t + h);
    const LearnedNoise down = LearnedNoiseAt(parameters, t - h);
    EXPECT_NEAR(level.gamma_slope, (up.gamma - down.gamma) / (2 * h), 1e-6);
    EXPECT_NEAR(level.snr_slope / ((Snr(up) - Snr(down)) / (2 * h)), 1, 1e-6);
    // A loss 2 gamma - 3 gamma'.
    const auto loss = [&](const std::vector<float>& p) {
      const LearnedNoise at = LearnedNoiseAt(p, t);
      return 2 * at.gamma - 3 * at.gamma_slope;
    };
    std::vector<double> gradient(kNoiseShapeAndEnds);
    AddNoiseGradient(parameters, t, 2, -3, gradient);
    for (int k = 0; k < kNoiseShapeAndEnds; ++k) {
      std::vector<float> above = parameters, below = parameters;
      above[k] += 1e-2f;
      below[k] -= 1e-2f;
      const double slope = (loss(above) - loss(below)) / (double{above[k]} - below[k]);
      EXPECT_NEAR(gradient[k], slope, 2e-3 * (1 + std::abs(slope))) << k;
    }
  }
}

TEST(LearnedNoise, WithoutItsEndsGoesFromSevenToMinusSeven) {
  const std::vector<float> shape = {0.5f, -1, 0.25f, 0};
  EXPECT_NEAR(LearnedNoiseAt(shape, 0).gamma, 7, 1e-12);
  EXPECT_NEAR(LearnedNoiseAt(shape, 1).gamma, -7, 1e-12);
  std::vector<float> with_ends = shape;
  with_ends.resize(kNoiseShapeAndEnds);
  std::vector<double> gradient(kNoiseShape), with_ends_gradient(kNoiseShapeAndEnds);
  AddNoiseGradient(shape, 0.3, 2, -3, gradient);
  AddNoiseGradient(with_ends, 0.3, 2, -3, with_ends_gradient);
  for (int k = 0; k < kNoiseShape; ++k) EXPECT_EQ(gradient[k], with_ends_gradient[k]);
}

TEST(Noise, IsKeyedByAllThatItIsFor) {
  const std::vector<int64_t> ids = {3, 8};
  const auto draw = [&](const NoiseKey& key, std::vector<int64_t> of) {
    std::vector<float> values(of.size() * 5);
    DrawNoise(key, of, 5, values.data());
    return values;
  };
  const std::vector<float> drawn = draw({1, 2, 3}, ids);
  EXPECT_EQ(drawn, draw({1, 2, 3}, ids));
  EXPECT_NE(drawn, draw({2, 2, 3}, ids));
  EXPECT_NE(drawn, draw({1, 3, 3}, ids));
  EXPECT_NE(drawn, draw({1, 2, 4}, ids));
  // However examples are cut into chunks.
  const std::vector<float> second = draw({1, 2, 3}, {8});
  EXPECT_TRUE(std::equal(second.begin(), second.end(), drawn.begin() + 5));
  std::vector<double> times(20000);
  std::vector<int64_t> many(times.size());
  std::iota(many.begin(), many.end(), 0);
  DrawTimes({1, 2, kTimeStep}, many, times.data());
  EXPECT_NEAR(std::accumulate(times.begin(), times.end(), 0.0) / 20000, 0.5, 0.01);
}

// ---- workloads ----------------------------------------------------------------------------------

std::unique_ptr<Workload> Make(const std::string& text, const DatasetInfo& data) {
  v1::WorkloadSpec spec;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
  auto workload = MakeWorkload(spec, data);
  EXPECT_TRUE(workload.ok()) << workload.status();
  return *std::move(workload);
}

DatasetInfo Plain(int64_t features, int classes) {
  DatasetInfo info;
  info.examples = 100;
  info.features = features;
  info.classes = classes;
  return info;
}

// A segment's tensor by name.
std::span<const float> TensorOf(const Workload& workload, int segment, const std::string& name,
                                const std::vector<float>& values) {
  for (const ParameterTensor& tensor : workload.segments()[segment].tensors) {
    if (tensor.name == name) return std::span(values).subspan(tensor.offset, tensor.size);
  }
  ADD_FAILURE() << name;
  return {};
}

std::vector<double> Softmax(const std::vector<double>& scores) {
  std::vector<double> p;
  for (const double score : scores) p.push_back(std::exp(score));
  const double total = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& value : p) value /= total;
  return p;
}

// scores = head(relu(W_x x + W_z z + b)), of a block of plain layers.
std::vector<double> BlockOracle(const Workload& workload, int segment, const std::string& prefix,
                                const std::vector<float>& values, const std::vector<float>& x,
                                const std::vector<float>& z) {
  const auto tensor = [&](const std::string& name) {
    return TensorOf(workload, segment, prefix + name, values);
  };
  const auto wx = tensor("example.weight"), wz = tensor("embedding.weight");
  const auto b = tensor("embedding.bias"), wh = tensor("head.weight"), bh = tensor("head.bias");
  const size_t hidden = b.size();
  std::vector<double> h(hidden), scores(bh.begin(), bh.end());
  for (size_t i = 0; i < hidden; ++i) {
    h[i] = b[i];
    for (size_t j = 0; j < x.size(); ++j) h[i] += double{wx[i * x.size() + j]} * x[j];
    for (size_t j = 0; j < z.size(); ++j) h[i] += double{wz[i * z.size() + j]} * z[j];
    h[i] = std::max(h[i], 0.0);
  }
  for (size_t c = 0; c < scores.size(); ++c) {
    for (size_t i = 0; i < hidden; ++i) scores[c] += wh[c * hidden + i] * h[i];
  }
  return scores;
}

std::vector<float> Diffused(const std::vector<float>& u, const NoiseLevel& level,
                            const NoiseKey& key, int64_t id) {
  std::vector<float> z(u.size());
  const std::vector<int64_t> ids = {id};
  DrawNoise(key, ids, static_cast<int64_t>(u.size()), z.data());
  for (size_t j = 0; j < u.size(); ++j) {
    z[j] = static_cast<float>(std::sqrt(level.signal) * u[j] + std::sqrt(level.noise) * z[j]);
  }
  return z;
}

double SquaredDistance(const std::vector<double>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t j = 0; j < a.size(); ++j) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return sum;
}

// With fixed embeddings block t's loss is |uhat_t(z_{t-1}, x) - u|^2 / 2, of its own segment alone.
TEST(NoPropDt, LossOfABlockWithAFixedEmbedding) {
  const auto workload = Make("noprop { hidden: 6 blocks: 10 }", Plain(4, 3));
  ASSERT_EQ(workload->lanes().size(), 10u);
  const Examples example =
      RandomExamples({.name = "", .spec = "", .features = 4, .classes = 3}, 1, 5);
  std::vector<float> u(3);
  u[static_cast<size_t>(example.targets[0])] = 1;
  for (const int lane : {0, 4, 9}) {
    EXPECT_TRUE(workload->lanes()[lane].needs.empty()) << "independent";
    EXPECT_EQ(workload->lanes()[lane].name, "block-" + std::to_string(lane + 1));
    std::vector<float> values(workload->segments()[lane].size);
    workload->Initialise(3, lane, values);
    std::vector<float> sum(workload->lanes()[lane].reply.length());
    const std::vector<int64_t> ids = {77};
    const JobInputs inputs{.segments = {values}, .seed = 9, .lane = lane, .job = 5};
    ASSERT_TRUE(workload->AddSum(inputs, example, ids, sum).ok());
    const auto z = Diffused(u, LevelOf(lane), {9, 5, static_cast<uint32_t>(lane)}, 77);
    const auto uhat = Softmax(BlockOracle(
        *workload, lane, "block-" + std::to_string(lane + 1) + ".", values, example.dense, z));
    EXPECT_NEAR(sum[sum.size() - 3 + kLossSum], 0.5 * SquaredDistance(uhat, u), 1e-6) << lane;
  }
}

// The whole loss with learned embeddings, term by term.
TEST(NoPropDt, LossWithALearnedEmbedding) {
  for (const double limit : {0.5, 1e9}) {
    const auto workload = Make(absl::StrCat("noprop { hidden: 6 blocks: 10 embedding: LEARNED "
                                            "dimension: 5 eta: 0.2 weight_limit: ",
                                            limit, " }"),
                               Plain(4, 3));
    ASSERT_EQ(workload->lanes().size(), 1u);
    const Examples example =
        RandomExamples({.name = "", .spec = "", .features = 4, .classes = 3}, 1, 5);
    std::vector<float> values(workload->segments()[0].size);
    workload->Initialise(3, 0, values);
    const auto target = static_cast<size_t>(example.targets[0]);
    const auto table = TensorOf(*workload, 0, "embeddings", values);
    const std::vector<float> u(table.begin() + target * 5, table.begin() + (target + 1) * 5);
    double expected = 0;
    for (int b = 0; b < kBlocks; ++b) {
      const auto z = Diffused(u, LevelOf(b), {9, 5, static_cast<uint32_t>(b)}, 77);
      const auto p = Softmax(BlockOracle(*workload, 0, "block-" + std::to_string(b + 1) + ".",
                                         values, example.dense, z));
      std::vector<double> uhat(5);
      for (size_t c = 0; c < 3; ++c) {
        for (size_t j = 0; j < 5; ++j) uhat[j] += p[c] * table[c * 5 + j];
      }
      const double weight = 0.2 * kBlocks * (Snr(LevelOf(b + 1)) - Snr(LevelOf(b)));
      expected += std::min(weight, limit) / 2 * SquaredDistance(uhat, u);
    }
    const auto z = Diffused(u, LevelOf(kBlocks), {9, 5, kBlocks}, 77);
    const auto w = TensorOf(*workload, 0, "output.weight", values);
    std::vector<double> scores(3);
    for (size_t c = 0; c < 3; ++c) {
      for (size_t j = 0; j < 5; ++j) scores[c] += double{w[c * 5 + j]} * z[j];
    }
    expected -= std::log(Softmax(scores)[target]);  // and no divergence: abar_0 = 0
    std::vector<float> sum(workload->lanes()[0].reply.length());
    const std::vector<int64_t> ids = {77};
    const JobInputs inputs{.segments = {values}, .seed = 9, .job = 5};
    ASSERT_TRUE(workload->AddSum(inputs, example, ids, sum).ok());
    EXPECT_NEAR(sum[sum.size() - 3 + kLossSum], expected, 1e-5 * expected);
  }
}

TEST(NoProp, InferenceIsAFunctionOfTheSeedAndTheExamplesNumber) {
  for (const char* variant : {"DT blocks: 3", "CT", "FM"}) {
    const WorkloadCase c{.name = "", .spec = "", .features = 6, .classes = 4};
    const auto workload =
        Make(absl::StrCat("noprop { hidden: 8 variant: ", variant, " }"), InfoOf(c));
    const auto segments = RandomSegments(*workload, 2);
    TrialView view;
    for (const auto& segment : segments) view.segments.push_back(segment);
    const Examples test = RandomExamples(c, 300, 3);  // more than a sub-batch
    const auto loss = [&](const Examples& examples) {
      return workload->Evaluate(view, &examples)->loss;
    };
    const double first = loss(test);
    EXPECT_EQ(first, loss(test));
    // The same example twice starts from noise of its own.
    Examples twice = RowsOf(test, 0, 1);
    twice.rows = 2;
    twice.dense.insert(twice.dense.end(), test.dense.begin(), test.dense.begin() + 6);
    twice.targets.push_back(test.targets[0]);
    EXPECT_NE(loss(twice), loss(RowsOf(test, 0, 1)));
    view.seed = 4;
    EXPECT_NE(first, loss(test)) << variant;
  }
}

// The class's mean, whatever a worker holds of the data.
TEST(NoProp, PrototypesAreTheMeansOfTheTrainingSet) {
  v1::DataSource source;
  source.mutable_classification()->set_count(5000);  // more than are loaded at a time
  source.mutable_classification()->set_features(3);
  source.mutable_classification()->set_classes(4);
  const std::shared_ptr<const Dataset> train = *OpenDataset(source, "data.train", "");
  const auto workload = Make("noprop { hidden: 8 blocks: 2 embedding: PROTOTYPE }", train->info());
  v1::TrialSpec trial;
  trial.mutable_training()->set_jobs(3);
  trial.mutable_training()->set_batch_size(100);
  const auto learner = MakeLearner(*workload, trial, train);
  ASSERT_TRUE(learner.ok()) << learner.status();
  ASSERT_EQ(workload->segments().size(), 3u);
  EXPECT_EQ((*learner)->Next(1).reads, (std::vector<SegmentVersion>{{1, 0}, {2, 0}}));
  const std::span<const float> means = (*learner)->Values({2, 0});
  const Examples all = *train->Load(0, 5000);
  std::vector<double> sums(12), counts(4);
  for (int64_t row = 0; row < 5000; ++row) {
    const auto target = static_cast<int64_t>(all.targets[row]);
    counts[target] += 1;
    for (int64_t j = 0; j < 3; ++j) sums[target * 3 + j] += all.dense[row * 3 + j];
  }
  for (size_t i = 0; i < 12; ++i) EXPECT_NEAR(means[i], sums[i] / counts[i / 3], 1e-5);
  // It is part of the trained model, in checkpoints as well.
  const auto vectors = (*learner)->Vectors();
  EXPECT_TRUE(std::any_of(vectors.begin(), vectors.end(), [](const auto& vector) {
    return vector.name == "embeddings" && vector.parameter && vector.values.size() == 12;
  }));
}

TEST(NoProp, RefusalsNameFieldValueAndWhatIsLegal) {
  const DatasetInfo plain = Plain(4, 3);
  DatasetInfo images = Plain(64, 3);
  images.channels = 1;
  images.height = images.width = 8;
  const struct {
    const char* spec;
    DatasetInfo data;
    const char* message;
  } refusals[] = {
      {"", Plain(4, 0), "workload.noprop needs data of at least two classes"},
      {"variant: 9", plain,
       "workload.noprop.variant: 9 is not legal; it must be one of: dt, ct, fm"},
      {"embedding: 9", plain,
       "workload.noprop.embedding: 9 is not legal; it must be one of: one_hot"},
      {"block: 9", plain, "workload.noprop.block: 9 is not legal; it must be one of: mlp"},
      {"", Plain(4, 5000),
       "workload.noprop.embedding: one_hot is not legal; it must be learned or prototype for"},
      {"hidden: 0", plain, "workload.noprop.hidden: 0 is not legal; it must be from 1 to 65536"},
      {"hidden: 4294967295", plain,
       "workload.noprop.hidden: 4294967295 is not legal; it must be from 1 to 65536"},
      {"blocks: 0", plain, "workload.noprop.blocks: 0 is not legal; it must be from 1 to 1024"},
      {"blocks: 4294967295", plain,
       "workload.noprop.blocks: 4294967295 is not legal; it must be from 1 to 1024"},
      {"embedding: LEARNED dimension: 4294967295", plain, "workload.noprop.dimension: 4294967295"},
      {"block: CONVOLUTIONAL channels: 4294967295", images,
       "workload.noprop.channels[0]: 4294967295 is not legal; it must be from 1 to 1024"},
      {"variant: CT inference_steps: 0", plain,
       "workload.noprop.inference_steps: 0 is not legal; it must be from 1 to"},
      {"embedding: LEARNED dimension: 0", plain,
       "workload.noprop.dimension: 0 is not legal; it must be from 1 to"},
      {"eta: 0", plain, "workload.noprop.eta: 0 is not legal; it must be more than 0"},
      {"eta: nan", plain, "workload.noprop.eta: nan"},
      {"weight_limit: -1", plain,
       "workload.noprop.weight_limit: -1 is not legal; it must be more than 0"},
      {"learned_schedule: true", plain,
       "workload.noprop.learned_schedule: does nothing here; only variant ct has it"},
      {"channels: 3", plain,
       "workload.noprop.channels: does nothing here; only block convolutional has it"},
      {"dropout: 0.5", plain,
       "workload.noprop.dropout: does nothing here; only block convolutional"},
      {"block: CONVOLUTIONAL", plain, "needs images; the data has 4 plain features"},
      {"block: CONVOLUTIONAL channels: [2, 2, 2, 2]", images,
       "channels: a list of 4 is not legal; it must be one of at most 3 (every one halves images "
       "of "
       "8 x 8"},
      {"block: CONVOLUTIONAL channels: 0", images, "workload.noprop.channels[0]: 0 is not legal"},
      {"block: CONVOLUTIONAL dropout: 1", images,
       "workload.noprop.dropout: 1 is not legal; it must be 0 or more"},
  };
  for (const auto& refusal : refusals) {
    v1::WorkloadSpec spec;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
        absl::StrCat("noprop { ", refusal.spec, " }"), &spec));
    const auto workload = MakeWorkload(spec, refusal.data);
    ASSERT_FALSE(workload.ok()) << refusal.spec;
    EXPECT_THAT(std::string(workload.status().message()), testing::HasSubstr(refusal.message));
  }
}

}  // namespace
}  // namespace gradloom
