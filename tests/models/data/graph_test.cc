// What a graph is once it is read, whatever it was written as.
#include "models/data/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace gradloom {
namespace {

using testing::ElementsAre;

TEST(Graph, IsSymmetricWithoutLoopsOrRepetitions) {
  Examples nodes;
  nodes.rows = 4;
  nodes.features = 3;
  nodes.dense = {1, 0, 3, 0, 0, 0, -1, 1, 0, 0, 0, 2};
  nodes.targets = {0, 1, 1, 0};
  const auto data = MakeGraphDataset({{1, 0}, {0, 1}, {2, 2}, {3, 1}, {3, 1}}, nodes, {0, 1}, 7);
  const Graph& graph = *data->info().graph;
  EXPECT_THAT(graph.neighbour_start, ElementsAre(0, 1, 3, 3, 4));
  EXPECT_THAT(graph.neighbour, ElementsAre(1, 0, 3, 1));
  EXPECT_THAT(graph.feature_start, ElementsAre(0, 2, 2, 4, 5));
  EXPECT_THAT(graph.feature, ElementsAre(0, 2, 0, 1, 2));
  EXPECT_THAT(graph.value, ElementsAre(0.25f, 0.75f, -0.5f, 0.5f, 1));
  EXPECT_THAT(graph.label, ElementsAre(0, 1, 1, 0));
  EXPECT_EQ(data->info().classes, 2);
  EXPECT_TRUE(data->info().sparse);
}

TEST(BlockModel, IsWhatItsSettingsSay) {
  v1::DataSource source;
  v1::BlockModelSource& spec = *source.mutable_block_model();
  spec.set_count(3000);
  spec.set_degree(8);
  spec.set_homophily(0.6);
  const auto data = *OpenDataset(source, "data.train", "");
  const Graph& graph = *data->info().graph;
  ASSERT_EQ(graph.nodes, 3000);
  std::vector<int> members(4);
  int64_t within = 0, own_words = 0;
  for (int64_t i = 0; i < graph.nodes; ++i) {
    ++members[graph.label[i]];
    for (int64_t k = graph.neighbour_start[i]; k < graph.neighbour_start[i + 1]; ++k) {
      within += graph.label[graph.neighbour[k]] == graph.label[i] ? 1 : 0;
    }
    for (int64_t k = graph.feature_start[i]; k < graph.feature_start[i + 1]; ++k) {
      own_words += graph.feature[k] / 50 == graph.label[i] ? 1 : 0;
    }
  }
  EXPECT_THAT(members, ElementsAre(750, 750, 750, 750));
  const auto ends = static_cast<double>(graph.neighbour.size());
  // A few edges are drawn twice.
  EXPECT_NEAR(ends / 3000, 8, 0.1);
  EXPECT_NEAR(static_cast<double>(within) / ends, 0.6, 0.02);
  // Three words of ten from the class's quarter, a quarter of the others by chance.
  EXPECT_NEAR(static_cast<double>(own_words) / static_cast<double>(graph.feature.size()),
              0.3 + 0.7 / 4, 0.02);
}

}  // namespace
}  // namespace gradloom
