#include "worker/worker.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/grpcpp.h"
#include "proto/ops/channel.h"
#include "proto/ops/logging.h"
#include "worker/session_internal.h"

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
  absl::Duration backoff = options.backoff_first;
  absl::Time lost = SteadyNow();
  while (true) {
    const auto session = std::make_shared<Session>(Dial(options.coordinator), resources_);
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return {Exit::kStopped, "stopped"};
      session_ = session;
    }
    const Session::End end = session->Run();
    {
      const std::lock_guard lock(mutex_);
      session_ = nullptr;
      if (stopping_) return {Exit::kStopped, "stopped"};
    }
    if (end.refused) return {Exit::kRefused, end.reason};
    if (end.welcomed) {
      lost = SteadyNow();
      backoff = options.backoff_first;
    }
    const absl::Duration without = SteadyNow() - lost;
    if (options.reconnect_for > absl::ZeroDuration() && without >= options.reconnect_for) {
      return {Exit::kGaveUp,
              absl::StrCat("no coordinator at ", options.coordinator, " for ",
                           absl::FormatDuration(options.reconnect_for), ": ", end.reason)};
    }
    const absl::Duration pause = backoff * jitter(random);
    Log(end.welcomed ? LogLevel::kWarning : LogLevel::kInfo,
        end.welcomed ? "connection lost" : "not connected",
        {{"coordinator", options.coordinator},
         {"reason", end.reason},
         {"retry_seconds", absl::ToDoubleSeconds(pause)}});
    if (!Wait(pause)) return {Exit::kStopped, "stopped"};
    backoff = std::min(options.backoff_most, backoff * 1.7);
  }
}

bool Worker::Wait(absl::Duration duration) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, absl::ToChronoMilliseconds(duration),
                            [this] { return stopping_; });
}

void Worker::Stop(const std::string& reason) {
  std::shared_ptr<Session> session;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    session = session_;
    changed_.notify_all();
  }
  if (session != nullptr) session->Stop(reason);
}

absl::Status Worker::Health() const {
  const std::lock_guard lock(mutex_);
  if (session_ != nullptr && session_->connected()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("not connected to ", resources_.options.coordinator));
}

}  // namespace gradloom
