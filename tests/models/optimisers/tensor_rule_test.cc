// Rules that see whole tensors, through one that only this test knows: momentum, of which every row
// of a matrix is brought to length 1 before the step; a tensor of unit norm is pulled back to the
// sphere. And that element-wise rules are the same through either door.
#include <bit>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/optimisers/optimiser.h"
#include "models/optimisers/scheduled_optimiser.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using Spec = v1::OptimizerSpec;

void BringToLength1(std::span<float> values) {
  float square = 0;
  for (const float value : values) square += value * value;
  for (float& value : values) value /= std::sqrt(square);
}

class RowNormalised final : public TensorOptimiser {
 public:
  RowNormalised(const Spec& spec, const LearningRateSchedule& schedule)
      : TensorOptimiser(spec, schedule, {"velocity"}) {}

  bool Keeps(Constraint constraint) const override {
    return constraint == Constraint::kNone || constraint == Constraint::kUnitNorm;
  }

  void UpdateTensor(int64_t job, double scale, const TensorView& tensor,
                    std::span<const float> gradient, std::span<float> parameters,
                    std::span<const std::span<float>> state) const override {
    const auto momentum = static_cast<float>(spec().momentum());
    for (size_t i = 0; i < gradient.size(); ++i) {
      state[0][i] = momentum * state[0][i] + static_cast<float>(scale) * gradient[i];
    }
    std::vector<float> step(state[0].begin(), state[0].end());
    const auto columns = static_cast<size_t>(tensor.shape[1]);
    for (int64_t row = 0; row < tensor.shape[0]; ++row) {
      BringToLength1(std::span(step).subspan(row * columns, columns));
    }
    const auto rate = static_cast<float>(LearningRate(job));
    for (size_t i = 0; i < step.size(); ++i) parameters[i] -= rate * step[i];
    if (tensor.constraint == Constraint::kUnitNorm) BringToLength1(parameters);
  }
};

std::unique_ptr<Optimiser> MakeRowNormalised() {
  Spec spec;
  spec.set_learning_rate(0.5);
  spec.set_momentum(0.5);
  spec.set_clip_norm(3);
  v1::ScheduleSpec schedule;
  schedule.set_kind(v1::ScheduleSpec::EXPONENTIAL);
  schedule.set_gamma(0.5);
  return std::make_unique<RowNormalised>(spec, *LearningRateSchedule::Make(schedule, 10));
}

// A matrix and its state, moved with one gradient a call.
struct Matrix {
  std::vector<int64_t> shape;
  Constraint constraint = Constraint::kNone;
  std::vector<float> values = {};
  std::vector<float> velocity = {};

  void Move(const Optimiser& optimiser, int64_t job, std::vector<float> gradient, double scale) {
    values.resize(gradient.size());
    velocity.resize(gradient.size());
    const std::span<float> state[] = {velocity};
    optimiser.UpdateTensor(job, scale, {"layers.0.weight", shape, constraint}, gradient, values,
                           state);
  }
};

TEST(TensorRule, SeesTheShapeAndItsState) {
  const auto optimiser = MakeRowNormalised();
  EXPECT_FALSE(optimiser->element_wise());
  EXPECT_THAT(optimiser->state_names(), ElementsAre("velocity"));
  EXPECT_EQ(optimiser->clip_norm(), 3);
  Matrix rows{{2, 2}};
  rows.Move(*optimiser, 0, {30, 40, 0, -5}, 0.1);
  EXPECT_THAT(rows.values, ElementsAre(FloatNear(-0.3f, 1e-6f), FloatNear(-0.4f, 1e-6f), 0,
                                       FloatNear(0.5f, 1e-6f)));
  EXPECT_THAT(rows.velocity, ElementsAre(3, 4, 0, -0.5f));
  // The second job: half the rate, on top of half the velocity.
  rows.Move(*optimiser, 1, {-15, -20, 3.75f, 2.5f - 5}, 0.1);
  EXPECT_THAT(rows.velocity, ElementsAre(FloatNear(0, 1e-6f), FloatNear(0, 1e-6f),
                                         FloatNear(0.375f, 1e-6f), FloatNear(-0.5f, 1e-6f)));
  EXPECT_THAT(std::span(rows.values).last(2),
              ElementsAre(FloatNear(-0.25f * 0.6f, 1e-6f), FloatNear(0.5f + 0.25f * 0.8f, 1e-6f)));
  // The same numbers in one row go elsewhere.
  Matrix row{{1, 4}};
  row.Move(*optimiser, 0, {30, 40, 0, -5}, 0.1);
  EXPECT_NEAR(row.values[0], -0.5f * 30 / std::sqrt(30.f * 30 + 40 * 40 + 5 * 5), 1e-6f);
}

TEST(TensorRule, SeesTheConstraint) {
  const auto optimiser = MakeRowNormalised();
  EXPECT_TRUE(optimiser->Keeps(Constraint::kUnitNorm));
  EXPECT_FALSE(optimiser->Keeps(Constraint::kBinary));
  Matrix free{{1, 2}, Constraint::kNone, {0.6f, 0.8f}}, sphere{{1, 2}, Constraint::kUnitNorm};
  sphere.values = free.values;
  for (Matrix* matrix : {&free, &sphere}) matrix->Move(*optimiser, 0, {1, 0}, 1);
  EXPECT_THAT(free.values, ElementsAre(FloatNear(0.1f, 1e-6f), 0.8f));
  const float length = std::sqrt(0.1f * 0.1f + 0.8f * 0.8f);
  EXPECT_THAT(sphere.values,
              ElementsAre(FloatNear(0.1f / length, 1e-6f), FloatNear(0.8f / length, 1e-6f)));
}

TEST(TensorRuleDeathTest, HasNoBlocks) {
  const auto optimiser = MakeRowNormalised();
  std::vector<float> values(2), velocity(2);
  const std::span<float> state[] = {velocity};
  EXPECT_DEATH(optimiser->Update(0, 1, values, values, state), "whole tensors");
}

std::vector<uint32_t> BitsOf(const std::vector<float>& values) {
  std::vector<uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<uint32_t>(value));
  return bits;
}

TEST(ElementWiseRule, IsTheSameOnATensorAndOnBlocks) {
  const auto* kinds = Spec::Kind_descriptor();
  for (int i = 1; i < kinds->value_count(); ++i) {
    Spec spec;
    spec.set_kind(static_cast<Spec::Kind>(kinds->value(i)->number()));
    const auto optimiser = *MakeOptimiser(spec, 10);
    ASSERT_TRUE(optimiser->element_wise()) << kinds->value(i)->name();
    EXPECT_FALSE(optimiser->Keeps(Constraint::kOrthonormalRows));
    const std::vector<float> gradient = {1, -2, 0.5f, 3, 0, 0.25f};
    const int64_t shape[] = {2, 3};
    std::vector<float> whole(6, 1), blocks = whole;
    std::vector<std::vector<float>> states(2 * optimiser->state_names().size(),
                                           std::vector<float>(6));
    std::vector<std::span<float>> of_whole, head, tail;
    for (size_t k = 0; k < optimiser->state_names().size(); ++k) {
      of_whole.emplace_back(states[2 * k]);
      head.push_back(std::span(states[2 * k + 1]).first(4));
      tail.push_back(std::span(states[2 * k + 1]).last(2));
    }
    for (int64_t job = 0; job < 3; ++job) {
      optimiser->UpdateTensor(job, 0.5, {"w", shape}, gradient, whole, of_whole);
      optimiser->Update(job, 0.5, std::span(gradient).first(4), std::span(blocks).first(4), head);
      optimiser->Update(job, 0.5, std::span(gradient).last(2), std::span(blocks).last(2), tail);
    }
    EXPECT_EQ(BitsOf(whole), BitsOf(blocks)) << kinds->value(i)->name();
    EXPECT_NE(BitsOf(whole), BitsOf(std::vector<float>(6, 1)));
  }
}

}  // namespace
}  // namespace gradloom
