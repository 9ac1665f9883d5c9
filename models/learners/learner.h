// The coordinator's side of a trial: its state, and how a decoded job moves it. Everything that is
// no sum over examples (division by their number, moments, projections, recursions, early stopping)
// happens here. A learner asks for jobs: what the next one of a lane computes is a request
// (models/workloads/request.h), of segments at versions that the learner names; a step may take as
// many jobs as it wants, each over as many examples as it wants.
//
// This class is what all learners share: how far lanes are, evaluation, early stopping,
// checkpoints. A method of the step is a class of its own beside it, in the table of
// learner_table.h.
//
// A trial's model has **parts**: what ends, and is set aside for evaluation, together: a part for
// each lane (lane l's is part l), or one part, moved by all lanes. Evaluations never hold a lane: a
// view (view_book.h) is the state as it was when it was due, and what is decided by it, and when,
// is decided by its number, so it does not matter when it was computed.
//
// Not thread-safe; all methods are deterministic: the state after a set of jobs does not depend on
// the order in which independent lanes' jobs were applied.
#ifndef GRADLOOM_MODELS_LEARNERS_LEARNER_H_
#define GRADLOOM_MODELS_LEARNERS_LEARNER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gradloom/v1/checkpoint.pb.h"
#include "gradloom/v1/request.pb.h"
#include "gradloom/v1/run.pb.h"
#include "models/data/dataset.h"
#include "models/learners/early_stopping.h"
#include "models/learners/view_book.h"
#include "models/workloads/workload.h"

namespace gradloom {

// A job's decoded sum, laid out as Workload::LayoutOf its request; read piece by piece, so that
// nobody needs a second copy.
class DecodedSum {
 public:
  virtual ~DecodedSum() = default;
  // Values [offset, offset + out.size()). Fastest in whole blocks of kBlock.
  static constexpr size_t kBlock = 16384;
  virtual void Read(size_t offset, std::span<float> out) const = 0;
};

// What a lane's job computes, and of what.
struct JobOrder {
  v1::Request request;
  // The segments that Workload::Reads names, in that order, and behind them, where the request
  // reads one (ReadsDirection), the lane's direction: segment `segments + lane`.
  std::vector<SegmentVersion> reads;
};

// What applying a job told.
struct AppliedJob {
  double loss = 0;  // mean over the job's examples
  // Named numbers for the run's curves: "train_accuracy" (on the examples, before the update),
  // "learning_rate", "gradient_norm", whatever a method has to tell; by job, as it has them. Names
  // are lower-case letters, digits and _ . / -
  std::map<std::string, double> metrics = {};
  // The view that is due to be evaluated by this.
  std::optional<int64_t> evaluate = std::nullopt;
};

struct LaneProgress {
  int64_t jobs_done = 0;
  int64_t jobs = 0;  // at most
  // A lane that has done all its jobs and is not finished waits for its last evaluation.
  bool finished = false;
};

class Learner {
 public:
  // A vector of the state as it is written to a checkpoint.
  struct NamedVector {
    std::string name;
    std::vector<int64_t> shape;
    std::span<float> values;
    bool parameter = false;          // part of the trained model, not only of the way there
    std::span<double> doubles = {};  // in place of values, where the state is in double
  };

  virtual ~Learner() = default;

  // ---- jobs

  LaneProgress progress(int lane) const;
  // The lane's next job. To be asked once the lane's needs are met.
  virtual JobOrder Next(int lane) const = 0;
  // Applies the lane's next job (job = progress(lane).jobs_done). OutOfRange when the loss or the
  // sum is not finite: nothing has changed then. Other lanes may finish by it, too.
  virtual absl::StatusOr<AppliedJob> Apply(int lane, int64_t job, const DecodedSum& sum) = 0;
  // The lane's next job is given up, and with it what cannot be done without it: progress(lane)
  // tells where the lane goes on. The view that is due for evaluation, if any. Unimplemented for
  // lanes without LaneSpec::give_up.
  virtual absl::StatusOr<std::optional<int64_t>> ApplyMissing(int lane, int64_t job);
  // The sum of a job that ApplyMissing was called for. OutOfRange as Apply; Unimplemented for lanes
  // without LaneSpec::late.
  virtual absl::Status ApplyLate(int lane, int64_t job, const DecodedSum& sum);
  // The segment's values at that version; empty when they are not kept (any more). Those of views
  // that are due are.
  virtual std::span<const float> Values(SegmentVersion segment) const = 0;

  // ---- evaluation

  // Views that are due, and not evaluated, in the order in which Evaluated takes them: also those
  // of a checkpoint that was loaded. None that an earlier evaluation has settled.
  std::vector<int64_t> DueViews() const;
  // There is nothing to evaluate on: no view is ever due. Before the first job.
  void EvaluateNever() { evaluates_ = false; }
  // One of them. Until Evaluated it stays where it is, whatever else happens: it may be
  // read while the learner moves on. [nothing, where Workload::evaluated_by_learner]
  virtual TrialView View(int64_t /*view*/) const { return {}; }
  // Evaluates the view; may be called while the learner moves on, until Evaluated.
  using Evaluator = std::function<absl::StatusOr<Evaluation>(const Examples* test)>;
  virtual Evaluator EvaluatorOf(int64_t view) const;
  absl::StatusOr<Evaluation> Evaluate(int64_t view, const Examples* test) const {
    return EvaluatorOf(view)(test);
  }
  // Takes note of an evaluation. May finish lanes (a target reached, patience exhausted) at the
  // view's state, or at the best one's, however far they have come meanwhile.
  void Evaluated(int64_t view, const Evaluation& evaluation);

  // ---- checkpoints

  // What is small, and the vectors. A new learner that has loaded the former lists the same
  // vectors, to be filled. DataLoss when it is another learner's, or has come further than this
  // training goes.
  v1::LearnerProgress SaveProgress() const;
  absl::Status LoadProgress(const v1::LearnerProgress& progress);
  virtual std::vector<NamedVector> Vectors() = 0;
  // Once a checkpoint has been loaded, vectors and all: lanes that had finished go on from their
  // last state where the training is now longer, or what ended them would end them no more
  // (patience, target_accuracy). The state is then what it would be had the training been so from
  // the start, where no lane waits for the end of another. FailedPrecondition when the checkpoint
  // lacks what that takes.
  absl::Status GoOn();
  // Once the parameters among Vectors() have been replaced, before the first job: whatever follows
  // from them does so anew.
  virtual void StartFromParameters() {}

 protected:
  using End = v1::LearnerProgress::End;
  // What a part ended with, where that is not its last state: the model is this, and the last state
  // stays in case that the lane goes on.
  struct Result {
    ModelCopy values;
    int64_t version = 0;
    int64_t jobs_done = 0;  // that count
  };

  struct Length {
    int64_t jobs = 0;            // of a lane
    int64_t evaluate_every = 0;  // jobs; 0: at the end only
    int64_t step_jobs = 1;       // of a lane in a step, where that is fixed: a view is a step's end
  };
  // `workload` must outlive the learner. `parts`: one, or one for each lane.
  Learner(const Workload& workload, const v1::TrialSpec& trial, const Length& length, int parts);

  const Workload& workload() const { return workload_; }
  uint64_t seed() const { return seed_; }
  int64_t jobs() const { return length_.jobs; }
  int64_t jobs_done(int lane) const { return jobs_done_[lane]; }
  bool finished(int lane) const { return progress(lane).finished; }
  // What the part ended with; null where that is its last state, and as long as it has not ended.
  const Result* result(int part) const;
  Result* result(int part);
  // Whether the last state stayed with the result.
  bool keeps_last(int part) const { return result(part) != nullptr && !parts_[part].last_lost; }
  const ViewBook& views() const { return views_; }

  // To be called before a part changes.
  void BeforeChange(int part);
  void SetJobsDone(int lane, int64_t jobs) { jobs_done_[lane] = jobs; }
  // The part has come from `before` to `done` jobs of its lanes. The number of the view that is
  // complete by that, if any. Ends the part if that was its length.
  std::optional<int64_t> Came(int part, int64_t before, int64_t done);
  // Appends copies that are kept of the part, under names that end in `suffix`.
  void ListCopies(int part, std::vector<NamedVector>* vectors);

  // What a learner says of its parts. The values as they are:
  virtual ModelCopy CopyOf(int part) const = 0;
  // The same, for a view: where View refers to the values themselves, they are to be what is
  // returned, and their copy what the learner moves on with.
  virtual ModelCopy SetAside(int part) { return CopyOf(part); }
  // The same with as many values, none of them set.
  virtual ModelCopy Blank(int part) const = 0;
  // Appends the copy's vectors; names begin with `name`.
  virtual void List(int part, const std::string& name, ModelCopy& copy,
                    std::vector<NamedVector>* vectors) = 0;
  // The part goes on from the result's values: its last state was lost. FailedPrecondition when
  // that is not all it takes.
  virtual absl::Status GoOnFromResult(int part) = 0;
  // Whether the model is what a part's copy says even where nothing came behind it: for learners
  // whose state is more than the model, brought up to date as needed.
  virtual bool EndsWithCopy() const { return false; }
  // What else a checkpoint says of a lane; after the lane's own has been loaded.
  virtual void SaveLane(int /*lane*/, v1::LearnerProgress::Lane* /*saved*/) const {}
  virtual absl::Status LoadLane(int /*lane*/, const v1::LearnerProgress::Lane& /*saved*/) {
    return absl::OkStatus();
  }
  // Once all lanes have been loaded.
  virtual absl::Status Loaded() { return absl::OkStatus(); }

 private:
  struct Part {
    bool finished = false;
    End ended = v1::LearnerProgress::END_UNSPECIFIED;
    uint64_t since_best = 0;  // evaluations, when it finished
    std::optional<Result> result;
    bool last_lost = false;  // a checkpoint of an earlier version had no values beside the result
  };

  int parts() const { return static_cast<int>(parts_.size()); }
  int PartOf(int lane) const { return parts() == 1 ? 0 : lane; }
  // By all lanes of the part.
  int64_t PartDone(int part) const;
  // Whether the part cannot have begun: a lane of it needs the end of one that has not ended.
  bool Held(int part) const;
  bool Trains(int part) const { return !parts_[part].finished && !Held(part); }
  // How many parts have begun that had to wait for the end of others.
  int64_t Stage() const;
  bool IsDue(int64_t before, int64_t done) const;
  // Whether nothing can follow from the view any more: all its parts were ended by an earlier one.
  bool IsOver(int64_t view) const;
  ModelCopy CopyAt(int64_t view, int part) const;
  void KeepBest(int64_t view);
  // Ends the parts that train, at their best state; `view` told so.
  void EndAtBest(End why, int64_t view);
  // Ends the trial at the view; parts that are held never begin.
  void EndAt(int64_t view);
  void Finish(End why, Part& part);
  absl::Status LoadPart(int part, const v1::LearnerProgress::Lane& saved);

  const Workload& workload_;
  const uint64_t seed_;
  const Length length_;
  std::vector<int64_t> jobs_done_;  // by lane
  std::vector<Part> parts_;
  ViewBook views_;
  bool evaluates_ = true;
  EarlyStopping stopping_;
  std::map<int, ModelCopy> best_;  // by part: of those that train
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_LEARNERS_LEARNER_H_
