#include "coordinator/run_file/defaults.h"

#include <cstdint>

#include "coordinator/run_file/scheme_rules.h"
#include "models/workloads/bilevel/bilevel_spec.h"

namespace gradloom {
namespace {

#define GRADLOOM_DEFAULT(message, field, value) \
  if (!(message)->has_##field()) (message)->set_##field(value)

void SetSeconds(google::protobuf::Duration* duration, int64_t seconds) {
  duration->set_seconds(seconds);
}
#define GRADLOOM_DEFAULT_SECONDS(message, field, seconds) \
  if (!(message)->has_##field()) SetSeconds((message)->mutable_##field(), seconds)

void FillSource(v1::DataSource* source) {
  switch (source->source_case()) {
    case v1::DataSource::kCsv:
      if (source->csv().delimiter().empty()) source->mutable_csv()->set_delimiter(",");
      break;
    case v1::DataSource::kGlyphs: {
      auto* glyphs = source->mutable_glyphs();
      GRADLOOM_DEFAULT(glyphs, count, 60'000);
      GRADLOOM_DEFAULT(glyphs, seed, 1);
      GRADLOOM_DEFAULT(glyphs, noise, 0.15);
      GRADLOOM_DEFAULT(glyphs, distortion, 1);
      break;
    }
    case v1::DataSource::kRegression: {
      auto* regression = source->mutable_regression();
      GRADLOOM_DEFAULT(regression, count, 10'000);
      GRADLOOM_DEFAULT(regression, features, 20);
      GRADLOOM_DEFAULT(regression, seed, 1);
      GRADLOOM_DEFAULT(regression, noise, 0.1);
      break;
    }
    case v1::DataSource::kClassification: {
      auto* classification = source->mutable_classification();
      GRADLOOM_DEFAULT(classification, count, 10'000);
      GRADLOOM_DEFAULT(classification, features, 20);
      GRADLOOM_DEFAULT(classification, classes, 2);
      GRADLOOM_DEFAULT(classification, seed, 1);
      GRADLOOM_DEFAULT(classification, separation, 2);
      break;
    }
    case v1::DataSource::kGraphCsv:
      if (source->graph_csv().nodes().delimiter().empty()) {
        source->mutable_graph_csv()->mutable_nodes()->set_delimiter(",");
      }
      break;
    case v1::DataSource::kBlockModel: {
      auto* blocks = source->mutable_block_model();
      GRADLOOM_DEFAULT(blocks, count, 1000);
      GRADLOOM_DEFAULT(blocks, classes, 4);
      GRADLOOM_DEFAULT(blocks, features, 200);
      GRADLOOM_DEFAULT(blocks, degree, 5);
      GRADLOOM_DEFAULT(blocks, homophily, 0.75);
      GRADLOOM_DEFAULT(blocks, words, 12);
      GRADLOOM_DEFAULT(blocks, topic, 0.3);
      GRADLOOM_DEFAULT(blocks, seed, 1);
      break;
    }
    default:
      break;
  }
}

template <typename Layer>
void FillActivation(Layer* layer) {
  if (layer->activation() == v1::ACTIVATION_UNSPECIFIED) layer->set_activation(v1::RELU);
}

void FillPool(v1::Pool* pool) {
  GRADLOOM_DEFAULT(pool, size, 2);
  GRADLOOM_DEFAULT(pool, stride, pool->size());
}

void FillLayer(v1::LayerSpec* layer) {
  switch (layer->layer_case()) {
    case v1::LayerSpec::kConv: {
      auto* conv = layer->mutable_conv();
      GRADLOOM_DEFAULT(conv, kernel, 3);
      GRADLOOM_DEFAULT(conv, stride, 1);
      GRADLOOM_DEFAULT(conv, padding, 0);
      FillActivation(conv);
      break;
    }
    case v1::LayerSpec::kMaxPool:
      FillPool(layer->mutable_max_pool());
      break;
    case v1::LayerSpec::kAveragePool:
      FillPool(layer->mutable_average_pool());
      break;
    case v1::LayerSpec::kBatchNorm:
      GRADLOOM_DEFAULT(layer->mutable_batch_norm(), epsilon, 1e-5);
      break;
    case v1::LayerSpec::kDense:
      FillActivation(layer->mutable_dense());
      break;
    case v1::LayerSpec::kActivate:
      FillActivation(layer->mutable_activate());
      break;
    default:
      break;
  }
}

void FillForwardGnn(v1::ForwardGnn* gnn) {
  using Gnn = v1::ForwardGnn;
  GRADLOOM_DEFAULT(gnn, layers, 2);
  GRADLOOM_DEFAULT(gnn, width, 128);
  if (gnn->convolution() == Gnn::CONVOLUTION_UNSPECIFIED) gnn->set_convolution(Gnn::GCN);
  if (gnn->convolution() == Gnn::GAT) GRADLOOM_DEFAULT(gnn, heads, 4);
  if (gnn->task() == Gnn::TASK_UNSPECIFIED) gnn->set_task(Gnn::NODE_CLASSIFICATION);
  if (gnn->method() == Gnn::METHOD_UNSPECIFIED) gnn->set_method(Gnn::SF);
  GRADLOOM_DEFAULT(gnn, threshold, 2);
  GRADLOOM_DEFAULT(gnn, temperature, 1);
  GRADLOOM_DEFAULT(gnn, seed, 1);
}

void FillNoProp(v1::NoProp* noprop) {
  using Spec = v1::NoProp;
  if (noprop->variant() == Spec::VARIANT_UNSPECIFIED) noprop->set_variant(Spec::DT);
  if (noprop->embedding() == Spec::EMBEDDING_UNSPECIFIED) noprop->set_embedding(Spec::ONE_HOT);
  if (noprop->block() == Spec::BLOCK_UNSPECIFIED) noprop->set_block(Spec::MLP);
  // Only what the variant, the embedding and the block use.
  const bool dt = noprop->variant() == Spec::DT, ct = noprop->variant() == Spec::CT;
  const bool learned = noprop->embedding() == Spec::LEARNED;
  const bool convolutional = noprop->block() == Spec::CONVOLUTIONAL;
  GRADLOOM_DEFAULT(noprop, hidden, convolutional ? 256 : 128);
  if (convolutional) {
    if (noprop->channels().empty()) {
      for (const uint32_t channels : {32, 64, 128}) noprop->add_channels(channels);
    }
    GRADLOOM_DEFAULT(noprop, dropout, 0.2);
  }
  if (dt) GRADLOOM_DEFAULT(noprop, blocks, 10);
  if (!dt) GRADLOOM_DEFAULT(noprop, inference_steps, 40);
  if (learned) GRADLOOM_DEFAULT(noprop, dimension, 20);
  if (ct || (dt && learned)) {
    GRADLOOM_DEFAULT(noprop, eta, dt ? 0.1 : 1);
    GRADLOOM_DEFAULT(noprop, weight_limit, 5);
  }
  if (ct) GRADLOOM_DEFAULT(noprop, learned_schedule, false);
}

void FillForwardForward(v1::ForwardForward* model) {
  GRADLOOM_DEFAULT(model, threshold, 2);
  if (model->schedule() == v1::ForwardForward::SCHEDULE_UNSPECIFIED) {
    model->set_schedule(v1::ForwardForward::SIMULTANEOUS);
  }
}

void FillStraggle(uint64_t run_seed, v1::StraggleSpec* straggle) {
  GRADLOOM_DEFAULT(straggle, seed, run_seed);
  switch (straggle->model_case()) {
    case v1::StraggleSpec::kExponential:
      GRADLOOM_DEFAULT_SECONDS(straggle->mutable_exponential(), base, 0);
      break;
    case v1::StraggleSpec::kPareto:
      GRADLOOM_DEFAULT(straggle->mutable_pareto(), shape, 1.5);
      GRADLOOM_DEFAULT_SECONDS(straggle->mutable_pareto(), limit, 60);
      break;
    case v1::StraggleSpec::kGilbertElliott: {
      auto* chain = straggle->mutable_gilbert_elliott();
      GRADLOOM_DEFAULT(chain, enter, 0.05);
      GRADLOOM_DEFAULT(chain, leave, 0.5);
      GRADLOOM_DEFAULT_SECONDS(chain, delay, 1);
      break;
    }
    case v1::StraggleSpec::kTrace:
      GRADLOOM_DEFAULT(straggle->mutable_trace(), scale, 1);
      break;
    default:
      break;
  }
}

}  // namespace

void FillRunDefaults(v1::RunSpec* spec) {
  if (spec->name().empty()) spec->set_name("run");
  GRADLOOM_DEFAULT(spec, seed, 1);
  auto* data = spec->mutable_data();
  FillSource(data->mutable_train());
  if (data->has_test()) FillSource(data->mutable_test());
  GRADLOOM_DEFAULT(data, holdout, 0);
  FillScheme(spec->mutable_scheme());
  FillClosing(spec->mutable_closing());

  auto* fleet = spec->mutable_fleet();
  if (spec->scheme().has_slots()) {
    GRADLOOM_DEFAULT(fleet, workers, spec->scheme().slots());
  }
  GRADLOOM_DEFAULT(fleet, min_workers, fleet->has_workers() && fleet->workers() == 1 ? 1 : 2);
  GRADLOOM_DEFAULT_SECONDS(fleet, gather, 10);
  if (fleet->arrangement().empty()) fleet->set_arrangement("woven");
  GRADLOOM_DEFAULT_SECONDS(fleet, rejoin_grace, 2);
  GRADLOOM_DEFAULT_SECONDS(fleet, round_timeout, 600);

  auto* wire = spec->mutable_wire();
  if (wire->parameters() == v1::NUMBER_FORMAT_UNSPECIFIED) wire->set_parameters(v1::FP32);
  if (wire->replies() == v1::NUMBER_FORMAT_UNSPECIFIED) wire->set_replies(v1::FP32);
  GRADLOOM_DEFAULT(wire, frame_bytes, 262'144);

  auto* checkpoint = spec->mutable_checkpoint();
  GRADLOOM_DEFAULT(checkpoint, every_jobs, 0);
  GRADLOOM_DEFAULT_SECONDS(checkpoint, every, 30);
  GRADLOOM_DEFAULT(checkpoint, keep, 3);

  if (spec->has_straggle()) FillStraggle(spec->seed(), spec->mutable_straggle());
  auto* limits = spec->mutable_limits();
  GRADLOOM_DEFAULT(limits, max_parameters, uint64_t{1} << 31);
  GRADLOOM_DEFAULT(limits, max_task_attempts, 5);
}

void FillWorkloadDefaults(v1::WorkloadSpec* workload) {
  switch (workload->kind_case()) {
    case v1::WorkloadSpec::kLinearRegression:
      GRADLOOM_DEFAULT(workload->mutable_linear_regression(), intercept, true);
      break;
    case v1::WorkloadSpec::kLogisticRegression:
      GRADLOOM_DEFAULT(workload->mutable_logistic_regression(), intercept, true);
      break;
    case v1::WorkloadSpec::kMlp:
      FillActivation(workload->mutable_mlp());
      break;
    case v1::WorkloadSpec::kCnn:
      for (auto& layer : *workload->mutable_cnn()->mutable_layers()) FillLayer(&layer);
      break;
    case v1::WorkloadSpec::kForwardGnn:
      FillForwardGnn(workload->mutable_forward_gnn());
      break;
    case v1::WorkloadSpec::kBilevel:
      FillBilevelDefaults(workload->mutable_bilevel());
      break;
    case v1::WorkloadSpec::kForwardForward:
      FillForwardForward(workload->mutable_forward_forward());
      break;
    case v1::WorkloadSpec::kNoprop:
      FillNoProp(workload->mutable_noprop());
      break;
    default:
      break;
  }
}

void FillOptimizerDefaults(v1::OptimizerSpec* optimizer) {
  using Spec = v1::OptimizerSpec;
  if (optimizer->kind() == Spec::KIND_UNSPECIFIED) optimizer->set_kind(Spec::ADAM);
  const Spec::Kind kind = optimizer->kind();
  const bool plain = kind == Spec::SGD || kind == Spec::MOMENTUM || kind == Spec::NESTEROV ||
                     kind == Spec::ADAGRAD;
  GRADLOOM_DEFAULT(optimizer, learning_rate, plain ? 1e-2 : 1e-3);
  // Only what the kind uses: a field that would silently do nothing is an error of the user's.
  if (kind == Spec::MOMENTUM || kind == Spec::NESTEROV) GRADLOOM_DEFAULT(optimizer, momentum, 0.9);
  if (kind != Spec::RMSPROP && !plain) GRADLOOM_DEFAULT(optimizer, beta1, 0.9);
  if (!plain) GRADLOOM_DEFAULT(optimizer, beta2, kind == Spec::RMSPROP ? 0.99 : 0.999);
  if (!plain || kind == Spec::ADAGRAD) GRADLOOM_DEFAULT(optimizer, epsilon, 1e-8);
  GRADLOOM_DEFAULT(optimizer, weight_decay, kind == Spec::ADAMW ? 0.01 : 0);
  GRADLOOM_DEFAULT(optimizer, clip_norm, 0);
  auto* schedule = optimizer->mutable_schedule();
  if (schedule->kind() == v1::ScheduleSpec::KIND_UNSPECIFIED) {
    schedule->set_kind(v1::ScheduleSpec::CONSTANT);
  }
  if (schedule->kind() == v1::ScheduleSpec::STEP) GRADLOOM_DEFAULT(schedule, gamma, 0.1);
  if (schedule->kind() == v1::ScheduleSpec::EXPONENTIAL) GRADLOOM_DEFAULT(schedule, gamma, 0.999);
  if (schedule->kind() == v1::ScheduleSpec::COSINE ||
      schedule->kind() == v1::ScheduleSpec::LINEAR) {
    GRADLOOM_DEFAULT(schedule, floor, 0);
  }
}

void FillTrainingDefaults(const v1::WorkloadSpec& workload, v1::TrainingSpec* training) {
  GRADLOOM_DEFAULT(training, batch_size, workload.has_forward_gnn() ? 0 : 600);
  if (!training->has_epochs() && !training->has_jobs()) training->set_epochs(5);
}

}  // namespace gradloom
