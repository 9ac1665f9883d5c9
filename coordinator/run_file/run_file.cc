#include "coordinator/run_file/run_file.h"

#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "coordinator/run_file/yaml_to_proto.h"

namespace gradloom {
namespace {

std::string NameFromFile(absl::string_view file) {
  std::string stem = std::filesystem::path(std::string(file)).stem().string();
  for (char& c : stem) {
    if (!absl::ascii_isalnum(c) && c != '_' && c != '-' && c != '.') c = '-';
  }
  while (!stem.empty() && stem[0] == '.') stem.erase(0, 1);
  return stem.empty() ? "run" : stem.substr(0, 100);
}

// A training's length is in epochs or in jobs.
void KeepOneLength(absl::string_view key, v1::TrainingSpec* training) {
  if (key == "jobs") training->clear_epochs();
  if (key == "epochs") training->clear_jobs();
}

}  // namespace

absl::StatusOr<v1::RunSpec> ParseRunFile(absl::string_view text, absl::string_view file) {
  v1::RunSpec spec;
  absl::Status status = YamlToMessage(text, file, &spec);
  if (!status.ok()) return status;
  if (spec.name().empty()) spec.set_name(NameFromFile(file));
  return spec;
}

absl::StatusOr<v1::RunSpec> LoadRunFile(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return absl::NotFoundError(absl::StrCat("run file '", path, "' does not exist"));
  }
  if (std::filesystem::is_directory(path, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("run file '", path, "' is a folder; name a YAML file"));
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) return absl::PermissionDeniedError(absl::StrCat("run file '", path, "': not readable"));
  // One byte more than is legal, so that a larger file shows without being read.
  std::string text(kMaxYamlBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  if (text.size() > kMaxYamlBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("run file '", path, "' is larger than ", kMaxYamlBytes, " bytes"));
  }
  return ParseRunFile(text, path);
}

absl::Status ApplyOverride(absl::string_view assignment, v1::RunSpec* spec) {
  const size_t equals = assignment.find('=');
  if (equals == absl::string_view::npos || equals == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", assignment, "' is not path=value, such as optimizer.learning_rate=0.01"));
  }
  const absl::string_view path = assignment.substr(0, equals);
  absl::Status status = SetField(path, assignment.substr(equals + 1), spec);
  if (!status.ok()) return status;
  if (absl::string_view key = path; absl::ConsumePrefix(&key, "training.")) {
    KeepOneLength(key, spec->mutable_training());
  }
  for (int i = 0; i < spec->trials_size(); ++i) {
    absl::string_view key = path;
    if (absl::ConsumePrefix(&key, absl::StrCat("trials[", i, "].training."))) {
      KeepOneLength(key, spec->mutable_trials(i)->mutable_training());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ResolvedRun> LoadResolvedRun(const std::string& path,
                                            const std::vector<std::string>& set) {
  absl::StatusOr<v1::RunSpec> spec = LoadRunFile(path);
  if (!spec.ok()) return spec.status();
  for (const std::string& assignment : set) {
    absl::Status status = ApplyOverride(assignment, &*spec);
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--set ", status.message()));
    }
  }
  absl::StatusOr<ResolvedRun> run = ResolveRunSpec(*spec);
  if (run.ok()) return run;
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", run.status().message()));
}

}  // namespace gradloom
