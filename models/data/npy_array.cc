#include "models/data/npy_array.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "models/data/text.h"
#include "models/data/zip_archive.h"

namespace gradloom {
namespace {

static_assert(std::endian::native == std::endian::little, "elements are copied as they are");

constexpr int64_t kMostHeaderBytes = 1 << 16;
constexpr size_t kMostDimensions = 32;  // NumPy's own limit

// Walks over the header's text.
class Scanner {
 public:
  explicit Scanner(absl::string_view text) : rest_(text) {}
  bool Take(char c) {
    rest_ = absl::StripLeadingAsciiWhitespace(rest_);
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Up to the first character that is neither letter, digit nor '_'.
  absl::string_view Word() {
    rest_ = absl::StripLeadingAsciiWhitespace(rest_);
    size_t length = 0;
    while (length < rest_.size() && (absl::ascii_isalnum(rest_[length]) || rest_[length] == '_')) {
      ++length;
    }
    const absl::string_view word = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return word;
  }
  // A text in single or double quotes without escapes.
  bool Quoted(absl::string_view& text) {
    const char quote = Take('\'') ? '\'' : '"';
    if (quote == '"' && !Take('"')) return false;
    const size_t end = rest_.find(quote);
    if (end == absl::string_view::npos) return false;
    text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return true;
  }
  absl::string_view rest() const { return rest_; }

 private:
  absl::string_view rest_;
};

bool ReadShape(Scanner& scanner, std::vector<int64_t>& shape) {
  if (!scanner.Take('(')) return false;
  while (!scanner.Take(')')) {
    absl::string_view word = scanner.Word();
    absl::ConsumeSuffix(&word, "L");  // as Python 2 wrote it
    int64_t size = 0;
    if (!absl::SimpleAtoi(word, &size) || size < 0 || shape.size() == kMostDimensions) {
      return false;
    }
    shape.push_back(size);
    if (scanner.Take(',')) continue;
    return scanner.Take(')');
  }
  return true;
}

bool ReadEntry(absl::string_view key, Scanner& scanner, NpyHeader& header) {
  if (key == "shape") return ReadShape(scanner, header.shape);
  if (key == "fortran_order") {
    const absl::string_view word = scanner.Word();
    header.fortran_order = word == "True";
    return word == "True" || word == "False";
  }
  absl::string_view text;
  if (key != "descr" || !scanner.Quoted(text)) return false;
  header.descr = std::string(text);
  return true;
}

template <typename Element>
void Convert(std::span<const char> block, std::vector<float>& out) {
  for (size_t at = 0; at + sizeof(Element) <= block.size(); at += sizeof(Element)) {
    Element element;
    std::memcpy(&element, block.data() + at, sizeof(Element));
    out.push_back(static_cast<float>(element));
  }
}

using Converter = void (*)(std::span<const char>, std::vector<float>&);
Converter FindConverter(char kind, int item_bytes) {
  if (item_bytes < 1 || item_bytes > 8) return nullptr;
  switch (kind << 4 | item_bytes) {
    case 'f' << 4 | 4:
      return Convert<float>;
    case 'f' << 4 | 8:
      return Convert<double>;
    case 'i' << 4 | 1:
      return Convert<int8_t>;
    case 'i' << 4 | 2:
      return Convert<int16_t>;
    case 'i' << 4 | 4:
      return Convert<int32_t>;
    case 'i' << 4 | 8:
      return Convert<int64_t>;
    case 'b' << 4 | 1:
    case 'u' << 4 | 1:
      return Convert<uint8_t>;
    case 'u' << 4 | 2:
      return Convert<uint16_t>;
    case 'u' << 4 | 4:
      return Convert<uint32_t>;
    case 'u' << 4 | 8:
      return Convert<uint64_t>;
    default:
      return nullptr;
  }
}

}  // namespace

absl::StatusOr<NpyHeader> ParseNpyHeader(absl::string_view dictionary) {
  NpyHeader header;
  Scanner scanner(dictionary);
  const auto wrong = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat("its header is no {'descr', 'fortran_order', 'shape'} dictionary of a plain "
                     "array, near '",
                     absl::CEscape(scanner.rest().substr(0, 40)), "'"));
  };
  if (!scanner.Take('{')) return wrong();
  std::vector<absl::string_view> seen;
  while (!scanner.Take('}')) {
    absl::string_view key;
    if (!scanner.Quoted(key) || absl::c_linear_search(seen, key) || !scanner.Take(':') ||
        !ReadEntry(key, scanner, header)) {
      return wrong();
    }
    seen.push_back(key);
    if (scanner.Take(',')) continue;
    if (!scanner.Take('}')) return wrong();
    break;
  }
  if (seen.size() != 3) return wrong();
  return header;
}

absl::StatusOr<ZipArchive> OpenNpz(absl::string_view path, absl::string_view field,
                                   absl::string_view base_folder) {
  absl::StatusOr<std::unique_ptr<ByteSource>> file = OpenAsItIs(path, field, base_folder);
  if (!file.ok()) return file.status();
  return ZipArchive::Open(*std::move(file));
}

absl::StatusOr<NpyArray> NpyArray::Open(const std::string& spec, const std::string& field,
                                        const std::string& base_folder) {
  const size_t colon = spec.rfind(':');
  const bool member = colon != std::string::npos &&
                      absl::EndsWith(absl::string_view(spec).substr(0, colon), ".npz");
  if (!member && !absl::EndsWith(spec, ".npz")) return Of(OpenFile(spec, field, base_folder));
  const size_t split = member ? colon : spec.size();
  const absl::StatusOr<ZipArchive> archive = OpenNpz(spec.substr(0, split), field, base_folder);
  if (!archive.ok()) return archive.status();
  return OpenIn(*archive, absl::ClippedSubstr(spec, split + 1));
}

absl::StatusOr<NpyArray> NpyArray::OpenIn(const ZipArchive& archive, absl::string_view array) {
  std::vector<absl::string_view> names;
  for (const std::string& member : archive.members()) {
    names.push_back(absl::StripSuffix(member, ".npy"));
    if (names.back() == array || member == array) return Of(archive.OpenMember(names.size() - 1));
  }
  return absl::InvalidArgumentError(absl::StrCat(archive.name(), " has no array ", Shown(array),
                                                 "; it has ",
                                                 absl::CEscape(absl::StrJoin(names, ", "))));
}

absl::StatusOr<NpyArray> NpyArray::Of(absl::StatusOr<std::unique_ptr<ByteSource>> bytes) {
  if (!bytes.ok()) return bytes.status();
  NpyArray array;
  array.bytes_ = *std::move(bytes);
  if (absl::Status read = array.ReadHeader(); !read.ok()) return read;
  return array;
}

absl::Status NpyArray::ReadHeader() {
  const auto invalid = [this](auto... what) {
    return absl::InvalidArgumentError(absl::StrCat(name(), what...));
  };
  const int64_t size = bytes_->size();
  std::string magic(12, '\0');
  if (size < static_cast<int64_t>(magic.size())) {
    return absl::DataLossError(absl::StrCat(name(), " is truncated: ", size, " bytes"));
  }
  if (absl::Status read = bytes_->Read(0, magic); !read.ok()) return read;
  if (magic.compare(0, 6, "\x93NUMPY") != 0) return invalid(" is no .npy array");
  const int version = static_cast<unsigned char>(magic[6]);
  if (version < 1 || version > 3) {
    return invalid(": .npy version ", version, "; legal: 1, 2, 3");
  }
  int64_t header_bytes = 0;
  const int length_bytes = version == 1 ? 2 : 4;
  for (int i = length_bytes - 1; i >= 0; --i) {
    header_bytes = header_bytes << 8 | static_cast<unsigned char>(magic[8 + i]);
  }
  data_offset_ = 8 + length_bytes + header_bytes;
  if (header_bytes > kMostHeaderBytes || data_offset_ > size) {
    return absl::DataLossError(absl::StrCat(name(), " is truncated: a header of ", header_bytes,
                                            " bytes in ", size, " (at most ", kMostHeaderBytes,
                                            ")"));
  }
  std::string dictionary(header_bytes, '\0');
  if (absl::Status read = bytes_->Read(8 + length_bytes, dictionary); !read.ok()) return read;
  const absl::StatusOr<NpyHeader> header = ParseNpyHeader(dictionary);
  if (!header.ok()) return invalid(": ", header.status().message());

  const std::string& descr = header->descr;
  const bool ordered = descr.size() == 3 && (descr[0] == '<' || descr[0] == '|' || descr[0] == '=');
  kind_ = ordered ? descr[1] : '?';
  item_bytes_ = ordered ? descr[2] - '0' : 0;
  if (!ordered || FindConverter(kind_, item_bytes_) == nullptr) {
    return invalid(": elements of type '", absl::CEscape(descr),
                   "'; legal, little-endian: b1, i1, i2, i4, i8, u1, u2, u4, u8, f4, f8");
  }
  if (header->fortran_order) {
    return invalid(
        " is in Fortran order; save numpy.ascontiguousarray(...) of it, so that rows lie together");
  }
  if (header->shape.empty()) return invalid(" is a single number; an array is required");
  unsigned __int128 promised = item_bytes_;
  for (const int64_t extent : header->shape) {
    if (extent == 0) return invalid(" has no elements");
    promised *= extent;
    if (promised > std::numeric_limits<int64_t>::max()) break;
  }
  if (const int64_t have = size - data_offset_; promised != have) {
    return absl::DataLossError(
        absl::StrCat(name(), promised > have ? " is truncated" : " is too long",
                     ": header promises ", absl::StrJoin(header->shape, " x "), " elements of ",
                     item_bytes_, " bytes, file has ", have, " bytes"));
  }
  shape_ = header->shape;
  row_size_ = (size - data_offset_) / item_bytes_ / shape_[0];
  return absl::OkStatus();
}

absl::Status NpyArray::Append(int64_t begin, int64_t end, std::vector<float>& out) const {
  const Converter convert = FindConverter(kind_, item_bytes_);
  const int64_t row_bytes = row_size_ * item_bytes_;
  out.reserve(out.size() + (end - begin) * row_size_);
  const size_t start = out.size();
  // Blocks are a multiple of every element's size.
  return bytes_->Stream(
      data_offset_ + begin * row_bytes, (end - begin) * row_bytes,
      [&](std::span<const char> block) -> absl::Status {
        const size_t first = out.size();
        convert(block, out);
        for (size_t i = first; kind_ == 'f' && i < out.size(); ++i) {
          if (std::isfinite(out[i])) continue;
          const auto element = static_cast<int64_t>(i - start);
          return absl::InvalidArgumentError(absl::StrCat(
              name(), ", row ", begin + element / row_size_, ", column ", element % row_size_, ": ",
              out[i], " is not a finite number in single precision"));
        }
        return absl::OkStatus();
      });
}

}  // namespace gradloom
