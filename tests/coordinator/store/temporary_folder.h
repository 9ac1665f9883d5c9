// A folder that lives as long as the object.
#ifndef GRADLOOM_TESTS_COORDINATOR_STORE_TEMPORARY_FOLDER_H_
#define GRADLOOM_TESTS_COORDINATOR_STORE_TEMPORARY_FOLDER_H_

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/base/internal/raw_logging.h"

namespace gradloom {

class TemporaryFolder {
 public:
  // In memory where there is such a place: these tests sync thousands of tiny files.
  TemporaryFolder()
      : path_((std::filesystem::is_directory("/dev/shm") ? std::filesystem::path("/dev/shm")
                                                         : std::filesystem::temp_directory_path()) /
              "gradloom-XXXXXX") {
    ABSL_RAW_CHECK(mkdtemp(path_.data()) != nullptr, "no temporary folder");
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline std::string Slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

inline void Spill(const std::string& path, const std::string& contents) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << contents;
}

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_COORDINATOR_STORE_TEMPORARY_FOLDER_H_
