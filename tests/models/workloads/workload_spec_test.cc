// What specs mean and which ones are refused; what is special about single workloads.
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "models/workloads/workload.h"
#include "tests/models/workloads/reply_scalars.h"

namespace gradloom {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

DatasetInfo Plain(int64_t features, int classes) {
  DatasetInfo info;
  info.examples = 100;
  info.features = features;
  info.classes = classes;
  return info;
}

DatasetInfo Images(int channels, int height, int width, int classes) {
  DatasetInfo info = Plain(channels * height * width, classes);
  info.channels = channels;
  info.height = height;
  info.width = width;
  return info;
}

absl::StatusOr<std::unique_ptr<Workload>> Make(const std::string& text, const DatasetInfo& data) {
  v1::WorkloadSpec spec;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
  return MakeWorkload(spec, data);
}

std::vector<std::string> NamesOf(const Workload& workload) {
  std::vector<std::string> names;
  for (const ParameterTensor& tensor : workload.segments()[0].tensors) names.push_back(tensor.name);
  return names;
}

struct Refusal {
  const char* spec;
  DatasetInfo data;
  const char* message;
};

TEST(WorkloadSpec, RefusalsNameFieldValueAndWhatIsLegal) {
  const DatasetInfo images = Images(1, 8, 6, 10);
  DatasetInfo wide = Plain(int64_t{1} << 30, 3);
  wide.sparse = true;
  const Refusal refusals[] = {
      {"", Plain(4, 2),
       "workload: is missing; it must be one of: linear_regression, logistic_regression, "
       "softmax_regression, mlp, cnn"},
      {"logistic_regression {}", Plain(4, 3), "workload.logistic_regression needs data of two"},
      {"logistic_regression {}", Plain(4, 0), "the data has real targets"},
      {"softmax_regression {}", Plain(4, 0), "workload.softmax_regression needs"},
      {"mlp { hidden: 3 hidden: 0 }", Plain(4, 2),
       "workload.mlp.hidden[1]: 0 is not legal; it must be from 1 to"},
      {"mlp { hidden: 4000000000 }", Plain(4, 2),
       "workload.mlp.hidden[0]: 4000000000 is not legal"},
      {"mlp { dropout: 1 }", Plain(4, 2),
       "workload.mlp.dropout: 1 is not legal; it must be 0 or more and less than 1"},
      {"mlp { dropout: nan }", Plain(4, 2), "workload.mlp.dropout: nan is not legal"},
      {"mlp { activation: 77 }", Plain(4, 2),
       "workload.mlp.activation: 77 is not legal; it must be one of: relu, tanh"},
      {"mlp {}", Plain(4, 1), "at least two classes"},
      {"mlp {}", wide, "sparse data of at most"},
      {"cnn {}", Plain(4, 2), "workload.cnn needs images; the data has 4 plain features"},
      {"cnn { layers {} }", images,
       "workload.cnn.layers[0]: is missing; it must be one of: conv, max_pool"},
      {"cnn { layers { conv {} } }", images,
       "layers[0].conv.channels: 0 is not legal; it must be from 1 to"},
      {"cnn { layers { conv { channels: 1 kernel: 7 } } }", images,
       "workload.cnn.layers[0].conv.kernel: 7 is not legal; it must be from 1 to 6 (the layer's "
       "input has 8 x 6"},
      {"cnn { layers { conv { channels: 1 kernel: 0 } } }", images,
       "conv.kernel: 0 is not legal; it must be from 1"},
      {"cnn { layers { conv { channels: 1 stride: 0 } } }", images,
       "conv.stride: 0 is not legal; it must be from 1"},
      {"cnn { layers { conv { channels: 1 padding: 3 } } }", images,
       "conv.padding: 3 is not legal; it must be less than the kernel's size"},
      {"cnn { layers { max_pool {} } layers { max_pool { size: 4 } } }", images,
       "workload.cnn.layers[1].max_pool.size: 4 is not legal; it must be from 1 to 3"},
      {"cnn { layers { average_pool { stride: 0 } } }", images,
       "average_pool.stride: 0 is not legal"},
      {"cnn { layers { batch_norm { group: 1 } } }", images,
       "batch_norm.group: 1 is not legal; it must be from 2"},
      {"cnn { layers { batch_norm { group: 5000 } } }", images,
       "batch_norm.group: 5000 is not legal"},
      {"cnn { layers { batch_norm { epsilon: 0 } } }", images,
       "batch_norm.epsilon: 0 is not legal"},
      {"cnn { layers { dense {} } }", images, "workload.cnn.layers[0].dense.units: 0 is not legal"},
      {"cnn { layers { dropout { probability: -0.1 } } }", images,
       "dropout.probability: -0.1 is not legal"},
  };
  for (const Refusal& refusal : refusals) {
    const auto workload = Make(refusal.spec, refusal.data);
    ASSERT_FALSE(workload.ok()) << refusal.spec;
    EXPECT_EQ(workload.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(workload.status().message()), HasSubstr(refusal.message));
  }
}

TEST(WorkloadSpec, SegmentsAreNamedAndShapedAsCheckpointsExpect) {
  auto mlp = Make("mlp { hidden: 256 }", Plain(784, 10));
  ASSERT_TRUE(mlp.ok());
  EXPECT_EQ((*mlp)->parameters(), 784 * 256 + 256 + 2560 + 10);
  EXPECT_THAT(NamesOf(**mlp),
              ElementsAre("layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"));
  EXPECT_THAT((*mlp)->segments()[0].tensors[0].shape, ElementsAre(256, 784));
  auto regression = Make("logistic_regression {}", Plain(123, 2));
  ASSERT_TRUE(regression.ok());
  EXPECT_THAT(NamesOf(**regression), ElementsAre("linear.weight", "linear.bias"));
  EXPECT_THAT((*regression)->segments()[0].tensors[0].shape, ElementsAre(1, 123));
}

// Convolutions of 8, 16 and 4 channels, 5 x 5, then 256 and 10 units, on MNIST.
TEST(Cnn, ThePapersNetwork) {
  auto cnn = Make(
      "cnn { layers { conv { channels: 8 kernel: 5 } } layers { conv { channels: 16 kernel: 5 } }"
      "      layers { conv { channels: 4 kernel: 5 } } layers { dense { units: 256 } } }",
      Images(1, 28, 28, 10));
  ASSERT_TRUE(cnn.ok()) << cnn.status();
  const int64_t convolutions = (25 + 1) * 8 + (8 * 25 + 1) * 16 + (16 * 25 + 1) * 4;
  EXPECT_EQ((*cnn)->parameters(), convolutions + (4 * 16 * 16 + 1) * 256 + 257 * 10);
  EXPECT_THAT(NamesOf(**cnn),
              ElementsAre("layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias",
                          "layers.2.weight", "layers.2.bias", "layers.3.weight", "layers.3.bias",
                          "layers.4.weight", "layers.4.bias"));
  EXPECT_THAT((*cnn)->segments()[0].tensors[2].shape, ElementsAre(16, 8, 5, 5));
}

TEST(Cnn, SubBatchesAreWholeGroupsOfBatchNormalisation) {
  const auto sub_batch = [](const std::string& group) {
    auto cnn = Make("cnn { layers { batch_norm { " + group + " } } }", Images(1, 4, 4, 2));
    return (*cnn)->sub_batch();
  };
  EXPECT_EQ(sub_batch(""), 32);
  EXPECT_EQ(sub_batch("group: 10"), 30);
  EXPECT_EQ(sub_batch("group: 48"), 48);
}

TEST(Mlp, ADefaultActivationIsRelu) {
  // One hidden unit that passes its input, negated weights: relu gives 0, hence equal scores.
  auto mlp = Make("mlp { hidden: 1 }", Plain(1, 2));
  ASSERT_TRUE(mlp.ok());
  const std::vector<float> parameters = {-1, 0, 5, -5, 0, 0};
  Examples example;
  example.rows = example.features = 1;
  example.dense = {2};
  example.targets = {1};
  const auto evaluation = (*mlp)->Evaluate({.segments = {parameters}}, &example);
  ASSERT_TRUE(evaluation.ok());
  EXPECT_NEAR(evaluation->loss, std::log(2.0), 1e-6);
}

TEST(LinearRegression, EvaluatesWithTheCoefficientOfDetermination) {
  auto regression = Make("linear_regression {}", Plain(1, 0));
  ASSERT_TRUE(regression.ok());
  Examples examples;
  examples.rows = 4;
  examples.features = 1;
  examples.dense = {0, 1, 2, 3};
  examples.targets = {1, 3, 5, 8};
  const std::vector<float> parameters = {2, 1};  // off by 1 at the last example
  const auto evaluation = (*regression)->Evaluate({.segments = {parameters}}, &examples);
  ASSERT_TRUE(evaluation.ok());
  EXPECT_NEAR(evaluation->loss, 0.5 / 4, 1e-7);
  EXPECT_NEAR(evaluation->accuracy, 1 - 1 / 26.75, 1e-7);
}

TEST(LogisticRegression, MatchesTheFormulaOnSparseAndDenseRows) {
  DatasetInfo sparse_info = Plain(3, 2);
  sparse_info.sparse = true;
  auto sparse = Make("logistic_regression {}", sparse_info);
  auto dense = Make("logistic_regression {}", Plain(3, 2));
  ASSERT_TRUE(sparse.ok() && dense.ok());
  Examples rows;
  rows.rows = 2;
  rows.features = 3;
  rows.targets = {1, 0};
  Examples csr = rows;
  rows.dense = {2, 0, -1, 0, 3, 0};
  csr.sparse = true;
  csr.row_start = {0, 2, 3};
  csr.column = {0, 2, 1};
  csr.value = {2, -1, 3};
  const std::vector<float> parameters = {0.5f, -0.25f, 1.0f, 0.1f};
  const double first = 1 / (1 + std::exp(-(2 * 0.5 - 1 + 0.1))) - 1;
  const double second = 1 / (1 + std::exp(-(-0.25 * 3 + 0.1)));
  const double expected[] = {2 * first, 3 * second, -first, first + second};
  const std::vector<int64_t> ids = {0, 1};
  for (const auto& [workload, batch] : {std::pair(sparse->get(), &csr), {dense->get(), &rows}}) {
    std::vector<float> sum(4 + kReplyScalars);
    ASSERT_TRUE(
        workload->AddSum({.segments = {parameters}, .seed = 1, .job = 0}, *batch, ids, sum).ok());
    for (int i = 0; i < 4; ++i) EXPECT_NEAR(sum[i], expected[i], 1e-6) << i;
    EXPECT_EQ(sum[4 + kExamples], 2);
    EXPECT_EQ(sum[4 + kCorrect], 2);
  }
}

// A model of 40 million features: a sub-batch costs its non-zeros, not its features.
TEST(LogisticRegression, TakesAnyNumberOfSparseFeatures) {
  constexpr int64_t kFeatures = 40'000'000;
  DatasetInfo info = Plain(kFeatures, 2);
  info.sparse = true;
  auto workload = Make("logistic_regression { intercept: false }", info);
  ASSERT_TRUE(workload.ok());
  Examples batch;
  batch.rows = 2;
  batch.features = kFeatures;
  batch.sparse = true;
  batch.row_start = {0, 1, 2};
  batch.column = {7, kFeatures - 1};
  batch.value = {1, -2};
  batch.targets = {1, 0};
  const std::vector<int64_t> ids = {0, 1};
  // Untouched pages of these cost nothing.
  const std::unique_ptr<float, decltype(&free)> memory(
      static_cast<float*>(calloc(2 * kFeatures + kReplyScalars, sizeof(float))), &free);
  const std::span<float> sum(memory.get(), kFeatures + kReplyScalars);
  const std::span<const float> parameters(memory.get() + sum.size(), kFeatures);
  for (int repeat = 0; repeat < 1000; ++repeat) {
    ASSERT_TRUE(
        (*workload)->AddSum({.segments = {parameters}, .seed = 1, .job = 0}, batch, ids, sum).ok());
  }
  EXPECT_FLOAT_EQ(sum[7], -500);
  EXPECT_FLOAT_EQ(sum[kFeatures - 1], -1000);
  EXPECT_FLOAT_EQ(sum[kFeatures + kExamples], 2000);
  batch.column[1] = -1;
  EXPECT_EQ(
      (*workload)->AddSum({.segments = {parameters}, .seed = 1, .job = 0}, batch, ids, sum).code(),
      absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace gradloom
