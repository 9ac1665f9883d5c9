// Opens the runs that a connection offers, one after the other on a thread of its own, and says
// what has come of it. Thread-safe.
#ifndef GRADLOOM_WORKER_RUN_OPENER_H_
#define GRADLOOM_WORKER_RUN_OPENER_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/status/statusor.h"
#include "gradloom/v1/worker.pb.h"
#include "worker/offer_book.h"
#include "worker/resources.h"
#include "worker/served_run.h"

namespace gradloom {

class RunOpener {
 public:
  using Tell = std::function<void(const v1::FromWorker&)>;
  // `tell` is called on the opener's thread, with RunReady.
  RunOpener(WorkerResources& resources, Tell tell);
  ~RunOpener() { End(); }

  void Start();
  void Offer(const v1::RunOffer& offer);
  void EndRun(uint64_t run);
  // Null: it is not open.
  std::shared_ptr<const ServedRun> Find(uint64_t run) const;
  // Opens nothing more, and waits for the thread. Not from within `tell`.
  void End();

 private:
  void OpenRuns();
  absl::StatusOr<std::shared_ptr<const ServedRun>> Open(const v1::RunOffer& offer);

  WorkerResources& resources_;
  const Tell tell_;
  mutable std::mutex mutex_;  // of all below but the thread
  std::condition_variable changed_;
  OfferBook offers_;
  std::map<uint64_t, std::shared_ptr<const ServedRun>> open_;
  bool ending_ = false;
  std::jthread thread_;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_RUN_OPENER_H_
