// What we print as YAML, others read back: PyYAML (YAML 1.1) and our own reader (yaml-cpp, 1.2).
#include "coordinator/run_file/yaml_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "coordinator/run_file/proto_to_yaml.h"
#include "coordinator/run_file/run_file.h"
#include "coordinator/run_file/yaml_to_proto.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/coordinator/store/python.h"

namespace gradloom {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::util::MessageDifferencer;

bool HasPyYaml() {
  return std::system((std::string(kPython) + " -c 'import yaml' >/dev/null 2>&1").c_str()) == 0;
}

struct Leaf {
  std::string type, value;
};

// By path.
std::map<std::string, Leaf> ReadByPython(const std::string& yaml) {
  const std::string file = absl::StrCat(testing::TempDir(), "/yaml-text-", getpid(), ".yaml");
  std::ofstream(file, std::ios::binary) << yaml;
  int status = 0;
  const std::string output = RunPython("read_yaml.py", file, &status);
  std::filesystem::remove(file);
  EXPECT_EQ(status, 0) << output << "\n" << yaml;
  std::map<std::string, Leaf> leaves;
  for (const absl::string_view line : absl::StrSplit(output, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> parts = absl::StrSplit(line, '\t');
    EXPECT_EQ(parts.size(), 3) << line;
    if (parts.size() == 3) leaves[parts[0]] = {parts[1], parts[2]};
  }
  return leaves;
}

// A list of scalars, one a line.
std::string ListOf(const std::vector<std::string>& scalars) {
  std::string yaml;
  for (const std::string& scalar : scalars) absl::StrAppend(&yaml, "- ", scalar, "\n");
  // Within brackets and as keys other characters have a meaning.
  for (const std::string& scalar : scalars) absl::StrAppend(&yaml, "- [", scalar, "]\n");
  for (const std::string& scalar : scalars) absl::StrAppend(&yaml, "- {x: ", scalar, "}\n");
  return yaml;
}

void ExpectAll(const std::vector<std::string>& scalars, const std::vector<Leaf>& wanted) {
  const std::map<std::string, Leaf> read = ReadByPython(ListOf(scalars));
  for (size_t i = 0; i < scalars.size(); ++i) {
    const size_t n = scalars.size();
    for (const std::string& path : {absl::StrCat("[", i, "]"), absl::StrCat("[", n + i, "][0]"),
                                    absl::StrCat("[", 2 * n + i, "].x")}) {
      ASSERT_TRUE(read.contains(path)) << path << " " << scalars[i];
      EXPECT_EQ(read.at(path).type, wanted[i].type) << scalars[i];
      EXPECT_EQ(read.at(path).value, wanted[i].value) << scalars[i];
    }
  }
}

std::string Bits(double value) {
  return std::isnan(value) ? "nan" : absl::StrFormat("%016x", std::bit_cast<uint64_t>(value));
}

TEST(YamlText, F08_EveryReaderTakesNumbersForTheSameNumbers) {
  std::vector<double> values = {0,
                                -0.0,
                                1,
                                -1,
                                5,
                                0.1,
                                5e-4,
                                5e-04,
                                1e-3,
                                1e3,
                                1e22,
                                1e23,
                                1e300,
                                1e-300,
                                -1e-7,
                                0x1p52,
                                0x1p53,
                                123456789012345678.0,
                                5e-324,
                                0.30000000000000004,
                                std::numeric_limits<double>::max(),
                                std::numeric_limits<double>::infinity(),
                                -std::numeric_limits<double>::infinity(),
                                std::numeric_limits<double>::quiet_NaN()};
  std::mt19937_64 random(1);
  for (int i = 0; i < 100; ++i) values.push_back(std::bit_cast<double>(random()));
  std::vector<std::string> scalars;
  std::vector<Leaf> wanted;
  for (const double value : values) {
    scalars.push_back(YamlNumber(value));
    wanted.push_back({"float", Bits(value)});
    if (std::isnan(value)) continue;
    EXPECT_EQ(YAML::Load(scalars.back()).as<double>(), value) << scalars.back();
  }
  EXPECT_EQ(YamlNumber(5e-4), "5.0e-04");
  EXPECT_EQ(YamlNumber(0.1f), "0.1");
  if (!HasPyYaml()) GTEST_SKIP() << "python3-yaml is not installed";
  ExpectAll(scalars, wanted);
}

// Text that looks like anything else, and text that could break a line or a quote.
std::vector<std::string> Texts() {
  std::vector<std::string> texts = {"",
                                    "~",
                                    "null",
                                    "Null",
                                    "NULL",
                                    "yes",
                                    "no",
                                    "Yes",
                                    "NO",
                                    "on",
                                    "off",
                                    "y",
                                    "n",
                                    "true",
                                    "FALSE",
                                    "inf",
                                    ".inf",
                                    "-.INF",
                                    ".nan",
                                    "NaN",
                                    "0",
                                    "-1",
                                    "+1",
                                    "1e3",
                                    "1.0e+3",
                                    "0x10",
                                    "0o17",
                                    "017",
                                    "1_000",
                                    "0b1",
                                    "1:30",
                                    "1:30:00.5",
                                    "2026-01-01",
                                    "2026-01-01 10:00:00",
                                    "5e-04",
                                    ".5",
                                    "1.",
                                    "=",
                                    "<<",
                                    "-",
                                    "--",
                                    "---",
                                    "...",
                                    "- a",
                                    "? a",
                                    ": a",
                                    "a: b",
                                    "a:b",
                                    "a #b",
                                    "#a",
                                    " a",
                                    "a ",
                                    "\ta",
                                    "a\t",
                                    "a\nb",
                                    "\r\n",
                                    "\n",
                                    "'",
                                    "\"",
                                    "\\",
                                    "\\n",
                                    "it's",
                                    "[a]",
                                    "{a: b}",
                                    "a, b",
                                    "&a",
                                    "*a",
                                    "!a",
                                    "!!int 1",
                                    "%a",
                                    "@a",
                                    "`a`",
                                    "|",
                                    ">",
                                    "a|b",
                                    "trial-0",
                                    "lr-0.1",
                                    "models/a.safetensors",
                                    "optimizer.learning_rate=0.1,training.jobs=4",
                                    "../x",
                                    "/data/x.csv",
                                    "ü",
                                    "日本語",
                                    "\xF0\x9F\x9A\x80",
                                    "\x7f",
                                    "\xC2\x80",
                                    "\xC2\x85",
                                    "\xC2\xA0",
                                    "a\xE2\x80\xA8"
                                    "b",
                                    "\xE2\x80\xA9",
                                    "\xEF\xBB\xBF",
                                    "\xEF\xBF\xBE",
                                    "\xEF\xBF\xBF",
                                    "\xEF\xBF\xBD",
                                    std::string(1, '\0'),
                                    std::string("a\0b", 3),
                                    "\x1b[31m",
                                    std::string(300, 'x'),
                                    std::string(300, ' '),
                                    "e",
                                    "E5",
                                    "e5",
                                    "infinity",
                                    "key",
                                    "None",
                                    "nil"};
  for (char c = 1; c < 0x20; ++c) texts.push_back(absl::StrCat("a", std::string(1, c), "b"));
  std::mt19937_64 random(2);
  constexpr absl::string_view kAlphabet = "aZ09 .:-#,'\"\\[]{}&*!|>%@`?~=_/+\n\t\r";
  for (int i = 0; i < 150; ++i) {
    std::string text;
    for (uint64_t n = 1 + random() % 8; n > 0; --n) {
      text += kAlphabet[random() % kAlphabet.size()];
    }
    texts.push_back(text);
  }
  return texts;
}

TEST(YamlText, F08_EveryReaderTakesTextForTheSameText) {
  std::vector<std::string> scalars;
  std::vector<Leaf> wanted;
  for (const std::string& text : Texts()) {
    scalars.push_back(YamlString(text));
    EXPECT_EQ(scalars.back().find('\n'), std::string::npos);
    EXPECT_EQ(YAML::Load("x: " + scalars.back())["x"].Scalar(), text) << scalars.back();
    EXPECT_FALSE(YAML::Load("x: " + scalars.back())["x"].IsNull()) << scalars.back();
    const std::string hex = absl::BytesToHexString(text);
    wanted.push_back({"str", hex.empty() ? "-" : hex});
  }
  EXPECT_EQ(YamlString("trial-0"), "trial-0") << "what is harmless stays readable";
  EXPECT_EQ(YamlString("a.b=c/d"), "a.b=c/d");
  EXPECT_EQ(YamlString("\xFFx"), "\"\xEF\xBF\xBDx\"") << "no UTF-8";
  if (!HasPyYaml()) GTEST_SKIP() << "python3-yaml is not installed";
  ExpectAll(scalars, wanted);
}

// What a reader of YAML 1.1 should make of a field.
std::string PythonType(const FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return "bool";
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return "float";
    case FieldDescriptor::CPPTYPE_STRING:
    case FieldDescriptor::CPPTYPE_ENUM:
    case FieldDescriptor::CPPTYPE_MESSAGE:  // a duration
      return "str";
    default:
      return "int";
  }
}

const FieldDescriptor* FieldAt(const std::string& path) {
  const google::protobuf::Descriptor* type = v1::RunSpec::descriptor();
  const FieldDescriptor* field = nullptr;
  for (const absl::string_view part : absl::StrSplit(path, '.')) {
    field = type->FindFieldByName(std::string(part.substr(0, part.find('['))));
    if (field == nullptr) return nullptr;
    type = field->message_type();
  }
  return field;
}

TEST(YamlText, F08_AResolvedRunHasTheTypesOfItsFields) {
  const absl::StatusOr<v1::RunSpec> spec = ParseRunFile(R"(
name: "2026-01-01"
seed: 18446744073709551615
data: {train: {csv: {file: "1e3", target: "yes", header: true}}, test: {csv: {file: "on", target: "~"}}}
workload: {mlp: {hidden: [8, 16], dropout: 0.0005}}
optimizer: {kind: adam, learning_rate: 5e-4, epsilon: 1e-8, weight_decay: 1e-300}
training: {epochs: 1, target_accuracy: 1}
trials: [{name: "no"}, {name: "1:30", training: {jobs: 12}}, {name: "ü: #1"}]
closing: {rule: mu, mu: 1e-05}
fleet: {rejoin_grace: 0, round_timeout: 90}
checkpoint: {every: 1.25}
straggle: {pareto: {scale: 10ms, shape: 1e3}, slots: [0], freezes: [{slot: 0, job: 1, duration: 1h}]}
scheme: {gc: {s: 1}, slots: 4}
)",
                                                        "x.yaml");
  ASSERT_TRUE(spec.ok()) << spec.status();
  const absl::StatusOr<ResolvedRun> run = ResolveRunSpec(*spec);
  ASSERT_TRUE(run.ok()) << run.status();
  const std::string yaml = ToYaml(run->spec);
  v1::RunSpec back;
  ASSERT_TRUE(YamlToMessage(yaml, "", &back).ok());
  EXPECT_TRUE(MessageDifferencer::Equals(run->spec, back)) << yaml;
  if (!HasPyYaml()) GTEST_SKIP() << "python3-yaml is not installed";
  const std::map<std::string, Leaf> leaves = ReadByPython(yaml);
  EXPECT_GT(leaves.size(), 60);
  for (const auto& [path, leaf] : leaves) {
    const FieldDescriptor* field = FieldAt(path);
    ASSERT_NE(field, nullptr) << path;
    EXPECT_EQ(leaf.type, PythonType(field)) << path << ": " << leaf.value;
  }
  EXPECT_EQ(leaves.at("seed").value, "18446744073709551615");
  EXPECT_EQ(leaves.at("trials[0].optimizer.learning_rate").value, Bits(5e-4));
  EXPECT_EQ(leaves.at("name").value, absl::BytesToHexString("2026-01-01"));
  EXPECT_EQ(leaves.at("fleet.rejoin_grace").value, absl::BytesToHexString("0s"));
}

TEST(YamlText, F08_KeysOfAnyLengthAreKeys) {
  v1::SweepSpec sweep;
  for (const std::string& key : {std::string("yes"), std::string("1e3"), std::string("a: b"),
                                 std::string(3000, 'k'), std::string("optimizer.learning_rate")}) {
    (*sweep.mutable_grid())[key].add_values("1e-3");
  }
  v1::SweepSpec back;
  const absl::Status status = YamlToMessage(ToYaml(sweep), "", &back);
  ASSERT_TRUE(status.ok()) << status << ToYaml(sweep);
  EXPECT_TRUE(MessageDifferencer::Equals(sweep, back)) << ToYaml(sweep);
  if (!HasPyYaml()) GTEST_SKIP() << "python3-yaml is not installed";
  const std::map<std::string, Leaf> leaves = ReadByPython(ToYaml(sweep));
  EXPECT_EQ(leaves.size(), 5);
  for (const auto& [path, leaf] : leaves) EXPECT_EQ(leaf.type, "str") << path;
}

}  // namespace
}  // namespace gradloom
