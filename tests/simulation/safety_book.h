// What must hold at every step of a run, whatever goes wrong, over all its lives. Keeps books of
// its own of what was asked, answered and applied, and compares. Not thread-safe.
#ifndef GRADLOOM_TESTS_SIMULATION_SAFETY_BOOK_H_
#define GRADLOOM_TESTS_SIMULATION_SAFETY_BOOK_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/core/events.h"
#include "coordinator/engine/trial_set.h"
#include "gradloom/v1/worker.pb.h"

namespace gradloom {

// Digests of a trial's parameters after each of its jobs, by trial and job.
using Trajectory = std::map<std::pair<int, int64_t>, std::string>;

class SafetyBook {
 public:
  // `expected`: of a run that nothing disturbs; null: there is none to compare with.
  // `same_bits`: whether a job that is applied again in a later life must bring the same.
  SafetyBook(const Trajectory* expected, bool same_bits)
      : expected_(expected), same_bits_(same_bits) {}

  // Nothing of an earlier life is asked any more; `trials` are as they were restored, and outlive
  // the life.
  void BeginLife(uint64_t life, const TrialSet& trials);

  // ---- what the loop hears
  void Connected(WorkerId worker) { connected_.insert(worker); }
  void Gone(WorkerId worker) { connected_.erase(worker); }
  void Failed(WorkerId worker, TaskId task);

  // ---- what the loop does
  void Asked(WorkerId worker, const v1::Task& task);
  void Dropped(WorkerId worker, uint64_t task);
  // Whether the effect may be carried out: if not, doing it would only blur what was found.
  bool MayApply(const ApplyJob& apply);
  void Checkpoint();
  void CheckpointAnswered() { saving_ = false; }
  void Finish();
  void Ended();

  // ---- what comes of it
  // Whether the task's reply is wanted of that worker, in this life, as far as anybody can know who
  // has seen what the loop has done so far.
  bool Wanted(TaskId task, WorkerId worker) const;
  // The book has let the reply in, or not.
  void Entered(TaskId task, WorkerId worker, bool let_in, bool right_count);
  // All of it has been taken.
  void Delivered(TaskId task);
  // A checkpoint that holds all that has been applied is on the disk.
  void Saved() { durable_ = next_job_; }
  // A job has been applied.
  void Applied(int lane, int64_t job);

  void Complain(const std::string& what) { complaints_.push_back(what); }
  const std::vector<std::string>& complaints() const { return complaints_; }
  // As of the latest life that came by.
  const Trajectory& trajectory() const { return trajectory_; }
  bool finishing() const { return finishing_; }

 private:
  struct Task {
    WorkerId worker = 0;
    int lane = 0;
    int64_t job = 0;
    int part = 0;
    int slot = 0;
    bool open = true;     // neither dropped, failed nor delivered
    bool failed = false;  // its worker has said so
  };
  int LaneOf(const v1::Task& task) const;
  void CompareParameters(int trial, int64_t jobs_done);

  const Trajectory* expected_;
  const bool same_bits_;
  Trajectory trajectory_;
  uint64_t life_ = 0;
  const TrialSet* trials_ = nullptr;
  std::set<TaskId> ever_;  // over all lives
  std::map<TaskId, Task> tasks_;
  std::set<WorkerId> connected_;
  std::vector<int64_t> next_job_;  // by lane
  std::vector<int64_t> durable_;   // likewise, as the newest checkpoint has it
  std::vector<bool> applying_;     // by lane
  std::vector<std::map<int64_t, std::set<int>>> delivered_;  // parts, by lane and job
  bool saving_ = false;
  bool finishing_ = false;
  bool ended_ = false;
  std::vector<std::string> complaints_;
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_SIMULATION_SAFETY_BOOK_H_
