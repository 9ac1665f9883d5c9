// Optimisers, schedules, activations, layers, workloads, bilevel problems and data sources are
// named by their own files and by their table, and by nothing else: so adding one touches nothing
// else. The list is complete, because it is compared with run.proto.
#include <map>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "gradloom/v1/run.pb.h"
#include "gtest/gtest.h"
#include "tests/tidy/plug_ins.h"

namespace gradloom {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAreArray;

const Tree& ThisTree() {
  static const Tree& tree = *new Tree(ReadTree(GRADLOOM_SOURCE_DIR));
  return tree;
}

using Paths = std::vector<std::string>;

// Kinds by what they are called in run.proto, with their own files.
struct Table {
  std::string path;  // of the table
  std::map<std::string, Paths> kinds;
  // Who else may name one, and why.
  std::map<std::string, Paths> exceptions = {};
};

const std::string kOptimisers = "models/optimisers/";
const Table& Optimisers() {
  static const auto& table = *new Table{kOptimisers + "optimiser.cc",
                                        {
                                            {"SGD", {kOptimisers + "sgd.cc"}},
                                            {"MOMENTUM", {kOptimisers + "sgd.cc"}},
                                            {"NESTEROV", {kOptimisers + "sgd.cc"}},
                                            {"ADAGRAD", {kOptimisers + "adagrad.cc"}},
                                            {"RMSPROP", {kOptimisers + "adagrad.cc"}},
                                            {"ADAM", {kOptimisers + "adam.cc"}},
                                            {"ADAMW", {kOptimisers + "adam.cc"}},
                                            {"AMSGRAD", {kOptimisers + "adam.cc"}},
                                            {"DIFFGRAD", {kOptimisers + "diffgrad.cc"}},
                                        }};
  return table;
}

const Table& Schedules() {
  const std::string folder = kOptimisers + "schedules/";
  static const auto& table = *new Table{kOptimisers + "learning_rate_schedule.cc",
                                        {
                                            {"CONSTANT", {folder + "constant.cc"}},
                                            {"STEP", {folder + "geometric.cc"}},
                                            {"EXPONENTIAL", {folder + "geometric.cc"}},
                                            {"COSINE", {folder + "to_floor.cc"}},
                                            {"LINEAR", {folder + "to_floor.cc"}},
                                            {"INVERSE_SQRT", {folder + "inverse_sqrt.cc"}},
                                        },
                                        {
                                            // A distribution of delays.
                                            {"EXPONENTIAL", {"worker/straggle_flag.cc"}},
                                            // What a linear model's only layer is called.
                                            {"LINEAR", {"models/workloads/linear.cc"}},
                                        }};
  return table;
}

const std::string kLayers = "models/layers/";
const Table& Activations() {
  static const auto& table =
      *new Table{kLayers + "activation.cc",
                 {{"RELU", {}}, {"TANH", {}}, {"GELU", {}}, {"SIGMOID", {}}, {"IDENTITY", {}}},
                 // What is meant by saying nothing.
                 {{"RELU", {kLayers + "activation.h"}}}};
  return table;
}

const Table& Layers() {
  static const auto& table = *new Table{
      kLayers + "layer_kind.cc",
      {
          {"conv", {kLayers + "convolution.cc"}},
          {"max_pool", {kLayers + "pool.cc"}},
          {"average_pool", {kLayers + "pool.cc"}},
          {"batch_norm", {kLayers + "ghost_batch_norm.cc"}},
          {"dense", {kLayers + "dense.cc"}},
          {"dropout", {kLayers + "dropout.cc"}},
          {"activate", {kLayers + "activation.cc"}},
      },
      // Fields of theirs: they drop units without such a layer.
      {{"dropout", {"models/workloads/mlp.cc", "models/workloads/noprop/make_noprop.cc"}}}};
  return table;
}

const std::string kWorkloads = "models/workloads/";
const Table& Workloads() {
  static const auto& table =
      *new Table{kWorkloads + "workload.cc",
                 {
                     {"linear_regression", {kWorkloads + "linear.cc"}},
                     {"logistic_regression", {kWorkloads + "linear.cc"}},
                     {"softmax_regression", {kWorkloads + "linear.cc"}},
                     {"mlp", {kWorkloads + "mlp.cc"}},
                     {"cnn", {kWorkloads + "cnn.cc"}},
                     {"forward_gnn", {kWorkloads + "forward_gnn.cc", kWorkloads + "gnn/"}},
                     {"forward_forward", {kWorkloads + "forward_forward.cc"}},
                     {"noprop", {kWorkloads + "noprop/"}},
                     {"bilevel", {kWorkloads + "bilevel/"}},
                 }};
  return table;
}

const Table& BilevelProblems() {
  const std::string folder = kWorkloads + "bilevel/";
  static const auto& table = *new Table{folder + "problem_kind.cc",
                                        {
                                            {"hospitals", {folder + "hospitals.cc"}},
                                            {"personal_heads", {folder + "personal_heads.cc"}},
                                            {"sample_weights", {folder + "sample_weights.cc"}},
                                            {"quadratic", {folder + "quadratic_blocks.cc"}},
                                        }};
  return table;
}

const Table& DataSources() {
  const std::string folder = "models/data/";
  static const auto& table = *new Table{folder + "sources.cc",
                                        {
                                            {"idx", {folder + "idx.cc"}},
                                            {"cifar10", {folder + "cifar10.cc"}},
                                            {"libsvm", {folder + "libsvm.cc"}},
                                            {"csv", {folder + "csv.h", folder + "csv.cc"}},
                                            {"numpy", {folder + "numpy.cc"}},
                                            {"glyphs", {folder + "glyphs.cc"}},
                                            {"regression", {folder + "regression.cc"}},
                                            {"classification", {folder + "classification.cc"}},
                                            {"graph_npz", {folder + "graph_npz.cc"}},
                                            {"graph_csv", {folder + "graph_csv.cc"}},
                                            {"block_model", {folder + "block_model.cc"}},
                                        }};
  return table;
}

// How many messages of run.proto have a field of that name.
int FieldsCalled(const std::string& name) {
  const auto* file = v1::RunSpec::descriptor()->file();
  int count = 0;
  for (int i = 0; i < file->message_type_count(); ++i) {
    count += file->message_type(i)->FindFieldByName(name) != nullptr ? 1 : 0;
  }
  return count;
}

// What names an alternative of a oneof: the constant of its case, its message, the name itself in
// a literal, and its accessors, unless other messages have some of the same name.
std::vector<std::string> TokensOf(const FieldDescriptor* field) {
  const std::string& name = field->name();
  const std::string constant = UsualTokens(name)[2];
  std::vector<std::string> tokens = {absl::StrCat(field->containing_type()->name(), "::", constant),
                                     absl::StrCat("v1::", field->message_type()->name()),
                                     absl::StrCat("\"", name, "\"")};
  if (FieldsCalled(name) > 1) return tokens;
  for (const char* prefix : {"has_", "mutable_"}) tokens.push_back(absl::StrCat(prefix, name));
  tokens.push_back(absl::StrCat("::", constant));
  tokens.push_back(absl::StrCat(name, "()"));
  return tokens;
}

// Of an enum's value: its constant, and its name in a literal.
std::vector<std::string> TokensOf(const std::string& value) {
  return {absl::StrCat("::", value), absl::StrCat("\"", absl::AsciiStrToLower(value), "\"")};
}

using Tokens = std::map<std::string, std::vector<std::string>>;

Tokens AllTokens(const Descriptor* choice) {
  Tokens tokens;
  for (int i = 0; i < choice->oneof_decl(0)->field_count(); ++i) {
    const FieldDescriptor* field = choice->oneof_decl(0)->field(i);
    tokens[field->name()] = TokensOf(field);
  }
  return tokens;
}

Tokens AllTokens(const EnumDescriptor* type) {
  Tokens tokens;
  for (int i = 0; i < type->value_count(); ++i) {
    if (type->value(i)->number() == 0) continue;
    tokens[type->value(i)->name()] = TokensOf(type->value(i)->name());
  }
  return tokens;
}

void ExpectNoStrangers(const Table& table, const Tokens& tokens) {
  std::vector<std::string> listed, known;
  for (const auto& [name, own] : table.kinds) listed.push_back(name);
  for (const auto& [name, words] : tokens) known.push_back(name);
  EXPECT_THAT(listed, UnorderedElementsAreArray(known));
  for (const auto& [name, own] : table.kinds) {
    PlugIn plug_in{name, tokens.at(name), own};
    plug_in.own.push_back(table.path);
    // Each file that is said to name it does, so that none is left out of the rule for nothing.
    const auto exceptions = table.exceptions.find(name);
    if (exceptions != table.exceptions.end()) {
      EXPECT_THAT(StrangersNaming(ThisTree(), plug_in), Not(IsEmpty())) << name;
      plug_in.own.insert(plug_in.own.end(), exceptions->second.begin(), exceptions->second.end());
    }
    EXPECT_THAT(StrangersNaming(ThisTree(), plug_in), IsEmpty()) << name;
    if (own.empty()) continue;  // all of it stands in the table
    plug_in.own = {table.path};
    EXPECT_THAT(StrangersNaming(ThisTree(), plug_in), Not(IsEmpty())) << name;
  }
}

TEST(ModelPlugIns, Optimisers) {
  ExpectNoStrangers(Optimisers(), AllTokens(v1::OptimizerSpec::Kind_descriptor()));
}
TEST(ModelPlugIns, Schedules) {
  ExpectNoStrangers(Schedules(), AllTokens(v1::ScheduleSpec::Kind_descriptor()));
}
TEST(ModelPlugIns, Activations) {
  ExpectNoStrangers(Activations(), AllTokens(v1::Activation_descriptor()));
}
TEST(ModelPlugIns, Layers) { ExpectNoStrangers(Layers(), AllTokens(v1::LayerSpec::descriptor())); }
TEST(ModelPlugIns, Workloads) {
  ExpectNoStrangers(Workloads(), AllTokens(v1::WorkloadSpec::descriptor()));
}
TEST(ModelPlugIns, BilevelProblems) {
  ExpectNoStrangers(BilevelProblems(), AllTokens(v1::Bilevel::descriptor()));
}
TEST(ModelPlugIns, DataSources) {
  ExpectNoStrangers(DataSources(), AllTokens(v1::DataSource::descriptor()));
}

}  // namespace
}  // namespace gradloom
