#include "coordinator/tuning/tuning_report.h"

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/run_file/run_file.h"
#include "coordinator/run_file/specs.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

constexpr char kRun[] = R"(
data: {train: {regression: {}}}
workload: linear_regression
trials: [{}, {}, {}, {}, {}, {}, {}, {}]
)";

// What a run file that goes on with the snippet says, or what is wrong with it.
std::string Read(const Choice& choice, const FleetSize& size) {
  RankedChoice ranked;
  ranked.choice = choice;
  const std::string snippet = RunFileSnippet(ranked, size);
  const absl::StatusOr<v1::RunSpec> spec = ParseRunFile(absl::StrCat(kRun, snippet), "run.yaml");
  if (!spec.ok()) return absl::StrCat(spec.status().message(), "\n", snippet);
  const absl::StatusOr<ResolvedRun> run = ResolveRunSpec(*spec);
  if (!run.ok()) return absl::StrCat(run.status().message(), "\n", snippet);
  return absl::StrCat(SchemeText(ToSchemeSpec(run->spec.scheme(), 0)), " ",
                      ClosingText(ToClosingRuleSpec(run->spec.closing())), " ",
                      run->spec.fleet().arrangement());
}

TEST(RunFileSnippet, SaysTheChoiceWhateverItIs) {
  const FleetSize size{12, 8, 16};
  std::set<const SchemeKind*> kinds;
  for (const Choice& choice : DistinctChoices({}, size)) {
    const std::string expected =
        absl::StrCat(SchemeText(choice.scheme), " ", ClosingText(choice.closing), " ",
                     ArrangementText(choice.fleet));
    EXPECT_EQ(Read(choice, size), expected);
    if (!kinds.insert(choice.scheme.kind).second) continue;
    for (const Choice& other : OtherClosings(choice)) {
      EXPECT_EQ(Read(other, size),
                absl::StrCat(SchemeText(other.scheme), " ", ClosingText(other.closing), " ",
                             ArrangementText(other.fleet)));
    }
  }
  EXPECT_EQ(kinds.size(), SchemeTable().size());
}

TEST(RunFileSnippet, WaitsForAllIfTheChoiceDoes) {
  Choice choice;
  choice.closing = ClosingRuleSpec(*FindClosing("wait_for_all"));
  EXPECT_EQ(Read(choice, {12, 8, 16}), "uncoded wait_for_all woven");
}

}  // namespace
}  // namespace gradloom
