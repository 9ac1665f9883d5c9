// A NoProp spec, checked, with its defaults.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "models/layers/layer_kind.h"
#include "models/spec/defaults.h"
#include "models/workloads/noprop/noprop.h"
#include "models/workloads/workload_kind.h"

namespace gradloom {
namespace {

constexpr int64_t kMaxOneHot = 1 << 12;  // every process keeps a square table
constexpr int kMaxConvolutions = 16;     // a block's dropout layers are numbered below this

// Products of all these and of any example's size stay below 2^63.
constexpr NumberField kNumbers[] = {
    {"hidden", Within(1, 1 << 16)},
    {"channels", Within(1, 1 << 10)},
    {"dropout", kDropoutRange},
    {"blocks", Within(1, 1 << 10)},
    {"inference_steps", Within(1, 100'000)},
    {"dimension", kUnitsRange},
    {"eta", MoreThanUpTo(0, 1e9)},
    {"weight_limit", MoreThanUpTo(0, 1e9)},
};

// What the variant, the embedding and the block use.
struct Uses {
  explicit Uses(const v1::NoProp& spec)
      : dt(spec.variant() == v1::NoProp::DT),
        ct(spec.variant() == v1::NoProp::CT),
        learned(spec.embedding() == v1::NoProp::LEARNED),
        convolutional(spec.block() == v1::NoProp::CONVOLUTIONAL),
        weights(ct || (dt && learned)) {}

  bool dt, ct, learned, convolutional, weights;
};

void Fill(v1::WorkloadSpec* workload) {
  using Spec = v1::NoProp;
  Spec* noprop = workload->mutable_noprop();
  if (noprop->variant() == Spec::VARIANT_UNSPECIFIED) noprop->set_variant(Spec::DT);
  if (noprop->embedding() == Spec::EMBEDDING_UNSPECIFIED) noprop->set_embedding(Spec::ONE_HOT);
  if (noprop->block() == Spec::BLOCK_UNSPECIFIED) noprop->set_block(Spec::MLP);
  const Uses uses(*noprop);
  GRADLOOM_DEFAULT(noprop, hidden, uses.convolutional ? 256 : 128);
  if (uses.convolutional) {
    if (noprop->channels().empty()) {
      for (const uint32_t channels : {32, 64, 128}) noprop->add_channels(channels);
    }
    GRADLOOM_DEFAULT(noprop, dropout, 0.2);
  }
  if (uses.dt) GRADLOOM_DEFAULT(noprop, blocks, 10);
  if (!uses.dt) GRADLOOM_DEFAULT(noprop, inference_steps, 40);
  if (uses.learned) GRADLOOM_DEFAULT(noprop, dimension, 20);
  if (uses.weights) {
    GRADLOOM_DEFAULT(noprop, eta, uses.dt ? 0.1 : 1);
    GRADLOOM_DEFAULT(noprop, weight_limit, 5);
  }
  if (uses.ct) GRADLOOM_DEFAULT(noprop, learned_schedule, false);
}

// A setting that would silently do nothing is an error of the user's.
void Check(const v1::WorkloadSpec& workload, const std::string& field, Findings* findings) {
  const v1::NoProp& noprop = workload.noprop();
  const Uses uses(noprop);
  const auto unused = [&](bool given, absl::string_view name, absl::string_view only) {
    if (!given) return;
    findings->Add(absl::StrCat(field, ".", name),
                  absl::StrCat("does nothing here; only ", only, " has it"));
  };
  unused(noprop.has_blocks() && !uses.dt, "blocks", "variant dt");
  unused(noprop.has_inference_steps() && uses.dt, "inference_steps", "variant ct or fm");
  unused(noprop.has_dimension() && !uses.learned, "dimension", "embedding learned");
  const char* const weighted = "variant ct, or dt with embedding learned,";
  unused(noprop.has_eta() && !uses.weights, "eta", weighted);
  unused(noprop.has_weight_limit() && !uses.weights, "weight_limit", weighted);
  unused(noprop.learned_schedule() && !uses.ct, "learned_schedule", "variant ct");
  unused(!noprop.channels().empty() && !uses.convolutional, "channels", "block convolutional");
  unused(noprop.has_dropout() && !uses.convolutional, "dropout", "block convolutional");
  findings->Require(noprop.channels_size() <= kMaxConvolutions, field + ".channels",
                    absl::StrCat("a list of ", noprop.channels_size()),
                    absl::StrCat("one of at most ", kMaxConvolutions));
}

// Every convolution halves the image.
absl::Status CheckImages(const v1::NoProp& spec, const DatasetInfo& data,
                         const std::string& field) {
  absl::Status status = CheckHasImages(data, field + ".block = convolutional");
  if (!status.ok()) return status;
  int halvings = 0;
  for (int size = std::min(data.height, data.width); size >= 2; size /= 2) ++halvings;
  if (spec.channels_size() <= halvings) return absl::OkStatus();
  return Illegal(field + ".channels", absl::StrCat("a list of ", spec.channels_size()),
                 absl::StrCat("one of at most ", halvings, " (every one halves images of ",
                              data.height, " x ", data.width, " pixels)"));
}

// The block's shape for the data.
DenoiserShape BlockOf(const v1::NoProp& spec, const DatasetInfo& data) {
  DenoiserShape shape;
  shape.example = {data.features, 1, 1};
  shape.hidden = spec.hidden();
  if (!Uses(spec).convolutional) return shape;
  shape.channels.assign(spec.channels().begin(), spec.channels().end());
  shape.example = {data.channels, data.height, data.width};
  shape.dropout = spec.dropout();
  return shape;
}

MadeWorkload Make(const v1::WorkloadSpec& workload, const DatasetInfo& data,
                  const std::string& field) {
  const v1::NoProp& spec = workload.noprop();
  if (Uses(spec).convolutional) {
    if (absl::Status status = CheckImages(spec, data, field); !status.ok()) return status;
  }
  if (spec.embedding() == v1::NoProp::ONE_HOT && data.classes > kMaxOneHot) {
    return Illegal(field + ".embedding", "one_hot",
                   absl::StrCat("learned or prototype for ", data.classes, " classes; one_hot has ",
                                kMaxOneHot, " at most"));
  }
  NoPropModel model;
  model.data = data;
  model.block = BlockOf(spec, data);
  model.embedding = spec.embedding();
  model.blocks = spec.blocks();
  model.inference_steps = spec.inference_steps();
  model.eta = spec.eta();
  model.weight_limit = spec.weight_limit();
  model.learned_schedule = spec.learned_schedule();
  switch (model.embedding) {
    case v1::NoProp::LEARNED:
      model.block.dimension = spec.dimension();
      // Of length 1: noise of length sqrt(dimension) then hides the label for most of the time, and
      // blocks have to learn from the example. FM learns from the distance between the two.
      if (spec.variant() != v1::NoProp::FM) {
        model.embedding_spread = 1 / std::sqrt(static_cast<double>(model.block.dimension));
      }
      break;
    case v1::NoProp::PROTOTYPE:
      model.block.dimension = data.features;
      break;
    default:
      model.block.dimension = data.classes;
  }
  switch (spec.variant()) {
    case v1::NoProp::CT:
      return MakeNoPropCt(model);
    case v1::NoProp::FM:
      return MakeNoPropFm(model);
    default:
      return MakeNoPropDt(model);
  }
}

}  // namespace

extern const WorkloadKind kNoPropWorkload = {
    .spec = {.kind = v1::WorkloadSpec::kNoprop, .numbers = kNumbers, .fill = Fill, .check = Check},
    .takes = TakesTargets::kAsClasses,
    .writes_out_sparse = true,
    .make = Make,
};

}  // namespace gradloom
