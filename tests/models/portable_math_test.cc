#include "models/portable_math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace gradloom {
namespace {

TEST(PortableMath, AgreesWithTheLibrary) {
  for (int i = -20000; i <= 20000; ++i) {
    const double x = i * 0.0317;
    EXPECT_NEAR(PortableSin(x), std::sin(x), 1e-13) << x;
    EXPECT_NEAR(PortableCos(x), std::cos(x), 1e-13) << x;
    EXPECT_NEAR(PortableExp(x) / std::exp(x), 1, 1e-14) << x;
    const double positive = std::exp(0.03 * x);
    EXPECT_NEAR(PortableLog(positive), std::log(positive), 1e-10) << positive;
  }
  EXPECT_NEAR(PortableSin(9999.5), std::sin(9999.5), 1e-13);
  EXPECT_EQ(PortableSin(0), 0);
  EXPECT_EQ(PortableCos(0), 1);
  EXPECT_EQ(PortableExp(0), 1);
}

TEST(PortableMath, ExpHasLimits) {
  EXPECT_EQ(PortableExp(-1e30), 0);
  EXPECT_EQ(PortableExp(1e30), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(PortableExp(std::nan(""))));
}

}  // namespace
}  // namespace gradloom
