// The watches of runs: streams of a run's status until it ends. One thread serves them all, however
// many there are; it never waits for a watcher. One that reads slowly gets the newest status when
// it is ready for it, and misses those between. Thread-safe.
#ifndef GRADLOOM_COORDINATOR_SERVICE_RUN_WATCHES_H_
#define GRADLOOM_COORDINATOR_SERVICE_RUN_WATCHES_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "gradloom/v1/training.pb.h"
#include "grpcpp/grpcpp.h"

namespace gradloom {

class RunWatches {
 public:
  static constexpr size_t kMost = 1024;

  struct Runs {
    std::function<absl::StatusOr<v1::RunStatus>(uint64_t run)> status;
    // Watchers have been told of a run's end.
    std::function<void()> ended = [] {};
  };
  explicit RunWatches(Runs runs, size_t most = kMost);
  ~RunWatches();  // after Stop(), and once every stream has ended

  // The first message is the run's status, at once; the stream ends after the one that says that
  // the run has ended. Unavailable after Stop(), ResourceExhausted when there are too many.
  grpc::ServerWriteReactor<v1::WatchResponse>* Watch(uint64_t run);
  // A run may have changed: its watchers are told now, and not some time soon.
  void Wake();
  // Ends all streams: Unavailable.
  void Stop();

 private:
  class Watcher;
  struct Update;

  void Loop(const std::stop_token& stop);
  void Tell(uint64_t run, const std::list<std::shared_ptr<Watcher>>& watchers);
  void Remove(Watcher* watcher);

  const Runs runs_;
  const size_t most_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool woken_ = false;
  bool stopped_ = false;
  std::list<std::shared_ptr<Watcher>> watchers_;
  // What the watchers of a run were told last; the thread's own.
  std::map<uint64_t, std::shared_ptr<const Update>> told_;
  std::jthread thread_;  // last: it uses the rest
};

// A stream that is refused. Deletes itself.
template <typename Response>
class RefusedStream final : public grpc::ServerWriteReactor<Response> {
 public:
  explicit RefusedStream(const grpc::Status& status) { this->Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_SERVICE_RUN_WATCHES_H_
