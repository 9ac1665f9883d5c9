// Straggling on purpose: which invocations a worker delays, and when it freezes or dies. Delays are
// a pure function of (spec, seed, slot, number of the slot's invocation over the run), crashes and
// freezes of (spec, slot, job): the same run straggles alike wherever its slots are, whatever
// scheme asks them, and after a resume. Immutable and thread-safe.
#ifndef GRADLOOM_WORKER_STRAGGLER_H_
#define GRADLOOM_WORKER_STRAGGLER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gradloom/v1/run.pb.h"

namespace gradloom {

class Straggler {
 public:
  // Nothing straggles.
  Straggler() = default;
  // `seed` is taken where the spec has none. A trace file is relative to `base_folder` ("": to the
  // current one) and is read here. InvalidArgument names field, value and what is legal.
  static absl::StatusOr<Straggler> Make(const v1::StraggleSpec& spec, uint64_t seed,
                                        const std::string& base_folder);

  // What a worker's own flags add, at any slot it holds.
  void AddCrash(uint64_t job) { crash_jobs_.push_back(job); }
  void AddFreeze(uint64_t job, absl::Duration duration) { freeze_jobs_[job] = duration; }

  // Added before the slot computes what its `invocation` asks for; numbered from 0.
  absl::Duration Delay(uint32_t slot, uint32_t invocation) const;
  // The process freezes for so long before it computes. First attempts only, so that what is tried
  // again elsewhere gets through.
  std::optional<absl::Duration> Freeze(uint32_t slot, uint64_t job, uint32_t attempt) const;
  // The process dies before it computes. First attempts only.
  bool Crash(uint32_t slot, uint64_t job, uint32_t attempt) const;

 private:
  bool Applies(uint32_t slot) const;
  bool Slow(uint32_t slot, uint32_t invocation) const;
  double Uniform(uint32_t slot, uint32_t invocation) const;

  v1::StraggleSpec spec_;
  uint64_t seed_ = 0;
  std::vector<std::vector<double>> trace_;  // seconds by invocation, slot
  std::vector<uint64_t> crash_jobs_;
  std::map<uint64_t, absl::Duration> freeze_jobs_;
};

// A spec from a flag's text, MODEL:KEY=VALUE,...
//   fixed:delay=100ms   exponential:mean=200ms,base=0s   pareto:scale=50ms,shape=1.5,limit=10s
//   gilbert_elliott:enter=0.05,leave=0.5,delay=1s        trace:file=delays.csv,scale=0.1
// "none" is the empty spec. InvalidArgument names model, key or value and what is legal.
absl::StatusOr<v1::StraggleSpec> ParseStraggle(absl::string_view text);

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_STRAGGLER_H_
