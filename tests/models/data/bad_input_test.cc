// Bad data and bad settings: the message names the field or file, the place and what is legal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "models/data/dataset.h"
#include "tests/models/data/test_files.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class BadInputTest : public ::testing::Test {
 protected:
  // The message of opening the source or of loading all of it.
  std::string Message(const v1::DataSource& source) {
    absl::StatusOr<std::unique_ptr<Dataset>> dataset =
        OpenDataset(source, "data.train", folder_.path());
    if (!dataset.ok()) return std::string(dataset.status().message());
    const absl::StatusOr<Examples> examples = (*dataset)->Load(0, (*dataset)->info().examples);
    return examples.ok() ? "fine" : std::string(examples.status().message());
  }
  std::string Idx(const std::string& images, const std::string& labels) {
    v1::DataSource source;
    source.mutable_idx()->set_images(folder_.Write("images", images));
    source.mutable_idx()->set_labels(folder_.Write("labels", labels));
    return Message(source);
  }
  std::string Libsvm(const std::string& text) {
    v1::DataSource source;
    source.mutable_libsvm()->set_file(folder_.Write("data.libsvm", text));
    return Message(source);
  }
  std::string Csv(const std::string& text, v1::DataSource source = {}) {
    source.mutable_csv()->set_file(folder_.Write("data.csv", text));
    return Message(source);
  }
  std::string Npy(const std::string& features, const std::string& targets) {
    v1::DataSource source;
    source.mutable_numpy()->set_features(folder_.Write("x.npy", features));
    source.mutable_numpy()->set_targets(folder_.Write("y.npy", targets));
    return Message(source);
  }
  std::string Npz(const std::string& bytes, const std::string& array = "x") {
    folder_.Write("data.npz", bytes);
    v1::DataSource source;
    source.mutable_numpy()->set_features("data.npz:" + array);
    source.mutable_numpy()->set_targets("data.npz:y");
    return Message(source);
  }

  TempFolder folder_;
};

TEST_F(BadInputTest, IdxFiles) {
  const std::string images = IdxBytes({3, 2, 2}, std::string(12, '\x10'));
  const std::string labels = IdxBytes({3}, std::string("\0\1\2", 3));
  EXPECT_EQ(Idx(images, labels), "fine");
  EXPECT_EQ(Idx(IdxBytes({10000, 28, 28}, std::string(1234, 'x')), labels),
            absl::StrCat("data.train.idx.images: ", folder_.path(),
                         "/images is truncated: header promises 10000 x 28 x 28 = 7840000 bytes, "
                         "file has 1234"));
  EXPECT_THAT(Idx(IdxBytes({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, "x"), labels),
              HasSubstr("is truncated"));
  EXPECT_THAT(Idx(images + "x", labels), HasSubstr("is too long"));
  EXPECT_THAT(Idx("", labels), HasSubstr("is truncated"));
  EXPECT_THAT(Idx(images.substr(0, 9), labels), HasSubstr("is truncated"));
  EXPECT_THAT(Idx(labels, images),
              AllOf(HasSubstr("data.train.idx.images"), HasSubstr("begins with 0x00000801")));
  EXPECT_THAT(Idx("PNG? no.", labels), HasSubstr("legal: 0x000008"));
  EXPECT_THAT(Idx(images, IdxBytes({2}, "ab")), HasSubstr("3 images but 2 labels"));
  EXPECT_THAT(Idx(IdxBytes({0, 2, 2}, ""), IdxBytes({0}, "")), HasSubstr("has no examples"));
  EXPECT_THAT(Idx(IdxBytes({3, 0, 2}, ""), labels), HasSubstr("has no pixels"));
}

TEST_F(BadInputTest, DamagedGzip) {
  const std::string labels = IdxBytes({3}, std::string("\0\1\2", 3));
  std::string random;
  for (uint32_t i = 0; i < 3000; ++i)
    random.push_back(static_cast<char>(i * i * 2654435761u >> 24));
  const std::string gzip = Gzip(IdxBytes({3, 1000}, random));
  EXPECT_EQ(Idx(gzip, labels), "fine");
  EXPECT_THAT(Idx(gzip.substr(0, gzip.size() / 2), labels),
              AllOf(HasSubstr("data.train.idx.images"), HasSubstr("is truncated")));
  EXPECT_THAT(Idx(gzip.substr(0, gzip.size() - 3), labels), HasSubstr("is truncated"));
  std::string damaged = gzip;
  damaged[gzip.size() / 2] ^= 0x55;
  EXPECT_THAT(Idx(damaged, labels), HasSubstr("is damaged"));
}

TEST_F(BadInputTest, IdxRanges) {
  v1::DataSource source;
  v1::IdxSource& idx = *source.mutable_idx();
  idx.set_images(folder_.Write("images", IdxBytes({5, 1, 1}, "abcde")));
  idx.set_labels(folder_.Write("labels", IdxBytes({5}, std::string("\0\1\2\3\4", 5))));
  idx.set_first(5);
  EXPECT_THAT(Message(source),
              HasSubstr("data.train.idx.first: 5 is not legal; it must be from 0 to 4"));
  idx.set_first(2);
  idx.set_count(4);
  EXPECT_THAT(Message(source),
              HasSubstr("data.train.idx.count: 4 is not legal; it must be from 1 to 3"));
  idx.set_first(std::numeric_limits<uint64_t>::max());
  EXPECT_THAT(Message(source), HasSubstr("data.train.idx.first: 18446744073709551615"));
}

TEST_F(BadInputTest, Cifar10Files) {
  v1::DataSource source;
  source.mutable_cifar10();
  EXPECT_THAT(Message(source),
              HasSubstr("data.train.cifar10.files: is empty; it must name a file"));
  source.mutable_cifar10()->add_files(folder_.Write("batch", std::string(3072, '\0')));
  EXPECT_THAT(Message(source), AllOf(HasSubstr("data.train.cifar10.files[0]"),
                                     HasSubstr("3072 bytes; legal: a multiple of 3073")));
  std::string bytes(2 * 3073, '\x05');
  bytes[3073] = 10;
  folder_.Write("batch", bytes);
  EXPECT_THAT(Message(source), HasSubstr("example 1: label 10; legal: 0 to 9"));
}

TEST_F(BadInputTest, LibsvmText) {
  EXPECT_EQ(Libsvm("1 1:2\n-1 3:4 # comment\n\n"), "fine");
  EXPECT_THAT(Libsvm(""), HasSubstr("is empty"));
  EXPECT_THAT(Libsvm("# nothing\n"), HasSubstr("has no rows"));
  EXPECT_THAT(Libsvm("1\n-1\n"), HasSubstr("has no features"));
  EXPECT_THAT(Libsvm("1 1:2\n-1 2:nan\n"), AllOf(HasSubstr("data.train.libsvm.file: "),
                                                 HasSubstr("data.libsvm, line 2: index 2"),
                                                 HasSubstr("'nan' is not a finite number")));
  EXPECT_THAT(Libsvm("1 1:1e39\n"), HasSubstr("line 1: index 1: the value '1e39' is not a finite"));
  EXPECT_THAT(Libsvm("inf 1:1\n"), HasSubstr("line 1: the label 'inf' is not a finite number"));
  EXPECT_THAT(Libsvm("cat 1:1\n"), HasSubstr("line 1: the label 'cat' is not a number"));
  EXPECT_THAT(Libsvm("1 0:1\n"), HasSubstr("line 1: index 0; legal: 1 to 2147483647"));
  EXPECT_THAT(Libsvm("1 2147483648:1\n"), HasSubstr("index 2147483648; legal"));
  EXPECT_THAT(Libsvm("\n1 3:1 2:1\n"), HasSubstr("line 2: index 2 follows 3"));
  EXPECT_THAT(Libsvm("1 qid:3 1:1\n"), HasSubstr("'qid:3' is not an index:value pair"));
  EXPECT_THAT(Libsvm("1 17\n"), HasSubstr("'17' is not an index:value pair"));
  EXPECT_THAT(Libsvm("1 1:\n"), HasSubstr("index 1: the value is empty"));
  EXPECT_EQ(Libsvm(Gzip("1 1:1\n")), "fine");
  EXPECT_THAT(Libsvm(Gzip(Gzip("1 1:1\n"))), HasSubstr("is compressed by gzip twice"));
  v1::DataSource source;
  source.mutable_libsvm()->set_file(folder_.Write("wide", "1 7:1\n"));
  source.mutable_libsvm()->set_features(5);
  EXPECT_THAT(Message(source), HasSubstr("line 1: index 7; legal: 1 to 5"));
  source.mutable_libsvm()->set_features(uint64_t{1} << 31);
  EXPECT_THAT(
      Message(source),
      HasSubstr("data.train.libsvm.features: 2147483648 is not legal; it must be from 1 to"));
}

TEST_F(BadInputTest, CsvText) {
  EXPECT_EQ(Csv("a,b\n1,2\n"), "fine");
  EXPECT_THAT(Csv("a,b\n"), HasSubstr("has no rows"));
  EXPECT_THAT(Csv("1;2\n3;4\n"), HasSubstr("has one column"));
  EXPECT_THAT(Csv("a,b\n1,2\n3,\n"), HasSubstr("data.csv, line 3: column 1: is empty"));
  EXPECT_THAT(Csv("1,2\n3,x\n"), HasSubstr("line 2: column 1: 'x' is not a number"));
  EXPECT_THAT(Csv("1,2\n\n3,NaN\n"), HasSubstr("line 3: column 1: 'NaN' is not a finite number"));
  EXPECT_THAT(Csv("1,inf\n3,4\n"), HasSubstr("line 1: column 1: 'inf' is not a finite number"));
  EXPECT_THAT(Csv("1,2\n3,4,5\n"), HasSubstr("line 2: 3 cells; the rows before have 2"));
  EXPECT_THAT(Csv("1,2\n\"3,4\n"), HasSubstr("line 2: a quote is not closed"));
  EXPECT_THAT(Csv("1,2\n\"3\"4,5\n"),
              HasSubstr("line 2: after the closing quote of cell 0: '4,5'"));
  v1::DataSource source;
  source.mutable_csv()->set_target("price");
  EXPECT_THAT(
      Csv("a,b\n1,2\n", source),
      HasSubstr("data.train.csv.target: 'price'; legal: 0 to 1 or one of the header's names "
                "a, b"));
  EXPECT_THAT(Csv("1,2\n", source), HasSubstr("data.train.csv.target: 'price'; legal: 0 to 1"));
  source.mutable_csv()->set_target("2");
  EXPECT_THAT(Csv("1,2\n", source), HasSubstr("data.train.csv.target: '2'; legal: 0 to 1"));
  source.mutable_csv()->set_target("0");
  source.mutable_csv()->set_header(false);
  EXPECT_THAT(Csv("a,b\n1,2\n", source), HasSubstr("line 1: column 0: 'a' is not a number"));
  source.mutable_csv()->set_delimiter("::");
  EXPECT_THAT(Csv("1,2\n", source),
              HasSubstr("data.train.csv.delimiter: '::' is not legal; it must be one character"));
}

TEST_F(BadInputTest, NpyFiles) {
  const std::string y = NpyBytes("<f4", "(2,)", RawBytes<float>({0, 1}));
  const std::string six = RawBytes<float>({1, 2, 3, 4, 5, 6});
  EXPECT_EQ(Npy(NpyBytes("<f4", "(2, 3)", six), y), "fine");
  EXPECT_THAT(Npy("", y), HasSubstr("data.train.numpy.features"));
  EXPECT_THAT(Npy(std::string(100, 'x'), y), HasSubstr("is no .npy array"));
  EXPECT_THAT(Npy(NpyBytes("<f4", "(2, 3)", six).substr(0, 40), y), HasSubstr("is truncated"));
  EXPECT_THAT(Npy(NpyBytes("<f4", "(2, 4)", six), y),
              HasSubstr("is truncated: header promises 2 x 4 elements of 4 bytes, file has 24"));
  EXPECT_THAT(Npy(NpyBytes("<f4", "(2, 2)", six), y), HasSubstr("is too long"));
  EXPECT_THAT(Npy(NpyBytes("<f4", "(2, 4611686018427387904, 4)", six), y),
              HasSubstr("is truncated"));
  EXPECT_THAT(Npy(NpyBytes(">f4", "(2, 3)", six), y), HasSubstr("'>f4'; legal, little-endian"));
  EXPECT_THAT(Npy(NpyBytes("<c8", "(1, 3)", six), y), HasSubstr("'<c8'; legal"));
  EXPECT_THAT(Npy(NpyBytes("|O", "(6,)", six), y), HasSubstr("'|O'; legal"));
  EXPECT_THAT(Npy(NpyBytes("<f4", "(2, 3)", six, "True"), y), HasSubstr("is in Fortran order"));
  EXPECT_THAT(Npy(NpyBytes("<f4", "()", six), y), HasSubstr("is a single number"));
  EXPECT_THAT(Npy(NpyBytes("<f4", "(2, 0)", ""), y), HasSubstr("has no elements"));
  EXPECT_THAT(Npy(NpyBytes("<f4", "(2, -3)", six), y), HasSubstr("its header is no"));
  EXPECT_THAT(Npy(NpyBytes("<f4", "(2, 3)", six, "Perhaps"), y), HasSubstr("its header is no"));
  EXPECT_THAT(Npy(NpyBytes("<f4", "(3, 2)", six), y),
              HasSubstr("3 rows of features but 2 targets"));
  EXPECT_THAT(Npy(NpyBytes("<f4", "(1, 1, 1, 2, 3)", six), y), HasSubstr("one to four dimensions"));
  EXPECT_THAT(Npy(y, NpyBytes("<f4", "(2, 3)", six)), HasSubstr("has shape 2 x 3; legal: rows"));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(Npy(NpyBytes("<f4", "(2, 3)", RawBytes<float>({1, 2, 3, 4, nan, 6})), y),
              HasSubstr("x.npy, row 1, column 1: nan is not a finite number"));
  EXPECT_THAT(Npy(NpyBytes("<f8", "(2, 3)", RawBytes<double>({1, 2, 1e300, 4, 5, 6})), y),
              HasSubstr("x.npy, row 0, column 2: inf is not a finite number"));
  EXPECT_THAT(
      Npy(NpyBytes("<f4", "(2, 3)", six), NpyBytes("<f4", "(2,)", RawBytes<float>({nan, 1}))),
      HasSubstr("y.npy, row 0"));
}

TEST_F(BadInputTest, NpzFiles) {
  const std::string x = NpyBytes("<f4", "(2, 2)", RawBytes<float>({1, 2, 3, 4}));
  const std::string y = NpyBytes("<i2", "(2,)", RawBytes<int16_t>({0, 1}));
  for (const bool deflated : {false, true}) {
    const std::string zip = ZipBytes({{"x.npy", x}, {"y.npy", y}}, deflated);
    EXPECT_EQ(Npz(zip), "fine");
    EXPECT_THAT(Npz(zip, "z"), HasSubstr("data.npz has no array 'z'; it has x, y"));
    EXPECT_THAT(Npz(zip.substr(0, zip.size() - 30)),
                HasSubstr("data.npz is truncated or no zip archive: "));
    EXPECT_THAT(Npz(zip.substr(40)), HasSubstr("data.npz"));
    for (size_t i = 0; i < zip.size(); i += 7) {
      std::string damaged = zip;
      damaged[i] ^= 0x41;
      // Any answer but the wrong data: times, versions and the like do not matter.
      const std::string message = Npz(damaged);
      EXPECT_THAT(message, ::testing::AnyOf("fine", HasSubstr("data.npz")));
    }
    std::string damaged = zip;
    damaged[34 + 5 + 20] ^= 1;  // within the first member
    EXPECT_THAT(Npz(damaged), HasSubstr("is damaged"));
  }
  EXPECT_THAT(Npz(""), HasSubstr("data.npz is truncated or no zip archive: "));
}

TEST_F(BadInputTest, GeneratorSettings) {
  v1::DataSource source;
  source.mutable_glyphs()->set_count(0);
  EXPECT_THAT(Message(source),
              HasSubstr("data.train.glyphs.count: 0 is not legal; it must be from 1 to"));
  source.mutable_glyphs()->set_count(1);
  source.mutable_glyphs()->set_first(std::numeric_limits<uint64_t>::max());
  EXPECT_THAT(Message(source), HasSubstr("data.train.glyphs.first"));
  source.mutable_glyphs()->set_first(0);
  source.mutable_glyphs()->set_noise(-1);
  EXPECT_THAT(Message(source),
              HasSubstr("data.train.glyphs.noise: -1 is not legal; it must be from 0 to 1000000"));
  source.mutable_glyphs()->set_noise(0);
  source.mutable_glyphs()->set_distortion(std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(Message(source),
              HasSubstr("data.train.glyphs.distortion: nan is not legal; it must be from 0 to 4"));
  source.mutable_regression()->set_features(0);
  EXPECT_THAT(Message(source),
              HasSubstr("data.train.regression.features: 0 is not legal; it must be from 1 to"));
  source.mutable_classification()->set_classes(1);
  EXPECT_THAT(
      Message(source),
      HasSubstr("data.train.classification.classes: 1 is not legal; it must be from 2 to 1000"));
  source.mutable_classification()->set_classes(2);
  source.mutable_classification()->set_features(uint64_t{1} << 40);
  EXPECT_THAT(Message(source), HasSubstr("data.train.classification.features: 1099511627776"));
}

TEST_F(BadInputTest, GraphNpzFiles) {
  using Arrays = std::vector<std::pair<std::string, std::string>>;
  const auto vector = [](const std::vector<int32_t>& values) {
    return NpyBytes("<i4", absl::StrCat("(", values.size(), ",)"), RawBytes(values));
  };
  const Arrays good = {{"adj_data", vector({1, 1})},       {"adj_indices", vector({1, 0})},
                       {"adj_indptr", vector({0, 1, 2})},  {"adj_shape", vector({2, 2})},
                       {"attr_data", vector({1, 1, 2})},   {"attr_indices", vector({0, 2, 1})},
                       {"attr_indptr", vector({0, 2, 3})}, {"attr_shape", vector({2, 3})},
                       {"labels", vector({0, 1})}};
  const auto with = [&](const std::string& name, const std::string& array) {
    Arrays arrays;
    for (const auto& [member, bytes] : good) {
      if (member != name || !array.empty()) {
        arrays.emplace_back(member + ".npy", member == name ? array : bytes);
      }
    }
    v1::DataSource source;
    source.mutable_graph_npz()->set_file(folder_.Write("graph.npz", ZipBytes(arrays, false)));
    return Message(source);
  };
  EXPECT_EQ(with("none", ""), "fine");
  EXPECT_THAT(with("adj_indptr", ""), HasSubstr("has no array 'adj_indptr'"));
  EXPECT_THAT(with("attr_data", ""), HasSubstr("has no array 'attr_data'"));
  EXPECT_THAT(with("adj_indices", vector({1, 2})),
              HasSubstr("graph.npz:adj_indices[1] = 2; legal: whole numbers from 0 to 1"));
  EXPECT_THAT(with("adj_indices", vector({-1, 0})), HasSubstr("adj_indices[0] = -1; legal"));
  EXPECT_THAT(with("adj_indices", vector({0, 1, 0})),
              HasSubstr("adj_data has 2 elements, _indices 3"));
  EXPECT_THAT(with("adj_indptr", vector({0, 2})), HasSubstr("adj_indptr must ascend from 0 to"));
  EXPECT_THAT(with("adj_indptr", vector({0, 2, 1})), HasSubstr("adj_indptr must ascend"));
  EXPECT_THAT(with("adj_indptr", vector({0, 1 << 30, 2})),
              HasSubstr("adj_indptr[1] = 1.07374e+09; legal: whole numbers from 0 to 16777216"));
  EXPECT_THAT(with("attr_shape", vector({1 << 30, 3})), HasSubstr("attr_shape[0] = 1.07374e+09"));
  EXPECT_THAT(with("adj_shape", vector({2, 3})), HasSubstr("legal: as many columns as rows"));
  EXPECT_THAT(with("adj_shape", vector({2})), HasSubstr("adj_shape must be a number of rows and"));
  EXPECT_THAT(with("attr_shape", vector({3, 3})), HasSubstr("attr_indptr must ascend"));
  EXPECT_THAT(with("labels", vector({0, 1, 0})), HasSubstr("2 rows of features and 3 labels"));
  EXPECT_THAT(with("labels", NpyBytes("<f4", "(2,)", RawBytes(std::vector<float>{0, 0.5}))),
              HasSubstr(":labels, row 1: the target 0.5 is no whole number; legal"));
  EXPECT_THAT(with("attr_data", NpyBytes("<f4", "(3,)", RawBytes(std::vector<float>{1, NAN, 1}))),
              HasSubstr("not a finite number"));
}

TEST_F(BadInputTest, GraphCsvFiles) {
  const auto graph = [&](const std::string& edges, const std::string& nodes) {
    v1::DataSource source;
    source.mutable_graph_csv()->set_edges(folder_.Write("edges", edges));
    source.mutable_graph_csv()->mutable_nodes()->set_file(folder_.Write("nodes", nodes));
    return Message(source);
  };
  const std::string nodes = "1,0,0\n0,1,1\n2,2,0\n";
  EXPECT_EQ(graph("a,b\n0,1\n1 2\n", nodes), "fine");
  EXPECT_EQ(graph("0,1\n1,3\n", nodes),
            absl::StrCat("data.train.graph_csv.edges: ", folder_.path(),
                         "/edges, line 2: '1,3'; legal: two node numbers from 0 to 2"));
  EXPECT_THAT(graph("0,1\nx,y\n", nodes), HasSubstr("line 2: 'x,y'; legal"));
  EXPECT_THAT(graph("0,1,2\n", nodes), HasSubstr("line 1: '0,1,2'; legal"));
  EXPECT_THAT(graph("-1,0\n", nodes), HasSubstr("line 1: '-1,0'; legal"));
  EXPECT_THAT(graph("", nodes), HasSubstr("edges"));
  EXPECT_THAT(graph("0,1\n", "1,0,0.5\n0,1,1\n"),
              HasSubstr("nodes, line 1: the target 0.5 is no whole number; legal: whole"));
  EXPECT_THAT(graph("0,1\n", "1,x,0\n0,1,y\n"), HasSubstr("data.train.graph_csv.nodes"));
}

TEST_F(BadInputTest, BlockModelSettings) {
  const auto with = [&](auto set) {
    v1::DataSource source;
    set(*source.mutable_block_model());
    return Message(source);
  };
  EXPECT_EQ(with([](auto&) {}), "fine");
  EXPECT_THAT(
      with([](auto& b) { b.set_count(3); }),
      HasSubstr(
          "data.train.block_model.count: 3 is not legal; it must be two or more a class, of 4"));
  EXPECT_THAT(with([](auto& b) { b.set_count(uint64_t{1} << 40); }),
              HasSubstr("count: 1099511627776 is not legal; it must be from 1 to 4194304"));
  EXPECT_THAT(with([](auto& b) { b.set_classes(1); }),
              HasSubstr("classes: 1 is not legal; it must be from 2 to 1000"));
  EXPECT_THAT(with([](auto& b) { b.set_features(2); }),
              HasSubstr("features: 2 is not legal; it must be one or more a class"));
  EXPECT_THAT(with([](auto& b) { b.set_words(0); }),
              HasSubstr("words: 0 is not legal; it must be from 1 to 10000"));
  EXPECT_THAT(with([](auto& b) { b.set_degree(0); }),
              HasSubstr("degree: 0 is not legal; it must be more than 0"));
  EXPECT_THAT(with([](auto& b) { b.set_homophily(-0.1); }),
              HasSubstr("homophily: -0.1 is not legal"));
  EXPECT_THAT(with([](auto& b) { b.set_topic(NAN); }),
              HasSubstr("topic: nan is not legal; it must be from 0 to 1"));
}

}  // namespace
}  // namespace gradloom
