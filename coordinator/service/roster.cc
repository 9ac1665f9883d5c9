#include "coordinator/service/roster.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace gradloom {
namespace {

constexpr size_t kNameMax = 200;

}  // namespace

std::string Roster::Refuse(const v1::Hello& hello, bool* retry) const {
  *retry = false;
  if (hello.version() != version_) {
    return absl::StrCat("worker ", hello.worker(), " is of version \"", hello.version(),
                        "\", this coordinator of \"", version_, "\": they must be equal");
  }
  if (hello.worker().empty() || hello.worker().size() > kNameMax) {
    return absl::StrCat("a worker's name must have 1..", kNameMax, " characters");
  }
  if (!isa_.empty() && hello.isa() != isa_) {
    return absl::StrCat("worker ", hello.worker(), " computes at instruction-set level ",
                        hello.isa(), ", the coordinator was told --isa=", isa_,
                        ": start the worker with --isa=", isa_);
  }
  return "";
}

Roster::Admission Roster::Admit(const v1::Hello& hello, const std::string& address,
                                std::shared_ptr<WorkerPeer> peer) {
  Admission admission;
  admission.refusal = Refuse(hello, &admission.retry);
  if (!admission.refusal.empty()) return admission;
  const MutexLock lock(mutex_);
  for (const auto& [id, entry] : members_) {
    const RosterMember& other = *entry.member;
    if (other.hello.worker() != hello.worker()) continue;
    // The same process, whose old stream was not yet seen to break; or one that tells no instance.
    if (other.hello.instance() == hello.instance()) {
      admission.replaced = entry.member;
      break;
    }
    admission.refusal =
        absl::StrCat("another worker named ", hello.worker(), " is connected, from ", other.address,
                     " (process ", other.hello.pid(),
                     "): names must differ; start one of them with --name. "
                     "Should that one be dead, its place is free within ",
                     absl::FormatDuration(kSilenceMax));
    admission.retry = true;
    return admission;
  }
  if (admission.replaced != nullptr) members_.erase(admission.replaced->id);
  admission.id = next_++;
  auto member = std::make_shared<const RosterMember>(
      RosterMember{admission.id, hello, address, std::move(peer)});
  members_[admission.id] = {std::move(member), clock_.Now()};
  return admission;
}

void Roster::Heard(WorkerId worker) {
  const absl::Time now = clock_.Now();
  const MutexLock lock(mutex_);
  const auto found = members_.find(worker);
  if (found != members_.end()) found->second.heard = now;
}

std::shared_ptr<const RosterMember> Roster::Leave(WorkerId worker) {
  const MutexLock lock(mutex_);
  const auto found = members_.find(worker);
  if (found == members_.end()) return nullptr;
  std::shared_ptr<const RosterMember> member = std::move(found->second.member);
  members_.erase(found);
  return member;
}

std::vector<std::shared_ptr<const RosterMember>> Roster::Silent() const {
  const absl::Time now = clock_.Now();
  std::vector<std::shared_ptr<const RosterMember>> silent;
  const MutexLock lock(mutex_);
  for (const auto& [id, entry] : members_) {
    if (now - entry.heard >= kSilenceMax) silent.push_back(entry.member);
  }
  return silent;
}

std::shared_ptr<const RosterMember> Roster::Find(WorkerId worker) const {
  const MutexLock lock(mutex_);
  const auto found = members_.find(worker);
  return found == members_.end() ? nullptr : found->second.member;
}

std::vector<std::shared_ptr<const RosterMember>> Roster::All() const {
  std::vector<std::shared_ptr<const RosterMember>> all;
  const MutexLock lock(mutex_);
  for (const auto& [id, entry] : members_) all.push_back(entry.member);
  return all;
}

void Roster::IfMember(WorkerId worker, absl::FunctionRef<void(const RosterMember&)> tell) const {
  const MutexLock lock(mutex_);
  const auto found = members_.find(worker);
  if (found != members_.end()) tell(*found->second.member);
}

size_t Roster::size() const {
  const MutexLock lock(mutex_);
  return members_.size();
}

}  // namespace gradloom
