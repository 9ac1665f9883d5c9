#include "coordinator/simulation/paper_rounds.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace gradloom {
namespace {

absl::Status Validate(const SchemeSpec& spec, const Trace& trace, const PaperOptions& options) {
  const auto illegal = [](const auto&... pieces) {
    return absl::InvalidArgumentError(absl::StrCat(pieces...));
  };
  if (spec.slots < 1 || spec.slots > trace.columns) {
    return illegal("slots = ", spec.slots, ": the recording has ", trace.columns);
  }
  if (options.jobs < 1) return illegal("jobs = ", options.jobs, ": at least 1");
  if (!(options.mu >= 0)) return illegal("mu = ", options.mu, ": legal are numbers >= 0");
  if (spec.kind->published == nullptr) {
    std::vector<absl::string_view> legal;
    for (const SchemeKind* kind : SchemeTable()) {
      if (kind->published != nullptr) legal.push_back(kind->name);
    }
    return illegal(spec.kind->name, " is none of the authors' schemes: legal are ",
                   absl::StrJoin(legal, ", "));
  }
  return ProblemStatus(spec.kind->name, spec.settings, CheckScheme(spec));
}

class PaperRounds {
 public:
  PaperRounds(const SchemeSpec& spec, const Trace& trace, double slope, const PaperOptions& options)
      : slots_(spec.slots),
        delay_(DelayOf(spec)),
        trace_(trace),
        options_(options),
        scheme_(spec.kind->published(spec, options.counting)),
        extra_seconds_((scheme_->load() - trace.load) * slope),
        seconds_(spec.slots) {}

  PaperResult Run() {
    result_.load = scheme_->load();
    result_.tolerated = scheme_->tolerated();
    for (int64_t round = 0; round < options_.jobs + delay_; ++round) {
      if (scheme_->Start(options_.jobs)) {
        Play(round);
      } else if (options_.record_rounds) {
        result_.round.emplace_back();
      }
    }
    return std::move(result_);
  }

 private:
  void Play(int64_t round) {
    double fastest = std::numeric_limits<double>::infinity();
    double slowest = 0;
    for (int slot = 0; slot < slots_; ++slot) {
      seconds_[slot] = trace_.at(round, slot) + extra_seconds_;
      fastest = std::min(fastest, seconds_[slot]);
      slowest = std::max(slowest, seconds_[slot]);
    }
    const double deadline = (1 + options_.mu) * fastest;
    stragglers_.clear();
    for (int slot = 0; slot < slots_; ++slot) {
      if (seconds_[slot] > deadline) stragglers_.push_back(slot);
    }
    PaperRound record;
    if (options_.record_rounds) record.repeating = scheme_->Repeating();
    const bool conforming = scheme_->End(stragglers_);
    record.seconds = conforming ? std::min(deadline, slowest) : slowest;
    record.waited_out = !conforming;
    result_.stragglers += static_cast<int64_t>(stragglers_.size());
    result_.total_seconds += record.seconds;
    result_.wait_outs += record.waited_out;
    ++result_.rounds;
    if (!options_.record_rounds) return;
    record.stragglers = stragglers_;
    result_.round.push_back(std::move(record));
  }

  const int slots_;
  const int64_t delay_;
  const Trace& trace_;
  const PaperOptions options_;
  const std::unique_ptr<PublishedRounds> scheme_;
  const double extra_seconds_;
  std::vector<double> seconds_;
  std::vector<int> stragglers_;
  PaperResult result_;
};

}  // namespace

absl::StatusOr<PaperResult> SimulatePaper(const SchemeSpec& spec, const Trace& trace, double slope,
                                          const PaperOptions& options) {
  if (absl::Status status = Validate(spec, trace, options); !status.ok()) return status;
  return PaperRounds(spec, trace, slope, options).Run();
}

absl::StatusOr<PaperChoice> SearchPaper(const SchemeKind& kind, int slots, int delay_max,
                                        const Trace& trace, double slope,
                                        const PaperOptions& options) {
  std::vector<SchemeSpec> candidates;
  kind.enumerate({.slots = slots, .delay_max = delay_max, .copies_max = static_cast<double>(slots)},
                 [&](const SchemeSpec& spec) { candidates.push_back(spec); });
  std::optional<PaperChoice> best;
  for (const SchemeSpec& spec : candidates) {
    absl::StatusOr<PaperResult> result = SimulatePaper(spec, trace, slope, options);
    if (!result.ok()) return result.status();
    if (!best.has_value() || result->total_seconds < best->result.total_seconds) {
      best = PaperChoice{spec, *std::move(result)};
    }
  }
  if (!best.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("no parameters to search with slots = ", slots, ", T <= ", delay_max));
  }
  return *std::move(best);
}

double ClairvoyantFloor(int slots, int64_t rounds, const DelayModel& delays) {
  double total = 0;
  for (int64_t round = 0; round < rounds; ++round) {
    double fastest = std::numeric_limits<double>::infinity();
    for (int slot = 0; slot < slots; ++slot) {
      fastest = std::min(fastest, delays.Seconds(slot, round, 1.0 / slots));
    }
    total += fastest;
  }
  return total;
}

}  // namespace gradloom
