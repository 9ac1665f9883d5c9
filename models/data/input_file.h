// The one way to open a file that a user names: regular files only (a link to one is one), and
// without waiting for anybody. A named pipe, a device or a socket in a file's place would block the
// reader for ever, or never end.
#ifndef GRADLOOM_MODELS_DATA_INPUT_FILE_H_
#define GRADLOOM_MODELS_DATA_INPUT_FILE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gradloom {

// An open file; closed at the end of its life.
class InputFile {
 public:
  // `name` stands for the file in messages: "data.train.csv.file: FILE". NotFound when there is
  // none, InvalidArgument when it is something else, FailedPrecondition for the system's refusals.
  static absl::StatusOr<InputFile> Open(const std::string& path, absl::string_view name);

  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&& other) noexcept;
  ~InputFile();

  int descriptor() const { return descriptor_; }
  // Leaves the descriptor to the caller, who closes it.
  int Release() { return std::exchange(descriptor_, -1); }
  int64_t size() const { return size_; }  // when it was opened

 private:
  InputFile(int descriptor, int64_t size) : descriptor_(descriptor), size_(size) {}

  int descriptor_ = -1;
  int64_t size_ = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_INPUT_FILE_H_
