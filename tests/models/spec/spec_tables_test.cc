// The tables of plug-ins, against run.proto: each has every kind, whose defaults can be filled in
// and checked, and filling in again changes nothing.
#include <string>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/util/message_differencer.h"
#include "gradloom/v1/run.pb.h"
#include "gtest/gtest.h"
#include "models/data/sources.h"
#include "models/layers/layer_kind.h"
#include "models/optimisers/optimiser.h"
#include "models/workloads/bilevel/problem_kind.h"
#include "models/workloads/workload_spec.h"

namespace gradloom {
namespace {

using google::protobuf::util::MessageDifferencer;

// Calls `check` with a message for each alternative of its oneof.
template <typename Choice, typename Check>
void EachAlternative(const Check& check) {
  const auto* oneof = Choice::descriptor()->oneof_decl(0);
  for (int i = 0; i < oneof->field_count(); ++i) {
    Choice choice;
    choice.GetReflection()->MutableMessage(&choice, oneof->field(i));
    check(&choice, oneof->field(i)->name());
  }
}

// Fills in twice, checks once. A kind that the table lacks is reported as missing.
template <typename Choice, typename Fill, typename CheckSpec>
void ExpectKnown(const Fill& fill, const CheckSpec& check) {
  EachAlternative<Choice>([&](Choice* choice, const std::string& name) {
    fill(choice);
    const Choice filled = *choice;
    fill(choice);
    EXPECT_TRUE(MessageDifferencer::Equals(filled, *choice)) << name;
    Findings findings;
    check(filled, &findings);
    EXPECT_EQ(findings.status().message().find("is missing; it must be one of"),
              absl::string_view::npos)
        << name << ": " << findings.status();
  });
}

TEST(SpecTables, HaveEveryWorkload) {
  ExpectKnown<v1::WorkloadSpec>(FillWorkload, [](const auto& spec, Findings* findings) {
    if (!spec.has_bilevel()) CheckWorkload(spec, findings);  // its problem is missing
  });
}
TEST(SpecTables, HaveEveryLayer) {
  ExpectKnown<v1::LayerSpec>(
      FillLayer, [](const auto& spec, Findings* findings) { CheckLayer(spec, "layer", findings); });
}
TEST(SpecTables, HaveEveryDataSource) {
  ExpectKnown<v1::DataSource>(FillSource, [](const auto& spec, Findings* findings) {
    CheckSource(spec, "data.train", findings);
  });
}
TEST(SpecTables, HaveEveryBilevelProblem) {
  ExpectKnown<v1::Bilevel>(FillProblem, [](const auto& spec, Findings* findings) {
    CheckProblem(spec, "bilevel", findings);
  });
}

TEST(SpecTables, HaveEveryOptimiserWithEverySchedule) {
  const auto* kinds = v1::OptimizerSpec::Kind_descriptor();
  const auto* schedules = v1::ScheduleSpec::Kind_descriptor();
  for (int i = 1; i < kinds->value_count(); ++i) {
    for (int k = 1; k < schedules->value_count(); ++k) {
      v1::OptimizerSpec spec;
      spec.set_kind(static_cast<v1::OptimizerSpec::Kind>(kinds->value(i)->number()));
      spec.mutable_schedule()->set_kind(
          static_cast<v1::ScheduleSpec::Kind>(schedules->value(k)->number()));
      if (spec.schedule().kind() == v1::ScheduleSpec::STEP) spec.mutable_schedule()->set_every(3);
      FillOptimizer(&spec);
      EXPECT_TRUE(spec.has_learning_rate()) << spec.ShortDebugString();
      EXPECT_TRUE(MakeOptimiser(spec, 10).ok()) << spec.ShortDebugString();
      ClearOwnFields(&spec);
      EXPECT_FALSE(spec.has_beta2() || spec.has_momentum() || spec.has_epsilon());
      EXPECT_TRUE(spec.has_learning_rate() && spec.has_clip_norm());
    }
  }
}

}  // namespace
}  // namespace gradloom
