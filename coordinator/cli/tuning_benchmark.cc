#include "coordinator/cli/tuning_benchmark.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <iostream>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "coding/usual_choices.h"
#include "coordinator/simulation/paper_rounds.h"
#include "coordinator/tuning/auto_simulation.h"

namespace gradloom {
namespace {

constexpr double kFactors[] = {1, 2, 10, 50};
constexpr int kHeadRows = 5;

// Those that return a share piece by piece, or those that return it as a whole.
std::vector<const SchemeKind*> Schemes(bool piecemeal) {
  std::vector<const SchemeKind*> schemes = AllSchemes();
  std::erase_if(schemes, [&](const SchemeKind* kind) { return kind->piecemeal != piecemeal; });
  return schemes;
}

class Benchmark {
 public:
  Benchmark(const SimulatedFleet& fleet, const SearchOptions& search)
      : fleet_(fleet), search_(search) {
    search_.resamples = 0;
    search_.keep = 1000;
    search_.progress = nullptr;
  }

  absl::Status Run(const std::vector<std::string>& files) {
    std::map<std::string, std::vector<Trace>> families;
    for (const std::string& file : files) {
      absl::StatusOr<Trace> trace = ReadTrace(file);
      if (!trace.ok()) return trace.status();
      const std::string name = std::filesystem::path(file).filename().string();
      families[name.substr(0, name.find("-l"))].push_back(*std::move(trace));
    }
    std::vector<std::string> heading = {"trace", "slope"};
    for (const SchemeKind* kind : Schemes(false)) heading.emplace_back(kind->title);
    heading.insert(heading.end(), {"gang", "free to split"});
    for (const SchemeKind* kind : Schemes(true)) heading.emplace_back(kind->title);
    heading.push_back(absl::StrCat("paper's ", PublishedScheme().title));
    heading.insert(heading.end(), {"auto: told", "auto: 5 rows", "auto: cold"});
    std::cout << "| " << absl::StrJoin(heading, " | ") << " |\n|";
    for (size_t i = 0; i < heading.size(); ++i) std::cout << "---|";
    std::cout << "\n";
    for (const auto& [family, traces] : families) {
      const absl::StatusOr<double> slope =
          fleet_.slope.has_value() ? *fleet_.slope : FittedSlope(traces);
      if (!slope.ok()) {
        return absl::Status(slope.status().code(),
                            absl::StrCat(family, ": ", slope.status().message()));
      }
      for (const Trace& trace : traces) {
        for (double factor : kFactors) {
          absl::Status status = Line(family.substr(0, family.find("__")), trace, *slope, factor);
          if (!status.ok()) return status;
        }
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Line(const std::string& family, Trace trace, double slope, double factor) {
    const double name_load = trace.load;
    if (fleet_.trace_load.has_value()) trace.load = *fleet_.trace_load;
    absl::StatusOr<FleetSize> size =
        SizeOf(fleet_, std::nullopt, fleet_.slots == 0 ? trace.columns : fleet_.slots);
    if (!size.ok()) return size.status();
    size_ = *std::move(size);
    search_.jobs_max = std::max(search_.jobs_max, size_.jobs);
    trace = WithSlopeFactor(std::move(trace), slope, factor);
    profile_ = ProfileOfTrace(trace, size_.slots, slope * factor, slope * factor);
    profile_.reply_seconds = fleet_.reply_seconds;
    std::string line = absl::StrFormat("| %s %.2f | x%g |", family, name_load, factor);
    const absl::StatusOr<SearchResult> found = SearchChoices(profile_, size_, search_);
    if (!found.ok()) return found.status();
    const double best = found->ranked.front().seconds;
    // Every scheme over all slots, one job after the other; then what lanes gain by company.
    for (const SchemeKind* kind : Schemes(false)) {
      absl::StrAppend(&line, First(*found, [kind](const Choice& choice) {
        return choice.scheme.kind == kind && (choice.fleet.kind == Arrangement::Kind::kWoven ||
                                              choice.fleet.kind == Arrangement::Kind::kOverlap);
      }));
    }
    const auto whole = [](const Choice& choice) { return !choice.scheme.kind->piecemeal; };
    absl::StrAppend(&line, First(*found, [&](const Choice& choice) {
      return whole(choice) && choice.fleet.kind == Arrangement::Kind::kGang &&
             choice.fleet.groups == 1;
    }));
    absl::StrAppend(&line, First(*found, whole));
    for (const SchemeKind* kind : Schemes(true)) {
      absl::StrAppend(&line, First(*found, [kind](const Choice& choice) {
        return choice.scheme.kind == kind;
      }));
    }
    absl::StatusOr<PaperChoice> paper =
        SearchPaper(PublishedScheme(), size_.slots, 4, trace, slope * factor, {.jobs = size_.jobs});
    if (!paper.ok()) return paper.status();
    absl::StrAppendFormat(&line, " %.4g |", paper->result.total_seconds);
    FleetProfile head = profile_;
    head.rows = std::min(head.rows, kHeadRows);
    head.fixed_seconds.resize(static_cast<size_t>(head.rows) * head.slots);
    for (const FleetProfile* known :
         std::initializer_list<const FleetProfile*>{&profile_, &head, nullptr}) {
      absl::StatusOr<double> seconds = Auto(known);
      if (!seconds.ok()) return seconds.status();
      absl::StrAppendFormat(&line, " %.4g (%+.1f%%) |", *seconds, 100 * (*seconds / best - 1));
    }
    absl::StrAppend(&line, "\n");
    std::cout << line << std::flush;
    return absl::OkStatus();
  }

  // Seconds, parameters and arrangement of the first that `wanted` names.
  static std::string First(const SearchResult& found,
                           const std::function<bool(const Choice&)>& wanted) {
    for (const RankedChoice& ranked : found.ranked) {
      if (!wanted(ranked.choice)) continue;
      std::string scheme = SchemeText(ranked.choice.scheme);
      const size_t colon = scheme.find(':');
      scheme = colon == std::string::npos ? "" : absl::StrCat(scheme.substr(colon + 1), " ");
      return absl::StrFormat(" %.4g (%s%s) |", ranked.seconds, scheme,
                             ArrangementText(ranked.choice.fleet));
    }
    return " - |";
  }

  absl::StatusOr<double> Auto(const FleetProfile* known) const {
    AutoOptions options;
    options.search = search_;
    // Schemes with a delay never are the best where lanes may form a gang or split the fleet, and
    // cost most to play.
    options.search.space.delay_max = 0;
    if (known != nullptr) options.known = *known;
    const std::unique_ptr<DelayModel> delays = MakeProfileDelays(profile_, RecordedOrder(profile_));
    absl::StatusOr<AutoPlay> play = PlayAuto(size_, *delays, options, {});
    if (!play.ok()) return play.status();
    return play->result.total_seconds;
  }

  const SimulatedFleet& fleet_;
  SearchOptions search_;
  FleetSize size_;
  FleetProfile profile_;
};

}  // namespace

absl::Status PrintTuningBenchmark(const std::vector<std::string>& files,
                                  const SimulatedFleet& fleet, const SearchOptions& search) {
  return Benchmark(fleet, search).Run(files);
}

}  // namespace gradloom
