#include "coding/published_rounds.h"

namespace gradloom {
namespace {

class BoundedRounds final : public PublishedRounds {
 public:
  BoundedRounds(double load, int tolerated) : PublishedRounds(load, tolerated) {}
  bool End(const std::vector<int>& stragglers) override {
    return static_cast<int>(stragglers.size()) <= tolerated();
  }
};

class PatternRounds final : public PublishedRounds {
 public:
  PatternRounds(double load, const StragglerModel& model, int slots)
      : PublishedRounds(load, model.lambda()), pattern_(model, slots, 0) {}
  bool End(const std::vector<int>& stragglers) override {
    pattern_.StartRound();
    for (int slot : stragglers) pattern_.Expect(slot);
    if (pattern_.Conforming()) return true;
    for (int slot : stragglers) pattern_.Deliver(slot);
    return false;
  }

 private:
  PatternTracker pattern_;
};

}  // namespace

bool PublishedRounds::Start(int64_t /*jobs*/) { return true; }

std::unique_ptr<PublishedRounds> MakeBoundedRounds(double load, int tolerated) {
  return std::make_unique<BoundedRounds>(load, tolerated);
}

std::unique_ptr<PublishedRounds> MakePatternRounds(double load, const StragglerModel& model,
                                                   int slots) {
  return std::make_unique<PatternRounds>(load, model, slots);
}

}  // namespace gradloom
