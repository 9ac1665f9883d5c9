#include "coordinator/cli/run_watcher.h"

#include <optional>

#include "coordinator/cli/progress.h"

namespace gradloom {

RunWatcher::RunWatcher(TrainingClient* client, uint64_t run, std::chrono::milliseconds give_up)
    : client_(client),
      run_(run),
      give_up_(give_up),
      thread_([this](const std::stop_token& stop) { Loop(stop); }) {}

RunWatcher::~RunWatcher() {
  thread_.request_stop();
  {
    std::lock_guard lock(mutex_);
    if (context_ != nullptr) context_->TryCancel();
  }
  changed_.notify_all();
}

RunWatcher::Seen RunWatcher::Wait(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [this] { return fresh_ || seen_.ended; });
  fresh_ = false;
  return seen_;
}

void RunWatcher::Loop(const std::stop_token& stop) {
  using Clock = std::chrono::steady_clock;
  // The first keeps a coordinator that refuses from being asked without end, the second is how long
  // the end of this thread may take.
  constexpr std::chrono::milliseconds kPause(50), kConnect(250);
  std::optional<Clock::time_point> silent_since;
  while (!stop.stop_requested()) {
    auto context = std::make_shared<grpc::ClientContext>();
    {
      std::lock_guard lock(mutex_);
      context_ = context;
    }
    if (stop.stop_requested()) return;  // the destructor may have missed the new context
    absl::Status status = client_->Watch(run_, context.get(), [&](const v1::RunStatus& update) {
      silent_since.reset();
      std::lock_guard lock(mutex_);
      seen_.status = update;
      seen_.lost = false;
      seen_.ended = IsEnded(update.state());
      fresh_ = true;
      changed_.notify_all();
    });
    std::unique_lock lock(mutex_);
    if (seen_.ended) return;
    const bool silent = status.ok() || status.code() == absl::StatusCode::kUnavailable ||
                        status.code() == absl::StatusCode::kCancelled;
    // From the first failure on: a run may have nothing to tell for long, and we may be suspended.
    const Clock::time_point now = Clock::now();
    if (!silent_since.has_value()) silent_since = now;
    if (!silent || now - *silent_since > give_up_) {
      seen_.error = status;
      seen_.ended = true;
      changed_.notify_all();
      return;
    }
    seen_.lost = true;
    fresh_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, stop, kPause, [] { return false; });
    lock.unlock();
    client_->AwaitConnection(kConnect);
  }
}

}  // namespace gradloom
