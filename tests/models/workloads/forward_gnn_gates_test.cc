// What ForwardGnn reaches. On Cora and CiteSeer: the mean over three seeded 64/16/20 splits, where
// the shared data is. On a generated graph: every method, everywhere.
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/models/learners/local_trainer.h"

namespace gradloom {
namespace {

struct Gate {
  const char* name;
  const char* workload;  // of ForwardGnn
  double least;          // accuracy, or area under the curve
  const char* optimizer = "learning_rate: 0.01 weight_decay: 5e-4";
  int jobs = 200;
  int evaluate_every = 5;
  int patience = 10;
};
std::ostream& operator<<(std::ostream& out, const Gate& gate) { return out << gate.name; }

// The test accuracy of the state that validation chose.
double Train(const std::shared_ptr<const Dataset>& data, const Gate& gate, uint64_t split) {
  v1::TrialSpec trial;
  trial.set_seed(split);
  v1::ForwardGnn& gnn = *trial.mutable_workload()->mutable_forward_gnn();
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(gate.workload, &gnn));
  EXPECT_TRUE(
      google::protobuf::TextFormat::ParseFromString(gate.optimizer, trial.mutable_optimizer()));
  gnn.set_seed(split);
  trial.mutable_optimizer()->set_kind(v1::OptimizerSpec::ADAM);
  trial.mutable_training()->set_jobs(gate.jobs);
  trial.mutable_training()->set_evaluate_every(gate.evaluate_every);
  trial.mutable_training()->set_patience(gate.patience);
  const auto workload = MakeWorkload(trial.workload(), data->info());
  EXPECT_TRUE(workload.ok()) << workload.status();
  const auto trainer = LocalTrainer::Make(**workload, trial, data, nullptr);
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  const auto status = (*trainer)->Run();
  EXPECT_TRUE(status.ok()) << status;
  TrialView view;
  for (int lane = 0; lane < static_cast<int>((*workload)->lanes().size()); ++lane) {
    const LaneProgress progress = (*trainer)->learner().progress(lane);
    view.jobs_done.push_back(progress.jobs_done);
    view.segments.push_back((*trainer)->FinalValues(lane));
  }
  return (*workload)->Evaluate(view, nullptr)->accuracy;
}

double MeanOfThree(const std::shared_ptr<const Dataset>& data, const Gate& gate) {
  double sum = 0;
  for (uint64_t split = 1; split <= 3; ++split) sum += Train(data, gate, split);
  testing::Test::RecordProperty("mean", std::to_string(sum / 3));
  return sum / 3;
}

// Null where the shared data is not.
std::shared_ptr<const Dataset> Shared(const std::string& file) {
  const char* given = std::getenv("GRADLOOM_DATA");
  const std::string folder =
      std::string(given != nullptr ? given : GRADLOOM_DEFAULT_DATA) + "/graphs";
  if (!std::filesystem::exists(folder + "/" + file)) return nullptr;
  v1::DataSource source;
  source.mutable_graph_npz()->set_file(file);
  auto data = OpenDataset(source, "data.train", folder);
  EXPECT_TRUE(data.ok()) << data.status();
  return *std::move(data);
}

class CoraGate : public testing::TestWithParam<Gate> {};
TEST_P(CoraGate, IsReached) {
  static const std::shared_ptr<const Dataset> data = Shared("cora.npz");
  if (data == nullptr) GTEST_SKIP() << "graphs/cora.npz is not in $GRADLOOM_DATA";
  EXPECT_GE(MeanOfThree(data, GetParam()), GetParam().least);
}
INSTANTIATE_TEST_SUITE_P(
    Table, CoraGate,
    testing::Values(Gate{"bp_gcn", "method: BACKPROPAGATION", 0.87},
                    Gate{"sf_gcn", "method: SF", 0.87},
                    Gate{"sf_sage", "method: SF convolution: SAGE", 0.845,
                         "learning_rate: 0.01 weight_decay: 5e-4", 200, 5, 15},
                    Gate{"sf_top2loss", "method: SF_TOP2LOSS", 0.87,
                         "learning_rate: 0.01 weight_decay: 5e-4 clip_norm: 1"},
                    Gate{"ff_la_sage", "method: FF_LA convolution: SAGE", 0.84,
                         "learning_rate: 0.01 weight_decay: 1e-4", 100, 10, 5},
                    Gate{"ff_vn_sage", "method: FF_VN convolution: SAGE", 0.855},
                    Gate{"link_gcn", "task: LINK_PREDICTION", 0.91,
                         "learning_rate: 0.01 weight_decay: 5e-4", 120, 10, 15}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(CiteSeerGate, SfIsWithinAPointOfBackpropagation) {
  const std::shared_ptr<const Dataset> data = Shared("citeseer.npz");
  if (data == nullptr) GTEST_SKIP() << "graphs/citeseer.npz is not in $GRADLOOM_DATA";
  const double backpropagation = MeanOfThree(data, {"bp", "method: BACKPROPAGATION", 0});
  const double sf = MeanOfThree(data, {"sf", "method: SF", 0});
  EXPECT_GE(backpropagation, 0.7);
  EXPECT_GE(sf, backpropagation - 0.01);
}

class BlockModelGate : public testing::TestWithParam<Gate> {};
TEST_P(BlockModelGate, IsReached) {
  static const std::shared_ptr<const Dataset> data = [] {
    v1::DataSource source;
    source.mutable_block_model();
    return std::shared_ptr<const Dataset>(*OpenDataset(source, "data.train", ""));
  }();
  const double reached = Train(data, GetParam(), 1);
  RecordProperty("reached", std::to_string(reached));
  EXPECT_GE(reached, GetParam().least);
}
constexpr const char* kPlain = "learning_rate: 0.01 weight_decay: 5e-4";
INSTANTIATE_TEST_SUITE_P(
    Table, BlockModelGate,
    // Which two ends of a class are joined is chance: 0.75 is the largest area that links can
    // reach.
    testing::Values(Gate{"bp", "method: BACKPROPAGATION width: 32", 0.93},
                    Gate{"sf", "width: 32", 0.93},
                    Gate{"sf_sage", "convolution: SAGE width: 32", 0.77},
                    Gate{"sf_gat", "convolution: GAT width: 32", 0.88},
                    Gate{"sf_top2loss", "method: SF_TOP2LOSS width: 32", 0.92},
                    Gate{"sf_top2input", "method: SF_TOP2INPUT width: 32", 0.91, kPlain, 100},
                    Gate{"ff_la", "method: FF_LA convolution: SAGE width: 32", 0.87},
                    Gate{"ff_vn", "method: FF_VN convolution: SAGE width: 32", 0.84},
                    Gate{"links_sf", "task: LINK_PREDICTION width: 32", 0.66},
                    Gate{"links_ff", "task: LINK_PREDICTION method: FF width: 32 threshold: 1",
                         0.64, "learning_rate: 0.01"},
                    Gate{"links_top2input", "task: LINK_PREDICTION method: SF_TOP2INPUT width: 32",
                         0.63, "learning_rate: 0.01", 100},
                    Gate{"links_ff_top2input",
                         "task: LINK_PREDICTION method: FF_TOP2INPUT width: 32 threshold: 1", 0.62,
                         "learning_rate: 0.01", 100},
                    Gate{"links_bp", "task: LINK_PREDICTION method: BACKPROPAGATION width: 32",
                         0.6}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace gradloom
