// Parameters out: one version of a segment of a trial's state, frame by frame, read as it is sent.
#ifndef GRADLOOM_COORDINATOR_SERVICE_PARAMETER_STREAM_H_
#define GRADLOOM_COORDINATOR_SERVICE_PARAMETER_STREAM_H_

#include <memory>

#include "coordinator/engine/run_engine.h"
#include "coordinator/metrics/coordinator_metrics.h"
#include "gradloom/v1/worker.grpc.pb.h"

namespace gradloom {

// Owns itself. `engine`: null when the run is not active. `metrics` outlives it.
grpc::ServerWriteReactor<v1::Frame>* StreamParameters(std::shared_ptr<RunEngine> engine,
                                                      const v1::FetchParametersRequest& request,
                                                      CoordinatorMetrics* metrics);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_SERVICE_PARAMETER_STREAM_H_
