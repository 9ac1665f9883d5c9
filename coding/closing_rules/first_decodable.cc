#include "coding/closing_rules/first_decodable.h"

namespace gradloom {
namespace {

class FirstDecodable final : public ClosingRule {
 public:
  absl::string_view name() const override { return kFirstDecodableRule.name; }
  void StartRound(int /*slots*/) override {}
  void Arrive(double /*seconds*/, bool /*late*/) override {}
  Decision Decide(double /*seconds*/, const CloseVerdict& verdict, int pending) override {
    return {.close = pending == 0 || verdict.may_close()};
  }
  bool accepts_early() const override { return true; }
};

std::unique_ptr<ClosingRule> Make(const Settings&) { return std::make_unique<FirstDecodable>(); }

}  // namespace

constinit const ClosingKind kFirstDecodableRule = {.name = "first_decodable", .make = Make};

}  // namespace gradloom
