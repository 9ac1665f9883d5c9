// The arithmetic of training on plain float arrays, built once per instruction-set level and chosen
// when first used: the best level that the processor has, unless SetIsaLevel asked for another.
//
// Bits: a kernel's result is a pure function of the values, the shapes and the level. It depends
// neither on the alignment of a pointer, nor on the thread, nor on the processor's caches (the
// blocking of GEMM is fixed in the source). Levels differ from each other in rounding, in gemm
// only.
//
// Everything is single-threaded, thread-safe and row-major. `ld` is a row's stride in floats.
// Outputs overlap inputs only where a comment says so. NaN and infinity pass through every kernel.
#ifndef GRADLOOM_MODELS_KERNELS_KERNELS_H_
#define GRADLOOM_MODELS_KERNELS_KERNELS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "models/kernels/kernel_table.h"

namespace gradloom {

// The level in use.
const Kernels& kernels();
// While it lives, kernels() is another level's on this thread: to compute what others compute at
// theirs. Null: no other.
class ScopedKernels {
 public:
  explicit ScopedKernels(const Kernels* table);
  ~ScopedKernels();
  ScopedKernels(const ScopedKernels&) = delete;
  ScopedKernels& operator=(const ScopedKernels&) = delete;

 private:
  const Kernels* const before_;
};

// Levels that this program was built for and this processor has, lowest first.
std::vector<std::string> AvailableIsaLevels();
// Chooses a level for the whole process, "" or "auto" for the best one. Call before the first use
// of kernels(). InvalidArgument lists the available levels; FailedPrecondition when another level
// is already in use.
absl::Status SetIsaLevel(absl::string_view level);
// The table of one available level; null when there is none such.
const Kernels* KernelsOfLevel(absl::string_view level);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_KERNELS_KERNELS_H_
