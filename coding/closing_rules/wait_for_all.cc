#include "coding/closing_rules/wait_for_all.h"

namespace gradloom {
namespace {

class WaitForAll final : public ClosingRule {
 public:
  absl::string_view name() const override { return kWaitForAllRule.name; }
  void StartRound(int /*slots*/) override {}
  void Arrive(double /*seconds*/, bool /*late*/) override {}
  Decision Decide(double /*seconds*/, const CloseVerdict& /*verdict*/, int pending) override {
    return {.close = pending == 0};
  }
};

std::unique_ptr<ClosingRule> Make(const Settings&) { return std::make_unique<WaitForAll>(); }

}  // namespace

constinit const ClosingKind kWaitForAllRule = {.name = "wait_for_all", .make = Make};

}  // namespace gradloom
