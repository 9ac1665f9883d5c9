#include "coordinator/simulation/paper_rounds.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "coding/straggler_model.h"

namespace gradloom {
namespace {

using Kind = SchemeSpec::Kind;

absl::Status Validate(const SchemeSpec& spec, const Trace& trace, const PaperOptions& options) {
  const auto illegal = [](const auto&... pieces) {
    return absl::InvalidArgumentError(absl::StrCat(pieces...));
  };
  if (spec.slots < 1 || spec.slots > trace.columns) {
    return illegal("slots = ", spec.slots, ": the recording has ", trace.columns);
  }
  if (options.jobs < 1) return illegal("jobs = ", options.jobs, ": at least 1");
  if (!(options.mu >= 0)) return illegal("mu = ", options.mu, ": legal are numbers >= 0");
  if (spec.kind == Kind::kMultiMessage) {
    return illegal(
        "multi_message is none of the authors' schemes: legal are uncoded, gc, sr_sgc, m_sgc");
  }
  if (spec.kind == Kind::kGc && (spec.s < 0 || spec.s >= spec.slots)) {
    return illegal("gc: s = ", spec.s, ": legal are 0..", spec.slots - 1);
  }
  if (spec.kind != Kind::kSrSgc && spec.kind != Kind::kMSgc) return absl::OkStatus();
  if (spec.b < 1 || spec.w < 2 || spec.b >= spec.w) {
    return illegal("b = ", spec.b, ", w = ", spec.w, ": legal are 1 <= b < w");
  }
  if (spec.w > StragglerModel::kMaxWindow) {
    return illegal("w = ", spec.w, ": at most ", StragglerModel::kMaxWindow);
  }
  if (spec.lambda < 1 || spec.lambda > spec.slots) {
    return illegal("lambda = ", spec.lambda, ": legal are 1..", spec.slots);
  }
  if (spec.kind == Kind::kSrSgc && (spec.w - 1) % spec.b != 0) {
    return illegal("sr_sgc: b = ", spec.b, " must divide w - 1 = ", spec.w - 1);
  }
  return absl::OkStatus();
}

int RepeatTolerance(const SchemeSpec& spec) {
  return (spec.b * spec.lambda + spec.w - 2 + spec.b) / (spec.w - 1 + spec.b);
}

double PaperLoad(const SchemeSpec& spec) {
  const double n = spec.slots;
  switch (spec.kind) {
    case Kind::kUncoded:
      return 1 / n;
    case Kind::kGc:
      return (spec.s + 1) / n;
    case Kind::kSrSgc:
      return (RepeatTolerance(spec) + 1) / n;
    case Kind::kMSgc:
    case Kind::kMultiMessage:  // no scheme of the paper: refused
      break;
  }
  const double own = spec.w - 1, b = spec.b, copies = spec.lambda + 1;
  if (spec.lambda == spec.slots) return (own + b) / (n * own);
  return copies * (own + b) / (n * (b + own * copies));
}

class PaperRounds {
 public:
  PaperRounds(const SchemeSpec& spec, const Trace& trace, double slope, const PaperOptions& options)
      : spec_(spec),
        trace_(trace),
        options_(options),
        load_(PaperLoad(spec)),
        extra_seconds_((load_ - trace.load) * slope),
        s_(spec.kind == Kind::kSrSgc ? RepeatTolerance(spec) : spec.s),
        pattern_(StragglerModel::Bursty(spec.b, spec.w, spec.lambda), spec.slots, 0),
        seconds_(spec.slots),
        repeats_(spec.slots),
        results_(spec.b + 1) {}

  PaperResult Run() {
    result_.load = load_;
    const int delay = spec_.kind == Kind::kSrSgc  ? spec_.b
                      : spec_.kind == Kind::kMSgc ? spec_.w - 2 + spec_.b
                                                  : 0;
    for (int64_t round = 0; round < options_.jobs + delay; ++round) {
      if (spec_.kind == Kind::kSrSgc && !PlanRepeats(round)) {
        pattern_.StartRound();  // in which nobody straggles
        if (options_.record_rounds) result_.round.emplace_back();
        continue;
      }
      Play(round);
    }
    return std::move(result_);
  }

 private:
  void Play(int64_t round) {
    double fastest = std::numeric_limits<double>::infinity();
    double slowest = 0;
    for (int slot = 0; slot < spec_.slots; ++slot) {
      seconds_[slot] = trace_.at(round, slot) + extra_seconds_;
      fastest = std::min(fastest, seconds_[slot]);
      slowest = std::max(slowest, seconds_[slot]);
    }
    const double deadline = (1 + options_.mu) * fastest;
    pattern_.StartRound();
    stragglers_.clear();
    for (int slot = 0; slot < spec_.slots; ++slot) {
      if (!(seconds_[slot] > deadline)) continue;
      stragglers_.push_back(slot);
      pattern_.Expect(slot);
    }
    const bool no_part = Survivable();
    const bool conforming = (no_part && !authors()) || Conforming();
    PaperRound record{.seconds = conforming ? std::min(deadline, slowest) : slowest,
                      .waited_out = !conforming,
                      .repeating = options_.record_rounds ? Repeating() : std::vector<int>{},
                      .stragglers = {}};
    if (options_.record_rounds) record.stragglers = stragglers_;
    result_.stragglers += static_cast<int64_t>(stragglers_.size());
    if (no_part || !conforming) {
      for (int slot : stragglers_) pattern_.Deliver(slot);
    }
    if (!conforming) stragglers_.clear();
    if (spec_.kind == Kind::kSrSgc) CountResults(round);
    result_.total_seconds += record.seconds;
    result_.wait_outs += record.waited_out;
    ++result_.rounds;
    if (options_.record_rounds) result_.round.push_back(std::move(record));
  }

  bool authors() const { return options_.counting == PaperCounting::kAuthors; }

  // A round of SR-SGC whose job survives its stragglers without any repeating.
  bool Survivable() const {
    return spec_.kind == Kind::kSrSgc && repeat_count_ == 0 &&
           static_cast<int>(stragglers_.size()) <= s_;
  }

  bool Conforming() const {
    const auto stragglers = static_cast<int>(stragglers_.size());
    if (spec_.kind == Kind::kUncoded) return stragglers == 0;
    if (spec_.kind != Kind::kGc) return pattern_.Conforming();
    return stragglers <= (authors() ? std::max(s_ - 1, 0) : s_);
  }

  std::vector<bool>& results(int64_t job) { return results_[job % (spec_.b + 1)]; }

  // False when the round is needed neither for a new job nor for the one that is due.
  bool PlanRepeats(int64_t round) {
    std::fill(repeats_.begin(), repeats_.end(), false);
    repeat_count_ = 0;
    const int64_t due = round - spec_.b;
    if (due < 0) return true;
    const std::vector<bool>& have = results(due);
    const auto missing = static_cast<int>(std::count(have.begin(), have.end(), false));
    if (missing <= s_) return round < options_.jobs;
    for (int slot = 0; repeat_count_ < missing - s_; ++slot) {
      if (have[slot]) continue;
      repeats_[slot] = true;
      ++repeat_count_;
    }
    return true;
  }

  std::vector<int> Repeating() const {
    std::vector<int> slots;
    for (int slot = 0; slot < spec_.slots; ++slot) {
      if (repeats_[slot]) slots.push_back(slot);
    }
    return slots;
  }

  void CountResults(int64_t round) {
    std::vector<bool>& fresh = results(round);
    fresh.assign(spec_.slots, true);
    for (int slot = 0; slot < spec_.slots; ++slot) {
      if (repeats_[slot]) fresh[slot] = false;
    }
    for (int slot : stragglers_) {
      fresh[slot] = false;
      repeats_[slot] = false;
    }
    if (round < spec_.b) return;
    for (int slot = 0; slot < spec_.slots; ++slot) {
      if (repeats_[slot]) results(round - spec_.b)[slot] = true;
    }
  }

  const SchemeSpec spec_;
  const Trace& trace_;
  const PaperOptions options_;
  const double load_;
  const double extra_seconds_;
  const int s_;
  PatternTracker pattern_;
  std::vector<double> seconds_;
  std::vector<int> stragglers_;
  std::vector<bool> repeats_;               // slots that redo the due job's task
  std::vector<std::vector<bool>> results_;  // ring over B + 1 jobs: slots that delivered
  int repeat_count_ = 0;
  PaperResult result_;
};

std::vector<SchemeSpec> Candidates(Kind kind, int slots, int delay_max) {
  std::vector<SchemeSpec> out;
  SchemeSpec spec;
  spec.kind = kind;
  spec.slots = slots;
  if (kind == Kind::kUncoded) out.push_back(spec);
  for (spec.s = 0; kind == Kind::kGc && spec.s < slots; ++spec.s) out.push_back(spec);
  spec.s = 0;
  const auto add_lambdas = [&] {
    for (spec.lambda = 1; spec.lambda <= slots; ++spec.lambda) {
      if (kind == Kind::kMSgc || RepeatTolerance(spec) < slots) out.push_back(spec);
    }
  };
  if (kind == Kind::kSrSgc) {
    for (spec.b = 1; spec.b <= std::min(4, delay_max); ++spec.b) {
      for (int x = 1; x <= 4; ++x) {
        spec.w = x * spec.b + 1;
        add_lambdas();
      }
    }
  } else if (kind == Kind::kMSgc) {
    for (spec.w = 2; spec.w <= delay_max + 1; ++spec.w) {
      for (spec.b = 1; spec.b < spec.w && spec.w - 2 + spec.b <= delay_max; ++spec.b) {
        add_lambdas();
      }
    }
  }
  return out;
}

}  // namespace

absl::StatusOr<PaperResult> SimulatePaper(const SchemeSpec& spec, const Trace& trace, double slope,
                                          const PaperOptions& options) {
  if (absl::Status status = Validate(spec, trace, options); !status.ok()) return status;
  return PaperRounds(spec, trace, slope, options).Run();
}

absl::StatusOr<PaperChoice> SearchPaper(SchemeSpec::Kind kind, int slots, int delay_max,
                                        const Trace& trace, double slope,
                                        const PaperOptions& options) {
  std::optional<PaperChoice> best;
  for (const SchemeSpec& spec : Candidates(kind, slots, delay_max)) {
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
