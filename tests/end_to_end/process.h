// Child processes of the end-to-end tests: start, signal, await, and find what they started.
// Not thread-safe; every wait has a limit, after which it reports failure instead of hanging.
#ifndef GRADLOOM_TESTS_END_TO_END_PROCESS_H_
#define GRADLOOM_TESTS_END_TO_END_PROCESS_H_

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace gradloom {

// A running program whose standard output and error go to one file. Killed by the destructor.
class Process {
 public:
  Process(const std::vector<std::string>& argv, const std::filesystem::path& log);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  // The exit code, 128 + signal, or -1 when the program has not ended within `seconds`.
  int Wait(double seconds = 60);
  bool Ended();
  std::string Output() const;

 private:
  const std::filesystem::path log_;
  pid_t pid_ = -1;
  int code_ = -1;
};

struct Outcome {
  int code = -1;
  std::string output;
};
Outcome RunProgram(const std::vector<std::string>& argv, const std::filesystem::path& log,
                   double seconds = 60);

// Looks every few milliseconds until `condition` holds; false after `seconds`.
bool Await(const std::function<bool()>& condition, double seconds = 60);

// The living child of `parent` whose command line contains all of `words`; -1: none.
pid_t FindChild(pid_t parent, const std::vector<std::string>& words);

// 'R' running, 'S' sleeping, 'T' stopped, ... as in /proc/PID/stat; 0: there is no such process.
char ProcessState(pid_t pid);

std::string ReadText(const std::filesystem::path& file);
void WriteText(const std::filesystem::path& file, const std::string& text);

// A folder of its own for the running test, empty; removed by the destructor.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_END_TO_END_PROCESS_H_
