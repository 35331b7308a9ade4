// SPDX-License-Identifier: Apache-2.0
#include "base/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace plumb::base {

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr Interval nothing{not_a_number, not_a_number, not_a_number};
constexpr double normal_quantile = 1.959963984540054;  // 97.5 %
constexpr std::size_t smallest_for_ranks = 6;          // 2 * 0.5^6 < 5 %: from here the range alone holds 95 %
constexpr std::size_t resamples = 1000;
constexpr std::uint64_t bootstrap_seed = 20240611;

bool has_nan(std::span<const double> samples) {
    return std::any_of(samples.begin(), samples.end(), [](double sample) { return std::isnan(sample); });
}

std::vector<double> copy_of(std::span<const double> samples) {
    return {samples.begin(), samples.end()};
}

// Infinities of one sign have no NaN between them.
double midpoint(double low, double high) {
    return low == high ? low : low + (high - low) / 2;
}

/// Median of values that may be reordered and are free of NaN.
double median_in_place(std::span<double> values) {
    const auto upper = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), upper, values.end());
    if (values.size() % 2 == 1) return *upper;
    return midpoint(*std::max_element(values.begin(), upper), *upper);
}

/// Linear interpolation in sorted values.
double sorted_quantile(std::span<const double> sorted, double level) {
    const double position = std::clamp(level, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    const double share = position - static_cast<double>(below);
    if (share == 0) return sorted[below];
    return sorted[below] == sorted[below + 1] ? sorted[below] : sorted[below] + share * (sorted[below + 1] - sorted[below]);
}

/// 97.5 % quantile of Student's t: exact for one and two degrees of freedom, then the expansion of Fisher and Cornish (error below 0.5 %
/// from three on).
double student_quantile(double freedom) {
    if (freedom <= 1) return 12.706204736432095;
    if (freedom <= 2) return 4.302652729911275;
    const double z = normal_quantile;
    const double z2 = z * z;
    const double first = z * (z2 + 1) / 4;
    const double second = z * ((5 * z2 + 16) * z2 + 3) / 96;
    const double third = z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384;
    const double fourth = z * ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) / 92160;
    return z + (first + (second + (third + fourth / freedom) / freedom) / freedom) / freedom;
}

Interval ordered(double value, double low, double high) {
    return {value, std::min(low, value), std::max(high, value)};
}

/// How much the order of the samples says about the next one.
struct Dependence {
    std::size_t block = 1;       ///< neighbours that must stay together when resampling
    double variance_factor = 1;  ///< variance of the median against that of independent samples; at least 1
    double widening = 1;         ///< for having few blocks to learn the variance from
};

double autocovariance(std::span<const double> signs, std::size_t lag) {
    double sum = 0;
    for (std::size_t i = lag; i < signs.size(); ++i) sum += signs[i] * signs[i - lag];
    return sum / static_cast<double>(signs.size());
}

/// Covariances of the signs at lags 0, 1, ... up to twice the last lag that stands out of the noise, and at most about sqrt(n).
std::vector<double> covariances_that_matter(std::span<const double> signs) {
    const double n = static_cast<double>(signs.size());
    const double spread = std::log10(n) / n;
    const auto quiet_lags = static_cast<std::size_t>(std::max(5.0, std::ceil(std::sqrt(std::log10(n)))));
    const auto last_lag = std::min(signs.size() - 1, static_cast<std::size_t>(std::ceil(std::sqrt(n))) + quiet_lags);
    std::vector<double> covariances{autocovariance(signs, 0)};
    std::size_t last_loud = 0;
    for (std::size_t lag = 1; lag <= last_lag && lag <= last_loud + quiet_lags; ++lag) {
        covariances.push_back(autocovariance(signs, lag));
        if (std::fabs(covariances[lag]) > 2 * std::sqrt(spread) * covariances[0]) last_loud = lag;
    }
    const std::size_t wanted = std::min(2 * last_loud, last_lag);
    while (covariances.size() <= wanted) covariances.push_back(autocovariance(signs, covariances.size()));
    covariances.resize(wanted + 1);
    return covariances;
}

/// Block length of the circular block bootstrap, from the covariances of sign(sample - median).
Dependence dependence(std::span<const double> samples, double centre) {
    const std::size_t n = samples.size();
    std::vector<double> signs(n);
    std::transform(samples.begin(), samples.end(), signs.begin(), [centre](double sample) {
        return sample > centre ? 1.0 : sample < centre ? -1.0 : 0.0;
    });
    const std::vector<double> covariances = covariances_that_matter(signs);
    const std::size_t lags = covariances.size() - 1;
    if (covariances[0] == 0) return {};
    double long_run = covariances[0];
    double slope = 0;
    for (std::size_t lag = 1; lag <= lags; ++lag) {
        const double share = static_cast<double>(lag) / static_cast<double>(lags);
        const double weight = share <= 0.5 ? 1 : 2 * (1 - share);
        long_run += 2 * weight * covariances[lag];
        slope += 2 * weight * static_cast<double>(lag) * covariances[lag];
    }
    const double count = static_cast<double>(n);
    // Correlation below what n samples can show is still there: from 30 samples on never shorter than the cube root.
    const double shortest = n < 30 ? 1 : std::floor(std::cbrt(count));
    const double longest = std::max(1.0, std::min(3 * std::sqrt(count), count / 3));
    const double best = long_run <= 0 ? 1 : std::cbrt(1.5 * slope * slope / (long_run * long_run) * count);
    const double length = std::clamp(std::ceil(best), shortest, longest);
    const double freedom = 1.5 * count / length;
    return {.block = static_cast<std::size_t>(length),
            .variance_factor = std::max(1.0, long_run / covariances[0]),
            .widening = student_quantile(freedom - 1) / normal_quantile * std::sqrt(freedom / (freedom - 1))};
}

/// Medians of block-wise resamples. Samples are replaced by their ranks, so that a resample is a histogram and its median a walk to the
/// middle.
std::vector<double> resampled_medians(std::span<const double> samples, const Dependence& order, std::string_view purpose) {
    const std::size_t n = samples.size();
    std::vector<std::uint32_t> by_value(n);
    std::iota(by_value.begin(), by_value.end(), 0u);
    std::sort(by_value.begin(), by_value.end(), [&](std::uint32_t a, std::uint32_t b) { return samples[a] < samples[b]; });
    // Ranks stand twice in a row: a block that runs over the end goes on at the beginning.
    std::vector<std::uint32_t> ranks(2 * n);
    for (std::size_t rank = 0; rank < n; ++rank) ranks[by_value[rank]] = ranks[by_value[rank] + n] = static_cast<std::uint32_t>(rank);

    const RandomStream random(bootstrap_seed, purpose);
    // Three draws of 21 bits from each call: random bits are the larger part of the cost.
    std::uint64_t draws = 0;
    std::uint64_t bits = 0;
    const auto draw_start = [&] {
        bits = draws % 3 == 0 ? random.bits(draws / 3) : bits >> 21;
        ++draws;
        return ((bits & 0x1fffff) * n) >> 21;
    };
    std::vector<std::uint32_t> counts(n);
    const auto walk_past = [&](std::size_t wanted, std::size_t& rank, std::size_t& seen) {
        while (seen + counts[rank] <= wanted) seen += counts[rank++];
        return samples[by_value[rank]];
    };
    std::vector<double> medians(resamples);
    for (double& result : medians) {
        std::fill(counts.begin(), counts.end(), 0u);
        for (std::size_t filled = 0; filled < n; filled += order.block) {
            const std::uint32_t* block = ranks.data() + draw_start();
            const std::size_t length = std::min(order.block, n - filled);
            for (std::size_t i = 0; i < length; ++i) ++counts[block[i]];
        }
        std::size_t rank = 0;
        std::size_t seen = 0;
        const double lower = walk_past((n - 1) / 2, rank, seen);
        result = n % 2 == 1 ? lower : midpoint(lower, walk_past(n / 2, rank, seen));
    }
    return medians;
}

Interval percentile_interval(double value, std::vector<double> estimates, double widening) {
    std::sort(estimates.begin(), estimates.end());
    const double low = std::min(value, sorted_quantile(estimates, 0.025));
    const double high = std::max(value, sorted_quantile(estimates, 0.975));
    if (!std::isfinite(low) || !std::isfinite(high)) return {value, low, high};
    if (low <= 0) return {value, value - widening * (value - low), value + widening * (high - value)};
    return {value, value * std::pow(low / value, widening), value * std::pow(high / value, widening)};
}

/// Student's t around the median, see the header. Two to five samples.
Interval few_samples_interval(std::span<const double> samples, double value) {
    const auto [least, most] = std::minmax_element(samples.begin(), samples.end());
    const Interval range{value, *least, *most};
    const double n = static_cast<double>(samples.size());
    const bool positive = *least > 0;
    std::vector<double> scaled = copy_of(samples);
    if (positive) std::transform(scaled.begin(), scaled.end(), scaled.begin(), [](double sample) { return std::log(sample); });
    // A median of a few normal samples spreads up to 1.2 times as far as their mean.
    const double half = 1.2 * student_quantile(n - 1) * standard_deviation(scaled) / std::sqrt(n - 1);
    if (!std::isfinite(half)) return range;
    const double low = positive ? value * std::exp(-half) : value - half;
    const double high = positive ? value * std::exp(half) : value + half;
    return {value, std::min(low, range.low), std::max(high, range.high)};
}

}  // namespace

double Interval::relative_half_width() const {
    if (std::isnan(value)) return not_a_number;
    const double half = low == high ? 0 : (high - low) / 2;
    if (half == 0) return 0;
    return value == 0 ? std::numeric_limits<double>::infinity() : half / std::fabs(value);
}

double median(std::span<const double> samples) {
    if (samples.empty() || has_nan(samples)) return not_a_number;
    std::vector<double> values = copy_of(samples);
    return median_in_place(values);
}

double quantile(std::span<const double> samples, double level) {
    if (samples.empty() || has_nan(samples) || std::isnan(level)) return not_a_number;
    std::vector<double> values = copy_of(samples);
    std::sort(values.begin(), values.end());
    return sorted_quantile(values, level);
}

double median_absolute_deviation(std::span<const double> samples) {
    const double centre = median(samples);
    if (std::isnan(centre)) return not_a_number;
    std::vector<double> deviations = copy_of(samples);
    for (double& deviation : deviations) deviation = deviation == centre ? 0 : std::fabs(deviation - centre);
    return median_in_place(deviations);
}

double mean(std::span<const double> samples) {
    if (samples.empty()) return not_a_number;
    return std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
}

double standard_deviation(std::span<const double> samples) {
    if (samples.empty()) return not_a_number;
    const double centre = mean(samples);
    double sum = 0;
    for (const double sample : samples) sum += (sample - centre) * (sample - centre);
    return std::sqrt(sum / static_cast<double>(samples.size()));
}

Interval median_interval(std::span<const double> samples) {
    const double value = median(samples);
    if (std::isnan(value)) return nothing;
    if (samples.size() == 1) return {value, value, value};
    if (samples.size() < smallest_for_ranks) return few_samples_interval(samples, value);
    const Dependence order = dependence(samples, value);
    return percentile_interval(value, resampled_medians(samples, order, "bootstrap of a median"), order.widening);
}

Interval quick_median_interval(std::span<const double> samples) {
    const double value = median(samples);
    if (std::isnan(value)) return nothing;
    if (samples.size() < smallest_for_ranks) return median_interval(samples);
    const Dependence order = dependence(samples, value);
    const double n = static_cast<double>(samples.size());
    const double distance = normal_quantile * order.widening * std::sqrt(n * order.variance_factor) / 2;
    const auto outer = static_cast<std::size_t>(std::max(0.0, std::floor(n / 2 - distance) - 1));
    std::vector<double> values = copy_of(samples);
    const auto low = values.begin() + static_cast<std::ptrdiff_t>(outer);
    std::nth_element(values.begin(), low, values.end());
    const auto high = values.end() - 1 - static_cast<std::ptrdiff_t>(outer);
    std::nth_element(low + 1, high, values.end());
    return ordered(value, *low, *high);
}

Interval mean_interval(std::span<const double> samples) {
    if (samples.empty() || has_nan(samples)) return nothing;
    const double value = mean(samples);
    if (samples.size() == 1) return {value, value, value};
    const double freedom = static_cast<double>(samples.size()) - 1;
    const double half = student_quantile(freedom) * standard_deviation(samples) / std::sqrt(freedom);
    return {value, value - half, value + half};
}

Interval paired_ratio(std::span<const double> numerator, std::span<const double> denominator) {
    if (numerator.size() != denominator.size())
        throw Error(ErrorKind::internal, "paired ratio of " + std::to_string(numerator.size()) + " and " +
                                             std::to_string(denominator.size()) + " samples: pairs need equal counts");
    std::vector<double> ratios(numerator.size());
    std::transform(numerator.begin(), numerator.end(), denominator.begin(), ratios.begin(), std::divides<>());
    return median_interval(ratios);
}

Interval unpaired_ratio(std::span<const double> numerator, std::span<const double> denominator) {
    const double over = median(numerator);
    const double under = median(denominator);
    const double value = over / under;
    if (std::isnan(value)) return nothing;
    if (std::min(numerator.size(), denominator.size()) < smallest_for_ranks)
        return ratio_of_intervals(median_interval(numerator), median_interval(denominator));
    const Dependence order_over = dependence(numerator, over);
    const Dependence order_under = dependence(denominator, under);
    std::vector<double> ratios = resampled_medians(numerator, order_over, "bootstrap of a numerator");
    const std::vector<double> below = resampled_medians(denominator, order_under, "bootstrap of a denominator");
    std::transform(ratios.begin(), ratios.end(), below.begin(), ratios.begin(), std::divides<>());
    if (has_nan(ratios)) return nothing;
    return percentile_interval(value, std::move(ratios), std::max(order_over.widening, order_under.widening));
}

Interval ratio_of_intervals(Interval numerator, Interval denominator) {
    if (!(numerator.low > 0) || !(denominator.low > 0)) return nothing;
    const double value = numerator.value / denominator.value;
    const double down = std::hypot(std::log(numerator.value / numerator.low), std::log(denominator.high / denominator.value));
    const double up = std::hypot(std::log(numerator.high / numerator.value), std::log(denominator.value / denominator.low));
    if (std::isnan(value) || std::isnan(down) || std::isnan(up)) return nothing;
    return {value, value * std::exp(-down), value * std::exp(up)};
}

Interval wilson(std::int64_t successes, std::int64_t trials) {
    if (trials <= 0) return nothing;
    const double n = static_cast<double>(trials);
    const double share = static_cast<double>(successes) / n;
    const double z2 = normal_quantile * normal_quantile;
    const double centre = (share + z2 / (2 * n)) / (1 + z2 / n);
    const double half = normal_quantile / (1 + z2 / n) * std::sqrt(share * (1 - share) / n + z2 / (4 * n * n));
    return ordered(share, std::max(0.0, centre - half), std::min(1.0, centre + half));
}

}  // namespace plumb::base
