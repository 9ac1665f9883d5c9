#include "tests/end_to_end/cluster.h"

#include <algorithm>
#include <filesystem>

#include "gtest/gtest.h"

namespace gradloom {

Cluster::Cluster(const TestFolder& folder, const std::vector<std::string>& flags)
    : folder_(folder) {
  const std::filesystem::path ports = folder_ / "ports";
  std::filesystem::remove(ports);  // an earlier coordinator's
  std::vector<std::string> argv = {GRADLOOM_COORDINATOR, "--listen",    "127.0.0.1:0", "--state",
                                   folder_ / "state",    "--port-file", ports};
  argv.insert(argv.end(), flags.begin(), flags.end());
  // A flag may stand once only.
  const auto otherwise = [&](const std::string& flag, const std::string& value) {
    if (std::find(argv.begin(), argv.end(), flag) == argv.end()) {
      argv.insert(argv.end(), {flag, value});
    }
  };
  otherwise("--metrics", "");
  otherwise("--data-folder", folder_.path());
  processes_.push_back(std::make_unique<Process>(argv, folder_ / "coordinator.log"));
  Process& coordinator = *processes_.back();
  // The file appears whole, by a rename.
  EXPECT_TRUE(Await([&] { return std::filesystem::exists(ports) || coordinator.Ended(); }));
  const std::string text = ReadText(ports);
  const size_t begin = text.find("127.0.0.1:", text.find("\"listen\""));
  EXPECT_NE(begin, std::string::npos) << text << coordinator.Output();
  if (begin != std::string::npos) address_ = text.substr(begin, text.find('"', begin) - begin);
}

Process& Cluster::AddWorker(const std::string& name, const std::vector<std::string>& flags) {
  std::vector<std::string> argv = {
      GRADLOOM_WORKER, "--coordinator", address_, "--name", name, "--metrics", ""};
  argv.insert(argv.end(), flags.begin(), flags.end());
  if (std::find(argv.begin(), argv.end(), "--data-folder") == argv.end()) {
    argv.insert(argv.end(), {"--data-folder", folder_.path()});
  }
  processes_.push_back(std::make_unique<Process>(argv, folder_ / (name + ".log")));
  return *processes_.back();
}

Outcome Cluster::Gradloom(std::vector<std::string> words, double seconds) const {
  words.insert(words.begin(), GRADLOOM);
  words.insert(words.end(), {"--coordinator", address_});
  return RunProgram(words, folder_ / "client.log", seconds);
}

}  // namespace gradloom
