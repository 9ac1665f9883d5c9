// What the table promises of every scheme: texts that read back, traits that the scheme itself has,
// spaces of legal parameters, errors that say what is legal.
#include "coding/scheme_kind.h"

#include <algorithm>
#include <set>
#include <string>

#include "coding/usual_choices.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coding/specs.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

constexpr int kSlots = 12;

std::vector<SchemeSpec> Offered(const SchemeKind& kind, bool distinct) {
  std::vector<SchemeSpec> specs;
  kind.enumerate(
      {.slots = kSlots, .delay_max = 4, .copies_max = kSlots / 2.0, .distinct = distinct},
      [&](const SchemeSpec& spec) { specs.push_back(spec); });
  return specs;
}

class SchemeKindTest : public ::testing::TestWithParam<absl::string_view> {
 protected:
  const SchemeKind& kind() const { return *FindScheme(GetParam()); }
};

TEST_P(SchemeKindTest, TextsReadBack) {
  for (const SchemeSpec& spec : Offered(kind(), false)) {
    const absl::StatusOr<SchemeSpec> read = ParseScheme(SchemeText(spec));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->kind, spec.kind);
    EXPECT_TRUE(read->settings == spec.settings) << SchemeText(spec);
  }
  // The seed of a code is not lost, wherever there is one.
  for (const Parameter& parameter : kind().parameters) {
    if (parameter.name != "seed") continue;
    SchemeSpec seeded(kind());
    seeded.settings.Set("seed", uint64_t{1} << 63);
    EXPECT_TRUE(ParseScheme(SchemeText(seeded))->settings == seeded.settings);
  }
}

TEST_P(SchemeKindTest, SchemesAreWhatTheTableSays) {
  for (const SchemeSpec& spec : Offered(kind(), false)) {
    EXPECT_EQ(spec.slots, kSlots);
    EXPECT_TRUE(CheckScheme(spec).empty()) << SchemeText(spec);
    const absl::StatusOr<std::unique_ptr<Scheme>> scheme = MakeScheme(spec);
    ASSERT_TRUE(scheme.ok()) << scheme.status();
    const SchemeTraits traits = kind().traits(spec);
    EXPECT_EQ((*scheme)->name(), kind().name);
    EXPECT_EQ((*scheme)->delay(), DelayOf(spec));
    EXPECT_EQ((*scheme)->invocation_load() < (*scheme)->load(), kind().piecemeal && kSlots > 1);
    for (const Part& part : (*scheme)->parts()) {
      EXPECT_GE(part.load * traits.parts, 1 - 1e-12) << SchemeText(spec);
    }
  }
}

// Any slots that are told to be tolerated may be missing in a round, from the first on.
TEST_P(SchemeKindTest, ToleratesAsManyAsItSays) {
  for (const SchemeSpec& spec : Offered(kind(), true)) {
    const int tolerated = kind().traits(spec).tolerated;
    for (int first = 0; first < kSlots; ++first) {
      const std::unique_ptr<Scheme> scheme = *MakeScheme(spec);
      const auto planned = scheme->StartRound(true);
      std::vector<MiniTask> left(planned.begin(), planned.end());
      while (!left.empty() && !scheme->Verdict().may_close()) {
        const MiniTask task = left.front();
        left.erase(left.begin());
        if ((task.slot - first + kSlots) % kSlots < tolerated) continue;
        scheme->Receive(task);
        for (const MiniTask& more : scheme->followup().ask) left.push_back(more);
      }
      EXPECT_TRUE(scheme->Verdict().may_close()) << SchemeText(spec) << " without " << tolerated;
    }
  }
}

TEST_P(SchemeKindTest, DistinctChoicesAreSomeOfAll) {
  std::set<std::string> all;
  for (const SchemeSpec& spec : Offered(kind(), false)) {
    EXPECT_TRUE(all.insert(SchemeText(spec)).second) << "twice: " << SchemeText(spec);
  }
  const std::vector<SchemeSpec> distinct = Offered(kind(), true);
  EXPECT_FALSE(distinct.empty());
  for (const SchemeSpec& spec : distinct) EXPECT_TRUE(all.contains(SchemeText(spec)));
}

TEST_P(SchemeKindTest, FewerSlotsThanItWasChosenForAreWellAsFarAsTheyCanBe) {
  for (const SchemeSpec& spec : Offered(kind(), true)) {
    const SchemeSpec fewer = OverSlots(spec, kSlots / 2);
    EXPECT_EQ(fewer.slots, kSlots / 2);
    if (kind().fit != nullptr) {
      EXPECT_TRUE(MakeScheme(fewer).ok()) << SchemeText(fewer);
    }
  }
}

TEST_P(SchemeKindTest, ChecksAnyParametersAtAll) {
  for (const int slots : {-1, 0, 1, kSlots}) {
    for (const int value : {-2147483647 - 1, -1, 0, 1, 64, 65, 2147483647}) {
      SchemeSpec spec(kind(), slots);
      for (const Parameter& parameter : kind().parameters) {
        if (std::holds_alternative<int>(parameter.otherwise)) {
          spec.settings.Set(parameter.name, value);
        }
      }
      DelayOf(spec);
      const auto scheme = MakeScheme(spec);
      EXPECT_TRUE(scheme.ok() || absl::IsInvalidArgument(scheme.status())) << scheme.status();
      if (!scheme.ok()) {
        EXPECT_THAT(scheme.status().message(), HasSubstr(std::string(kind().name)));
      }
    }
  }
}

std::vector<absl::string_view> Names() {
  std::vector<absl::string_view> names;
  for (const SchemeKind* kind : SchemeTable()) names.push_back(kind->name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Table, SchemeKindTest, ::testing::ValuesIn(Names()),
                         [](const auto& test) { return std::string(test.param); });

TEST(SchemeTableTest, EverySchemeIsThereOnce) {
  std::set<absl::string_view> names, titles;
  for (const SchemeKind* kind : SchemeTable()) {
    EXPECT_TRUE(names.insert(kind->name).second) << kind->name;
    EXPECT_TRUE(titles.insert(kind->title).second) << kind->title;
    EXPECT_EQ(FindScheme(kind->name), kind);
    EXPECT_THAT(SchemeUsage(), HasSubstr(std::string(kind->name)));
  }
  EXPECT_EQ(FindScheme("auto"), nullptr);
  EXPECT_EQ(SchemeText({}), "uncoded");
}

TEST(SchemeTextTest, FormsAreAsTheyEverWere) {
  EXPECT_EQ(SchemeText(Gc(8, 0)), "gc:s=0");
  EXPECT_EQ(SchemeText(Gc(8, 2, "cyclic")), "gc:s=2,code=cyclic");
  EXPECT_EQ(SchemeText(MSgc(8, 1, 2, 3)), "m_sgc:b=1,w=2,lambda=3");
  EXPECT_EQ(SchemeText(SrSgc(8, 1, 2, 3, "dual")), "sr_sgc:b=1,w=2,lambda=3,code=dual");
  EXPECT_EQ(SchemeText(MultiMessage(8)), "multi_message");
  EXPECT_EQ(SchemeText(MultiMessage(8, 3)), "multi_message:reach=3");
  EXPECT_EQ(SchemeText(*ParseScheme("gc:5")), "gc:s=5") << "a value without a key is the first's";
  EXPECT_THAT(SchemeUsage(), HasSubstr("gc:s=N[,code=NAME][,seed=N], sr_sgc:b=N,w=N,lambda=N["));
  EXPECT_THAT(SchemeUsage(), HasSubstr("multi_message[:reach=N], uncoded,"));
}

TEST(SchemeTextTest, ErrorsSayWhatIsLegal) {
  const auto error = [](absl::string_view text) {
    return std::string(ParseScheme(text).status().message());
  };
  EXPECT_EQ(error("msgc"),
            "no scheme named \"msgc\"; known: gc, m_sgc, multi_message, sr_sgc, uncoded");
  EXPECT_EQ(error("gc:s=two"), "scheme gc:s=two: s = \"two\": legal is a whole number");
  EXPECT_EQ(error("gc:s=2,code=cyclics"),
            "scheme gc:s=2,code=cyclics: code = \"cyclics\": legal is fractional_repetition, "
            "cyclic, dual, dual_balanced, early_stop, graph, bernoulli, pairwise_balanced");
  EXPECT_EQ(error("uncoded:s=2"), "scheme uncoded:s=2: unknown key \"s\"; known: none");
  EXPECT_EQ(error("gc:t=2"), "scheme gc:t=2: unknown key \"t\"; known: s, code, seed");
}

TEST(UsualChoicesTest, AreLegalWhateverTheSlots) {
  for (const int slots : {1, 2, 3, 100}) {
    EXPECT_TRUE(MakeScheme(DefaultScheme(slots)).ok());
    EXPECT_EQ(SchemeText(DefaultScheme(slots)), slots == 1 ? "uncoded" : "gc:s=1");
    EXPECT_EQ(ToleratedByCode(CodeTolerating(slots - 1, slots)), slots - 1);
  }
  EXPECT_EQ(ToleratedByCode(MSgc(4, 1, 2, 3)), 0);
  EXPECT_TRUE(MakeScheme(SchemeSpec(UninformedScheme(), 7)).ok()) << "with nothing chosen";
  EXPECT_NE(PublishedScheme().published, nullptr);
}

}  // namespace
}  // namespace gradloom
