#include "models/data/byte_source.h"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"
#include "models/data/input_file.h"
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

class PlainFile final : public ByteSource {
 public:
  PlainFile(InputFile file, std::string name) : file_(std::move(file)) {
    name_ = std::move(name);
    size_ = file_.size();
  }
  using ByteSource::TakeChecksum;

  absl::Status Stream(int64_t offset, int64_t length, Sink sink) const override {
    ABSL_RAW_CHECK(offset >= 0 && length >= 0 && offset <= size_ - length, "range outside a file");
    std::vector<char> block(std::min(length, kBlockBytes));
    while (length > 0) {
      const int64_t bytes = std::min(length, kBlockBytes);
      if (absl::Status read = ReadFully(offset, {block.data(), static_cast<size_t>(bytes)});
          !read.ok()) {
        return read;
      }
      if (absl::Status taken = sink({block.data(), static_cast<size_t>(bytes)}); !taken.ok()) {
        return taken;
      }
      offset += bytes;
      length -= bytes;
    }
    return absl::OkStatus();
  }

 private:
  absl::Status ReadFully(int64_t offset, std::span<char> out) const {
    while (!out.empty()) {
      const ssize_t got = pread(file_.descriptor(), out.data(), out.size(), offset);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) {
        return absl::DataLossError(absl::StrCat(name_, " cannot be read: ", strerror(errno)));
      }
      if (got == 0) {
        return absl::DataLossError(
            absl::StrCat(name_, " became shorter while open: it had ", size_, " bytes"));
      }
      offset += got;
      out = out.subspan(got);
    }
    return absl::OkStatus();
  }

  InputFile file_;
};

class MemoryBytes final : public ByteSource {
 public:
  MemoryBytes(std::string name, absl::string_view bytes) : bytes_(bytes) {
    name_ = std::move(name);
    size_ = static_cast<int64_t>(bytes.size());
  }
  absl::Status Stream(int64_t offset, int64_t length, Sink sink) const override {
    ABSL_RAW_CHECK(offset >= 0 && length >= 0 && offset <= size_ - length, "range outside bytes");
    std::span<const char> rest(bytes_.data() + offset, static_cast<size_t>(length));
    while (!rest.empty()) {
      const auto block = rest.first(std::min<size_t>(rest.size(), kBlockBytes));
      if (absl::Status taken = sink(block); !taken.ok()) return taken;
      rest = rest.subspan(block.size());
    }
    return absl::OkStatus();
  }

 private:
  absl::string_view bytes_;
};

// What zlib wants between calls, released on every way out.
class Inflater {
 public:
  Inflater() { ok_ = inflateInit2(&stream_, 15 + 16) == Z_OK; }  // gzip's header and trailer
  ~Inflater() {
    if (ok_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  bool ok() const { return ok_; }
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
  bool ok_ = false;
};

class GzipContents final : public ByteSource {
 public:
  explicit GzipContents(std::unique_ptr<const ByteSource> file) : file_(std::move(file)) {
    name_ = file_->name();
  }

  absl::Status Open() {
    int64_t size = 0;
    absl::Status status = Inflate([&](std::span<const char> block) {
      size += static_cast<int64_t>(block.size());
      checksum_ = Crc32c({block.data(), block.size()}, checksum_);
      return CheckContentsSize(name_, size);
    });
    size_ = size;
    return status;
  }

  absl::Status Stream(int64_t offset, int64_t length, Sink sink) const override {
    ABSL_RAW_CHECK(offset >= 0 && length >= 0 && offset <= size_ - length, "range outside a file");
    if (length == 0) return absl::OkStatus();
    // Inflated blocks begin at 0, the caller's at `offset`: gather them into the caller's.
    std::vector<char> block;
    block.reserve(std::min(length, kBlockBytes));
    int64_t skip = offset;
    int64_t left = length;
    absl::Status status = Inflate([&](std::span<const char> bytes) -> absl::Status {
      const int64_t skipped = std::min<int64_t>(skip, static_cast<int64_t>(bytes.size()));
      skip -= skipped;
      bytes = bytes.subspan(skipped);
      while (!bytes.empty() && left > 0) {
        const int64_t wanted = std::min(left, kBlockBytes - static_cast<int64_t>(block.size()));
        const int64_t taken = std::min<int64_t>(wanted, static_cast<int64_t>(bytes.size()));
        block.insert(block.end(), bytes.begin(), bytes.begin() + taken);
        bytes = bytes.subspan(taken);
        left -= taken;
        if (left == 0 || static_cast<int64_t>(block.size()) == kBlockBytes) {
          if (absl::Status sunk = sink(block); !sunk.ok()) return sunk;
          block.clear();
        }
      }
      return left > 0 ? absl::OkStatus() : absl::CancelledError(kEnough);
    });
    if (left == 0 && absl::IsCancelled(status) && status.message() == kEnough) {
      return absl::OkStatus();
    }
    if (status.ok() && left > 0) {
      return absl::DataLossError(
          absl::StrCat(name_, " became shorter while open: it had ", size_, " bytes"));
    }
    return status;
  }

 private:
  static constexpr absl::string_view kEnough = "enough";

  // Inflates from the beginning, block by block, until the end or until `sink` says no.
  absl::Status Inflate(Sink sink) const {
    Inflater inflater;
    if (!inflater.ok()) return absl::ResourceExhaustedError("zlib: out of memory");
    z_stream& stream = inflater.stream();
    std::vector<char> out(kBlockBytes);
    bool ended = false;     // a member has ended
    bool trailing = false;  // what follows the last member is ignored, as gunzip does
    absl::Status status = file_->Stream(0, file_->size(), [&](std::span<const char> in) {
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
      stream.avail_in = static_cast<uInt>(in.size());
      while (stream.avail_in > 0 && !trailing) {
        if (ended) {
          // gzip files may be concatenated.
          if (*stream.next_in != 0x1f || inflateReset(&stream) != Z_OK) {
            trailing = true;
            break;
          }
          ended = false;
        }
        if (absl::Status step = InflateSome(stream, out, sink, ended); !step.ok()) return step;
      }
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    if (!ended) {
      return absl::DataLossError(
          absl::StrCat(name_, " is truncated: its compressed data has no end"));
    }
    return absl::OkStatus();
  }

  absl::Status InflateSome(z_stream& stream, std::vector<char>& out, Sink sink, bool& ended) const {
    do {
      stream.next_out = reinterpret_cast<Bytef*>(out.data());
      stream.avail_out = static_cast<uInt>(out.size());
      const int code = inflate(&stream, Z_NO_FLUSH);
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
        return absl::DataLossError(
            absl::StrCat(name_, " is damaged: ", stream.msg ? stream.msg : "not deflated data"));
      }
      ended = code == Z_STREAM_END;
      const size_t bytes = out.size() - stream.avail_out;
      if (bytes > 0) {
        if (absl::Status sunk = sink({out.data(), bytes}); !sunk.ok()) return sunk;
      }
    } while (!ended && stream.avail_out == 0);
    return absl::OkStatus();
  }

  std::unique_ptr<const ByteSource> file_;
};

absl::StatusOr<std::unique_ptr<PlainFile>> OpenPlain(absl::string_view path,
                                                     absl::string_view field,
                                                     absl::string_view base_folder) {
  if (path.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": a file name is required"));
  }
  const std::string full =
      (std::filesystem::path(std::string(base_folder)) / std::string(path)).string();
  std::string name = field.empty() ? full : absl::StrCat(field, ": ", full);
  absl::StatusOr<InputFile> file = InputFile::Open(full, name);
  if (!file.ok()) return file.status();
  if (absl::Status size = CheckContentsSize(name, file->size()); !size.ok()) return size;
  return std::make_unique<PlainFile>(*std::move(file), std::move(name));
}

}  // namespace

absl::Status ByteSource::Read(int64_t offset, std::span<char> out) const {
  size_t filled = 0;
  return Stream(offset, static_cast<int64_t>(out.size()), [&](std::span<const char> block) {
    std::memcpy(out.data() + filled, block.data(), block.size());
    filled += block.size();
    return absl::OkStatus();
  });
}

absl::Status ByteSource::TakeChecksum() {
  return Stream(0, size_, [this](std::span<const char> block) {
    checksum_ = Crc32c({block.data(), block.size()}, checksum_);
    return absl::OkStatus();
  });
}

absl::StatusOr<std::unique_ptr<ByteSource>> OpenFile(absl::string_view path,
                                                     absl::string_view field,
                                                     absl::string_view base_folder) {
  absl::StatusOr<std::unique_ptr<PlainFile>> file = OpenPlain(path, field, base_folder);
  if (!file.ok()) return file.status();
  char magic[2] = {};
  if ((*file)->size() >= 2) {
    if (absl::Status read = (*file)->Read(0, magic); !read.ok()) return read;
  }
  if (magic[0] != '\x1f' || magic[1] != '\x8b') {
    if (absl::Status read = (*file)->TakeChecksum(); !read.ok()) return read;
    return *std::move(file);
  }
  auto contents = std::make_unique<GzipContents>(*std::move(file));
  if (absl::Status opened = contents->Open(); !opened.ok()) return opened;
  return contents;
}

absl::StatusOr<std::unique_ptr<ByteSource>> OpenAsItIs(absl::string_view path,
                                                       absl::string_view field,
                                                       absl::string_view base_folder) {
  return OpenPlain(path, field, base_folder);
}

std::unique_ptr<ByteSource> BytesInMemory(std::string name, absl::string_view bytes) {
  return std::make_unique<MemoryBytes>(std::move(name), bytes);
}

absl::Status CheckContentsSize(absl::string_view name, int64_t bytes) {
  if (bytes <= ByteSource::kMaxBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " has ", bytes, " bytes or more; legal: up to ", ByteSource::kMaxBytes));
}

}  // namespace gradloom
