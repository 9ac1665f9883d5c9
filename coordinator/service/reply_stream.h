// Replies in: a stream of Frames, answered by a PushReplyResponse; both serialised.
#ifndef GRADLOOM_COORDINATOR_SERVICE_REPLY_STREAM_H_
#define GRADLOOM_COORDINATOR_SERVICE_REPLY_STREAM_H_

#include "coordinator/metrics/coordinator_metrics.h"
#include "coordinator/service/run_registry.h"
#include "gradloom/v1/worker.grpc.pb.h"

namespace gradloom {

// Owns itself. All arguments outlive it.
grpc::ServerReadReactor<grpc::ByteBuffer>* ReceiveReply(RunRegistry* registry,
                                                        CoordinatorMetrics* metrics,
                                                        grpc::ByteBuffer* response);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_SERVICE_REPLY_STREAM_H_
