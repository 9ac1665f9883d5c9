#include "coordinator/cli/lanes_table.h"

#include <algorithm>
#include <iostream>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "coordinator/tuning/auto_simulation.h"
#include "coordinator/tuning/fleet_profile.h"

namespace gradloom {
namespace {

// Of the best choices of a scheme so many are tried under every closing rule.
constexpr int kClosingsOf = 12;

struct Column {
  std::string name;
  std::vector<const SchemeKind*> schemes;
  bool one_gang = false;  // of all lanes, and nothing else
};

// Every scheme by itself, and all those in a gang that return a share as a whole.
std::vector<Column> Columns(const ChoiceSpace& space) {
  std::vector<Column> whole, piecemeal;
  Column gang{"one gang", {}, true};
  for (const SchemeKind* kind : SchemeTable()) {
    if (!space.Has(*kind)) continue;
    (kind->piecemeal ? piecemeal : whole).push_back({std::string(kind->title), {kind}});
    if (!kind->piecemeal) gang.schemes.push_back(kind);
  }
  std::vector<Column> columns = std::move(whole);
  if (space.gang && !gang.schemes.empty()) columns.push_back(std::move(gang));
  columns.insert(columns.end(), piecemeal.begin(), piecemeal.end());
  return columns;
}

// What of `space` belongs to the column.
ChoiceSpace SpaceOf(const Column& column, ChoiceSpace space) {
  space.schemes = column.schemes;
  if (column.one_gang) space.woven = space.overlap = space.split = false;
  return space;
}

class LanesTable {
 public:
  LanesTable(LoadedFleet fleet, SearchOptions search)
      : fleet_(std::move(fleet)), search_(std::move(search)) {
    profile_ = fleet_.trace.has_value()
                   ? ProfileOfTrace(*fleet_.trace, fleet_.size.slots, fleet_.slope, fleet_.slope)
                   : ProfileOfModel(*fleet_.delays, fleet_.size.slots, kModelRows);
    profile_.reply_seconds = fleet_.delays->ReplySeconds();
    search_.resamples = 0;
    search_.keep = kClosingsOf;
    search_.progress = nullptr;
  }

  absl::Status PrintLine(bool lanes) const {
    absl::StatusOr<FleetSize> size =
        SizeOf(*fleet_.run, lanes, fleet_.size.slots, fleet_.size.jobs);
    if (!size.ok()) return size.status();
    std::string line = absl::StrFormat("| %s | %d | %s: %d |", fleet_.run->spec.name(), size->jobs,
                                       lanes ? "on" : "off", size->lanes);
    for (const Column& column : Columns(search_.space)) {
      absl::StatusOr<std::string> cell = Best(*size, SpaceOf(column, search_.space));
      if (!cell.ok()) return cell.status();
      absl::StrAppend(&line, *cell);
    }
    absl::StatusOr<std::string> cell = Auto(*size);
    if (!cell.ok()) return cell.status();
    std::cout << line << *cell << "\n" << std::flush;
    return absl::OkStatus();
  }

 private:
  static constexpr int kModelRows = 64;

  absl::StatusOr<double> Play(const Choice& choice, const FleetSize& size) const {
    absl::StatusOr<Prediction> played =
        Predict(choice, size, profile_, RecordedOrder(profile_), search_.apply_seconds);
    if (!played.ok()) return played.status();
    return played->seconds;
  }

  absl::StatusOr<std::string> Best(const FleetSize& size, const ChoiceSpace& space) const {
    SearchOptions search = search_;
    search.space = space;
    const absl::StatusOr<SearchResult> found = SearchChoices(profile_, size, search);
    // A delay, or a gang, wants several lanes.
    if (absl::IsInvalidArgument(found.status())) return " - |";
    if (!found.ok()) return found.status();
    FleetSize horizon = size;
    horizon.jobs = std::min(size.jobs, search_.jobs_max);
    std::vector<Choice> choices;
    for (const RankedChoice& ranked : found->ranked) {
      choices.push_back(ranked.choice);
      for (Choice& other : OtherClosings(ranked.choice)) choices.push_back(std::move(other));
    }
    std::vector<double> seconds(choices.size(), std::numeric_limits<double>::infinity());
    search_.run_all(static_cast<int>(choices.size()), [&](int i) {
      const absl::StatusOr<double> played = Play(choices[i], horizon);
      if (played.ok()) seconds[i] = *played;
    });
    const Choice& best =
        choices[std::min_element(seconds.begin(), seconds.end()) - seconds.begin()];
    const absl::StatusOr<double> played = Play(best, size);
    if (!played.ok()) return played.status();
    return Cell(*played, best);
  }

  absl::StatusOr<std::string> Auto(const FleetSize& size) const {
    AutoOptions options;
    options.search = search_;
    const std::unique_ptr<DelayModel> delays = MakeProfileDelays(profile_, RecordedOrder(profile_));
    absl::StatusOr<AutoPlay> play =
        PlayAuto(size, *delays, options, {.apply_seconds = search_.apply_seconds});
    if (!play.ok()) return play.status();
    return Cell(play->result.total_seconds, play->longest().choice);
  }

  static std::string Cell(double seconds, const Choice& choice) {
    std::string text = absl::StrCat(SchemeText(choice.scheme), " ", ArrangementText(choice.fleet));
    if (choice.closing != ClosingRuleSpec()) {
      absl::StrAppend(&text, " ", ClosingText(choice.closing));
    }
    return absl::StrFormat(" %.5g (%s) |", seconds, text);
  }

  const LoadedFleet fleet_;
  SearchOptions search_;
  FleetProfile profile_;
};

}  // namespace

absl::Status PrintLanesTable(const std::vector<std::string>& run_files, SimulatedFleet fleet,
                             const SearchOptions& search) {
  std::string heading = "| run | jobs | lanes |", rule = "|---|---|---|";
  for (const Column& column : Columns(search.space)) {
    absl::StrAppend(&heading, " ", column.name, " |");
    absl::StrAppend(&rule, "---|");
  }
  std::cout << heading << " auto, mostly |\n" << rule << "---|\n" << std::flush;
  for (const std::string& file : run_files) {
    fleet.run_file = file;
    absl::StatusOr<LoadedFleet> loaded = LoadFleet(fleet);
    if (!loaded.ok()) return loaded.status();
    const LanesTable table(*std::move(loaded), search);
    for (const bool lanes : {false, true}) {
      if (absl::Status status = table.PrintLine(lanes); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace gradloom
