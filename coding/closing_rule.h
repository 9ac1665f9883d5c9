// When to close a round. Orthogonal to the scheme, which says whether closing keeps every deadline.
// Pure: times are seconds since the round started, given by the caller.
#ifndef GRADLOOM_CODING_CLOSING_RULE_H_
#define GRADLOOM_CODING_CLOSING_RULE_H_

#include <limits>

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

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CLOSING_RULE_H_
