#include "coordinator/run_file/run_update.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "coordinator/run_file/run_file.h"
#include "coordinator/run_file/yaml_text.h"
#include "coordinator/run_file/yaml_to_proto.h"
#include "google/protobuf/util/message_differencer.h"

namespace gradloom {
namespace {

using google::protobuf::util::MessageDifferencer;

absl::Status Shrinks(const std::string& key, const std::string& from, const std::string& to) {
  return absl::FailedPreconditionError(
      absl::StrCat(key, ": ", from, " -> ", to, ": a training may only be made longer"));
}

// From epochs to jobs or back: only the data can tell, when the run goes on.
absl::Status CheckGrowth(const std::string& path, const v1::TrainingSpec& stored,
                         const v1::TrainingSpec& wanted) {
  if (stored.has_epochs() && wanted.has_epochs() && wanted.epochs() < stored.epochs()) {
    return Shrinks(path + ".epochs", YamlNumber(stored.epochs()), YamlNumber(wanted.epochs()));
  }
  if (stored.has_jobs() && wanted.has_jobs() && wanted.jobs() < stored.jobs()) {
    return Shrinks(path + ".jobs", absl::StrCat(stored.jobs()), absl::StrCat(wanted.jobs()));
  }
  return absl::OkStatus();
}

// Copies what decides when a training ends; whether it was anything else.
bool TakeOverEnd(const v1::TrainingSpec& wanted, v1::TrainingSpec* stored) {
  const v1::TrainingSpec before = *stored;
  stored->clear_epochs();
  stored->clear_jobs();
  stored->clear_patience();
  stored->clear_target_accuracy();
  if (wanted.has_epochs()) stored->set_epochs(wanted.epochs());
  if (wanted.has_jobs()) stored->set_jobs(wanted.jobs());
  if (wanted.has_patience()) stored->set_patience(wanted.patience());
  if (wanted.has_target_accuracy()) stored->set_target_accuracy(wanted.target_accuracy());
  return !MessageDifferencer::Equals(before, *stored);
}

// The checksum that a run was begun with holds for a file that is only named.
void KeepChecksum(const v1::StartFrom& stored, v1::StartFrom* wanted) {
  if (wanted->sha256().empty() && wanted->file() == stored.file()) {
    wanted->set_sha256(stored.sha256());
  }
}

void TakeOverService(const v1::RunSpec& wanted, v1::RunSpec* stored) {
  const std::string arrangement = stored->fleet().arrangement(), isa = stored->fleet().isa();
  *stored->mutable_fleet() = wanted.fleet();
  stored->mutable_fleet()->set_arrangement(arrangement);
  if (!isa.empty()) stored->mutable_fleet()->set_isa(isa);
  *stored->mutable_checkpoint() = wanted.checkpoint();
  *stored->mutable_limits() = wanted.limits();
  stored->clear_straggle();
  if (wanted.has_straggle()) *stored->mutable_straggle() = wanted.straggle();
}

}  // namespace

absl::StatusOr<RunUpdate> UpdateRun(const v1::RunSpec& stored, const v1::RunSpec& wanted) {
  RunUpdate update{.spec = wanted};
  v1::RunSpec& now = update.spec;
  if (stored.scheme().has_slots()) SettleScheme(stored.scheme().slots(), now.mutable_scheme());
  if (now.fleet().isa().empty()) now.mutable_fleet()->set_isa(stored.fleet().isa());
  if (now.has_start_from()) KeepChecksum(stored.start_from(), now.mutable_start_from());
  v1::RunSpec as_was = stored;  // with what may change as it is now
  TakeOverService(now, &as_was);
  TakeOverEnd(now.training(), as_was.mutable_training());
  for (int i = 0; i < std::min(stored.trials_size(), now.trials_size()); ++i) {
    absl::Status status = CheckGrowth(absl::StrCat("trials[", i, "].training"),
                                      stored.trials(i).training(), now.trials(i).training());
    if (!status.ok()) return status;
    if (now.trials(i).has_start_from()) {
      KeepChecksum(stored.trials(i).start_from(), now.mutable_trials(i)->mutable_start_from());
    }
    update.trains_further |=
        TakeOverEnd(now.trials(i).training(), as_was.mutable_trials(i)->mutable_training());
  }
  MessageDifferencer differencer;
  std::string report;
  differencer.ReportDifferencesToString(&report);
  if (!differencer.Compare(as_was, now)) {
    const std::vector<std::string> lines = absl::StrSplit(report, '\n');
    return absl::FailedPreconditionError(lines.empty() ? "it differs" : lines[0]);
  }
  update.changed = !MessageDifferencer::Equals(stored, now);
  return update;
}

absl::Status ApplyToResolved(absl::string_view assignment, v1::RunSpec* spec) {
  absl::Status status = ApplyOverride(assignment, spec);
  const absl::string_view path = assignment.substr(0, assignment.find('='));
  const absl::string_view key = path.substr(0, path.find('.'));
  const bool of_a_trial = v1::TrialSpec::descriptor()->FindFieldByName(std::string(key)) != nullptr;
  if (!status.ok() || !of_a_trial || key == "name" || key == "seed") return status;
  for (int i = 0; status.ok() && i < spec->trials_size(); ++i) {
    status = ApplyOverride(absl::StrCat("trials[", i, "].", assignment), spec);
  }
  return status;
}

}  // namespace gradloom
