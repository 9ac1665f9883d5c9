// Drives a scheme with real vectors and judges every decode by a direct sum that knows no coding.
#ifndef GRADLOOM_TESTS_CODING_VECTOR_FLEET_H_
#define GRADLOOM_TESTS_CODING_VECTOR_FLEET_H_

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coding/scheme.h"

namespace gradloom {

class VectorFleet {
 public:
  using Vector = std::array<double, 2>;
  // Called with each decoding before it is judged, for canaries.
  using Tamper = std::function<void(JobDecoding*)>;

  explicit VectorFleet(std::unique_ptr<Scheme> scheme)
      : scheme_(std::move(scheme)), replies_(kJobs * scheme_->parts().size()) {}

  Scheme& scheme() { return *scheme_; }
  // The first thing that went wrong; empty: nothing.
  const std::string& error() const { return error_; }
  void set_tamper(Tamper tamper) { tamper_ = std::move(tamper); }

  std::vector<MiniTask> StartRound(bool has_job) {
    const auto tasks = scheme_->StartRound(has_job);
    const int64_t job = scheme_->rounds() - 1;
    void_[job % kJobs] = !has_job;
    for (size_t part = 0; part < scheme_->parts().size(); ++part) reply_of(job, part).reset();
    return {tasks.begin(), tasks.end()};
  }

  // A worker computes the mini-task and the reply arrives.
  void Deliver(const MiniTask& task) {
    const bool useful = scheme_->Receive(task);
    if (useful) {
      std::optional<Vector>& reply = reply_of(task.job, task.part);
      if (reply.has_value()) Fail(absl::StrCat("part ", task.part, " was useful twice"));
      reply = Reply(task);
    }
    if (scheme_->Needed(task)) Fail("a mini-task is needed although it has just been received");
  }

  // Closes the round; the job due must decode to its direct sum.
  void CloseRound() {
    const int64_t due = scheme_->rounds() - 1 - scheme_->delay();
    if (due >= 0 && !void_[due % kJobs]) Judge(due);
    scheme_->CloseRound();
    if (due >= 0) scheme_->Forget(due);
  }

  int64_t judged() const { return judged_; }
  void Fail(const std::string& what) {
    if (error_.empty()) {
      error_ = absl::StrCat(scheme_->description(), ", round ", scheme_->rounds() - 1, ": ", what);
    }
  }

 private:
  static constexpr int kJobs = 16;  // more than any scheme here has in flight

  std::optional<Vector>& reply_of(int64_t job, size_t part) {
    return replies_[(job % kJobs) * scheme_->parts().size() + part];
  }

  // Small integers, so that sums with integer coefficients are exact.
  static Vector ChunkVector(int64_t job, int chunk) {
    const uint64_t hash = (static_cast<uint64_t>(job) * 1000003 + chunk + 1) * 0x9E3779B97F4A7C15u;
    return {static_cast<double>(hash >> 40 & 1023) - 511, static_cast<double>(hash >> 52 & 1023)};
  }

  Vector Reply(const MiniTask& task) const {
    Vector sum = {};
    for (const Term& term : scheme_->parts()[task.part].terms) {
      const Vector vector = ChunkVector(task.job, term.chunk);
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += term.coefficient * vector[i];
    }
    return sum;
  }

  void Judge(int64_t job) {
    ++judged_;
    if (!scheme_->Decodable(job)) return Fail(absl::StrCat("job ", job, " is not decodable"));
    absl::StatusOr<JobDecoding> decoding = scheme_->Decode(job);
    if (!decoding.ok()) return Fail(std::string(decoding.status().message()));
    if (tamper_) tamper_(&*decoding);
    Vector decoded = {};
    for (const auto& [part, weight] : decoding->weights) {
      const std::optional<Vector>& reply = reply_of(job, part);
      if (!reply.has_value()) return Fail(absl::StrCat("part ", part, " never arrived"));
      if (scheme_->unit_weights() && weight != 1) return Fail("a weight is not 1");
      for (size_t i = 0; i < decoded.size(); ++i) decoded[i] += weight * (*reply)[i];
    }
    Vector direct = {};
    for (int chunk = 0; chunk < static_cast<int>(scheme_->chunks().size()); ++chunk) {
      const Vector vector = ChunkVector(job, chunk);
      for (size_t i = 0; i < direct.size(); ++i) direct[i] += vector[i];
    }
    const double tolerance = scheme_->unit_weights() ? 0 : 1e-6;
    for (size_t i = 0; i < direct.size(); ++i) {
      if (std::abs(decoded[i] - direct[i]) > tolerance * (1 + std::abs(direct[i]))) {
        return Fail(absl::StrCat("job ", job, " decodes to ", decoded[i], ", not ", direct[i]));
      }
    }
  }

  std::unique_ptr<Scheme> scheme_;
  std::vector<std::optional<Vector>> replies_;  // kJobs x parts
  std::array<bool, kJobs> void_ = {};
  Tamper tamper_;
  std::string error_;
  int64_t judged_ = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_CODING_VECTOR_FLEET_H_
