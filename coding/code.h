// A gradient code for one job: n slots, each returning one coded sum over the job's chunks, and the
// weights that recover the sum over all chunks from the replies that arrived.
//
// Notation (Tandon et al. 2017): slot i returns l_i = sum_j B(i,j) g_j over its chunks j; with the
// survivors F known, find a with a^T B_F = 1^T, so that sum_i a_i l_i = sum_j g_j.
// Immutable after construction, hence safe to share between threads.
#ifndef GRADLOOM_CODING_CODE_H_
#define GRADLOOM_CODING_CODE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gradloom {

// A chunk: the half-open interval [begin, end) / denominator of a job's data, the denominator being
// its owner's (GradientCode::denominator, Scheme::denominator). Chunks of one code do not overlap
// and cover [0, denominator).
struct Chunk {
  int64_t begin = 0;
  int64_t end = 0;
  friend bool operator==(const Chunk&, const Chunk&) = default;
};

// One coefficient of the code matrix B.
struct Term {
  int32_t chunk = 0;  // index into chunks()
  double coefficient = 1;
};

// How to recover the sum over all chunks: sum over slots of weight x reply.
struct Decoding {
  std::vector<double> weights;  // one per slot; 0 where the reply is missing or not needed
  // sum_j f_j ((a^T B)_j - 1)^2 with f_j chunk j's fraction of the data: 0 (to rounding) for exact
  // codes, the decoded sum's relative squared error for white-noise gradients otherwise.
  double residual = 0;
  // sqrt(sum_i a_i^2 sum_j f_j B(i,j)^2): relative output error per relative rounding error of a
  // reply. (With n equal chunks: sqrt(sum_i a_i^2 ||b_i||^2 / n).)
  double amplification = 1;
};

class GradientCode {
 public:
  virtual ~GradientCode() = default;

  virtual absl::string_view name() const = 0;  // as in a run file: "fractional_repetition", ...
  int slots() const { return static_cast<int>(rows_.size()); }
  int64_t denominator() const { return denominator_; }
  const std::vector<Chunk>& chunks() const { return chunks_; }
  // The coded sum asked of a slot: its row of B, in chunk order.
  std::span<const Term> row(int slot) const { return rows_[slot]; }
  // Slots of one part have the same row, so their replies carry the same bits and one of them is
  // enough. Parts are numbered from 0; without repetition a slot's part is the slot itself.
  int parts() const { return parts_; }
  int part(int slot) const { return part_of_slot_[slot]; }
  // Any `tolerance()` slots may be missing (for approximate codes: with a residual).
  int tolerance() const { return tolerance_; }
  // Largest fraction of a job's data that a slot computes.
  double load() const { return load_; }
  // Whether every decode is exact (residual 0 to rounding).
  virtual bool exact() const = 0;
  // Whether all weights are known in advance to be 1, each part once: replies can then be
  // accumulated as they arrive, and the decoded sum is the same whoever answers.
  virtual bool unit_weights() const = 0;

  // Weights for the received replies (received.size() == slots()). FailedPrecondition when they do
  // not determine the sum (exact codes).
  virtual absl::StatusOr<Decoding> Decode(const std::vector<bool>& received) const = 0;
  // Whether Decode would succeed; cheaper where the code allows.
  virtual bool Decodable(const std::vector<bool>& received) const;

 protected:
  GradientCode() = default;
  // Called once by the concrete code's factory; fills what the accessors return (parts default to
  // one per slot; load is computed).
  void SetStructure(int64_t denominator, std::vector<Chunk> chunks,
                    std::vector<std::vector<Term>> rows, std::vector<int> part_of_slot,
                    int tolerance);

 private:
  int64_t denominator_ = 1;
  std::vector<Chunk> chunks_;
  std::vector<std::vector<Term>> rows_;
  std::vector<int> part_of_slot_;
  int parts_ = 0;
  int tolerance_ = 0;
  double load_ = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CODE_H_
