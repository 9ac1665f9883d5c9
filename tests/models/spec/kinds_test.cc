#include "models/spec/kinds.h"

#include <string>

#include "gmock/gmock.h"
#include "gradloom/v1/run.pb.h"
#include "gtest/gtest.h"
#include "models/spec/own_fields.h"

namespace gradloom {
namespace {

struct Kind {
  KindSpec<v1::LayerSpec> spec;
};
constexpr NumberField kOfConv[] = {{"channels", Within(1, 8)}, {"kernel", AtLeast(1), 3}};
constexpr Kind kConv = {
    {.kind = v1::LayerSpec::kConv,
     .numbers = kOfConv,
     .fill =
         [](v1::LayerSpec* layer) {
           // The numbers have their defaults by now.
           if (!layer->conv().has_stride())
             layer->mutable_conv()->set_stride(layer->conv().kernel());
         },
     .check =
         [](const v1::LayerSpec& layer, const std::string& field, Findings* findings) {
           findings->Require(layer.conv().stride() < 9, field + ".stride", layer.conv().stride(),
                             "less than 9");
         }}};
constexpr Kind kDropout = {{.kind = v1::LayerSpec::kDropout}};
constexpr const Kind* kTable[] = {&kConv, &kDropout};
constexpr std::span<const Kind* const> kKinds = kTable;

std::string Check(const v1::LayerSpec& layer) {
  Findings findings;
  CheckKind(kKinds, layer, "layers[0]", &findings);
  return std::string(findings.status().message());
}

TEST(Kinds, TheChosenOneIsFilledAndChecked) {
  v1::LayerSpec layer;
  layer.mutable_conv();
  EXPECT_EQ(FindKind(kKinds, layer), &kConv);
  FillKind(kKinds, &layer);
  EXPECT_EQ(layer.conv().kernel(), 3);
  EXPECT_EQ(layer.conv().stride(), 3);
  EXPECT_EQ(Check(layer), "layers[0].conv.channels: 0 is not legal; it must be from 1 to 8");
  layer.mutable_conv()->set_channels(1);
  EXPECT_EQ(Check(layer), "");
  layer.mutable_conv()->set_stride(9);
  layer.mutable_conv()->set_activation(static_cast<v1::Activation>(77));
  EXPECT_EQ(Check(layer),
            "layers[0].conv.activation: 77 is not legal; it must be one of: relu, tanh, gelu, "
            "sigmoid, identity\n"
            "layers[0].conv.stride: 9 is not legal; it must be less than 9");
}

TEST(Kinds, NothingChosenListsTheAlternatives) {
  v1::LayerSpec layer;
  FillKind(kKinds, &layer);
  EXPECT_EQ(layer.layer_case(), v1::LayerSpec::LAYER_NOT_SET);
  EXPECT_EQ(Check(layer),
            "layers[0]: is missing; it must be one of: conv, max_pool, average_pool, batch_norm, "
            "dense, dropout, activate");
  layer.mutable_dense();  // that the table does not know
  EXPECT_EQ(FindKind(kKinds, layer), nullptr);
}

TEST(OwnFields, WhatAKindDoesNotUseIsReportedWithWhoDoes) {
  struct ScheduleKind {
    int kind;
    std::span<const NumberField> numbers;
  };
  constexpr NumberField kOfStep[] = {{"every", AtLeast(1)}, {"gamma"}};
  const ScheduleKind constant = {v1::ScheduleSpec::CONSTANT, {}},
                     step = {v1::ScheduleSpec::STEP, kOfStep};
  const ScheduleKind* const kinds[] = {&constant, &step};
  const std::span<const ScheduleKind* const> table = kinds;
  constexpr const char* kShared[] = {"warmup_jobs"};
  v1::ScheduleSpec spec;
  spec.set_warmup_jobs(3);
  spec.set_every(5);
  spec.set_kind(v1::ScheduleSpec::STEP);
  Findings none, one;
  CheckUnused(table, kShared, spec, "schedule", &none);
  EXPECT_TRUE(none.status().ok()) << none.status();
  spec.set_kind(v1::ScheduleSpec::CONSTANT);
  CheckUnused(table, kShared, spec, "schedule", &one);
  EXPECT_EQ(one.status().message(),
            "schedule.every: 5 is given, but constant does not use it, only step; constant uses: "
            "warmup_jobs");
}

}  // namespace
}  // namespace gradloom
