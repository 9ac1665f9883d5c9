#include "models/workloads/gnn/matrix.h"

#include <algorithm>
#include <cmath>

#include "models/kernels/kernels.h"

namespace gradloom {
namespace {

constexpr float kLeastNorm = 1e-8f;

double Dot(int64_t n, const float* x, const float* y) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * y[i];
  return sum;
}

}  // namespace

Csr ColumnsOf(const Csr& a, int64_t first, int64_t last) {
  Csr part;
  part.columns = last - first;
  for (int64_t i = 0; i < a.rows(); ++i) {
    for (int64_t k = a.start[i]; k < a.start[i + 1]; ++k) {
      if (first <= a.column[k] && a.column[k] < last) {
        part.Add(static_cast<int32_t>(a.column[k] - first), a.value[k]);
      }
    }
    part.EndRow();
  }
  return part;
}

Csr Transpose(const Csr& a) {
  Csr t;
  t.columns = a.rows();
  t.start.assign(a.columns + 1, 0);
  for (const int32_t column : a.column) ++t.start[column + 1];
  for (int64_t j = 0; j < a.columns; ++j) t.start[j + 1] += t.start[j];
  std::vector<int64_t> next(t.start.begin(), t.start.end() - 1);
  t.column.resize(a.column.size());
  t.value.resize(a.column.size());
  for (int64_t i = 0; i < a.rows(); ++i) {
    for (int64_t k = a.start[i]; k < a.start[i + 1]; ++k) {
      const int64_t at = next[a.column[k]]++;
      t.column[at] = static_cast<int32_t>(i);
      t.value[at] = a.value[k];
    }
  }
  return t;
}

Csr Product(const Csr& a, const Csr& b) {
  Csr product;
  product.columns = b.columns;
  std::vector<float> sum(b.columns);
  std::vector<bool> seen(b.columns);
  std::vector<int32_t> columns;
  for (int64_t i = 0; i < a.rows(); ++i) {
    columns.clear();
    for (int64_t k = a.start[i]; k < a.start[i + 1]; ++k) {
      const int64_t middle = a.column[k];
      if (middle >= b.rows()) continue;
      for (int64_t l = b.start[middle]; l < b.start[middle + 1]; ++l) {
        const int32_t to = b.column[l];
        if (!seen[to]) {
          seen[to] = true;
          columns.push_back(to);
        }
        sum[to] += a.value[k] * b.value[l];
      }
    }
    std::sort(columns.begin(), columns.end());
    for (const int32_t to : columns) {
      product.Add(to, sum[to]);
      sum[to] = 0;
      seen[to] = false;
    }
    product.EndRow();
  }
  return product;
}

void AddProduct(const Csr& a, const Matrix& b, Matrix& c) {
  const Kernels& kernel = kernels();
  for (int64_t i = 0; i < a.rows(); ++i) {
    for (int64_t k = a.start[i]; k < a.start[i + 1]; ++k) {
      if (a.column[k] < b.rows) kernel.axpy(b.columns, a.value[k], b.row(a.column[k]), c.row(i));
    }
  }
}

std::vector<float> NormaliseRows(Matrix& x) {
  std::vector<float> norms(x.rows);
  for (int64_t i = 0; i < x.rows; ++i) {
    norms[i] = static_cast<float>(std::sqrt(Dot(x.columns, x.row(i), x.row(i)))) + kLeastNorm;
    const float scale = 1 / norms[i];
    for (int64_t j = 0; j < x.columns; ++j) x.row(i)[j] *= scale;
  }
  return norms;
}

void NormaliseRowsBackward(const Matrix& normalised, const std::vector<float>& norms,
                           Matrix& gradient) {
  for (int64_t i = 0; i < gradient.rows; ++i) {
    const float* const y = normalised.row(i);
    float* const g = gradient.row(i);
    const auto along = static_cast<float>(Dot(gradient.columns, y, g));
    for (int64_t j = 0; j < gradient.columns; ++j) g[j] = (g[j] - along * y[j]) / norms[i];
  }
}

}  // namespace gradloom
