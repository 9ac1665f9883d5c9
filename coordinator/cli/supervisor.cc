#include "coordinator/cli/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/ops/signals.h"
#include "proto/ops/steady_clock.h"

namespace gradloom {
namespace {

std::string HowItEnded(int status) {
  if (WIFSIGNALED(status)) {
    return absl::StrCat("was killed by signal ", WTERMSIG(status), " (",
                        strsignal(WTERMSIG(status)), ")");
  }
  return absl::StrCat("exited with code ", WEXITSTATUS(status));
}

// Between fork and exec only async-signal-safe calls are legal: other threads may hold locks.
[[noreturn]] void BecomeChild(pid_t parent, char* const* argv, int log, int null) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have died before the line above took effect.
  if (getppid() != parent) _exit(127);
  setpgid(0, 0);
  ResetSignalsOfChild();
  dup2(null, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  execv(argv[0], argv);
  _exit(127);
}

}  // namespace

Supervisor::~Supervisor() { KillAll(); }

absl::Status Supervisor::Spawn(absl::Time now, Child* child) {
  const ChildSpec& spec = child->spec;
  if (access(spec.argv[0].c_str(), X_OK) != 0) {
    return absl::NotFoundError(
        absl::StrCat(spec.name, ": '", spec.argv[0], "' cannot be executed: ", strerror(errno)));
  }
  const int log = open(spec.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) {
    return absl::UnavailableError(absl::StrCat(spec.name, ": cannot write its log file '",
                                               spec.log_file, "': ", strerror(errno)));
  }
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  std::vector<char*> argv;
  argv.reserve(spec.argv.size() + 1);
  for (const std::string& argument : spec.argv) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) BecomeChild(parent, argv.data(), log, null);
  const int error = errno;
  close(log);
  if (null >= 0) close(null);
  if (pid < 0) {
    return absl::UnavailableError(
        absl::StrCat(spec.name, ": cannot start a process: ", strerror(error)));
  }
  child->pid = pid;
  child->started = now;
  return absl::OkStatus();
}

absl::StatusOr<int> Supervisor::Start(absl::Time now, ChildSpec spec) {
  Child child;
  child.spec = std::move(spec);
  absl::Status status = Spawn(now, &child);
  if (!status.ok()) return status;
  children_.push_back(std::move(child));
  return static_cast<int>(children_.size()) - 1;
}

void Supervisor::SetArguments(int child, std::vector<std::string> argv) {
  children_[child].spec.argv = std::move(argv);
}

std::string Supervisor::Reap(Child* child) {
  int status = 0;
  if (child->pid <= 0) return "";
  const pid_t ended = waitpid(child->pid, &status, WNOHANG);
  if (ended == 0 || (ended < 0 && errno != ECHILD)) return "";
  child->pid = 0;
  // Somebody else reaped it, as the kernel does where SIGCHLD is ignored.
  return ended < 0 ? "ended unseen" : HowItEnded(status);
}

std::vector<ChildEvent> Supervisor::Poll(absl::Time now) {
  std::vector<ChildEvent> events;
  for (size_t i = 0; i < children_.size(); ++i) {
    Child& child = children_[i];
    const auto report = [&](ChildEvent::Kind kind, std::string how) {
      events.push_back({kind, static_cast<int>(i), child.spec.name, std::move(how)});
    };
    if (const std::string how = Reap(&child); !how.empty()) {
      report(ChildEvent::Kind::kDied, how);
      if (now - child.started > policy_.quick) child.quick_deaths = 0;
      if (++child.quick_deaths >= policy_.attempts) {
        child.given_up = true;
        report(ChildEvent::Kind::kGivenUp, how);
        continue;
      }
      const double doublings = static_cast<double>(int64_t{1} << (child.quick_deaths - 1));
      child.restart_at = now + std::min(policy_.first_delay * doublings, policy_.longest_delay);
    }
    if (child.pid == 0 && !child.given_up && now >= child.restart_at) {
      absl::Status started = Spawn(now, &child);
      if (!started.ok()) {
        child.given_up = true;
        report(ChildEvent::Kind::kGivenUp, std::string(started.message()));
        continue;
      }
      ++child.restarts;
      report(ChildEvent::Kind::kRestarted, "");
    }
  }
  return events;
}

void Supervisor::StopAll(absl::Duration grace) {
  for (Child& child : children_) {
    child.given_up = true;
    if (child.pid > 0) kill(child.pid, SIGTERM);
  }
  const absl::Time end = SteadyNow() + grace;
  const auto any_left = [this] {
    bool left = false;
    for (Child& child : children_) {
      Reap(&child);
      left |= child.pid > 0;
    }
    return left;
  };
  while (any_left() && SteadyNow() < end) absl::SleepFor(absl::Milliseconds(5));
  KillAll();
}

void Supervisor::KillAll() {
  for (Child& child : children_) {
    child.given_up = true;
    if (child.pid <= 0) continue;
    kill(child.pid, SIGKILL);
    waitpid(child.pid, nullptr, 0);
    child.pid = 0;
  }
}

}  // namespace gradloom
