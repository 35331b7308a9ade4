// SPDX-License-Identifier: Apache-2.0
#include "lab/trial.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "lab/record.h"
#include "lab/seal.h"

namespace plumb::lab {

namespace {

/// One write call per line: a killed process leaves whole lines and at most one torn one at the end.
void append_line(const std::filesystem::path& file, const std::string& line) {
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const ssize_t written = descriptor < 0 ? -1 : ::write(descriptor, line.data(), line.size());
    const int error = errno;
    if (descriptor >= 0) ::close(descriptor);
    if (written != static_cast<ssize_t>(line.size())) {
        throw base::Error(base::ErrorKind::failed, "cannot append to " + file.string() + ": " + std::strerror(error), "check free space");
    }
}

}  // namespace

MetricValue exact(std::string name, double value) {
    return {std::move(name), value, value, value, 1};
}

MetricValue estimate(std::string name, base::Interval interval, std::size_t samples) {
    return {std::move(name), interval.value, interval.low, interval.high, static_cast<std::int64_t>(samples)};
}

Recorder::Recorder(const Verified&, std::filesystem::path run_folder, std::function<bool()> stop_requested)
    : metrics_file_(run_folder / "metrics.jsonl"), artifacts_(run_folder / "artifacts"), stop_requested_(std::move(stop_requested)) {
    rewind_metrics(metrics_file_, std::numeric_limits<std::int64_t>::max());  // drops a line that a kill tore
}

void Recorder::step(std::int64_t step, const std::vector<std::pair<std::string, double>>& values) {
    nlohmann::ordered_json line = {{"step", step}};
    for (const auto& [name, value] : values) line[name] = number_to_json(value);
    append_line(metrics_file_, line.dump() + "\n");
}

void Recorder::rewind(std::int64_t step) {
    rewind_metrics(metrics_file_, step);
}

void Recorder::result(MetricValue value) {
    results_.push_back(std::move(value));
}

bool Recorder::stop_requested() const {
    return stop_requested_();
}

}  // namespace plumb::lab
