#include "models/data/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gradloom {
namespace {

absl::Status NotRegular(absl::string_view name, mode_t mode) {
  const char* const kind = S_ISDIR(mode)    ? "a folder"
                           : S_ISFIFO(mode) ? "a pipe"
                           : S_ISSOCK(mode) ? "a socket"
                                            : "a device";
  return absl::InvalidArgumentError(absl::StrCat(name, " is ", kind, "; legal: a regular file"));
}

}  // namespace

absl::StatusOr<InputFile> InputFile::Open(const std::string& path, absl::string_view name) {
  // Non-blocking, so that a pipe without a writer opens at once; what was opened is then looked at,
  // not the path, which may change. Regular files do not know the flag.
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat facts = {};
  if (descriptor < 0) {
    const int error = errno;
    // Sockets, and devices without a driver, cannot be opened at all.
    if (error == ENXIO && stat(path.c_str(), &facts) == 0) return NotRegular(name, facts.st_mode);
    const std::string text = absl::StrCat(name, " cannot be opened: ", strerror(error));
    return error == ENOENT ? absl::NotFoundError(text) : absl::FailedPreconditionError(text);
  }
  InputFile file(descriptor, 0);
  if (fstat(descriptor, &facts) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(name, " cannot be read: ", strerror(errno)));
  }
  if (!S_ISREG(facts.st_mode)) return NotRegular(name, facts.st_mode);
  file.size_ = facts.st_size;
  return file;
}

InputFile::InputFile(InputFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_) {}

InputFile& InputFile::operator=(InputFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  return *this;
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace gradloom
