// One array in NumPy's .npy format (versions 1 to 3), in a file or an .npz member: little-endian
// bool, int8 to int64, uint8 to uint64, float32 or float64, in C order.
#ifndef GRADLOOM_MODELS_DATA_NPY_ARRAY_H_
#define GRADLOOM_MODELS_DATA_NPY_ARRAY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/data/byte_source.h"

namespace gradloom {

// The header's dictionary: "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }".
struct NpyHeader {
  std::string descr;
  bool fortran_order = false;
  std::vector<int64_t> shape;
};
// The error says what is wrong but not in which file.
absl::StatusOr<NpyHeader> ParseNpyHeader(absl::string_view dictionary);

class ZipArchive;

// Opens an .npz.
absl::StatusOr<ZipArchive> OpenNpz(absl::string_view path, absl::string_view field,
                                   absl::string_view base_folder);

class NpyArray {
 public:
  // "file.npy", or "file.npz:array".
  static absl::StatusOr<NpyArray> Open(const std::string& spec, const std::string& field,
                                       const std::string& base_folder);
  // An array of an .npz. InvalidArgument names those there are when it has not got it.
  static absl::StatusOr<NpyArray> OpenIn(const ZipArchive& archive, absl::string_view array);
  const std::string& name() const { return bytes_->name(); }
  uint32_t checksum() const { return bytes_->checksum(); }
  const std::vector<int64_t>& shape() const { return shape_; }  // one dimension at least, none 0
  int64_t rows() const { return shape_[0]; }
  int64_t row_size() const { return row_size_; }  // elements

  // Appends rows [begin, end), which must exist, to `out`. InvalidArgument names the row and column
  // of an element that is not finite in single precision.
  absl::Status Append(int64_t begin, int64_t end, std::vector<float>& out) const;

 private:
  static absl::StatusOr<NpyArray> Of(absl::StatusOr<std::unique_ptr<ByteSource>> bytes);
  absl::Status ReadHeader();

  std::unique_ptr<ByteSource> bytes_;
  char kind_ = 'f';  // NumPy's: b, i, u, f
  int item_bytes_ = 4;
  std::vector<int64_t> shape_;
  int64_t row_size_ = 1;
  int64_t data_offset_ = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_NPY_ARRAY_H_
