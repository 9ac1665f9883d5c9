// Every kernel of every available level against a dumb oracle, and the promise about bits.
#include "models/kernels/kernels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "models/random.h"

namespace gradloom {
namespace {

std::vector<float> Random(int64_t count, uint64_t seed, double scale = 1) {
  RandomStream stream(seed, Purpose::kGeneratedData);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(scale * stream.NextNormal());
  return values;
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// A copy that starts `shift` floats after a 64-byte boundary.
class Shifted {
 public:
  Shifted(const std::vector<float>& values, size_t shift)
      : storage_(values.size() + 32), size_(values.size()) {
    const auto address = reinterpret_cast<uintptr_t>(storage_.data());
    first_ = (64 - address % 64) % 64 / sizeof(float) + shift;
    std::copy(values.begin(), values.end(), data());
  }
  float* data() { return storage_.data() + first_; }
  std::vector<float> values() { return {data(), data() + size_}; }

 private:
  std::vector<float> storage_;
  size_t size_;
  size_t first_ = 0;
};

class KernelsOf : public testing::TestWithParam<std::string> {
 protected:
  const Kernels& k_ = *KernelsOfLevel(GetParam());
};

struct Product {
  int64_t m, n, k;
};
constexpr Product kProducts[] = {{1, 1, 1},    {1, 5, 3},     {7, 1, 9},     {3, 2, 300},
                                 {5, 17, 16},  {16, 10, 31},  {64, 9, 257},  {33, 48, 20},
                                 {20, 49, 64}, {100, 300, 7}, {2, 290, 520}, {4200, 3, 5},
                                 {3, 1100, 4}, {1100, 20, 3}};

TEST_P(KernelsOf, GemmMatchesTheTripleLoop) {
  for (const auto& [m, n, k] : kProducts) {
    for (int variant = 0; variant < 8; ++variant) {
      const bool turn_a = variant & 1, turn_b = variant & 2, accumulate = variant & 4;
      const int64_t lda = (turn_a ? m : k) + 3, ldb = (turn_b ? k : n) + 2, ldc = n + 1;
      const std::vector<float> a = Random((turn_a ? k : m) * lda, 1);
      const std::vector<float> b = Random((turn_b ? n : k) * ldb, 2);
      const std::vector<float> start = Random(m * ldc, 3);
      std::vector<float> c = start;
      k_.gemm(turn_a, turn_b, m, n, k, a.data(), lda, b.data(), ldb, accumulate, c.data(), ldc);
      const double tolerance = 1e-6 * (4 + std::sqrt(k)) * 4;
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < n; ++j) {
          double expected = accumulate ? start[i * ldc + j] : 0;
          for (int64_t p = 0; p < k; ++p) {
            expected += double{turn_a ? a[p * lda + i] : a[i * lda + p]} *
                        (turn_b ? b[j * ldb + p] : b[p * ldb + j]);
          }
          ASSERT_NEAR(c[i * ldc + j], expected, tolerance)
              << m << " " << n << " " << k << " variant " << variant << " at " << i << " " << j;
        }
        ASSERT_EQ(c[i * ldc + n], start[i * ldc + n]) << "wrote between the rows";
      }
    }
  }
}

TEST_P(KernelsOf, GemmHasTheSameBitsAtAnyAlignment) {
  for (const auto& [m, n, k] : kProducts) {
    for (int variant = 0; variant < 4; ++variant) {
      const bool turn_a = variant & 1, turn_b = variant & 2;
      const int64_t lda = turn_a ? m : k, ldb = turn_b ? k : n;
      const std::vector<float> a = Random(m * k, 1), b = Random(n * k, 2), c = Random(m * n, 3);
      std::vector<float> expected;
      for (size_t shift = 0; shift < 16; shift += 3) {
        Shifted sa(a, shift), sb(b, (shift * 5) % 16), sc(c, 15 - shift);
        k_.gemm(turn_a, turn_b, m, n, k, sa.data(), lda, sb.data(), ldb, true, sc.data(), n);
        if (shift == 0) expected = sc.values();
        ASSERT_TRUE(SameBits(sc.values(), expected)) << m << " " << n << " " << k << " " << shift;
      }
    }
  }
}

TEST_P(KernelsOf, VectorProductsMatchTheLoopAndIgnoreAlignment) {
  for (const int64_t columns : {1, 31, 32, 33, 100, 5000}) {
    const int64_t rows = 5;
    const std::vector<float> a = Random(rows * columns, 1), x = Random(columns, 2),
                             weights = Random(rows, 3), start = Random(columns, 4);
    std::vector<float> dots(rows), sums = start;
    k_.row_dots(rows, columns, a.data(), columns, x.data(), dots.data());
    k_.add_weighted_rows(rows, columns, a.data(), columns, weights.data(), sums.data());
    for (int64_t i = 0; i < rows; ++i) {
      double expected = 0;
      for (int64_t j = 0; j < columns; ++j) expected += double{a[i * columns + j]} * x[j];
      EXPECT_NEAR(dots[i], expected, 1e-6 * (10 + std::sqrt(columns)));
    }
    for (int64_t j = 0; j < columns; ++j) {
      double expected = start[j];
      for (int64_t i = 0; i < rows; ++i) expected += double{a[i * columns + j]} * weights[i];
      EXPECT_NEAR(sums[j], expected, 1e-5);
    }
    for (size_t shift = 1; shift < 16; shift += 4) {
      Shifted sa(a, shift), sx(x, 16 - shift), ss(start, shift);
      std::vector<float> again(rows);
      k_.row_dots(rows, columns, sa.data(), columns, sx.data(), again.data());
      k_.add_weighted_rows(rows, columns, sa.data(), columns, weights.data(), ss.data());
      EXPECT_TRUE(SameBits(again, dots));
      EXPECT_TRUE(SameBits(ss.values(), sums));
    }
  }
}

TEST_P(KernelsOf, ElementwiseSums) {
  const std::vector<float> x = Random(1001, 1), y = Random(1001, 2), bias = Random(13, 3);
  std::vector<float> sum = y, scaled = y, product(1001), with_bias(x.begin(), x.begin() + 1001);
  k_.add(1001, x.data(), sum.data());
  k_.axpy(1001, -0.3f, x.data(), scaled.data());
  k_.multiply(1001, x.data(), y.data(), product.data());
  k_.add_bias(77, 13, bias.data(), with_bias.data());
  std::vector<float> columns = bias;
  k_.add_column_sums(77, 13, x.data(), columns.data());
  for (int i = 0; i < 1001; ++i) {
    EXPECT_EQ(sum[i], x[i] + y[i]);
    const float rounded = -0.3f * x[i];
    EXPECT_EQ(scaled[i], y[i] + rounded);
    EXPECT_EQ(product[i], x[i] * y[i]);
    EXPECT_EQ(with_bias[i], x[i] + bias[i % 13]);
  }
  for (int j = 0; j < 13; ++j) {
    float expected = bias[j];
    for (int i = 0; i < 77; ++i) expected += x[i * 13 + j];
    EXPECT_EQ(columns[j], expected);
  }
}

double Exact(ActivationKind kind, double x) {
  switch (kind) {
    case ActivationKind::kRelu:
      return x > 0 ? x : 0;
    case ActivationKind::kTanh:
      return std::tanh(x);
    case ActivationKind::kGelu:
      return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
    case ActivationKind::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case ActivationKind::kIdentity:
      break;
  }
  return x;
}

constexpr ActivationKind kActivations[] = {ActivationKind::kIdentity, ActivationKind::kRelu,
                                           ActivationKind::kTanh, ActivationKind::kGelu,
                                           ActivationKind::kSigmoid};

TEST_P(KernelsOf, ActivationsMatchTheLibraryAndTheirDerivatives) {
  std::vector<float> x;
  for (double value = -12; value < 12; value += 0.0137) x.push_back(static_cast<float>(value));
  for (const float value : {0.0f, 1e-6f, -1e-6f, 200.0f, -200.0f, 1e30f, -1e30f})
    x.push_back(value);
  const auto count = static_cast<int64_t>(x.size());
  const std::vector<float> dy(count, 2.0f);
  for (const ActivationKind kind : kActivations) {
    std::vector<float> y(count), dx(count);
    k_.activate(kind, count, x.data(), y.data());
    k_.activate_backward(kind, count, x.data(), y.data(), dy.data(), dx.data());
    for (int64_t i = 0; i < count; ++i) {
      const double exact = Exact(kind, x[i]);
      EXPECT_NEAR(y[i], exact, 6e-7 * (1 + std::abs(exact)))
          << static_cast<int>(kind) << " at " << x[i];
      if (std::abs(x[i]) > 100) continue;
      const double h = 1e-5;
      const double slope = (Exact(kind, x[i] + h) - Exact(kind, x[i] - h)) / (2 * h);
      if (kind == ActivationKind::kRelu && std::abs(x[i]) <= h) continue;  // the kink
      EXPECT_NEAR(dx[i], 2 * slope, 4e-6) << static_cast<int>(kind) << " at " << x[i];
    }
  }
}

TEST_P(KernelsOf, CurvatureIsTheSlopesDerivative) {
  std::vector<float> x;
  for (double value = -12; value < 12; value += 0.0137) x.push_back(static_cast<float>(value));
  for (const float value : {0.0f, 1e-6f, -1e-6f, 200.0f, -200.0f, 1e30f, -1e30f})
    x.push_back(value);
  const auto count = static_cast<int64_t>(x.size());
  const std::vector<float> dy(count, 2.0f), tx(count, -1.5f);
  for (const ActivationKind kind : kActivations) {
    std::vector<float> y(count), z(count, 7.0f);
    k_.activate(kind, count, x.data(), y.data());
    k_.add_curvature(kind, count, x.data(), y.data(), dy.data(), tx.data(), z.data());
    for (int64_t i = 0; i < count; ++i) {
      const double h = 1e-3;
      double bend = 0;
      if (std::abs(x[i]) < 100 && kind != ActivationKind::kRelu) {
        bend = (Exact(kind, x[i] + h) - 2 * Exact(kind, x[i]) + Exact(kind, x[i] - h)) / (h * h);
      }
      EXPECT_NEAR(z[i], 7 - 3 * bend, 6e-6) << static_cast<int>(kind) << " at " << x[i];
    }
  }
}

TEST_P(KernelsOf, NanIsNeverLost) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const ActivationKind kind : kActivations) {
    float y = 0;
    k_.activate(kind, 1, &nan, &y);
    EXPECT_TRUE(std::isnan(y)) << static_cast<int>(kind);
  }
  float y = 0;
  k_.exp(1, &nan, &y);
  EXPECT_TRUE(std::isnan(y));
}

TEST_P(KernelsOf, ExpMatchesTheLibrary) {
  std::vector<float> x;
  for (double value = -86; value < 88.6; value += 0.0211) x.push_back(static_cast<float>(value));
  std::vector<float> y(x.size());
  k_.exp(static_cast<int64_t>(x.size()), x.data(), y.data());
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(y[i] / std::exp(double{x[i]}), 1, 3e-7) << x[i];
  }
  const float extremes[] = {-1000.0f, -INFINITY, 0.0f};
  float results[3];
  k_.exp(3, extremes, results);
  EXPECT_LT(results[0], 1.8e-38f);
  EXPECT_LT(results[1], 1.8e-38f);
  EXPECT_EQ(results[2], 1.0f);
}

TEST_P(KernelsOf, FindsTheFirstNonFinite) {
  std::vector<float> x = Random(3000, 1);
  EXPECT_EQ(k_.first_non_finite(3000, x.data()), 3000);
  x[2999] = NAN;
  EXPECT_EQ(k_.first_non_finite(3000, x.data()), 2999);
  x[1500] = -INFINITY;
  EXPECT_EQ(k_.first_non_finite(3000, x.data()), 1500);
}

TEST_P(KernelsOf, DropoutMaskIsPhilox) {
  const uint32_t key[2] = {123456789u, 987654321u};
  for (const int64_t count : {1, 4, 63, 64, 65, 200}) {
    std::vector<float> mask(count, NAN);
    k_.dropout_mask(key, 17, 3, 1u << 30, 1.5f, count, mask.data());
    for (int64_t i = 0; i < count; ++i) {
      const uint32_t word =
          Philox4x32({static_cast<uint32_t>(i / 4), 17, 3, 0}, {key[0], key[1]})[i % 4];
      EXPECT_EQ(mask[i], word < (1u << 30) ? 0.0f : 1.5f) << i;
    }
  }
}

constexpr Window kWindows[] = {{1, 5, 5, 3, 1, 0}, {2, 6, 4, 3, 2, 1}, {3, 7, 7, 5, 1, 2},
                               {2, 4, 4, 1, 1, 0}, {1, 3, 8, 3, 3, 1}, {1, 2, 2, 4, 5, 3}};

TEST_P(KernelsOf, Im2ColMatchesItsDefinition) {
  for (const Window& w : kWindows) {
    const std::vector<float> image = Random(w.channels * w.height * w.width, 1);
    const int64_t pixels = w.out_height() * w.out_width();
    std::vector<float> columns(w.channels * w.kernel * w.kernel * pixels, NAN);
    k_.im2col(w, image.data(), columns.data());
    size_t at = 0;
    for (int64_t c = 0; c < w.channels; ++c) {
      for (int64_t i = 0; i < w.kernel * w.kernel; ++i) {
        for (int64_t o = 0; o < pixels; ++o, ++at) {
          const int64_t y = o / w.out_width() * w.stride + i / w.kernel - w.padding;
          const int64_t x = o % w.out_width() * w.stride + i % w.kernel - w.padding;
          const bool inside = y >= 0 && y < w.height && x >= 0 && x < w.width;
          ASSERT_EQ(columns[at], inside ? image[(c * w.height + y) * w.width + x] : 0.0f);
        }
      }
    }
  }
}

TEST_P(KernelsOf, Col2ImIsTheTransposeOfIm2Col) {
  for (const Window& w : kWindows) {
    const int64_t size = w.channels * w.height * w.width;
    const int64_t count = w.channels * w.kernel * w.kernel * w.out_height() * w.out_width();
    const std::vector<float> image = Random(size, 1), columns = Random(count, 2);
    std::vector<float> laid_out(count), back(size);
    k_.im2col(w, image.data(), laid_out.data());
    k_.col2im_add(w, columns.data(), back.data());
    double left = 0, right = 0;
    for (int64_t i = 0; i < count; ++i) left += double{laid_out[i]} * columns[i];
    for (int64_t i = 0; i < size; ++i) right += double{image[i]} * back[i];
    EXPECT_NEAR(left, right, 1e-4);
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, KernelsOf, testing::ValuesIn(AvailableIsaLevels()),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name) c = std::isalnum(c) ? c : '_';
                           return name;
                         });

TEST(IsaLevels, DifferInGemmOnlyAndOnlyInRounding) {
  const Kernels& lowest = *KernelsOfLevel(AvailableIsaLevels().front());
  const std::vector<float> x = Random(4097, 1, 3), y = Random(4097, 2, 3);
  for (const std::string& name : AvailableIsaLevels()) {
    const Kernels& level = *KernelsOfLevel(name);
    for (const ActivationKind kind : kActivations) {
      std::vector<float> a(4097), b(4097), da(4097), db(4097);
      lowest.activate(kind, 4097, x.data(), a.data());
      level.activate(kind, 4097, x.data(), b.data());
      EXPECT_TRUE(SameBits(a, b)) << name << " activation " << static_cast<int>(kind);
      lowest.activate_backward(kind, 4097, x.data(), a.data(), y.data(), da.data());
      level.activate_backward(kind, 4097, x.data(), a.data(), y.data(), db.data());
      EXPECT_TRUE(SameBits(da, db)) << name << " activation " << static_cast<int>(kind);
      lowest.add_curvature(kind, 4097, x.data(), a.data(), y.data(), x.data(), da.data());
      level.add_curvature(kind, 4097, x.data(), a.data(), y.data(), x.data(), db.data());
      EXPECT_TRUE(SameBits(da, db)) << name << " curvature " << static_cast<int>(kind);
    }
    float dot_a = 0, dot_b = 0;
    lowest.row_dots(1, 4097, x.data(), 4097, y.data(), &dot_a);
    level.row_dots(1, 4097, x.data(), 4097, y.data(), &dot_b);
    EXPECT_EQ(dot_a, dot_b) << name;
    std::vector<float> a = y, b = y;
    lowest.axpy(4097, 0.7f, x.data(), a.data());
    level.axpy(4097, 0.7f, x.data(), b.data());
    EXPECT_TRUE(SameBits(a, b)) << name;
  }
}

TEST(IsaLevels, AreReportedAndChosenOnce) {
  const std::vector<std::string> levels = AvailableIsaLevels();
  ASSERT_FALSE(levels.empty());
  const absl::Status unknown = SetIsaLevel("x86-64-v9");
  EXPECT_EQ(unknown.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(unknown.message()), testing::HasSubstr(levels.front()));
  EXPECT_EQ(KernelsOfLevel("x86-64-v9"), nullptr);

  ASSERT_TRUE(SetIsaLevel(levels.front()).ok());
  EXPECT_EQ(kernels().level, levels.front());
  EXPECT_TRUE(SetIsaLevel(levels.front()).ok()) << "asking again is no change";
  if (levels.size() == 1) return;
  EXPECT_EQ(SetIsaLevel("auto").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(kernels().level, levels.front());
}

}  // namespace
}  // namespace gradloom
