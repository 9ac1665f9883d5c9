#include "coordinator/tuning/choice_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "coordinator/simulation/simulator.h"

namespace gradloom {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// What a bound must exceed the best by, and the share of choices that a halving keeps.
constexpr double kHopeless = 1.0;
constexpr int kKeptOf = 4;
// Of each scheme under each arrangement so many survive every halving: few jobs favour T = 0.
constexpr int kKeptOfKind = 3;

class Search {
 public:
  Search(const FleetProfile& profile, const FleetSize& size, const SearchOptions& options)
      : profile_(profile), size_(size), options_(options), recorded_(RecordedOrder(profile)) {}

  absl::StatusOr<SearchResult> Run() {
    std::vector<Choice> choices = options_.exhaustive ? AllChoices(options_.space, size_)
                                                      : DistinctChoices(options_.space, size_);
    if (choices.empty()) return absl::InvalidArgumentError("no scheme and arrangement is left");
    result_.candidates = static_cast<int64_t>(choices.size());
    for (Choice& choice : choices) entries_.push_back({std::move(choice)});
    const int64_t horizon = std::min(size_.jobs, options_.jobs_max);
    if (!options_.exhaustive) {
      for (int64_t jobs = FirstJobs(horizon); jobs < horizon; jobs *= 2) Halve(jobs);
    }
    Play(horizon, 0.7);
    if (!options_.exhaustive) TryOtherClosings(horizon);
    Rank(horizon);
    if (absl::Status status = AddUncertainty(horizon); !status.ok()) return status;
    Tell(1);
    return std::move(result_);
  }

 private:
  struct Entry {
    Choice choice;
    double seconds = kInfinity;
    double replies_per_job = 0;
    double invocations = 0;
    absl::Status status = absl::OkStatus();
  };

  FleetSize Size(int64_t jobs) const {
    FleetSize size = size_;
    size.jobs = jobs;
    return size;
  }
  double Scale(int64_t jobs) const {
    return static_cast<double>(size_.jobs) / static_cast<double>(jobs);
  }
  // Two jobs of every lane at least, so that what comes after the first shows.
  int64_t FirstJobs(int64_t horizon) const {
    return std::min<int64_t>(horizon, std::max<int64_t>(6, 2 * size_.lanes));
  }

  void Tell(double fraction) {
    told_ = std::max(told_, fraction);
    if (options_.progress) options_.progress(told_);
  }

  // Plays entries [first, end) over so many jobs.
  void Play(int64_t jobs, double progress, size_t first = 0) {
    const auto count = static_cast<int>(entries_.size() - first);
    const double limit =
        std::min(1e9, options_.give_up * best_seconds_a_job_ * static_cast<double>(jobs));
    options_.run_all(count, [&](int i) {
      Entry& entry = entries_[first + i];
      const absl::StatusOr<Prediction> prediction =
          Predict(entry.choice, Size(jobs), profile_, recorded_, options_.apply_seconds, limit);
      entry.status = prediction.status();
      entry.seconds = prediction.ok() ? prediction->seconds : kInfinity;
      entry.replies_per_job = prediction.ok() ? prediction->replies_per_job : 0;
      entry.invocations = prediction.ok() ? prediction->invocations : 0;
    });
    result_.simulated += count;
    for (size_t i = first; i < entries_.size(); ++i) Note(entries_[i].seconds, jobs);
    Tell(progress);
  }

  void Note(double seconds, int64_t jobs) {
    best_seconds_a_job_ = std::min(best_seconds_a_job_, seconds / static_cast<double>(jobs));
  }

  // Leaves out what cannot win, plays the rest, and keeps the better part.
  void Halve(int64_t jobs) {
    Bound(jobs);
    Play(jobs, 0.5);
    std::stable_sort(entries_.begin(), entries_.end(),
                     [](const Entry& a, const Entry& b) { return a.seconds < b.seconds; });
    const size_t kept = std::max<size_t>(2 * options_.keep, entries_.size() / kKeptOf);
    std::map<std::pair<const SchemeKind*, std::string>, int> of_kind;
    std::vector<Entry> left;
    for (size_t i = 0; i < entries_.size(); ++i) {
      int& number =
          of_kind[{entries_[i].choice.scheme.kind, ArrangementText(entries_[i].choice.fleet)}];
      if (i < kept || number < kKeptOfKind) left.push_back(std::move(entries_[i]));
      ++number;
    }
    entries_ = std::move(left);
  }

  // The best so far is what the choice with the least bound takes.
  void Bound(int64_t jobs) {
    const double least =
        *std::min_element(profile_.fixed_seconds.begin(), profile_.fixed_seconds.end());
    const auto bound = [&](const Entry& entry) {
      return LeastSeconds(entry.choice, Size(jobs), least, profile_.slope_seconds);
    };
    std::vector<std::pair<double, size_t>> order;
    for (size_t i = 0; i < entries_.size(); ++i) order.emplace_back(bound(entries_[i]), i);
    std::sort(order.begin(), order.end());
    double best = kInfinity;
    for (size_t i = 0; i < order.size(); i += 1 + order.size() / 8) {
      const absl::StatusOr<Prediction> prediction =
          Predict(entries_[order[i].second].choice, Size(jobs), profile_, recorded_,
                  options_.apply_seconds);
      if (prediction.ok()) best = std::min(best, prediction->seconds);
      Note(best, jobs);
    }
    const size_t before = entries_.size();
    std::vector<Entry> left;
    for (Entry& entry : entries_) {
      if (bound(entry) <= kHopeless * best) left.push_back(std::move(entry));
    }
    entries_ = std::move(left);
    result_.bounded += static_cast<int64_t>(before - entries_.size());
  }

  // Of the best sequential schemes.
  void TryOtherClosings(int64_t horizon) {
    std::stable_sort(entries_.begin(), entries_.end(),
                     [](const Entry& a, const Entry& b) { return a.seconds < b.seconds; });
    const size_t played = entries_.size();
    int tried = 0;
    for (size_t i = 0; i < played && tried < 4; ++i) {
      const std::vector<Choice> others = OtherClosings(entries_[i].choice);
      tried += !others.empty();
      for (const Choice& other : others) entries_.push_back({other});
    }
    Play(horizon, 0.8, played);
  }

  void Rank(int64_t horizon) {
    std::stable_sort(entries_.begin(), entries_.end(),
                     [](const Entry& a, const Entry& b) { return a.seconds < b.seconds; });
    std::set<const SchemeKind*> kinds;
    for (const Entry& entry : entries_) {
      if (entry.seconds == kInfinity) break;
      const bool first_of_kind = kinds.insert(entry.choice.scheme.kind).second;
      if (static_cast<int>(result_.ranked.size()) >= options_.keep && !first_of_kind) continue;
      RankedChoice ranked;
      ranked.choice = entry.choice;
      ranked.seconds = entry.seconds * Scale(horizon);
      ranked.mean_seconds = ranked.low_seconds = ranked.high_seconds = ranked.seconds;
      ranked.replies_per_job = entry.replies_per_job;
      spread_.push_back(Spread(entry.invocations));
      result_.ranked.push_back(std::move(ranked));
    }
  }

  absl::Status AddUncertainty(int64_t horizon) {
    if (result_.ranked.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("no choice can end a run on this fleet: ",
                                                     entries_.front().status.message()));
    }
    for (RankedChoice& ranked : result_.ranked) {
      absl::StatusOr<ChoiceCost> cost = CostOf(ranked.choice, size_);
      if (!cost.ok()) return cost.status();
      ranked.cost = *cost;
      ranked.resampled_seconds.resize(options_.resamples);
    }
    const auto count = static_cast<int>(result_.ranked.size());
    for (int sample = 0; sample < options_.resamples; ++sample) {
      // Overlapping slots may be asked for more invocations than there are jobs.
      const std::vector<int> order = ResampledOrder(profile_, 4 * horizon, sample);
      options_.run_all(count, [&](int i) {
        const absl::StatusOr<Prediction> prediction = Predict(
            result_.ranked[i].choice, Size(horizon), profile_, order, options_.apply_seconds);
        result_.ranked[i].resampled_seconds[sample] =
            prediction.ok() ? prediction->seconds * Scale(horizon) : kInfinity;
      });
      result_.simulated += count;
      Tell(0.8 + 0.2 * (sample + 1) / options_.resamples);
    }
    if (options_.resamples == 0) return absl::OkStatus();
    for (size_t i = 0; i < result_.ranked.size(); ++i) Summarise(spread_[i], &result_.ranked[i]);
    return absl::OkStatus();
  }

  // A run of k invocations a slot varies by sigma, and what a profile of r rows predicts for it by
  // sigma sqrt(k / r). Resampling sees sigma sqrt(1 - block / r).
  double Spread(double invocations) const {
    const double block =
        std::min(0.5, static_cast<double>(ResampledBlock(profile_)) / profile_.rows);
    return std::sqrt((1 + invocations / profile_.rows) / (1 - block));
  }

  static void Summarise(double spread, RankedChoice* ranked) {
    std::vector<double> sorted = ranked->resampled_seconds;
    std::sort(sorted.begin(), sorted.end());
    const auto tenth = static_cast<size_t>(0.1 * static_cast<double>(sorted.size() - 1));
    ranked->mean_seconds =
        std::accumulate(sorted.begin(), sorted.end(), 0.0) / static_cast<double>(sorted.size());
    ranked->low_seconds = ranked->mean_seconds - spread * (ranked->mean_seconds - sorted[tenth]);
    ranked->high_seconds =
        ranked->mean_seconds + spread * (sorted[sorted.size() - 1 - tenth] - ranked->mean_seconds);
  }

  const FleetProfile& profile_;
  const FleetSize size_;
  const SearchOptions& options_;
  const std::vector<int> recorded_;
  std::vector<Entry> entries_;
  double best_seconds_a_job_ = kInfinity;
  double told_ = 0;
  std::vector<double> spread_;  // of what is ranked
  SearchResult result_;
};

}  // namespace

void RunInOrder(int count, const std::function<void(int)>& body) {
  for (int i = 0; i < count; ++i) body(i);
}

absl::StatusOr<Prediction> Predict(const Choice& choice, const FleetSize& size,
                                   const FleetProfile& profile, const std::vector<int>& order,
                                   double apply_seconds, double limit_seconds) {
  absl::StatusOr<CorePlan> plan = MakePlan(choice, size);
  if (!plan.ok()) return plan.status();
  const std::unique_ptr<DelayModel> delays = MakeProfileDelays(profile, order);
  SimulationOptions options;
  options.apply_seconds = apply_seconds;
  options.limit_seconds = limit_seconds;
  const absl::StatusOr<SimulationResult> result = Simulate(*std::move(plan), *delays, options);
  if (!result.ok()) return result.status();
  return Prediction{result->total_seconds,
                    static_cast<double>(result->counters.replies) / static_cast<double>(size.jobs)};
}

absl::StatusOr<SearchResult> SearchChoices(const FleetProfile& profile, const FleetSize& size,
                                           const SearchOptions& options) {
  if (size.slots < 1 || size.lanes < 1 || size.jobs < 1) {
    return absl::InvalidArgumentError(absl::StrCat("slots = ", size.slots,
                                                   ", trials = ", size.lanes,
                                                   ", jobs = ", size.jobs, ": each at least 1"));
  }
  if (size.slots > profile.slots || profile.rows < 1) {
    return absl::InvalidArgumentError(absl::StrCat("slots = ", size.slots, ": the profile has ",
                                                   profile.slots, " and ", profile.rows, " rows"));
  }
  return Search(profile, size, options).Run();
}

}  // namespace gradloom
