#include "models/data/zip_archive.h"

#include <zip.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <utility>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

// A directory's entries take a few times their size in memory.
constexpr int64_t kMaxDirectoryBytes = 64 << 20;

// A file as libzip wants to read one.
class ZipInput {
 public:
  explicit ZipInput(const ByteSource& file) : file_(file) { zip_error_init(&error_); }
  ~ZipInput() { zip_error_fini(&error_); }
  ZipInput(const ZipInput&) = delete;
  ZipInput& operator=(const ZipInput&) = delete;

  // No more bytes are read from now on.
  void Allow(int64_t bytes) { allowed_ = bytes; }
  // What kept libzip from reading; OK when it is to blame itself.
  const absl::Status& status() const { return status_; }

  static zip_int64_t Call(void* input, void* data, zip_uint64_t length, zip_source_cmd_t command) {
    return static_cast<ZipInput*>(input)->Do(data, length, command);
  }

 private:
  zip_int64_t Do(void* data, zip_uint64_t length, zip_source_cmd_t command) {
    switch (command) {
      case ZIP_SOURCE_OPEN:
        at_ = 0;
        return 0;
      case ZIP_SOURCE_READ:
        return Read(static_cast<char*>(data), length);
      case ZIP_SOURCE_SEEK: {
        const zip_int64_t to =
            zip_source_seek_compute_offset(at_, file_.size(), data, length, &error_);
        if (to < 0) return -1;
        at_ = to;
        return 0;
      }
      case ZIP_SOURCE_TELL:
        return at_;
      case ZIP_SOURCE_STAT: {
        auto* const facts = ZIP_SOURCE_GET_ARGS(zip_stat_t, data, length, &error_);
        if (facts == nullptr) return -1;
        zip_stat_init(facts);
        facts->valid = ZIP_STAT_SIZE;
        facts->size = file_.size();
        return sizeof(zip_stat_t);
      }
      case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&error_, data, length);
      case ZIP_SOURCE_CLOSE:
      case ZIP_SOURCE_FREE:
        return 0;
      case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(
            ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR,
            ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS, -1);
      default:
        zip_error_set(&error_, ZIP_ER_OPNOTSUPP, 0);
        return -1;
    }
  }

  zip_int64_t Read(char* out, zip_uint64_t length) {
    const auto bytes = static_cast<int64_t>(std::min<zip_uint64_t>(length, file_.size() - at_));
    if (bytes > allowed_) {
      status_ = absl::DataLossError(
          absl::StrCat(file_.name(), "'s directory has more than ", kMaxDirectoryBytes, " bytes"));
    } else {
      allowed_ -= bytes;
      status_ = file_.Read(at_, {out, static_cast<size_t>(bytes)});
    }
    if (!status_.ok()) {
      zip_error_set(&error_, ZIP_ER_READ, 0);
      return -1;
    }
    at_ += bytes;
    return bytes;
  }

  const ByteSource& file_;
  int64_t at_ = 0;
  int64_t allowed_ = std::numeric_limits<int64_t>::max();
  absl::Status status_;
  zip_error_t error_;
};

// An archive that one call reads from.
class OpenedZip {
 public:
  explicit OpenedZip(const ByteSource& file) : file_(file), input_(file) {}
  ~OpenedZip() {
    if (zip_ != nullptr) zip_discard(zip_);
  }
  OpenedZip(const OpenedZip&) = delete;
  OpenedZip& operator=(const OpenedZip&) = delete;

  absl::Status Open() {
    zip_error_t error;
    zip_error_init(&error);
    input_.Allow(kMaxDirectoryBytes);
    zip_source_t* const source = zip_source_function_create(&ZipInput::Call, &input_, &error);
    if (source != nullptr) zip_ = zip_open_from_source(source, ZIP_RDONLY, &error);
    absl::Status status =
        zip_ != nullptr ? absl::OkStatus()
        : input_.status().ok()
            ? absl::DataLossError(absl::StrCat(
                  file_.name(), " is truncated or no zip archive: ", zip_error_strerror(&error)))
            : input_.status();
    if (zip_ == nullptr && source != nullptr) zip_source_free(source);
    zip_error_fini(&error);
    input_.Allow(std::numeric_limits<int64_t>::max());
    return status;
  }
  zip_t* get() const { return zip_; }
  const ZipInput& input() const { return input_; }

 private:
  const ByteSource& file_;
  ZipInput input_;
  zip_t* zip_ = nullptr;
};

struct CloseZipFile {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

class ZipMember final : public ByteSource {
 public:
  ZipMember(std::shared_ptr<const ByteSource> file, std::string name, zip_uint64_t index)
      : file_(std::move(file)), index_(index) {
    name_ = std::move(name);
  }

  absl::Status Open() {
    OpenedZip zip(*file_);
    if (absl::Status opened = zip.Open(); !opened.ok()) return opened;
    zip_stat_t facts;
    if (zip_stat_index(zip.get(), index_, 0, &facts) != 0 || (facts.valid & ZIP_STAT_SIZE) == 0 ||
        facts.size > static_cast<zip_uint64_t>(kMaxBytes)) {
      return absl::DataLossError(
          absl::StrCat(name_, " is damaged: it states no size of up to ", kMaxBytes, " bytes"));
    }
    stored_ = (facts.valid & ZIP_STAT_COMP_METHOD) != 0 && facts.comp_method == ZIP_CM_STORE;
    size_ = static_cast<int64_t>(facts.size);
    return ReadFrom(zip, 0, size_, /*to_end=*/true, [this](std::span<const char> block) {
      checksum_ = Crc32c({block.data(), block.size()}, checksum_);
      return absl::OkStatus();
    });
  }

  absl::Status Stream(int64_t offset, int64_t length, Sink sink) const override {
    ABSL_RAW_CHECK(offset >= 0 && length >= 0 && offset <= size_ - length, "range outside a part");
    if (length == 0) return absl::OkStatus();
    OpenedZip zip(*file_);
    if (absl::Status opened = zip.Open(); !opened.ok()) return opened;
    return ReadFrom(zip, offset, length, /*to_end=*/false, sink);
  }

 private:
  // `to_end`: the range ends where the member does, which libzip is made to check.
  absl::Status ReadFrom(const OpenedZip& zip, int64_t offset, int64_t length, bool to_end,
                        Sink sink) const {
    const std::unique_ptr<zip_file_t, CloseZipFile> member(zip_fopen_index(zip.get(), index_, 0));
    if (member == nullptr) return Damaged(zip, zip_error_strerror(zip_get_error(zip.get())));
    std::vector<char> block(
        static_cast<size_t>(std::min(std::max(length, int64_t{1}), kBlockBytes)));
    if (stored_ && offset > 0) {
      if (zip_fseek(member.get(), offset, SEEK_SET) != 0) {
        return Damaged(zip, zip_file_strerror(member.get()));
      }
      offset = 0;
    }
    for (; offset > 0;) {
      const auto skipped = std::min<int64_t>(offset, static_cast<int64_t>(block.size()));
      if (absl::Status read = Fill(zip, *member, {block.data(), static_cast<size_t>(skipped)});
          !read.ok()) {
        return read;
      }
      offset -= skipped;
    }
    while (length > 0) {
      const std::span<char> part(block.data(), std::min<size_t>(length, block.size()));
      if (absl::Status read = Fill(zip, *member, part); !read.ok()) return read;
      if (absl::Status taken = sink(part); !taken.ok()) return taken;
      length -= static_cast<int64_t>(part.size());
    }
    if (!to_end) return absl::OkStatus();
    const zip_int64_t more = zip_fread(member.get(), block.data(), 1);
    if (more == 0) return absl::OkStatus();
    return Damaged(zip, more < 0 ? zip_file_strerror(member.get())
                                 : "it is longer than its archive's directory says");
  }

  absl::Status Fill(const OpenedZip& zip, zip_file_t& member, std::span<char> out) const {
    while (!out.empty()) {
      const zip_int64_t got = zip_fread(&member, out.data(), out.size());
      if (got < 0) return Damaged(zip, zip_file_strerror(&member));
      if (got == 0) return Damaged(zip, "it is shorter than its archive's directory says");
      out = out.subspan(static_cast<size_t>(got));
    }
    return absl::OkStatus();
  }

  absl::Status Damaged(const OpenedZip& zip, absl::string_view what) const {
    if (!zip.input().status().ok()) return zip.input().status();
    return absl::DataLossError(absl::StrCat(name_, " is damaged: ", what));
  }

  std::shared_ptr<const ByteSource> file_;
  zip_uint64_t index_;
  bool stored_ = false;
};

}  // namespace

absl::StatusOr<ZipArchive> ZipArchive::Open(std::shared_ptr<const ByteSource> file) {
  ZipArchive archive(std::move(file));
  OpenedZip zip(*archive.file_);
  if (absl::Status opened = zip.Open(); !opened.ok()) return opened;
  const zip_int64_t members = zip_get_num_entries(zip.get(), 0);
  for (zip_int64_t i = 0; i < members; ++i) {
    const char* const name = zip_get_name(zip.get(), i, ZIP_FL_ENC_RAW);
    archive.members_.emplace_back(name != nullptr ? name : "");
  }
  if (members < 1) {
    return absl::DataLossError(
        absl::StrCat(archive.name(), " is truncated or no zip archive: it has no members"));
  }
  return archive;
}

absl::StatusOr<std::unique_ptr<ByteSource>> ZipArchive::OpenMember(size_t member) const {
  auto opened =
      std::make_unique<ZipMember>(file_, absl::StrCat(name(), ":", members_[member]), member);
  if (absl::Status status = opened->Open(); !status.ok()) return status;
  return opened;
}

}  // namespace gradloom
