// Runs a Python script of this folder, for readers that share no code with the library.
#ifndef GRADLOOM_TESTS_COORDINATOR_STORE_PYTHON_H_
#define GRADLOOM_TESTS_COORDINATOR_STORE_PYTHON_H_

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace gradloom {

// Debian's own, which is where its numpy package goes.
inline constexpr char kPython[] = "/usr/bin/python3";

inline bool HasPythonWithNumpy() {
  return std::system((std::string(kPython) + " -c 'import numpy' >/dev/null 2>&1").c_str()) == 0;
}

// What the script printed, errors included; *status is its exit status.
inline std::string RunPython(const std::string& script, const std::string& argument, int* status) {
  const std::string command = std::string(kPython) + " '" + GRADLOOM_STORE_TESTS + "/" + script +
                              "' '" + argument + "' 2>&1";
  std::FILE* pipe = popen(command.c_str(), "r");
  std::string output;
  std::array<char, 4096> buffer;
  while (const size_t count = fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), count);
  }
  *status = pclose(pipe);
  return output;
}

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_COORDINATOR_STORE_PYTHON_H_
