// SPDX-License-Identifier: Apache-2.0
#include "app/progress.h"

#include <iostream>

#include "base/units.h"

namespace plumb::app {

namespace {

constexpr double terminal_interval = 0.1;
constexpr double pipe_interval = 30;

std::string fitted(const std::string& text, int width) {
    if (width <= 0 || text.size() < static_cast<std::size_t>(width)) return text;
    return text.substr(0, static_cast<std::size_t>(width) - 1);
}

}  // namespace

Progress::Progress(const Session& session, const lab::Plan& plan, double expected_seconds)
    : session_(session),
      plan_(plan),
      terminal_(session.err()),
      expected_seconds_(expected_seconds),
      start_(lab::now_seconds()),
      last_shown_(start_) {}

Progress::~Progress() {
    clear_line();
}

void Progress::clear_line() {
    if (line_is_open_) std::cerr << "\r\033[K" << std::flush;
    line_is_open_ = false;
}

void Progress::say(const std::string& line) {
    if (session_.quiet) return;
    clear_line();
    std::cerr << line << std::endl;
}

std::string Progress::times() const {
    const double elapsed = lab::now_seconds() - start_;
    std::string text = base::format_seconds(elapsed) + " gone";
    const double share = total_ > 0 ? static_cast<double>(ended_) / static_cast<double>(total_) : 0;
    const double left = expected_seconds_ > 0 ? expected_seconds_ - elapsed : share > 0 ? elapsed * (1 / share - 1) : 0;
    if (left > 0) text += ", about " + base::format_seconds(left) + " to go";
    return text;
}

void Progress::show(const std::string& state) {
    if (session_.quiet) return;
    const double now = lab::now_seconds();
    if (now - last_shown_ < (terminal_.is_terminal() ? terminal_interval : pipe_interval)) return;
    last_shown_ = now;
    const std::string line = position_ + " " + point_ + (state.empty() ? "" : "  " + state) + "  " + times();
    if (!terminal_.is_terminal()) {
        std::cerr << line << std::endl;
        return;
    }
    std::cerr << '\r' << fitted(line, terminal_.width()) << "\033[K" << std::flush;
    line_is_open_ = true;
}

lab::RunEvents Progress::events() {
    lab::RunEvents events;
    events.started = [this](const lab::PlannedPoint& planned, std::size_t position, std::size_t total) {
        total_ = total;
        position_ = "[" + std::to_string(position) + "/" + std::to_string(total) + "]";
        point_ = planned.point.describe(lab::family_named(session_.families, planned.point.family).schema());
        show("checking");
    };
    events.sampled = [this](const lab::PlannedPoint& planned, const lab::Timing& timing) {
        point_ = planned.point.describe(lab::family_named(session_.families, planned.point.family).schema());
        show(timing.action + " " + base::format_seconds(timing.median.value) + " ± " +
             base::format_number(100 * timing.median.relative_half_width(), 2) + " %");
    };
    events.finished = [this](const lab::PlannedPoint& planned, const lab::Record& record) {
        ++ended_;
        if (record.status == lab::Status::done) return show("done");
        const std::string point = planned.point.describe(lab::family_named(session_.families, planned.point.family).schema());
        say(std::string(lab::name(record.status)) + "  " + point + ": " + record.reason);
    };
    events.note = [this](const std::string& text) { say(text); };
    return events;
}

}  // namespace plumb::app
