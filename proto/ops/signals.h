// What a program makes of the signals that it inherits: a mask and ignored signals survive exec, so
// whoever started it (nohup, a shell's background job, a service manager) decides about both.
#ifndef GRADLOOM_PROTO_OPS_SIGNALS_H_
#define GRADLOOM_PROTO_OPS_SIGNALS_H_

#include <csignal>
#include <vector>

namespace gradloom {

enum class BrokenPipe {
  kEndsUs,   // as the shell's filters: SIGPIPE as inherited
  kIgnored,  // a log that nobody reads any more is no reason to end
};

// First in main, before any other thread. No signal is blocked from here on, and children that end
// are seen to end (SIGCHLD ignored would reap them unseen). Other signals that are ignored stay so.
void PrepareSignals(BrokenPipe broken_pipe);

// Those that ask this process to stop: SIGTERM in any case, SIGINT and SIGHUP unless they are
// ignored now, as nohup ignores SIGHUP.
std::vector<int> StopSignals();

// In a child between fork and exec (async-signal-safe): what PrepareSignals made of it is undone,
// and the child can be asked to stop, whatever we ignore.
void ResetSignalsOfChild();

}  // namespace gradloom

#endif  // GRADLOOM_PROTO_OPS_SIGNALS_H_
