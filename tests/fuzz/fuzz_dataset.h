// Shared by the fuzz targets of the data sources: the input as a file, opened and loaded in parts.
#ifndef GRADLOOM_TESTS_FUZZ_FUZZ_DATASET_H_
#define GRADLOOM_TESTS_FUZZ_FUZZ_DATASET_H_

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "models/data/dataset.h"

namespace gradloom {

// An input of the fuzzer as a file in memory.
class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size) : descriptor_(memfd_create("input", MFD_CLOEXEC)) {
    if (write(descriptor_, data, size) != static_cast<ssize_t>(size)) abort();
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

// Whatever the file: an error, or a dataset whose parts have the shape that it promises.
inline void OpenAndLoad(const v1::DataSource& source) {
  const auto dataset = OpenDataset(source, "fuzz", "");
  if (!dataset.ok()) return;
  const DatasetInfo& info = (*dataset)->info();
  const int64_t middle = info.examples / 2;
  for (const auto& [begin, end] : {std::pair{int64_t{0}, middle}, {middle, info.examples}}) {
    const absl::StatusOr<Examples> examples = (*dataset)->Load(begin, end);
    if (!examples.ok()) continue;
    const bool shaped = examples->rows == end - begin && examples->targets.size() == end - begin &&
                        (info.sparse ? examples->row_start.size() == examples->rows + 1
                                     : examples->dense.size() == examples->rows * info.features);
    if (!shaped) abort();
  }
}

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_FUZZ_FUZZ_DATASET_H_
