#include "tests/models/data/test_files.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>

namespace gradloom {
namespace {

std::string Deflate(const std::string& bytes, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

void AddLittle(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

}  // namespace

TempFolder::TempFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "gradloom-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << "no temporary folder " << pattern;
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempFolder::Write(const std::string& name, const std::string& bytes) const {
  std::ofstream(std::filesystem::path(path_) / name, std::ios::binary) << bytes;
  return name;
}

std::string Gzip(const std::string& bytes) { return Deflate(bytes, 15 + 16); }

std::string IdxBytes(const std::vector<uint32_t>& shape, const std::string& elements) {
  std::string out{'\0', '\0', '\x08', static_cast<char>(shape.size())};
  for (const uint32_t extent : shape) {
    for (int i = 3; i >= 0; --i) out.push_back(static_cast<char>(extent >> (8 * i)));
  }
  return out + elements;
}

std::string NpyBytes(const std::string& descr, const std::string& shape,
                     const std::string& elements, const std::string& fortran_order) {
  std::string header = "{'descr': '" + descr + "', 'fortran_order': " + fortran_order +
                       ", 'shape': " + shape + ", }";
  while ((10 + header.size() + 1) % 64 != 0) header.push_back(' ');
  header.push_back('\n');
  std::string out("\x93NUMPY\x01\x00", 8);
  AddLittle(out, header.size(), 2);
  return out + header + elements;
}

std::string ZipBytes(const std::vector<std::pair<std::string, std::string>>& members,
                     bool deflated) {
  std::string out;
  std::string directory;
  for (const auto& [name, contents] : members) {
    const std::string stored = deflated ? Deflate(contents, -15) : contents;
    const size_t offset = out.size();
    std::string common;  // of the local header and the directory's entry
    AddLittle(common, 20, 2);
    AddLittle(common, 0, 2);
    AddLittle(common, deflated ? 8 : 0, 2);
    AddLittle(common, 0, 4);
    AddLittle(common,
              crc32(0, reinterpret_cast<const Bytef*>(contents.data()),
                    static_cast<uInt>(contents.size())),
              4);
    AddLittle(common, stored.size(), 4);
    AddLittle(common, contents.size(), 4);
    AddLittle(common, name.size(), 2);
    // numpy's local headers carry an extra field that the directory has not.
    out += "PK\x03\x04" + common;
    AddLittle(out, 4, 2);
    out += name + std::string("\x77\x77\x00\x00", 4) + stored;
    directory += "PK\x01\x02";
    AddLittle(directory, 20, 2);
    directory += common;
    directory.append(12, '\0');  // no extra field, no comment, disk 0, no attributes
    AddLittle(directory, offset, 4);
    directory += name;
  }
  const size_t start = out.size();
  out += directory + "PK\x05\x06";
  AddLittle(out, 0, 4);
  AddLittle(out, members.size(), 2);
  AddLittle(out, members.size(), 2);
  AddLittle(out, directory.size(), 4);
  AddLittle(out, start, 4);
  AddLittle(out, 0, 2);
  return out;
}

}  // namespace gradloom
