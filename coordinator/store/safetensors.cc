#include "coordinator/store/safetensors.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/wrappers.pb.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace gradloom {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

constexpr absl::string_view kMetadata = "__metadata__";
// As the reference implementation.
constexpr uint64_t kHeaderBytesMax = 100'000'000;
// The JSON reader holds numbers as doubles, exact up to here.
constexpr double kIntegerMax = 9007199254740992.0;  // 2^53

std::string Quoted(const std::string& text) {
  google::protobuf::StringValue value;
  value.set_value(text);
  std::string json;
  // A string wrapper's JSON is the quoted string, and nothing in it can fail.
  static_cast<void>(google::protobuf::util::MessageToJsonString(value, &json));
  return json;
}

// JSON is UTF-8; keeping names to printable ASCII keeps every reader happy.
bool Printable(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// The number of elements; empty on a negative dimension or overflow.
std::optional<uint64_t> ElementCount(const std::vector<int64_t>& shape) {
  uint64_t count = 1;
  for (const int64_t dimension : shape) {
    if (dimension < 0) return std::nullopt;
    if (__builtin_mul_overflow(count, static_cast<uint64_t>(dimension), &count)) {
      return std::nullopt;
    }
  }
  if (count > uint64_t{1} << 60) return std::nullopt;
  return count;
}

size_t LengthOf(const TensorView& tensor) { return tensor.values.size() + tensor.doubles.size(); }

std::span<const std::byte> BytesOf(const TensorView& tensor) {
  return tensor.doubles.empty() ? std::as_bytes(tensor.values) : std::as_bytes(tensor.doubles);
}

absl::Status CheckTensors(std::span<const TensorView> tensors) {
  std::set<absl::string_view> names;
  for (const TensorView& tensor : tensors) {
    if (tensor.name.empty() || tensor.name == kMetadata || !Printable(tensor.name)) {
      return absl::InvalidArgumentError(absl::StrCat("tensor name '", tensor.name,
                                                     "'; legal: printable ASCII, not empty, not '",
                                                     kMetadata, "'"));
    }
    if (!names.insert(tensor.name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor name '", tensor.name, "' is given twice; legal: once"));
    }
    const std::optional<uint64_t> count = ElementCount(tensor.shape);
    if (!count || *count != LengthOf(tensor) ||
        (!tensor.values.empty() && !tensor.doubles.empty())) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tensor '", tensor.name, "' has shape [", absl::StrJoin(tensor.shape, ", "), "] but ",
          LengthOf(tensor), " values; legal: as many as the product of its shape"));
    }
  }
  return absl::OkStatus();
}

std::string HeaderJson(std::span<const TensorView> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<std::string> entries;
  if (!metadata.empty()) {
    std::vector<std::string> pairs;
    for (const auto& [key, value] : metadata) {
      pairs.push_back(absl::StrCat(Quoted(key), ":", Quoted(value)));
    }
    entries.push_back(absl::StrCat("\"", kMetadata, "\":{", absl::StrJoin(pairs, ","), "}"));
  }
  uint64_t offset = 0;
  for (const TensorView& tensor : tensors) {
    const uint64_t end = offset + BytesOf(tensor).size();
    entries.push_back(absl::StrCat(Quoted(tensor.name), ":{\"dtype\":\"",
                                   tensor.doubles.empty() ? "F32" : "F64", "\",\"shape\":[",
                                   absl::StrJoin(tensor.shape, ","), "],\"data_offsets\":[", offset,
                                   ",", end, "]}"));
    offset = end;
  }
  std::string json = absl::StrCat("{", absl::StrJoin(entries, ","), "}");
  json.resize((json.size() + 7) / 8 * 8, ' ');
  return json;
}

std::optional<uint64_t> ToInteger(const google::protobuf::Value& value) {
  if (value.kind_case() != google::protobuf::Value::kNumberValue) return std::nullopt;
  const double number = value.number_value();
  if (!(number >= 0 && number <= kIntegerMax)) return std::nullopt;
  const auto integer = static_cast<uint64_t>(number);
  if (static_cast<double>(integer) != number) return std::nullopt;
  return integer;
}

// The list of non-negative integers under `key`; empty when it is not one.
std::optional<std::vector<uint64_t>> ToIntegers(const google::protobuf::Struct& entry,
                                                const std::string& key) {
  const auto found = entry.fields().find(key);
  if (found == entry.fields().end() || !found->second.has_list_value()) return std::nullopt;
  std::vector<uint64_t> integers;
  for (const google::protobuf::Value& value : found->second.list_value().values()) {
    const std::optional<uint64_t> integer = ToInteger(value);
    if (!integer) return std::nullopt;
    integers.push_back(*integer);
  }
  return integers;
}

absl::StatusOr<TensorInfo> ParseTensor(const std::string& name,
                                       const google::protobuf::Value& value, uint64_t data_bytes) {
  const auto bad = [&](const auto&... what) {
    return absl::DataLossError(absl::StrCat("tensor '", name, "' ", what...));
  };
  if (!value.has_struct_value()) return bad("is no JSON object");
  const google::protobuf::Struct& entry = value.struct_value();
  const auto dtype = entry.fields().find("dtype");
  const std::string type = dtype == entry.fields().end() ? "(none)" : dtype->second.string_value();
  if (type != "F32" && type != "F64") return bad("has dtype '", type, "'; legal: F32, F64");
  const std::optional<std::vector<uint64_t>> shape = ToIntegers(entry, "shape");
  if (!shape) return bad("has no shape; legal: a list of non-negative integers");
  const std::optional<std::vector<uint64_t>> offsets = ToIntegers(entry, "data_offsets");
  if (!offsets || offsets->size() != 2) return bad("has no data_offsets; legal: [begin, end]");
  const uint64_t begin = (*offsets)[0];
  const uint64_t end = (*offsets)[1];
  if (begin > end || end > data_bytes) {
    return bad("has data_offsets [", begin, ", ", end, "]; legal: within the file's ", data_bytes,
               " data bytes");
  }
  TensorInfo info;
  info.shape.assign(shape->begin(), shape->end());
  info.offset = begin;
  info.doubles = type == "F64";
  const std::optional<uint64_t> count = ElementCount(info.shape);
  info.length = count.value_or(0);
  if (!count || info.bytes() != end - begin) {
    return bad("has shape [", absl::StrJoin(*shape, ", "), "] but ", end - begin,
               " bytes; legal: ", info.doubles ? 8 : 4, " bytes an element");
  }
  return info;
}

absl::Status CheckTiling(const SafetensorsHeader& header, uint64_t data_bytes) {
  std::vector<std::pair<uint64_t, uint64_t>> pieces;
  for (const auto& [name, info] : header.tensors) {
    pieces.emplace_back(info.offset, info.offset + info.bytes());
  }
  std::sort(pieces.begin(), pieces.end());
  uint64_t position = 0;
  for (const auto& [begin, end] : pieces) {
    if (begin != position) {
      return absl::DataLossError(absl::StrCat("a tensor begins at data byte ", begin,
                                              "; legal: at ", position,
                                              ", where the one before it ends"));
    }
    position = end;
  }
  if (position != data_bytes) {
    return absl::DataLossError(absl::StrCat("the tensors have ", position, " bytes, the file has ",
                                            data_bytes, " after its header; legal: equal"));
  }
  return absl::OkStatus();
}

absl::Status ReadAt(int file, const std::string& path, uint64_t offset, std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t count = ::pread(file, out.data(), out.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
    if (count == 0) {
      return absl::DataLossError(
          absl::StrCat(path, " ends at byte ", offset, "; legal: ", out.size(), " more"));
    }
    offset += static_cast<uint64_t>(count);
    out = out.subspan(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteSafetensors(std::span<const TensorView> tensors,
                              const std::map<std::string, std::string>& metadata,
                              FileWriter& writer) {
  if (absl::Status status = CheckTensors(tensors); !status.ok()) return status;
  const std::string json = HeaderJson(tensors, metadata);
  if (json.size() > kHeaderBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("a safetensors header of ", json.size(),
                                                   " bytes; legal: at most ", kHeaderBytesMax));
  }
  const uint64_t length = json.size();
  if (absl::Status status = writer.Append(std::as_bytes(std::span(&length, 1))); !status.ok()) {
    return status;
  }
  if (absl::Status status = writer.Append(json); !status.ok()) return status;
  for (const TensorView& tensor : tensors) {
    if (absl::Status status = writer.Append(BytesOf(tensor)); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status WriteSafetensorsFile(FileSystem& files, const std::string& path,
                                  std::span<const TensorView> tensors,
                                  const std::map<std::string, std::string>& metadata) {
  return WriteFileAtomically(
      files, path, [&](FileWriter& writer) { return WriteSafetensors(tensors, metadata, writer); });
}

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(absl::string_view json,
                                                         uint64_t data_bytes) {
  google::protobuf::Struct root;
  const auto parsed = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(json.data(), json.size()), &root);
  if (!parsed.ok()) {
    return absl::DataLossError(absl::StrCat("the header is no JSON object: ", parsed.ToString()));
  }
  SafetensorsHeader header;
  for (const auto& [name, value] : root.fields()) {
    if (name == kMetadata) {
      for (const auto& [key, text] : value.struct_value().fields()) {
        header.metadata[key] = text.string_value();
      }
      continue;
    }
    absl::StatusOr<TensorInfo> info = ParseTensor(name, value, data_bytes);
    if (!info.ok()) return info.status();
    header.tensors[name] = *std::move(info);
  }
  if (absl::Status status = CheckTiling(header, data_bytes); !status.ok()) return status;
  return header;
}

absl::StatusOr<SafetensorsReader> SafetensorsReader::Open(const std::string& path) {
  absl::StatusOr<InputFile> opened = InputFile::Open(path, path);
  if (!opened.ok()) return opened.status();
  const auto size = static_cast<uint64_t>(opened->size());
  SafetensorsReader reader(path, *std::move(opened));
  const int file = reader.file_.descriptor();
  uint64_t length = 0;
  if (size < sizeof(length)) {
    return absl::DataLossError(absl::StrCat(path, " has ", size, " bytes; legal: at least 8"));
  }
  if (absl::Status read = ReadAt(file, path, 0, std::as_writable_bytes(std::span(&length, 1)));
      !read.ok()) {
    return read;
  }
  if (length > kHeaderBytesMax || length > size - sizeof(length)) {
    return absl::DataLossError(absl::StrCat(path, " says its header has ", length,
                                            " bytes; legal: at most ",
                                            std::min(kHeaderBytesMax, size - sizeof(length))));
  }
  std::string json(length, '\0');
  if (absl::Status read = ReadAt(file, path, sizeof(length),
                                 std::as_writable_bytes(std::span(json.data(), json.size())));
      !read.ok()) {
    return read;
  }
  reader.data_start_ = sizeof(length) + length;
  absl::StatusOr<SafetensorsHeader> header =
      ParseSafetensorsHeader(json, size - reader.data_start_);
  if (!header.ok()) {
    return absl::DataLossError(absl::StrCat(path, ": ", header.status().message()));
  }
  reader.header_ = *std::move(header);
  return reader;
}

absl::Status SafetensorsReader::Read(absl::string_view name, std::span<float> values) const {
  return Read(name, false, values.size(), std::as_writable_bytes(values));
}

absl::Status SafetensorsReader::Read(absl::string_view name, std::span<double> values) const {
  return Read(name, true, values.size(), std::as_writable_bytes(values));
}

absl::Status SafetensorsReader::Read(absl::string_view name, bool doubles, size_t length,
                                     std::span<std::byte> out) const {
  const auto found = header_.tensors.find(std::string(name));
  if (found == header_.tensors.end()) {
    return absl::NotFoundError(absl::StrCat(
        path_, " has no tensor '", name, "'; it has: ",
        absl::StrJoin(header_.tensors, ", ",
                      [](std::string* out, const auto& entry) { out->append(entry.first); })));
  }
  const TensorInfo& info = found->second;
  if (length != info.length || doubles != info.doubles) {
    const auto type = [](bool doubles) { return doubles ? "float64" : "float32"; };
    return absl::InvalidArgumentError(absl::StrCat(
        path_, ": tensor '", name, "' has ", info.length, " values of ", type(info.doubles),
        ", but ", length, " of ", type(doubles), " were asked for; legal: equal"));
  }
  return ReadAt(file_.descriptor(), path_, data_start_ + info.offset, out);
}

}  // namespace gradloom
