// Who is connected: names, levels, when each was last heard of. Decides who may join; a worker that
// says nothing for too long is taken for lost. Knows no transport. Thread-safe.
#ifndef GRADLOOM_COORDINATOR_SERVICE_ROSTER_H_
#define GRADLOOM_COORDINATOR_SERVICE_ROSTER_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "coordinator/core/events.h"
#include "gradloom/v1/worker.pb.h"
#include "proto/ops/clock.h"
#include "proto/ops/mutex.h"

namespace gradloom {

// A worker's control stream. Never blocks. Thread-safe.
class WorkerPeer {
 public:
  virtual ~WorkerPeer() = default;
  virtual void Send(v1::ToWorker message) = 0;
  // Sends what is queued, then ends the stream. OK: the worker left of its own accord.
  virtual void Close(const absl::Status& status) = 0;
  // Ends the stream now, whether the worker reads or not.
  virtual void Abort() = 0;
};

struct RosterMember {
  WorkerId id = 0;
  v1::Hello hello;
  std::string address;  // where it connected from
  std::shared_ptr<WorkerPeer> peer;
};

class Roster {
 public:
  // Heartbeats come every 2 s.
  static constexpr absl::Duration kSilenceMax = absl::Seconds(10);

  // `version`: which workers must have. `isa`: the level that they must compute at; "": any.
  Roster(std::string version, std::string isa, const Clock& clock)
      : version_(std::move(version)), isa_(std::move(isa)), clock_(clock) {}

  struct Admission {
    WorkerId id = 0;
    // Whom it replaces: an earlier connection of the same process. Already off the roster.
    std::shared_ptr<const RosterMember> replaced;
    std::string refusal;  // why not, if it is not admitted
    bool retry = false;   // whether trying again later can help
  };
  Admission Admit(const v1::Hello& hello, const std::string& address,
                  std::shared_ptr<WorkerPeer> peer);
  void Heard(WorkerId worker);
  // Null when it was not on the roster.
  std::shared_ptr<const RosterMember> Leave(WorkerId worker);
  // Those that have been silent for too long.
  std::vector<std::shared_ptr<const RosterMember>> Silent() const;

  std::shared_ptr<const RosterMember> Find(WorkerId worker) const;
  std::vector<std::shared_ptr<const RosterMember>> All() const;
  // Calls `tell` if the worker is on the roster, and before anybody can learn that it has left.
  void IfMember(WorkerId worker, absl::FunctionRef<void(const RosterMember&)> tell) const;
  size_t size() const;

 private:
  struct Entry {
    std::shared_ptr<const RosterMember> member;
    absl::Time heard;
  };
  std::string Refuse(const v1::Hello& hello, bool* retry) const;

  const std::string version_;
  const std::string isa_;
  const Clock& clock_;
  mutable Mutex mutex_;
  std::map<WorkerId, Entry> members_ ABSL_GUARDED_BY(mutex_);
  WorkerId next_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_SERVICE_ROSTER_H_
