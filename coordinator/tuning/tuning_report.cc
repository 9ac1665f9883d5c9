#include "coordinator/tuning/tuning_report.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "coordinator/run_file/yaml_text.h"

namespace gradloom {
namespace {

std::string Replies(const RankedChoice& ranked, const TuningReport& report) {
  if (report.reply_bytes == 0) return absl::StrFormat("%.1f", ranked.replies_per_job);
  return BytesText(ranked.replies_per_job * static_cast<double>(report.reply_bytes));
}

// "{b: 1, w: 2}", after `items`.
std::string YamlMap(const Settings& settings, std::vector<std::string> items) {
  for (const auto& [key, value] : settings.Shown()) {
    const double* number = std::get_if<double>(&value);
    items.push_back(
        absl::StrCat(key, ": ", number == nullptr ? ValueText(value) : YamlNumber(*number)));
  }
  return absl::StrCat("{", absl::StrJoin(items, ", "), "}");
}

}  // namespace

std::string BytesText(double bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < std::size(kUnits)) {
    bytes /= 1000;
    ++unit;
  }
  return absl::StrFormat("%.3g %s", bytes, kUnits[unit]);
}

std::string CostText(const ChoiceCost& cost, double reply_bytes) {
  std::string text = absl::StrFormat(
      "%.4g %s of the data over the fleet, %d %s of the parameters at a time, up to %.4g replies a "
      "job",
      cost.copies, cost.copies == 1 ? "copy" : "copies", cost.versions,
      cost.versions == 1 ? "version" : "versions", cost.replies_per_job);
  if (reply_bytes > 0) {
    absl::StrAppend(&text, " (", BytesText(cost.replies_per_job * reply_bytes), ")");
  }
  return text;
}

std::string TuningTable(const SearchResult& result, const TuningReport& report) {
  size_t scheme_width = 6, fleet_width = 5, closing_width = 7;
  for (const RankedChoice& ranked : result.ranked) {
    scheme_width = std::max(scheme_width, SchemeText(ranked.choice.scheme).size());
    fleet_width = std::max(fleet_width, ArrangementText(ranked.choice.fleet).size());
    closing_width = std::max(closing_width, ClosingText(ranked.choice.closing).size());
  }
  std::string out = absl::StrFormat(
      "%4s  %-*s  %-*s  %-*s  %10s  %17s  %7s  %8s  %9s  %6s  %8s  %8s  %11s\n", "rank",
      scheme_width, "scheme", fleet_width, "fleet", closing_width, "closing", "seconds",
      "80 % within", "x floor", "load", "tolerated", "copies", "per slot", "versions",
      report.reply_bytes == 0 ? "replies/job" : "bytes/job");
  for (size_t i = 0; i < result.ranked.size(); ++i) {
    const RankedChoice& ranked = result.ranked[i];
    absl::StrAppendFormat(
        &out,
        "%4d  %-*s  %-*s  %-*s  %10.4g  %8.4g-%8.4g  %7.3f  %8.5f  %9d  %6.1f  %7.2f%%  %8d  "
        "%11s\n",
        i + 1, scheme_width, SchemeText(ranked.choice.scheme), fleet_width,
        ArrangementText(ranked.choice.fleet), closing_width, ClosingText(ranked.choice.closing),
        ranked.seconds, ranked.low_seconds, ranked.high_seconds,
        ranked.seconds / report.floor_seconds,
        InvocationLoad(ranked.choice, ranked.cost, report.size.lanes), ranked.cost.tolerated,
        ranked.cost.copies, 100 * ranked.cost.copies / report.size.slots, ranked.cost.versions,
        Replies(ranked, report));
  }
  return out;
}

std::string TuningCsv(const SearchResult& result, const TuningReport& report) {
  std::string out =
      "rank,scheme,fleet,closing,seconds,mean_seconds,low_seconds,high_seconds,floor_seconds,load,"
      "tolerated,copies,versions,replies_per_job,bytes_per_job\n";
  for (size_t i = 0; i < result.ranked.size(); ++i) {
    const RankedChoice& ranked = result.ranked[i];
    absl::StrAppendFormat(
        &out, "%d,\"%s\",%s,\"%s\",%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%d,%.9g,%d,%.9g,%.9g\n", i + 1,
        SchemeText(ranked.choice.scheme), ArrangementText(ranked.choice.fleet),
        ClosingText(ranked.choice.closing), ranked.seconds, ranked.mean_seconds, ranked.low_seconds,
        ranked.high_seconds, report.floor_seconds,
        InvocationLoad(ranked.choice, ranked.cost, report.size.lanes), ranked.cost.tolerated,
        ranked.cost.copies, ranked.cost.versions, ranked.replies_per_job,
        ranked.replies_per_job * static_cast<double>(report.reply_bytes));
  }
  return out;
}

std::string RunFileSnippet(const RankedChoice& choice, const FleetSize& size) {
  const SchemeSpec& spec = choice.choice.scheme;
  const std::string scheme = absl::StrCat(spec.kind->name, ": ", YamlMap(spec.settings, {}));
  const ClosingRuleSpec& rule = choice.choice.closing;
  const std::string closing =
      rule.settings.Shown().empty()
          ? std::string(rule.kind->name)
          : YamlMap(rule.settings, {absl::StrCat("rule: ", rule.kind->name)});
  return absl::StrFormat(
      "# gradloom tune: %.4g s predicted over %s, 80 %% within %.4g-%.4g s\n"
      "scheme:\n  slots: %d\n  %s\nclosing: %s\nfleet:\n  arrangement: %s\n",
      choice.seconds, SizeText(size), choice.low_seconds, choice.high_seconds, size.slots, scheme,
      closing, ArrangementText(choice.choice.fleet));
}

}  // namespace gradloom
