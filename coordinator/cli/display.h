// Shows a run's progress: bars redrawn in place on a terminal, otherwise a line every two seconds.
// Not thread-safe.
#ifndef GRADLOOM_COORDINATOR_CLI_DISPLAY_H_
#define GRADLOOM_COORDINATOR_CLI_DISPLAY_H_

#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gradloom/v1/training.pb.h"

namespace gradloom {

class Display {
 public:
  struct Screen {
    bool terminal = false;
    int columns = 80;
    int rows = 24;
  };
  // Of stdout, asked anew, because windows change their size.
  static Screen StandardOutput();

  // `out` outlives the display. `screen` is asked at every redraw.
  Display(std::ostream* out, Screen (*screen)()) : out_(out), screen_(screen) {}

  // Shows the status if it is time to: on a terminal at most ten times a second, else every two
  // seconds and when the state changes.
  void Show(absl::Time now, const v1::RunStatus& status);
  // A line of text above the bars.
  void Note(absl::string_view text);
  // The last look; what follows goes below it.
  void Finish(const v1::RunStatus& status);

 private:
  void Erase();
  void Draw(const v1::RunStatus& status, const Screen& screen);

  std::ostream* out_;
  Screen (*screen_)();
  int drawn_ = 0;  // lines of bars on the screen
  absl::Time last_ = absl::InfinitePast();
  v1::RunState last_state_ = v1::RUN_STATE_UNSPECIFIED;
  std::string last_line_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CLI_DISPLAY_H_
