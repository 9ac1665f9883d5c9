#include "coding/straggler_model.h"

#include <cstddef>

namespace gradloom {

StragglerModel::StragglerModel(int window, int lambda)
    : window_(window), lambda_(lambda), past_mask_((uint64_t{1} << (window - 1)) - 1) {}

StragglerModel StragglerModel::Bursty(int burst, int window, int lambda) {
  StragglerModel model(window, lambda);
  const uint64_t near = burst > window ? model.past_mask_ : (uint64_t{1} << (burst - 1)) - 1;
  model.apart_ = model.past_mask_ & ~near;
  return model;
}

StragglerModel StragglerModel::Arbitrary(int times, int window, int lambda) {
  StragglerModel model(window, lambda);
  model.times_ = times;
  return model;
}

PatternTracker::PatternTracker(const StragglerModel& model, int slots, int memory)
    : model_(model), memory_(memory), past_(slots, 0), expected_(slots, false) {}

void PatternTracker::StartRound() {
  if (!InModel()) clean_after_ = round_ + memory_;
  ++round_;
  union_ = 0;
  barred_ = 0;
  for (size_t slot = 0; slot < past_.size(); ++slot) {
    past_[slot] = ((past_[slot] << 1) | (expected_[slot] ? 1 : 0)) & model_.past_mask();
    expected_[slot] = false;
    if (past_[slot] != 0) ++union_;
  }
}

void PatternTracker::Expect(int slot) {
  expected_[slot] = true;
  if (past_[slot] == 0) ++union_;
  if (model_.Bars(past_[slot])) ++barred_;
}

void PatternTracker::Deliver(int slot) {
  if (!expected_[slot]) return;
  expected_[slot] = false;
  if (past_[slot] == 0) --union_;
  if (model_.Bars(past_[slot])) --barred_;
}

}  // namespace gradloom
