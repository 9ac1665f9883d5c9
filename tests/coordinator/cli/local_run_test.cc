// `gradloom run` as a user starts it, with a fake coordinator and fake workers next to it.
#include "coordinator/cli/local_run.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/run_file/run_file.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kRunFile[] = "data: {train: glyphs}\nworkload: softmax_regression\n";

class LocalRunTest : public testing::Test {
 protected:
  LocalRunTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ + "/bin");
    for (const char* name : {"gradloom-coordinator", "gradloom-worker"}) {
      std::filesystem::create_symlink(GRADLOOM_FAKE_COORDINATOR, folder_ + "/bin/" + name);
    }
    std::ofstream(folder_ + "/run.yaml") << kRunFile;
  }
  ~LocalRunTest() override { std::filesystem::remove_all(folder_); }

  // Starts `gradloom` with these arguments; its output goes to a file. `prepare` runs in the child.
  pid_t Start(
      std::vector<std::string> arguments, const std::string& mode,
      const std::function<void()>& prepare = [] {}) {
    arguments.insert(arguments.begin(), GRADLOOM_COMMAND);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const std::string bin = folder_ + "/bin", log = folder_ + "/output.txt";
    const pid_t pid = fork();
    if (pid == 0) {
      setenv("GRADLOOM_BIN", bin.c_str(), 1);
      setenv("FAKE_MODE", mode.c_str(), 1);
      const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
      dup2(out, STDOUT_FILENO);
      dup2(out, STDERR_FILENO);
      prepare();
      execv(argv[0], argv.data());
      _exit(126);
    }
    return pid;
  }
  // Its exit code.
  static int Await(pid_t pid) {
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  std::vector<std::string> Arguments(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {
        "run", folder_ + "/run.yaml", "--workers", "2", "--output", Output()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  int Run(
      const std::vector<std::string>& more, const std::string& mode,
      const std::function<void()>& prepare = [] {}) {
    return Await(Start(Arguments(more), mode, prepare));
  }
  // Until the fake coordinator has its run; `gradloom` then watches it.
  void AwaitRun() const {
    while (!std::filesystem::exists(Output() + "/state/run")) sched_yield();
  }
  static void LimitFiles(rlim_t now, rlim_t most) {
    const rlimit limit{now, most};
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  std::string Read(const std::string& name) const {
    std::ifstream in(folder_ + "/" + name);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  std::string Output() const { return folder_ + "/out"; }
  std::string Printed() const { return Read("output.txt"); }

  const std::string folder_ = absl::StrCat(testing::TempDir(), "/local-run-", getpid());
};

TEST_F(LocalRunTest, TrainsAndLeavesItsFiles) {
  EXPECT_EQ(Run({}, ""), 0);
  EXPECT_THAT(Printed(), AllOf(HasSubstr("run: succeeded"), HasSubstr("output: " + Output())));
  EXPECT_EQ(Read("out/model.safetensors"), "parameters");
  EXPECT_THAT(Read("out/summary.json"), HasSubstr("\"state\": \"SUCCEEDED\""));
  const auto spec = ParseRunFile(Read("out/run.yaml"), "run.yaml");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->fleet().min_workers(), 2);
  EXPECT_TRUE(std::filesystem::exists(Output() + "/logs/worker-1.log"));
  EXPECT_EQ(Run({}, ""), 0);
  EXPECT_THAT(Printed(), HasSubstr("has finished already"));
  EXPECT_EQ(Run({"--fresh", "--no-keep-state"}, ""), 0);
  EXPECT_FALSE(std::filesystem::exists(Output() + "/state"));
}

TEST_F(LocalRunTest, F27_TrainsAFinishedRunFurther) {
  EXPECT_EQ(Run({"--set", "training.epochs=1"}, ""), 0);
  EXPECT_EQ(Run({"--set", "training.epochs=3"}, ""), 0);
  EXPECT_THAT(Printed(), AllOf(HasSubstr("going on with the run in this folder (20 jobs are done)"),
                               HasSubstr("run: succeeded")));
  const auto spec = ParseRunFile(Read("out/run.yaml"), "run.yaml");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->trials(0).training().epochs(), 3);
  EXPECT_EQ(Run({"--set", "training.epochs=3"}, ""), 0);
  EXPECT_THAT(Printed(), HasSubstr("has finished already"));
  EXPECT_EQ(Run({"--set", "training.epochs=2"}, ""), 1);
  EXPECT_THAT(Printed(),
              HasSubstr("training.epochs: 3.0 -> 2.0: a training may only be made longer"));
}

// A coordinator that was killed goes on by itself, with what it knew.
TEST_F(LocalRunTest, F27_TrainsAnUnfinishedRunFurtherToo) {
  EXPECT_EQ(Run({"--set", "training.epochs=1"}, ""), 0);
  v1::GetRunResponse run;
  ASSERT_TRUE(run.ParseFromString(Read("out/state/run")));
  run.mutable_status()->set_state(v1::RUNNING);
  run.mutable_status()->mutable_trials(0)->set_jobs_done(5);
  std::ofstream(Output() + "/state/run", std::ios::binary) << run.SerializeAsString();
  EXPECT_EQ(Run({"--set", "training.epochs=4"}, ""), 0);
  EXPECT_THAT(Printed(), AllOf(HasSubstr("going on with the run in this folder (5 jobs are done)"),
                               HasSubstr("run: succeeded")));
  const auto spec = ParseRunFile(Read("out/run.yaml"), "run.yaml");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->trials(0).training().epochs(), 4);
}

TEST_F(LocalRunTest, OutlivesTheCoordinatorsDeath) {
  EXPECT_EQ(Run({}, "dies"), 0);
  EXPECT_THAT(Printed(), AllOf(HasSubstr("coordinator was killed by signal 9"),
                               HasSubstr("1 resume\n"), HasSubstr("run: succeeded")));
}

TEST_F(LocalRunTest, GivesUpOnACoordinatorThatCannotStart) {
  EXPECT_EQ(Run({}, "fails"), 1);
  EXPECT_THAT(Printed(), AllOf(HasSubstr("coordinator exited with code 1; its log"),
                               HasSubstr("disk on fire")));
}

TEST_F(LocalRunTest, StopsWithACheckpointAndGoesOn) {
  const std::vector<std::string> arguments = {"run", folder_ + "/run.yaml", "--output", Output()};
  const pid_t pid = Start(arguments, "waits");
  while (!std::filesystem::exists(Output() + "/state/run")) sched_yield();
  kill(pid, SIGINT);
  EXPECT_EQ(Await(pid), 130);
  EXPECT_THAT(Printed(), AllOf(HasSubstr("stopping with a checkpoint"), HasSubstr("go on with:")));
  EXPECT_EQ(
      Await(Start({"run", folder_ + "/run.yaml", "--output", Output(), "--set", "seed=9"}, "")), 1);
  EXPECT_THAT(Printed(), AllOf(HasSubstr("state of another run"), HasSubstr("seed")));
  EXPECT_EQ(Await(Start(arguments, "")), 0);
  EXPECT_THAT(Printed(), HasSubstr("going on with the run in this folder"));
}

TEST_F(LocalRunTest, F09_NoProxyStandsBetweenOurOwnPrograms) {
  for (const char* name : {"http_proxy", "https_proxy", "grpc_proxy"}) {
    EXPECT_EQ(
        Await(Start(Arguments({"--fresh"}), "", [&] { setenv(name, "http://127.0.0.1:1", 1); })), 0)
        << Printed();
  }
}

// The signals arrive in the order of their numbers: SIGHUP, were it heard, would be the first of
// two, and the second kills.
TEST_F(LocalRunTest, F10_NohupsHangUpIsNotHeard) {
  const pid_t pid = Start(Arguments({}), "waits", [] { signal(SIGHUP, SIG_IGN); });
  AwaitRun();
  kill(pid, SIGSTOP);
  kill(pid, SIGHUP);
  kill(pid, SIGTERM);
  kill(pid, SIGCONT);
  EXPECT_EQ(Await(pid), 130);
  EXPECT_THAT(Printed(), AllOf(HasSubstr("stopping with a checkpoint"), HasSubstr("go on with:")));
}

TEST_F(LocalRunTest, F10_AClosedTerminalStopsWithACheckpoint) {
  const pid_t pid = Start(Arguments({}), "waits");
  AwaitRun();
  kill(pid, SIGHUP);
  kill(pid, SIGHUP);
  EXPECT_EQ(Await(pid), 130);
  EXPECT_THAT(Printed(), HasSubstr("go on with:"));
}

TEST_F(LocalRunTest, F10_SeesItsProgramsDieWhateverItInherits) {
  EXPECT_EQ(Await(Start(Arguments({}), "dies",
                        [] {
                          signal(SIGCHLD, SIG_IGN);
                          sigset_t all;
                          sigfillset(&all);
                          sigprocmask(SIG_SETMASK, &all, nullptr);
                        })),
            0);
  EXPECT_THAT(Printed(),
              AllOf(HasSubstr("coordinator was killed by signal 9"), HasSubstr("run: succeeded")));
}

TEST_F(LocalRunTest, F10_TrainsOnWhenNobodyReads) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  EXPECT_EQ(Await(Start(Arguments({}), "", [&] { dup2(ends[1], STDOUT_FILENO); })), 0);
  EXPECT_EQ(Read("out/model.safetensors"), "parameters");
  close(ends[1]);
}

TEST_F(LocalRunTest, F22_StopsWhileACallIsUnderWay) {
  const pid_t pid = Start(Arguments({}), "thinks");
  while (!std::filesystem::exists(Output() + "/state/run.thinking")) sched_yield();
  kill(pid, SIGTERM);
  EXPECT_EQ(Await(pid), 130);
}

TEST_F(LocalRunTest, F26_SaysWhatIsMissingOfFilesBeforeItStarts) {
  const std::vector<std::string> arguments = {
      "run", folder_ + "/run.yaml", "--output", Output(), "--workers",
      "100", "--log-level",         "warn"};
  EXPECT_EQ(Await(Start(arguments, "", [] { LimitFiles(80, 80); })), 1);
  EXPECT_THAT(Printed(), AllOf(HasSubstr("the coordinator of 100 workers may need 140 open files"),
                               HasSubstr("the limit here is 80"), HasSubstr("ulimit -n 140")));
  EXPECT_FALSE(std::filesystem::exists(Output()));
  // A limit of ours is ours to raise.
  EXPECT_EQ(Run({"--log-level", "trace"}, "", [] { LimitFiles(20, 80); }), 0) << Printed();
}

TEST_F(LocalRunTest, F12_AddressesAreCheckedBeforeAnythingElse) {
  const std::string wrong = "'example' is no address: it has no port; did you mean example:7070?";
  for (const char* command : {"list", "status", "watch", "fetch"}) {
    EXPECT_EQ(Await(Start({command, "--coordinator", "example"}, "")), 2);
    EXPECT_THAT(Printed(), HasSubstr("--coordinator: " + wrong));
  }
  EXPECT_EQ(Await(Start({"list"}, "", [] { setenv("GRADLOOM_COORDINATOR", "example", 1); })), 2);
  EXPECT_THAT(Printed(), HasSubstr("GRADLOOM_COORDINATOR " + wrong));
  // Of this form is the advice of the error that nobody answers, too.
  EXPECT_EQ(Await(Start({"list", "--coordinator", "[::1]:1"}, "")), 1);
  EXPECT_THAT(Printed(), HasSubstr("gradloom-coordinator --listen [::1]:1 "));
}

TEST_F(LocalRunTest, F21_LogLevelsAreThoseOfThePrograms) {
  EXPECT_EQ(Run({"--log-level", "loud"}, ""), 2);
  EXPECT_THAT(Printed(), HasSubstr("--log-level: 'loud' is unknown; legal: trace, debug, info, "
                                   "warn (or warning), error or off"));
}

TEST_F(LocalRunTest, ReportsWrongFilesAndWrongUsage) {
  std::ofstream(folder_ + "/bad.yaml") << "worklaod: mlp\n";
  EXPECT_EQ(Await(Start({"run", folder_ + "/bad.yaml"}, "")), 1);
  EXPECT_THAT(Printed(), HasSubstr("bad.yaml:1:1: worklaod: unknown key (did you mean 'workload'"));
  EXPECT_EQ(Await(Start({"run"}, "")), 2);
  EXPECT_EQ(Await(Start({"run", "x", "--workers", "0"}, "")), 2);
  EXPECT_EQ(Await(Start({"frobnicate"}, "")), 2);
  EXPECT_EQ(Await(Start({"--help"}, "")), 0);
  for (const char* command : {"run", "check", "explain", "submit", "watch", "status", "list",
                              "cancel", "resume", "fetch"}) {
    EXPECT_EQ(Await(Start({command, "--help"}, "")), 0) << command;
    EXPECT_THAT(Printed(), HasSubstr(command));
  }
  EXPECT_EQ(Await(Start({"list", "--coordinator", "127.0.0.1:1"}, "")), 1);
  EXPECT_THAT(Printed(), HasSubstr("no coordinator answers at 127.0.0.1:1"));
  EXPECT_EQ(Await(Start({"explain", "optimizer.learning_rate"}, "")), 0);
  EXPECT_EQ(Printed(),
            "# [1e-3; sgd, momentum, nesterov, adagrad: 1e-2]\nlearning_rate: <number>\n");
}

TEST(PortFile, IsReadStrictly) {
  std::string listen, metrics;
  EXPECT_TRUE(ParsePortFile("{\"listen\": \"a:1\", \"metrics\": \"b:2\"}", &listen, &metrics).ok());
  EXPECT_EQ(listen, "a:1");
  EXPECT_EQ(metrics, "b:2");
  EXPECT_FALSE(ParsePortFile("", &listen, &metrics).ok());
  EXPECT_FALSE(ParsePortFile("{\"metrics\": \"b:2\"}", &listen, &metrics).ok());
}

}  // namespace
}  // namespace gradloom
