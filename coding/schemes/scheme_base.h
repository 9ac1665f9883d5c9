// What all schemes share: the placement, which never changes, and the ledger of the current round.
#ifndef GRADLOOM_CODING_SCHEMES_SCHEME_BASE_H_
#define GRADLOOM_CODING_SCHEMES_SCHEME_BASE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "coding/code.h"
#include "coding/scheme.h"
#include "coding/schemes/round_ledger.h"

namespace gradloom {

class SchemeBase : public Scheme {
 public:
  absl::string_view name() const override { return name_; }
  int slots() const override { return ledger_.slots(); }
  int delay() const override { return ledger_.depth() - 1; }
  double load() const override { return load_; }
  int64_t denominator() const override { return denominator_; }
  const std::vector<Chunk>& chunks() const override { return chunks_; }
  const std::vector<Part>& parts() const override { return parts_; }
  int64_t rounds() const override { return ledger_.rounds(); }
  bool Delivered(int slot) const override { return ledger_.Delivered(slot); }
  int Pending() const override { return ledger_.pending(); }

 protected:
  SchemeBase(absl::string_view name, int slots, int delay)
      : name_(name), ledger_(slots, delay + 1) {}

  // `load_units`: the largest load per slot and round, in units of 1 / denominator.
  void SetPlacement(int64_t denominator, std::vector<Chunk> chunks, std::vector<Part> parts,
                    int64_t load_units) {
    denominator_ = denominator;
    chunks_ = std::move(chunks);
    parts_ = std::move(parts);
    load_ = static_cast<double>(load_units) / static_cast<double>(denominator);
  }
  // Placement of a single code.
  void SetPlacement(const GradientCode& code);

  bool Legal(const MiniTask& task) const {
    return task.slot >= 0 && task.slot < slots() && task.part >= 0 && task.part < parts_.size() &&
           ledger_.InFlight(task.job);
  }

 private:
  absl::string_view name_;
  int64_t denominator_ = 1;
  std::vector<Chunk> chunks_;
  std::vector<Part> parts_;
  double load_ = 0;

 protected:
  RoundLedger ledger_;
};

// Data units of a row of a code.
int64_t RowUnits(const GradientCode& code, int slot);
// The first slot that holds each part.
std::vector<int> SlotOfPart(const GradientCode& code);

}  // namespace gradloom

#endif  // GRADLOOM_CODING_SCHEMES_SCHEME_BASE_H_
