// A workload's entry in the table (workload.cc), and what entries share. To add one: a message in
// run.proto's WorkloadSpec, a file with its entry, and its name in the table.
#ifndef GRADLOOM_MODELS_WORKLOADS_WORKLOAD_KIND_H_
#define GRADLOOM_MODELS_WORKLOADS_WORKLOAD_KIND_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gradloom/v1/run.pb.h"
#include "models/spec/findings.h"
#include "models/spec/kinds.h"
#include "models/workloads/workload.h"

namespace gradloom {

using MadeWorkload = absl::StatusOr<std::unique_ptr<Workload>>;

// What a workload takes the data's targets for. The data cannot tell: whole numbers may be either.
enum class TakesTargets {
  kAsNumbers,
  kAsClasses,
  kAsEither,   // as spec.targets says, or by the look of them
  kAsTheyAre,  // it looks at the data itself, or has its own
};

struct WorkloadKind {
  KindSpec<v1::WorkloadSpec> spec;
  TakesTargets takes = TakesTargets::kAsTheyAre;
  // Sparse examples are written out: data of more than kMaxSparseFeatures is refused.
  bool writes_out_sparse = false;
  // Whether a trial is one lane, whatever its settings and its data.
  bool one_lane = false;
  uint64_t batch_size = 600;  // default of training.batch_size; 0: the whole training set
  // `workload` has its defaults and is legal; errors name its path, `field` ("workload.mlp"), when
  // it does not fit the data. `data` is what the workload takes it for: it has classes, two at
  // least, or none when the targets are numbers.
  MadeWorkload (*make)(const v1::WorkloadSpec& workload, const DatasetInfo& data,
                       const std::string& field);
};

// Beyond this a sub-batch that is written out would not fit well.
inline constexpr int64_t kMaxSparseFeatures = int64_t{1} << 20;
// InvalidArgument unless the targets can stand for classes, of the test set as well, and there are
// two or more.
absl::Status CheckHasClasses(const DatasetInfo& data, const std::string& field);
// InvalidArgument unless the data has pixels.
absl::Status CheckHasImages(const DatasetInfo& data, const std::string& field);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_WORKLOAD_KIND_H_
