// SPDX-License-Identifier: Apache-2.0
// Robust statistics of timing samples. Medians and bootstrap intervals, never means alone. All functions are deterministic (fixed bootstrap
// seed).
//
// An interval of a median holds the truth in 92 to 97 % of cases when the samples are independent. Neighbours that resemble each other say
// less than their number: blocks of neighbours are resampled, as long as the samples' own correlation asks for (Politis and White 2004,
// corrected by Patton, Politis and White 2009), taken from the signs of the deviations from the median, because only they move a median; an
// outlier is then one sign like any other. The fewer the blocks, the wider the interval (Student's t). What correlation is left to see in
// few samples is lost all the same: at a correlation of 0.6 between neighbours 100 samples hold 88 %, 300 hold 92 %;
// test/base/statistics_test.cpp measures it. Samples that are NaN make every result NaN.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace plumb::base {

/// A value with a 95 % interval; low <= value <= high, or all NaN where there is nothing to estimate from.
struct Interval {
    double value = 0;
    double low = 0;
    double high = 0;
    /// Half of (high - low) relative to |value|; infinity when value is 0 and the interval is not a point; NaN when value is NaN.
    double relative_half_width() const;
};

double median(std::span<const double> samples);                  ///< NaN when empty
double quantile(std::span<const double> samples, double level);  ///< linear interpolation; level in [0, 1], clamped; NaN when empty
double median_absolute_deviation(std::span<const double> samples);
double mean(std::span<const double> samples);
double standard_deviation(std::span<const double> samples);  ///< population form, as numpy's default

/// 95 % bootstrap interval of the median. Neighbouring samples of a timing loop are correlated, so blocks of neighbours are resampled.
/// Two to five samples: no interval reaches 95 % without an assumption, so Student's t on their logarithms (on themselves where one is not
/// positive), never narrower than their range. One sample: a point, which says nothing about spread; whoever judges looks at the count.
/// About 2 ms for 1000 samples.
Interval median_interval(std::span<const double> samples);
/// The same from two order statistics, whose distance in rank follows from the binomial law and the samples' correlation. No resampling:
/// some microseconds for 1000 samples, for stop rules and live displays.
Interval quick_median_interval(std::span<const double> samples);
/// Mean of independent repetitions (seeds, splits; not timings) with Student's 95 % interval. One sample: a point, which says nothing about
/// spread.
Interval mean_interval(std::span<const double> samples);
/// Median of the pair-wise ratios numerator[i] / denominator[i] with a 95 % block-bootstrap interval; the spans have equal length and order
/// of time. Throws internal when the lengths differ.
Interval paired_ratio(std::span<const double> numerator, std::span<const double> denominator);
/// median(numerator) / median(denominator) of samples that were taken apart, both sides resampled.
Interval unpaired_ratio(std::span<const double> numerator, std::span<const double> denominator);
/// Ratio of two independent estimates that are known by their intervals alone, all bounds positive; NaN otherwise. The distances to the
/// bounds add as squares on the logarithmic scale: Donner and Zou, "Closed-form confidence intervals for functions of the normal mean and
/// standard deviation", 2012.
Interval ratio_of_intervals(Interval numerator, Interval denominator);
/// Wilson score interval at 95 % for `successes` of `trials`; all NaN without trials. Wilson 1927.
Interval wilson(std::int64_t successes, std::int64_t trials);

}  // namespace plumb::base
