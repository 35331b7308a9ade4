// SPDX-License-Identifier: Apache-2.0
// Samples against a window: weights, weighted figures and the bounds that utilisation.h derives.
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/units.h"
#include "families/compression/sample_figures.h"

namespace plumb::families::compression {

namespace {

/// A pause of this many periods means that samples were lost: the one after it covers one period, not the pause.
constexpr double lost_after_periods = 10;

/// Larger percentages are unsigned numbers gone wrong, see unsigned_value() of nsys_export.cpp.
constexpr double largest_percentage = 0x1p31;

struct Weighted {
    double value;
    double weight;
};

/// Smallest value at or below which `level` of the weight lies; `samples` in order of value.
double weighted_quantile(std::span<const Weighted> samples, double total, double level) {
    double passed = 0;
    for (const Weighted& sample : samples) {
        passed += sample.weight;
        if (passed >= level * total) return sample.value;
    }
    return samples.back().value;
}

std::string percent(double share) {
    return base::format_number(100 * share, 3) + " %";
}

/// Length of `interval` inside the window. `first` is where to start looking, moved past what lies before: intervals come in order.
double overlap(Interval interval, std::span<const Interval> window, std::size_t& first) {
    while (first < window.size() && window[first].end <= interval.start) ++first;
    double length = 0;
    for (std::size_t i = first; i < window.size() && window[i].start < interval.end; ++i) {
        length += static_cast<double>(std::min(window[i].end, interval.end) - std::max(window[i].start, interval.start));
    }
    return length;
}

}  // namespace

std::vector<Interval> merged(std::vector<Interval> intervals) {
    std::erase_if(intervals, [](const Interval& interval) { return interval.end <= interval.start; });
    std::sort(intervals.begin(), intervals.end(), [](const Interval& a, const Interval& b) { return a.start < b.start; });
    std::vector<Interval> result;
    for (const Interval& interval : intervals) {
        if (!result.empty() && interval.start <= result.back().end) {
            result.back().end = std::max(result.back().end, interval.end);
        } else {
            result.push_back(interval);
        }
    }
    return result;
}

double length(std::span<const Interval> merged_intervals) {
    double sum = 0;
    for (const Interval& interval : merged_intervals) sum += static_cast<double>(interval.end - interval.start);
    return sum;
}

double sample_period(const MetricSeries& series) {
    std::vector<std::int64_t> steps;
    for (std::size_t i = 1; i < series.samples.size(); ++i) {
        const std::int64_t step = series.samples[i].timestamp - series.samples[i - 1].timestamp;
        if (step > 0) steps.push_back(step);
    }
    if (steps.empty()) return 0;
    const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
    std::nth_element(steps.begin(), middle, steps.end());
    return static_cast<double>(*middle);
}

double sample_resolution(const MetricSeries& series) {
    std::vector<double> values = {0};
    for (const Sample& sample : series.samples) values.push_back(sample.value);
    std::sort(values.begin(), values.end());
    double step = 0;
    for (std::size_t i = 1; i < values.size(); ++i) {
        const double difference = values[i] - values[i - 1];
        if (difference > 0 && (step == 0 || difference < step)) step = difference;
    }
    return step / 100;
}

MetricFigures figures(const MetricSeries& series, std::span<const Interval> window, const UtilisationOptions& options) {
    MetricFigures result;
    const double whole = length(window);
    if (whole == 0) {
        result.reason = "no data: the window is empty";
        return result;
    }
    const double period = sample_period(series);
    const double step = series.whole_numbers ? 0.01 : 0;
    std::vector<Weighted> weighted;
    double covered = 0;
    double sum = 0;
    double low = 0;
    double high = 0;
    std::size_t first = 0;
    for (std::size_t i = 1; i < series.samples.size(); ++i) {
        const Sample& sample = series.samples[i];
        Interval interval{series.samples[i - 1].timestamp, sample.timestamp};
        if (static_cast<double>(interval.end - interval.start) > lost_after_periods * period) {
            interval.start = interval.end - static_cast<std::int64_t>(period);
        }
        const double inside = overlap(interval, window, first);
        if (inside <= 0) continue;
        if (sample.value > largest_percentage) {
            result.reason = "no data: a sample of " + base::format_number(sample.value) + " is no percentage";
            return result;
        }
        const double all = static_cast<double>(interval.end - interval.start);
        const double value = sample.value / 100;
        weighted.push_back({value, inside});
        covered += inside;
        sum += value * inside;
        low += std::max(0.0, (value - step) * all - (all - inside));
        high += std::min(inside, (value + step) * all);
    }
    result.samples = std::ssize(weighted);
    result.coverage = covered / whole;
    // A share that is 1 but for rounding must not miss a threshold of 1.
    constexpr double rounding = 1e-12;
    if (weighted.empty() || result.coverage < options.least_coverage - rounding || result.samples < options.least_samples) {
        result.reason = "no data: " + std::to_string(result.samples) + " samples cover " + percent(result.coverage) + " of " +
                        base::format_seconds(whole * 1e-9);
        if (period > 0) result.reason += ", one comes every " + base::format_seconds(period * 1e-9);
        return result;
    }
    std::sort(weighted.begin(), weighted.end(), [](const Weighted& a, const Weighted& b) { return a.value < b.value; });
    result.mean = sum / covered;
    result.p50 = weighted_quantile(weighted, covered, 0.5);
    result.p95 = weighted_quantile(weighted, covered, 0.95);
    // Rounded sums, and samples a little above 100 %, must not put the mean outside of its own bounds.
    result.low = std::min(low / whole, result.mean);
    result.high = std::max((high + (whole - covered)) / whole, result.mean);
    return result;
}

}  // namespace plumb::families::compression
