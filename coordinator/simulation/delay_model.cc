#include "coordinator/simulation/delay_model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/data/byte_source.h"
#include "models/data/rows.h"
#include "models/random.h"

namespace gradloom {
namespace {

constexpr int kMaxColumns = 10000;
constexpr size_t kMaxCells = 10'000'000;
constexpr double kLeastSeconds = 1e-6;

class TraceDelays final : public DelayModel {
 public:
  TraceDelays(Trace trace, double slope) : trace_(std::move(trace)), slope_(slope) {}
  double Seconds(int slot, int64_t invocation, double load) const override {
    return std::max(kLeastSeconds, trace_.at(invocation, slot) + (load - trace_.load) * slope_);
  }
  int slots() const override { return trace_.columns; }

 private:
  Trace trace_;
  double slope_;
};

class DrawnDelays final : public DelayModel {
 public:
  explicit DrawnDelays(const GeneratedDelays& spec) : spec_(spec) {}

  double Seconds(int slot, int64_t invocation, double load) const override {
    RandomStream random = Stream(slot, invocation);
    return spec_.base_seconds + load * spec_.slope + Added(slot, invocation, random);
  }
  int slots() const override { return 0; }

 private:
  RandomStream Stream(int slot, int64_t invocation) const {
    return RandomStream(spec_.seed, Purpose::kStraggle, static_cast<uint64_t>(invocation),
                        static_cast<uint32_t>(slot));
  }

  double Added(int slot, int64_t invocation, RandomStream& random) const {
    switch (spec_.kind) {
      case GeneratedDelays::Kind::kShiftedExponential:
        return -spec_.mean_seconds * std::log1p(-random.NextUniform());
      case GeneratedDelays::Kind::kPareto:
        return spec_.base_seconds * (std::pow(1 - random.NextUniform(), -1 / spec_.shape) - 1);
      case GeneratedDelays::Kind::kGilbertElliott:
        return Slow(slot, invocation) ? -spec_.mean_seconds * std::log1p(-random.NextUniform()) : 0;
      case GeneratedDelays::Kind::kFailStop:
        return Dead(slot, invocation) ? std::numeric_limits<double>::infinity() : 0;
    }
    return 0;
  }

  // The chain's state is a pure function of the invocation: walk back to the last invocation whose
  // draw settles the state whatever it was before.
  bool Slow(int slot, int64_t invocation) const {
    for (int64_t k = invocation; k >= 0; --k) {
      RandomStream random = Stream(slot, k);
      random.NextUniform();
      const double draw = random.NextUniform();
      const bool if_fast = draw < spec_.enter;      // fast -> slow
      const bool if_slow = draw < 1 - spec_.leave;  // slow -> slow
      if (if_fast == if_slow) return Parity(slot, k, invocation, if_fast);
    }
    return Parity(slot, -1, invocation, false);
  }
  // From the settled state after draw `settled` forward to `invocation`.
  bool Parity(int slot, int64_t settled, int64_t invocation, bool slow) const {
    for (int64_t k = settled + 1; k <= invocation; ++k) {
      RandomStream random = Stream(slot, k);
      random.NextUniform();
      const double draw = random.NextUniform();
      slow = slow ? draw < 1 - spec_.leave : draw < spec_.enter;
    }
    return slow;
  }

  // Dead from the first invocation whose draw says so: its number is geometric.
  bool Dead(int slot, int64_t invocation) const {
    RandomStream random(spec_.seed, Purpose::kStraggle, ~uint64_t{0}, static_cast<uint32_t>(slot));
    const double u = 1 - random.NextUniform();
    return spec_.enter > 0 &&
           static_cast<double>(invocation) >= std::log(u) / std::log1p(-spec_.enter);
  }

  GeneratedDelays spec_;
};

absl::Status OutOfRange(absl::string_view name, double value, absl::string_view legal) {
  return absl::InvalidArgumentError(absl::StrCat(name, " = ", value, ": legal is ", legal));
}

struct LoadAndDelay {
  double load = 0;
  double seconds = 0;  // the mean of `weight` delays at this load, or a value that stands for them
  double weight = 1;
};

// Delays of one load may be replaced by their mean: the line is the same.
absl::StatusOr<double> LeastSquaresSlope(const std::vector<LoadAndDelay>& points) {
  double weight = 0, load_sum = 0, delay_sum = 0;
  for (const LoadAndDelay& point : points) {
    weight += point.weight;
    load_sum += point.weight * point.load;
    delay_sum += point.weight * point.seconds;
  }
  double covariance = 0, variance = 0;
  for (const LoadAndDelay& point : points) {
    const double load = point.load - load_sum / weight;
    covariance += point.weight * load * (point.seconds - delay_sum / weight);
    variance += point.weight * load * load;
  }
  if (!(variance > 0)) {
    return absl::InvalidArgumentError(
        "a slope needs recordings at two different loads at least; give the slope instead");
  }
  return covariance / variance;
}

class WithReplies final : public DelayModel {
 public:
  WithReplies(std::unique_ptr<DelayModel> delays, double seconds)
      : delays_(std::move(delays)), seconds_(seconds) {}
  double Seconds(int slot, int64_t invocation, double load) const override {
    return delays_->Seconds(slot, invocation, load);
  }
  double ReplySeconds() const override { return seconds_; }
  int slots() const override { return delays_->slots(); }

 private:
  const std::unique_ptr<DelayModel> delays_;
  const double seconds_;
};

}  // namespace

absl::StatusOr<Trace> ParseTrace(absl::string_view name, absl::string_view text) {
  Trace trace;
  trace.name = std::string(name);
  const auto take = [&](int64_t line, std::span<const double> seconds) -> absl::Status {
    const auto column = static_cast<int>(seconds.size());
    if (trace.rows == 0) trace.columns = column;
    if (column != trace.columns) {
      return absl::InvalidArgumentError(absl::StrCat(name, ", line ", line, " has ", column,
                                                     " columns, the first line ", trace.columns));
    }
    for (int k = 0; k < column; ++k) {
      if (seconds[k] >= 0 && seconds[k] < 1e9) continue;
      return absl::InvalidArgumentError(absl::StrCat(name, ", line ", line, ", column ", k + 1,
                                                     ": ", seconds[k],
                                                     " is not a number of seconds >= 0"));
    }
    trace.seconds.insert(trace.seconds.end(), seconds.begin(), seconds.end());
    ++trace.rows;
    if (column > kMaxColumns || trace.seconds.size() > kMaxCells) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " is larger than ", kMaxColumns, " columns or ", kMaxCells, " cells"));
    }
    return absl::OkStatus();
  };
  const absl::Status read = ForEachNumbers(*BytesInMemory(trace.name, text), take);
  if (!read.ok()) return read;
  if (trace.rows == 0) return absl::InvalidArgumentError(absl::StrCat(name, " is empty"));
  return trace;
}

absl::StatusOr<double> FitSlope(const std::vector<Trace>& recordings) {
  std::vector<LoadAndDelay> points;
  for (const Trace& trace : recordings) {
    const double sum = std::accumulate(trace.seconds.begin(), trace.seconds.end(), 0.0);
    const auto weight = static_cast<double>(trace.seconds.size());
    points.push_back({trace.load, sum / weight, weight});
  }
  return LeastSquaresSlope(points);
}

absl::StatusOr<double> FitSlopeOfMedians(const std::vector<Trace>& recordings) {
  std::vector<LoadAndDelay> points;
  for (const Trace& trace : recordings) {
    std::vector<double> seconds = trace.seconds;
    const auto middle = seconds.begin() + static_cast<int64_t>(seconds.size() / 2);
    std::nth_element(seconds.begin(), middle, seconds.end());
    points.push_back({trace.load, *middle, 1});
  }
  return LeastSquaresSlope(points);
}

std::unique_ptr<DelayModel> WithReplySeconds(std::unique_ptr<DelayModel> delays, double seconds) {
  return std::make_unique<WithReplies>(std::move(delays), seconds);
}

std::unique_ptr<DelayModel> MakeTraceDelays(Trace trace, double slope) {
  return std::make_unique<TraceDelays>(std::move(trace), slope);
}

absl::StatusOr<std::unique_ptr<DelayModel>> MakeGeneratedDelays(const GeneratedDelays& spec) {
  if (!(spec.base_seconds > 0)) return OutOfRange("base_seconds", spec.base_seconds, "> 0");
  if (!(spec.slope >= 0)) return OutOfRange("slope", spec.slope, ">= 0");
  if (!(spec.mean_seconds >= 0)) return OutOfRange("mean_seconds", spec.mean_seconds, ">= 0");
  if (!(spec.shape > 0)) return OutOfRange("shape", spec.shape, "> 0");
  if (!(spec.enter >= 0 && spec.enter < 1)) return OutOfRange("enter", spec.enter, "[0, 1)");
  if (!(spec.leave > 0 && spec.leave <= 1)) return OutOfRange("leave", spec.leave, "(0, 1]");
  return std::make_unique<DrawnDelays>(spec);
}

}  // namespace gradloom
