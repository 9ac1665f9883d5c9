// What is special about ForwardGnn: its splits, its lanes, what it refuses, and that neither chunks
// nor the order of lanes change what is trained.
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>
#include <string>
#include <thread>

#include "models/workloads/gnn/matrix.h"
#include "models/workloads/gnn/split.h"
#include "tests/models/learners/local_trainer.h"
#include "tests/models/workloads/workload_cases.h"

namespace gradloom {
namespace {

using testing::HasSubstr;

absl::StatusOr<std::unique_ptr<Workload>> Make(const std::string& gnn,
                                               const DatasetInfo& data = SmallGraph().info()) {
  v1::WorkloadSpec spec;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(gnn, spec.mutable_forward_gnn()))
      << gnn;
  return MakeWorkload(spec, data);
}

TEST(ForwardGnn, RefusalsNameFieldValueAndWhatIsLegal) {
  const auto message = [](const std::string& gnn, const DatasetInfo& data = SmallGraph().info()) {
    return std::string(Make(gnn, data).status().message());
  };
  EXPECT_EQ(message("layers: 0"),
            "workload.forward_gnn.layers: 0 is not legal; it must be from 1 to 64");
  EXPECT_THAT(message("layers: 4000000000"),
              HasSubstr("layers: 4000000000 is not legal; it must be from 1 to 64"));
  EXPECT_THAT(message("width: 0"), HasSubstr("width: 0 is not legal; it must be from 1 to 16384"));
  EXPECT_THAT(message("convolution: GAT heads: 3"),
              HasSubstr("heads: 3 is not legal; it must be a divisor"));
  EXPECT_THAT(message("heads: 2"), HasSubstr("only convolution gat has it"));
  EXPECT_THAT(message("temperature: 0"),
              HasSubstr("temperature: 0 is not legal; it must be more than 0"));
  EXPECT_THAT(message("threshold: nan"), HasSubstr("threshold: nan is not legal"));
  EXPECT_THAT(message("method: FF"),
              HasSubstr("method: ff is not legal; it must be sf, sf_top2loss"));
  EXPECT_THAT(message("method: FF_VN task: LINK_PREDICTION"),
              HasSubstr("method: ff_vn is not legal; it must be sf, sf_top2input, ff, "));
  DatasetInfo plain;
  plain.examples = 100;
  plain.features = 4;
  plain.classes = 2;
  EXPECT_THAT(message("", plain), HasSubstr("needs a graph (data.train: graph_npz"));
  DatasetInfo part = SmallGraph().info();
  part.examples -= 10;
  EXPECT_THAT(message("", part), HasSubstr("data.holdout must be 0"));
}

TEST(ForwardGnn, SplitsNodesBySeed) {
  const Graph& graph = *SmallGraph().info().graph;
  const Split split = *SplitNodes(graph, 1, "workload");
  EXPECT_EQ(split.train.size(), 128);
  EXPECT_EQ(split.validation.size(), 32);
  EXPECT_EQ(split.test.size(), 40);
  std::set<int32_t> all(split.train.node.begin(), split.train.node.end());
  all.insert(split.validation.node.begin(), split.validation.node.end());
  all.insert(split.test.node.begin(), split.test.node.end());
  EXPECT_EQ(all.size(), 200);
  EXPECT_EQ(SplitNodes(graph, 1, "")->train.node, split.train.node);
  EXPECT_NE(SplitNodes(graph, 2, "")->train.node, split.train.node);
}

TEST(ForwardGnn, LinkTrainingKnowsItsOwnEdgesOnly) {
  const Graph& graph = *SmallGraph().info().graph;
  const Split split = *SplitLinks(graph, 1, "workload");
  const auto joined = [](const Csr& rows, int32_t a, int32_t b) {
    return std::binary_search(rows.column.begin() + rows.start[a],
                              rows.column.begin() + rows.start[a + 1], b);
  };
  Csr all;
  all.start = graph.neighbour_start;
  all.column = graph.neighbour;
  for (const Samples* samples : {&split.train, &split.validation, &split.test}) {
    for (int64_t p = 0; p < samples->size(); ++p) {
      const int32_t a = samples->node[p], b = samples->other[p];
      EXPECT_EQ(samples->target[p], p % 2 == 0 ? 1 : 0);
      EXPECT_NE(a, b);
      EXPECT_EQ(joined(all, a, b), samples->target[p] == 1);
      EXPECT_EQ(joined(split.neighbours, a, b), samples == &split.train && samples->target[p] == 1);
    }
  }
  const int64_t pairs = split.train.size() + split.validation.size() + split.test.size();
  EXPECT_EQ(pairs, static_cast<int64_t>(graph.neighbour.size()));
}

TEST(ForwardGnn, LanesWaitAsTheirMethodSays) {
  const auto greedy = *Make("layers: 3");
  EXPECT_TRUE(greedy->lanes()[0].needs.empty());
  ASSERT_EQ(greedy->lanes()[2].needs.size(), 1);
  EXPECT_EQ(greedy->lanes()[2].needs[0].lane, 1);
  EXPECT_TRUE(greedy->lanes()[2].needs[0].finished);
  const auto side_by_side = *Make("layers: 4 method: SF_TOP2LOSS");
  EXPECT_EQ(side_by_side->lanes()[1].needs.size(), 3);
  for (const LaneNeed& need : side_by_side->lanes()[1].needs) {
    EXPECT_EQ(need.lag, 1);
    EXPECT_FALSE(need.finished);
  }
  EXPECT_EQ(side_by_side->segments()[0].history, 3);
  const auto turns = *Make("layers: 3 method: SF_TOP2INPUT");
  EXPECT_EQ(turns->lanes()[0].needs[0].lag, 0);
  EXPECT_EQ(turns->lanes()[1].needs[0].lag, -1);
}

TEST(ForwardGnn, ThreadsThatShareAWorkloadGetTheSameBits) {
  const auto shared = *Make("layers: 2 width: 16");
  const auto segments = RandomSegments(*shared, 1);
  const JobInputs inputs{.segments = {segments[1], segments[0]}, .lane = 1};
  std::vector<int64_t> ids(128);
  std::iota(ids.begin(), ids.end(), 0);
  const auto sum = [&](const Workload& workload) {
    std::vector<float> sum(workload.lanes()[1].reply.length());
    EXPECT_TRUE(workload.AddSum(inputs, {}, ids, sum).ok());
    return sum;
  };
  const std::vector<float> expected = sum(**Make("layers: 2 width: 16"));
  std::vector<std::vector<float>> sums(4);
  std::vector<std::thread> threads;
  for (auto& one : sums) threads.emplace_back([&] { one = sum(*shared); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& one : sums) EXPECT_EQ(one, expected);
  // Another final state below is another function, whatever it is called.
  auto other = segments;
  other[0][3] += 1;
  std::vector<float> changed(expected.size());
  ASSERT_TRUE(shared->AddSum({.segments = {other[1], other[0]}, .lane = 1}, {}, ids, changed).ok());
  EXPECT_NE(changed, expected);
}

class Methods : public testing::TestWithParam<const char*> {
 protected:
  Methods() : workload_(*Make(std::string("width: 8 ") + GetParam())) {
    trial_.set_seed(4);
    trial_.mutable_optimizer()->set_kind(v1::OptimizerSpec::ADAM);
    trial_.mutable_optimizer()->set_learning_rate(0.02);
    trial_.mutable_training()->set_jobs(12);
    trial_.mutable_training()->set_evaluate_every(2);
  }
  std::unique_ptr<LocalTrainer> Trainer() const {
    return *LocalTrainer::Make(*workload_, trial_, nullptr, nullptr);
  }
  std::vector<std::vector<float>> Final(const LocalTrainer& trainer) const {
    std::vector<std::vector<float>> values;
    for (size_t s = 0; s < workload_->segments().size(); ++s) {
      const auto segment = trainer.FinalValues(static_cast<int>(s));
      values.emplace_back(segment.begin(), segment.end());
    }
    return values;
  }
  std::unique_ptr<Workload> workload_;
  v1::TrialSpec trial_;
};

TEST_P(Methods, TheOrderOfLanesChangesNoBit) {
  for (const int patience : {0, 2}) {
    trial_.mutable_training()->set_patience(patience);
    const auto expected = Trainer();
    ASSERT_TRUE(expected->Run().ok());
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      const auto trainer = Trainer();
      const auto status = trainer->RunInAnyOrder(seed);
      ASSERT_TRUE(status.ok()) << status;
      EXPECT_EQ(Final(*trainer), Final(*expected)) << "patience " << patience;
    }
  }
}

TEST_P(Methods, ChunksAddUpToTheWholeJob) {
  const auto trainer = Trainer();
  const std::vector<SegmentVersion> reads = trainer->learner().Next(0).reads;
  const std::vector<float> whole = *trainer->SumOf(0, 0, reads, 1);
  for (const int chunks : {3, 7}) {
    const std::vector<float> sum = *trainer->SumOf(0, 0, reads, chunks);
    double off = 0, size = 0;
    for (size_t i = 0; i < sum.size(); ++i) {
      off += std::pow(double{sum[i]} - whole[i], 2);
      size += std::pow(double{whole[i]}, 2);
    }
    EXPECT_LE(std::sqrt(off / size), 1e-5) << chunks;
  }
}

TEST_P(Methods, LossFallsInEveryLane) {
  const auto trainer = Trainer();
  ASSERT_TRUE(trainer->Run().ok());
  for (int lane = 0; lane < static_cast<int>(workload_->lanes().size()); ++lane) {
    EXPECT_LT(trainer->applied(lane).back().loss, trainer->applied(lane).front().loss) << lane;
  }
}

INSTANTIATE_TEST_SUITE_P(Table, Methods,
                         testing::Values("method: SF layers: 3", "method: SF_TOP2LOSS layers: 4",
                                         "method: SF_TOP2INPUT layers: 4",
                                         "method: FF_LA threshold: 0.5",
                                         "method: FF_VN threshold: 0.5", "task: LINK_PREDICTION",
                                         "task: LINK_PREDICTION method: SF_TOP2INPUT layers: 3",
                                         "task: LINK_PREDICTION method: FF threshold: 0.1",
                                         "method: BACKPROPAGATION", "convolution: GAT",
                                         "convolution: SAGE"));

}  // namespace
}  // namespace gradloom
