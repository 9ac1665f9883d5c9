// Under which weaves a run's lanes go: those of the run file from beginning to end, or what
// `scheme: auto` decides. Decisions are written to a journal before they take effect. A run that is
// resumed goes through the journal again, each lane changing over at the same job as before, so its
// bits are the same; where the journal ends, the policy goes on deciding.
//
// The policy's searches take long: they are handed to whoever carries them out. All methods are for
// the run's loop.
#ifndef GRADLOOM_COORDINATOR_ENGINE_SCHEDULE_H_
#define GRADLOOM_COORDINATOR_ENGINE_SCHEDULE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/core/coordinator_core.h"
#include "coordinator/store/file_system.h"
#include "coordinator/tuning/auto_policy.h"
#include "gradloom/v1/checkpoint.pb.h"
#include "gradloom/v1/run.pb.h"

namespace gradloom {

class Schedule {
 public:
  struct Next {
    std::vector<WeavePlan> weaves;
    std::string choice;             // what WeavesOf makes the like of
    std::vector<int64_t> pause_at;  // by lane; empty: nowhere
    std::string description;        // for people
    ChoiceCost cost;
  };

  // Carries out a search, one after the other in the order of being asked, on whatever thread;
  // Change may have something to say after each. A search may outlive the schedule.
  using Think = std::function<void(std::function<void()> search)>;
  struct Options {
    std::string journal_file;
    std::string data_folder;  // relative files of the spec are relative to this
    Think think;
  };
  // spec: resolved, its scheme settled. lanes: as far as they have come. `files` outlives the
  // schedule. InvalidArgument names the key of the run file; DataLoss the journal.
  static absl::StatusOr<std::unique_ptr<Schedule>> Open(const v1::RunSpec& spec,
                                                        std::vector<LanePlan> lanes,
                                                        Options options, FileSystem& files);
  ~Schedule();

  // The weaves of a Next's choice, as written down in an event.
  static absl::StatusOr<std::vector<WeavePlan>> WeavesOf(const std::string& choice, int slots);

  // What to begin with.
  absl::StatusOr<Next> First();
  uint64_t switches() const {
    return journal_.decisions_size() > 0 ? journal_.decisions_size() - 1 : 0;
  }

  void Observe(const InvocationObserved& observed);
  // A lane's job was applied; lanes as they are now.
  void JobApplied(int lane, std::vector<LanePlan> lanes);
  // What the lanes go on under from now on, if anything new; journalled.
  absl::StatusOr<std::optional<Next>> Change(const std::vector<int64_t>& next_jobs);

 private:
  class Pilot;

  Schedule(const v1::RunSpec& spec, std::vector<LanePlan> lanes, Options options,
           FileSystem& files);
  absl::Status OpenJournal(const std::string& file);
  absl::Status MakePilot();
  // Gives lanes that were done when it was made their turns: the training has been made longer.
  // False when there are none, or the choice is none for so many.
  bool Reopen(AutoDecision* decision) const;
  // Whether every lane has come to the phase's first job.
  bool Reached(int phase) const;
  absl::StatusOr<Next> NextOf(const AutoDecision& decision) const;
  absl::StatusOr<Next> Replayed() const;
  absl::Status Journal(const AutoDecision& decision, const std::vector<int64_t>& next_jobs);

  const v1::RunSpec spec_;
  const int slots_;
  std::vector<LanePlan> lanes_;
  const Options options_;
  FileSystem& files_;
  v1::ScheduleJournal journal_;
  int phase_ = 0;                             // of the journal that the lanes are in
  std::shared_ptr<Pilot> pilot_;              // null: nothing is decided any more
  std::vector<InvocationObserved> observed_;  // since the latest search
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_SCHEDULE_H_
