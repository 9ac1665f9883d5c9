// CIFAR-10's binary version (https://www.cs.toronto.edu/~kriz/cifar.html): an example is a label
// byte and 3 x 32 x 32 pixel bytes, by channel and row.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "models/data/byte_source.h"
#include "models/data/sources.h"
#include "models/data/targets.h"
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

constexpr int64_t kPixels = int64_t{3} * 32 * 32;
constexpr int64_t kExampleBytes = 1 + kPixels;
constexpr int kClasses = 10;

class Cifar10Dataset final : public Dataset {
 public:
  absl::Status Open(const v1::CifarSource& source, const std::string& field,
                    const std::string& base_folder) {
    std::string parts;
    for (int i = 0; i < source.files_size(); ++i) {
      absl::StatusOr<std::unique_ptr<ByteSource>> file =
          OpenFile(source.files(i), absl::StrCat(field, ".files[", i, "]"), base_folder);
      if (!file.ok()) return file.status();
      if (absl::Status read = ReadLabels(**file); !read.ok()) return read;
      absl::StrAppend(&parts, (*file)->size(), " ", (*file)->checksum(), " ");
      files_.push_back(*std::move(file));
    }
    info_.examples = static_cast<int64_t>(labels_.size());
    info_.features = kPixels;
    info_.channels = 3;
    info_.height = info_.width = 32;
    SetClasses(kClasses, info_);
    info_.checksum = Crc32c(parts);
    return absl::OkStatus();
  }

  absl::StatusOr<Examples> Load(int64_t begin, int64_t end) const override {
    if (absl::Status range = CheckLoad(begin, end); !range.ok()) return range;
    Examples examples;
    examples.rows = end - begin;
    examples.features = kPixels;
    examples.targets.assign(labels_.begin() + begin, labels_.begin() + end);
    examples.dense.reserve(examples.rows * kPixels);
    int64_t file_begin = 0;
    for (const std::unique_ptr<ByteSource>& file : files_) {
      const int64_t file_end = file_begin + file->size() / kExampleBytes;
      const int64_t first = std::max(begin, file_begin);
      const int64_t last = std::min(end, file_end);
      if (first < last) {
        int64_t place = 0;  // within an example
        absl::Status read =
            file->Stream((first - file_begin) * kExampleBytes, (last - first) * kExampleBytes,
                         [&](std::span<const char> block) {
                           for (const char byte : block) {
                             if (place > 0) {
                               const auto pixel = static_cast<unsigned char>(byte);
                               examples.dense.push_back(static_cast<float>(pixel) / 255);
                             }
                             place = place == kPixels ? 0 : place + 1;
                           }
                           return absl::OkStatus();
                         });
        if (!read.ok()) return read;
      }
      file_begin = file_end;
    }
    return examples;
  }

 private:
  absl::Status ReadLabels(const ByteSource& file) {
    if (file.size() == 0 || file.size() % kExampleBytes != 0) {
      return absl::DataLossError(absl::StrCat(file.name(),
                                              " is truncated or no CIFAR-10 batch: ", file.size(),
                                              " bytes; legal: a multiple of ", kExampleBytes));
    }
    int64_t place = 0;
    return file.Stream(0, file.size(), [&](std::span<const char> block) -> absl::Status {
      const int64_t last = place + static_cast<int64_t>(block.size());
      for (int64_t at = (place + kExampleBytes - 1) / kExampleBytes * kExampleBytes; at < last;
           at += kExampleBytes) {
        const auto label = static_cast<unsigned char>(block[at - place]);
        if (label >= kClasses) {
          return absl::InvalidArgumentError(absl::StrCat(file.name(), ", example ",
                                                         at / kExampleBytes, ": label ", label,
                                                         "; legal: 0 to ", kClasses - 1));
        }
        labels_.push_back(static_cast<float>(label));
      }
      place = last;
      return absl::OkStatus();
    });
  }

  std::vector<std::unique_ptr<ByteSource>> files_;
  std::vector<float> labels_;
};

void Check(const v1::DataSource& source, const std::string& field, Findings* findings) {
  const auto& files = source.cifar10().files();
  if (files.empty()) findings->Add(field + ".files", "is empty; it must name a file or several");
  for (int i = 0; i < files.size(); ++i) {
    findings->RequireText(files[i], absl::StrCat(field, ".files[", i, "]"), "a file");
  }
}

DatasetOr Open(const v1::DataSource& source, const std::string& field,
               const std::string& base_folder) {
  auto dataset = std::make_unique<Cifar10Dataset>();
  absl::Status opened = dataset->Open(source.cifar10(), field, base_folder);
  if (!opened.ok()) return opened;
  return dataset;
}

}  // namespace

extern const SourceKind kCifar10Source = {
    .spec = {.kind = v1::DataSource::kCifar10, .check = Check}, .open = Open};

}  // namespace gradloom
