// SPDX-License-Identifier: Apache-2.0
#include "lab/meter.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/random.h"

namespace plumb::lab {

namespace {

constexpr double shortest_sample = 50e-6;
constexpr double ticks_per_sample = 1000;
constexpr double seconds_between_reports = 0.05;
constexpr double longest_warmup = 5;  // times warmup_seconds
constexpr int most_calls_per_sample = 1 << 20;
constexpr std::size_t settling_window = 20;
constexpr std::size_t fewest_samples = 3;
constexpr double least_load = 0.98;        // of the full load: any interruption that matters costs more
constexpr double longest_repeated = 5e-3;  // about the time that a busy system gives a process at once
constexpr int most_repetitions = 4;

/// One action of one participant while it is being measured.
struct Subject {
    std::size_t participant = 0;
    const Action* action = nullptr;
    Timing timing;
    double full_load = 0;                                            ///< the most processor seconds per second that a sample got
    double least_seconds = std::numeric_limits<double>::infinity();  ///< of a call
    double warm_seconds = 0;                                         ///< spent in warm-up calls
    std::int64_t warm_calls = 0;
    bool warm = false;
};

/// The smallest step that the clock shows, 0 when it stands still.
double clock_step(const Clock& clock) {
    double least = std::numeric_limits<double>::infinity();
    double last = clock();
    for (int reading = 0; reading < 64; ++reading) {
        const double now = clock();
        if (now > last) least = std::min(least, now - last);
        last = now;
    }
    return std::isfinite(least) ? least : 0;
}

/// The last samples no longer differ from those before them: the intervals of both medians overlap.
bool settled(std::span<const double> warmup) {
    const std::size_t window = std::min(settling_window, warmup.size() / 2);
    if (window < fewest_samples) return false;
    const base::Interval later = base::quick_median_interval(warmup.last(window));
    const base::Interval earlier = base::quick_median_interval(warmup.last(2 * window).first(window));
    return later.low <= earlier.high && earlier.low <= later.high;
}

class Session {
  public:
    Session(const StopRule& rule, std::uint64_t seed, const Instruments& instruments, const std::vector<std::vector<Action>>& participants,
            const SampleObserver& observer)
        : rule_(rule), order_(seed, "order of a block"), instruments_(instruments), clock_(instruments.clock), observer_(observer) {
        for (std::size_t participant = 0; participant < participants.size(); ++participant) {
            for (const Action& action : participants[participant]) {
                subjects_.emplace_back();
                subjects_.back().participant = participant;
                subjects_.back().action = &action;
                subjects_.back().timing.action = action.name;
            }
        }
    }

    std::vector<Timing> run() {
        if (subjects_.empty()) return {};
        sample_seconds_ = std::max(shortest_sample, ticks_per_sample * clock_step(clock_));
        last_report_ = clock_();
        warm_up();
        if (!interrupted_) sample_until_stopped();
        std::vector<Timing> timings;
        for (Subject& subject : subjects_) timings.push_back(finished(subject));
        return timings;
    }

  private:
    struct Sample {
        double seconds = 0;  ///< per call
        double load = 0;     ///< processor seconds per second
        bool preempted = false;
    };

    Sample time(Subject& subject, int calls) {
        const Action& action = *subject.action;
        if (action.reset) action.reset();
        const Usage before = instruments_.usage ? instruments_.usage() : Usage{};
        const double start = clock_();
        for (int call = 0; call < calls; ++call) action.run();
        const double seconds = clock_() - start;
        const Usage after = instruments_.usage ? instruments_.usage() : Usage{};
        const double load = (after.cpu_seconds - before.cpu_seconds) / std::max(seconds, 1e-9);
        subject.full_load = std::max(subject.full_load, load);
        subject.least_seconds = std::min(subject.least_seconds, seconds / calls);
        return {seconds / calls, load, after.preemptions > before.preemptions};
    }

    double undisturbed_time(Subject& subject) {
        const int calls = subject.timing.calls_per_sample;
        for (int repetition = 0;; ++repetition) {
            const Sample sample = time(subject, calls);
            const bool disturbed = sample.preempted && sample.load < least_load * subject.full_load;
            if (!disturbed || repetition == most_repetitions || subject.least_seconds * calls > longest_repeated) return sample.seconds;
            subject.timing.disturbed.push_back(sample.seconds);
        }
    }

    void warm_up() {
        bool all_warm = false;
        while (!all_warm && !interrupted_) {
            all_warm = true;
            for (Subject& subject : subjects_) {
                if (!subject.warm) warm_up_once(subject);
                all_warm = all_warm && subject.warm;
                report(subject);
                if (interrupted_) return;
            }
        }
    }

    /// One warm-up sample, which also learns how many calls make a sample.
    void warm_up_once(Subject& subject) {
        const int calls = subject.timing.calls_per_sample;
        const double seconds = time(subject, calls).seconds;
        std::vector<double>& warmup = subject.timing.warmup;
        warmup.push_back(seconds);
        subject.warm_seconds += seconds * calls;
        subject.warm_calls += calls;
        const bool long_enough = subject.warm_seconds >= rule_.warmup_seconds && subject.warm_calls >= rule_.warmup_calls;
        const bool too_long = subject.warm_seconds >= longest_warmup * rule_.warmup_seconds;
        // A clock that stands still would never warm anything up.
        const bool endless = warmup.size() >= static_cast<std::size_t>(std::max(rule_.max_samples, rule_.warmup_calls));
        subject.warm = too_long || endless || (long_enough && settled(warmup));
        if (subject.action->reset) return;
        const std::size_t recent = std::min<std::size_t>(warmup.size(), 5);
        const double typical = base::median(std::span(warmup).last(recent));
        const double wanted = typical > 0 ? std::ceil(sample_seconds_ / typical) : most_calls_per_sample;
        // Grows step by step: the first calls may be far from typical.
        const double reachable = std::min(wanted, std::min<double>(most_calls_per_sample, 4.0 * calls));
        subject.timing.calls_per_sample = static_cast<int>(std::max(1.0, reachable));
    }

    void sample_until_stopped() {
        const double actions = static_cast<double>(subjects_.size());
        const double cap = rule_.max_seconds * actions;
        const double least = std::min(cap, rule_.min_seconds * actions);
        const auto most_samples = static_cast<std::size_t>(std::max(1, rule_.max_samples));
        std::size_t next_look = std::min(most_samples, std::max(fewest_samples, static_cast<std::size_t>(std::max(0, rule_.min_samples))));
        const double start = clock_();
        for (std::size_t blocks = 1;; ++blocks) {
            if (!sample_block(blocks - 1)) return;
            const double elapsed = clock_() - start;
            if (blocks >= next_look && elapsed >= least) {
                if (all_precise()) return;
                next_look = blocks + std::max<std::size_t>(1, blocks / 8);
            }
            reason_ = blocks >= most_samples ? StopReason::sample_cap : StopReason::time_cap;
            if (blocks >= most_samples || (blocks >= fewest_samples && elapsed >= cap)) return;
        }
    }

    /// One sample of every action; false when the observer stopped it, and then no action keeps a sample of this block.
    bool sample_block(std::size_t block) {
        if (block % 2 == 0) {
            shuffle(block);
        } else {
            std::reverse(sequence_.begin(), sequence_.end());
        }
        for (const std::size_t index : sequence_) {
            Subject& subject = subjects_[index];
            subject.timing.samples.push_back(undisturbed_time(subject));
            report(subject);
            if (!interrupted_) continue;
            for (Subject& other : subjects_) other.timing.samples.resize(block);
            return false;
        }
        return true;
    }

    /// Fisher-Yates; numbered draws make the order of a block independent of all else.
    void shuffle(std::size_t block) {
        sequence_.resize(subjects_.size());
        std::iota(sequence_.begin(), sequence_.end(), std::size_t{0});
        for (std::size_t left = sequence_.size(); left > 1; --left)
            std::swap(sequence_[left - 1], sequence_[order_.below(block * subjects_.size() + left - 1, left)]);
    }

    bool all_precise() {
        const auto within = [this](const base::Interval& interval) { return interval.relative_half_width() <= rule_.half_width; };
        const bool likely = std::all_of(subjects_.begin(), subjects_.end(), [&](const Subject& subject) {
            return within(base::quick_median_interval(subject.timing.samples));
        });
        return likely && std::all_of(subjects_.begin(), subjects_.end(),
                                     [&](const Subject& subject) { return within(base::median_interval(subject.timing.samples)); });
    }

    void report(Subject& subject) {
        if (!observer_) return;
        const double now = clock_();
        if (now - last_report_ < seconds_between_reports) return;
        const std::vector<double>& samples = subject.timing.samples;
        subject.timing.median = base::quick_median_interval(samples.empty() ? subject.timing.warmup : samples);
        interrupted_ = !observer_(subject.participant, subject.timing);
        last_report_ = clock_();
    }

    Timing finished(Subject& subject) const {
        Timing timing = std::move(subject.timing);
        timing.median = base::median_interval(timing.samples);
        timing.median_absolute_deviation = base::median_absolute_deviation(timing.samples);
        timing.minimum = timing.samples.empty() ? std::numeric_limits<double>::quiet_NaN() : *std::ranges::min_element(timing.samples);
        const bool enough = timing.samples.size() >= fewest_samples;
        timing.stop = interrupted_                                                        ? StopReason::interrupted
                      : enough && timing.median.relative_half_width() <= rule_.half_width ? StopReason::precise
                                                                                          : reason_;
        return timing;
    }

    const StopRule& rule_;
    base::RandomStream order_;
    const Instruments& instruments_;
    const Clock& clock_;
    const SampleObserver& observer_;
    std::vector<Subject> subjects_;
    std::vector<std::size_t> sequence_;
    double sample_seconds_ = shortest_sample;
    double last_report_ = 0;
    bool interrupted_ = false;
    StopReason reason_ = StopReason::time_cap;
};

}  // namespace

std::string_view name(StopReason reason) {
    switch (reason) {
        case StopReason::precise:
            return "precise";
        case StopReason::time_cap:
            return "time cap";
        case StopReason::sample_cap:
            return "sample cap";
        case StopReason::interrupted:
            break;
    }
    return "interrupted";
}

Instruments machine_instruments() {
    return {now_seconds, [] {
                rusage usage{};
                ::getrusage(RUSAGE_SELF, &usage);
                const auto seconds = [](const timeval& time) {
                    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
                };
                return Usage{seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_nivcsw};
            }};
}

Meter::Meter(StopRule rule, std::uint64_t seed) : Meter(rule, seed, machine_instruments()) {}

Meter::Meter(StopRule rule, std::uint64_t seed, Instruments instruments) : rule_(rule), seed_(seed), instruments_(std::move(instruments)) {}

std::size_t Meter::add(const Verified&, std::vector<Action> actions) {
    if (actions.empty()) throw base::Error(base::ErrorKind::internal, "a trial has no action to measure");
    for (const Action& action : actions) {
        if (!action.run) throw base::Error(base::ErrorKind::internal, "action '" + action.name + "' has nothing to call");
    }
    participants_.push_back(std::move(actions));
    return participants_.size() - 1;
}

std::vector<std::vector<Timing>> Meter::measure(const SampleObserver& observer) {
    std::vector<Timing> all = Session(rule_, seed_, instruments_, participants_, observer).run();
    std::vector<std::vector<Timing>> timings(participants_.size());
    auto next = all.begin();
    for (std::size_t participant = 0; participant < participants_.size(); ++participant) {
        const auto count = static_cast<std::ptrdiff_t>(participants_[participant].size());
        timings[participant].assign(std::make_move_iterator(next), std::make_move_iterator(next + count));
        next += count;
    }
    return timings;
}

double now_seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace plumb::lab
