// The workloads that the contract suite runs over: specs of every table entry with small data.
#ifndef GRADLOOM_TESTS_MODELS_WORKLOADS_WORKLOAD_CASES_H_
#define GRADLOOM_TESTS_MODELS_WORKLOADS_WORKLOAD_CASES_H_

#include <google/protobuf/text_format.h>

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "models/random.h"
#include "models/workloads/workload.h"

namespace gradloom {

struct WorkloadCase {
  const char* name;
  const char* spec;  // text format of WorkloadSpec
  int64_t features;
  int classes;  // 0: real targets
  bool sparse = false;
  int channels = 0, height = 0, width = 0;
  // Examples of one group are coupled (batch normalisation): sums are additive over groups only.
  int64_t group = 1;
  bool random = false;  // dropout
  int lanes = 1;
  bool graph = false;  // examples are the nodes of SmallGraph(), or pairs of them
};

inline std::ostream& operator<<(std::ostream& out, const WorkloadCase& c) { return out << c.name; }

// Two channels of 6 x 6 pixels, three classes.
inline WorkloadCase ImageCase(const char* name, const char* spec, int64_t group = 1) {
  return {.name = name,
          .spec = spec,
          .features = 72,
          .classes = 3,
          .channels = 2,
          .height = 6,
          .width = 6,
          .group = group};
}

// `spec`: the fields of a ForwardGnn beside its layers and width; two layers are lanes.
inline WorkloadCase GraphCase(const char* name, const char* spec, int lanes = 2) {
  return {.name = name, .spec = spec, .features = 40, .classes = 3, .lanes = lanes, .graph = true};
}

// Classes from 72 values, which are an image for whoever wants one; every job draws at random.
inline WorkloadCase RandomCase(const char* name, const char* spec, int lanes = 1) {
  WorkloadCase c = ImageCase(name, spec);
  c.random = true;
  c.lanes = lanes;
  return c;
}

inline const std::vector<WorkloadCase>& WorkloadCases() {
  static const std::vector<WorkloadCase> cases = {
      {"linear", "linear_regression {}", 13, 0},
      {"linear_no_intercept", "linear_regression { intercept: false }", 13, 0},
      {"linear_sparse", "linear_regression {}", 40, 0, true},
      {"logistic", "logistic_regression {}", 21, 2},
      {"logistic_sparse", "logistic_regression {}", 60, 2, true},
      {"logistic_sparse_no_intercept", "logistic_regression { intercept: false }", 60, 2, true},
      {"softmax", "softmax_regression {}", 17, 5},
      {"softmax_sparse", "softmax_regression {}", 50, 4, true},
      {"mlp_relu", "mlp { hidden: 24 }", 19, 7},
      {"mlp_no_hidden", "mlp {}", 11, 3},
      {"mlp_sparse", "mlp { hidden: 8 activation: TANH }", 30, 3, true},
      {"mlp_deep_tanh", "mlp { hidden: 16 hidden: 9 hidden: 12 activation: TANH }", 10, 4},
      {"mlp_gelu", "mlp { hidden: 20 hidden: 6 activation: GELU }", 12, 3},
      {"mlp_sigmoid", "mlp { hidden: 14 activation: SIGMOID }", 12, 2},
      {"mlp_identity_real", "mlp { hidden: 5 activation: IDENTITY }", 9, 0},
      {"mlp_real", "mlp { hidden: 17 activation: GELU }", 9, 0},
      {.name = "mlp_dropout",
       .spec = "mlp { hidden: 30 hidden: 20 activation: TANH dropout: 0.4 }",
       .features = 15,
       .classes = 4,
       .random = true},
      ImageCase("cnn_conv", "cnn { layers { conv { channels: 3 activation: TANH } } }"),
      ImageCase("cnn_stride_padding",
                "cnn { layers { conv { channels: 3 kernel: 3 stride: 2 padding: 1 } }"
                "      layers { conv { channels: 4 kernel: 2 activation: GELU } } }"),
      ImageCase("cnn_pools",
                "cnn { layers { conv { channels: 2 kernel: 2 padding: 1 activation: IDENTITY } }"
                "      layers { max_pool {} }"
                "      layers { average_pool { size: 2 stride: 1 } }"
                "      layers { dense { units: 6 activation: SIGMOID } } }"),
      ImageCase("cnn_batch_norm",
                "cnn { layers { conv { channels: 2 activation: IDENTITY } }"
                "      layers { batch_norm { group: 4 } } layers { activate { activation: TANH } }"
                "      layers { dense { units: 5 activation: IDENTITY } }"
                "      layers { batch_norm { group: 4 epsilon: 0.01 } } }",
                4),
      ImageCase("cnn_default_group", "cnn { layers { batch_norm {} } }", 32),
      {.name = "cnn_dropout",
       .spec = "cnn { layers { dropout { probability: 0.3 } }"
               "      layers { dense { units: 9 activation: GELU } }"
               "      layers { dropout { probability: 0.5 } } }",
       .features = 72,
       .classes = 3,
       .channels = 2,
       .height = 6,
       .width = 6,
       .random = true},
      GraphCase("gnn_sf", "forward_gnn { width: 8 }"),
      GraphCase("gnn_sf_sage", "forward_gnn { width: 8 convolution: SAGE temperature: 0.5 }"),
      GraphCase("gnn_sf_gat", "forward_gnn { width: 8 convolution: GAT heads: 2 }"),
      GraphCase("gnn_one_layer", "forward_gnn { width: 8 layers: 1 }", 1),
      GraphCase("gnn_top2loss", "forward_gnn { width: 8 layers: 3 method: SF_TOP2LOSS }", 3),
      GraphCase("gnn_top2loss_sage",
                "forward_gnn { width: 8 method: SF_TOP2LOSS convolution: SAGE }"),
      GraphCase("gnn_top2loss_gat",
                "forward_gnn { width: 8 method: SF_TOP2LOSS convolution: GAT }"),
      GraphCase("gnn_top2input", "forward_gnn { width: 8 layers: 3 method: SF_TOP2INPUT }", 3),
      GraphCase("gnn_top2input_sage",
                "forward_gnn { width: 8 method: SF_TOP2INPUT convolution: SAGE }"),
      GraphCase("gnn_top2input_gat",
                "forward_gnn { width: 16 method: SF_TOP2INPUT convolution: GAT }"),
      GraphCase("gnn_ff_la", "forward_gnn { width: 8 method: FF_LA threshold: 0.5 }"),
      GraphCase("gnn_ff_la_sage", "forward_gnn { width: 8 method: FF_LA convolution: SAGE }"),
      GraphCase("gnn_ff_la_gat", "forward_gnn { width: 8 method: FF_LA convolution: GAT }"),
      GraphCase("gnn_ff_vn", "forward_gnn { width: 8 method: FF_VN threshold: 0.5 }"),
      GraphCase("gnn_ff_vn_sage", "forward_gnn { width: 8 method: FF_VN convolution: SAGE }"),
      GraphCase("gnn_ff_vn_gat", "forward_gnn { width: 8 method: FF_VN convolution: GAT }"),
      GraphCase("gnn_links", "forward_gnn { width: 8 task: LINK_PREDICTION }"),
      GraphCase("gnn_links_gat", "forward_gnn { width: 8 task: LINK_PREDICTION convolution: GAT }"),
      GraphCase("gnn_links_ff",
                "forward_gnn { width: 8 task: LINK_PREDICTION method: FF threshold: 0.1 }"),
      GraphCase("gnn_links_top2input",
                "forward_gnn { width: 8 layers: 3 task: LINK_PREDICTION method: SF_TOP2INPUT }", 3),
      GraphCase("gnn_links_ff_top2input",
                "forward_gnn { width: 8 task: LINK_PREDICTION method: FF_TOP2INPUT threshold: 0.1 "
                "convolution: SAGE }"),
      GraphCase("gnn_backpropagation",
                "forward_gnn { width: 32 layers: 3 method: BACKPROPAGATION }", 1),
      GraphCase("gnn_backpropagation_sage",
                "forward_gnn { width: 32 method: BACKPROPAGATION convolution: SAGE }", 1),
      GraphCase("gnn_backpropagation_gat",
                "forward_gnn { width: 32 method: BACKPROPAGATION convolution: GAT }", 1),
      GraphCase("gnn_backpropagation_links",
                "forward_gnn { width: 32 method: BACKPROPAGATION task: LINK_PREDICTION }", 1),
      RandomCase("ff_one_layer", "forward_forward { hidden: 20 }"),
      RandomCase("ff_simultaneous", "forward_forward { hidden: 20 hidden: 9 hidden: 14 }", 3),
      RandomCase("ff_greedy",
                 "forward_forward { hidden: 12 hidden: 18 threshold: 0.5 schedule: GREEDY }", 2),
      {.name = "ff_sparse",
       .spec = "forward_forward { hidden: 16 hidden: 10 }",
       .features = 40,
       .classes = 4,
       .sparse = true,
       .random = true,
       .lanes = 2},
      RandomCase("dt", "noprop { hidden: 12 blocks: 3 }", 3),
      RandomCase("dt_one_block", "noprop { hidden: 12 blocks: 1 }"),
      RandomCase("dt_learned", "noprop { hidden: 12 blocks: 3 embedding: LEARNED dimension: 5 }"),
      RandomCase("dt_prototype", "noprop { hidden: 12 blocks: 2 embedding: PROTOTYPE }", 2),
      RandomCase("dt_conv",
                 "noprop { hidden: 12 blocks: 2 block: CONVOLUTIONAL channels: 3 channels: 4 }", 2),
      RandomCase("dt_conv_learned",
                 "noprop { hidden: 9 blocks: 2 block: CONVOLUTIONAL channels: 3 embedding: LEARNED "
                 "dropout: 0 }"),
      RandomCase("dt_conv_prototype",
                 "noprop { hidden: 9 blocks: 2 block: CONVOLUTIONAL channels: 3 embedding: "
                 "PROTOTYPE }",
                 2),
      RandomCase("ct", "noprop { variant: CT hidden: 12 }"),
      RandomCase("ct_learned", "noprop { variant: CT hidden: 12 embedding: LEARNED dimension: 5 }"),
      RandomCase("ct_prototype", "noprop { variant: CT hidden: 12 embedding: PROTOTYPE }"),
      RandomCase("ct_schedule", "noprop { variant: CT hidden: 12 learned_schedule: true }"),
      RandomCase("ct_schedule_learned",
                 "noprop { variant: CT hidden: 12 embedding: LEARNED learned_schedule: true "
                 "eta: 0.3 weight_limit: 2 }"),
      RandomCase("ct_conv",
                 "noprop { variant: CT hidden: 12 block: CONVOLUTIONAL channels: 4 channels: 3 }"),
      RandomCase("ct_conv_learned",
                 "noprop { variant: CT hidden: 8 block: CONVOLUTIONAL channels: 4 embedding: "
                 "LEARNED learned_schedule: true }"),
      RandomCase("ct_conv_prototype",
                 "noprop { variant: CT hidden: 8 block: CONVOLUTIONAL channels: 4 embedding: "
                 "PROTOTYPE }"),
      RandomCase("fm", "noprop { variant: FM hidden: 12 }"),
      RandomCase("fm_learned", "noprop { variant: FM hidden: 12 embedding: LEARNED dimension: 5 }"),
      RandomCase("fm_prototype", "noprop { variant: FM hidden: 12 embedding: PROTOTYPE }"),
      RandomCase("fm_conv", "noprop { variant: FM hidden: 12 block: CONVOLUTIONAL channels: 4 }"),
      RandomCase("fm_conv_learned",
                 "noprop { variant: FM hidden: 8 block: CONVOLUTIONAL channels: 4 embedding: "
                 "LEARNED }"),
      RandomCase("fm_conv_prototype",
                 "noprop { variant: FM hidden: 8 block: CONVOLUTIONAL channels: 4 embedding: "
                 "PROTOTYPE }"),
      {.name = "ct_sparse",
       .spec = "noprop { variant: CT hidden: 12 }",
       .features = 40,
       .classes = 4,
       .sparse = true,
       .random = true},
  };
  return cases;
}

// A lane of a case.
struct LaneCase {
  WorkloadCase workload;
  int lane;
};
inline std::ostream& operator<<(std::ostream& out, const LaneCase& c) {
  return out << c.workload.name << "_" << c.lane;
}
inline std::vector<LaneCase> LaneCases() {
  std::vector<LaneCase> cases;
  for (const WorkloadCase& c : WorkloadCases()) {
    for (int lane = 0; lane < c.lanes; ++lane) cases.push_back({c, lane});
  }
  return cases;
}

inline const Dataset& SmallGraph() {
  static const std::unique_ptr<Dataset> graph = [] {
    v1::DataSource source;
    source.mutable_block_model()->set_count(200);
    source.mutable_block_model()->set_classes(3);
    source.mutable_block_model()->set_features(40);
    return *OpenDataset(source, "data.train", "");
  }();
  return *graph;
}

inline DatasetInfo InfoOf(const WorkloadCase& c) {
  if (c.graph) return SmallGraph().info();
  DatasetInfo info;
  info.examples = 1000;
  info.features = c.features;
  info.channels = c.channels;
  info.height = c.height;
  info.width = c.width;
  info.classes = c.classes;
  info.sparse = c.sparse;
  return info;
}

inline std::unique_ptr<Workload> WorkloadOf(const WorkloadCase& c) {
  v1::WorkloadSpec spec;
  if (!google::protobuf::TextFormat::ParseFromString(c.spec, &spec)) std::abort();
  auto workload = MakeWorkload(spec, InfoOf(c));
  if (!workload.ok()) {
    std::cerr << workload.status().ToString() << "\n";
    std::abort();
  }
  return *std::move(workload);
}

inline Examples RandomExamples(const WorkloadCase& c, int64_t rows, uint64_t seed) {
  RandomStream stream(seed, Purpose::kGeneratedData);
  Examples examples;
  examples.rows = rows;
  examples.features = c.features;
  examples.sparse = c.sparse;
  if (c.graph) return examples;  // the workload has them
  if (c.sparse) examples.row_start.push_back(0);
  for (int64_t row = 0; row < rows; ++row) {
    for (int32_t j = 0; j < c.features; ++j) {
      const auto value = static_cast<float>(stream.NextNormal());
      if (!c.sparse) {
        examples.dense.push_back(value);
      } else if (stream.NextUniform() < 0.2) {
        examples.column.push_back(j);
        examples.value.push_back(value);
      }
    }
    if (c.sparse) examples.row_start.push_back(static_cast<int64_t>(examples.value.size()));
    examples.targets.push_back(c.classes == 0 ? static_cast<float>(stream.NextNormal())
                                              : static_cast<float>(stream.NextBelow(c.classes)));
  }
  return examples;
}

// Rows [first, last) of examples.
inline Examples RowsOf(const Examples& all, int64_t first, int64_t last) {
  Examples part;
  part.rows = last - first;
  part.features = all.features;
  part.sparse = all.sparse;
  if (all.targets.empty()) return part;
  part.targets.assign(all.targets.begin() + first, all.targets.begin() + last);
  if (!all.sparse) {
    part.dense.assign(all.dense.begin() + first * all.features,
                      all.dense.begin() + last * all.features);
    return part;
  }
  for (int64_t row = first; row <= last; ++row) {
    part.row_start.push_back(all.row_start[row] - all.row_start[first]);
  }
  part.column.assign(all.column.begin() + all.row_start[first],
                     all.column.begin() + all.row_start[last]);
  part.value.assign(all.value.begin() + all.row_start[first],
                    all.value.begin() + all.row_start[last]);
  return part;
}

// Initial values of all segments plus noise, so that regressions are not at zero and biases take
// part.
inline std::vector<std::vector<float>> RandomSegments(const Workload& workload, uint64_t seed) {
  std::vector<std::vector<float>> segments;
  for (size_t s = 0; s < workload.segments().size(); ++s) {
    std::vector<float>& values = segments.emplace_back(workload.segments()[s].size);
    workload.Initialise(seed, static_cast<int>(s), values);
    RandomStream stream(seed, Purpose::kGeneratedData, 1 + s);
    for (float& value : values) value += static_cast<float>(0.1 * stream.NextNormal());
  }
  return segments;
}

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_MODELS_WORKLOADS_WORKLOAD_CASES_H_
