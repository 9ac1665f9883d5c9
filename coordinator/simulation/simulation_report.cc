#include "coordinator/simulation/simulation_report.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace gradloom {
namespace {

// Pixels.
constexpr double kMargin = 60;
constexpr double kWidth = 900;
constexpr double kHeight = 220;
constexpr double kGap = 50;

constexpr const char* kColours[] = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd",
                                    "#ff7f0e", "#17becf", "#8c564b", "#7f7f7f"};

constexpr const char* kStraggler = "#d62728";
constexpr const char* kRetry = "#e6a100";
constexpr const char* kBoth = "#6a1b9a";

std::string Escaped(absl::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string Name(const ReportedRun& run) {
  return absl::StrCat(run.scheme, ", ", run.fleet, ", ", run.closing);
}

std::string HeatMap(const ReportedRun& run, int slots, double top) {
  std::string out = absl::StrFormat("<text x='%g' y='%g'>%s: %.4g s</text>\n", kMargin, top - 6,
                                    Escaped(Name(run)), run.total_seconds);
  absl::StrAppendFormat(&out, "<rect x='%g' y='%g' width='%g' height='%g' fill='#e8eef4'/>\n",
                        kMargin, top, kWidth, kHeight);
  const double cell_width = kWidth / static_cast<double>(std::max<size_t>(run.round.size(), 1));
  const double cell_height = kHeight / slots;
  const auto cells = [&](size_t round, const std::vector<int>& marked, const char* colour) {
    for (int slot : marked) {
      absl::StrAppendFormat(&out,
                            "<rect x='%.2f' y='%.2f' width='%.2f' height='%.2f' fill='%s'/>\n",
                            kMargin + static_cast<double>(round) * cell_width,
                            top + slot * cell_height, cell_width, cell_height, colour);
    }
  };
  for (size_t round = 0; round < run.round.size(); ++round) {
    const SimulatedRound& played = run.round[round];
    std::vector<int> both;
    for (int slot : played.retries) {
      if (std::binary_search(played.stragglers.begin(), played.stragglers.end(), slot)) {
        both.push_back(slot);
      }
    }
    cells(round, played.stragglers, kStraggler);
    cells(round, played.retries, kRetry);
    cells(round, both, kBoth);
  }
  absl::StrAppendFormat(&out, "<text x='4' y='%g'>slot 0</text><text x='4' y='%g'>%d</text>\n",
                        top + 10, top + kHeight, slots - 1);
  absl::StrAppendFormat(&out,
                        "<text x='%g' y='%g'>%d rounds, %d slot-rounds "
                        "<tspan fill='%s'>closed without</tspan>, %d "
                        "<tspan fill='%s'>asked again</tspan>, "
                        "<tspan fill='%s'>both</tspan></text>\n",
                        kMargin, top + kHeight + 14, run.rounds, run.stragglers, kStraggler,
                        run.retries, kRetry, kBoth);
  return out;
}

std::string TimeChart(const std::vector<ReportedRun>& runs, double top) {
  double seconds_max = 1e-9;
  size_t rounds_max = 1;
  for (const ReportedRun& run : runs) {
    seconds_max = std::max(seconds_max, run.total_seconds);
    rounds_max = std::max(rounds_max, run.round.size());
  }
  std::string out = absl::StrFormat(
      "<text x='%g' y='%g'>Time over rounds (0 to %.4g s upwards, %d rounds to the right)</text>\n"
      "<rect x='%g' y='%g' width='%g' height='%g' fill='none' stroke='black'/>\n",
      kMargin, top - 6, seconds_max, rounds_max, kMargin, top, kWidth, kHeight);
  for (size_t i = 0; i < runs.size(); ++i) {
    const char* colour = kColours[i % std::size(kColours)];
    std::string points = absl::StrFormat("%g,%g", kMargin, top + kHeight);
    for (size_t round = 0; round < runs[i].round.size(); ++round) {
      absl::StrAppendFormat(
          &points, " %.2f,%.2f",
          kMargin + kWidth * static_cast<double>(round + 1) / static_cast<double>(rounds_max),
          top + kHeight * (1 - runs[i].round[round].end_seconds / seconds_max));
    }
    absl::StrAppendFormat(&out,
                          "<polyline points='%s' fill='none' stroke='%s' stroke-width='1.5'/>\n"
                          "<text x='%g' y='%g' fill='%s'>%s</text>\n",
                          points, colour, kMargin + 8, top + 16 + 14 * static_cast<double>(i),
                          colour, Escaped(Name(runs[i])));
  }
  return out;
}

}  // namespace

ReportedRun ReportPaper(const PaperResult& result) {
  ReportedRun run;
  run.fleet = "woven";
  run.total_seconds = result.total_seconds;
  run.rounds = result.rounds;
  run.wait_outs = result.wait_outs;
  run.load = result.load;
  double now = 0;
  for (size_t round = 0; round < result.round.size(); ++round) {
    const PaperRound& played = result.round[round];
    SimulatedRound out{0, static_cast<int64_t>(round), now, now + played.seconds, {}, {}};
    if (!played.waited_out) out.stragglers = played.stragglers;
    out.retries = played.repeating;
    run.retries += static_cast<int64_t>(out.retries.size());
    run.stragglers += static_cast<int64_t>(out.stragglers.size());
    now = out.end_seconds;
    run.round.push_back(std::move(out));
  }
  return run;
}

ReportedRun ReportSimulation(SimulationResult result, int64_t jobs) {
  ReportedRun run;
  run.total_seconds = result.total_seconds;
  run.rounds = result.counters.rounds;
  run.replies_per_job = static_cast<double>(result.counters.replies) / static_cast<double>(jobs);
  run.round = std::move(result.rounds);
  for (const SimulatedRound& round : run.round) {
    run.wait_outs += round.stragglers.empty();
    run.stragglers += static_cast<int64_t>(round.stragglers.size());
    run.retries += static_cast<int64_t>(round.retries.size());
  }
  return run;
}

std::string ReportTable(const std::vector<ReportedRun>& runs, double floor_seconds) {
  size_t scheme_width = 6, fleet_width = 5, closing_width = 7;
  for (const ReportedRun& run : runs) {
    scheme_width = std::max(scheme_width, run.scheme.size());
    fleet_width = std::max(fleet_width, run.fleet.size());
    closing_width = std::max(closing_width, run.closing.size());
  }
  std::string out = absl::StrFormat(
      "%-*s  %5s  %-*s  %-*s  %10s  %7s  %6s  %9s  %10s  %8s  %9s  %6s  %11s\n", scheme_width,
      "scheme", "lanes", fleet_width, "fleet", closing_width, "closing", "total (s)", "x floor",
      "rounds", "wait-outs", "stragglers", "load", "tolerated", "copies", "replies/job");
  for (const ReportedRun& run : runs) {
    absl::StrAppendFormat(
        &out, "%-*s  %5d  %-*s  %-*s  %10.4f  %7.3f  %6d  %9d  %10d  %8.5f  %9d  %6.1f  %11.1f\n",
        scheme_width, run.scheme, run.lanes, fleet_width, run.fleet, closing_width, run.closing,
        run.total_seconds, run.total_seconds / floor_seconds, run.rounds, run.wait_outs,
        run.stragglers, run.load, run.tolerated, run.copies, run.replies_per_job);
  }
  return out;
}

std::string ReportCsv(const std::vector<ReportedRun>& runs) {
  std::string out =
      "scheme,lanes,fleet,weave,round,start_seconds,end_seconds,stragglers,straggling_slots,"
      "retries,"
      "retrying_slots\n";
  for (const ReportedRun& run : runs) {
    for (const SimulatedRound& round : run.round) {
      absl::StrAppendFormat(&out, "\"%s\",%d,%s,%d,%d,%.6f,%.6f,%d,%s,%d,%s\n", run.scheme,
                            run.lanes, run.fleet, round.weave, round.round, round.start_seconds,
                            round.end_seconds, round.stragglers.size(),
                            absl::StrJoin(round.stragglers, " "), round.retries.size(),
                            absl::StrJoin(round.retries, " "));
    }
  }
  return out;
}

std::string ReportSvg(const std::vector<ReportedRun>& runs, int slots) {
  const double panel = kHeight + kGap;
  std::string out = absl::StrFormat(
      "<svg xmlns='http://www.w3.org/2000/svg' width='%g' height='%g' font-family='sans-serif' "
      "font-size='12'>\n<rect width='100%%' height='100%%' fill='white'/>\n",
      kWidth + 2 * kMargin, panel * static_cast<double>(runs.size() + 1) + kGap);
  out += TimeChart(runs, kGap);
  for (size_t i = 0; i < runs.size(); ++i) {
    out += HeatMap(runs[i], slots, kGap + panel * static_cast<double>(i + 1));
  }
  return out + "</svg>\n";
}

}  // namespace gradloom
