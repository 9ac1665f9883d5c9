// Watches a run in a thread of its own and survives restarts of the coordinator: when the stream
// breaks, it tries again.
#ifndef GRADLOOM_COORDINATOR_CLI_RUN_WATCHER_H_
#define GRADLOOM_COORDINATOR_CLI_RUN_WATCHER_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <thread>

#include "absl/status/status.h"
#include "coordinator/cli/training_client.h"
#include "gradloom/v1/training.pb.h"
#include "proto/ops/mutex.h"

namespace gradloom {

class RunWatcher {
 public:
  struct Seen {
    v1::RunStatus status;  // the newest; its run is 0 when there is none yet
    bool ended = false;    // the run has ended, or watching it makes no sense any more
    bool lost = false;     // the coordinator does not answer at present
    absl::Status error;    // why watching makes no sense
  };

  // `client` outlives the watcher. give_up: how long a coordinator may be silent.
  RunWatcher(TrainingClient* client, uint64_t run, std::chrono::milliseconds give_up);
  ~RunWatcher();

  // The newest state; waits up to `limit` for something new.
  Seen Wait(std::chrono::milliseconds limit);

 private:
  void Loop(const std::stop_token& stop);

  TrainingClient* client_;
  const uint64_t run_;
  const std::chrono::milliseconds give_up_;
  Mutex mutex_;
  CondVar changed_;
  Seen seen_ ABSL_GUARDED_BY(mutex_);
  bool fresh_ ABSL_GUARDED_BY(mutex_) = false;
  // Of the stream under way.
  std::shared_ptr<grpc::ClientContext> context_ ABSL_GUARDED_BY(mutex_);
  std::jthread thread_;  // last: it uses the rest
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CLI_RUN_WATCHER_H_
