// Forward-Forward against a dumb oracle, and what its two schedules promise. Gradients are the
// contract suite's.
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/models/learners/local_trainer.h"
#include "tests/models/workloads/reply_scalars.h"
#include "tests/models/workloads/workload_cases.h"

namespace gradloom {
namespace {

constexpr WorkloadCase kCase{.name = "", .spec = "", .features = 5, .classes = 4};

absl::StatusOr<std::unique_ptr<Workload>> Make(const std::string& fields, const DatasetInfo& data) {
  v1::WorkloadSpec spec;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      absl::StrCat("forward_forward { ", fields, " }"), &spec));
  return MakeWorkload(spec, data);
}

std::vector<double> Normal(std::vector<double> x) {
  double square = 0;
  for (const double value : x) square += value * value;
  for (double& value : x) value /= std::sqrt(square) + 1e-8;
  return x;
}

// Activations of all layers for an example with a label.
std::vector<std::vector<double>> Activations(const std::vector<std::vector<float>>& layers,
                                             const float* x, int label) {
  std::vector<double> input(x, x + kCase.features);
  input = Normal(input);
  for (int c = 0; c < kCase.classes; ++c) input.push_back(c == label ? 1 : 0);
  std::vector<std::vector<double>> all;
  for (const std::vector<float>& layer : layers) {
    input = Normal(input);
    const size_t units = layer.size() / (input.size() + 1);
    std::vector<double> h(layer.end() - static_cast<int64_t>(units), layer.end());
    for (size_t i = 0; i < units; ++i) {
      for (size_t j = 0; j < input.size(); ++j) h[i] += layer[i * input.size() + j] * input[j];
      h[i] = std::max(h[i], 0.0);
    }
    all.push_back(h);
    input = h;
  }
  return all;
}

double Square(const std::vector<double>& h) {
  double square = 0;
  for (const double value : h) square += value * value;
  return square;
}

TEST(ForwardForward, LossIsThatOfTheRightAndOfAWrongLabel) {
  const auto workload = Make("hidden: [6, 3] threshold: 0.7", InfoOf(kCase));
  ASSERT_TRUE(workload.ok()) << workload.status();
  const auto segments = RandomSegments(**workload, 3);
  const Examples example = RandomExamples(kCase, 1, 4);
  const auto right =
      Activations(segments, example.dense.data(), static_cast<int>(example.targets[0]));
  std::vector<std::set<int>> wrong(2);
  for (int64_t id = 0; id < 40; ++id) {
    const std::vector<int64_t> ids = {id};
    for (int lane = 0; lane < 2; ++lane) {
      JobInputs inputs{.segments = {segments[lane]}, .seed = 8, .lane = lane, .job = 2};
      if (lane == 1) inputs.segments.push_back(segments[0]);
      std::vector<float> sum((*workload)->lanes()[lane].reply.length());
      ASSERT_TRUE((*workload)->AddSum(inputs, example, ids, sum).ok());
      const double loss = sum[sum.size() - kReplyScalars + kLossSum];
      // It is that of exactly one wrong label.
      int matches = 0;
      for (int label = 0; label < kCase.classes; ++label) {
        if (static_cast<float>(label) == example.targets[0]) continue;
        const double g = Square(Activations(segments, example.dense.data(), label)[lane]);
        const double expected =
            std::log1p(std::exp(0.7 - Square(right[lane]))) + std::log1p(std::exp(g - 0.7));
        if (std::abs(loss - expected) > 1e-5) continue;
        ++matches;
        wrong[lane].insert(label + 10 * static_cast<int>(id));
        EXPECT_EQ(sum[sum.size() - kReplyScalars + kCorrect], Square(right[lane]) > g ? 1 : 0);
      }
      EXPECT_EQ(matches, 1) << "example " << id << ", lane " << lane;
    }
  }
  EXPECT_EQ(wrong[0], wrong[1]) << "layers see the same wrong labels";
  std::set<int> labels;
  for (const int entry : wrong[0]) labels.insert(entry % 10);
  EXPECT_EQ(labels.size(), 3u) << "every wrong label is drawn";
}

TEST(ForwardForward, ClassifiesByTheSumOfMeanGoodness) {
  const auto workload = Make("hidden: [6, 3] schedule: GREEDY", InfoOf(kCase));
  ASSERT_TRUE(workload.ok()) << workload.status();
  const auto segments = RandomSegments(**workload, 3);
  const Examples test = RandomExamples(kCase, 150, 4);
  for (const int layers : {1, 2}) {
    int64_t correct = 0;
    double loss = 0;
    for (int64_t row = 0; row < test.rows; ++row) {
      double best = -1;
      int best_label = 0;
      for (int label = 0; label < kCase.classes; ++label) {
        const auto h = Activations(segments, &test.dense[row * kCase.features], label);
        double score = 0;
        for (int l = 0; l < layers; ++l) {
          const double g = Square(h[l]);
          score += g / static_cast<double>(h[l].size());
          loss += static_cast<float>(label) == test.targets[row]
                      ? std::log1p(std::exp(2 - g))
                      : std::log1p(std::exp(g - 2)) / (kCase.classes - 1);
        }
        if (score > best) {
          best = score;
          best_label = label;
        }
      }
      correct += static_cast<float>(best_label) == test.targets[row] ? 1 : 0;
    }
    // A layer that has not begun knows nothing yet.
    const TrialView view{.segments = {segments[0], segments[1]},
                         .jobs_done = {5, layers == 2 ? 1 : 0}};
    const auto evaluation = (*workload)->Evaluate(view, &test);
    ASSERT_TRUE(evaluation.ok());
    EXPECT_NEAR(evaluation->accuracy, static_cast<double>(correct) / 150, 1e-9);
    EXPECT_NEAR(evaluation->loss, loss / 150, 1e-5 * loss / 150);
  }
}

TEST(ForwardForward, LayersBelowAreOneJobOldOrFinal) {
  const auto simultaneous = *Make("hidden: [6, 3, 4]", InfoOf(kCase));
  EXPECT_EQ(simultaneous->Reads(2, 0), (std::vector<SegmentVersion>{{2, 0}, {0, 0}, {1, 0}}));
  EXPECT_EQ(simultaneous->Reads(2, 7), (std::vector<SegmentVersion>{{2, 7}, {0, 6}, {1, 6}}));
  EXPECT_EQ(simultaneous->segments()[2].history, 0) << "nobody reads it";
  const auto greedy = *Make("hidden: [6, 3, 4] schedule: GREEDY", InfoOf(kCase));
  EXPECT_EQ(greedy->Reads(2, 7), (std::vector<SegmentVersion>{{2, 7}, {0, kFinal}, {1, kFinal}}));
  for (const SegmentSpec& segment : greedy->segments()) EXPECT_EQ(segment.history, 0);
}

// What a job reads is kept whatever lane is ahead, and the result is the same bits.
TEST(ForwardForward, AnyOrderOfLanesTrainsTheSameBits) {
  v1::DataSource source;
  source.mutable_classification()->set_count(300);
  source.mutable_classification()->set_features(5);
  source.mutable_classification()->set_classes(4);
  const std::shared_ptr<const Dataset> train = *OpenDataset(source, "data.train", "");
  const Examples test = *train->Load(0, 100);
  v1::TrialSpec trial;
  trial.set_seed(5);
  trial.mutable_training()->set_jobs(12);
  trial.mutable_training()->set_batch_size(50);
  for (const char* schedule : {"SIMULTANEOUS", "GREEDY"}) {
    const auto workload =
        *Make(absl::StrCat("hidden: [8, 6, 7] schedule: ", schedule), train->info());
    std::vector<std::vector<float>> expected;
    for (uint64_t order = 0; order < 8; ++order) {
      auto trainer = LocalTrainer::Make(*workload, trial, train, &test);
      ASSERT_TRUE(trainer.ok()) << trainer.status();
      const auto status = order == 0 ? (*trainer)->Run() : (*trainer)->RunInAnyOrder(order);
      ASSERT_TRUE(status.ok()) << schedule << " " << order << ": " << status;
      std::vector<std::vector<float>> values;
      for (int32_t l = 0; l < 3; ++l) {
        const auto segment = (*trainer)->learner().Values({l, 12});
        values.emplace_back(segment.begin(), segment.end());
      }
      if (order == 0) expected = values;
      EXPECT_EQ(values, expected) << schedule << " " << order;
    }
  }
}

TEST(ForwardForward, RefusalsNameFieldValueAndWhatIsLegal) {
  const struct {
    const char* fields;
    int classes;
    const char* message;
  } refusals[] = {
      {"hidden: 3", 0, "workload.forward_forward needs data of at least two classes"},
      {"", 3, "workload.forward_forward.hidden: is empty"},
      {"hidden: [3, 0]", 3,
       "workload.forward_forward.hidden[1]: 0 is not legal; it must be from 1 to"},
      {"hidden: 3 threshold: 0", 3,
       "workload.forward_forward.threshold: 0 is not legal; it must be more than 0"},
      {"hidden: 3 threshold: nan", 3, "workload.forward_forward.threshold: nan"},
      {"hidden: 3 schedule: 7", 3,
       "workload.forward_forward.schedule: 7 is not legal; it must be one of: simultaneous"},
  };
  for (const auto& refusal : refusals) {
    DatasetInfo info = InfoOf(kCase);
    info.classes = refusal.classes;
    const auto workload = Make(refusal.fields, info);
    ASSERT_FALSE(workload.ok()) << refusal.fields;
    EXPECT_THAT(std::string(workload.status().message()), testing::HasSubstr(refusal.message));
  }
}

}  // namespace
}  // namespace gradloom
