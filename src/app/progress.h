// SPDX-License-Identifier: Apache-2.0
// Progress of a run on standard error. A terminal gets one line that is rewritten; a pipe gets a plain line every 30 seconds and one per
// failure.
#pragma once
#include <string>

#include "app/session.h"
#include "lab/runner.h"

namespace plumb::app {

class Progress {
  public:
    /// `expected_seconds`: what the plan's estimates add up to; 0 when unknown.
    Progress(const Session& session, const lab::Plan& plan, double expected_seconds);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    lab::RunEvents events();

  private:
    void show(const std::string& state);
    void say(const std::string& line);
    void clear_line();
    std::string times() const;

    const Session& session_;
    const lab::Plan& plan_;
    Terminal terminal_;
    double expected_seconds_;
    double start_;
    double last_shown_ = 0;
    std::string position_;
    std::string point_;
    std::size_t ended_ = 0;
    std::size_t total_ = 0;
    bool line_is_open_ = false;
};

}  // namespace plumb::app
