// SPDX-License-Identifier: Apache-2.0
// One prepared point: inputs made, buffers allocated, ready to be checked and then measured or run.
#pragma once
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "lab/check.h"
#include "lab/meter.h"

namespace plumb::lab {

/// One number of a record. low == high == value for exact counts.
struct MetricValue {
    std::string name;
    double value = 0;
    double low = 0;
    double high = 0;
    std::int64_t samples = 1;
};
MetricValue exact(std::string name, double value);
MetricValue estimate(std::string name, base::Interval interval, std::size_t samples);

/// What a trial may use of its surroundings.
struct Context {
    std::uint64_t seed = 0;           ///< already mixed with the repeat index
    std::filesystem::path artifacts;  ///< existing folder of this run: checkpoints, ledgers; kept when the process dies
    std::function<void(const std::string&)> log = [](const std::string&) {};
    std::function<bool()> stop_requested = [] { return false; };
};

class Trial {
  public:
    virtual ~Trial() = default;
    /// Runs the code path that will be measured, on the inputs that will be measured, and compares the output with references.
    virtual std::vector<Check> verify() = 0;
};

/// Hands named actions to the meter.
class TimedTrial : public Trial {
  public:
    virtual std::vector<Action> actions() = 0;
    /// Metrics from the timings, in the order of actions().
    virtual std::vector<MetricValue> metrics(const std::vector<Timing>& timings) = 0;
    /// Checks the output that the last timed call left behind, without running again: catches corruption by repetition.
    virtual std::vector<Check> verify_after() = 0;
};

/// Appends steps to metrics.jsonl as a long trial goes on. Made by the runner from passed checks.
class Recorder {
  public:
    /// One line {"step": step, name: value, ...}, flushed.
    void step(std::int64_t step, const std::vector<std::pair<std::string, double>>& values);
    /// Forgets every line with a step >= `step`: a trial calls it first, with the step it goes on from (0 when it starts anew).
    void rewind(std::int64_t step);
    /// A final number of the run.
    void result(MetricValue value);
    bool stop_requested() const;
    const std::filesystem::path& artifacts() const { return artifacts_; }
    const std::vector<MetricValue>& results() const { return results_; }

  private:
    friend class GroupRun;
    Recorder(const Verified& proof, std::filesystem::path run_folder, std::function<bool()> stop_requested);
    std::filesystem::path metrics_file_;
    std::filesystem::path artifacts_;
    std::function<bool()> stop_requested_;
    std::vector<MetricValue> results_;
};

/// Training, injection campaign: runs once, logs as it goes, saves checkpoints to artifacts and resumes from them when started again in the
/// same folder.
class LongTrial : public Trial {
  public:
    /// Returns when done, or when stop_requested() after saving a checkpoint (throws Error{interrupted} then).
    virtual void run(Recorder& recorder) = 0;
    /// Checks what run() left behind, by other means than run() used; a failure takes the results away.
    virtual std::vector<Check> verify_after() { return {}; }
};

}  // namespace plumb::lab
