// Text as spreadsheets, R and old Macs write it: lines, cells, headers, numbers.
#include "models/data/rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "models/data/text.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// Bytes that arrive one at a time: what a reader makes of them must not depend on their blocks.
class OneByOne final : public ByteSource {
 public:
  explicit OneByOne(std::string bytes) : bytes_(std::move(bytes)) {
    name_ = "FILE";
    size_ = static_cast<int64_t>(bytes_.size());
  }
  absl::Status Stream(int64_t offset, int64_t length, Sink sink) const override {
    for (int64_t at = offset; at < offset + length; ++at) {
      if (absl::Status taken = sink({&bytes_[at], 1}); !taken.ok()) return taken;
    }
    return absl::OkStatus();
  }

 private:
  std::string bytes_;
};

using Lines = std::vector<std::pair<std::string, int64_t>>;

absl::StatusOr<Lines> ReadLines(const ByteSource& source, int64_t offset = 0) {
  Lines lines;
  const absl::Status read =
      ForEachLine(source, offset, source.size() - offset, [&](absl::string_view line, int64_t at) {
        lines.emplace_back(std::string(line), at);
        return absl::OkStatus();
      });
  if (!read.ok()) return read;
  return lines;
}

Lines LinesOf(const std::string& text) {
  const auto lines = ReadLines(*BytesInMemory("FILE", text));
  EXPECT_TRUE(lines.ok()) << lines.status();
  // Whoever begins at a line's offset reads on from there.
  for (size_t i = 0; lines.ok() && i < lines->size(); ++i) {
    const auto rest = ReadLines(*BytesInMemory("FILE", text), (*lines)[i].second);
    EXPECT_TRUE(rest.ok() && std::equal(rest->begin(), rest->end(), lines->begin() + i)) << i;
  }
  return lines.ok() ? *lines : Lines();
}

TEST(Lines, F05_EveryLineEnd) {
  EXPECT_THAT(LinesOf("a\nb\n"), ElementsAre(Pair("a", 0), Pair("b", 2)));
  EXPECT_THAT(LinesOf("a\r\nb\r\n"), ElementsAre(Pair("a", 0), Pair("b", 3)));
  EXPECT_THAT(LinesOf("a\rb\r"), ElementsAre(Pair("a", 0), Pair("b", 2)));
  EXPECT_THAT(LinesOf("a\r\r\nb\n\rc"),
              ElementsAre(Pair("a", 0), Pair("", 2), Pair("b", 4), Pair("", 6), Pair("c", 7)));
  EXPECT_THAT(LinesOf("a"), ElementsAre(Pair("a", 0)));
  EXPECT_THAT(LinesOf("\xef\xbb\xbfnamn\nb"), ElementsAre(Pair("namn", 0), Pair("b", 8)));
  EXPECT_THAT(LinesOf("\xef\xbb\xbf"), IsEmpty());
  EXPECT_THAT(LinesOf(""), IsEmpty());
}

TEST(Lines, DoNotDependOnBlocks) {
  // More than a block of 256 KiB, with lines of all lengths and ends.
  std::string text;
  for (int i = 0; text.size() < 600'000; ++i) {
    absl::StrAppend(&text, std::string(i * 7 % 300, 'x'),
                    i % 3 == 0   ? "\n"
                    : i % 3 == 1 ? "\r\n"
                                 : "\r");
  }
  const auto in_blocks = ReadLines(*BytesInMemory("FILE", text));
  const auto one_by_one = ReadLines(OneByOne(text));
  ASSERT_TRUE(in_blocks.ok() && one_by_one.ok());
  EXPECT_GT(in_blocks->size(), 3000);
  EXPECT_EQ(*in_blocks, *one_by_one);
}

// A file of one kind of line end only is not searched for the other one at every line.
TEST(Lines, ManyShortLinesOfAnOldMacAreReadInLinearTime) {
  std::string text;
  for (int i = 0; i < 1'000'000; ++i) text += "1\r";
  int64_t lines = 0;
  EXPECT_TRUE(ForEachLine(*BytesInMemory("FILE", text), 0, static_cast<int64_t>(text.size()),
                          [&](absl::string_view, int64_t) {
                            ++lines;
                            return absl::OkStatus();
                          })
                  .ok());
  EXPECT_EQ(lines, 1'000'000);
}

TEST(Lines, F05_WhatIsNoTextSaysWhatItIs) {
  const auto message = [](const std::string& bytes) {
    return std::string(ReadLines(*BytesInMemory("FILE", bytes)).status().message());
  };
  EXPECT_EQ(message(std::string("\xff\xfe"
                                "1\0,\0",
                                6)),
            "FILE is text in UTF-16; legal: text in UTF-8, plain or gzip-compressed");
  EXPECT_THAT(message(std::string("\xfe\xff\0001", 4)), HasSubstr("FILE is text in UTF-16"));
  EXPECT_THAT(message(std::string("\xff\xfe\0\0", 4)), HasSubstr("FILE is text in UTF-32"));
  EXPECT_THAT(message(std::string("1\0,\0", 4)), HasSubstr("text in UTF-16"));
  EXPECT_THAT(message("PK\x03\x04..."), HasSubstr("is a zip archive (as spreadsheets' own"));
}

struct Table {
  std::vector<std::vector<std::string>> rows;
  std::vector<int64_t> lines;
};

absl::StatusOr<Table> ReadTable(const ByteSource& source, RowFormat format) {
  Table table;
  const absl::Status read = ForEachRow(source, 0, source.size(), format, [&](const Row& row) {
    table.rows.emplace_back();
    for (const absl::string_view cell : row.cells) table.rows.back().emplace_back(cell);
    table.lines.push_back(row.line);
    return absl::OkStatus();
  });
  if (!read.ok()) return read;
  return table;
}

std::vector<std::vector<std::string>> Rows(const std::string& text, RowFormat format = {}) {
  const auto table = ReadTable(*BytesInMemory("FILE", text), format);
  const auto slowly = ReadTable(OneByOne(text), format);
  EXPECT_TRUE(table.ok()) << table.status();
  if (!table.ok()) return {};
  EXPECT_EQ(table->rows, slowly->rows);
  return table->rows;
}

TEST(Rows, CellsAndQuotes) {
  EXPECT_THAT(Rows("a,b\n1, 2 \n"), ElementsAre(ElementsAre("a", "b"), ElementsAre("1", "2")));
  EXPECT_THAT(Rows(",a,\n"), ElementsAre(ElementsAre("", "a", "")));
  EXPECT_THAT(Rows("\"a,\"\"b\"\"\",\"1\",\"\"\n"), ElementsAre(ElementsAre("a,\"b\"", "1", "")));
  EXPECT_THAT(Rows("1, \"2\" ,\"3\"\n"), ElementsAre(ElementsAre("1", "2", "3")));
  EXPECT_THAT(Rows("\"1\",\n"), ElementsAre(ElementsAre("1", "")));
  EXPECT_THAT(Rows("\"two\r\nlines\",1\r\n2,3\r\n"),
              ElementsAre(ElementsAre("two\nlines", "1"), ElementsAre("2", "3")));
  EXPECT_THAT(Rows("\"a\rb\r\rc\",1\r2,3"),
              ElementsAre(ElementsAre("a\nb\n\nc", "1"), ElementsAre("2", "3")));
  // A quote within a cell is a character as any other: it must not swallow the lines below.
  EXPECT_THAT(Rows("5\" pipe,1\n6,2\n"),
              ElementsAre(ElementsAre("5\" pipe", "1"), ElementsAre("6", "2")));
}

TEST(Rows, Delimiters) {
  EXPECT_THAT(Rows("1;2,5;\"3;4\"\n", {.delimiter = ';'}),
              ElementsAre(ElementsAre("1", "2,5", "3;4")));
  EXPECT_THAT(Rows("1\t 2 \t\"3\t\"\t\n", {.delimiter = '\t'}),
              ElementsAre(ElementsAre("1", "2", "3\t", "")));
  EXPECT_THAT(Rows("  1   2 \t 3 \n\"a b\" \"c\"  4\n", {.delimiter = ' '}),
              ElementsAre(ElementsAre("1", "2", "3"), ElementsAre("a b", "c", "4")));
  constexpr char kAny = RowFormat::kAnyDelimiter;
  EXPECT_THAT(Rows("1,2\n3;4\n5\t6\n7  8\n9 , 10\n", {.delimiter = kAny}),
              ElementsAre(ElementsAre("1", "2"), ElementsAre("3", "4"), ElementsAre("5", "6"),
                          ElementsAre("7", "8"), ElementsAre("9", "10")));
  EXPECT_THAT(Rows("#1,2\n3,4\n", {.comments = true}), ElementsAre(ElementsAre("3", "4")));
  EXPECT_THAT(Rows("#1,2\n"), ElementsAre(ElementsAre("#1", "2")));
}

TEST(Rows, F08_ATabInEveryQuotingOfYaml) {
  EXPECT_EQ(ParseDelimiter("\t"), '\t');
  EXPECT_EQ(ParseDelimiter("\\t"), '\t');
  EXPECT_EQ(ParseDelimiter("tab"), '\t');
  EXPECT_EQ(ParseDelimiter(";"), ';');
  EXPECT_EQ(ParseDelimiter(" "), ' ');
  for (const char* illegal : {"", "a", "1", "\"", "\n", "\r", "-", "+", ".", "::", "\\n", "tabs"}) {
    EXPECT_EQ(ParseDelimiter(illegal), std::nullopt) << illegal;
  }
}

TEST(Rows, F05_BlankLinesAndEmptyRowsAtTheEnd) {
  EXPECT_THAT(Rows("1,2\n\n  \n3,4\n\n\n"),
              ElementsAre(ElementsAre("1", "2"), ElementsAre("3", "4")));
  // What a spreadsheet appends is no row; anywhere else it is one, with nothing in it.
  EXPECT_THAT(Rows("1,2\n,\n , \n"), ElementsAre(ElementsAre("1", "2")));
  EXPECT_THAT(Rows("1,2\n,\n,\n3,4\n"),
              ElementsAre(ElementsAre("1", "2"), ElementsAre("", ""), ElementsAre("3", "4")));
  EXPECT_THAT(Rows("1\t2\n\t\n", {.delimiter = '\t'}), ElementsAre(ElementsAre("1", "2")));
  const auto table = ReadTable(*BytesInMemory("FILE", "\n\"a\nb\",1\n\n2,3\n"), {});
  ASSERT_TRUE(table.ok());
  EXPECT_THAT(table->lines, ElementsAre(2, 5));
}

TEST(Rows, QuotesThatAreNotClosed) {
  const auto message = [](const std::string& text) {
    return std::string(ReadTable(*BytesInMemory("FILE", text), {}).status().message());
  };
  EXPECT_EQ(message("1,2\n3,\"4\n5,6\n"),
            "FILE, line 2: a quote is not closed before the file's end");
  EXPECT_EQ(message("\"1\"2,3\n"),
            "FILE, line 1: after the closing quote of cell 0: '2,3'; legal: the delimiter ','");
}

RowKind Kind(const std::vector<absl::string_view>& cells) { return KindOf(cells); }

TEST(Rows, F04_AHeaderIsARowOfNames) {
  EXPECT_EQ(Kind({"a", "b"}), RowKind::kNames);
  EXPECT_EQ(Kind({"", "a", "b"}), RowKind::kNames);
  EXPECT_EQ(Kind({"a", "NA"}), RowKind::kNames);
  EXPECT_EQ(Kind({"1stFloor", "x1"}), RowKind::kNames);
  EXPECT_EQ(Kind({"5.1", "", "1.4", "0"}), RowKind::kNumbers);
  EXPECT_EQ(Kind({"5.1", "NA", "?", "N/A", "null"}), RowKind::kNumbers);
  EXPECT_EQ(Kind({"nan", "inf", "-Infinity"}), RowKind::kNumbers);
  EXPECT_EQ(Kind({"NA", "?", ""}), RowKind::kNumbers) << "values are missing, nothing is named";
  EXPECT_EQ(Kind({"2019", "2020"}), RowKind::kNumbers);
  EXPECT_EQ(Kind({"0,5", "1/2", "12%", "2019-01-01"}), RowKind::kNumbers) << "no letters";
  EXPECT_EQ(Kind({"country", "2019", "2020"}), RowKind::kNamesAndNumbers);
  EXPECT_EQ(Kind({"5.1", "x", "1.4"}), RowKind::kNamesAndNumbers);
}

TEST(Rows, F05_NamesOfRows) {
  const std::vector<absl::string_view> names = {"a", "b"}, with_empty = {"", "a", "b"};
  EXPECT_TRUE(Header(names).RowsHaveNames(3)) << "R's write.table";
  EXPECT_FALSE(Header(names).RowsHaveNames(2));
  EXPECT_FALSE(Header(names).RowsHaveNames(4));
  EXPECT_TRUE(Header(with_empty).RowsHaveNames(3)) << "R's write.csv, pandas";
  EXPECT_FALSE(Header().RowsHaveNames(1));
}

absl::StatusOr<std::vector<std::vector<double>>> Numbers(const std::string& text) {
  std::vector<std::vector<double>> rows;
  const absl::Status read =
      ForEachNumbers(*BytesInMemory("FILE", text), [&](int64_t, std::span<const double> row) {
        rows.emplace_back(row.begin(), row.end());
        return absl::OkStatus();
      });
  if (!read.ok()) return read;
  return rows;
}

TEST(Numbers, F05_FromASpreadsheet) {
  const auto expected = ElementsAre(ElementsAre(0.5, 1), ElementsAre(2, 3));
  for (const char* text : {
           "0.5,1\n2,3\n",
           "\xef\xbb\xbf"
           "0.5,1\r\n2,3",
           "0.5;1\r2;3\r",
           "# seconds\nslot 0\tslot 1\n0.5\t1\n\n2\t3\n",
           "\"slot0\",\"slot1\"\n\"0.5\",\"1\"\n\"2\",\"3\"\n,\n",
           "\"\",\"V1\",\"V2\"\n\"1\",0.5,1\n\"2\",2,3\n",
           "\"V1\" \"V2\"\n\"1\" 0.5 1\n\"2\" 2 3\n",
       }) {
    const auto rows = Numbers(text);
    ASSERT_TRUE(rows.ok()) << text << rows.status();
    EXPECT_THAT(*rows, expected) << text;
  }
}

TEST(Numbers, F04_ARowThatIsNoHeaderIsNeverLost) {
  const auto message = [](const std::string& text) {
    return std::string(Numbers(text).status().message());
  };
  EXPECT_EQ(message(",1\n2,3\n"), "FILE, line 1, column 1: is empty; a number is required");
  EXPECT_EQ(message("nan,1\n2,3\n"), "FILE, line 1, column 1: 'nan' is not a finite number");
  EXPECT_EQ(message("x,1\n2,3\n"), "FILE, line 1, column 1: 'x' is not a number");
  EXPECT_EQ(message("1,2\na,b\n"), "FILE, line 2, column 1: 'a' is not a number");
  EXPECT_EQ(message("0,5;1,5\n"),
            "FILE, line 1, column 1: '0,5' is not a number (its decimal point must be a point)");
}

}  // namespace
}  // namespace gradloom
