// What of a workload can be judged without its data.
#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/run_file/validate.h"
#include "models/workloads/bilevel/bilevel_spec.h"

namespace gradloom {
namespace {

void ValidatePool(const v1::Pool& pool, const std::string& field, Findings* findings) {
  findings->Require(pool.size() > 0, absl::StrCat(field, ".size"), pool.size(), "1 or more");
  findings->Require(pool.stride() > 0, absl::StrCat(field, ".stride"), pool.stride(), "1 or more");
}

void ValidateDropout(double probability, const std::string& field, Findings* findings) {
  findings->Require(probability >= 0 && probability < 1, field, probability,
                    "0 or more and less than 1");
}

void ValidateLayer(const v1::LayerSpec& layer, const std::string& field, Findings* findings) {
  switch (layer.layer_case()) {
    case v1::LayerSpec::LAYER_NOT_SET:
      findings->Add(field, absl::StrCat("is empty; it must be one of: ",
                                        Alternatives(v1::LayerSpec::descriptor())));
      break;
    case v1::LayerSpec::kConv: {
      const auto& conv = layer.conv();
      findings->Require(conv.channels() > 0, field + ".conv.channels", conv.channels(),
                        "1 or more");
      findings->Require(conv.kernel() > 0, field + ".conv.kernel", conv.kernel(), "1 or more");
      findings->Require(conv.stride() > 0, field + ".conv.stride", conv.stride(), "1 or more");
      break;
    }
    case v1::LayerSpec::kMaxPool:
      ValidatePool(layer.max_pool(), field + ".max_pool", findings);
      break;
    case v1::LayerSpec::kAveragePool:
      ValidatePool(layer.average_pool(), field + ".average_pool", findings);
      break;
    case v1::LayerSpec::kBatchNorm:
      findings->Require(layer.batch_norm().epsilon() > 0, field + ".batch_norm.epsilon",
                        layer.batch_norm().epsilon(), "more than 0");
      if (layer.batch_norm().has_group()) {
        findings->Require(layer.batch_norm().group() >= 2, field + ".batch_norm.group",
                          layer.batch_norm().group(), "2 or more");
      }
      break;
    case v1::LayerSpec::kDense:
      findings->Require(layer.dense().units() > 0, field + ".dense.units", layer.dense().units(),
                        "1 or more");
      break;
    case v1::LayerSpec::kDropout:
      ValidateDropout(layer.dropout().probability(), field + ".dropout.probability", findings);
      break;
    case v1::LayerSpec::kActivate:
      break;
  }
}

void ValidateForwardForward(const v1::ForwardForward& model, Findings* findings) {
  const std::string field = "workload.forward_forward";
  if (model.hidden().empty()) {
    findings->Add(field + ".hidden", "is empty; it must list the width of a layer or several");
  }
  for (int i = 0; i < model.hidden_size(); ++i) {
    findings->Require(model.hidden(i) > 0, absl::StrCat(field, ".hidden[", i, "]"), model.hidden(i),
                      "1 or more");
  }
  findings->Require(model.threshold() > 0, field + ".threshold", model.threshold(), "more than 0");
}

// A setting that would silently do nothing is an error of the user's.
void ValidateNoProp(const v1::NoProp& noprop, Findings* findings) {
  using Spec = v1::NoProp;
  const bool dt = noprop.variant() == Spec::DT, ct = noprop.variant() == Spec::CT;
  const bool learned = noprop.embedding() == Spec::LEARNED;
  const bool convolutional = noprop.block() == Spec::CONVOLUTIONAL;
  const auto at = [](absl::string_view name) { return absl::StrCat("workload.noprop.", name); };
  const auto unused = [&](bool given, absl::string_view name, absl::string_view only) {
    if (given) findings->Add(at(name), absl::StrCat("does nothing here; only ", only, " has it"));
  };
  unused(noprop.has_blocks() && !dt, "blocks", "variant dt");
  unused(noprop.has_inference_steps() && dt, "inference_steps", "variant ct or fm");
  unused(noprop.has_dimension() && !learned, "dimension", "embedding learned");
  const bool weighted = ct || (dt && learned);
  unused(noprop.has_eta() && !weighted, "eta", "variant ct, or dt with embedding learned,");
  unused(noprop.has_weight_limit() && !weighted, "weight_limit",
         "variant ct, or dt with embedding learned,");
  unused(noprop.learned_schedule() && !ct, "learned_schedule", "variant ct");
  unused(!noprop.channels().empty() && !convolutional, "channels", "block convolutional");
  unused(noprop.has_dropout() && !convolutional, "dropout", "block convolutional");
  const auto positive = [&](bool has, uint32_t value, absl::string_view name) {
    findings->Require(!has || value > 0, at(name), value, "1 or more");
  };
  positive(noprop.has_hidden(), noprop.hidden(), "hidden");
  positive(noprop.has_blocks(), noprop.blocks(), "blocks");
  positive(noprop.has_inference_steps(), noprop.inference_steps(), "inference_steps");
  positive(noprop.has_dimension(), noprop.dimension(), "dimension");
  for (int i = 0; i < noprop.channels_size(); ++i) {
    findings->Require(noprop.channels(i) > 0, at(absl::StrCat("channels[", i, "]")),
                      noprop.channels(i), "1 or more");
  }
  findings->Require(!noprop.has_eta() || noprop.eta() > 0, at("eta"), noprop.eta(), "more than 0");
  findings->Require(!noprop.has_weight_limit() || noprop.weight_limit() > 0, at("weight_limit"),
                    noprop.weight_limit(), "more than 0");
  ValidateDropout(noprop.dropout(), at("dropout"), findings);
}

}  // namespace

void ValidateWorkload(const v1::WorkloadSpec& workload, Findings* findings) {
  switch (workload.kind_case()) {
    case v1::WorkloadSpec::KIND_NOT_SET:
      findings->Add("workload", absl::StrCat("is missing; it must be one of: ",
                                             Alternatives(v1::WorkloadSpec::descriptor())));
      break;
    case v1::WorkloadSpec::kMlp:
      for (int i = 0; i < workload.mlp().hidden_size(); ++i) {
        findings->Require(workload.mlp().hidden(i) > 0,
                          absl::StrCat("workload.mlp.hidden[", i, "]"), workload.mlp().hidden(i),
                          "1 or more");
      }
      ValidateDropout(workload.mlp().dropout(), "workload.mlp.dropout", findings);
      break;
    case v1::WorkloadSpec::kCnn:
      for (int i = 0; i < workload.cnn().layers_size(); ++i) {
        ValidateLayer(workload.cnn().layers(i), absl::StrCat("workload.cnn.layers[", i, "]"),
                      findings);
      }
      break;
    case v1::WorkloadSpec::kForwardGnn: {
      const auto& gnn = workload.forward_gnn();
      findings->Require(gnn.layers() >= 1, "workload.forward_gnn.layers", gnn.layers(),
                        "1 or more");
      findings->Require(gnn.width() >= 1, "workload.forward_gnn.width", gnn.width(), "1 or more");
      if (gnn.has_heads()) {
        findings->Require(gnn.heads() >= 1 && gnn.width() % gnn.heads() == 0,
                          "workload.forward_gnn.heads", gnn.heads(),
                          absl::StrCat("a divisor of width = ", gnn.width()));
      }
      findings->Require(gnn.temperature() > 0, "workload.forward_gnn.temperature",
                        gnn.temperature(), "more than 0");
      break;
    }
    case v1::WorkloadSpec::kBilevel:
      if (const absl::Status status = CheckBilevelSpec(workload.bilevel(), "workload.bilevel");
          !status.ok()) {
        findings->Add(status);
      }
      break;
    case v1::WorkloadSpec::kForwardForward:
      ValidateForwardForward(workload.forward_forward(), findings);
      break;
    case v1::WorkloadSpec::kNoprop:
      ValidateNoProp(workload.noprop(), findings);
      break;
    default:
      break;
  }
}

}  // namespace gradloom
