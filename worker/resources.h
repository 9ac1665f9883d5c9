// What outlives a connection: opened runs, the executor with its chunks, metrics. Thread-safe.
#ifndef GRADLOOM_WORKER_RESOURCES_H_
#define GRADLOOM_WORKER_RESOURCES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/statusor.h"
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
  std::mutex mutex_;
  std::vector<std::vector<float>> free_;
};

struct WorkerResources {
  explicit WorkerResources(const WorkerOptions& worker_options)
      : options(worker_options),
        metrics(worker_options.name, worker_options.isa),
        executor(worker_options.cache_bytes / 4 * 3),
        parameters(worker_options.cache_bytes / 4) {}

  // The run that `offer` describes: the one that is open, when the offer is the same.
  absl::StatusOr<std::shared_ptr<const ServedRun>> Open(const v1::RunOffer& offer);
  // Forgets a run and what is cached for it.
  void Close(uint64_t run);

  WorkerOptions options;  // constant once the worker runs
  WorkerMetrics metrics;
  ChunkExecutor executor;
  ParameterCache parameters;
  ReplyBuffers buffers;

 private:
  std::mutex mutex_;
  std::map<uint64_t, std::shared_ptr<const ServedRun>> runs_;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_RESOURCES_H_
