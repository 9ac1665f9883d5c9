#include "models/data/zip_archive.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace gradloom {
namespace {

constexpr int64_t kEndBytes = 22;
constexpr int64_t kLocatorBytes = 20;
constexpr int64_t kEnd64Bytes = 56;
constexpr int64_t kMostComment = 65535;
constexpr int64_t kEntryBytes = 46;
constexpr int64_t kLocalBytes = 30;
constexpr int64_t kMostDirectoryBytes = 64 << 20;
constexpr uint32_t kUnknown32 = 0xffffffff;  // the value is in the zip64 extra field

// A little-endian number of `bytes` bytes, which must be there.
uint64_t Little(absl::string_view data, size_t at, int bytes) {
  uint64_t value = 0;
  for (int i = bytes - 1; i >= 0; --i) {
    value = value << 8 | static_cast<unsigned char>(data[at + i]);
  }
  return value;
}

absl::StatusOr<std::string> ReadBytes(const ByteSource& archive, int64_t offset, int64_t length) {
  std::string bytes(length, '\0');
  absl::Status read = archive.Read(offset, bytes);
  if (!read.ok()) return read;
  return bytes;
}

absl::Status Damaged(const ByteSource& archive, absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat(archive.name(), " is truncated or no zip archive: ", what));
}

struct Directory {
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

absl::StatusOr<Directory> FindDirectory(const ByteSource& archive) {
  const int64_t tail_bytes = std::min(archive.size(), kEndBytes + kMostComment + kLocatorBytes);
  const int64_t tail_offset = archive.size() - tail_bytes;
  absl::StatusOr<std::string> tail = ReadBytes(archive, tail_offset, tail_bytes);
  if (!tail.ok()) return tail.status();
  const size_t end = tail->rfind("PK\x05\x06");
  if (end == std::string::npos || end + kEndBytes > tail->size()) {
    return Damaged(archive, "it has no end record");
  }
  Directory directory{Little(*tail, end + 16, 4), Little(*tail, end + 12, 4)};
  const bool has_locator =
      end >= kLocatorBytes && tail->compare(end - kLocatorBytes, 4, "PK\x06\x07") == 0;
  if (has_locator) {
    const uint64_t offset = Little(*tail, end - kLocatorBytes + 8, 8);
    if (offset > static_cast<uint64_t>(std::max<int64_t>(0, archive.size() - kEnd64Bytes)) ||
        archive.size() < kEnd64Bytes) {
      return Damaged(archive, "its zip64 end record lies outside the file");
    }
    absl::StatusOr<std::string> record =
        ReadBytes(archive, static_cast<int64_t>(offset), kEnd64Bytes);
    if (!record.ok()) return record.status();
    if (record->compare(0, 4, "PK\x06\x06") != 0) {
      return Damaged(archive, "its zip64 end record is missing");
    }
    directory = {Little(*record, 48, 8), Little(*record, 40, 8)};
  }
  const auto size = static_cast<uint64_t>(archive.size());
  if (directory.bytes > size || directory.offset > size - directory.bytes ||
      directory.bytes > kMostDirectoryBytes) {
    return Damaged(archive, "its directory lies outside the file");
  }
  return directory;
}

// Replaces sizes and offset that did not fit into 32 bits by those of the zip64 extra field.
bool ReadZip64(absl::string_view extra, std::initializer_list<uint64_t*> values) {
  while (extra.size() >= 4) {
    const uint64_t id = Little(extra, 0, 2);
    const uint64_t bytes = Little(extra, 2, 2);
    extra.remove_prefix(4);
    if (bytes > extra.size()) return false;
    if (id == 1) {
      absl::string_view field = extra.substr(0, bytes);
      for (uint64_t* value : values) {
        if (*value != kUnknown32) continue;
        if (field.size() < 8) return false;
        *value = Little(field, 0, 8);
        field.remove_prefix(8);
      }
      return true;
    }
    extra.remove_prefix(bytes);
  }
  return std::none_of(values.begin(), values.end(), [](auto* v) { return *v == kUnknown32; });
}

}  // namespace

absl::StatusOr<std::vector<ZipMember>> ReadZipDirectory(const ByteSource& archive) {
  absl::StatusOr<Directory> directory = FindDirectory(archive);
  if (!directory.ok()) return directory.status();
  absl::StatusOr<std::string> entries = ReadBytes(archive, static_cast<int64_t>(directory->offset),
                                                  static_cast<int64_t>(directory->bytes));
  if (!entries.ok()) return entries.status();
  std::vector<ZipMember> members;
  absl::string_view rest = *entries;
  while (!rest.empty()) {
    if (rest.size() < kEntryBytes || rest.substr(0, 4) != "PK\x01\x02") {
      return Damaged(archive, absl::StrCat("directory entry ", members.size(), " is damaged"));
    }
    const uint64_t name_bytes = Little(rest, 28, 2);
    const uint64_t extra_bytes = Little(rest, 30, 2);
    const uint64_t entry_bytes = kEntryBytes + name_bytes + extra_bytes + Little(rest, 32, 2);
    uint64_t bytes = Little(rest, 24, 4);
    uint64_t stored_bytes = Little(rest, 20, 4);
    uint64_t offset = Little(rest, 42, 4);
    const uint64_t size = static_cast<uint64_t>(archive.size());
    if (entry_bytes > rest.size() ||
        !ReadZip64(rest.substr(kEntryBytes + name_bytes, extra_bytes),
                   {&bytes, &stored_bytes, &offset}) ||
        offset > size || stored_bytes > size || bytes > std::numeric_limits<int64_t>::max()) {
      return Damaged(archive, absl::StrCat("directory entry ", members.size(), " is damaged"));
    }
    members.push_back(
        {std::string(rest.substr(kEntryBytes, name_bytes)), static_cast<int>(Little(rest, 10, 2)),
         static_cast<uint32_t>(Little(rest, 16, 4)), static_cast<int64_t>(stored_bytes),
         static_cast<int64_t>(bytes), static_cast<int64_t>(offset)});
    rest.remove_prefix(entry_bytes);
  }
  return members;
}

absl::StatusOr<std::unique_ptr<ByteSource>> OpenZipMember(std::shared_ptr<const ByteSource> archive,
                                                          const ZipMember& member) {
  const std::string name = absl::StrCat(archive->name(), ":", member.name);
  if (member.method != 0 && member.method != 8) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is compressed by method ", member.method,
                                                   "; legal: 0 (stored), 8 (deflated)"));
  }
  // The local header repeats the name and has an extra field of its own length.
  if (member.header_offset > archive->size() - kLocalBytes) {
    return Damaged(*archive, absl::StrCat(member.name, " lies outside the file"));
  }
  absl::StatusOr<std::string> header = ReadBytes(*archive, member.header_offset, kLocalBytes);
  if (!header.ok()) return header.status();
  if (header->compare(0, 4, "PK\x03\x04") != 0) {
    return Damaged(*archive, absl::StrCat(member.name, " has no header"));
  }
  const int64_t offset = member.header_offset + kLocalBytes +
                         static_cast<int64_t>(Little(*header, 26, 2) + Little(*header, 28, 2));
  absl::StatusOr<std::unique_ptr<ByteSource>> opened = OpenPart(
      std::move(archive), name, offset, member.stored_bytes, /*deflated=*/member.method == 8);
  if (!opened.ok()) return opened;
  if ((*opened)->size() != member.bytes) {
    return absl::DataLossError(absl::StrCat(name, " is damaged: the directory promises ",
                                            member.bytes, " bytes, it has ", (*opened)->size()));
  }
  uLong crc = crc32(0, nullptr, 0);
  absl::Status read = (*opened)->Stream(0, member.bytes, [&crc](std::span<const char> block) {
    crc = crc32(crc, reinterpret_cast<const Bytef*>(block.data()), static_cast<uInt>(block.size()));
    return absl::OkStatus();
  });
  if (!read.ok()) return read;
  if (crc != member.crc32) {
    return absl::DataLossError(absl::StrCat(name, " is damaged: its CRC-32 does not match"));
  }
  return opened;
}

}  // namespace gradloom
