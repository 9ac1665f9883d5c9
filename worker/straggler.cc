#include "worker/straggler.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "models/data/delay_trace.h"
#include "models/random.h"

namespace gradloom {
namespace {

constexpr absl::Duration kLongestDelay = absl::Hours(24);

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

absl::Status CheckDuration(absl::string_view field, const google::protobuf::Duration& value) {
  const absl::Duration duration = ToDuration(value);
  if (duration >= absl::ZeroDuration() && duration <= kLongestDelay) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("straggle.", field, " ",
                                                 absl::FormatDuration(duration),
                                                 " is out of range; legal: 0 to 24h"));
}

absl::Status CheckProbability(absl::string_view field, double value) {
  if (value >= 0 && value <= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("straggle.", field, " ", value, " is no probability; legal: 0 to 1"));
}

double Enter(const v1::StraggleSpec::GilbertElliott& model) {
  return model.has_enter() ? model.enter() : 0.05;
}
double Leave(const v1::StraggleSpec::GilbertElliott& model) {
  return model.has_leave() ? model.leave() : 0.5;
}
double Shape(const v1::StraggleSpec::Pareto& model) {
  return model.has_shape() ? model.shape() : 1.5;
}

absl::Status Check(const v1::StraggleSpec& spec) {
  std::vector<absl::Status> checks;
  const auto duration = [&](absl::string_view field, const google::protobuf::Duration& value) {
    checks.push_back(CheckDuration(field, value));
  };
  duration("fixed.delay", spec.fixed().delay());
  duration("exponential.base", spec.exponential().base());
  duration("exponential.mean", spec.exponential().mean());
  duration("pareto.scale", spec.pareto().scale());
  duration("pareto.limit", spec.pareto().limit());
  if (!(Shape(spec.pareto()) > 0)) {
    checks.push_back(absl::InvalidArgumentError(absl::StrCat(
        "straggle.pareto.shape ", spec.pareto().shape(), " is illegal; legal: above 0")));
  }
  duration("gilbert_elliott.delay", spec.gilbert_elliott().delay());
  checks.push_back(CheckProbability("gilbert_elliott.enter", Enter(spec.gilbert_elliott())));
  checks.push_back(CheckProbability("gilbert_elliott.leave", Leave(spec.gilbert_elliott())));
  const double scale = spec.trace().has_scale() ? spec.trace().scale() : 1;
  if (!(scale >= 0) || std::isinf(scale)) {
    checks.push_back(absl::InvalidArgumentError(
        absl::StrCat("straggle.trace.scale ", scale, " is illegal; legal: 0 or more")));
  }
  for (const auto& freeze : spec.freezes()) duration("freezes.duration", freeze.duration());
  for (absl::Status& status : checks) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Straggler> Straggler::Make(const v1::StraggleSpec& spec, uint64_t seed,
                                          const std::string& base_folder) {
  if (absl::Status status = Check(spec); !status.ok()) return status;
  Straggler straggler;
  straggler.spec_ = spec;
  straggler.seed_ = spec.has_seed() ? spec.seed() : seed;
  if (spec.has_trace()) {
    auto trace = ReadDelayTrace(spec.trace().file(), "straggle.trace.file", base_folder);
    if (!trace.ok()) return trace.status();
    straggler.trace_ = *std::move(trace);
  }
  return straggler;
}

bool Straggler::Applies(uint32_t slot) const {
  return spec_.slots().empty() ||
         std::find(spec_.slots().begin(), spec_.slots().end(), slot) != spec_.slots().end();
}

double Straggler::Uniform(uint32_t slot, uint32_t invocation) const {
  return RandomStream(seed_, Purpose::kStraggle, slot, invocation).NextUniform();
}

// The chain's state at an invocation without walking it from the start. One uniform u moves both
// states: fast -> slow when u < enter, slow -> fast when u >= 1 - leave. So most u's lead both
// states to the same place, and the walk back ends at the latest such invocation; the others keep
// or swap the state.
bool Straggler::Slow(uint32_t slot, uint32_t invocation) const {
  const double enter = Enter(spec_.gilbert_elliott());
  const double stay = 1 - Leave(spec_.gilbert_elliott());
  bool swapped = false;
  for (uint32_t at = invocation;; --at) {
    const double u = Uniform(slot, at);
    const bool fast_goes_slow = u < enter;
    const bool slow_stays_slow = u < stay;
    if (fast_goes_slow == slow_stays_slow) return fast_goes_slow != swapped;
    if (fast_goes_slow) swapped = !swapped;
    if (at == 0) return swapped;  // before the first one every slot is fast
  }
}

absl::Duration Straggler::Delay(uint32_t slot, uint32_t invocation) const {
  if (!Applies(slot)) return absl::ZeroDuration();
  switch (spec_.model_case()) {
    case v1::StraggleSpec::kFixed:
      return ToDuration(spec_.fixed().delay());
    case v1::StraggleSpec::kExponential: {
      const double units = -std::log1p(-Uniform(slot, invocation));
      return ToDuration(spec_.exponential().base()) +
             ToDuration(spec_.exponential().mean()) * units;
    }
    case v1::StraggleSpec::kPareto: {
      const v1::StraggleSpec::Pareto& model = spec_.pareto();
      const absl::Duration limit =
          model.has_limit() ? ToDuration(model.limit()) : absl::Seconds(60);
      const double factor = std::pow(1 - Uniform(slot, invocation), -1 / Shape(model));
      return std::min(limit, ToDuration(model.scale()) * factor);
    }
    case v1::StraggleSpec::kGilbertElliott: {
      if (!Slow(slot, invocation)) return absl::ZeroDuration();
      const v1::StraggleSpec::GilbertElliott& model = spec_.gilbert_elliott();
      return model.has_delay() ? ToDuration(model.delay()) : absl::Seconds(1);
    }
    case v1::StraggleSpec::kTrace: {
      const std::vector<double>& row = trace_[invocation % trace_.size()];
      const double scale = spec_.trace().has_scale() ? spec_.trace().scale() : 1;
      return slot < row.size() ? absl::Seconds(row[slot] * scale) : absl::ZeroDuration();
    }
    case v1::StraggleSpec::MODEL_NOT_SET:
      break;
  }
  return absl::ZeroDuration();
}

std::optional<absl::Duration> Straggler::Freeze(uint32_t slot, uint64_t job,
                                                uint32_t attempt) const {
  if (attempt > 0) return std::nullopt;
  for (const auto& freeze : spec_.freezes()) {
    if (freeze.slot() == slot && freeze.job() == job) return ToDuration(freeze.duration());
  }
  if (const auto found = freeze_jobs_.find(job); found != freeze_jobs_.end()) return found->second;
  return std::nullopt;
}

bool Straggler::Crash(uint32_t slot, uint64_t job, uint32_t attempt) const {
  if (attempt > 0) return false;
  if (std::find(crash_jobs_.begin(), crash_jobs_.end(), job) != crash_jobs_.end()) return true;
  return std::any_of(spec_.crashes().begin(), spec_.crashes().end(),
                     [&](const auto& crash) { return crash.slot() == slot && crash.job() == job; });
}

}  // namespace gradloom
