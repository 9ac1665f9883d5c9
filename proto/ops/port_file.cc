#include "proto/ops/port_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace gradloom {

absl::Status WritePortFile(const std::string& path, int port) {
  const std::string partial = path + ".partial";
  {
    std::ofstream out(partial, std::ios::trunc);
    out << port << "\n";
    out.flush();
    if (!out) {
      return absl::InvalidArgumentError(
          absl::StrCat("port file '", path, "' cannot be written: ", std::strerror(errno)));
    }
  }
  if (std::rename(partial.c_str(), path.c_str()) != 0) {
    const int error = errno;
    std::remove(partial.c_str());
    return absl::InvalidArgumentError(
        absl::StrCat("port file '", path, "' cannot be written: ", std::strerror(error)));
  }
  return absl::OkStatus();
}

}  // namespace gradloom
