// SPDX-License-Identifier: Apache-2.0
// The meter on a machine whose time is made up: a call costs what the test says, so every stop, order and count is exact.
#include "lab/meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "base/statistics.h"
#include "lab/trial.h"

namespace plumb::lab {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Ge;
using testing::IsEmpty;

class CheckedTrial : public Trial {
  public:
    std::vector<Check> verify() override { return {at_most("always", "itself", "error", 0, 1)}; }
};

Verified proof() {
    CheckedTrial trial;
    return verify(trial);
}

/// Time passes only in calls and, a little, when the clock is read.
class Machine {
  public:
    explicit Machine(double step = 1e-9) : step_(step) {}

    Clock clock() {
        return [this] {
            now_ += 25e-9;
            return std::floor(now_ / step_) * step_;
        };
    }
    double now() const { return now_; }
    /// The machine with an account of processor time, which idle() does not fill.
    Instruments instruments() {
        return {clock(), [this] { return Usage{now_ - idle_, preemptions_}; }};
    }
    /// Another process has the core for so long.
    void preempt(double seconds) {
        now_ += seconds;
        idle_ += seconds;
        ++preemptions_;
    }
    /// A thread of the process takes the core from another: no processor time is lost.
    void crowd() { ++preemptions_; }

    /// An action whose call costs what `cost` says; `cost` sees the time and the number of the call.
    Action action(const std::string& name, std::function<double(double now, std::size_t call)> cost) {
        return {name,
                [this, name, cost, call = std::size_t{0}]() mutable {
                    now_ += cost(now_, call++);
                    calls.push_back(name);
                },
                {}};
    }
    Action steady(const std::string& name, double seconds) {
        return action(name, [seconds](double, std::size_t) { return seconds; });
    }
    /// Lognormal cost around `seconds`.
    Action noisy(const std::string& name, double seconds, double deviation) {
        const base::RandomStream random(7, name);
        return action(name, [=](double, std::size_t call) { return seconds * std::exp(deviation * random.normal(call)); });
    }

    std::vector<std::string> calls;

  private:
    double now_ = 1000;
    double idle_ = 0;
    std::int64_t preemptions_ = 0;
    double step_;
};

std::vector<Timing> measure_together(Machine& machine, std::vector<Action> actions, const StopRule& rule = {}, std::uint64_t seed = 1,
                                     const SampleObserver& observer = {}) {
    Meter meter(rule, seed, {machine.clock(), {}});
    for (Action& action : actions) meter.add(proof(), {std::move(action)});
    std::vector<Timing> timings;
    for (std::vector<Timing>& participant : meter.measure(observer)) timings.push_back(std::move(participant.at(0)));
    return timings;
}

TEST(Meter, StopsWhenTheIntervalIsWithinTheTarget) {
    Machine machine;
    const Timing timing = measure_together(machine, {machine.noisy("a", 1e-3, 0.05)}).at(0);
    EXPECT_EQ(timing.stop, StopReason::precise);
    EXPECT_LE(timing.median.relative_half_width(), 0.01);
    EXPECT_NEAR(timing.median.value, 1e-3, 2e-5);
    // 1.2533 * 5 % * 1.96 / sqrt(n) is 1 % at n = 151.
    EXPECT_GT(timing.samples.size(), 75u);
    EXPECT_LT(timing.samples.size(), 600u);
    EXPECT_EQ(timing.median.value, base::median(timing.samples));
    EXPECT_EQ(timing.median_absolute_deviation, base::median_absolute_deviation(timing.samples));
}

TEST(Meter, TakesTheFewestSamplesOfASteadyAction) {
    Machine machine;
    StopRule rule;
    rule.min_seconds = 0;
    const Timing timing = measure_together(machine, {machine.steady("a", 1e-3)}, rule).at(0);
    EXPECT_EQ(timing.stop, StopReason::precise);
    EXPECT_EQ(timing.samples.size(), 10u);
    EXPECT_NEAR(timing.minimum, 1e-3, 1e-6);
}

TEST(Meter, SamplesForTheShortestTimeAllowed) {
    Machine machine;
    StopRule rule;
    rule.min_seconds = 0.5;
    const std::vector<Timing> timings = measure_together(machine, {machine.steady("a", 1e-3), machine.steady("b", 3e-3)}, rule);
    EXPECT_NEAR(static_cast<double>(timings[0].samples.size()), 250, 2);  // 2 x 0.5 s in blocks of 4 ms
}

TEST(Meter, StopsAtTheTimeCapWhenNoiseWins) {
    Machine machine;
    StopRule rule;
    rule.half_width = 1e-4;
    const std::vector<Timing> timings = measure_together(machine, {machine.noisy("a", 1e-3, 0.5), machine.noisy("b", 1e-3, 0.5)}, rule);
    for (const Timing& timing : timings) EXPECT_EQ(timing.stop, StopReason::time_cap);
    const double blocks = static_cast<double>(timings[0].samples.size());
    const double mean_call = 1e-3 * std::exp(0.125);
    EXPECT_NEAR(blocks, 2 * rule.max_seconds / (2 * mean_call), 0.05 * blocks);
}

TEST(Meter, TakesThreeSamplesOfAnActionLongerThanTheCap) {
    Machine machine;
    const std::vector<Timing> timings = measure_together(machine, {machine.noisy("a", 10, 0.3), machine.noisy("b", 30, 0.3)});
    for (const Timing& timing : timings) {
        EXPECT_EQ(timing.samples.size(), 3u);
        EXPECT_EQ(timing.warmup.size(), 1u);
        EXPECT_EQ(timing.stop, StopReason::time_cap);
        EXPECT_EQ(timing.calls_per_sample, 1);
    }
}

TEST(Meter, StopsAtTheSampleCap) {
    Machine machine;
    StopRule rule;
    rule.half_width = 1e-6;
    rule.max_samples = 50;
    const Timing timing = measure_together(machine, {machine.noisy("a", 1e-3, 0.1)}, rule).at(0);
    EXPECT_EQ(timing.samples.size(), 50u);
    EXPECT_EQ(timing.stop, StopReason::sample_cap);
}

TEST(Meter, SaysPreciseForTheActionThatIsInAGroupThatIsNot) {
    Machine machine;
    const std::vector<Timing> timings = measure_together(machine, {machine.steady("a", 1e-3), machine.noisy("b", 1e-3, 2)});
    EXPECT_EQ(timings[0].stop, StopReason::precise);
    EXPECT_EQ(timings[1].stop, StopReason::time_cap);
}

TEST(Meter, RepeatsShortCallsWithinASample) {
    Machine machine;
    const std::vector<Timing> timings = measure_together(machine, {machine.steady("short", 1e-6), machine.steady("long", 1e-3)});
    EXPECT_GE(timings[0].calls_per_sample, 50);
    EXPECT_LE(timings[0].calls_per_sample, 60);
    EXPECT_NEAR(timings[0].median.value, 1e-6, 1e-9);
    EXPECT_EQ(timings[1].calls_per_sample, 1);
}

TEST(Meter, MakesSamplesLongAgainstACoarseClock) {
    Machine machine(1e-6);
    const Timing timing = measure_together(machine, {machine.steady("short", 1.3e-6)}).at(0);
    EXPECT_GE(timing.calls_per_sample * 1.3e-6, 0.99e-3);
    EXPECT_NEAR(timing.median.value, 1.3e-6, 0.005e-6);
}

TEST(Meter, NeverRepeatsAnActionThatNeedsAReset) {
    Machine machine;
    Action action = machine.steady("once", 1e-6);
    bool fresh = false;
    std::size_t runs = 0;
    action.reset = [&] { fresh = true; };
    action.run = [&, run = action.run] {
        EXPECT_TRUE(fresh);
        fresh = false;
        ++runs;
        run();
    };
    StopRule rule;
    rule.warmup_seconds = 0.001;
    const Timing timing = measure_together(machine, {action}, rule).at(0);
    EXPECT_EQ(timing.calls_per_sample, 1);
    EXPECT_EQ(runs, timing.samples.size() + timing.warmup.size());
}

TEST(Meter, LeavesResetsOutOfTheTime) {
    Machine machine;
    Action action = machine.steady("once", 1e-3);
    action.reset = machine.steady("reset", 5e-3).run;
    EXPECT_NEAR(measure_together(machine, {action}).at(0).median.value, 1e-3, 1e-6);
}

/// Names of the calls after warm-up, cut into blocks.
std::vector<std::string> blocks_of(const Machine& machine, const std::vector<Timing>& timings) {
    std::size_t warmup_calls = 0;
    for (const Timing& timing : timings) warmup_calls += timing.warmup.size();
    std::vector<std::string> blocks;
    for (std::size_t call = warmup_calls; call < machine.calls.size(); ++call) {
        if ((call - warmup_calls) % timings.size() == 0) blocks.emplace_back();
        blocks.back() += machine.calls[call];
    }
    return blocks;
}

std::vector<std::string> blocks_with_seed(std::uint64_t seed) {
    Machine machine;
    StopRule rule;
    rule.min_samples = rule.max_samples = 200;
    const auto timings =
        measure_together(machine, {machine.steady("a", 1e-3), machine.steady("b", 1e-3), machine.steady("c", 1e-3)}, rule, seed);
    return blocks_of(machine, timings);
}

TEST(Meter, RunsEveryActionOnceInEachBlockInRandomOrderAndBack) {
    const std::vector<std::string> blocks = blocks_with_seed(1);
    ASSERT_EQ(blocks.size(), 200u);
    std::set<std::string> orders;
    for (std::size_t block = 0; block < blocks.size(); block += 2) {
        EXPECT_EQ((std::multiset<char>(blocks[block].begin(), blocks[block].end())), (std::multiset<char>{'a', 'b', 'c'}));
        EXPECT_EQ(blocks[block + 1], std::string(blocks[block].rbegin(), blocks[block].rend()));
        orders.insert(blocks[block]);
    }
    EXPECT_EQ(orders.size(), 6u);
}

TEST(Meter, OrdersBlocksBySeedAlone) {
    EXPECT_EQ(blocks_with_seed(5), blocks_with_seed(5));
    EXPECT_NE(blocks_with_seed(5), blocks_with_seed(6));
}

TEST(Meter, PairsSamplesSoThatDriftCancels) {
    Machine machine;
    // The machine slows down by a half per second; b costs 5 % more than a.
    const auto drifting = [start = machine.now()](double seconds) {
        return [=](double now, std::size_t) { return seconds * (1 + 0.5 * (now - start)); };
    };
    const std::vector<Timing> timings =
        measure_together(machine, {machine.action("a", drifting(1e-3)), machine.action("b", drifting(1.05e-3))});
    ASSERT_EQ(timings[0].samples.size(), timings[1].samples.size());
    EXPECT_GT(timings[0].median.relative_half_width(), 0.02);
    const base::Interval ratio = base::paired_ratio(timings[1].samples, timings[0].samples);
    EXPECT_NEAR(ratio.value, 1.05, 0.001);
    EXPECT_LT(ratio.relative_half_width(), 0.002);
}

TEST(Meter, WarmsUpUntilTheTimeSettles) {
    Machine machine;
    // Ten times slower at first; within 1 % of the end after 690 calls, which take 1.6 s.
    const auto warming = [](double, std::size_t call) { return 1e-3 * (1 + 9 * std::exp(-static_cast<double>(call) / 100)); };
    StopRule rule;
    rule.warmup_seconds = 0.5;
    const Timing timing = measure_together(machine, {machine.action("a", warming)}, rule).at(0);
    EXPECT_NEAR(timing.warmup.front(), 1e-2, 1e-5);
    EXPECT_LT(timing.samples.front(), 1.06e-3);
}

TEST(Meter, EndsTheWarmUpOfWhatNeverSettles) {
    Machine machine;
    const auto ever_slower = [](double, std::size_t call) { return 1e-3 * (1 + static_cast<double>(call)); };
    double warm = 0;
    const std::vector<Timing> timings = measure_together(machine, {machine.action("a", ever_slower)});
    for (const double seconds : timings.at(0).warmup) warm += seconds;
    EXPECT_GE(warm, 1.0);  // 5 x 0.2 s
    EXPECT_LT(warm, 1.1);
}

TEST(Meter, WarmsUpByTimeAndByCount) {
    Machine machine;
    StopRule rule;
    rule.warmup_seconds = 0.2;
    EXPECT_NEAR(static_cast<double>(measure_together(machine, {machine.steady("a", 2e-3)}, rule).at(0).warmup.size()), 100, 1);
    rule.warmup_seconds = 1e-3;
    rule.warmup_calls = 50;
    EXPECT_EQ(measure_together(machine, {machine.steady("b", 50e-6)}, rule).at(0).warmup.size(), 50u);
}

/// A steady action of `seconds`; `interfere` runs within each call and sees its number.
Action interfered(Machine& machine, double seconds, std::function<void(std::size_t call)> interfere) {
    Action action = machine.steady("a", seconds);
    action.run = [run = action.run, interfere, call = std::size_t{0}]() mutable {
        run();
        interfere(call++);
    };
    return action;
}

Timing measure_with_instruments(Machine& machine, const Action& action, const StopRule& rule = {}) {
    Meter meter(rule, 1, machine.instruments());
    meter.add(proof(), {action});
    return meter.measure().at(0).at(0);
}

TEST(Meter, TakesASampleAgainThatAnotherProcessCutInto) {
    Machine machine;
    const base::RandomStream random(11, "preemption");
    const Timing timing = measure_with_instruments(machine, interfered(machine, 1e-3, [&](std::size_t call) {
                                                       if (random.uniform(call) < 0.3) machine.preempt(8e-3);
                                                   }));
    ASSERT_FALSE(timing.disturbed.empty());
    EXPECT_THAT(timing.disturbed, Each(Ge(8e-3)));
    EXPECT_NEAR(base::quantile(timing.samples, 0.95), 1e-3, 1e-5);
    EXPECT_NEAR(static_cast<double>(timing.disturbed.size()), 0.43 * static_cast<double>(timing.samples.size()),
                0.2 * static_cast<double>(timing.samples.size()));
}

TEST(Meter, KeepsASampleThatNoGapIsFoundFor) {
    Machine machine;
    const Timing timing = measure_with_instruments(machine, interfered(machine, 1e-3, [&](std::size_t call) {
                                                       if (call >= 230) machine.preempt(8e-3);
                                                   }));
    EXPECT_NEAR(timing.samples.back(), 9e-3, 1e-5);
    EXPECT_LE(timing.disturbed.size(), 4 * timing.samples.size());
}

TEST(Meter, ChargesAnActionForCrowdingOutItsOwnThreads) {
    Machine machine;
    const Timing timing = measure_with_instruments(machine, interfered(machine, 1e-3, [&](std::size_t) { machine.crowd(); }));
    EXPECT_THAT(timing.disturbed, IsEmpty());
}

TEST(Meter, KeepsLongSamplesAsTheyAre) {
    Machine machine;
    const Timing timing = measure_with_instruments(machine, interfered(machine, 20e-3, [&](std::size_t call) {
                                                       if (call % 3 == 0) machine.preempt(8e-3);
                                                   }));
    EXPECT_THAT(timing.disturbed, IsEmpty());
    EXPECT_GT(base::quantile(timing.samples, 0.9), 27e-3);
}

TEST(Meter, StopsWhenTheObserverSaysSoWithEqualCounts) {
    Machine machine;
    int reports = 0;
    const SampleObserver observer = [&](std::size_t, const Timing& so_far) { return so_far.samples.empty() || ++reports < 7; };
    StopRule rule;
    rule.half_width = 1e-6;
    const auto timings = measure_together(
        machine, {machine.noisy("a", 1e-2, 0.1), machine.noisy("b", 1e-2, 0.1), machine.noisy("c", 1e-2, 0.1)}, rule, 1, observer);
    EXPECT_EQ(reports, 7);
    EXPECT_GE(timings[0].samples.size(), 8u);
    for (const Timing& timing : timings) {
        EXPECT_EQ(timing.stop, StopReason::interrupted);
        EXPECT_EQ(timing.samples.size(), timings[0].samples.size());
        EXPECT_FALSE(std::isnan(timing.median.value));
    }
}

TEST(Meter, CanBeStoppedDuringWarmUp) {
    Machine machine;
    const auto timings = measure_together(machine, {machine.steady("a", 1e-2), machine.steady("b", 1e-2)}, {}, 1,
                                          [](std::size_t, const Timing&) { return false; });
    for (const Timing& timing : timings) {
        EXPECT_THAT(timing.samples, IsEmpty());
        EXPECT_TRUE(std::isnan(timing.median.value));
        EXPECT_EQ(timing.stop, StopReason::interrupted);
    }
    EXPECT_LE(machine.calls.size(), 6u);
}

TEST(Meter, ReportsTheMedianSoFarAtMostEveryFiftyMilliseconds) {
    Machine machine;
    std::vector<double> gaps;
    double last = machine.now();
    bool saw_samples = false;
    const SampleObserver observer = [&](std::size_t participant, const Timing& so_far) {
        gaps.push_back(machine.now() - last);
        last = machine.now();
        EXPECT_LT(participant, 2u);
        EXPECT_NEAR(so_far.median.value, 1e-3, 5e-4);
        saw_samples = saw_samples || !so_far.samples.empty();
        return true;
    };
    measure_together(machine, {machine.noisy("a", 1e-3, 0.2), machine.noisy("b", 1e-3, 0.2)}, {}, 1, observer);
    EXPECT_GT(gaps.size(), 5u);
    EXPECT_THAT(gaps, Each(Ge(0.05)));
    EXPECT_TRUE(saw_samples);
}

TEST(Meter, ReturnsActionsInTheOrderGiven) {
    Machine machine;
    Meter meter({}, 1, {machine.clock(), {}});
    EXPECT_EQ(meter.add(proof(), {machine.steady("compress", 2e-3), machine.steady("decompress", 1e-3)}), 0u);
    EXPECT_EQ(meter.add(proof(), {machine.steady("forward", 4e-3)}), 1u);
    const auto timings = meter.measure();
    ASSERT_EQ(timings.size(), 2u);
    ASSERT_EQ(timings[0].size(), 2u);
    ASSERT_EQ(timings[1].size(), 1u);
    EXPECT_EQ(timings[0][1].action, "decompress");
    EXPECT_NEAR(timings[0][1].median.value, 1e-3, 1e-6);
    EXPECT_EQ(timings[1][0].action, "forward");
    EXPECT_NEAR(timings[1][0].median.value, 4e-3, 1e-6);
}

TEST(Meter, LetsExceptionsOfActionsPass) {
    Machine machine;
    Action action = machine.steady("a", 1e-3);
    action.run = [run = action.run, calls = 0]() mutable {
        if (++calls == 300) throw std::runtime_error("torn buffer");
        run();
    };
    EXPECT_THROW(measure_together(machine, {action}), std::runtime_error);
}

TEST(Meter, RefusesWhatCannotBeMeasured) {
    Meter meter({}, 1);
    EXPECT_THROW(meter.add(proof(), {}), base::Error);
    EXPECT_THROW(meter.add(proof(), {Action{"nothing", {}, {}}}), base::Error);
    EXPECT_THAT(meter.measure(), IsEmpty());
}

TEST(Meter, EndsEvenWhenTheClockStandsStill) {
    Meter meter({.max_samples = 20, .warmup_calls = 1}, 1, {[] { return 5.0; }, {}});
    meter.add(proof(), {Action{"nothing", [] {}, {}}});
    const Timing timing = meter.measure().at(0).at(0);
    EXPECT_LE(timing.samples.size(), 20u);
    EXPECT_THAT(timing.samples, Each(0.0));
}

TEST(StopReason, HasANameForEachValue) {
    EXPECT_THAT(
        (std::vector{name(StopReason::precise), name(StopReason::time_cap), name(StopReason::sample_cap), name(StopReason::interrupted)}),
        ElementsAre("precise", "time cap", "sample cap", "interrupted"));
}

TEST(NowSeconds, NeverGoesBack) {
    double last = now_seconds();
    for (int i = 0; i < 1000; ++i) {
        const double now = now_seconds();
        ASSERT_GE(now, last);
        last = now;
    }
}

}  // namespace
}  // namespace plumb::lab
