// A worker process: keeps a connection with the coordinator, reconnecting with exponential back-off
// and jitter. Stateless but for caches: kill it whenever you like.
#ifndef GRADLOOM_WORKER_WORKER_H_
#define GRADLOOM_WORKER_WORKER_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "prometheus/registry.h"
#include "proto/ops/mutex.h"
#include "worker/connection.h"
#include "worker/options.h"
#include "worker/resources.h"

namespace gradloom {

class Worker {
 public:
  explicit Worker(const WorkerOptions& options) : resources_(options) {}

  // Before Run(): told to the coordinator.
  void set_metrics_address(const std::string& address) {
    resources_.options.metrics_address = address;
  }

  enum class Exit {
    kStopped,  // as told by Stop()
    kRefused,  // by the coordinator, for good: another version, say
    kGaveUp,   // no coordinator for options.reconnect.give_up_after
  };
  struct Result {
    Exit exit = Exit::kStopped;
    std::string reason;
  };
  // Serves until one of these.
  Result Run();
  // From any thread, also before Run(). Says goodbye; Run() returns within about a second.
  void Stop(const std::string& reason);

  // OK while connected; else why not, as far as is known.
  absl::Status Health() const;
  std::shared_ptr<prometheus::Registry> registry() const { return resources_.metrics.registry(); }

 private:
  // False when Stop() came meanwhile.
  bool Wait(absl::Duration duration);

  WorkerResources resources_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::shared_ptr<Connection> connection_ ABSL_GUARDED_BY(mutex_);  // null between two
  std::string lost_because_ ABSL_GUARDED_BY(mutex_);                // the latest one
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_WORKER_H_
