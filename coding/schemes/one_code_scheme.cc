#include "coding/schemes/one_code_scheme.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "coding/schemes/coded_sum.h"
#include "coding/schemes/scheme_base.h"

namespace gradloom {
namespace {

class OneCodeScheme final : public SchemeBase {
 public:
  OneCodeScheme(absl::string_view name, std::string description, std::unique_ptr<GradientCode> code)
      : SchemeBase(name, code->slots(), 0),
        description_(std::move(description)),
        code_(std::move(code)),
        sum_(*code_) {
    SetPlacement(*code_);
  }

  std::string description() const override { return description_; }
  bool exact() const override { return code_->exact(); }
  bool unit_weights() const override { return code_->unit_weights(); }

  std::span<const MiniTask> StartRound(bool has_job) override {
    ledger_.StartRound();
    has_job_ = has_job;
    forgotten_ = false;
    sum_.Clear();
    if (has_job) {
      const int64_t job = rounds() - 1;
      for (int slot = 0; slot < slots(); ++slot) ledger_.Ask(slot, job, code_->part(slot));
    }
    return ledger_.tasks();
  }

  bool Receive(const MiniTask& task) override {
    if (!Legal(task) || code_->part(task.slot) != task.part || !has_job_) return false;
    ledger_.Deliver(task);
    return !forgotten_ && sum_.Receive(task.slot);
  }

  bool Needed(const MiniTask& task) const override {
    return Legal(task) && has_job_ && !forgotten_ && sum_.Needs(task.part);
  }

  CloseVerdict Verdict() const override {
    const bool decodable = !has_job_ || sum_.decodable();
    // Nothing of this round is left for later ones, so whatever decodes conforms.
    return {.due_decodable = decodable,
            .conforming = decodable,
            .pattern_conforming = ledger_.pending() <= code_->tolerance()};
  }

  void CloseRound() override {}

  bool Decodable(int64_t job) const override {
    if (!ledger_.InFlight(job)) return job >= 0 && job < rounds();
    return !has_job_ || forgotten_ || sum_.decodable();
  }

  absl::StatusOr<JobDecoding> Decode(int64_t job) const override {
    if (!ledger_.InFlight(job) || forgotten_) {
      return absl::FailedPreconditionError(
          absl::StrCat("job ", job, " is not in flight (in flight: ", rounds() - 1, ")"));
    }
    JobDecoding out;
    if (!has_job_) return out;
    absl::StatusOr<Decoding> decoding = sum_.Decode();
    if (!decoding.ok()) return decoding.status();
    sum_.AppendWeights(*decoding, 0, &out);
    out.residual = decoding->residual;
    out.amplification = decoding->amplification;
    return out;
  }

  void Forget(int64_t job) override { forgotten_ = forgotten_ || ledger_.InFlight(job); }

 private:
  const std::string description_;
  std::unique_ptr<GradientCode> code_;
  CodedSum sum_;
  bool has_job_ = false;
  bool forgotten_ = false;
};

}  // namespace

std::unique_ptr<Scheme> MakeOneCodeScheme(absl::string_view name, std::string description,
                                          std::unique_ptr<GradientCode> code) {
  return std::make_unique<OneCodeScheme>(name, std::move(description), std::move(code));
}

}  // namespace gradloom
