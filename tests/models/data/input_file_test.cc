// What may stand in the place of a data file, and what blocks nobody there.
#include "models/data/input_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "models/data/byte_source.h"
#include "models/data/dataset.h"
#include "models/data/text.h"
#include "tests/models/data/test_files.h"

namespace gradloom {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

class InputFileTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }
  std::string MakePipe(const std::string& name) const {
    EXPECT_EQ(mkfifo(Path(name).c_str(), 0600), 0);
    return name;
  }
  static std::string Message(const std::string& path) {
    const auto file = InputFile::Open(path, "FIELD");
    EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << path;
    return std::string(file.status().message());
  }

  TempFolder folder_;
};

TEST_F(InputFileTest, RegularFilesAndLinksToThem) {
  folder_.Write("file", "12345");
  std::filesystem::create_symlink("file", Path("link"));
  for (const char* name : {"file", "link"}) {
    const auto file = InputFile::Open(Path(name), "FIELD");
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->size(), 5);
    char bytes[5];
    EXPECT_EQ(pread(file->descriptor(), bytes, 5, 0), 5);
    EXPECT_EQ(std::memcmp(bytes, "12345", 5), 0);
  }
}

TEST_F(InputFileTest, F17_AnythingElseIsRefusedAtOnce) {
  MakePipe("pipe");
  std::filesystem::create_symlink("pipe", Path("link"));
  EXPECT_EQ(Message(Path("pipe")), "FIELD is a pipe; legal: a regular file");
  EXPECT_EQ(Message(Path("link")), "FIELD is a pipe; legal: a regular file");
  EXPECT_EQ(Message(folder_.path()), "FIELD is a folder; legal: a regular file");
  EXPECT_EQ(Message("/dev/null"), "FIELD is a device; legal: a regular file");
  EXPECT_EQ(Message("/dev/zero"), "FIELD is a device; legal: a regular file");
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  std::strncpy(address.sun_path, Path("socket").c_str(), sizeof(address.sun_path) - 1);
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(Message(Path("socket")), "FIELD is a socket; legal: a regular file");
  close(listener);
  EXPECT_EQ(InputFile::Open(Path("none"), "FIELD").status().code(), absl::StatusCode::kNotFound);
}

// A writer at a pipe's other end makes no file of it: its bytes could not be read twice.
TEST_F(InputFileTest, F17_APipeThatSomebodyWritesToIsNone) {
  MakePipe("pipe");
  const int both = open(Path("pipe").c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(both, 0);
  EXPECT_EQ(write(both, "1,2\n", 4), 4);
  EXPECT_EQ(Message(Path("pipe")), "FIELD is a pipe; legal: a regular file");
  close(both);
}

TEST_F(InputFileTest, F17_EverySourceRefusesAPipeByFieldAndFile) {
  const std::string pipe = MakePipe("pipe"), csv = folder_.Write("a.csv", "1,0\n2,1\n");
  const std::string bytes = NpyBytes("<f4", "(2,)", RawBytes<float>({0, 1}));
  const std::string npy = folder_.Write("a.npy", bytes);
  std::filesystem::create_symlink("pipe", Path("pipe.npz"));
  std::vector<std::pair<std::string, v1::DataSource>> sources;
  const auto add = [&](const std::string& field, const auto& set) {
    v1::DataSource source;
    set(source);
    sources.emplace_back(field, source);
  };
  add("csv.file", [&](auto& s) { s.mutable_csv()->set_file(pipe); });
  add("libsvm.file", [&](auto& s) { s.mutable_libsvm()->set_file(pipe); });
  add("idx.images", [&](auto& s) {
    s.mutable_idx()->set_images(pipe);
    s.mutable_idx()->set_labels(csv);
  });
  add("cifar10.files[0]", [&](auto& s) { s.mutable_cifar10()->add_files(pipe); });
  add("numpy.features", [&](auto& s) {
    s.mutable_numpy()->set_features(pipe);
    s.mutable_numpy()->set_targets(npy);
  });
  add("numpy.targets", [&](auto& s) {
    s.mutable_numpy()->set_features(npy);
    s.mutable_numpy()->set_targets("pipe.npz:y");
  });
  add("graph_npz.file", [&](auto& s) { s.mutable_graph_npz()->set_file("pipe.npz"); });
  add("graph_csv.nodes.file", [&](auto& s) {
    s.mutable_graph_csv()->mutable_nodes()->set_file(pipe);
    s.mutable_graph_csv()->set_edges(csv);
  });
  add("graph_csv.edges", [&](auto& s) {
    s.mutable_graph_csv()->mutable_nodes()->set_file(csv);
    s.mutable_graph_csv()->set_edges(pipe);
  });
  for (const auto& [field, source] : sources) {
    const auto dataset = OpenDataset(source, "data.train", folder_.path());
    EXPECT_EQ(dataset.status().code(), absl::StatusCode::kInvalidArgument) << field;
    const std::string message(dataset.status().message());
    EXPECT_THAT(message, HasSubstr("data.train." + field + ": " + Path("pipe")));
    EXPECT_THAT(message, EndsWith(" is a pipe; legal: a regular file"));
  }
}

// A file of 2^62 bytes takes no room on the disk, but a life to read.
TEST_F(InputFileTest, F17_WhatTakesForEverToReadIsRefused) {
  folder_.Write("huge", "0,1\n");
  if (truncate(Path("huge").c_str(), (int64_t{1} << 40) + 1) != 0) {
    GTEST_SKIP() << "the file system takes no large files";
  }
  EXPECT_THAT(std::string(OpenFile("huge", "FIELD", folder_.path()).status().message()),
              HasSubstr("huge has 1099511627777 bytes or more; legal: up to 1099511627776"));
}

TEST_F(InputFileTest, F17_AnEndlessLineIsRefused) {
  v1::DataSource source;
  source.mutable_csv()->set_file(folder_.Write("endless", "1,1,1,1"));
  std::filesystem::resize_file(Path("endless"), kMaxLineBytes + 1);
  EXPECT_THAT(std::string(OpenDataset(source, "data.train", folder_.path()).status().message()),
              HasSubstr("endless, line 1 is longer than 67108864 bytes"));
}

}  // namespace
}  // namespace gradloom
