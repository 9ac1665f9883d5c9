#include "worker/chunk_executor.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <tuple>
#include <utility>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/wire/number_format.h"

namespace gradloom {
namespace {

constexpr size_t kNone = ~size_t{0};

// The first value that is NaN or of larger magnitude than `limit`; magnitudes compare like their
// bits, and NaN's are above all.
size_t FirstBeyond(std::span<const float> values, float limit) {
  const uint32_t limit_bits = std::bit_cast<uint32_t>(limit);
  constexpr size_t kStep = 4096;
  for (size_t begin = 0; begin < values.size(); begin += kStep) {
    const size_t end = std::min(values.size(), begin + kStep);
    uint32_t largest = 0;
    for (size_t i = begin; i < end; ++i) {
      largest = std::max(largest, std::bit_cast<uint32_t>(values[i]) & 0x7fffffffu);
    }
    if (largest <= limit_bits) continue;
    for (size_t i = begin; i < end; ++i) {
      if ((std::bit_cast<uint32_t>(values[i]) & 0x7fffffffu) > limit_bits) return i;
    }
  }
  return kNone;
}

size_t BytesOf(const Examples& examples) {
  return (examples.dense.size() + examples.targets.size() + examples.value.size() +
          examples.column.size()) *
             4 +
         examples.row_start.size() * 8;
}

size_t ExpectedBytes(const DatasetInfo& info, int64_t rows) {
  const size_t row = info.sparse ? 16 : 4 * (static_cast<size_t>(info.features) + 1);
  return row * static_cast<size_t>(rows);
}

std::string Place(const v1::Task& task) {
  const std::string lane = task.lane() == 0 ? "" : absl::StrCat(", lane ", task.lane());
  return absl::StrCat("trial ", task.trial(), lane, ", job ", task.job());
}

// The examples that a term's chunk sum is over.
struct Drawn {
  std::vector<int64_t> ids;
  std::pair<int64_t, int64_t> range;  // of the data set, in which they are
  JobShare share;                     // position: that of the first
};

Drawn Draw(const ServedTrial& trial, const v1::Task& task, const v1::Term& term) {
  const auto lane = static_cast<int>(task.lane());
  const int64_t batch = JobPlans::Batch(task.request(), static_cast<int64_t>(task.job()));
  const std::shared_ptr<const JobPlan> plan = trial.plans->For(task.request());
  Drawn drawn;
  JobShare& share = drawn.share;
  share.positions = plan->batch_size(lane);
  share.begin = static_cast<int64_t>(term.begin());
  share.end = static_cast<int64_t>(term.end());
  share.denominator = static_cast<int64_t>(task.denominator());
  std::tie(share.first, share.last) =
      plan->Positions(lane, share.begin, share.end, share.denominator);
  std::pair<int64_t, int64_t> positions = {share.first, share.last};
  if (SharesParameters(task.request())) positions = {0, share.positions};
  share.position = positions.first;
  if (positions.first == positions.second) return drawn;
  drawn.range = plan->ExampleRange(lane, batch, positions.first, positions.second);
  drawn.ids = plan->Draw(lane, batch, positions.first, positions.second);
  return drawn;
}

void Scale(double coefficient, std::span<float> values) {
  for (float& value : values) value = static_cast<float>(coefficient * value);
}

void AddScaled(double coefficient, std::span<const float> values, std::span<float> sum) {
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<float>(coefficient * values[i]);
}

absl::Status TaskError(absl::string_view field, absl::string_view value, absl::string_view legal) {
  return absl::InvalidArgumentError(
      absl::StrCat("task.", field, " ", value, " is out of range; legal: ", legal));
}

// Numbers that are counted on from stay far from overflow.
constexpr uint64_t kMaxCount = uint64_t{1} << 48;

absl::Status CheckRequest(const ServedRun& run, const Workload& workload, const v1::Task& task) {
  const v1::Request& request = task.request();
  const auto examples = static_cast<uint64_t>(run.data->info().examples);
  if (request.examples() > examples) {
    return TaskError("request.examples", absl::StrCat(request.examples()),
                     absl::StrCat("0 to ", examples));
  }
  if (request.batch() > kMaxCount) {
    return TaskError("request.batch", absl::StrCat(request.batch()),
                     absl::StrCat("0 to ", kMaxCount));
  }
  for (const v1::Request::Probe& probe : request.probes()) {
    if (std::isfinite(probe.step())) continue;
    return TaskError("request.probes.step", absl::StrCat(probe.step()), "finite numbers");
  }
  return workload.LayoutOf(static_cast<int>(task.lane()), request).status();
}

}  // namespace

absl::Status ChunkExecutor::Check(const ServedRun& run, const v1::Task& task) {
  if (task.trial() >= run.trials.size()) {
    return TaskError("trial", absl::StrCat(task.trial()),
                     absl::StrCat("0 to ", run.trials.size() - 1));
  }
  const Workload& workload = *run.trials[task.trial()].workload;
  if (task.lane() >= workload.lanes().size()) {
    return TaskError("lane", absl::StrCat(task.lane()),
                     absl::StrCat("0 to ", workload.lanes().size() - 1));
  }
  if (absl::Status status = CheckRequest(run, workload, task); !status.ok()) return status;
  if (task.job() > kMaxCount) {
    return TaskError("job", absl::StrCat(task.job()), absl::StrCat("0 to ", kMaxCount));
  }
  for (const v1::SegmentVersion& read : task.reads()) {
    if (read.version() > kMaxCount) {
      return TaskError("reads.version", absl::StrCat(read.version()),
                       absl::StrCat("0 to ", kMaxCount));
    }
  }
  // Which versions is the learner's affair.
  const auto lane = static_cast<int>(task.lane());
  std::vector<SegmentVersion> reads =
      workload.Reads(lane, JobPlans::Batch(task.request(), static_cast<int64_t>(task.job())));
  if (ReadsDirection(task.request())) reads.push_back({workload.DirectionOf(lane)});
  bool same = task.reads_size() == static_cast<int>(reads.size());
  for (int i = 0; same && i < task.reads_size(); ++i) {
    same = task.reads(i).segment() == static_cast<uint32_t>(reads[i].segment);
  }
  if (!same) {
    return absl::InvalidArgumentError(absl::StrCat("task.reads are not what ", Place(task),
                                                   " reads: coordinator and worker disagree"));
  }
  // Intervals are multiplied by the batch size in 64 bits.
  constexpr uint64_t kMaxDenominator = uint64_t{1} << 31;
  if (task.denominator() < 1 || task.denominator() > kMaxDenominator) {
    return TaskError("denominator", absl::StrCat(task.denominator()),
                     absl::StrCat("1 to ", kMaxDenominator));
  }
  if (task.terms().empty()) return absl::InvalidArgumentError("task.terms is empty");
  for (const v1::Term& term : task.terms()) {
    if (term.begin() >= term.end() || term.end() > task.denominator()) {
      return TaskError("terms", absl::StrCat("[", term.begin(), ", ", term.end(), ")"),
                       absl::StrCat("intervals within [0, ", task.denominator(), ")"));
    }
    if (!std::isfinite(term.coefficient())) {
      return TaskError("terms.coefficient", absl::StrCat(term.coefficient()), "finite numbers");
    }
  }
  return absl::OkStatus();
}

int64_t ChunkExecutor::Positions(const ServedRun& run, const v1::Task& task) {
  const std::shared_ptr<const JobPlan> plan = run.trials[task.trial()].plans->For(task.request());
  int64_t positions = 0;
  for (const v1::Term& term : task.terms()) {
    const auto [first, last] =
        plan->Positions(static_cast<int>(task.lane()), static_cast<int64_t>(term.begin()),
                        static_cast<int64_t>(term.end()), static_cast<int64_t>(task.denominator()));
    positions += last - first;
  }
  return positions;
}

absl::StatusOr<ChunkExecutor::Chunks::Pointer> ChunkExecutor::LoadChunk(const ServedRun& run,
                                                                        bool test, int64_t begin,
                                                                        int64_t end) {
  const Dataset& data = test ? *run.test : *run.data;
  const size_t expected = ExpectedBytes(data.info(), end - begin);
  if (expected > cache_bytes_) return Chunks::Pointer();
  bool hit = false;
  return chunks_.Get(
      {run.serial, test, begin, end}, expected,
      [&]() -> absl::StatusOr<Chunks::Loaded> {
        auto examples = data.Load(begin, end);
        if (!examples.ok()) return examples.status();
        const size_t bytes = BytesOf(*examples);
        return Chunks::Loaded{std::make_shared<const Examples>(*std::move(examples)), bytes};
      },
      hit);
}

absl::StatusOr<Examples> ChunkExecutor::Batch(const ServedRun& run, const Examples* chunk,
                                              int64_t chunk_begin,
                                              std::span<const int64_t> ids) const {
  std::vector<int64_t> rows(ids.begin(), ids.end());
  if (chunk != nullptr) {
    for (int64_t& row : rows) row -= chunk_begin;
    return chunk->Gather(rows);
  }
  const auto [first, last] = std::minmax_element(ids.begin(), ids.end());
  const int64_t begin = *first;
  auto loaded = run.data->Load(begin, *last + 1);
  if (!loaded.ok()) return loaded.status();
  for (int64_t& row : rows) row -= begin;
  return loaded->Gather(rows);
}

absl::Status ChunkExecutor::AddChunk(const Job& job, const v1::Term& term, KeepGoing keep_going,
                                     int64_t& done, std::span<float> sum) {
  Drawn drawn = Draw(job.trial, job.task, term);
  const std::vector<int64_t>& ids = drawn.ids;
  if (ids.empty()) return absl::OkStatus();
  const bool reads = job.trial.workload->reads_examples();
  const auto chunk = reads ? LoadChunk(job.run, false, drawn.range.first, drawn.range.second)
                           : Chunks::Pointer(nullptr);
  if (!chunk.ok()) {
    return absl::UnavailableError(
        absl::StrCat("data cannot be read: ", std::string(chunk.status().message())));
  }
  const auto step = static_cast<size_t>(job.trial.workload->sub_batch());
  for (size_t at = 0; at < ids.size(); at += step) {
    if (!keep_going(done)) return absl::CancelledError("dropped");
    const auto batch_ids = std::span(ids).subspan(at, std::min(step, ids.size() - at));
    auto batch = reads ? Batch(job.run, chunk->get(), drawn.range.first, batch_ids) : Examples();
    if (!batch.ok()) {
      return absl::UnavailableError(
          absl::StrCat("data cannot be read: ", std::string(batch.status().message())));
    }
    absl::Status added = job.trial.workload->AddAnswer(job.task.request(), drawn.share, job.inputs,
                                                       *batch, batch_ids, sum);
    // What the workload finds wrong with the values is wrong everywhere; nothing else is.
    if (!added.ok() && !absl::IsDataLoss(added) && !absl::IsInvalidArgument(added)) return added;
    if (!added.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(Place(job.task), ", examples from ",
                                                     batch_ids.front(), ": ",
                                                     std::string(added.message())));
    }
    done += static_cast<int64_t>(batch_ids.size());
    drawn.share.position += static_cast<int64_t>(batch_ids.size());
  }
  return absl::OkStatus();
}

absl::Status ChunkExecutor::Compute(const ServedRun& run, const v1::Task& task,
                                    const Segments& segments, KeepGoing keep_going,
                                    std::span<float> sum) {
  const ServedTrial& trial = run.trials[task.trial()];
  const auto lane = static_cast<int>(task.lane());
  const absl::StatusOr<ReplyLayout> reply = trial.workload->LayoutOf(lane, task.request());
  ABSL_RAW_CHECK(reply.ok() && static_cast<int64_t>(sum.size()) == reply->length() &&
                     static_cast<int>(segments.size()) == task.reads_size(),
                 "the task's vectors have wrong lengths");
  Job job{run,
          trial,
          task,
          {.segments = segments,
           .seed = trial.seed,
           .lane = lane,
           .job = JobPlans::Batch(task.request(), static_cast<int64_t>(task.job()))}};
  for (const v1::SegmentVersion& read : task.reads()) {
    job.inputs.versions.push_back(
        {static_cast<int32_t>(read.segment()), static_cast<int64_t>(read.version())});
  }
  std::fill(sum.begin(), sum.end(), 0.0f);
  const bool plain = std::all_of(task.terms().begin(), task.terms().end(),
                                 [](const v1::Term& term) { return term.coefficient() == 1; });
  int64_t done = 0;
  if (plain || task.terms_size() == 1) {
    for (const v1::Term& term : task.terms()) {
      absl::Status status = AddChunk(job, term, keep_going, done, sum);
      if (!status.ok()) return status;
    }
    if (!plain) Scale(task.terms(0).coefficient(), sum);
  } else {
    std::vector<float> chunk_sum(sum.size());
    for (const v1::Term& term : task.terms()) {
      std::fill(chunk_sum.begin(), chunk_sum.end(), 0.0f);
      absl::Status status = AddChunk(job, term, keep_going, done, chunk_sum);
      if (!status.ok()) return status;
      AddScaled(term.coefficient(), chunk_sum, sum);
    }
  }
  const float limit = LargestEncodable(run.reply_format);
  if (FirstBeyond(sum, limit) == kNone) return absl::OkStatus();
  return Explain(job, limit);
}

absl::Status ChunkExecutor::Explain(const Job& job, float limit) const {
  const std::string place = Place(job.task);
  const float finite = LargestEncodable(v1::FP32);
  for (const std::span<const float> values : job.inputs.segments) {
    if (const size_t i = FirstBeyond(values, finite); i != kNone) {
      return absl::InvalidArgumentError(absl::StrCat(
          place, ": parameter ", i, " is ", values[i],
          ": the training has diverged; try a smaller learning rate or optimizer.clip_norm"));
    }
  }
  // An example is judged by its gradient, whatever was asked of all.
  const Workload& workload = *job.trial.workload;
  std::vector<float> one(static_cast<size_t>(workload.lanes()[job.inputs.lane].reply.length()));
  for (const v1::Term& term : job.task.terms()) {
    for (const int64_t id : Draw(job.trial, job.task, term).ids) {
      absl::StatusOr<Examples> example = Examples();
      if (workload.reads_examples()) example = job.run.data->Load(id, id + 1);
      if (!example.ok()) continue;
      std::fill(one.begin(), one.end(), 0.0f);
      const std::vector<int64_t> ids = {id};
      const absl::Status status = workload.AddSum(job.inputs, *example, ids, one);
      const size_t i = status.ok() ? FirstBeyond(one, finite) : 0;
      if (i == kNone) continue;
      return absl::InvalidArgumentError(absl::StrCat(place, ", example ", id, ": coordinate ", i,
                                                     " of its gradient is ", one[i],
                                                     "; gradients must be finite"));
    }
  }
  if (limit < finite) {
    return absl::InvalidArgumentError(
        absl::StrCat(place, ": the reply has values above ", limit, ", the largest that ",
                     v1::NumberFormat_Name(job.run.reply_format),
                     " holds; legal: wire.replies fp32 or bf16, or a smaller training.batch_size"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(place,
                   ": the sum of gradients overflows float, though every example's is "
                   "finite; try a smaller training.batch_size"));
}

// ---- evaluations --------------------------------------------------------------------------------

absl::Status ChunkExecutor::Check(const ServedRun& run, const v1::Evaluate& task) {
  if (task.trial() >= run.trials.size()) {
    return TaskError("trial", absl::StrCat(task.trial()),
                     absl::StrCat("0 to ", run.trials.size() - 1));
  }
  const Workload& workload = *run.trials[task.trial()].workload;
  const bool same = task.versions_size() == static_cast<int>(workload.segments().size()) &&
                    task.jobs_done_size() == static_cast<int>(workload.lanes().size());
  constexpr uint64_t kMaxCount = uint64_t{1} << 48;
  const auto sane = [](const auto& counts) {
    return std::all_of(counts.begin(), counts.end(), [](uint64_t c) { return c <= kMaxCount; });
  };
  if (!same || !sane(task.versions()) || !sane(task.jobs_done())) {
    return absl::InvalidArgumentError(
        absl::StrCat("the evaluation names ", task.versions_size(), " segments and ",
                     task.jobs_done_size(), " lanes of trial ", task.trial(),
                     ", or versions beyond 2^48: coordinator and worker disagree"));
  }
  if (workload.has_own_test()) return absl::OkStatus();
  if (run.test == nullptr || run.test->info().checksum != run.test_checksum) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "data.test here has checksum %016x, the coordinator's has %016x: give this worker the same "
        "data, or its folder with --data-folder",
        run.test == nullptr ? 0 : run.test->info().checksum, run.test_checksum));
  }
  const auto examples = static_cast<uint64_t>(run.test->info().examples);
  if (task.begin() >= task.end() || task.end() > examples) {
    return TaskError("begin to end", absl::StrCat("[", task.begin(), ", ", task.end(), ")"),
                     absl::StrCat("intervals within [0, ", examples, ")"));
  }
  return absl::OkStatus();
}

absl::StatusOr<EvaluationResult> ChunkExecutor::Evaluate(const ServedRun& run,
                                                         const v1::Evaluate& task,
                                                         const Segments& segments,
                                                         absl::FunctionRef<bool()> keep_going) {
  const ServedTrial& trial = run.trials[task.trial()];
  TrialView view{.segments = segments, .seed = trial.seed};
  view.versions.assign(task.versions().begin(), task.versions().end());
  view.jobs_done.assign(task.jobs_done().begin(), task.jobs_done().end());
  if (trial.workload->has_own_test()) {
    if (!keep_going()) return absl::CancelledError("not wanted any more");
    return trial.workload->Evaluate(view, nullptr);
  }
  const auto begin = static_cast<int64_t>(task.begin()), end = static_cast<int64_t>(task.end());
  const auto unreadable = [](const absl::Status& status) {
    return absl::FailedPreconditionError(
        absl::StrCat("data.test cannot be read: ", status.message()));
  };
  const auto chunk = LoadChunk(run, true, begin, end);
  if (!chunk.ok()) return unreadable(chunk.status());
  if (*chunk != nullptr) {
    return trial.workload->EvaluateChunk(view, **chunk, {0, end - begin}, begin, keep_going);
  }
  EvaluationSums sums;  // a range that is read sub-batch by sub-batch
  for (int64_t at = begin; at < end; at += trial.workload->sub_batch()) {
    if (!keep_going()) return absl::CancelledError("not wanted any more");
    const auto batch = run.test->Load(at, std::min(at + trial.workload->sub_batch(), end));
    if (!batch.ok()) return unreadable(batch.status());
    if (auto status = trial.workload->AddEvaluation(view, *batch, at, &sums); !status.ok()) {
      return status;
    }
  }
  return sums;
}

void ChunkExecutor::Forget(const ServedRun& run) {
  chunks_.EraseIf([&](const auto& key) { return std::get<0>(key) == run.serial; });
}

}  // namespace gradloom
