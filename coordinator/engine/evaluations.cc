#include "coordinator/engine/evaluations.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"

namespace gradloom {
namespace {

int LaneOf(const Event& event) {
  if (const auto* missed = std::get_if<JobMissed>(&event)) return missed->lane;
  return std::get<JobApplied>(event).lane;
}

}  // namespace

Evaluations::Evaluations(Options options, const TrialSet& trials, Effects& effects, FleetLink& link)
    : options_(std::move(options)),
      trials_(trials),
      effects_(effects),
      link_(link),
      book_(options_.life) {}

void Evaluations::Resume(std::vector<LanePlan>* lanes, absl::Time now) {
  std::map<int, int64_t> last;  // view due, by trial
  for (int trial = 0; trial < static_cast<int>(trials_.trials().size()); ++trial) {
    for (const int64_t view : trials_.trials()[trial]->DueViews()) {
      Add(trial, view, now);
      last[trial] = view;
    }
  }
  for (int lane = 0; lane < trials_.lanes(); ++lane) {
    const TrialSet::Place place = trials_.place(lane);
    const LaneProgress at = trials_.of_lane(lane).progress(place.lane);
    const auto view = last.find(place.trial);
    if (view == last.end() || view->second < at.jobs || at.jobs_done < at.jobs) continue;
    LanePlan& plan = (*lanes)[lane];
    plan.first_job = plan.jobs - 1;
    plan.applying = true;
    held_.push_back({JobApplied{lane}, place.trial, view->second, true});
  }
}

void Evaluations::Join(WorkerId worker, absl::Time now) {
  book_.Join(worker);
  if (begun_) Advance(now);
}

void Evaluations::Leave(WorkerId worker, absl::Time now) {
  book_.Leave(worker);
  Advance(now);
}

std::vector<TestChunk> Evaluations::ChunksOf(const Trial& trial) const {
  const Workload& workload = trial.workload();
  if (workload.has_own_test()) return {TestChunk{}};
  return CutTestSet(options_.test_examples, workload.sub_batch());
}

// ---- what happens -------------------------------------------------------------------------------

void Evaluations::Add(int number, int64_t view, absl::Time now) {
  const Trial& trial = *trials_.trials()[number];
  const bool by_workers = !trial.workload().evaluated_by_learner();
  v1::Evaluate& message = messages_[{number, view}];
  message.set_run(options_.run);
  message.set_trial(static_cast<uint32_t>(number));
  const TrialView state = trial.View(view);
  for (const int64_t version : state.versions) {
    message.add_versions(static_cast<uint64_t>(version));
  }
  for (const int64_t done : state.jobs_done) message.add_jobs_done(static_cast<uint64_t>(done));
  book_.Add({number, view, static_cast<int>(ChunksOf(trial).size()), by_workers}, now);
}

void Evaluations::On(const ViewDue& event, absl::Time now) {
  if (abandoned_) {
    events_.push_back(event.event);
    return;
  }
  Add(event.trial, event.view, now);
  const int lane = LaneOf(event.event);
  const LaneProgress at = trials_.of_lane(lane).progress(trials_.place(lane).lane);
  held_.push_back({event.event, event.trial, event.view, at.finished || at.jobs_done >= at.jobs});
  Release();
  Advance(now);
}

void Evaluations::On(const EvaluationAnswered& event, absl::Time now) {
  const std::optional<EvaluationBook::Chunk> what = book_.Find(event.id, event.worker);
  if (event.result.ok()) {
    // What the coordinator itself computed is what there is, also of a training that diverges.
    const bool judge = what.has_value() && event.worker != 0;
    const std::string wrong = judge ? WrongWith(*what, *event.result) : "";
    if (wrong.empty()) {
      book_.Answered(event.id, event.worker, *event.result, now);
    } else {
      options_.warn(event.worker, wrong);
      book_.Failed(event.id, event.worker, /*unable=*/true);
    }
  } else {
    if (what.has_value()) options_.warn(event.worker, std::string(event.result.status().message()));
    book_.Failed(event.id, event.worker, event.unable);
  }
  Advance(now);
}

void Evaluations::On(const EvaluationTaken& event, absl::Time now) {
  book_.Taken(event.trial, event.view, event.due);
  std::erase_if(messages_, [&event](const auto& entry) {
    const auto& [trial, view] = entry.first;
    return trial == event.trial &&
           (view == event.view ||
            std::find(event.due.begin(), event.due.end(), view) == event.due.end());
  });
  if (!event.finished.empty()) events_.push_back(LanesFinished{event.finished});
  Release();
  Advance(now);
}

void Evaluations::Wake(absl::Time now) {
  if (now >= book_.NextTimeout()) Advance(now);
}

void Evaluations::Abandon() {
  abandoned_ = true;
  book_.Clear();
  messages_.clear();
  Release();
}

// ---- what follows -------------------------------------------------------------------------------

bool Evaluations::Holds(const Held& held) const {
  if (!messages_.contains({held.trial, held.view})) return false;  // it is not due any more
  return held.last || book_.due(held.trial) > kDueMax;
}

void Evaluations::Release() {
  for (auto at = held_.begin(); at != held_.end();) {
    if (Holds(*at)) {
      ++at;
      continue;
    }
    events_.push_back(std::move(at->event));
    at = held_.erase(at);
  }
}

void Evaluations::Advance(absl::Time now) {
  while (const auto complete = book_.TakeComplete()) {
    effects_.TakeEvaluation(complete->trial, complete->view, Conclude(*complete));
  }
  for (const EvaluationBook::Ask& ask : book_.Next(now)) Ask(ask);
}

void Evaluations::Ask(const EvaluationBook::Ask& ask) {
  const auto& [trial, view, chunk] = ask.what;
  const TestChunk rows = ChunksOf(*trials_.trials()[trial])[chunk];
  if (ask.worker == 0) {
    effects_.Evaluate({ask.id, trial, view, rows, isa_});
    return;
  }
  v1::ToWorker message;
  v1::Evaluate* evaluate = message.mutable_evaluate();
  *evaluate = messages_.at({trial, view});
  evaluate->set_id(ask.id);
  evaluate->set_begin(static_cast<uint64_t>(rows.begin));
  evaluate->set_end(static_cast<uint64_t>(rows.end));
  link_.Send(ask.worker, std::move(message));
}

std::string Evaluations::WrongWith(const EvaluationBook::Chunk& what,
                                   const EvaluationResult& result) const {
  const Workload& workload = trials_.trials()[what.trial]->workload();
  if (const auto* sums = std::get_if<EvaluationSums>(&result)) {
    const TestChunk rows = ChunksOf(*trials_.trials()[what.trial])[what.chunk];
    const int64_t examples = rows.end - rows.begin;
    if (workload.has_own_test() || sums->examples != examples) {
      return absl::StrCat("its sums count ", sums->examples, " examples; legal are ", examples);
    }
    const bool legal = std::isfinite(sums->loss) && sums->correct >= 0 &&
                       sums->correct <= static_cast<double>(examples) &&
                       std::isfinite(sums->target_mean) && std::isfinite(sums->target_spread) &&
                       sums->target_spread >= 0;
    return legal ? ""
                 : absl::StrCat("its sums (loss ", sums->loss, ", correct ", sums->correct,
                                ", targets' mean ", sums->target_mean, " and spread ",
                                sums->target_spread, ") are none of ", examples, " examples");
  }
  const auto& whole = std::get<Evaluation>(result);
  const bool legal = workload.has_own_test() && std::isfinite(whole.loss) &&
                     std::isfinite(whole.accuracy) && whole.examples >= 0 &&
                     whole.validation.has_value() == workload.has_validation() &&
                     std::isfinite(whole.validation.value_or(0));
  return legal ? ""
               : absl::StrCat("its loss ", whole.loss, ", accuracy ", whole.accuracy,
                              " and validation ", whole.validation.value_or(0),
                              " are none of this workload");
}

Evaluation Evaluations::Conclude(const EvaluationBook::Complete& complete) const {
  if (const auto* whole = std::get_if<Evaluation>(&complete.results.front())) return *whole;
  EvaluationSums all;
  for (const EvaluationResult& result : complete.results) {
    all.Merge(std::get<EvaluationSums>(result));
  }
  return trials_.trials()[complete.trial]->workload().Conclude(all);
}

}  // namespace gradloom
