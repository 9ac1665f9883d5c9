#include "coding/codes/code_table.h"

#include <cmath>
#include <limits>
#include <set>
#include <string>

#include "gtest/gtest.h"

namespace gradloom {
namespace {

using Code = SchemeSpec::Code;

std::string Error(Code code, const CodeParameters& parameters) {
  const auto made = MakeCode(code, parameters);
  EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(made.status().message());
}

TEST(CodeTableTest, HasEveryCodeOnceInOrder) {
  std::set<absl::string_view> names;
  int next = 0;
  for (const CodeEntry& entry : CodeTable()) {
    EXPECT_EQ(static_cast<int>(entry.code), next++);
    EXPECT_TRUE(names.insert(entry.name).second);
  }
  EXPECT_EQ(next, static_cast<int>(Code::kPairwiseBalanced) + 1);
}

TEST(CodeTableTest, SNeedsMoreSlots) {
  EXPECT_EQ(Error(Code::kFractionalRepetition, {.slots = 6, .s = 6}),
            "s = 6 with 6 slots: legal are 0..5");
  EXPECT_EQ(Error(Code::kGraph, {.slots = 6, .s = -1}), "s = -1 with 6 slots: legal are 0..5");
}

TEST(CodeTableTest, Slots) {
  EXPECT_EQ(Error(Code::kFractionalRepetition, {.slots = 0}),
            "slots = 0 with code fractional_repetition: legal are 1..16384");
  EXPECT_EQ(Error(Code::kGraph, {.slots = 16385}),
            "slots = 16385 with code graph: legal are 1..16384");
  EXPECT_EQ(Error(Code::kCyclic, {.slots = 1025}),
            "slots = 1025 with code cyclic: legal are 1..1024");
  EXPECT_EQ(Error(Code::kBernoulli, {.slots = 4097}),
            "slots = 4097 with code bernoulli: legal are 1..4096");
}

TEST(CodeTableTest, DenseWork) {
  EXPECT_EQ(
      Error(Code::kDual, {.slots = 1024, .s = 256}),
      "s = 256 with 1024 slots and code dual: legal are 0..255 (its construction takes slots x "
      "(s+1)^3 operations)");
  EXPECT_EQ(Error(Code::kDual, {.slots = 362, .s = 362}),
            "s = 362 with 362 slots: legal are 0..361");
}

TEST(CodeTableTest, Degree) {
  EXPECT_EQ(Error(Code::kGraph, {.slots = 6, .s = 2, .degree = 7}),
            "degree = 7 with 6 slots: legal are 0 (chosen from s)..6");
}

TEST(CodeTableTest, Throughput) {
  EXPECT_EQ(Error(Code::kDualBalanced, {.slots = 3, .s = 1, .throughput = {1, 2}}),
            "throughput has 2 entries with 3 slots: legal are 3, or none for equal speeds");
  EXPECT_EQ(Error(Code::kDualBalanced, {.slots = 3, .s = 1, .throughput = {1, 2, -1}}),
            "throughput[2] = -1: legal are finite numbers > 0");
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(Error(Code::kDualBalanced, {.slots = 2, .s = 1, .throughput = {infinity, 2}}),
            "throughput[0] = inf: legal are finite numbers > 0");
  EXPECT_EQ(Error(Code::kDualBalanced, {.slots = 2, .s = 1, .throughput = {1, std::nan("")}}),
            "throughput[1] = nan: legal are finite numbers > 0");
}

TEST(CodeTableTest, UnknownCode) {
  EXPECT_EQ(Error(static_cast<Code>(99), {}),
            "code = 99: legal are fractional_repetition, cyclic, dual, dual_balanced, early_stop, "
            "graph, bernoulli, pairwise_balanced");
}

TEST(CodeTableTest, Kinds) {
  SchemeSpec spec;
  spec.kind = SchemeSpec::Kind::kUncoded;
  spec.slots = 7;
  spec.s = 99;  // not read
  ASSERT_TRUE(MakeCode(spec).ok());
  EXPECT_EQ((*MakeCode(spec))->name(), "uncoded");
  spec.slots = 16385;
  EXPECT_EQ(MakeCode(spec).status().message(), "slots = 16385: legal are 1..16384");
  spec.slots = 7;
  spec.kind = SchemeSpec::Kind::kGc;
  EXPECT_EQ(MakeCode(spec).status().message(), "s = 99 with 7 slots: legal are 0..6");
  for (SchemeSpec::Kind kind : {SchemeSpec::Kind::kSrSgc, SchemeSpec::Kind::kMSgc}) {
    spec.kind = kind;
    EXPECT_EQ(MakeCode(spec).status().message(),
              "kind = sr_sgc, m_sgc or multi_message: not one code; legal are uncoded and "
              "gc");
  }
}

}  // namespace
}  // namespace gradloom
