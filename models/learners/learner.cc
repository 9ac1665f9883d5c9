#include "models/learners/learner.h"

#include <algorithm>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"
#include "models/learners/training_length.h"

namespace gradloom {

Learner::Learner(const Workload& workload, const v1::TrialSpec& trial, const Length& length,
                 int parts)
    : workload_(workload),
      seed_(trial.seed()),
      length_(length),
      jobs_done_(workload.lanes().size()),
      parts_(parts),
      stopping_(trial.training()) {
  for (Part& part : parts_) {
    if (length_.jobs == 0) Finish(v1::LearnerProgress::LENGTH, part);
  }
}

LaneProgress Learner::progress(int lane) const {
  const Part& part = parts_[PartOf(lane)];
  if (part.result.has_value()) return {part.result->jobs_done, length_.jobs, part.finished};
  // With patience it is the last evaluation that ends a lane: who needs it reads the best state.
  const bool all_done = jobs_done_[lane] >= length_.jobs && !stopping_.patient();
  return {jobs_done_[lane], length_.jobs, part.finished || all_done};
}

const Learner::Result* Learner::result(int part) const {
  return parts_[part].result.has_value() ? &*parts_[part].result : nullptr;
}
Learner::Result* Learner::result(int part) {
  return parts_[part].result.has_value() ? &*parts_[part].result : nullptr;
}

absl::StatusOr<std::optional<int64_t>> Learner::ApplyMissing(int /*lane*/, int64_t /*job*/) {
  return absl::UnimplementedError("this trial's jobs cannot be given up");
}

absl::Status Learner::ApplyLate(int /*lane*/, int64_t /*job*/, const DecodedSum& /*sum*/) {
  return absl::UnimplementedError("this trial's jobs cannot be late");
}

int64_t Learner::PartDone(int part) const {
  if (parts() > 1) return jobs_done_[part];
  return *std::min_element(jobs_done_.begin(), jobs_done_.end());
}

bool Learner::Held(int part) const {
  for (int lane = 0; lane < static_cast<int>(jobs_done_.size()); ++lane) {
    if (PartOf(lane) != part) continue;
    for (const LaneNeed& need : workload_.lanes()[lane].needs) {
      if (need.finished && !parts_[PartOf(need.lane)].finished) return true;
    }
  }
  return false;
}

// ---- evaluation ---------------------------------------------------------------------------------

int64_t Learner::Stage() const {
  int64_t stage = 0;
  for (int part = 0; part < parts(); ++part) {
    const std::vector<LaneNeed>& needs = workload_.lanes()[part].needs;
    const bool waited =
        std::any_of(needs.begin(), needs.end(), [](const LaneNeed& need) { return need.finished; });
    stage += waited && !Held(part) ? 1 : 0;
  }
  return stage;
}

bool Learner::IsDue(int64_t before, int64_t done) const {
  const int64_t every = length_.evaluate_every;
  return done >= length_.jobs || (every > 0 && done / every > before / every);
}

void Learner::BeforeChange(int part) {
  views_.BeforeChange(part, PartDone(part), [this, part] { return SetAside(part); });
}

std::optional<int64_t> Learner::Came(int part, int64_t before, int64_t done) {
  std::optional<int64_t> complete;
  if (evaluates_ && IsDue(before, done)) {
    const int64_t view = ViewBook::Number(Stage(), done);
    views_.Arrive(view, part);
    bool settled = true;
    for (int other = 0; other < parts(); ++other) {
      settled = settled && (views_.at(view).Has(other) || !Trains(other));
    }
    if (settled) {
      views_.Complete(view, parts());
      complete = view;
    }
  }
  if (done >= length_.jobs && !stopping_.patient()) {
    Finish(v1::LearnerProgress::LENGTH, parts_[part]);
    if (EndsWithCopy()) parts_[part].result = {CopyOf(part), done, done};
  }
  return complete;
}

bool Learner::IsOver(int64_t view) const {
  if (!views_.Contains(view)) return true;
  const std::set<int>& arrived = views_.at(view).arrived;
  return std::all_of(arrived.begin(), arrived.end(), [this](int part) {
    return parts_[part].ended == v1::LearnerProgress::PATIENCE ||
           parts_[part].ended == v1::LearnerProgress::TARGET;
  });
}

std::vector<int64_t> Learner::DueViews() const {
  std::vector<int64_t> due = views_.Completed();
  std::erase_if(due, [this](int64_t view) { return IsOver(view); });
  return due;
}

Learner::Evaluator Learner::EvaluatorOf(int64_t view) const {
  return
      [this, state = View(view)](const Examples* test) { return workload_.Evaluate(state, test); };
}

void Learner::Evaluated(int64_t view, const Evaluation& evaluation) {
  // What came behind an end counts once the training goes on, not before.
  if (IsOver(view)) return;
  const int64_t jobs_done = ViewBook::JobsOf(view);
  const EarlyStopping::Verdict verdict = stopping_.Judge(evaluation, jobs_done);
  if (verdict == EarlyStopping::Verdict::kReached) {
    EndAt(view);
  } else if (stopping_.patient()) {
    if (verdict == EarlyStopping::Verdict::kBest) KeepBest(view);
    if (stopping_.exhausted()) {
      EndAtBest(v1::LearnerProgress::PATIENCE, view);
    } else if (jobs_done >= length_.jobs) {
      EndAtBest(v1::LearnerProgress::LENGTH, view);
    }
  }
  views_.Erase(view);
}

ModelCopy Learner::CopyAt(int64_t view, int part) const {
  const ViewBook::Aside* aside = views_.FindAside(view, part);
  return aside != nullptr ? *aside->values : CopyOf(part);
}

void Learner::KeepBest(int64_t view) {
  for (int part = 0; part < parts(); ++part) {
    if (Trains(part)) best_[part] = CopyAt(view, part);
  }
}

void Learner::Finish(End why, Part& part) {
  part.finished = true;
  part.ended = why;
}

void Learner::EndAtBest(End why, int64_t view) {
  for (auto& [number, values] : best_) {
    Part& part = parts_[number];
    if (PartDone(number) != stopping_.best_jobs()) {
      part.result = {std::move(values), stopping_.best_jobs(), ViewBook::JobsOf(view)};
    }
    part.since_best = stopping_.since_best();
    Finish(why, part);
  }
  best_.clear();
  // Parts that are still to come have evaluations of their own.
  const bool all =
      std::all_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.finished; });
  if (!all) stopping_.ForgetBest();
}

void Learner::EndAt(int64_t view) {
  for (int number = 0; number < parts(); ++number) {
    Part& part = parts_[number];
    const ViewBook::Aside* aside = views_.FindAside(view, number);
    if (aside != nullptr && (EndsWithCopy() || aside->jobs_done != PartDone(number))) {
      part.result = {*aside->values, aside->jobs_done, aside->jobs_done};
    } else if (EndsWithCopy() && !part.result.has_value()) {
      part.result = {CopyOf(number), ViewBook::JobsOf(view), ViewBook::JobsOf(view)};
    }
    if (part.ended != v1::LearnerProgress::PATIENCE) Finish(v1::LearnerProgress::TARGET, part);
  }
  best_.clear();
  stopping_.ForgetBest();
}

// ---- going on -----------------------------------------------------------------------------------

absl::Status Learner::GoOn() {
  const bool known = stopping_.knows_best();
  bool any = false, held = false;
  for (int number = 0; number < parts(); ++number) {
    Part& part = parts_[number];
    const bool longer =
        PartDone(number) < length_.jobs && !stopping_.WouldEnd(part.ended, part.since_best);
    if (!part.finished || !longer) continue;
    if (part.last_lost) {
      if (absl::Status status = GoOnFromResult(number); !status.ok()) return status;
    }
    any = true;
    if (known) best_[number] = part.result.has_value() ? part.result->values : CopyOf(number);
    part = Part();
  }
  if (!any) return absl::OkStatus();
  stopping_.ForgetTarget();
  // Early stopping goes on, too, unless what is known of it is of a lane that is to wait now.
  for (int part = 0; part < parts(); ++part) held = held || Held(part);
  if (!known || held) {
    best_.clear();
    stopping_.ForgetBest();
  }
  return absl::OkStatus();
}

// ---- checkpoints --------------------------------------------------------------------------------

v1::LearnerProgress Learner::SaveProgress() const {
  v1::LearnerProgress progress;
  for (int lane = 0; lane < static_cast<int>(jobs_done_.size()); ++lane) {
    const Part& part = parts_[PartOf(lane)];
    v1::LearnerProgress::Lane* saved = progress.add_lanes();
    const auto last = static_cast<uint64_t>(jobs_done_[lane]);
    saved->set_jobs_done(part.result.has_value() ? part.result->jobs_done : last);
    saved->set_finished(part.finished);
    saved->set_version(part.result.has_value() ? part.result->version : last);
    saved->set_ended(part.ended);
    saved->set_evaluations_since_best(part.since_best);
    if (part.result.has_value() && !part.last_lost) saved->set_last(last);
    SaveLane(lane, saved);
  }
  views_.Save(&progress);
  stopping_.Save(&progress);
  return progress;
}

absl::Status Learner::LoadPart(int number, const v1::LearnerProgress::Lane& saved) {
  const uint64_t last = saved.has_last() ? saved.last() : saved.jobs_done();
  if (saved.version() > saved.jobs_done() || saved.jobs_done() > last) {
    return absl::DataLossError(absl::StrCat("the checkpoint has version ", saved.version(),
                                            " after ", saved.jobs_done(), " jobs of ", last));
  }
  Part& part = parts_[number];
  part = Part();
  part.finished = saved.finished();
  part.ended = saved.ended();
  part.since_best = saved.evaluations_since_best();
  if (EndsWithCopy() ? saved.finished() : saved.version() != last) {
    part.result = {Blank(number), static_cast<int64_t>(saved.version()),
                   static_cast<int64_t>(saved.jobs_done())};
    part.last_lost = !saved.has_last();
  }
  return absl::OkStatus();
}

absl::Status Learner::LoadProgress(const v1::LearnerProgress& progress) {
  if (progress.lanes_size() != static_cast<int>(jobs_done_.size())) {
    return absl::DataLossError(absl::StrCat("the checkpoint has ", progress.lanes_size(),
                                            " lanes, the trial ", jobs_done_.size()));
  }
  for (int lane = 0; lane < progress.lanes_size(); ++lane) {
    const v1::LearnerProgress::Lane& saved = progress.lanes(lane);
    const uint64_t last = saved.has_last() ? saved.last() : saved.jobs_done();
    if (absl::Status status = CheckLength(last, length_.jobs); !status.ok()) return status;
    if (absl::Status status = LoadPart(PartOf(lane), saved); !status.ok()) return status;
    jobs_done_[lane] = static_cast<int64_t>(last);
    if (absl::Status status = LoadLane(lane, saved); !status.ok()) return status;
  }
  if (absl::Status status = Loaded(); !status.ok()) return status;
  // A view that the training's former end was due at is of no use to a longer one.
  const auto still_due = [this](int64_t view) {
    const int64_t done = ViewBook::JobsOf(view);
    return IsDue(std::max<int64_t>(done - length_.step_jobs, 0), done);
  };
  absl::Status status =
      views_.Load(progress, parts(), still_due, [this](int part) { return Blank(part); });
  if (!status.ok()) return status;
  stopping_.Load(progress);
  best_.clear();
  for (int part = 0; part < parts(); ++part) {
    if (progress.has_best() && Trains(part)) best_[part] = Blank(part);
  }
  return absl::OkStatus();
}

void Learner::ListCopies(int part, std::vector<NamedVector>* vectors) {
  if (const auto best = best_.find(part); best != best_.end()) {
    List(part, "best", best->second, vectors);
  }
  views_.ForEachAside([&](int64_t view, int of, ModelCopy& values) {
    if (of == part) List(part, absl::StrCat("view.", view), values, vectors);
  });
}

}  // namespace gradloom
