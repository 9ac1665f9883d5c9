#include "coding/schemes/sr_sgc_scheme.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "coding/schemes/coded_sum.h"
#include "coding/schemes/scheme_base.h"
#include "coding/straggler_model.h"

namespace gradloom {
namespace {

class SrSgcScheme final : public SchemeBase {
 public:
  SrSgcScheme(const SchemeSpec& spec, std::unique_ptr<GradientCode> code)
      : SchemeBase("sr_sgc", spec.slots, spec.b),
        b_(spec.b),
        w_(spec.w),
        lambda_(spec.lambda),
        code_(std::move(code)),
        slot_of_part_(SlotOfPart(*code_)),
        jobs_(spec.b + 1, Job{CodedSum(*code_)}),
        chains_(spec.b, Chain{std::vector<bool>(spec.slots), 0}),
        repeats_(spec.slots),
        pattern_(StragglerModel::Bursty(spec.b, spec.w, spec.lambda), spec.slots, 0) {
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

}  // namespace

std::unique_ptr<Scheme> MakeSrSgcScheme(const SchemeSpec& spec,
                                        std::unique_ptr<GradientCode> code) {
  return std::make_unique<SrSgcScheme>(spec, std::move(code));
}

}  // namespace gradloom
