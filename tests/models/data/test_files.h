// Data files for tests, written by hand-made code that shares nothing with the readers.
#ifndef GRADLOOM_TESTS_MODELS_DATA_TEST_FILES_H_
#define GRADLOOM_TESTS_MODELS_DATA_TEST_FILES_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace gradloom {

// A folder of its own, removed with everything in it.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }
  // Writes a file; returns its name, relative to path().
  std::string Write(const std::string& name, const std::string& bytes) const;

 private:
  std::string path_;
};

std::string Gzip(const std::string& bytes);

// An IDX file of unsigned bytes whose header promises `shape`.
std::string IdxBytes(const std::vector<uint32_t>& shape, const std::string& elements);

// A .npy file (version 1) of raw elements.
std::string NpyBytes(const std::string& descr, const std::string& shape,
                     const std::string& elements, const std::string& fortran_order = "False");

// A zip archive of (name, contents), stored or deflated.
std::string ZipBytes(const std::vector<std::pair<std::string, std::string>>& members,
                     bool deflated);

template <typename T>
std::string RawBytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_MODELS_DATA_TEST_FILES_H_
