// A scheme plans a sequence of jobs over rounds: who computes which mini-task when, whether a round
// may close without the slots that have not answered, and how each job is decoded.
//
// Jobs and rounds are numbered from 0; job r starts in round r and is decoded at the latest when
// round r + T closes (T = delay()). The owner (coordinator/core) calls, for r = 0, 1, ...:
//   StartRound(has_job)  ->  the mini-tasks of round r
//   Receive(...)             as replies come, in any order, late ones of earlier rounds included
//   followup()               what a reply to the open round changes for the slots
//   Verdict()                whether closing now is allowed
//   CloseRound()             the slots whose mini-tasks of this round are incomplete straggled
// Deterministic; not thread-safe; no clock, no randomness but the seed it was built with.
#ifndef GRADLOOM_CODING_SCHEME_H_
#define GRADLOOM_CODING_SCHEME_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coding/code.h"

namespace gradloom {

// "Slot returns the coded sum `part` of `job`."
struct MiniTask {
  int32_t slot = 0;
  int32_t part = 0;  // index into Scheme::parts()
  int64_t job = 0;
  friend bool operator==(const MiniTask&, const MiniTask&) = default;
};

// A coded sum that may be asked of slots: replies of one (job, part) are the same bits whoever
// computed them.
struct Part {
  std::vector<Term> terms;  // chunk indices into Scheme::chunks()
  double load = 0;          // fraction of a job's data
};

struct CloseVerdict {
  // Every job due at the end of this round is decodable.
  bool due_decodable = false;
  // Counting the slots that have not answered as stragglers, the pattern so far stays within what
  // the scheme tolerates, so that every later job can still meet its deadline.
  bool conforming = false;
  // As the papers count: the straggler pattern alone lies in the scheme's model, whatever late
  // results have made good. Never needed to close; for comparison with published rules.
  bool pattern_conforming = false;
  bool may_close() const { return due_decodable && conforming; }
};

// Weights per part for a decoded job.
struct JobDecoding {
  struct Weight {
    int32_t part = 0;
    double weight = 1;
  };
  std::vector<Weight> weights;  // in part order; parts that are not needed are absent
  double residual = 0;
  double amplification = 1;
};

class Scheme {
 public:
  virtual ~Scheme() = default;

  virtual absl::string_view name() const = 0;   // SchemeKind::name, as in a run file
  virtual std::string description() const = 0;  // with parameters: "M-SGC(B=1, W=2, lambda=27)"
  virtual int slots() const = 0;
  virtual int delay() const = 0;    // T, in rounds
  virtual double load() const = 0;  // L: largest fraction of a job's data per slot and round
  // The least that a slot is asked at a time: what it computes before it returns something.
  virtual double invocation_load() const { return load(); }
  virtual bool exact() const = 0;
  // See GradientCode::unit_weights: every decode is the plain sum of required parts, each once.
  virtual bool unit_weights() const = 0;
  virtual int64_t denominator() const = 0;
  virtual const std::vector<Chunk>& chunks() const = 0;
  virtual const std::vector<Part>& parts() const = 0;

  // Begins the next round. `has_job` false leaves job r void: it has no mini-tasks and counts as
  // decoded. Mini-tasks are grouped by slot, in the order in which a slot is to compute them;
  // slots without any are idle. The span is valid until the next call.
  virtual std::span<const MiniTask> StartRound(bool has_job) = 0;
  // Rounds started so far; the current round is rounds() - 1.
  virtual int64_t rounds() const = 0;
  // Records a reply; true when it was new (not a duplicate, not of a forgotten or decoded job that
  // no longer needs it). O(1) amortised.
  virtual bool Receive(const MiniTask& task) = 0;
  // What the latest Receive changed in the open round, beside the mini-task received: mini-tasks
  // asked before that nobody needs any more, and new ones, to be computed by their slots after what
  // they were asked before, in the same go. Valid until the next call.
  struct Followup {
    std::span<const MiniTask> drop;
    std::span<const MiniTask> ask;
  };
  virtual Followup followup() const { return {}; }
  // Whether (job, part) can still serve: its job is in flight, not yet decodable, and the part has
  // not been received in a way that makes another copy useless. Used to drop work.
  virtual bool Needed(const MiniTask& task) const = 0;
  // O(1) amortised over a round's arrivals.
  virtual CloseVerdict Verdict() const = 0;
  // Whether `slot` has delivered all its mini-tasks of the current round (any of them, under a
  // scheme that asks for one after the other).
  virtual bool Delivered(int slot) const = 0;
  // Number of slots asked for something in the current round that have not delivered, and still
  // can.
  virtual int Pending() const = 0;
  // Ends the current round; slots with undelivered mini-tasks are its stragglers, unless they
  // deliver before the next round is planned.
  virtual void CloseRound() = 0;

  virtual bool Decodable(int64_t job) const = 0;
  // Weights that recover job's sum from what has been received. FailedPrecondition when it is not
  // decodable. Valid until Forget, at the latest until round job + T + 1 starts.
  virtual absl::StatusOr<JobDecoding> Decode(int64_t job) const = 0;
  // The job was decoded and applied: its state may go; later replies to it are late.
  virtual void Forget(int64_t job) = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_CODING_SCHEME_H_
