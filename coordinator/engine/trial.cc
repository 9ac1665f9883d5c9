#include "coordinator/engine/trial.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"
#include "coordinator/store/sha256.h"
#include "models/learners/learner_table.h"

namespace gradloom {
namespace {

// Values that share a block of the sum with larger ones lose their last bits: a loss beyond this
// may take the count of examples with it, and has diverged anyway.
constexpr double kLossMax = 1e15;

static_assert(DecodedSum::kBlock % ReproducibleSum::kBlock == 0);

class SumView final : public DecodedSum {
 public:
  SumView(const JobSum& sum, const JobDecoding& decoding) : sum_(sum), decoding_(decoding) {}
  void Read(size_t offset, std::span<float> out) const override {
    sum_.Decode(decoding_, offset, out);
  }

 private:
  const JobSum& sum_;
  const JobDecoding& decoding_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Trial>> Trial::Plan(const v1::TrialSpec& spec,
                                                   const DatasetInfo& train) {
  std::unique_ptr<Trial> trial(new Trial(spec));
  absl::StatusOr<std::unique_ptr<Workload>> workload = MakeWorkload(spec.workload(), train);
  if (!workload.ok()) return workload.status();
  trial->workload_ = *std::move(workload);
  trial->plans_.emplace(*trial->workload_, spec.training(), spec.seed());
  return trial;
}

double Trial::MemoryBytes() const {
  double bytes = CoordinatorBytes(*workload_, spec_);
  for (const LaneSpec& lane : workload_->lanes()) {
    bytes += static_cast<double>(lane.reply.length()) * sizeof(float);
  }
  return bytes;
}

absl::Status Trial::Initialise(std::shared_ptr<const Dataset> train, bool has_test) {
  absl::StatusOr<std::unique_ptr<Learner>> learner =
      MakeLearner(*workload_, spec_, std::move(train));
  if (!learner.ok()) return learner.status();
  if (!has_test && !workload_->has_own_test()) (*learner)->EvaluateNever();
  learner_ = *std::move(learner);
  return absl::OkStatus();
}

std::string Trial::LaneName(int lane) const {
  const std::string& name = workload_->lanes()[lane].name;
  return name.empty() ? spec_.name() : absl::StrCat(spec_.name(), "/", name);
}

LaneProgress Trial::progress(int lane) const {
  const ReaderMutexLock lock(mutex_);
  return learner_->progress(lane);
}

int64_t Trial::jobs() const {
  int64_t jobs = 0;
  for (int lane = 0; lane < lanes(); ++lane) jobs += progress(lane).jobs;
  return jobs;
}

int64_t Trial::jobs_done() const {
  int64_t jobs = 0;
  for (int lane = 0; lane < lanes(); ++lane) {
    const LaneProgress at = progress(lane);
    jobs += at.finished ? at.jobs : at.jobs_done;
  }
  return jobs;
}

bool Trial::finished() const {
  for (int lane = 0; lane < lanes(); ++lane) {
    if (!progress(lane).finished) return false;
  }
  return true;
}

double Trial::epoch(int lane) const {
  return static_cast<double>(progress(lane).jobs_done) /
         static_cast<double>(plans_->usual().jobs_per_epoch());
}

Trial::LaneJob Trial::Next(int lane) const {
  const ReaderMutexLock lock(mutex_);
  JobOrder order = learner_->Next(lane);
  absl::StatusOr<ReplyLayout> reply = workload_->LayoutOf(lane, order.request);
  ABSL_RAW_CHECK(reply.ok(), "learners ask what their workload answers");
  return {std::move(order), *std::move(reply)};
}

Trial::Count Trial::CountExamples(int lane, int64_t job, const v1::Request& request, int64_t begin,
                                  int64_t end, int64_t denominator) const {
  const std::shared_ptr<const JobPlan> plan = plans_->For(request);
  const auto [first, last] = plan->Positions(lane, begin, end, denominator);
  const int64_t examples = plan->ExamplesIn(lane, JobPlans::Batch(request, job));
  const int64_t empty = std::max<int64_t>(0, plan->batch_size(lane) - examples);
  return {std::max<int64_t>(0, last - first - empty), std::min(last - first, examples)};
}

absl::Status Trial::CheckScalars(int lane, int64_t job, const v1::Request& request,
                                 const DecodedSum& sum, double count_tolerance) const {
  const absl::StatusOr<ReplyLayout> reply = workload_->LayoutOf(lane, request);
  if (!reply.ok()) return reply.status();
  const auto scalar = [&](absl::string_view name) {
    float value = 0;
    sum.Read(static_cast<size_t>(reply->At(name).offset), std::span(&value, 1));
    return value;
  };
  const auto expected =
      static_cast<double>(plans_->For(request)->ExamplesIn(lane, JobPlans::Batch(request, job)));
  const float loss = reply->Has("loss") ? scalar("loss") : 0;
  if (!(std::fabs(loss) < kLossMax * expected)) {
    return absl::OutOfRangeError(absl::StrCat(
        LaneName(lane), ", job ", job, ": the training diverged (loss ", loss / expected,
        "); try a smaller optimizer.learning_rate or set optimizer.clip_norm"));
  }
  const double counted = scalar("examples");
  if (!(std::fabs(counted - expected) <= count_tolerance * expected)) {
    return absl::DataLossError(absl::StrCat(LaneName(lane), ", job ", job,
                                            ": the decoded sum counts ", counted,
                                            " examples, the job has ", expected));
  }
  return absl::OkStatus();
}

absl::Status Trial::Named(int lane, int64_t job, const absl::Status& status) const {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(LaneName(lane), ", job ", job, ": ", status.message()));
}

absl::StatusOr<std::optional<AppliedJob>> Trial::Apply(int lane, int64_t job, const JobSum& sum,
                                                       const JobDecoding& decoding,
                                                       double count_tolerance) {
  const SumView decoded(sum, decoding);
  const WriterMutexLock lock(mutex_);
  if (learner_->progress(lane).finished) return std::nullopt;
  const v1::Request request = learner_->Next(lane).request;
  absl::Status fits = CheckScalars(lane, job, request, decoded, count_tolerance);
  if (!fits.ok()) return fits;
  absl::StatusOr<AppliedJob> applied = learner_->Apply(lane, job, decoded);
  if (!applied.ok()) return Named(lane, job, applied.status());
  return *applied;
}

absl::StatusOr<std::optional<int64_t>> Trial::ApplyMissing(int lane, int64_t job) {
  const WriterMutexLock lock(mutex_);
  if (learner_->progress(lane).finished) return std::nullopt;
  absl::StatusOr<std::optional<int64_t>> view = learner_->ApplyMissing(lane, job);
  if (!view.ok()) return Named(lane, job, view.status());
  return view;
}

absl::Status Trial::ApplyLate(int lane, int64_t job, const JobSum& sum, const JobDecoding& decoding,
                              double count_tolerance) {
  const SumView decoded(sum, decoding);
  // Late jobs ask for nothing else than gradients.
  absl::Status fits = CheckScalars(lane, job, v1::Request(), decoded, count_tolerance);
  if (!fits.ok()) return fits;
  const WriterMutexLock lock(mutex_);
  if (learner_->progress(lane).finished) return absl::OkStatus();
  return Named(lane, job, learner_->ApplyLate(lane, job, decoded));
}

std::vector<int64_t> Trial::DueViews() const {
  const ReaderMutexLock lock(mutex_);
  return learner_->DueViews();
}

TrialView Trial::View(int64_t view) const {
  const ReaderMutexLock lock(mutex_);
  return learner_->View(view);
}

absl::StatusOr<EvaluationResult> Trial::EvaluateChunk(int64_t view, TestChunk rows,
                                                      const Examples* test,
                                                      absl::FunctionRef<bool()> keep_going) const {
  if (workload_->evaluated_by_learner()) {
    Learner::Evaluator evaluator;
    {
      const ReaderMutexLock lock(mutex_);
      evaluator = learner_->EvaluatorOf(view);
    }
    return evaluator(test);
  }
  const TrialView state = View(view);
  if (workload_->has_own_test()) return workload_->Evaluate(state, test);
  return workload_->EvaluateChunk(state, *test, rows, rows.begin, keep_going);
}

void Trial::Evaluated(int64_t view, const Evaluation& evaluation) {
  const WriterMutexLock lock(mutex_);
  learner_->Evaluated(view, evaluation);
}

bool Trial::ReadSegment(SegmentVersion segment, size_t offset, std::span<float> out) const {
  if (workload_->SegmentSize(segment.segment) == 0) return false;
  const ReaderMutexLock lock(mutex_);
  const std::span<const float> values = learner_->Values(segment);
  if (offset + out.size() > values.size()) return false;
  std::copy_n(values.begin() + static_cast<int64_t>(offset), out.size(), out.begin());
  return true;
}

std::string Trial::Sha256() const {
  const ReaderMutexLock lock(mutex_);
  gradloom::Sha256 digest;
  for (const Learner::NamedVector& vector : learner_->Vectors()) {
    if (!vector.parameter) continue;
    digest.Update(std::span<const float>(vector.values));
    digest.Update(std::span<const double>(vector.doubles));
  }
  return digest.HexDigest();
}

absl::Status Trial::Restore(const v1::LearnerProgress& progress) {
  const WriterMutexLock lock(mutex_);
  return learner_->LoadProgress(progress);
}

absl::Status Trial::GoOn() {
  const WriterMutexLock lock(mutex_);
  return learner_->GoOn();
}

absl::Status Trial::StartFrom(
    absl::FunctionRef<absl::Status(std::span<const Learner::NamedVector>)> fill) {
  const WriterMutexLock lock(mutex_);
  std::vector<Learner::NamedVector> parameters = learner_->Vectors();
  std::erase_if(parameters, [](const Learner::NamedVector& vector) { return !vector.parameter; });
  if (absl::Status status = fill(parameters); !status.ok()) return status;
  learner_->StartFromParameters();
  return absl::OkStatus();
}

}  // namespace gradloom
