// Computes a task's reply: the sum over its terms of coefficient x chunk sum; and chunks of
// evaluations. Pure functions of (run, task, parameters): every worker returns the same bits. Keeps
// the data of the chunks it has computed. Thread-safe.
#ifndef GRADLOOM_WORKER_CHUNK_EXECUTOR_H_
#define GRADLOOM_WORKER_CHUNK_EXECUTOR_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <tuple>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "gradloom/v1/worker.pb.h"
#include "models/data/dataset.h"
#include "worker/loading_cache.h"
#include "worker/served_run.h"

namespace gradloom {

class ChunkExecutor {
 public:
  explicit ChunkExecutor(size_t cache_bytes) : cache_bytes_(cache_bytes), chunks_(cache_bytes) {}

  // Called between sub-batches with the examples done so far; false stops the task.
  using KeepGoing = absl::FunctionRef<bool(int64_t examples_done)>;

  // Whether `task` makes sense for the run; InvalidArgument names field, value and what is legal.
  static absl::Status Check(const ServedRun& run, const v1::Task& task);
  // Positions in the task's chunks: an upper bound of its examples, exact but in an epoch's last
  // job. The task must have passed Check, here and below.
  static int64_t Positions(const ServedRun& run, const v1::Task& task);

  // The values that the task reads, in the order of task.reads(). It must have passed Check.
  using Segments = std::vector<std::span<const float>>;
  // Overwrites `sum` (as long as a reply to the task's request) with the reply. Cancelled:
  // `keep_going` said so. InvalidArgument: every replica fails alike (not finite, too large for the
  // reply's number format); the message names trial, job and example. Anything else is this
  // worker's trouble.
  absl::Status Compute(const ServedRun& run, const v1::Task& task, const Segments& segments,
                       KeepGoing keep_going, std::span<float> sum);

  // A part of an evaluation: whether it makes sense for the run, and its result.
  // FailedPrecondition: this worker can evaluate nothing of the run.
  static absl::Status Check(const ServedRun& run, const v1::Evaluate& task);
  // Cancelled: `keep_going`, asked between sub-batches, said so.
  absl::StatusOr<EvaluationResult> Evaluate(const ServedRun& run, const v1::Evaluate& task,
                                            const Segments& segments,
                                            absl::FunctionRef<bool()> keep_going);

  // Forgets a run's data.
  void Forget(const ServedRun& run);

 private:
  struct Job {
    const ServedRun& run;
    const ServedTrial& trial;
    const v1::Task& task;
    JobInputs inputs;
  };
  // Adds the chunk sum of a term, sub-batch by sub-batch.
  absl::Status AddChunk(const Job& job, const v1::Term& term, KeepGoing keep_going, int64_t& done,
                        std::span<float> sum);
  // The chunk's examples in memory, and the number of the first; null with a range too large for
  // the cache, which is read sub-batch by sub-batch instead.
  // By the run's serial, whether they are of the test set, and the range.
  using Chunks = LoadingCache<std::tuple<uint64_t, bool, int64_t, int64_t>, Examples>;
  absl::StatusOr<Chunks::Pointer> LoadChunk(const ServedRun& run, bool test, int64_t begin,
                                            int64_t end);
  absl::StatusOr<Examples> Batch(const ServedRun& run, const Examples* chunk, int64_t chunk_begin,
                                 std::span<const int64_t> ids) const;
  // Which parameter or example makes the reply unfit.
  absl::Status Explain(const Job& job, float limit) const;

  size_t cache_bytes_;
  Chunks chunks_;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_CHUNK_EXECUTOR_H_
