#include "models/spec/numbers.h"

#include <cmath>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gradloom/v1/run.pb.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

TEST(Range, SaysWhatItContains) {
  const struct {
    Range range;
    double in, out;
    const char* text;
  } cases[] = {
      {Within(1, 64), 64, 64.5, "from 1 to 64"},
      {Within(1, 1 << 24), 1, 0, "from 1 to 16777216"},
      {AtLeast(1e-5), 1e-5, 0, "1e-05 or more"},
      {MoreThan(0), 1e-300, 0, "more than 0"},
      {MoreThanUpTo(0, 1), 1, 0, "more than 0 and at most 1"},
      {AtLeastBelow(0, 1), 0, 1, "0 or more and less than 1"},
      {{.high = 3}, -1e9, 4, "at most 3"},
      {{}, -5, INFINITY, "a finite number"},
  };
  for (const auto& c : cases) {
    EXPECT_TRUE(c.range.Contains(c.in)) << c.text;
    EXPECT_FALSE(c.range.Contains(c.out)) << c.text;
    EXPECT_FALSE(c.range.Contains(NAN)) << c.text;
    EXPECT_EQ(c.range.Text(), c.text);
  }
}

TEST(FillNumbers, SetsWhatIsNotSetAndHasADefault) {
  constexpr NumberField kFields[] = {{"kernel", AtLeast(1), 3}, {"stride", AtLeast(1)}};
  v1::Conv conv;
  FillNumbers(kFields, &conv);
  EXPECT_EQ(conv.kernel(), 3);
  EXPECT_FALSE(conv.has_stride());
  conv.set_kernel(0);
  FillNumbers(kFields, &conv);
  EXPECT_EQ(conv.kernel(), 0);  // said by the user
}

TEST(CheckNumbers, NamesFieldsElementsAndValuesWithAllTheirDigits) {
  constexpr NumberField kOfMlp[] = {{"hidden", Within(1, 9)}, {"dropout", AtLeastBelow(0, 1)}};
  v1::Mlp mlp;
  mlp.add_hidden(9);
  mlp.add_hidden(4'000'000'000);
  mlp.set_dropout(std::nan(""));
  Findings findings;
  CheckNumbers(kOfMlp, mlp, "workload.mlp", &findings);
  EXPECT_EQ(findings.status().message(),
            "workload.mlp.hidden[1]: 4000000000 is not legal; it must be from 1 to 9\n"
            "workload.mlp.dropout: nan is not legal; it must be 0 or more and less than 1");
}

TEST(CheckNumbers, WhatIsLeftOutIsLegalUnlessItIsRequired) {
  constexpr NumberField kFields[] = {{"group", AtLeast(2)},
                                     {.name = "epsilon", .legal = MoreThan(0), .required = true}};
  v1::GhostBatchNorm norm;
  Findings findings;
  CheckNumbers(kFields, norm, "x", &findings);
  EXPECT_EQ(findings.status().message(), "x.epsilon: is missing; it must be more than 0");
}

TEST(Findings, ShowsTenALine) {
  Findings findings;
  findings.SetPrefix("trials[1]: ");
  for (int i = 0; i < 12; ++i) findings.Require(false, "a", i, "else");
  const std::string message(findings.status().message());
  EXPECT_THAT(message, HasSubstr("trials[1]: a: 9 is not legal; it must be else\nand 2 more"));
  EXPECT_EQ(Illegal("a", 9, "else").message(), "a: 9 is not legal; it must be else");
}

}  // namespace
}  // namespace gradloom
