// SPDX-License-Identifier: Apache-2.0
#include "app/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

namespace plumb::app {

namespace {

bool is_set(const char* variable) {
    const char* value = std::getenv(variable);
    return value && *value;
}

bool wants_colour(std::string_view choice, bool is_terminal) {
    if (choice == "always") return true;
    if (choice == "never" || is_set("NO_COLOR")) return false;
    return is_set("FORCE_COLOR") || is_terminal;
}

}  // namespace

Terminal::Terminal(int descriptor, std::string_view colour)
    : descriptor_(descriptor), is_terminal_(::isatty(descriptor) == 1), colour_(wants_colour(colour, is_terminal_)) {}

int Terminal::width() const {
    winsize size{};
    if (!is_terminal_) return 0;
    return ::ioctl(descriptor_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string Terminal::strong(std::string_view text) const {
    return colour_ ? "\033[1m" + std::string(text) + "\033[0m" : std::string(text);
}

}  // namespace plumb::app
