// Schemes, codes and closing rules are named by their own files and by their table alone, and every
// one there is is listed here.
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "coding/closing_kind.h"
#include "coding/codes/code_table.h"
#include "coding/scheme_kind.h"
#include "gmock/gmock.h"
#include "gradloom/v1/run.pb.h"
#include "gtest/gtest.h"
#include "tests/tidy/plug_ins.h"
#include "tests/tidy/tree.h"

namespace gradloom {
namespace {

using ::testing::IsEmpty;

const Tree& ThisTree() {
  static const Tree& tree = *new Tree(ReadTree(GRADLOOM_SOURCE_DIR));
  return tree;
}

std::vector<std::string> Joined(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// The few that are meant where nobody has chosen any, each by a function that says why.
const char* const kUsual = "coding/usual_choices.";

// `message`: in run.proto. `word`: the name is a word that nothing else means.
PlugIn SchemePlugIn(const std::string& name, const std::string& message, const std::string& title,
                    std::vector<std::string> own, bool word = true) {
  const std::vector<std::string> usual = UsualTokens(name);
  std::vector<std::string> tokens = {
      message,          title, usual[2], usual[2] + "Scheme", usual[1] + "Scheme", "has_" + name,
      "mutable_" + name};
  if (word) tokens.insert(tokens.end(), {name, usual[1]});
  if (!word) tokens.insert(tokens.end(), {"\"" + name + "\"", "\"" + name + ":", "scheme." + name});
  own.emplace_back("coding/scheme_kind.cc");
  return {name, tokens, own};
}

std::vector<PlugIn> Schemes() {
  return {
      // One that stands for no scheme at all: of a single slot.
      SchemePlugIn("uncoded", "Uncoded", "uncoded", {"coding/schemes/uncoded_scheme.", kUsual}),
      // The default scheme, and what an automatic choice varies.
      SchemePlugIn("gc", "GradientCoding", "GC", {"coding/schemes/gc_scheme.", kUsual}, false),
      SchemePlugIn("sr_sgc", "SelectiveRepeat", "SR-SGC", {"coding/schemes/sr_sgc_scheme."}),
      // What published totals are of.
      SchemePlugIn("m_sgc", "Multiplexed", "M-SGC", {"coding/schemes/m_sgc_scheme.", kUsual}),
      // What an automatic choice begins with.
      SchemePlugIn("multi_message", "MultiMessage", "multi-message",
                   {"coding/schemes/multi_message_scheme.", kUsual}),
  };
}

PlugIn CodePlugIn(const std::string& name, std::vector<std::string> own, bool word = true) {
  const std::vector<std::string> usual = UsualTokens(name);
  std::vector<std::string> tokens = {"\"" + name + "\"", "code=" + name, usual[2] + "Code",
                                     "Make" + usual[1],
                                     "GradientCoding::" + absl::AsciiStrToUpper(name)};
  if (word) tokens = Joined(tokens, Joined(usual, {absl::AsciiStrToUpper(name)}));
  own.emplace_back("coding/codes/code_table.");
  return {name, tokens, own};
}

std::vector<PlugIn> Codes() {
  return {
      // The uncoded scheme is repetition with nothing to spare, under a name of its own.
      CodePlugIn("fractional_repetition",
                 {"coding/codes/fractional_repetition.", "coding/schemes/uncoded_scheme."}),
      CodePlugIn("cyclic", {"coding/codes/cyclic."}),
      CodePlugIn("dual", {"coding/codes/dual."}),
      CodePlugIn("dual_balanced", {"coding/codes/dual."}),
      CodePlugIn("early_stop", {"coding/codes/early_stop."}),
      CodePlugIn("graph", {"coding/codes/graph."}, false),
      CodePlugIn("bernoulli", {"coding/codes/bernoulli."}),
      CodePlugIn("pairwise_balanced", {"coding/codes/pairwise_balanced."}),
  };
}

PlugIn RulePlugIn(const std::string& name, std::vector<std::string> own, bool word = true) {
  const std::vector<std::string> usual = UsualTokens(name);
  std::vector<std::string> tokens = {
      "\"" + name + "\"", "\"" + name + ":",          "rule: " + name, usual[2], usual[2] + "Rule",
      usual[1] + "Rule",  absl::AsciiStrToUpper(name)};
  if (word) tokens.insert(tokens.end(), {name, usual[1]});
  own.emplace_back("coding/closing_kind.cc");
  return {name, tokens, own};
}

std::vector<PlugIn> Rules() {
  return {
      RulePlugIn("wait_for_all", {"coding/closing_rules/wait_for_all."}),
      RulePlugIn("first_decodable", {"coding/closing_rules/first_decodable."}),
      // What published totals are under.
      RulePlugIn("mu", {"coding/closing_rules/mu_rule.", kUsual}, false),
      RulePlugIn("mu_wait_for_all", {"coding/closing_rules/mu_rule."}),
      RulePlugIn("quantile", {"coding/closing_rules/quantile_rule."}, false),
  };
}

std::set<std::string> Names(const std::vector<PlugIn>& plug_ins) {
  std::set<std::string> names;
  for (const PlugIn& plug_in : plug_ins) names.insert(plug_in.name);
  return names;
}

template <typename Table>
std::set<std::string> TableNames(const Table& table) {
  std::set<std::string> names;
  for (const auto* kind : table) names.insert(std::string(kind->name));
  return names;
}

std::set<std::string> EnumNames(const google::protobuf::EnumDescriptor* type) {
  std::set<std::string> names;
  for (int i = 0; i < type->value_count(); ++i) {
    if (type->value(i)->number() != 0) names.insert(absl::AsciiStrToLower(type->value(i)->name()));
  }
  return names;
}

void ExpectNoStrangers(const std::vector<PlugIn>& plug_ins) {
  for (const PlugIn& plug_in : plug_ins) {
    EXPECT_THAT(StrangersNaming(ThisTree(), plug_in), IsEmpty()) << plug_in.name;
    // What nothing names at all would pass for the wrong reason.
    EXPECT_FALSE(StrangersNaming(ThisTree(), {plug_in.name, plug_in.tokens, {}}).empty())
        << plug_in.name;
  }
}

TEST(CodingPlugIns, SchemesAreNamedByTheirOwnFilesAlone) { ExpectNoStrangers(Schemes()); }
TEST(CodingPlugIns, CodesAreNamedByTheirOwnFilesAlone) { ExpectNoStrangers(Codes()); }
TEST(CodingPlugIns, ClosingRulesAreNamedByTheirOwnFilesAlone) { ExpectNoStrangers(Rules()); }

TEST(CodingPlugIns, AreAllListed) {
  EXPECT_EQ(Names(Schemes()), TableNames(SchemeTable()));
  EXPECT_EQ(Names(Codes()), TableNames(CodeTable()));
  EXPECT_EQ(Names(Rules()), TableNames(ClosingTable()));
}

// A run file says what the tables know: the same names, and no parameter that they do not have.
TEST(CodingPlugIns, AreWhatARunFileKnows) {
  std::set<std::string> schemes;
  const auto* alternatives = v1::SchemeSpec::descriptor()->oneof_decl(0);
  for (int i = 0; i < alternatives->field_count(); ++i) {
    const auto* field = alternatives->field(i);
    if (field->name() == "auto") continue;  // chooses one of them
    schemes.insert(field->name());
    const SchemeKind* kind = FindScheme(field->name());
    ASSERT_NE(kind, nullptr) << field->name();
    for (int j = 0; j < field->message_type()->field_count(); ++j) {
      const std::string& key = field->message_type()->field(j)->name();
      EXPECT_TRUE(std::any_of(kind->parameters.begin(), kind->parameters.end(),
                              [&](const Parameter& parameter) { return parameter.name == key; }))
          << field->name() << "." << key;
    }
  }
  EXPECT_EQ(schemes, TableNames(SchemeTable()));
  EXPECT_EQ(EnumNames(v1::GradientCoding::Code_descriptor()), TableNames(CodeTable()));
  std::set<std::string> rules = TableNames(ClosingTable());
  rules.erase("mu_wait_for_all");  // for comparison with the authors' code, in the simulator alone
  EXPECT_EQ(EnumNames(v1::ClosingSpec::Rule_descriptor()), rules);
}

}  // namespace
}  // namespace gradloom
