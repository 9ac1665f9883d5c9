#include "coding/schemes/m_sgc_scheme.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "coding/schemes/coded_sum.h"
#include "coding/schemes/scheme_base.h"
#include "coding/schemes/sequential.h"
#include "coding/straggler_model.h"

namespace gradloom {
namespace {

class MSgcScheme final : public SchemeBase {
 public:
  // The code is exact and tolerates lambda; null iff lambda = n.
  MSgcScheme(int slots, const Burst& burst, std::unique_ptr<GradientCode> code)
      : SchemeBase(kMSgcScheme.name, slots, burst.w - 2 + burst.b),
        b_(burst.b),
        w_(burst.w),
        lambda_(burst.lambda),
        own_(burst.w - 1),
        groups_(code == nullptr ? 0 : burst.b),
        code_(std::move(code)),
        bursty_(StragglerModel::Bursty(b_, w_, lambda_), slots, delay() + w_),
        arbitrary_(StragglerModel::Arbitrary(b_, w_ + b_ - 1, lambda_), slots, delay() + w_) {
    Place();
    Job job;
    job.have.resize(static_cast<size_t>(slots) * own_);
    job.next.resize(slots);
    for (int group = 0; group < groups_; ++group) job.groups.emplace_back(*code_);
    jobs_.assign(delay() + 1, job);
  }

  std::string description() const override {
    return absl::StrCat("M-SGC(B=", b_, ", W=", w_, ", lambda=", lambda_,
                        code_ == nullptr ? "" : ", code=", code_ == nullptr ? "" : code_->name(),
                        ")");
  }
  bool exact() const override { return true; }
  bool unit_weights() const override { return code_ == nullptr || code_->unit_weights(); }

  std::span<const MiniTask> StartRound(bool has_job) override {
    const int64_t round = rounds();
    ledger_.StartRound();
    bursty_.StartRound();
    arbitrary_.StartRound();
    Clear(&job(round), has_job);
    for (int slot = 0; slot < slots(); ++slot) {
      const size_t before = ledger_.tasks().size();
      // The job that is due first comes first.
      for (int64_t number = ledger_.oldest_job(); number <= round; ++number) {
        Ask(slot, number, static_cast<int>(round - number));
      }
      if (ledger_.tasks().size() == before) continue;
      bursty_.Expect(slot);
      arbitrary_.Expect(slot);
    }
    return ledger_.tasks();
  }

  bool Receive(const MiniTask& task) override {
    if (!Legal(task) || !Serves(task)) return false;
    if (ledger_.Deliver(task)) {
      bursty_.Deliver(task.slot);
      arbitrary_.Deliver(task.slot);
    }
    Job& its = job(task.job);
    if (its.done) return false;
    return task.part < first_coded_ ? ReceiveOwn(&its, task.part)
                                    : ReceiveCoded(&its, Group(task.part), task.slot);
  }

  bool Needed(const MiniTask& task) const override {
    if (!Legal(task) || !Serves(task)) return false;
    const Job& its = job(task.job);
    if (its.decodable()) return false;
    if (task.part < first_coded_) return !its.have[task.part];
    return its.groups[Group(task.part)].Needs(code_->part(task.slot));
  }

  CloseVerdict Verdict() const override {
    if (rounds() == 0) return {};
    const int64_t due = rounds() - 1 - delay();
    const bool conforming = bursty_.Conforming() || arbitrary_.Conforming();
    return {.due_decodable = due < 0 || job(due).decodable(),
            .conforming = conforming,
            .pattern_conforming = conforming};
  }

  void CloseRound() override {}

  bool Decodable(int64_t number) const override {
    if (number < 0 || number >= rounds()) return false;
    return !ledger_.InFlight(number) || job(number).decodable();
  }

  absl::StatusOr<JobDecoding> Decode(int64_t number) const override;

  void Forget(int64_t number) override {
    if (ledger_.InFlight(number)) job(number).done = true;
  }

 private:
  struct Job {
    std::vector<bool> have;     // D1 parts: slots x (W - 1)
    std::vector<int32_t> next;  // per slot: its first D1 chunk not received, or W - 1
    std::vector<CodedSum> groups;
    int own_missing = 0;
    int groups_missing = 0;
    bool done = true;  // void or forgotten
    bool decodable() const { return done || (own_missing == 0 && groups_missing == 0); }
  };

  Job& job(int64_t number) { return jobs_[number % jobs_.size()]; }
  const Job& job(int64_t number) const { return jobs_[number % jobs_.size()]; }
  int Group(int part) const { return (part - first_coded_) / code_->parts(); }
  int CodedPart(int group, int slot) const {
    return first_coded_ + group * code_->parts() + code_->part(slot);
  }
  // Whether the slot could have computed the part at all.
  bool Serves(const MiniTask& task) const {
    if (task.part < first_coded_) return task.part / own_ == task.slot;
    return task.part == CodedPart(Group(task.part), task.slot);
  }

  void Place();
  void Clear(Job* fresh, bool has_job) const;
  void Ask(int slot, int64_t number, int m);
  bool ReceiveOwn(Job* its, int part) const;
  static bool ReceiveCoded(Job* its, int group, int slot);

  int b_;
  int w_;
  int lambda_;
  int own_;     // D1 chunks per slot
  int groups_;  // of D2
  std::unique_ptr<GradientCode> code_;
  int first_coded_ = 0;     // parts before it are of D1
  double own_share_ = 1;    // fraction of the data in D1
  double group_share_ = 0;  // fraction in each D2 group
  std::vector<Job> jobs_;   // ring over T + 1 jobs
  PatternTracker bursty_;
  PatternTracker arbitrary_;
};

void MSgcScheme::Place() {
  // Units: a D1 chunk is as large as the largest row of the code, whose chunks keep their size.
  int64_t unit = 1;
  int64_t group_units = 0;
  if (code_ != nullptr) {
    for (int slot = 0; slot < slots(); ++slot) unit = std::max(unit, RowUnits(*code_, slot));
    group_units = code_->denominator();
  }
  const int64_t own_units = static_cast<int64_t>(slots()) * own_ * unit;
  const int64_t denominator = own_units + groups_ * group_units;
  const auto share = [&](int64_t units) {
    return static_cast<double>(units) / static_cast<double>(denominator);
  };
  std::vector<Chunk> chunks;
  std::vector<Part> parts;
  first_coded_ = slots() * own_;
  for (int part = 0; part < first_coded_; ++part) {
    chunks.push_back({part * unit, (part + 1) * unit});
    parts.push_back({{{part, 1}}, share(unit)});
  }
  for (int group = 0; group < groups_; ++group) {
    const auto first_chunk = static_cast<int32_t>(chunks.size());
    const int64_t offset = own_units + group * group_units;
    for (const Chunk& chunk : code_->chunks()) {
      chunks.push_back({offset + chunk.begin, offset + chunk.end});
    }
    for (int slot : SlotOfPart(*code_)) {
      Part part;
      part.load = share(RowUnits(*code_, slot));
      for (const Term& term : code_->row(slot)) {
        part.terms.push_back({first_chunk + term.chunk, term.coefficient});
      }
      parts.push_back(std::move(part));
    }
  }
  own_share_ = share(own_units);
  group_share_ = share(group_units);
  SetPlacement(denominator, std::move(chunks), std::move(parts), (own_ + b_) * unit);
}

void MSgcScheme::Clear(Job* fresh, bool has_job) const {
  std::fill(fresh->have.begin(), fresh->have.end(), false);
  std::fill(fresh->next.begin(), fresh->next.end(), 0);
  for (CodedSum& group : fresh->groups) group.Clear();
  fresh->own_missing = first_coded_;
  fresh->groups_missing = groups_;
  fresh->done = !has_job;
}

void MSgcScheme::Ask(int slot, int64_t number, int m) {
  const Job& its = job(number);
  if (its.decodable()) return;
  if (its.next[slot] < own_) {
    ledger_.Ask(slot, number, slot * own_ + its.next[slot]);
    return;
  }
  const int group = m - own_;
  if (group < 0 || group >= groups_ || !its.groups[group].Needs(code_->part(slot))) return;
  ledger_.Ask(slot, number, CodedPart(group, slot));
}

bool MSgcScheme::ReceiveOwn(Job* its, int part) const {
  if (its->have[part]) return false;
  its->have[part] = true;
  --its->own_missing;
  const int slot = part / own_;
  int32_t& next = its->next[slot];
  while (next < own_ && its->have[slot * own_ + next]) ++next;
  return true;
}

bool MSgcScheme::ReceiveCoded(Job* its, int group, int slot) {
  CodedSum& sum = its->groups[group];
  const bool before = sum.decodable();
  const bool useful = sum.Receive(slot);
  if (!before && sum.decodable()) --its->groups_missing;
  return useful;
}

absl::StatusOr<JobDecoding> MSgcScheme::Decode(int64_t number) const {
  if (!ledger_.InFlight(number)) {
    return absl::FailedPreconditionError(absl::StrCat("job ", number, " is not in flight"));
  }
  JobDecoding out;
  const Job& its = job(number);
  if (its.done) return out;
  if (its.own_missing > 0) {
    return absl::FailedPreconditionError(absl::StrCat("job ", number, ": ", its.own_missing, " of ",
                                                      first_coded_, " parts of D1 are missing"));
  }
  out.weights.reserve(parts().size());
  for (int part = 0; part < first_coded_; ++part) out.weights.push_back({part, 1});
  double noise = own_share_;
  for (int group = 0; group < groups_; ++group) {
    const CodedSum& sum = its.groups[group];
    absl::StatusOr<Decoding> decoding = sum.Decode();
    if (!decoding.ok()) return decoding.status();
    sum.AppendWeights(*decoding, first_coded_ + group * code_->parts(), &out);
    out.residual += group_share_ * decoding->residual;
    noise += group_share_ * decoding->amplification * decoding->amplification;
  }
  if (!unit_weights()) out.amplification = std::sqrt(noise);
  return out;
}

void Check(const SchemeSpec& spec, Problems* problems) {
  const Burst burst = BurstOf(spec);
  if (burst.w <= burst.b) problems->push_back({"w", absl::StrCat("more than b = ", burst.b)});
  CheckBurst(spec, int64_t{burst.w} - 1 + burst.b, "w + b - 1", problems);
}

absl::StatusOr<std::unique_ptr<Scheme>> Make(const SchemeSpec& checked) {
  const Burst burst = BurstOf(checked);
  std::unique_ptr<GradientCode> inner;
  if (burst.lambda < checked.slots) {
    absl::StatusOr<std::unique_ptr<GradientCode>> code = MakeInnerCode(checked, burst.lambda);
    if (!code.ok()) return code.status();
    inner = *std::move(code);
  }
  return std::make_unique<MSgcScheme>(checked.slots, burst, std::move(inner));
}

int64_t Delay(const SchemeSpec& spec) {
  const Burst burst = BurstOf(spec);
  return int64_t{burst.w} - 2 + burst.b;
}

// A job is dealt out over W - 1 + B rounds.
SchemeTraits Traits(const SchemeSpec& valid) {
  const Burst burst = BurstOf(valid);
  const int rounds = burst.w - 1 + burst.b;
  return {.tolerated = burst.lambda, .tasks = rounds, .parts = valid.slots * rounds};
}

void Enumerate(const SchemeSpace& space, const SchemeKind::Add& add) {
  SchemeSpec spec(kMSgcScheme, space.slots);
  const auto groups = [&](int lambda) {
    return lambda >= space.slots ? 0 : space.slots / (lambda + 1);
  };
  for (int w = 2; w <= space.delay_max + 1; ++w) {
    for (int b = 1; b < w && w - 2 + b <= space.delay_max; ++b) {
      spec.settings.Set("b", b);
      spec.settings.Set("w", w);
      AddLambdas(space, spec, false, groups, add);
    }
  }
}

double PublishedLoad(int slots, const Burst& burst) {
  const double n = slots, own = burst.w - 1, b = burst.b, copies = burst.lambda + 1;
  if (burst.lambda == slots) return (own + b) / (n * own);
  return copies * (own + b) / (n * (b + own * copies));
}

std::unique_ptr<PublishedRounds> Published(const SchemeSpec& valid, PaperCounting /*counting*/) {
  const Burst burst = BurstOf(valid);
  return MakePatternRounds(PublishedLoad(valid.slots, burst),
                           StragglerModel::Bursty(burst.b, burst.w, burst.lambda), valid.slots);
}

}  // namespace

constinit const SchemeKind kMSgcScheme = {.name = "m_sgc",
                                          .title = "M-SGC",
                                          .parameters = kSequentialParameters,
                                          .check = Check,
                                          .make = Make,
                                          .delay = Delay,
                                          .traits = Traits,
                                          .enumerate = Enumerate,
                                          .published = Published};

}  // namespace gradloom
