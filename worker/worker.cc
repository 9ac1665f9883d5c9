#include "worker/worker.h"

#include <optional>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/grpcpp.h"
#include "proto/ops/channel.h"
#include "proto/ops/logging.h"
#include "proto/ops/steady_clock.h"
#include "worker/reconnect.h"

namespace gradloom {
namespace {

// Room for the offer of a run of thousands of trials.
constexpr int kMaxMessageBytes = 64 << 20;

std::shared_ptr<grpc::Channel> Dial(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  // A coordinator's machine that vanished without a word is noticed within 40 s. The server must
  // allow pings every 20 s (GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS).
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // The back-off is ours: every attempt really tries.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return MakeChannel(address, arguments);
}

}  // namespace

Worker::Result Worker::Run() {
  const WorkerOptions& options = resources_.options;
  std::mt19937_64 random{std::random_device{}()};
  std::uniform_real_distribution<double> jitter(0.7, 1.3);
  Reconnect reconnect(options.reconnect, SteadyNow());
  while (true) {
    const absl::Time begin = SteadyNow();
    const auto connection = std::make_shared<Connection>(Dial(options.coordinator), resources_);
    {
      const MutexLock lock(mutex_);
      if (stopping_) return {Exit::kStopped, "stopped"};
      connection_ = connection;
    }
    const Connection::End end = connection->Run();
    {
      const MutexLock lock(mutex_);
      connection_ = nullptr;
      lost_because_ = end.reason;
      if (stopping_) return {Exit::kStopped, "stopped"};
    }
    if (end.refused) return {Exit::kRefused, end.reason};
    const absl::Time now = SteadyNow();
    const std::optional<absl::Duration> pause =
        reconnect.After({end.welcomed, end.replaced, now - begin}, now);
    if (!pause.has_value()) {
      return {Exit::kGaveUp, absl::StrCat("no coordinator at ", options.coordinator, " for ",
                                          absl::FormatDuration(options.reconnect.give_up_after),
                                          ": ", end.reason)};
    }
    const absl::Duration wait = *pause * jitter(random);
    Log(end.welcomed ? LogLevel::kWarning : LogLevel::kInfo,
        end.welcomed ? "connection lost" : "not connected",
        {{"coordinator", options.coordinator},
         {"reason", end.reason},
         {"retry_seconds", absl::ToDoubleSeconds(wait)}});
    if (!Wait(wait)) return {Exit::kStopped, "stopped"};
  }
}

bool Worker::Wait(absl::Duration duration) {
  const absl::Time due = SteadyNow() + duration;
  const MutexLock lock(mutex_);
  for (absl::Time now = SteadyNow(); !stopping_ && now < due; now = SteadyNow()) {
    changed_.WaitFor(mutex_, due - now);
  }
  return !stopping_;
}

void Worker::Stop(const std::string& reason) {
  std::shared_ptr<Connection> connection;
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    connection = connection_;
    changed_.NotifyAll();
  }
  if (connection != nullptr) connection->Stop(reason);
}

absl::Status Worker::Health() const {
  const MutexLock lock(mutex_);
  if (connection_ != nullptr && connection_->connected()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("not connected to ", resources_.options.coordinator,
                                             lost_because_.empty() ? "" : ": ", lost_because_));
}

}  // namespace gradloom
