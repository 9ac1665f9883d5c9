// What of a run can be judged without its data. Internal to run_file.
#ifndef GRADLOOM_COORDINATOR_RUN_FILE_VALIDATE_H_
#define GRADLOOM_COORDINATOR_RUN_FILE_VALIDATE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gradloom/v1/run.pb.h"

namespace gradloom {

// Collects what is wrong, so that a user sees all of it at once.
class Findings {
 public:
  // `path` prefixes every field reported after it.
  void SetPrefix(std::string prefix) { prefix_ = std::move(prefix); }
  void Add(absl::string_view field, absl::string_view what);
  // An error whose message names its field itself.
  void Add(const absl::Status& status);
  // field = value is wrong; `legal` completes "must be ...".
  template <typename Value>
  void Require(bool ok, absl::string_view field, const Value& value, absl::string_view legal) {
    if (!ok) Add(field, absl::StrCat(value, " is not legal; it must be ", legal));
  }
  void RequireText(const std::string& value, absl::string_view field, absl::string_view what);
  size_t count() const { return findings_.size(); }
  absl::Status status() const;

 private:
  std::string prefix_;
  std::vector<std::string> findings_;
};

// Whether `name` can be a file name on every system, and stays readable.
bool IsLegalName(absl::string_view name);

// `spec` has its defaults and its trials.
void ValidateRun(const v1::RunSpec& spec, Findings* findings);
// Fields are reported as "workload...." and so on.
void ValidateTrial(const v1::TrialSpec& trial, Findings* findings);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_RUN_FILE_VALIDATE_H_
