// How long a slot's invocations take in a simulated fleet. An invocation is one message of
// mini-tasks that a slot computes in a go; its cost is a recorded or drawn delay, which holds
// everything that does not depend on the work, plus load x slope.
// Pure and immutable: the k-th invocation of a slot costs the same whenever it is asked.
#ifndef GRADLOOM_COORDINATOR_SIMULATION_DELAY_MODEL_H_
#define GRADLOOM_COORDINATOR_SIMULATION_DELAY_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gradloom {

// Recorded delays: one row per invocation, one column per slot, in seconds.
struct Trace {
  std::string name;
  int rows = 0;
  int columns = 0;
  std::vector<double> seconds;  // row-major
  double load = 0;              // fraction of a job's data that was computed while recording

  double at(int64_t row, int column) const {
    return seconds[static_cast<size_t>(row % rows) * columns + column];
  }
};

// Comma-separated text; InvalidArgument names line and column. Limits: 10,000 columns, 10^7 cells.
absl::StatusOr<Trace> ParseTrace(absl::string_view name, absl::string_view text);

// Seconds per unit of load: the slope of the least-squares line of delay on load over the
// recordings of one fleet at several loads. InvalidArgument when they have but one load.
absl::StatusOr<double> FitSlope(const std::vector<Trace>& recordings);
// Likewise of the recordings' medians, which a few invocations of half a minute do not move.
absl::StatusOr<double> FitSlopeOfMedians(const std::vector<Trace>& recordings);

class DelayModel {
 public:
  virtual ~DelayModel() = default;
  // Of slot's invocation number `invocation` (from 0) with `load`, the sum of its mini-tasks'
  // fractions of a job's data. Infinite: the slot is dead.
  virtual double Seconds(int slot, int64_t invocation, double load) const = 0;
  // Of each reply, beside its load: its sending, and what a slot loses between two mini-tasks.
  virtual double ReplySeconds() const { return 0; }
  // Slots that the model knows; 0: any number.
  virtual int slots() const = 0;
};

// delay = recorded + (load - the recording's load) x slope, at least a microsecond. Slots beyond
// the recording's columns are refused; invocations beyond its rows begin again at the first.
std::unique_ptr<DelayModel> MakeTraceDelays(Trace trace, double slope);
// The same with another cost of a reply.
std::unique_ptr<DelayModel> WithReplySeconds(std::unique_ptr<DelayModel> delays, double seconds);

struct GeneratedDelays {
  enum class Kind { kShiftedExponential, kPareto, kGilbertElliott, kFailStop };
  // "pareto:base=1,shape=2"; InvalidArgument names the text and what is legal.
  absl::StatusOr<GeneratedDelays> ParseDelays(absl::string_view text);
  // "pareto:base=1,shape=2"; InvalidArgument names the text and what is legal.
  absl::StatusOr<GeneratedDelays> ParseDelays(absl::string_view text);
  Kind kind = Kind::kShiftedExponential;
  double base_seconds = 1;    // of every invocation
  double slope = 1;           // seconds per unit of load
  double mean_seconds = 0.3;  // shifted exponential: of what is added; Gilbert-Elliott: while slow
  double shape = 2;           // Pareto: base x U^(-1/shape)
  double enter = 0.05;  // Gilbert-Elliott: P(fast -> slow); fail-stop: P(death) per invocation
  double leave = 0.5;   // Gilbert-Elliott: P(slow -> fast)
  uint64_t seed = 1;
};
// InvalidArgument names the parameter, its value and what is legal.
absl::StatusOr<std::unique_ptr<DelayModel>> MakeGeneratedDelays(const GeneratedDelays& spec);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_SIMULATION_DELAY_MODEL_H_
