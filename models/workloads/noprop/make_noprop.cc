// A NoProp spec, checked, with its defaults.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "models/workloads/builders.h"
#include "models/workloads/noprop/noprop.h"

namespace gradloom {
namespace {

// Products of all these and of any example's size stay below 2^63.
constexpr int64_t kMaxBlocks = 1 << 10;
constexpr int64_t kMaxHidden = 1 << 16;
constexpr int64_t kMaxChannels = 1 << 10;
constexpr int64_t kMaxOneHot = 1 << 12;  // every process keeps a square table
constexpr int64_t kMaxSteps = 100'000;
constexpr int kMaxConvolutions = 16;  // a block's dropout layers are numbered below this
constexpr double kMaxWeight = 1e9;

absl::Status InRange(const std::string& field, int64_t value, int64_t highest) {
  if (value >= 1 && value <= highest) return absl::OkStatus();
  return Illegal(field, value, absl::StrCat("1 to ", highest));
}

absl::Status Positive(const std::string& field, double value) {
  if (value > 0 && value <= kMaxWeight) return absl::OkStatus();
  return Illegal(field, value, absl::StrCat("more than 0 and at most ", kMaxWeight));
}

absl::Status CheckKinds(const v1::NoProp& spec, const std::string& field) {
  if (!v1::NoProp::Variant_IsValid(spec.variant())) {
    return Illegal(field + ".variant", static_cast<int>(spec.variant()), "DT, CT, FM");
  }
  if (!v1::NoProp::Embedding_IsValid(spec.embedding())) {
    return Illegal(field + ".embedding", static_cast<int>(spec.embedding()),
                   "ONE_HOT, LEARNED, PROTOTYPE");
  }
  if (!v1::NoProp::Block_IsValid(spec.block())) {
    return Illegal(field + ".block", static_cast<int>(spec.block()), "MLP, CONVOLUTIONAL");
  }
  if (spec.learned_schedule() && spec.variant() != v1::NoProp::CT) {
    return Illegal(field + ".learned_schedule", "true", "false, unless variant is CT");
  }
  return absl::OkStatus();
}

absl::Status CheckImages(const DatasetInfo& data, size_t convolutions, const std::string& field) {
  const int64_t pixels = int64_t{data.channels} * data.height * data.width;
  if (data.sparse || pixels < 1 || pixels != data.features) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ".block = CONVOLUTIONAL needs images; the data has ", data.features,
                     data.sparse ? " sparse" : " plain", " features"));
  }
  size_t halvings = 0;
  for (int size = std::min(data.height, data.width); size >= 2; size /= 2) ++halvings;
  if (convolutions <= halvings) return absl::OkStatus();
  return Illegal(field + ".channels: number of convolutions", convolutions,
                 absl::StrCat("1 to ", halvings, " (every one halves images of ", data.height,
                              " x ", data.width, " pixels)"));
}

// The block's shape for the data.
absl::StatusOr<DenoiserShape> BlockOf(const v1::NoProp& spec, const DatasetInfo& data,
                                      const std::string& field) {
  const bool convolutional = spec.block() == v1::NoProp::CONVOLUTIONAL;
  DenoiserShape shape;
  shape.example = {data.features, 1, 1};
  shape.hidden = spec.has_hidden() ? spec.hidden() : convolutional ? 256 : 128;
  absl::Status status = InRange(field + ".hidden", shape.hidden, kMaxHidden);
  if (!status.ok()) return status;
  if (!convolutional) {
    if (spec.channels_size() > 0) {
      return Illegal(field + ".channels: number of convolutions", spec.channels_size(),
                     "0, unless block is CONVOLUTIONAL");
    }
    if (spec.dropout() != 0) {
      return Illegal(field + ".dropout", spec.dropout(), "0, unless block is CONVOLUTIONAL");
    }
    return shape;
  }
  shape.channels.assign(spec.channels().begin(), spec.channels().end());
  if (shape.channels.empty()) shape.channels = {32, 64, 128};
  status = InRange(field + ".channels: number of convolutions",
                   static_cast<int64_t>(shape.channels.size()), kMaxConvolutions);
  for (size_t c = 0; c < shape.channels.size(); ++c) {
    status.Update(
        InRange(absl::StrCat(field, ".channels[", c, "]"), shape.channels[c], kMaxChannels));
  }
  if (status.ok()) status = CheckImages(data, shape.channels.size(), field);
  if (!status.ok()) return status;
  shape.example = {data.channels, data.height, data.width};
  shape.dropout = spec.has_dropout() ? spec.dropout() : 0.2;
  if (!(shape.dropout >= 0 && shape.dropout < 1)) {
    return Illegal(field + ".dropout", shape.dropout, "0 up to, not including, 1");
  }
  return shape;
}

}  // namespace

MadeWorkload MakeNoProp(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                        const std::string& field) {
  const v1::NoProp& noprop = spec.noprop();
  absl::Status status = CheckSparseFeatures(data, field);
  status.Update(CheckKinds(noprop, field));
  if (!status.ok()) return status;
  absl::StatusOr<DenoiserShape> block = BlockOf(noprop, data, field);
  if (!block.ok()) return block.status();

  const bool dt =
      noprop.variant() == v1::NoProp::DT || noprop.variant() == v1::NoProp::VARIANT_UNSPECIFIED;
  NoPropModel model;
  model.data = data;
  model.block = *std::move(block);
  if (noprop.embedding() != v1::NoProp::EMBEDDING_UNSPECIFIED) model.embedding = noprop.embedding();
  model.blocks = noprop.has_blocks() ? noprop.blocks() : 10;
  model.inference_steps = noprop.has_inference_steps() ? noprop.inference_steps() : 40;
  model.eta = noprop.has_eta() ? noprop.eta() : dt ? 0.1 : 1;
  model.weight_limit = noprop.has_weight_limit() ? noprop.weight_limit() : 5;
  model.learned_schedule = noprop.learned_schedule();
  switch (model.embedding) {
    case v1::NoProp::LEARNED:
      model.block.dimension = noprop.has_dimension() ? noprop.dimension() : 20;
      // Of length 1: noise of length sqrt(dimension) then hides the label for most of the time, and
      // blocks have to learn from the example. FM learns from the distance between the two.
      if (noprop.variant() != v1::NoProp::FM) {
        model.embedding_spread = 1 / std::sqrt(static_cast<double>(model.block.dimension));
      }
      break;
    case v1::NoProp::PROTOTYPE:
      model.block.dimension = data.features;
      break;
    default:
      model.block.dimension = data.classes;
  }
  status.Update(InRange(field + ".blocks", model.blocks, kMaxBlocks));
  status.Update(InRange(field + ".inference_steps", model.inference_steps, kMaxSteps));
  if (model.embedding == v1::NoProp::LEARNED) {
    status.Update(InRange(field + ".dimension", model.block.dimension, kMaxUnits));
  } else if (model.embedding == v1::NoProp::ONE_HOT && data.classes > kMaxOneHot) {
    return Illegal(field + ".embedding", "ONE_HOT",
                   absl::StrCat("LEARNED, PROTOTYPE for ", data.classes, " classes; ONE_HOT has ",
                                kMaxOneHot, " at most"));
  }
  status.Update(Positive(field + ".eta", model.eta));
  status.Update(Positive(field + ".weight_limit", model.weight_limit));
  if (!status.ok()) return status;
  switch (noprop.variant()) {
    case v1::NoProp::CT:
      return MakeNoPropCt(model);
    case v1::NoProp::FM:
      return MakeNoPropFm(model);
    default:
      return MakeNoPropDt(model);
  }
}

}  // namespace gradloom
