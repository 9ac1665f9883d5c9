// Opens the runs that a connection offers, one after the other on a thread of its own, and says
// what has come of it. Thread-safe.
#ifndef GRADLOOM_WORKER_RUN_OPENER_H_
#define GRADLOOM_WORKER_RUN_OPENER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "gradloom/v1/worker.pb.h"
#include "proto/ops/mutex.h"
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
  // Waits for an offer to try; nothing: it ends.
  std::optional<OfferBook::Attempt> NextAttempt();
  absl::StatusOr<std::shared_ptr<const ServedRun>> Open(const v1::RunOffer& offer);

  WorkerResources& resources_;
  const Tell tell_;
  mutable Mutex mutex_;
  CondVar changed_;
  OfferBook offers_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, std::shared_ptr<const ServedRun>> open_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_RUN_OPENER_H_
