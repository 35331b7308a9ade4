// SPDX-License-Identifier: Apache-2.0
// Times named actions: touches buffers, warms up until the rolling median settles, then samples all actions in random blocks until every
// median is known to the target or the time cap is reached. Actions measured together are interleaved, so that their ratios are paired
// block by block.
//
// A block holds one sample of every action. Blocks come in twos: a random order, then the same order backwards (A B C, C B A), so that a
// steady drift touches all actions alike. A sample repeats the call until it lasts at least 50 us and 1000 ticks of the clock, but for an
// action with a reset, which is called once. Nothing but clock readings, calls and resets happens between the samples of a block; the stop
// rule looks between blocks, each time an eighth more samples are there, by order statistics (base::quick_median_interval), and what it
// believes precise the bootstrap must confirm.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/statistics.h"
#include "lab/check.h"

namespace plumb::lab {

struct Action {
    std::string name;             ///< "forward", "compress"
    std::function<void()> run;    ///< what is timed
    std::function<void()> reset;  ///< untimed, before each sample; may be empty
};

struct StopRule {
    double half_width = 0.01;  ///< stop when the 95 % interval's half-width is below this share of the median
    double max_seconds = 2;    ///< time cap of sampling, per action of the group; warm-up comes on top
    int min_samples = 10;      ///< never fewer, unless the cap is reached first (then at least 3)
    int max_samples = 5000;
    double warmup_seconds = 0.2;  ///< per action; goes on up to five times as long until the rolling median settles
    int warmup_calls = 5;         ///< at least so many, unless five times warmup_seconds have passed (one call then is enough)
    double min_seconds = 0.1;     ///< sampled at least so long, per action of the group (never longer than the cap): noise has slow parts
};

/// precise: the interval that is stored is within the target. The caps hold for the group: an action may be precise in a group that reached
/// one.
enum class StopReason { precise, time_cap, sample_cap, interrupted };
std::string_view name(StopReason reason);

/// All samples of one action, in seconds per call. Sample i belongs to block i: all actions of a group have one sample in each block.
struct Timing {
    std::string action;
    std::vector<double> samples;
    std::vector<double> warmup;     ///< seconds per call of every warm-up sample, the first call ever first
    std::vector<double> disturbed;  ///< samples that other processes cut into; taken again, so not among `samples`
    int calls_per_sample = 1;       ///< short actions are repeated so that one sample is long against the clock's resolution
    base::Interval median;
    double median_absolute_deviation = 0;
    double minimum = 0;
    StopReason stop = StopReason::precise;
};

/// Called between samples, not more often than every 50 ms, during warm-up too (then without samples). Return false to stop: the block at
/// hand is dropped, so that all actions have equal sample counts, possibly none.
using SampleObserver = std::function<bool(std::size_t participant, const Timing& so_far)>;

/// Seconds from some fixed moment; never goes back.
using Clock = std::function<double()>;

/// What the process has used and suffered so far, all threads together.
struct Usage {
    double cpu_seconds = 0;
    std::int64_t preemptions = 0;  ///< how often a core was taken away against a thread's will
};

/// What the meter reads of its machine. Tests bring their own and so make time.
struct Instruments {
    Clock clock;
    std::function<Usage()> usage;  ///< empty: no sample is ever seen as disturbed
};
Instruments machine_instruments();

class Meter {
  public:
    Meter(StopRule rule, std::uint64_t seed);
    Meter(StopRule rule, std::uint64_t seed, Instruments instruments);

    /// Adds one participant whose output has been checked; returns its index.
    std::size_t add(const Verified& proof, std::vector<Action> actions);
    /// Measures everything that was added, interleaved. Result [participant][action in the order given]. An exception of an action passes
    /// through. Throws internal for a participant without actions or an action without a call.
    std::vector<std::vector<Timing>> measure(const SampleObserver& observer = {});

  private:
    StopRule rule_;
    std::uint64_t seed_;
    Instruments instruments_;
    std::vector<std::vector<Action>> participants_;
};

/// Seconds on the monotonic clock.
double now_seconds();

}  // namespace plumb::lab
