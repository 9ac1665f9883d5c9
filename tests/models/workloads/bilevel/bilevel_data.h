// Data for bilevel tests; GRADLOOM_DEFAULT_DATA is where the shared data is by default.
#ifndef GRADLOOM_TESTS_MODELS_WORKLOADS_BILEVEL_BILEVEL_DATA_H_
#define GRADLOOM_TESTS_MODELS_WORKLOADS_BILEVEL_BILEVEL_DATA_H_

#include <cstdlib>
#include <memory>
#include <string>

#include "models/data/dataset.h"
#include "models/workloads/bilevel/bilevel_spec.h"
#include "models/workloads/bilevel/problem_kind.h"

namespace gradloom {

// The problem of a spec with its defaults; `problem` is its field's mutable accessor.
template <typename Problem>
std::unique_ptr<BilevelProblem> MakeProblem(Problem* (v1::Bilevel::*problem)(),
                                            const Problem& given, int64_t features = 1) {
  v1::Bilevel spec;
  *(spec.*problem)() = given;
  FillBilevelDefaults(&spec);
  return FindProblem(spec)->make(spec, features);
}

// Two Gaussian clusters.
inline std::shared_ptr<const Dataset> ClusterData(int64_t rows, int64_t features,
                                                  double separation) {
  v1::DataSource source;
  auto* clusters = source.mutable_classification();
  clusters->set_count(static_cast<uint64_t>(rows));
  clusters->set_features(static_cast<uint64_t>(features));
  clusters->set_separation(separation);
  return *OpenDataset(source, "train", "");
}
inline Examples Clusters(int64_t rows, int64_t features, double separation) {
  return *ClusterData(rows, features, separation)->Load(0, rows);
}

// Null where the shared data is absent.
inline std::shared_ptr<const Dataset> A8a() {
  const char* folder = std::getenv("GRADLOOM_DATA");
  v1::DataSource source;
  source.mutable_libsvm()->set_file(
      std::string(folder != nullptr ? folder : GRADLOOM_DEFAULT_DATA) + "/libsvm/a8a");
  auto data = OpenDataset(source, "train", "");
  if (!data.ok()) return nullptr;
  return *std::move(data);
}

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_MODELS_WORKLOADS_BILEVEL_BILEVEL_DATA_H_
