// Members of a zip archive, as numpy.savez and savez_compressed write them: stored or deflated,
// with zip64 sizes where needed. (PKWARE APPNOTE 6.3, sections 4.3 to 4.5.)
#ifndef GRADLOOM_MODELS_DATA_ZIP_ARCHIVE_H_
#define GRADLOOM_MODELS_DATA_ZIP_ARCHIVE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/data/byte_source.h"

namespace gradloom {

struct ZipMember {
  std::string name;
  int method = 0;  // 0 stored, 8 deflated
  uint32_t crc32 = 0;
  int64_t stored_bytes = 0;
  int64_t bytes = 0;
  int64_t header_offset = 0;
};

// The archive's directory. Data loss or an invalid argument names the file and what is wrong.
absl::StatusOr<std::vector<ZipMember>> ReadZipDirectory(const ByteSource& archive);

// Opens a member and checks its size and CRC-32.
absl::StatusOr<std::unique_ptr<ByteSource>> OpenZipMember(std::shared_ptr<const ByteSource> archive,
                                                          const ZipMember& member);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_ZIP_ARCHIVE_H_
