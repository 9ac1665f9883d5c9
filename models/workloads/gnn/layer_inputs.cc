#include "models/workloads/gnn/layer_inputs.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/kernels/kernels.h"

namespace gradloom {
namespace {

// The augmented graph's neighbours: ascending, without the node itself.
std::vector<std::vector<int32_t>> Heard(const Csr& neighbours, int64_t virtual_nodes,
                                        const std::vector<int32_t>& hears,
                                        const std::vector<int32_t>& members) {
  const int64_t real = neighbours.rows();
  std::vector<std::vector<int32_t>> heard(real + virtual_nodes);
  for (int64_t i = 0; i < real; ++i) {
    heard[i].assign(neighbours.column.begin() + neighbours.start[i],
                    neighbours.column.begin() + neighbours.start[i + 1]);
    if (virtual_nodes == 0) continue;
    if (hears[i] >= 0) heard[i].push_back(static_cast<int32_t>(real + hears[i]));
    if (members[i] >= 0) heard[real + members[i]].push_back(static_cast<int32_t>(i));
  }
  return heard;
}

Csr Identity(int64_t nodes) {
  Csr identity;
  identity.columns = nodes;
  for (int64_t i = 0; i < nodes; ++i) {
    identity.Add(static_cast<int32_t>(i), 1);
    identity.EndRow();
  }
  return identity;
}

// Rows of the neighbours and the node itself, with weight(i, j).
template <typename Weight>
Csr WithItself(const std::vector<std::vector<int32_t>>& heard, Weight weight) {
  Csr rows;
  rows.columns = static_cast<int64_t>(heard.size());
  for (int64_t i = 0; i < rows.columns; ++i) {
    std::vector<int32_t> all = heard[i];
    all.insert(std::lower_bound(all.begin(), all.end(), i), static_cast<int32_t>(i));
    for (const int32_t j : all) rows.Add(j, weight(i, j));
    rows.EndRow();
  }
  return rows;
}

Csr Mean(const std::vector<std::vector<int32_t>>& heard) {
  Csr mean;
  mean.columns = static_cast<int64_t>(heard.size());
  for (const std::vector<int32_t>& row : heard) {
    for (const int32_t j : row) mean.Add(j, 1 / static_cast<float>(row.size()));
    mean.EndRow();
  }
  return mean;
}

// A matrix of the wanted rows; `gathered` holds them unless all are wanted.
const Matrix& GatherRows(const Matrix& x, Rows rows, Matrix& gathered) {
  if (rows.empty()) return x;
  gathered = Matrix(static_cast<int64_t>(rows.size()), x.columns);
  for (size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(x.row(rows[i]), x.columns, gathered.row(static_cast<int64_t>(i)));
  }
  return gathered;
}

}  // namespace

Topology MakeTopology(Convolution convolution, const Csr& neighbours, int64_t virtual_nodes,
                      const std::vector<int32_t>& hears, const std::vector<int32_t>& members) {
  const auto heard = Heard(neighbours, virtual_nodes, hears, members);
  Topology topology;
  topology.nodes = static_cast<int64_t>(heard.size());
  switch (convolution) {
    case Convolution::kGcn:
      topology.terms.push_back(WithItself(heard, [&heard](int64_t i, int64_t j) {
        const double degrees =
            static_cast<double>(heard[i].size() + 1) * static_cast<double>(heard[j].size() + 1);
        return static_cast<float>(1 / std::sqrt(degrees));
      }));
      break;
    case Convolution::kSage:
      topology.terms.push_back(Mean(heard));
      topology.terms.push_back(Identity(topology.nodes));
      break;
    case Convolution::kGat:
      topology.terms.push_back(Identity(topology.nodes));
      topology.heard = WithItself(heard, [](int64_t, int64_t) { return 1.0f; });
      break;
  }
  return topology;
}

void AddFeatures(const Csr& real, const Matrix& virtual_nodes, LayerInputs& inputs) {
  for (const Csr& term : inputs.topologies[0]->terms) {
    InputPart part;
    part.first = inputs.width;
    part.width = real.columns;
    part.sparse = std::make_shared<Csr>(Product(term, real));
    inputs.parts.push_back(std::move(part));
    inputs.width += real.columns;
  }
  if (virtual_nodes.rows == 0) return;
  const auto factors = std::make_shared<Matrix>(virtual_nodes);
  for (int view = 0; view < inputs.views; ++view) {
    int64_t first = inputs.width;
    first -= static_cast<int64_t>(inputs.topologies[0]->terms.size()) * real.columns;
    for (const Csr& term : inputs.topologies[view]->terms) {
      InputPart part;
      part.first = first;
      part.width = real.columns;
      part.view = view;
      part.sparse = std::make_shared<Csr>(ColumnsOf(term, real.rows(), term.columns));
      part.factors = factors;
      inputs.parts.push_back(std::move(part));
      first += real.columns;
    }
  }
}

void AddFeatures(const std::vector<Matrix>& features, LayerInputs& inputs) {
  const int64_t width = features[0].columns, first = inputs.width;
  inputs.width += width * static_cast<int64_t>(inputs.topologies[0]->terms.size());
  const auto add = [&](int64_t term, int view) -> InputPart& {
    InputPart part;
    part.first = first + term * width;
    part.width = width;
    part.view = view;
    return inputs.parts.emplace_back(std::move(part));
  };
  const auto dense = [](const Csr& term, const Matrix& x) {
    auto product = std::make_shared<Matrix>(term.rows(), x.columns);
    AddProduct(term, x, *product);
    return product;
  };
  const auto terms = static_cast<int64_t>(inputs.topologies[0]->terms.size());
  const bool one = inputs.views == 1 || features.size() > 1;
  for (size_t f = 0; one && f < features.size(); ++f) {
    for (int64_t t = 0; t < terms; ++t) {
      const int view = features.size() == 1 ? InputPart::kEveryView : static_cast<int>(f);
      add(t, view).dense = dense(inputs.topologies[f]->terms[t], features[f]);
    }
  }
  if (one) return;
  // Views share the features and differ in which virtual nodes are heard: those are factors.
  Matrix real(inputs.real, width);
  const auto virtual_nodes = std::make_shared<Matrix>(features[0].rows - inputs.real, width);
  std::copy_n(features[0].values.begin(), real.values.size(), real.values.begin());
  std::copy_n(features[0].row(inputs.real), virtual_nodes->values.size(),
              virtual_nodes->values.begin());
  for (int64_t t = 0; t < terms; ++t) {
    add(t, InputPart::kEveryView).dense = dense(inputs.topologies[0]->terms[t], real);
    for (int view = 0; view < inputs.views; ++view) {
      const Csr& term = inputs.topologies[view]->terms[t];
      InputPart& part = add(t, view);
      part.sparse = std::make_shared<Csr>(ColumnsOf(term, inputs.real, term.columns));
      part.factors = virtual_nodes;
    }
  }
}

void AddProduct(const InputPart& part, Rows rows, const float* weights, Matrix& z) {
  const Kernels& kernel = kernels();
  const int64_t units = z.columns;
  if (part.dense != nullptr) {
    Matrix gathered;
    const Matrix& x = GatherRows(*part.dense, rows, gathered);
    kernel.gemm(false, false, z.rows, units, part.width, x.values.data(), part.width, weights,
                units, true, z.values.data(), units);
    return;
  }
  Matrix products;  // of the factors
  if (part.factors != nullptr) {
    products = Matrix(part.factors->rows, units);
    kernel.gemm(false, false, products.rows, units, part.width, part.factors->values.data(),
                part.width, weights, units, false, products.values.data(), units);
    weights = products.values.data();
  }
  for (int64_t i = 0; i < z.rows; ++i) {
    const int64_t row = rows.empty() ? i : rows[i];
    for (int64_t k = part.sparse->start[row]; k < part.sparse->start[row + 1]; ++k) {
      kernel.axpy(units, part.sparse->value[k], weights + part.sparse->column[k] * units, z.row(i));
    }
  }
}

void AddWeightsGradient(const InputPart& part, Rows rows, const Matrix& dz,
                        float* weights_gradient) {
  const Kernels& kernel = kernels();
  const int64_t units = dz.columns;
  if (part.dense != nullptr) {
    Matrix gathered;
    const Matrix& x = GatherRows(*part.dense, rows, gathered);
    kernel.gemm(true, false, part.width, units, dz.rows, x.values.data(), part.width,
                dz.values.data(), units, true, weights_gradient, units);
    return;
  }
  Matrix products(part.factors == nullptr ? 0 : part.factors->rows, units);
  float* const target = part.factors != nullptr ? products.values.data() : weights_gradient;
  for (int64_t i = 0; i < dz.rows; ++i) {
    const int64_t row = rows.empty() ? i : rows[i];
    for (int64_t k = part.sparse->start[row]; k < part.sparse->start[row + 1]; ++k) {
      kernel.axpy(units, part.sparse->value[k], dz.row(i), target + part.sparse->column[k] * units);
    }
  }
  if (part.factors == nullptr) return;
  kernel.gemm(true, false, part.width, units, products.rows, part.factors->values.data(),
              part.width, products.values.data(), units, true, weights_gradient, units);
}

}  // namespace gradloom
