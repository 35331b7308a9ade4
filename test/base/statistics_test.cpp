// SPDX-License-Identifier: Apache-2.0
// Samples with a known truth: how often an interval holds it, over several hundred seeded repetitions.
#include "base/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace plumb::base {
namespace {

constexpr int repetitions = 400;
constexpr double infinity = std::numeric_limits<double>::infinity();
const double not_a_number = std::nan("");

using Samples = std::vector<double>;
using Estimator = std::function<Interval(const Samples&)>;

/// Fills the samples and returns the true median.
using Source = std::function<double(Samples&, const RandomStream&)>;

double independent_normal(Samples& samples, const RandomStream& random) {
    for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = 10 + random.normal(i);
    return 10;
}

double independent_lognormal(Samples& samples, const RandomStream& random) {
    for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = std::exp(random.normal(i));
    return 1;
}

/// Each sample keeps `correlation` of the one before; marginal distribution as in independent_normal.
Source correlated(double correlation) {
    return [correlation](Samples& samples, const RandomStream& random) {
        double deviation = random.normal(1'000'000);
        for (std::size_t i = 0; i < samples.size(); ++i) {
            deviation = correlation * deviation + std::sqrt(1 - correlation * correlation) * random.normal(i);
            samples[i] = 10 + deviation;
        }
        return 10.0;
    };
}

/// The level rises by a tenth from the first sample to the last.
double drifting(Samples& samples, const RandomStream& random) {
    const double last = static_cast<double>(samples.size() - 1);
    for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = 10 + static_cast<double>(i) / last - 0.5 + 0.1 * random.normal(i);
    return 10;
}

/// One sample in a hundred takes ten times as long.
double bursty(Samples& samples, const RandomStream& random) {
    for (std::size_t i = 0; i < samples.size(); ++i)
        samples[i] = (10 + 0.1 * random.normal(i)) * (random.uniform(1'000'000 + i) < 0.01 ? 10 : 1);
    return 10.0013;  // the quantile 0.5 / 0.99 of the undisturbed samples
}

/// Seven of ten samples near 10, the rest near 12; the median is the quantile 0.5 / 0.7 of the first mode.
double two_modes(Samples& samples, const RandomStream& random) {
    for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = (random.uniform(1'000'000 + i) < 0.7 ? 10 : 12) + 0.1 * random.normal(i);
    return 10 + 0.1 * 0.565949;
}

double coverage(
    const Source& source, std::size_t count, const Estimator& estimator = [](const Samples& s) { return median_interval(s); }) {
    int held = 0;
    for (int repetition = 0; repetition < repetitions; ++repetition) {
        Samples samples(count);
        const double truth = source(samples, RandomStream(static_cast<std::uint64_t>(repetition), "coverage " + std::to_string(count)));
        const Interval interval = estimator(samples);
        EXPECT_LE(interval.low, interval.value);
        EXPECT_LE(interval.value, interval.high);
        held += interval.low <= truth && truth <= interval.high;
    }
    return static_cast<double>(held) / repetitions;
}

double mean_width(const Source& source, std::size_t count, const Estimator& estimator) {
    double sum = 0;
    for (int repetition = 0; repetition < 100; ++repetition) {
        Samples samples(count);
        source(samples, RandomStream(static_cast<std::uint64_t>(repetition), "width"));
        const Interval interval = estimator(samples);
        sum += interval.high - interval.low;
    }
    return sum / 100;
}

TEST(MedianInterval, HoldsTheTruthOfIndependentSamples) {
    for (const std::size_t count : {2u, 3u, 5u, 6u, 10u, 20u, 50u, 100u, 300u}) {
        EXPECT_GE(coverage(independent_normal, count), 0.91) << "normal, " << count << " samples, seeds 0 to " << repetitions - 1;
        EXPECT_GE(coverage(independent_lognormal, count), 0.90) << "lognormal, " << count << " samples";
    }
}

TEST(MedianInterval, IsNoWiderThanNeeded) {
    // 1.2533 sigma / sqrt(n) is the deviation of a median of normal samples; 95 % lie within 1.96 of them.
    const double ideal = 2 * 1.96 * 1.2533 / std::sqrt(1000.0);
    EXPECT_NEAR(mean_width(independent_normal, 1000, [](const Samples& s) { return median_interval(s); }), ideal, 0.06 * ideal);
    EXPECT_LE(coverage(independent_normal, 100), 0.985) << "an interval that always holds the truth is too wide";
}

TEST(MedianInterval, WidensForCorrelatedSamples) {
    EXPECT_GE(coverage(correlated(0.3), 100), 0.90);
    EXPECT_GE(coverage(correlated(0.6), 100), 0.84);
    EXPECT_GE(coverage(correlated(0.6), 300), 0.89);
    EXPECT_GE(coverage(correlated(0.9), 300), 0.84);
    EXPECT_GE(coverage(correlated(0.9), 1000), 0.89);
    // The median of samples with correlation 0.9 spreads sqrt(1 + 2 sum of asin(0.9^k) / asin(1)) = 3.3 times as far as of independent
    // ones.
    const Estimator interval = [](const Samples& s) { return median_interval(s); };
    const double widening = mean_width(correlated(0.9), 1000, interval) / mean_width(correlated(0), 1000, interval);
    EXPECT_GT(widening, 2.6);
    EXPECT_LT(widening, 4.0);
}

TEST(MedianInterval, HoldsTheMiddleOfADrift) {
    for (const std::size_t count : {10u, 30u, 300u}) EXPECT_GE(coverage(drifting, count), 0.95) << count << " samples";
}

TEST(MedianInterval, IsUnmovedByBursts) {
    for (const std::size_t count : {10u, 100u, 300u}) EXPECT_GE(coverage(bursty, count), 0.91) << count << " samples";
    const Estimator interval = [](const Samples& s) { return median_interval(s); };
    const double quiet = 0.1 * mean_width(independent_normal, 300, interval);
    EXPECT_LT(mean_width(bursty, 300, interval), 1.1 * quiet);
}

TEST(MedianInterval, HoldsTheMedianOfTwoModes) {
    for (const std::size_t count : {10u, 100u, 300u}) EXPECT_GE(coverage(two_modes, count), 0.91) << count << " samples";
}

TEST(QuickMedianInterval, HoldsTheTruthAndComesNearTheBootstrap) {
    const Estimator quick = [](const Samples& s) { return quick_median_interval(s); };
    for (const std::size_t count : {3u, 6u, 10u, 30u, 100u, 1000u}) {
        EXPECT_GE(coverage(independent_normal, count, quick), 0.92) << count << " samples";
        EXPECT_GE(coverage(independent_lognormal, count, quick), 0.92) << count << " samples";
        EXPECT_GE(coverage(bursty, count, quick), 0.92) << count << " samples";
    }
    EXPECT_GE(coverage(correlated(0.6), 300, quick), 0.90);
    EXPECT_GE(coverage(drifting, 100, quick), 0.95);
    const double ratio = mean_width(independent_normal, 1000, quick) /
                         mean_width(independent_normal, 1000, [](const Samples& s) { return median_interval(s); });
    EXPECT_NEAR(ratio, 1, 0.1);
}

TEST(MedianInterval, SaysNothingAboutNothing) {
    for (const Interval& interval :
         {median_interval({}), quick_median_interval({}), paired_ratio({}, {}), unpaired_ratio({}, {}), wilson(0, 0)}) {
        EXPECT_TRUE(std::isnan(interval.value));
        EXPECT_TRUE(std::isnan(interval.low));
        EXPECT_TRUE(std::isnan(interval.high));
        EXPECT_TRUE(std::isnan(interval.relative_half_width()));
    }
}

TEST(MedianInterval, IsAPointForConstantsAndForOneSample) {
    for (const std::size_t count : {1u, 2u, 5u, 6u, 7u, 100u}) {
        const Samples same(count, 2.5);
        for (const Interval& interval : {median_interval(same), quick_median_interval(same)}) {
            EXPECT_EQ(interval.value, 2.5);
            EXPECT_EQ(interval.low, 2.5);
            EXPECT_EQ(interval.high, 2.5);
            EXPECT_EQ(interval.relative_half_width(), 0);
        }
    }
}

TEST(MedianInterval, IsNaNWhereASampleIsNaN) {
    for (const std::size_t count : {1u, 4u, 50u}) {
        Samples samples(count, 1.0);
        samples[count / 2] = not_a_number;
        EXPECT_TRUE(std::isnan(median_interval(samples).low)) << count;
        EXPECT_TRUE(std::isnan(quick_median_interval(samples).value)) << count;
        EXPECT_TRUE(std::isnan(median(samples))) << count;
        EXPECT_TRUE(std::isnan(quantile(samples, 0.9))) << count;
        EXPECT_TRUE(std::isnan(median_absolute_deviation(samples))) << count;
        EXPECT_TRUE(std::isnan(paired_ratio(samples, Samples(count, 1.0)).high)) << count;
        EXPECT_TRUE(std::isnan(unpaired_ratio(Samples(count, 1.0), samples).high)) << count;
    }
}

TEST(MedianInterval, BearsInfiniteSamples) {
    const Samples few{1, 2, infinity};
    EXPECT_EQ(median_interval(few).value, 2);
    Samples many(50, 1.0);
    for (std::size_t i = 0; i < 30; ++i) many[i] = infinity;
    const Interval interval = median_interval(many);
    EXPECT_EQ(interval.value, infinity);
    EXPECT_LE(interval.low, interval.high);
}

TEST(MedianInterval, NeverCrossesZeroForPositiveSamples) {
    EXPECT_GT(median_interval(Samples{0.001, 5}).low, 0);
    EXPECT_LT(median_interval(Samples{-1, 5}).low, -1);
}

TEST(MedianInterval, GivesTheSameAnswerTwice) {
    Samples samples(200);
    independent_normal(samples, RandomStream(3, "twice"));
    const Interval first = median_interval(samples);
    const Interval second = median_interval(samples);
    EXPECT_EQ(first.low, second.low);
    EXPECT_EQ(first.high, second.high);
}

TEST(Median, AgreesWithHandCountedValues) {
    EXPECT_EQ(median(Samples{3, 1, 2}), 2);
    EXPECT_EQ(median(Samples{4, 1, 2, 3}), 2.5);
    EXPECT_EQ(quantile(Samples{4, 1, 2, 3}, 0), 1);
    EXPECT_EQ(quantile(Samples{4, 1, 2, 3}, 1), 4);
    EXPECT_DOUBLE_EQ(quantile(Samples{4, 1, 2, 3}, 0.25), 1.75);
    EXPECT_EQ(quantile(Samples{4, 1, 2, 3}, 7), 4);
    EXPECT_EQ(median_absolute_deviation(Samples{1, 1, 2, 2, 4, 6, 9}), 1);
    EXPECT_EQ(mean(Samples{1, 2, 6}), 3);
    EXPECT_DOUBLE_EQ(standard_deviation(Samples{2, 4, 4, 4, 5, 5, 7, 9}), 2);
    EXPECT_TRUE(std::isnan(mean({})));
    EXPECT_TRUE(std::isnan(standard_deviation({})));
}

TEST(PairedRatio, IgnoresTheDriftThatBothSidesShare) {
    int held = 0;
    double paired_width = 0;
    double unpaired_width = 0;
    for (int repetition = 0; repetition < repetitions; ++repetition) {
        const RandomStream random(static_cast<std::uint64_t>(repetition), "shared drift");
        Samples slow(100);
        Samples fast(100);
        for (std::size_t i = 0; i < slow.size(); ++i) {
            const double level = 1 + 0.2 * std::sin(static_cast<double>(i) / 15);
            slow[i] = 1.05 * level * std::exp(0.02 * random.normal(2 * i));
            fast[i] = level * std::exp(0.02 * random.normal(2 * i + 1));
        }
        const Interval paired = paired_ratio(slow, fast);
        held += paired.low <= 1.05 && 1.05 <= paired.high;
        paired_width += paired.high - paired.low;
        const Interval unpaired = unpaired_ratio(slow, fast);
        unpaired_width += unpaired.high - unpaired.low;
    }
    EXPECT_GE(held, 0.91 * repetitions);
    EXPECT_LT(5 * paired_width, unpaired_width);
}

TEST(PairedRatio, RefusesUnequalCounts) {
    EXPECT_THROW(paired_ratio(Samples{1, 2}, Samples{1}), Error);
}

TEST(UnpairedRatio, HoldsTheTruthForAnyTwoCounts) {
    for (const auto& [over, under] : std::vector<std::pair<std::size_t, std::size_t>>{{3, 3}, {3, 100}, {10, 10}, {50, 200}, {300, 300}}) {
        int held = 0;
        for (int repetition = 0; repetition < repetitions; ++repetition) {
            Samples numerator(over);
            Samples denominator(under);
            independent_lognormal(numerator, RandomStream(static_cast<std::uint64_t>(repetition), "numerator"));
            independent_lognormal(denominator, RandomStream(static_cast<std::uint64_t>(repetition), "denominator"));
            for (double& sample : numerator) sample *= 3;
            const Interval ratio = unpaired_ratio(numerator, denominator);
            held += ratio.low <= 3 && 3 <= ratio.high;
        }
        EXPECT_GE(held, 0.91 * repetitions) << over << " over " << under << " samples";
    }
}

TEST(RatioOfIntervals, AddsDistancesAsSquaresOfLogarithms) {
    const Interval ratio = ratio_of_intervals({4, 2, 8}, {1, 0.5, 2});
    EXPECT_DOUBLE_EQ(ratio.value, 4);
    EXPECT_DOUBLE_EQ(ratio.high, 4 * std::exp2(std::sqrt(2.0)));
    EXPECT_DOUBLE_EQ(ratio.low, 4 / std::exp2(std::sqrt(2.0)));
    const Interval against_exact = ratio_of_intervals({4, 2, 8}, {2, 2, 2});
    EXPECT_DOUBLE_EQ(against_exact.low, 1);
    EXPECT_DOUBLE_EQ(against_exact.high, 4);
    EXPECT_TRUE(std::isnan(ratio_of_intervals({1, 0, 2}, {1, 1, 1}).value));
    EXPECT_TRUE(std::isnan(ratio_of_intervals({1, 1, 1}, {not_a_number, not_a_number, not_a_number}).value));
}

TEST(Wilson, AgreesWithPublishedValues) {
    // Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I, method 3.
    const Interval many = wilson(81, 263);
    EXPECT_NEAR(many.low, 0.2553, 5e-5);
    EXPECT_NEAR(many.high, 0.3662, 5e-5);
    const Interval few = wilson(15, 148);
    EXPECT_NEAR(few.low, 0.0624, 5e-5);
    EXPECT_NEAR(few.high, 0.1605, 5e-5);
    const Interval none = wilson(0, 20);
    EXPECT_EQ(none.low, 0);
    EXPECT_NEAR(none.high, 0.1611, 5e-5);
    const Interval one = wilson(1, 29);
    EXPECT_NEAR(one.low, 0.0061, 5e-5);
    EXPECT_NEAR(one.high, 0.1718, 5e-5);
    EXPECT_EQ(wilson(20, 20).high, 1);
}

TEST(RelativeHalfWidth, IsAShareOfTheValue) {
    EXPECT_DOUBLE_EQ((Interval{10, 9, 12}).relative_half_width(), 0.15);
    EXPECT_DOUBLE_EQ((Interval{-10, -12, -9}).relative_half_width(), 0.15);
    EXPECT_EQ((Interval{0, -1, 1}).relative_half_width(), infinity);
    EXPECT_EQ((Interval{0, 0, 0}).relative_half_width(), 0);
}

TEST(MeanInterval, IsStudentsForASampleWorkedByHand) {
    // Mean 3, deviation sqrt(2.5) with n - 1, t(4, 97.5 %) = 2.776445: half-width 1.96324.
    const std::vector<double> samples = {1, 2, 3, 4, 5};
    const Interval interval = mean_interval(samples);
    EXPECT_DOUBLE_EQ(interval.value, 3);
    EXPECT_NEAR(interval.high - 3, 1.96324, 0.01);
    EXPECT_NEAR(3 - interval.low, 1.96324, 0.01);
    const Interval one = mean_interval(std::vector<double>{7});
    EXPECT_EQ(one.low, 7);
    EXPECT_EQ(one.high, 7);
    EXPECT_TRUE(std::isnan(mean_interval({}).value));
}

}  // namespace
}  // namespace plumb::base
