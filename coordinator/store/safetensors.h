// The safetensors format (github.com/huggingface/safetensors), float32 and float64 tensors
// only: 8 bytes of little-endian header length, a JSON header, the tensors' bytes without holes.
// Headers are padded with spaces so that the data starts at a multiple of 8. Nothing here holds a
// tensor: values go from the caller's memory to the file and back.
#ifndef GRADLOOM_COORDINATOR_STORE_SAFETENSORS_H_
#define GRADLOOM_COORDINATOR_STORE_SAFETENSORS_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coordinator/store/atomic_file.h"
#include "models/data/input_file.h"

namespace gradloom {

// values are borrowed; their number is the product of shape (1 for an empty shape).
struct TensorView {
  std::string name;
  std::vector<int64_t> shape;
  std::span<const float> values;
  std::span<const double> doubles = {};  // in place of values: a float64 tensor
};

struct TensorDestination {
  std::string name;
  std::span<float> values;
  std::span<double> doubles = {};  // in place of values: of a float64 tensor
};

// Appends a whole safetensors file to `writer`: same input, same bytes. InvalidArgument for a name
// that is empty, taken twice or "__metadata__", and for a shape that does not fit the values;
// nothing is written then.
absl::Status WriteSafetensors(std::span<const TensorView> tensors,
                              const std::map<std::string, std::string>& metadata,
                              FileWriter& writer);

// The same as a file of its own that appears whole or not at all.
absl::Status WriteSafetensorsFile(FileSystem& files, const std::string& path,
                                  std::span<const TensorView> tensors,
                                  const std::map<std::string, std::string>& metadata);

struct TensorInfo {
  std::vector<int64_t> shape;
  uint64_t offset = 0;   // from the start of the data
  uint64_t length = 0;   // in elements
  bool doubles = false;  // float64

  uint64_t bytes() const { return length * (doubles ? sizeof(double) : sizeof(float)); }
};

struct SafetensorsHeader {
  std::map<std::string, TensorInfo> tensors;
  std::map<std::string, std::string> metadata;
};

// json: the header; data_bytes: what follows it in the file. DataLoss unless every tensor is F32 or
// F64, its shape fits its offsets, and the tensors tile the data exactly.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(absl::string_view json,
                                                         uint64_t data_bytes);

// A file open for reading. Immutable after Open and thread-safe; move-only.
class SafetensorsReader {
 public:
  // NotFound, InvalidArgument for what is no regular file, or DataLoss that names the file and what
  // is wrong with its header.
  static absl::StatusOr<SafetensorsReader> Open(const std::string& path);

  const SafetensorsHeader& header() const { return header_; }
  // NotFound lists the tensors there are; InvalidArgument when values has another length, or the
  // tensor another type.
  absl::Status Read(absl::string_view name, std::span<float> values) const;
  absl::Status Read(absl::string_view name, std::span<double> values) const;

 private:
  absl::Status Read(absl::string_view name, bool doubles, size_t length,
                    std::span<std::byte> out) const;
  SafetensorsReader(std::string path, InputFile file)
      : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  InputFile file_;
  uint64_t data_start_ = 0;
  SafetensorsHeader header_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_STORE_SAFETENSORS_H_
