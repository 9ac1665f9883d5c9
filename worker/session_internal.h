// Between the files of Session.
#ifndef GRADLOOM_WORKER_SESSION_INTERNAL_H_
#define GRADLOOM_WORKER_SESSION_INTERNAL_H_

#include <memory>

#include "absl/time/time.h"
#include "proto/ops/steady_clock.h"
#include "worker/session.h"

namespace gradloom {

// A task between Start and Finish. The session's lock guards what is marked so.
struct Session::InHand {
  WaitingTask waiting;
  std::shared_ptr<const ServedRun> run;
  uint64_t generation = 0;
  bool large = false;  // its reply is
  double compute_seconds = 0;

  // Guarded:
  bool cancelled = false;
  bool tell_dropped = false;
  grpc::ClientContext* push = nullptr;
  absl::Time compute_begin = absl::InfinitePast();
  int64_t examples_total = 0;
  int64_t examples_done = 0;
  bool computed = false;

  const v1::Task& spec() const { return waiting.task; }
  const ServedTrial& trial() const { return run->trials[waiting.task.trial()]; }
};

class Session::Call {
 public:
  explicit Call(Session& session) : session_(session) {
    const std::lock_guard lock(session_.mutex_);
    session_.calls_.insert(&context);
    if (session_.ending_) context.TryCancel();
  }
  ~Call() {
    const std::lock_guard lock(session_.mutex_);
    session_.calls_.erase(&context);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  grpc::ClientContext context;

 private:
  Session& session_;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_SESSION_INTERNAL_H_
