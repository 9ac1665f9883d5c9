// Any bytes as a text: rows that begin where they say, so that a range of them can be read alone.
#include <cstdlib>
#include <string>
#include <vector>

#include "models/data/rows.h"

namespace {

using Rows = std::vector<std::pair<int64_t, std::vector<std::string>>>;

bool Read(const gradloom::ByteSource& text, int64_t begin, int64_t end, gradloom::RowFormat format,
          Rows& rows) {
  return gradloom::ForEachRow(text, begin, end - begin, format,
                              [&](const gradloom::Row& row) {
                                rows.emplace_back();
                                rows.back().first = row.offset;
                                for (const auto cell : row.cells) {
                                  rows.back().second.emplace_back(cell);
                                }
                                return absl::OkStatus();
                              })
      .ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text =
      gradloom::BytesInMemory("fuzz", absl::string_view(reinterpret_cast<const char*>(data), size));
  for (const char delimiter : {',', '\t', ' ', gradloom::RowFormat::kAnyDelimiter}) {
    const gradloom::RowFormat format{.delimiter = delimiter, .comments = delimiter != ','};
    Rows whole;
    if (!Read(*text, 0, text->size(), format, whole) || whole.size() < 2) continue;
    const size_t middle = whole.size() / 2;
    Rows parts;
    if (!Read(*text, 0, whole[middle].first, format, parts)) abort();
    // Empty rows at a range's end are the next range's to find.
    if (parts.size() > middle) abort();
    parts.resize(middle, {});
    Rows rest;
    if (!Read(*text, whole[middle].first, text->size(), format, rest)) abort();
    if (Rows(whole.begin() + static_cast<int64_t>(middle), whole.end()) != rest) abort();
  }
  gradloom::ForEachNumbers(*text, [](int64_t, std::span<const double>) {
    return absl::OkStatus();
  }).IgnoreError();
  return 0;
}
