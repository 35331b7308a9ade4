// SPDX-License-Identifier: Apache-2.0
// What a stream is: a terminal with a width and perhaps colour, or a pipe. NO_COLOR and FORCE_COLOR are honoured, --color wins over both.
#pragma once
#include <string>
#include <string_view>

namespace plumb::app {

class Terminal {
  public:
    /// `colour`: auto, always or never.
    Terminal(int descriptor, std::string_view colour);
    bool is_terminal() const { return is_terminal_; }
    bool colour() const { return colour_; }
    /// Columns; 0 for a pipe: nothing is wrapped for a program.
    int width() const;
    /// `text` in bold, or as it is.
    std::string strong(std::string_view text) const;

  private:
    int descriptor_;
    bool is_terminal_;
    bool colour_;
};

}  // namespace plumb::app
