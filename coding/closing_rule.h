// When to close a round. Orthogonal to the scheme, which says whether closing keeps every deadline.
// Pure: times are seconds since the round started, given by the caller.
#ifndef GRADLOOM_CODING_CLOSING_RULE_H_
#define GRADLOOM_CODING_CLOSING_RULE_H_

#include <cstdint>
#include <limits>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coding/scheme.h"

namespace gradloom {

class ClosingRule {
 public:
  struct Decision {
    bool close = false;
    // When to ask again although nothing has arrived; infinity: only at the next arrival.
    double ask_again_seconds = std::numeric_limits<double>::infinity();
  };

  virtual ~ClosingRule() = default;
  virtual absl::string_view name() const = 0;
  // A new round with `slots` slots asked for something.
  virtual void StartRound(int slots) = 0;
  // A slot has delivered all its mini-tasks of the current round. Late deliveries of earlier rounds
  // are reported with `late` true and their full time: they teach the deadlines too.
  virtual void Arrive(double seconds, bool late) = 0;
  // To be asked after every arrival and at ask_again_seconds. `pending` is the number of slots that
  // have not delivered. Never closes unless verdict.may_close(), or nothing is pending.
  virtual Decision Decide(double seconds, const CloseVerdict& verdict, int pending) = 0;
  // Whether a job may be decoded for good as soon as it can be. A rule that waits for more keeps
  // jobs open until the round closes: whoever it waits for needs the job's parameters.
  virtual bool accepts_early() const { return false; }
};

struct ClosingRuleSpec {
  enum class Kind {
    kWaitForAll,
    kFirstDecodable,
    kMu,            // (1 + mu) x fastest; then until the pattern conforms (Krishnan et al. 2023)
    kMuWaitForAll,  // likewise, but a violation waits for every slot (the authors' code)
    kQuantile,      // factor x the running q-quantile of slots' times, once decodable
  };
  Kind kind = Kind::kFirstDecodable;
  double mu = 1;
  double quantile = 0.5;
  double factor = 1.5;
};

// InvalidArgument names the parameter, its value and what is legal.
absl::StatusOr<std::unique_ptr<ClosingRule>> MakeClosingRule(const ClosingRuleSpec& spec);

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CLOSING_RULE_H_
