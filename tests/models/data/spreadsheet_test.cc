// Whole data sets from text as spreadsheets, R, pandas and old Macs write it: what is read, and
// that no row is ever lost without a word.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "models/data/dataset.h"
#include "models/data/graph.h"
#include "tests/models/data/test_files.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kMark[] = "\xef\xbb\xbf";

// A text as other programs would have saved it: the ways to end a line, and what goes around them.
struct Spelling {
  std::string name;
  std::string line_end;
  bool mark = false;
  bool last_end = true;
  bool gzip = false;
  std::string appended = {};
};

const std::vector<Spelling>& Spellings() {
  static const auto& spellings = *new std::vector<Spelling>{
      {"unix", "\n"},
      {"windows", "\r\n"},
      {"windows_with_mark", "\r\n", true},
      {"old_mac", "\r"},
      {"old_mac_with_mark_without_last_end", "\r", true, false},
      {"without_last_end", "\n", false, false},
      {"windows_without_last_end", "\r\n", true, false},
      {"blank_lines_at_the_end", "\n", false, true, false, "\n\n  \n"},
      {"gzip", "\n", false, true, true},
      {"gzip_of_windows_with_mark", "\r\n", true, true, true},
  };
  return spellings;
}

std::string Spelled(const std::string& text, const Spelling& how) {
  std::string out = (how.mark ? kMark : "") + text + how.appended;
  if (!how.last_end) out.pop_back();
  out = absl::StrReplaceAll(out, {{"\n", how.line_end}});
  return how.gzip ? Gzip(out) : out;
}

class SpreadsheetTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Dataset>> Open(const v1::DataSource& source) {
    return OpenDataset(source, "data.train", folder_.path());
  }
  v1::DataSource Csv(const std::string& text, const std::string& delimiter = "",
                     const std::string& target = "") {
    v1::DataSource source;
    source.mutable_csv()->set_file(folder_.Write("a.csv", text));
    if (!delimiter.empty()) source.mutable_csv()->set_delimiter(delimiter);
    if (!target.empty()) source.mutable_csv()->set_target(target);
    return source;
  }
  std::string Message(const v1::DataSource& source) {
    return std::string(Open(source).status().message());
  }
  // Features and targets of all rows.
  std::pair<std::vector<float>, std::vector<float>> Load(const v1::DataSource& source) {
    const auto dataset = Open(source);
    EXPECT_TRUE(dataset.ok()) << dataset.status();
    if (!dataset.ok()) return {};
    const int64_t n = (*dataset)->info().examples;
    const absl::StatusOr<Examples> examples = (*dataset)->Load(0, n);
    EXPECT_TRUE(examples.ok()) << examples.status();
    if (!examples.ok()) return {};
    // Ranges find their rows, too.
    const absl::StatusOr<Examples> last = (*dataset)->Load(n - 1, n);
    EXPECT_TRUE(last.ok() && last->targets.back() == examples->targets.back());
    return {examples->dense, examples->targets};
  }

  TempFolder folder_;
};

TEST_F(SpreadsheetTest, F05_CsvHoweverItWasSaved) {
  const std::vector<std::pair<std::string, std::string>> texts = {
      {"x,y,target\n1.5,2,0.5\n3,4,-1\n", ""},
      {"\"x\",\"y\",\"target\"\n\"1.5\",\"2\",\"0.5\"\n\"3\",\"4\",\"-1\"\n", ""},
      {"\"x, \"\"the\"\" first\nof two\",y,target\n1.5,2,0.5\n3,4,-1\n", ""},
      {"1.5 , 2 ,0.5\n 3, \"4\" ,-1\n", ""},
      {"x;y;target\n1.5;2;0.5\n3;4;-1\n", ";"},
      {"x\ty\ttarget\n1.5\t2\t0.5\n3\t4\t-1\n", "\\t"},
      {"x y  target\n1.5  2  0.5\n3 4 -1\n", " "},
      {"x,y,target\n1.5,2,0.5\n3,4,-1\n,,\n,,\n", ""},
      // R: write.csv, write.table; pandas: to_csv.
      {"\"\",\"x\",\"y\",\"target\"\n\"1\",1.5,2,0.5\n\"2\",3,4,-1\n", ""},
      {"\"x\" \"y\" \"target\"\n\"row 1\" 1.5 2 0.5\n\"row 2\" 3 4 -1\n", " "},
      {",x,y,target\n0,1.5,2,0.5\n1,3,4,-1\n", ""},
  };
  for (const auto& [text, delimiter] : texts) {
    for (const Spelling& how : Spellings()) {
      const auto [features, targets] = Load(Csv(Spelled(text, how), delimiter));
      EXPECT_THAT(features, ElementsAre(1.5, 2, 3, 4)) << how.name << "\n" << text;
      EXPECT_THAT(targets, ElementsAre(0.5, -1)) << how.name << "\n" << text;
    }
  }
}

TEST_F(SpreadsheetTest, F05_LibsvmHoweverItWasSaved) {
  for (const Spelling& how : Spellings()) {
    v1::DataSource source;
    source.mutable_libsvm()->set_file(
        folder_.Write("a", Spelled("-1 1:0.5 3:2 # one\n+1 2:1\n\n-1 3:4\n", how)));
    const auto dataset = Open(source);
    ASSERT_TRUE(dataset.ok()) << how.name << dataset.status();
    const Examples examples = *(*dataset)->Load(0, 3);
    EXPECT_THAT(examples.targets, ElementsAre(-1, 1, -1)) << how.name;
    EXPECT_THAT(examples.column, ElementsAre(0, 2, 1, 2)) << how.name;
    EXPECT_THAT((*dataset)->Load(2, 3)->value, ElementsAre(4)) << how.name;
  }
}

TEST_F(SpreadsheetTest, F05_GraphsHoweverTheyWereSaved) {
  const std::string nodes = "\"a\",\"b\",\"class\"\n1,0,\"3\"\n0,1,7\n1,1,3\n";
  for (const char* edges : {
           "from,to\n0,1\n1,2\n",
           "\"from\",\"to\"\n\"0\",\"1\"\n\"1\",\"2\"\n,\n",
           "# edges\n0 1\n1\t2\n",
           "from;to\n0;1\n1;2\n",
           "\"\",\"from\",\"to\"\n\"1\",0,1\n\"2\",1,2\n",
       }) {
    for (const Spelling& how : Spellings()) {
      v1::DataSource source;
      source.mutable_graph_csv()->set_edges(folder_.Write("edges", Spelled(edges, how)));
      source.mutable_graph_csv()->mutable_nodes()->set_file(
          folder_.Write("nodes", Spelled(nodes, how)));
      const auto dataset = Open(source);
      ASSERT_TRUE(dataset.ok()) << how.name << edges << dataset.status();
      const Graph& graph = *(*dataset)->info().graph;
      EXPECT_THAT(graph.neighbour, ElementsAre(1, 0, 2, 1)) << how.name << edges;
      EXPECT_THAT(graph.label, ElementsAre(0, 1, 0)) << how.name;
      EXPECT_THAT((*dataset)->Load(0, 3)->targets, ElementsAre(3, 7, 3)) << how.name;
    }
  }
}

TEST_F(SpreadsheetTest, F05_WhatIsNoTextSaysSoByFieldAndFile) {
  std::string wide = "\xff\xfe";
  for (const char c : std::string("1,2\n3,4\n")) wide += {c, '\0'};
  EXPECT_THAT(Message(Csv(wide)),
              AllOf(HasSubstr("data.train.csv.file: "),
                    HasSubstr("a.csv is text in UTF-16; legal: text in UTF-8")));
  EXPECT_THAT(Message(Csv(ZipBytes({{"xl/workbook.xml", "<x/>"}}, true))),
              HasSubstr("a.csv is a zip archive (as spreadsheets' own files are)"));
}

TEST_F(SpreadsheetTest, F05_ADecimalCommaIsToldFromADelimiter) {
  EXPECT_THAT(Message(Csv("1,5;2\n3;4\n", ";")),
              HasSubstr("line 1: column 0: '1,5' is not a number (its decimal point must be"));
  EXPECT_THAT(Message(Csv("a;b\n1;2\n")),
              HasSubstr("a.csv has one column; legal: two or more, split by ',' "
                        "(data.train.csv.delimiter)"));
}

TEST_F(SpreadsheetTest, F05_ColumnsOfRowNames) {
  // The target by name and by number, counted as the rows have their cells.
  const std::string short_header = "a,b,c\nr1,1,2,3\nr2,4,5,6\n";
  for (const char* target : {"b", "2"}) {
    const auto [features, targets] = Load(Csv(short_header, ",", target));
    EXPECT_THAT(features, ElementsAre(1, 3, 4, 6)) << target;
    EXPECT_THAT(targets, ElementsAre(2, 5)) << target;
  }
  EXPECT_THAT(Message(Csv(short_header, ",", "0")),
              HasSubstr("data.train.csv.target: '0'; legal: 1 to 3 or one of the header's names"));
  EXPECT_THAT(Message(Csv("a,b\n1,2,\n3,4,\n")),
              HasSubstr("line 2: column 2: is empty; a number is required"))
      << "a delimiter at every line's end names no rows";
  EXPECT_THAT(Message(Csv("a,b,c\n1,2\n")), HasSubstr("line 2: 2 cells; the header has 3"));
  EXPECT_THAT(Message(Csv("a,b,c\n1,2,3,4,5\n")), HasSubstr("line 2: 5 cells; the header has 3"));
}

TEST_F(SpreadsheetTest, F04_ARowOfNumbersIsNoHeaderWhateverItLacks) {
  // What is said of a value that is missing does not depend on the row.
  const std::vector<std::pair<std::string, std::string>> cells = {
      {"", "column 1: is empty; a number is required"},
      {"\"\"", "column 1: is empty; a number is required"},
      {"NA", "column 1: 'NA' is not a number"},
      {"N/A", "column 1: 'N/A' is not a number"},
      {"?", "column 1: '?' is not a number"},
      {"NULL", "column 1: 'NULL' is not a number"},
      {"nan", "column 1: 'nan' is not a finite number"},
      {"NaN", "column 1: 'NaN' is not a finite number"},
      {"-inf", "column 1: '-inf' is not a finite number"},
  };
  for (const auto& [cell, message] : cells) {
    EXPECT_THAT(Message(Csv(absl::StrCat("5.1,", cell, ",1.4,0\n4.9,3,1.4,1\n"))),
                HasSubstr("a.csv, line 1: " + message));
    EXPECT_THAT(Message(Csv(absl::StrCat("4.9,3,1.4,1\n5.1,", cell, ",1.4,0\n"))),
                HasSubstr("a.csv, line 2: " + message));
    v1::DataSource headed = Csv(absl::StrCat("5.1,", cell, ",1.4,0\n4.9,3,1.4,1\n"));
    headed.mutable_csv()->set_header(false);
    EXPECT_THAT(Message(headed), HasSubstr("a.csv, line 1: " + message));
  }
  EXPECT_THAT(Message(Csv("2019-01,2019-02\n1,2\n")),
              HasSubstr("line 1: column 0: '2019-01' is not a number; if this row is a header, say "
                        "data.train.csv.header: true"));
  EXPECT_THAT(Message(Csv("NA,?\n1,2\n")), HasSubstr("line 1: column 0: 'NA' is not a number"));
  EXPECT_THAT(Message(Csv(",,\n1,2,3\n")), HasSubstr("line 1: column 0: is empty"));
  EXPECT_THAT(Message(Csv("1,2,3\n,,\n4,5,6\n")), HasSubstr("line 2: column 0: is empty"));
}

TEST_F(SpreadsheetTest, F04_NamesBesideNumbersAreSettledByHeader) {
  const std::string years = "country,2019,2020\n1,2,3\n4,5,6\n";
  EXPECT_THAT(
      Message(Csv(years)),
      HasSubstr("a.csv, line 1 holds 'country', which is no number, and '2019', which is no "
                "name: a header, or data? Say data.train.csv.header: true if it is one, or "
                "correct the cell (header: false)"));
  v1::DataSource source = Csv(years);
  source.mutable_csv()->set_header(true);
  EXPECT_THAT(Load(source).second, ElementsAre(3, 6));
  source.mutable_csv()->set_header(false);
  EXPECT_THAT(Message(source), HasSubstr("line 1: column 0: 'country' is not a number"));
  // A target that is named in the first row says that it is a header.
  EXPECT_THAT(Load(Csv(years, ",", "country")).second, ElementsAre(1, 4));
  EXPECT_THAT(Load(Csv("0,1,label\n1,2,3\n", ",", "label")).second, ElementsAre(3));
  EXPECT_THAT(Message(Csv("5.1,x,0\n4.9,3,1\n")), HasSubstr("line 1 holds 'x', which is no"));
}

TEST_F(SpreadsheetTest, F04_NumbersAloneAreDataUnlessTheHeaderIsDeclared) {
  const std::string years = "2019,2020\n1,2\n3,4\n";
  EXPECT_THAT(Load(Csv(years)).second, ElementsAre(2020, 2, 4));
  v1::DataSource source = Csv(years);
  source.mutable_csv()->set_header(true);
  EXPECT_THAT(Load(source).second, ElementsAre(2, 4));
  source.mutable_csv()->set_target("2019");
  EXPECT_THAT(Load(source).second, ElementsAre(1, 3));
}

TEST_F(SpreadsheetTest, TwoColumnsOfTheTargetsName) {
  EXPECT_THAT(Message(Csv("a,b,a\n1,2,3\n", ",", "a")),
              HasSubstr("data.train.csv.target: 'a' is the name of two columns; give a number"));
  EXPECT_THAT(Load(Csv("a,b,a\n1,2,3\n", ",", "b")).second, ElementsAre(2));
}

TEST_F(SpreadsheetTest, F08_ATabIsADelimiterHoweverItIsWritten) {
  for (const char* tab : {"\t", "\\t", "tab"}) {
    EXPECT_THAT(Load(Csv("1\t2\n3\t4\n", tab)).second, ElementsAre(2, 4)) << tab;
  }
  EXPECT_THAT(Message(Csv("1,2\n", "\\n")),
              HasSubstr("data.train.csv.delimiter: '\\\\n' is not legal; it must be "));
}

}  // namespace
}  // namespace gradloom
