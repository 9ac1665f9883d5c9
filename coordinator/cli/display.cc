#include "coordinator/cli/display.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "coordinator/cli/progress.h"

namespace gradloom {

Display::Screen Display::StandardOutput() {
  Screen screen;
  screen.terminal = isatty(STDOUT_FILENO) == 1;
  winsize size{};
  if (screen.terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    screen.columns = size.ws_col;
    if (size.ws_row > 0) screen.rows = size.ws_row;
  }
  return screen;
}

void Display::Erase() {
  // Up to the first bar, then clear to the end of the screen.
  if (drawn_ > 0) *out_ << absl::StrCat("\x1b[", drawn_, "F\x1b[J");
  drawn_ = 0;
}

void Display::Draw(const v1::RunStatus& status, const Screen& screen) {
  Erase();
  // The last column stays free: some terminals wrap there.
  for (const std::string& line : RenderProgress(status, screen.columns - 1, screen.rows - 1)) {
    *out_ << line << "\n";
    ++drawn_;
  }
  out_->flush();
}

void Display::Show(absl::Time now, const v1::RunStatus& status) {
  const Screen screen = screen_();
  const absl::Duration every = screen.terminal ? absl::Milliseconds(100) : absl::Seconds(2);
  if (now - last_ < every && status.state() == last_state_) return;
  last_ = now;
  last_state_ = status.state();
  if (screen.terminal) {
    Draw(status, screen);
    return;
  }
  last_line_ = RenderProgressLine(status);
  *out_ << last_line_ << std::endl;
}

void Display::Note(absl::string_view text) {
  Erase();
  *out_ << text << std::endl;
  last_ = absl::InfinitePast();
}

void Display::Finish(const v1::RunStatus& status) {
  const Screen screen = screen_();
  if (screen.terminal) {
    Draw(status, screen);
  } else if (std::string line = RenderProgressLine(status); line != last_line_) {
    *out_ << line << std::endl;
  }
  drawn_ = 0;
}

}  // namespace gradloom
