// IDX (http://yann.lecun.com/exdb/mnist/): two zero bytes, the element type, the number of
// dimensions, each dimension as a big-endian uint32, then the elements.
#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "models/data/byte_source.h"
#include "models/data/sources.h"
#include "models/data/targets.h"
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

constexpr uint8_t kUnsignedByte = 0x08;

struct IdxFile {
  std::unique_ptr<ByteSource> bytes;
  std::vector<int64_t> shape;
  int64_t header_bytes = 0;
  int64_t item_bytes = 0;  // of one example
};

// Opens a file of unsigned bytes with least to most dimensions and checks its size.
absl::StatusOr<IdxFile> OpenIdxFile(absl::string_view path, const std::string& field,
                                    const std::string& base_folder, int least, int most) {
  IdxFile file;
  absl::StatusOr<std::unique_ptr<ByteSource>> opened = OpenFile(path, field, base_folder);
  if (!opened.ok()) return opened.status();
  file.bytes = *std::move(opened);
  const int64_t size = file.bytes->size();
  const auto truncated = [&](absl::string_view promised, absl::string_view bytes) {
    return absl::DataLossError(absl::StrCat(file.bytes->name(), " is truncated: header promises ",
                                            promised, " = ", bytes, " bytes, file has ", size));
  };
  std::array<unsigned char, 4> magic{};
  if (size < 4) return truncated("a magic number", "4");
  absl::Status read = file.bytes->Read(0, {reinterpret_cast<char*>(magic.data()), magic.size()});
  if (!read.ok()) return read;
  if (magic[0] != 0 || magic[1] != 0 || magic[2] != kUnsignedByte || magic[3] < least ||
      magic[3] > most) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s begins with 0x%02x%02x%02x%02x; legal: 0x000008 (unsigned bytes) and %d to %d "
        "dimensions",
        file.bytes->name(), magic[0], magic[1], magic[2], magic[3], least, most));
  }
  const int dimensions = magic[3];
  file.header_bytes = 4 + 4 * dimensions;
  if (size < file.header_bytes) {
    return truncated(absl::StrCat(dimensions, " dimensions"), absl::StrCat(file.header_bytes));
  }
  std::vector<unsigned char> header(4 * dimensions);
  read = file.bytes->Read(4, {reinterpret_cast<char*>(header.data()), header.size()});
  if (!read.ok()) return read;
  unsigned __int128 promised = 1;  // four 32-bit factors at most
  for (int d = 0; d < dimensions; ++d) {
    const unsigned char* word = header.data() + 4 * d;
    file.shape.push_back(int64_t{word[0]} << 24 | word[1] << 16 | word[2] << 8 | word[3]);
    promised *= file.shape.back();
  }
  const int64_t have = size - file.header_bytes;
  if (promised != static_cast<unsigned __int128>(have)) {
    const std::string shape = absl::StrJoin(file.shape, " x ");
    const bool countable = promised <= std::numeric_limits<int64_t>::max() - 64;
    const std::string bytes =
        countable ? absl::StrCat(static_cast<int64_t>(promised)) : "more than 2^63";
    if (promised > have) {
      return absl::DataLossError(absl::StrCat(file.bytes->name(), " is truncated: header promises ",
                                              shape, " = ", bytes, " bytes, file has ", have));
    }
    return absl::DataLossError(absl::StrCat(file.bytes->name(), " is too long: header promises ",
                                            shape, " = ", bytes, " bytes, file has ", have));
  }
  file.item_bytes = file.shape[0] == 0 ? 0 : have / file.shape[0];
  return file;
}

class IdxDataset final : public Dataset {
 public:
  absl::Status Open(const v1::IdxSource& source, const std::string& field,
                    const std::string& base_folder) {
    absl::StatusOr<IdxFile> images =
        OpenIdxFile(source.images(), field + ".images", base_folder, 2, 4);
    if (!images.ok()) return images.status();
    absl::StatusOr<IdxFile> labels =
        OpenIdxFile(source.labels(), field + ".labels", base_folder, 1, 1);
    if (!labels.ok()) return labels.status();
    images_ = *std::move(images);
    if (images_.shape[0] != labels->shape[0]) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ": ", images_.shape[0], " images but ", labels->shape[0], " labels"));
    }
    if (absl::Status limits = KeepRange(source, field); !limits.ok()) return limits;
    if (absl::Status count = CheckExampleCount(images_.bytes->name(), info_.examples);
        !count.ok()) {
      return count;
    }
    if (images_.item_bytes == 0) {
      return absl::InvalidArgumentError(absl::StrCat(images_.bytes->name(), " has no pixels"));
    }
    SetShape();
    if (absl::Status read = ReadLabels(*labels); !read.ok()) return read;
    info_.checksum =
        Crc32c(absl::StrCat("labels ", labels->bytes->checksum()), images_.bytes->checksum());
    if (first_ != 0 || info_.examples != images_.shape[0]) {
      const uint64_t range = Crc32c(absl::StrCat("idx ", first_, " ", info_.examples));
      info_.checksum |= range << 32;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Examples> Load(int64_t begin, int64_t end) const override {
    if (absl::Status range = CheckLoad(begin, end); !range.ok()) return range;
    Examples examples;
    examples.rows = end - begin;
    examples.features = info_.features;
    examples.targets.assign(labels_.begin() + begin, labels_.begin() + end);
    examples.dense.reserve(examples.rows * examples.features);
    absl::Status read = images_.bytes->Stream(
        images_.header_bytes + (first_ + begin) * images_.item_bytes,
        examples.rows * images_.item_bytes, [&](std::span<const char> block) {
          for (const char pixel : block) {
            examples.dense.push_back(static_cast<float>(static_cast<unsigned char>(pixel)) / 255);
          }
          return absl::OkStatus();
        });
    if (!read.ok()) return read;
    return examples;
  }

 private:
  absl::Status KeepRange(const v1::IdxSource& source, const std::string& field) {
    const auto total = static_cast<uint64_t>(images_.shape[0]);
    if (total == 0) {
      return absl::InvalidArgumentError(absl::StrCat(images_.bytes->name(), " has no examples"));
    }
    if (source.first() >= total) {
      return Illegal(field + ".first", source.first(),
                     absl::StrCat("from 0 to ", total - 1, ", of ", total, " images"));
    }
    const uint64_t rest = total - source.first();
    if (source.has_count() && source.count() > rest) {
      return Illegal(field + ".count", source.count(),
                     absl::StrCat("from 1 to ", rest, ", the images from ", field, ".first on"));
    }
    first_ = static_cast<int64_t>(source.first());
    info_.examples = static_cast<int64_t>(source.has_count() ? source.count() : rest);
    return absl::OkStatus();
  }

  void SetShape() {
    const std::vector<int64_t>& shape = images_.shape;
    info_.features = images_.item_bytes;
    const size_t dimensions = shape.size();
    if (dimensions == 2 || info_.features > std::numeric_limits<int>::max()) return;
    info_.channels = dimensions == 4 ? static_cast<int>(shape[1]) : 1;
    info_.height = static_cast<int>(shape[dimensions - 2]);
    info_.width = static_cast<int>(shape[dimensions - 1]);
  }

  // The classes are those of the whole file, so that its parts agree.
  absl::Status ReadLabels(const IdxFile& labels) {
    int largest = -1;
    int64_t row = 0;
    labels_.reserve(info_.examples);
    absl::Status read = labels.bytes->Stream(
        labels.header_bytes, labels.shape[0], [&](std::span<const char> block) {
          for (const char byte : block) {
            const int label = static_cast<unsigned char>(byte);
            largest = std::max(largest, label);
            if (row >= first_ && row < first_ + info_.examples) {
              labels_.push_back(static_cast<float>(label));
            }
            ++row;
          }
          return absl::OkStatus();
        });
    SetClasses(largest + 1, info_);
    return read;
  }

  IdxFile images_;
  int64_t first_ = 0;
  std::vector<float> labels_;
};

constexpr NumberField kNumbers[] = {{"count", AtLeast(1)}};

void Check(const v1::DataSource& source, const std::string& field, Findings* findings) {
  findings->RequireText(source.idx().images(), field + ".images", "a file");
  findings->RequireText(source.idx().labels(), field + ".labels", "a file");
}

DatasetOr Open(const v1::DataSource& source, const std::string& field,
               const std::string& base_folder) {
  auto dataset = std::make_unique<IdxDataset>();
  absl::Status opened = dataset->Open(source.idx(), field, base_folder);
  if (!opened.ok()) return opened;
  return dataset;
}

}  // namespace

extern const SourceKind kIdxSource = {
    .spec = {.kind = v1::DataSource::kIdx, .numbers = kNumbers, .check = Check}, .open = Open};

}  // namespace gradloom
