// From what a user wrote to what the service runs: a run file (YAML) is read into a v1::RunSpec,
// which is then resolved: every default becomes an explicit value, a sweep becomes its trials, and
// everything that can be checked without the data is checked. Pure but for LoadRunFile.
#ifndef GRADLOOM_COORDINATOR_RUN_FILE_RUN_FILE_H_
#define GRADLOOM_COORDINATOR_RUN_FILE_RUN_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gradloom/v1/run.pb.h"

namespace gradloom {

inline constexpr int kMaxTrials = 4096;
// Of a resolved run: it travels whole, beside its status, in messages of 4 MiB.
inline constexpr size_t kMaxSpecBytes = 2 << 20;

// Errors read "file:line:column: path: what is wrong; what is legal". A missing `name` becomes the
// file name's stem, cleaned of what a name may not contain.
absl::StatusOr<v1::RunSpec> ParseRunFile(absl::string_view text, absl::string_view file);
// Reads the file, at most kMaxYamlBytes. NotFound and the like name the path.
absl::StatusOr<v1::RunSpec> LoadRunFile(const std::string& path);

// Applies "path=value" (value: YAML), as from a command line, to an unresolved spec. Setting
// training.jobs unsets training.epochs and the other way round, of a trial's, too.
absl::Status ApplyOverride(absl::string_view assignment, v1::RunSpec* spec);

struct ResolvedRun {
  // All defaults filled in but those that depend on the data or the fleet; `trials` are complete,
  // `sweep` is empty. Resolving it again changes nothing.
  v1::RunSpec spec;
  // spec.trials: one at least, each with workload, optimizer, training and seed.
  std::vector<v1::TrialSpec> trials;
};
// A trial's set fields replace the run's: in `optimizer` and `training` key by key, anything deeper
// (a workload, a schedule) as a whole. InvalidArgument lists every offending field (up to ten, one
// a line) with its value and what is legal. Anything may be asked, also what no run file can say:
// the API's clients are judged here.
absl::StatusOr<ResolvedRun> ResolveRunSpec(const v1::RunSpec& spec);

// LoadRunFile, ApplyOverride for each of `set`, ResolveRunSpec; errors name the file, or "--set".
absl::StatusOr<ResolvedRun> LoadResolvedRun(const std::string& path,
                                            const std::vector<std::string>& set);

// What waits until it is known who takes part: `slots` where the scheme has no number of its own,
// and the scheme of a run that names none: gc with s = 1, or uncoded when there is one slot only.
void SettleScheme(uint32_t slots, v1::SchemeSpec* scheme);

// The delay T of the scheme, in rounds: job t is decoded at the latest when round t + T closes.
int64_t SchemeDelay(const v1::SchemeSpec& scheme);
// "m_sgc(b=1,w=2,lambda=3)".
std::string SchemeName(const v1::SchemeSpec& scheme);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_RUN_FILE_RUN_FILE_H_
