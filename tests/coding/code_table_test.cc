#include "coding/codes/code_table.h"

#include <cmath>
#include <limits>
#include <set>
#include <string>

#include "gtest/gtest.h"

namespace gradloom {
namespace {

std::string Error(absl::string_view code, const CodeParameters& parameters) {
  const auto made = MakeCode(code, parameters);
  EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(made.status().message());
}

TEST(CodeTableTest, EveryCodeIsThereOnceAndIsAsTheTableSays) {
  std::set<absl::string_view> names;
  for (const CodeKind* kind : CodeTable()) {
    EXPECT_TRUE(names.insert(kind->name).second) << kind->name;
    EXPECT_EQ(FindCode(kind->name), kind);
    const auto code = MakeCode(kind->name, {.slots = 9, .s = 2});
    ASSERT_TRUE(code.ok()) << code.status();
    EXPECT_EQ((*code)->name(), kind->name);
    EXPECT_EQ((*code)->exact(), kind->exact) << kind->name;
    EXPECT_EQ((*code)->unit_weights(), kind->unit_weights) << kind->name;
  }
  EXPECT_EQ(CodeNames().size(), names.size());
  ASSERT_NE(FindCode(kDefaultCode), nullptr);
  EXPECT_EQ(FindCode("cyclics"), nullptr);
}

TEST(CodeTableTest, SNeedsMoreSlots) {
  EXPECT_EQ(Error("fractional_repetition", {.slots = 6, .s = 6}),
            "s = 6 with 6 slots: legal are 0..5");
  EXPECT_EQ(Error("graph", {.slots = 6, .s = -1}), "s = -1 with 6 slots: legal are 0..5");
}

TEST(CodeTableTest, Slots) {
  EXPECT_EQ(Error("fractional_repetition", {.slots = 0}),
            "slots = 0 with code fractional_repetition: legal are 1..16384");
  EXPECT_EQ(Error("graph", {.slots = 16385}), "slots = 16385 with code graph: legal are 1..16384");
  EXPECT_EQ(Error("cyclic", {.slots = 1025}), "slots = 1025 with code cyclic: legal are 1..1024");
  EXPECT_EQ(Error("bernoulli", {.slots = 4097}),
            "slots = 4097 with code bernoulli: legal are 1..4096");
}

TEST(CodeTableTest, DenseWork) {
  EXPECT_EQ(
      Error("dual", {.slots = 1024, .s = 256}),
      "s = 256 with 1024 slots and code dual: legal are 0..255 (its construction takes slots x "
      "(s+1)^3 operations)");
  EXPECT_EQ(Error("dual", {.slots = 362, .s = 362}), "s = 362 with 362 slots: legal are 0..361");
}

TEST(CodeTableTest, Degree) {
  EXPECT_EQ(Error("graph", {.slots = 6, .s = 2, .degree = 7}),
            "degree = 7 with 6 slots: legal are 0 (chosen from s)..6");
}

TEST(CodeTableTest, Throughput) {
  EXPECT_EQ(Error("dual_balanced", {.slots = 3, .s = 1, .throughput = {1, 2}}),
            "throughput has 2 entries with 3 slots: legal are 3, or none for equal speeds");
  EXPECT_EQ(Error("dual_balanced", {.slots = 3, .s = 1, .throughput = {1, 2, -1}}),
            "throughput[2] = -1: legal are finite numbers > 0");
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(Error("dual_balanced", {.slots = 2, .s = 1, .throughput = {infinity, 2}}),
            "throughput[0] = inf: legal are finite numbers > 0");
  EXPECT_EQ(Error("dual_balanced", {.slots = 2, .s = 1, .throughput = {1, std::nan("")}}),
            "throughput[1] = nan: legal are finite numbers > 0");
}

TEST(CodeTableTest, UnknownCode) {
  EXPECT_EQ(Error("cyclics", {}),
            "code = cyclics: legal are fractional_repetition, cyclic, dual, dual_balanced, "
            "early_stop, graph, bernoulli, pairwise_balanced");
}

}  // namespace
}  // namespace gradloom
