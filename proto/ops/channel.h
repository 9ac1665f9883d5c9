// How every gRPC channel of ours is made, and where gRPC's own log lines go.
#ifndef GRADLOOM_PROTO_OPS_CHANNEL_H_
#define GRADLOOM_PROTO_OPS_CHANNEL_H_

#include <memory>
#include <string>

#include "grpcpp/channel.h"
#include "grpcpp/support/channel_arguments.h"

namespace gradloom {

// A channel to HOST:PORT, neither encrypted nor authenticated. A proxy named by grpc_proxy,
// https_proxy or http_proxy (the first that is set, of the form http://HOST:PORT) is asked for the
// connection, unless the host is this machine (see IsLoopback), ends with an entry of
// no_grpc_proxy (if unset: no_proxy), a list with commas, or that list has the entry *.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address,
                                           grpc::ChannelArguments arguments = {});

// The environment variable whose proxy MakeChannel would use for this address; "" when none.
std::string ProxyVariable(const std::string& address);

// From here on gRPC's own messages are lines of our log.
void LogForGrpc();

}  // namespace gradloom

#endif  // GRADLOOM_PROTO_OPS_CHANNEL_H_
