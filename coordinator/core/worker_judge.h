// Judges workers by what they do. A worker at which a task fails, or that leaves one unanswered for
// much longer than its fellows take, is **rested**: its slots go to others until a pause is over,
// which doubles from time to time and begins anew once the worker has served for as long. What
// fails at several workers fails for good: it is the task's fault then, or nobody is left to try.
//
// Workers are known by name, so that a reconnect is no pardon. Pure; not thread-safe.
#ifndef GRADLOOM_COORDINATOR_CORE_WORKER_JUDGE_H_
#define GRADLOOM_COORDINATOR_CORE_WORKER_JUDGE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "absl/time/time.h"

namespace gradloom {

class WorkerJudge {
 public:
  struct Options {
    int max_task_attempts = 5;  // failures of one task before it fails for good
    absl::Duration rest_first = absl::Seconds(1);
    absl::Duration rest_max = absl::Seconds(60);
    // A task may take so many times as long as the longest of late, and never less than that.
    double patience_factor = 10;
    absl::Duration patience_min = absl::Seconds(5);  // infinite: nobody is judged by time
  };
  explicit WorkerJudge(const Options& options) : options_(options) {}

  // What replicas of a part have in common.
  using What = std::tuple<int, int64_t, int>;  // lane, lane's job, part
  // A task failed at a worker; `fatal`: by its word every replica will. True when it has failed for
  // good: often enough; or fatally, and at two workers or with nobody else there to try.
  bool Failed(const What& what, const std::string& worker, bool fatal, bool others);
  // Those at which it failed, for people.
  std::string FailedAt(const What& what) const;
  // The lane's jobs before `job` are settled.
  void Settled(int lane, int64_t job);

  // Begins a rest. Until when the worker is to rest.
  absl::Time Rest(const std::string& worker, absl::Time now);
  // When its latest rest ends or ended; the infinite past if it has never rested.
  absl::Time RestsUntil(const std::string& worker) const;

  // A task was answered after so long.
  void Answered(const What& what, absl::Duration took);
  // A worker was rested for leaving a task unanswered for so long. It may be the task that takes
  // longer: patience must grow until somebody has answered it, or nobody needs it any more. Then
  // one that keeps leaving tasks to others has no more of it than before.
  void Unanswered(const What& what, absl::Duration took);
  // How long a worker may leave a task unanswered. Infinite until somebody has answered one.
  absl::Duration Patience() const;

 private:
  struct Failures {
    int count = 0;
    std::set<std::string> workers;
    std::set<std::string> fatal_at;
  };
  struct Record {
    absl::Duration rest;  // the latest
    absl::Time back;      // when it is over
  };

  const Options options_;
  std::map<What, Failures> failures_;
  std::map<std::string, Record> records_;
  // The longest answers of the latest: decreasing, each later than the one before.
  struct Took {
    int64_t number = 0;
    absl::Duration took;
  };
  static constexpr int64_t kWindow = 256;
  std::deque<Took> longest_;
  int64_t answers_ = 0;
  std::map<What, absl::Duration> unanswered_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CORE_WORKER_JUDGE_H_
