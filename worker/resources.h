// What outlives a connection: opened runs, the executor with its chunks, metrics. Thread-safe.
#ifndef GRADLOOM_WORKER_RESOURCES_H_
#define GRADLOOM_WORKER_RESOURCES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "proto/ops/mutex.h"
#include "worker/chunk_executor.h"
#include "worker/metrics.h"
#include "worker/options.h"
#include "worker/parameter_cache.h"
#include "worker/served_run.h"

namespace gradloom {

// Reply vectors, handed on from task to task: a fresh one would be paged in anew every time.
class ReplyBuffers {
 public:
  std::vector<float> Take(size_t length);
  void Give(std::vector<float> buffer);

 private:
  static constexpr size_t kKept = 8;
  Mutex mutex_;
  std::vector<std::vector<float>> free_ ABSL_GUARDED_BY(mutex_);
};

struct WorkerResources {
  explicit WorkerResources(const WorkerOptions& worker_options)
      : options(worker_options),
        metrics(worker_options.name, worker_options.isa),
        executor(worker_options.cache_bytes / 4 * 3),
        parameters(worker_options.cache_bytes / 4) {}

  // The run that `offer` describes: the one that is open, when the offer is the same but for the
  // run's life.
  absl::StatusOr<std::shared_ptr<const ServedRun>> Open(const v1::RunOffer& offer);
  // Forgets a run and what is cached for it.
  void Close(uint64_t run);

  WorkerOptions options;  // constant once the worker runs
  WorkerMetrics metrics;
  ChunkExecutor executor;
  ParameterCache parameters;
  ReplyBuffers buffers;

 private:
  Mutex mutex_;
  std::map<uint64_t, std::shared_ptr<const ServedRun>> runs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_RESOURCES_H_
