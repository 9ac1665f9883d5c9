#include "models/data/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
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
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

class PlainFile final : public ByteSource {
 public:
  ~PlainFile() override {
    if (descriptor_ >= 0) close(descriptor_);
  }

  absl::Status Open(const std::string& path, absl::string_view field) {
    name_ = absl::StrCat(field, ": ", path);
    descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat facts;
    if (descriptor_ < 0 || fstat(descriptor_, &facts) != 0) {
      const int error = errno;
      const std::string text = absl::StrCat(name_, " cannot be opened: ", strerror(error));
      return error == ENOENT ? absl::NotFoundError(text) : absl::FailedPreconditionError(text);
    }
    if (!S_ISREG(facts.st_mode)) {
      return absl::InvalidArgumentError(absl::StrCat(name_, " is not a regular file"));
    }
    size_ = facts.st_size;
    return Stream(0, size_, [this](std::span<const char> block) {
      checksum_ = Crc32c({block.data(), block.size()}, checksum_);
      return absl::OkStatus();
    });
  }

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
      const ssize_t got = pread(descriptor_, out.data(), out.size(), offset);
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

  int descriptor_ = -1;
};

class StoredPart final : public ByteSource {
 public:
  StoredPart(std::shared_ptr<const ByteSource> file, std::string name, int64_t offset,
             int64_t length)
      : file_(std::move(file)), offset_(offset) {
    name_ = std::move(name);
    size_ = length;
  }
  absl::Status Open() {
    return Stream(0, size_, [this](std::span<const char> block) {
      checksum_ = Crc32c({block.data(), block.size()}, checksum_);
      return absl::OkStatus();
    });
  }
  absl::Status Stream(int64_t offset, int64_t length, Sink sink) const override {
    return file_->Stream(offset_ + offset, length, sink);
  }

 private:
  std::shared_ptr<const ByteSource> file_;
  int64_t offset_;
};

// What zlib wants between calls, released on every way out.
class Inflater {
 public:
  explicit Inflater(int window_bits) { ok_ = inflateInit2(&stream_, window_bits) == Z_OK; }
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

class DeflatedPart final : public ByteSource {
 public:
  DeflatedPart(std::shared_ptr<const ByteSource> file, std::string name, int64_t offset,
               int64_t length, bool gzip)
      : file_(std::move(file)), offset_(offset), length_(length), gzip_(gzip) {
    name_ = std::move(name);
  }

  absl::Status Open() {
    int64_t size = 0;
    absl::Status status = Inflate([&](std::span<const char> block) {
      size += static_cast<int64_t>(block.size());
      checksum_ = Crc32c({block.data(), block.size()}, checksum_);
      return absl::OkStatus();
    });
    size_ = size;
    return status;
  }

  absl::Status Stream(int64_t offset, int64_t length, Sink sink) const override {
    ABSL_RAW_CHECK(offset >= 0 && length >= 0 && offset <= size_ - length, "range outside a part");
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
    Inflater inflater(gzip_ ? 15 + 16 : -15);
    if (!inflater.ok()) return absl::ResourceExhaustedError("zlib: out of memory");
    z_stream& stream = inflater.stream();
    std::vector<char> out(kBlockBytes);
    bool ended = false;     // a gzip member or the deflated data has ended
    bool trailing = false;  // what follows a gzip file is ignored, as gunzip does
    absl::Status status = file_->Stream(offset_, length_, [&](std::span<const char> in) {
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
      stream.avail_in = static_cast<uInt>(in.size());
      while (stream.avail_in > 0 && !trailing) {
        if (ended) {
          // gzip files may be concatenated.
          if (!gzip_ || *stream.next_in != 0x1f || inflateReset(&stream) != Z_OK) {
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

  std::shared_ptr<const ByteSource> file_;
  int64_t offset_;
  int64_t length_;
  bool gzip_;
};

}  // namespace

absl::Status ByteSource::Read(int64_t offset, std::span<char> out) const {
  size_t filled = 0;
  return Stream(offset, static_cast<int64_t>(out.size()), [&](std::span<const char> block) {
    std::memcpy(out.data() + filled, block.data(), block.size());
    filled += block.size();
    return absl::OkStatus();
  });
}

absl::StatusOr<std::unique_ptr<ByteSource>> OpenFile(absl::string_view path,
                                                     absl::string_view field,
                                                     absl::string_view base_folder, bool gunzip) {
  if (path.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": a file name is required"));
  }
  const std::filesystem::path full =
      std::filesystem::path(std::string(base_folder)) / std::string(path);
  auto file = std::make_unique<PlainFile>();
  if (absl::Status opened = file->Open(full.string(), field); !opened.ok()) return opened;
  char magic[2] = {};
  if (gunzip && file->size() >= 2) {
    if (absl::Status read = file->Read(0, magic); !read.ok()) return read;
  }
  if (magic[0] != '\x1f' || magic[1] != '\x8b') return file;
  const int64_t size = file->size();
  const std::string name = file->name();
  auto contents = std::make_unique<DeflatedPart>(std::move(file), name, 0, size, /*gzip=*/true);
  if (absl::Status opened = contents->Open(); !opened.ok()) return opened;
  return contents;
}

absl::StatusOr<std::unique_ptr<ByteSource>> OpenPart(std::shared_ptr<const ByteSource> file,
                                                     std::string name, int64_t offset,
                                                     int64_t length, bool deflated) {
  if (offset < 0 || length < 0 || offset > file->size() || length > file->size() - offset) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": bytes ", offset, " to ", offset, " + ",
                                                   length, " lie outside the file's ",
                                                   file->size()));
  }
  if (deflated) {
    auto part = std::make_unique<DeflatedPart>(std::move(file), std::move(name), offset, length,
                                               /*gzip=*/false);
    if (absl::Status opened = part->Open(); !opened.ok()) return opened;
    return part;
  }
  auto part = std::make_unique<StoredPart>(std::move(file), std::move(name), offset, length);
  if (absl::Status opened = part->Open(); !opened.ok()) return opened;
  return part;
}

}  // namespace gradloom
