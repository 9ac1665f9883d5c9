// A disk in memory that a crash treats as a real one may: what was synced stays, contents and
// entries apart, everything else is as it was at the latest sync. It can also fail: refuse one
// operation, or die in the middle of something. Not thread-safe.
#ifndef GRADLOOM_TESTS_SIMULATION_SIMULATED_DISK_H_
#define GRADLOOM_TESTS_SIMULATION_SIMULATED_DISK_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "coordinator/store/file_system.h"

namespace gradloom {

class SimulatedDisk final : public FileSystem {
 public:
  SimulatedDisk();

  // After so many further operations that write, every one fails without effect, until Crash.
  void DieAfter(int64_t operations) { left_ = operations; }
  // The next operation that writes fails; those after it do not.
  void RefuseOnce() { refuse_ = true; }
  // From now on nothing is durable, whatever is said.
  void Lie() { lies_ = true; }
  // The machine stops: what was not synced is lost, nothing is open.
  void Crash();

  absl::StatusOr<int> CreateFile(const std::string& path) override;
  absl::StatusOr<int> OpenToAppend(const std::string& path) override;
  absl::Status Write(int file, const std::string& path, std::span<const std::byte> data) override;
  absl::Status Sync(int file, const std::string& path) override;
  absl::Status Close(int file, const std::string& path) override;
  absl::Status SyncFolder(const std::string& path) override;
  absl::Status CreateFolder(const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status RemoveAll(const std::string& path) override;
  absl::StatusOr<int> OpenToRead(const std::string& path) override;
  absl::StatusOr<uint64_t> Size(int file, const std::string& path) override;
  absl::StatusOr<size_t> ReadAt(int file, const std::string& path, uint64_t offset,
                                std::span<std::byte> out) override;
  absl::StatusOr<FileKind> KindOf(const std::string& path) override;
  absl::StatusOr<std::vector<FolderEntry>> List(const std::string& path) override;
  absl::StatusOr<int> Lock(const std::string& path) override;

 private:
  struct Node {
    bool folder = false;
    std::string contents = {}, synced = {};                                   // of a file
    std::map<std::string, std::shared_ptr<Node>> entries = {}, durable = {};  // of a folder
  };
  // An entry and the folder that has it; `node` null: there is none, `parent` null: no such folder.
  struct Place {
    std::shared_ptr<Node> parent, node;
    std::string name;
  };
  Place Find(const std::string& path) const;
  // Whether the operation is carried out.
  absl::Status Admit(const char* what, const std::string& path);
  int Open(std::shared_ptr<Node> node);
  static void Restore(Node& node);

  std::shared_ptr<Node> root_;
  std::map<int, std::shared_ptr<Node>> open_;
  std::map<int, std::string> locked_;
  int next_ = 3;
  int64_t left_ = std::numeric_limits<int64_t>::max();
  bool refuse_ = false;
  bool lies_ = false;
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_SIMULATION_SIMULATED_DISK_H_
