#include "tests/end_to_end/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <system_error>

namespace gradloom {

Process::Process(const std::vector<std::string>& argv, const std::filesystem::path& log)
    : log_(log) {
  std::vector<char*> arguments;
  for (const std::string& word : argv) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  pid_ = fork();
  if (pid_ != 0) {
    close(out);
    close(null);
    return;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(null, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  execv(arguments[0], arguments.data());
  _exit(127);
}

Process::~Process() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Process::Signal(int signal) const {
  if (pid_ > 0) kill(pid_, signal);
}

bool Process::Ended() {
  int status = 0;
  if (pid_ > 0 && waitpid(pid_, &status, WNOHANG) == pid_) {
    pid_ = 0;
    code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  return pid_ == 0;
}

int Process::Wait(double seconds) {
  return Await([this] { return Ended(); }, seconds) ? code_ : -1;
}

std::string Process::Output() const { return ReadText(log_); }

Outcome RunProgram(const std::vector<std::string>& argv, const std::filesystem::path& log,
                   double seconds) {
  Process process(argv, log);
  const int code = process.Wait(seconds);
  return {code, process.Output()};
}

bool Await(const std::function<bool()>& condition, double seconds) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                                   std::chrono::duration<double>(seconds));
  while (!condition()) {
    if (Clock::now() > end) return false;
    poll(nullptr, 0, 5);
  }
  return true;
}

namespace {

struct Stat {
  char state = 0;
  pid_t parent = 0;
};

// "pid (name) state parent ...", and the name may hold anything, brackets too.
Stat ReadStat(const std::string& pid) {
  const std::string text = ReadText("/proc/" + pid + "/stat");
  const size_t bracket = text.rfind(')');
  Stat stat;
  if (bracket != std::string::npos) {
    std::istringstream rest(text.substr(bracket + 1));
    rest >> stat.state >> stat.parent;
  }
  return stat;
}

}  // namespace

char ProcessState(pid_t pid) { return ReadStat(std::to_string(pid)).state; }

pid_t FindChild(pid_t parent, const std::vector<std::string>& words) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const Stat stat = ReadStat(name);
    if (stat.parent != parent || stat.state == 'Z') continue;
    const std::string line = ReadText(entry.path() / "cmdline");
    bool all = true;
    for (const std::string& word : words) all &= line.find(word) != std::string::npos;
    if (all) return static_cast<pid_t>(std::stol(name));
  }
  return -1;
}

std::string ReadText(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void WriteText(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

TestFolder::TestFolder() {
  std::string name = std::filesystem::temp_directory_path() / "gradloom-e2e-XXXXXX";
  path_ = mkdtemp(name.data()) == nullptr ? "" : name;
}

TestFolder::~TestFolder() {
  std::error_code error;
  if (!path_.empty()) std::filesystem::remove_all(path_, error);
}

}  // namespace gradloom
