#include "coordinator/cli/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "proto/ops/printable.h"

namespace gradloom {
namespace {

double Fraction(const v1::TrialStatus& trial) {
  if (trial.finished()) return 1;
  if (trial.jobs() == 0) return 0;
  return std::min(1.0, static_cast<double>(trial.jobs_done()) / static_cast<double>(trial.jobs()));
}

std::string Accuracy(const v1::TrialStatus& trial) {
  return trial.has_accuracy() ? absl::StrFormat("%.2f%%", 100 * trial.accuracy()) : "-";
}

std::string Loss(const v1::TrialStatus& trial) {
  return trial.jobs_done() == 0 ? "-" : absl::StrFormat("%.4g", trial.loss());
}

std::string Plural(uint64_t count, const char* noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

std::string RunLine(const v1::RunStatus& status) {
  if (!status.waiting_for().empty()) return absl::StrCat("waiting for ", status.waiting_for());
  if (status.state() == v1::WAITING) {
    return absl::StrCat("waiting for workers (", status.workers(), " connected)");
  }
  std::string line = absl::StrFormat(
      "%s (%.1f/s), %s tolerated, %s, %s", Plural(status.rounds(), "round"),
      status.rounds_per_second(), Plural(status.stragglers_tolerated(), "straggler"),
      Plural(status.workers(), "worker"), RenderSeconds(status.seconds()));
  if (IsEnded(status.state())) {
    absl::StrAppend(&line, ", ", StateName(status.state()));
  } else if (status.seconds_left() >= 0) {
    absl::StrAppend(&line, ", ", RenderSeconds(status.seconds_left()), " left");
  }
  return line;
}

std::string TrialLine(const v1::TrialStatus& trial, size_t name_width, int width) {
  const std::string tail =
      absl::StrFormat("%4.0f%%  loss %-8s accuracy %-7s", std::floor(100 * Fraction(trial)),
                      Loss(trial), Accuracy(trial));
  std::string name = trial.name();
  name.resize(name_width, ' ');
  const int room = width - static_cast<int>(name_width + tail.size()) - 5;
  std::string bar;
  if (room >= 5) {
    const int filled = static_cast<int>(std::floor(Fraction(trial) * room));
    bar = absl::StrCat(" [", std::string(filled, '='), std::string(room - filled, ' '), "] ");
  }
  std::string line = absl::StrCat(name, bar.empty() ? " " : bar, tail);
  if (static_cast<int>(line.size()) > width) line.resize(std::max(width, 0));
  return line;
}

constexpr size_t kTextMax = 4096;  // bytes of a name or an error

void MakePrintable(google::protobuf::Message* message) {
  const google::protobuf::Reflection& reflection = *message->GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(*message, &fields);
  for (const auto* field : fields) {
    const bool message_type =
        field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE;
    const bool text = field->type() == google::protobuf::FieldDescriptor::TYPE_STRING;
    if (!field->is_repeated()) {
      if (message_type) MakePrintable(reflection.MutableMessage(message, field));
      if (text) {
        reflection.SetString(message, field,
                             Printable(reflection.GetString(*message, field), kTextMax));
      }
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(*message, field); ++i) {
      if (message_type) MakePrintable(reflection.MutableRepeatedMessage(message, field, i));
      if (text) {
        reflection.SetRepeatedString(
            message, field, i,
            Printable(reflection.GetRepeatedString(*message, field, i), kTextMax));
      }
    }
  }
}

// Names and errors are others': whatever they hold, they are text on a terminal.
v1::RunStatus ForTerminal(const v1::RunStatus& status) {
  v1::RunStatus printable = status;
  MakePrintable(&printable);
  return printable;
}

}  // namespace

bool IsEnded(v1::RunState state) {
  return state == v1::SUCCEEDED || state == v1::FAILED || state == v1::CANCELLED;
}

std::string StateName(v1::RunState state) {
  return state == v1::RUN_STATE_UNSPECIFIED ? "unknown"
                                            : absl::AsciiStrToLower(v1::RunState_Name(state));
}

std::string RenderSeconds(double seconds) {
  if (seconds < 99.95) return absl::StrFormat("%.1f s", std::max(seconds, 0.0));
  const int64_t whole = std::llround(std::min(seconds, 1e15));
  if (whole < 3600) return absl::StrFormat("%d min %02d s", whole / 60, whole % 60);
  return absl::StrFormat("%d h %02d min", whole / 3600, whole / 60 % 60);
}

std::vector<std::string> RenderProgress(const v1::RunStatus& given, int width, int height) {
  const v1::RunStatus status = ForTerminal(given);
  std::vector<const v1::TrialStatus*> trials;
  for (const auto& trial : status.trials()) trials.push_back(&trial);
  const size_t bars = static_cast<size_t>(std::max(1, height - 2));
  if (trials.size() > bars) {
    std::stable_partition(trials.begin(), trials.end(),
                          [](const v1::TrialStatus* trial) { return !trial->finished(); });
  }
  const size_t shown = std::min(trials.size(), bars);
  size_t name_width = 0;
  for (size_t i = 0; i < shown; ++i) name_width = std::max(name_width, trials[i]->name().size());
  name_width = std::min(name_width, static_cast<size_t>(std::max(8, width / 3)));
  std::vector<std::string> lines;
  for (size_t i = 0; i < shown; ++i) lines.push_back(TrialLine(*trials[i], name_width, width));
  std::string last = RunLine(status);
  if (shown < trials.size()) {
    last = absl::StrCat("and ", Plural(trials.size() - shown, "more trial"), "; ", last);
  }
  if (static_cast<int>(last.size()) > width) last.resize(std::max(width, 0));
  lines.push_back(last);
  return lines;
}

std::string RenderProgressLine(const v1::RunStatus& given) {
  const v1::RunStatus status = ForTerminal(given);
  std::string line = RunLine(status);
  constexpr int kShown = 4;
  for (int i = 0; i < std::min(status.trials_size(), kShown); ++i) {
    const v1::TrialStatus& trial = status.trials(i);
    absl::StrAppend(&line, "; ", trial.name(), ": job ", trial.jobs_done(), "/", trial.jobs(),
                    ", loss ", Loss(trial), ", accuracy ", Accuracy(trial));
  }
  if (status.trials_size() > kShown) {
    absl::StrAppend(&line, "; and ", Plural(status.trials_size() - kShown, "more trial"));
  }
  return line;
}

std::string RenderSummary(const v1::RunStatus& given) {
  const v1::RunStatus status = ForTerminal(given);
  std::string out = absl::StrFormat("%s: %s after %s", status.name(), StateName(status.state()),
                                    RenderSeconds(status.seconds()));
  if (!status.scheme().empty()) {
    absl::StrAppend(&out, ", ", status.scheme(), ", ", Plural(status.slots(), "slot"));
  }
  out += "\n";
  if (!status.error().empty()) absl::StrAppend(&out, "  error: ", status.error(), "\n");
  if (!status.waiting_for().empty()) {
    absl::StrAppend(&out, "  waiting for ", status.waiting_for(), "\n");
  }
  for (const std::string& warning : status.warnings()) {
    absl::StrAppend(&out, "  warning: ", warning, "\n");
  }
  if (!status.scheme_cost().empty() && absl::EndsWith(status.scheme(), "(auto)")) {
    absl::StrAppend(&out, "  auto: ", status.scheme_switches(),
                    status.scheme_switches() == 1 ? " switch; " : " switches; ",
                    status.scheme_cost(), "\n");
  }
  size_t width = 5;
  for (const auto& trial : status.trials()) width = std::max(width, trial.name().size());
  const int name_width = static_cast<int>(std::min<size_t>(width, 60));
  absl::StrAppend(&out, absl::StrFormat("  %-*s %9s %10s %9s  %s\n", name_width, "trial", "jobs",
                                        "loss", "accuracy", "SHA-256 of the parameters"));
  for (const auto& trial : status.trials()) {
    absl::StrAppend(
        &out, absl::StrFormat("  %-*s %9d %10s %9s  %s\n", name_width, trial.name(),
                              trial.jobs_done(), Loss(trial), Accuracy(trial),
                              trial.parameters_sha256().empty() ? "-" : trial.parameters_sha256()));
  }
  absl::StrAppend(
      &out, "  ", Plural(status.rounds(), "round"),
      absl::StrFormat(" (%.1f/s), ", status.rounds_per_second()),
      Plural(status.stragglers_tolerated(), "straggler"), " tolerated, ", status.replies_late(),
      status.replies_late() == 1 ? " late reply, " : " late replies, ",
      Plural(status.workers_lost(), "worker"), " lost, ", Plural(status.resumes(), "resume"), "\n");
  if (status.jobs_missed() > 0) {
    absl::StrAppend(&out, "  ", Plural(status.jobs_missed(), "job"), " given up, ",
                    status.jobs_late(), " of them applied late\n");
  }
  const double extra = status.uncoded_extra_seconds();
  if (extra > 0 && status.seconds() > 0) {
    absl::StrAppend(
        &out, absl::StrFormat("  waiting for every slot would have taken %s more "
                              "(%.1f times as long)\n",
                              RenderSeconds(extra), (status.seconds() + extra) / status.seconds()));
  }
  return out;
}

std::string RenderRuns(const std::vector<v1::RunStatus>& given) {
  std::vector<v1::RunStatus> runs;
  for (const auto& run : given) runs.push_back(ForTerminal(run));
  size_t width = 4;
  for (const auto& run : runs) width = std::max(width, run.name().size());
  const int name_width = static_cast<int>(std::min<size_t>(width, 40));
  std::string out = absl::StrFormat("%5s  %-*s  %-9s  %6s  %8s  %12s  %s\n", "run", name_width,
                                    "name", "state", "done", "rounds", "time", "scheme");
  for (const auto& run : runs) {
    double done = 0;
    for (const auto& trial : run.trials()) done += Fraction(trial) / run.trials_size();
    absl::StrAppend(
        &out, absl::StrFormat("%5d  %-*s  %-9s  %5.0f%%  %8d  %12s  %s\n", run.run(), name_width,
                              run.name(), StateName(run.state()), std::floor(100 * done),
                              run.rounds(), RenderSeconds(run.seconds()), run.scheme()));
  }
  return out;
}

}  // namespace gradloom
