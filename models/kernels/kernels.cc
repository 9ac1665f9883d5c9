#include "models/kernels/kernels.h"

#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace gradloom {

namespace baseline {
extern const Kernels kTable;
}
#ifdef GRADLOOM_X86_LEVELS
namespace v3 {
extern const Kernels kTable;
}
namespace v4 {
extern const Kernels kTable;
}
#endif

inline constexpr int64_t kGemmScratch = 1 << 20;

namespace {

struct Level {
  const Kernels* table;
  bool (*supported)();
};

#ifdef GRADLOOM_X86_LEVELS
// The x86-64 psABI's micro-architecture levels (feature by feature, as older compilers do not know
// the levels' names). The builtin asks whether the operating system keeps the registers, too.
bool HasV3() {
  return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt") &&
         __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
bool HasV4() {
  return HasV3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
#endif

// Lowest first.
constexpr Level kLevels[] = {
    {&baseline::kTable, [] { return true; }},
#ifdef GRADLOOM_X86_LEVELS
    {&v3::kTable, &HasV3},
    {&v4::kTable, &HasV4},
#endif
};

std::atomic<const Kernels*> chosen{nullptr};
thread_local const Kernels* here = nullptr;  // instead

const Kernels* Best() {
  const Kernels* best = nullptr;
  for (const Level& level : kLevels) {
    if (level.supported()) best = level.table;
  }
  return best;
}

}  // namespace

float* GemmScratch() {
  struct Free {
    void operator()(float* memory) const { std::free(memory); }
  };
  thread_local std::unique_ptr<float, Free> memory;
  if (memory == nullptr) {
    memory.reset(static_cast<float*>(std::aligned_alloc(64, kGemmScratch * sizeof(float))));
    ABSL_RAW_CHECK(memory != nullptr, "no memory for matrix products");
  }
  return memory.get();
}

ScopedKernels::ScopedKernels(const Kernels* table) : before_(here) {
  if (table != nullptr) here = table;
}

ScopedKernels::~ScopedKernels() { here = before_; }

const Kernels& kernels() {
  if (here != nullptr) return *here;
  const Kernels* table = chosen.load(std::memory_order_acquire);
  if (table == nullptr) {
    const Kernels* const best = Best();
    table = chosen.compare_exchange_strong(table, best) ? best : table;
  }
  return *table;
}

std::vector<std::string> AvailableIsaLevels() {
  std::vector<std::string> levels;
  for (const Level& level : kLevels) {
    if (level.supported()) levels.emplace_back(level.table->level);
  }
  return levels;
}

const Kernels* KernelsOfLevel(absl::string_view name) {
  for (const Level& level : kLevels) {
    if (level.table->level == name && level.supported()) return level.table;
  }
  return nullptr;
}

absl::Status SetIsaLevel(absl::string_view name) {
  const bool automatic = name.empty() || name == "auto";
  const Kernels* const asked = automatic ? Best() : KernelsOfLevel(name);
  if (asked == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("instruction-set level \"", name, "\": this machine has ",
                     absl::StrJoin(AvailableIsaLevels(), ", "), " (or auto for the best)"));
  }
  const Kernels* current = nullptr;
  if (!chosen.compare_exchange_strong(current, asked) && current != asked) {
    return absl::FailedPreconditionError(absl::StrCat(
        "instruction-set level \"", name, "\": ", current->level, " is already in use"));
  }
  return absl::OkStatus();
}

}  // namespace gradloom
