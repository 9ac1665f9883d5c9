#include "coding/schemes/sr_sgc_scheme.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "coding/schemes/coded_sum.h"
#include "coding/schemes/scheme_base.h"
#include "coding/schemes/sequential.h"
#include "coding/straggler_model.h"

namespace gradloom {
namespace {

class SrSgcScheme final : public SchemeBase {
 public:
  // The code is exact and tolerates s.
  SrSgcScheme(int slots, const Burst& burst, std::unique_ptr<GradientCode> code)
      : SchemeBase(kSrSgcScheme.name, slots, burst.b),
        b_(burst.b),
        w_(burst.w),
        lambda_(burst.lambda),
        code_(std::move(code)),
        slot_of_part_(SlotOfPart(*code_)),
        jobs_(b_ + 1, Job{CodedSum(*code_)}),
        chains_(b_, Chain{std::vector<bool>(slots), 0}),
        repeats_(slots),
        pattern_(StragglerModel::Bursty(b_, w_, lambda_), slots, 0) {
    SetPlacement(*code_);
  }

  std::string description() const override {
    return absl::StrCat("SR-SGC(B=", b_, ", W=", w_, ", lambda=", lambda_,
                        ", s=", code_->tolerance(), ", code=", code_->name(), ")");
  }
  bool exact() const override { return code_->exact(); }
  bool unit_weights() const override { return code_->unit_weights(); }

  std::span<const MiniTask> StartRound(bool has_job) override {
    const int64_t round = rounds();
    ledger_.StartRound();
    pattern_.StartRound();
    PlanRepeats(round - b_);
    Job& fresh = job(round);
    fresh.sum.Clear();
    fresh.done = !has_job;
    barred_ = 0;
    joining_ = 0;
    for (int slot = 0; slot < slots(); ++slot) {
      if (repeats_[slot]) {
        ledger_.Ask(slot, round - b_, code_->part(slot));
      } else if (has_job) {
        ledger_.Ask(slot, round, code_->part(slot));
        ++(chain(round).member[slot] ? barred_ : joining_);
      } else {
        continue;
      }
      pattern_.Expect(slot);
    }
    return ledger_.tasks();
  }

  bool Receive(const MiniTask& task) override {
    if (!Legal(task) || code_->part(task.slot) != task.part) return false;
    if (ledger_.Deliver(task)) pattern_.Deliver(task.slot);
    Job& its = job(task.job);
    if (its.done || its.sum.Has(task.slot)) return false;
    if (task.job == rounds() - 1 && !repeats_[task.slot]) {
      --(chain(task.job).member[task.slot] ? barred_ : joining_);
    }
    return its.sum.Receive(task.slot);
  }

  bool Needed(const MiniTask& task) const override {
    return Legal(task) && !job(task.job).done && job(task.job).sum.Needs(task.part);
  }

  CloseVerdict Verdict() const override {
    CloseVerdict verdict;
    if (rounds() == 0) return verdict;
    const int64_t round = rounds() - 1;
    verdict.due_decodable = round < b_ || job(round - b_).decodable();
    verdict.conforming =
        job(round).decodable() || (barred_ == 0 && chain(round).size + joining_ <= lambda_);
    const bool exempt = !repeating_ && Pending() <= code_->tolerance();
    verdict.pattern_conforming = exempt || pattern_.Conforming();
    return verdict;
  }

  void CloseRound() override {}

  bool Decodable(int64_t number) const override {
    if (number < 0 || number >= rounds()) return false;
    return !ledger_.InFlight(number) || job(number).decodable();
  }

  absl::StatusOr<JobDecoding> Decode(int64_t number) const override {
    if (!ledger_.InFlight(number)) {
      return absl::FailedPreconditionError(absl::StrCat("job ", number, " is not in flight"));
    }
    JobDecoding out;
    if (job(number).done) return out;
    absl::StatusOr<Decoding> decoding = job(number).sum.Decode();
    if (!decoding.ok()) return decoding.status();
    job(number).sum.AppendWeights(*decoding, 0, &out);
    out.residual = decoding->residual;
    out.amplification = decoding->amplification;
    return out;
  }

  void Forget(int64_t number) override {
    if (ledger_.InFlight(number)) job(number).done = true;
  }

 private:
  struct Job {
    CodedSum sum;
    bool done = true;  // void or forgotten
    bool decodable() const { return done || sum.decodable(); }
  };
  struct Chain {
    std::vector<bool> member;  // U, by slot
    int size = 0;
  };

  Job& job(int64_t number) { return jobs_[number % jobs_.size()]; }
  const Job& job(int64_t number) const { return jobs_[number % jobs_.size()]; }
  Chain& chain(int64_t round) { return chains_[round % b_]; }
  const Chain& chain(int64_t round) const { return chains_[round % b_]; }

  // Which slots repeat `due` in the round being planned; extends or ends its chain.
  void PlanRepeats(int64_t due) {
    std::fill(repeats_.begin(), repeats_.end(), false);
    repeating_ = due >= 0 && !job(due).decodable();
    if (due < 0) return;
    Chain& links = chain(due);
    if (!repeating_) {
      std::fill(links.member.begin(), links.member.end(), false);
      links.size = 0;
      return;
    }
    const CodedSum& sum = job(due).sum;
    for (int slot = 0; slot < slots(); ++slot) {
      if (sum.Has(slot) || links.member[slot]) continue;
      links.member[slot] = true;
      ++links.size;
    }
    if (code_->unit_weights()) {
      for (int part = 0; part < code_->parts(); ++part) {
        if (sum.Needs(part)) repeats_[slot_of_part_[part]] = true;
      }
      return;
    }
    int left = sum.missing_slots() - code_->tolerance();
    for (int slot = 0; slot < slots() && left > 0; ++slot) {
      if (sum.Has(slot)) continue;
      repeats_[slot] = true;
      --left;
    }
  }

  int b_;
  int w_;
  int lambda_;
  std::unique_ptr<GradientCode> code_;
  std::vector<int> slot_of_part_;
  std::vector<Job> jobs_;      // ring over B + 1 jobs
  std::vector<Chain> chains_;  // by residue mod B
  std::vector<bool> repeats_;  // in the current round
  bool repeating_ = false;
  // Slots asked for the current round's own job that have not delivered it, and that are in the
  // chain's U, or would join it.
  int barred_ = 0;
  int joining_ = 0;
  PatternTracker pattern_;  // as the paper counts
};

// s: of the code.
int Tolerance(const Burst& burst) {
  const int64_t rounds = int64_t{burst.w} - 1 + burst.b;
  return static_cast<int>((int64_t{burst.b} * burst.lambda + rounds - 1) / rounds);
}

void Check(const SchemeSpec& spec, Problems* problems) {
  const Burst burst = BurstOf(spec);
  if (burst.b >= 1 && (burst.w <= burst.b || (burst.w - 1) % burst.b != 0)) {
    problems->push_back({"w", absl::StrCat("1 more than a multiple of b = ", burst.b)});
  }
  CheckBurst(spec, burst.w, "w", problems);
}

absl::StatusOr<std::unique_ptr<Scheme>> Make(const SchemeSpec& checked) {
  const Burst burst = BurstOf(checked);
  const int s = Tolerance(burst);
  if (s >= checked.slots) {
    return absl::InvalidArgumentError(absl::StrCat("s = ceil(b lambda / (w - 1 + b)) = ", s,
                                                   " must be < slots = ", checked.slots));
  }
  absl::StatusOr<std::unique_ptr<GradientCode>> code = MakeInnerCode(checked, s);
  if (!code.ok()) return code.status();
  return std::make_unique<SrSgcScheme>(checked.slots, burst, *std::move(code));
}

int64_t Delay(const SchemeSpec& spec) { return BurstOf(spec).b; }

SchemeTraits Traits(const SchemeSpec& valid) {
  const Burst burst = BurstOf(valid);
  return {.tolerated = burst.lambda,
          .tasks = 1,
          .parts = std::max(1, valid.slots / (Tolerance(burst) + 1))};
}

// B up to 4 and W = x B + 1 with x up to 4.
void Enumerate(const SchemeSpace& space, const SchemeKind::Add& add) {
  SchemeSpec spec(kSrSgcScheme, space.slots);
  for (int b = 1; b <= std::min(4, space.delay_max); ++b) {
    for (int x = 1; x <= 4; ++x) {
      spec.settings.Set("b", b);
      spec.settings.Set("w", x * b + 1);
      const auto groups = [&](int lambda) {
        const int s = Tolerance({b, x * b + 1, lambda});
        return s >= space.slots ? 0 : space.slots / (s + 1);
      };
      AddLambdas(space, spec, true, groups, add);
    }
  }
}

// A round in which nobody repeats and at most s straggle is no part of the pattern, says the paper.
// The authors' code leaves it out when it judges later rounds, but judges it like any other.
class PublishedSrSgc final : public PublishedRounds {
 public:
  PublishedSrSgc(int slots, const Burst& burst, PaperCounting counting)
      : PublishedRounds((Tolerance(burst) + 1) / static_cast<double>(slots), burst.lambda),
        slots_(slots),
        b_(burst.b),
        s_(Tolerance(burst)),
        authors_(counting == PaperCounting::kAuthors),
        pattern_(StragglerModel::Bursty(burst.b, burst.w, burst.lambda), slots, 0),
        repeats_(slots),
        results_(b_ + 1) {}

  bool Start(int64_t jobs) override {
    ++round_;
    if (PlanRepeats(jobs)) return true;
    pattern_.StartRound();  // in which nobody straggles
    return false;
  }

  std::vector<int> Repeating() const override {
    std::vector<int> slots;
    for (int slot = 0; slot < slots_; ++slot) {
      if (repeats_[slot]) slots.push_back(slot);
    }
    return slots;
  }

  bool End(const std::vector<int>& stragglers) override {
    pattern_.StartRound();
    for (int slot : stragglers) pattern_.Expect(slot);
    const bool no_part = repeat_count_ == 0 && static_cast<int>(stragglers.size()) <= s_;
    const bool conforming = (no_part && !authors_) || pattern_.Conforming();
    if (no_part || !conforming) {
      for (int slot : stragglers) pattern_.Deliver(slot);
    }
    CountResults(conforming ? stragglers : std::vector<int>{});
    return conforming;
  }

 private:
  std::vector<bool>& results(int64_t job) { return results_[job % (b_ + 1)]; }

  // False when the round is needed neither for a new job nor for the one that is due.
  bool PlanRepeats(int64_t jobs) {
    std::fill(repeats_.begin(), repeats_.end(), false);
    repeat_count_ = 0;
    const int64_t due = round_ - b_;
    if (due < 0) return true;
    const std::vector<bool>& have = results(due);
    const auto missing = static_cast<int>(std::count(have.begin(), have.end(), false));
    if (missing <= s_) return round_ < jobs;
    for (int slot = 0; repeat_count_ < missing - s_; ++slot) {
      if (have[slot]) continue;
      repeats_[slot] = true;
      ++repeat_count_;
    }
    return true;
  }

  void CountResults(const std::vector<int>& stragglers) {
    std::vector<bool>& fresh = results(round_);
    fresh.assign(slots_, true);
    for (int slot = 0; slot < slots_; ++slot) {
      if (repeats_[slot]) fresh[slot] = false;
    }
    for (int slot : stragglers) {
      fresh[slot] = false;
      repeats_[slot] = false;
    }
    if (round_ < b_) return;
    for (int slot = 0; slot < slots_; ++slot) {
      if (repeats_[slot]) results(round_ - b_)[slot] = true;
    }
  }

  const int slots_;
  const int b_;
  const int s_;
  const bool authors_;
  PatternTracker pattern_;
  std::vector<bool> repeats_;               // slots that redo the due job's task
  std::vector<std::vector<bool>> results_;  // ring over B + 1 jobs: slots that delivered
  int repeat_count_ = 0;
  int64_t round_ = -1;
};

std::unique_ptr<PublishedRounds> Published(const SchemeSpec& valid, PaperCounting counting) {
  return std::make_unique<PublishedSrSgc>(valid.slots, BurstOf(valid), counting);
}

}  // namespace

constinit const SchemeKind kSrSgcScheme = {
    .name = "sr_sgc",
    .title = "SR-SGC",
    .parameters = kSequentialParameters,
    .check = Check,
    .make = Make,
    .delay = Delay,
    .traits = Traits,
    .enumerate = Enumerate,
    .published = Published,
    .authors_count =
        "a round in which nobody repeats and at most s straggle does not always "
        "conform: it is left out when later ones are judged but is judged itself"};

}  // namespace gradloom
