// The engine's way to its workers; the gRPC service is one, tests have others.
#ifndef GRADLOOM_COORDINATOR_ENGINE_FLEET_LINK_H_
#define GRADLOOM_COORDINATOR_ENGINE_FLEET_LINK_H_

#include "coordinator/core/events.h"
#include "gradloom/v1/worker.pb.h"

namespace gradloom {

class FleetLink {
 public:
  virtual ~FleetLink() = default;
  // Queues a message for a worker; silently nothing when it is gone. Never blocks. Thread-safe.
  virtual void Send(WorkerId worker, v1::ToWorker message) = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_FLEET_LINK_H_
