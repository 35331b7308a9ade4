// SPDX-License-Identifier: Apache-2.0
#include "kernels/protect/protected_backward.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/attention/masks.h"

namespace plumb::kernels::protect {
namespace {

using attention::Backward;
using attention::Shape;
using attention::Strides;

/// Sums of the columns of one head, in fp64.
struct ColumnSums {
    std::vector<double> sum;
    std::vector<double> magnitude;
    explicit ColumnSums(std::int64_t columns) : sum(static_cast<std::size_t>(columns)), magnitude(sum.size()) {}

    void add(base::Dtype dtype, const void* numbers, std::int64_t first, std::int64_t column) {
        for (std::size_t e = 0; e < sum.size(); ++e) {
            const double number = base::load(dtype, numbers, first + static_cast<std::int64_t>(e) * column);
            sum[e] += number;
            magnitude[e] += std::abs(number);
        }
    }
};

std::int64_t head_place(const Strides& strides, std::int64_t b, std::int64_t h) {
    return b * strides.batch + h * strides.head;
}

/// Error of sum_m dv against sum_n dO, as a share of sum |dO| and of sum |dv|.
struct Allowed {
    double of_dout = 0;
    double of_dv = 0;
};

/// The largest log-sum-exp without its sign: P recomputed from it is wrong by its rounding.
double largest_lse(const Backward& backward) {
    const Shape& s = backward.problem.shape;
    double largest = 0;
    for (std::int64_t i = 0; i < s.batch * s.heads * s.queries; ++i) {
        if (std::isfinite(backward.lse[i])) largest = std::max(largest, std::abs(static_cast<double>(backward.lse[i])));
    }
    return largest;
}

/// Provable: a row of P sums to 1 but for its scores and exponentials (D + 4 roundings, of scores below twice the log-sum-exp), the
/// log-sum-exp in fp32 and M additions; dv adds N products; a number of 16 bits is rounded once more. Calibrated: the same without what is
/// random in fp32 and averages out.
Allowed allowed(const Backward& backward, ThresholdKind kind) {
    constexpr double u = 0x1p-24;
    const Shape& s = backward.problem.shape;
    const double stored = backward.problem.dtype == base::Dtype::fp32 ? u : backward.problem.dtype == base::Dtype::bf16 ? 0x1p-8 : 0x1p-11;
    const double scores = largest_lse(backward);
    if (kind == ThresholdKind::provable) {
        const double roundings = static_cast<double>(s.keys + s.queries * s.group() + 4) + 2 * static_cast<double>(s.head_dim + 4) * scores;
        return {.of_dout = 2 * roundings * u, .of_dv = 2 * stored};
    }
    // Numbers of 16 bits that are alike are rounded alike, so their roundings do not average out.
    return {.of_dout = (32 + 4 * scores) * u, .of_dv = stored};
}

/// Bits of a strided result, for comparison.
void append_bits(const Shape& s, base::Dtype dtype, const void* numbers, const Strides& strides, std::int64_t heads, std::int64_t rows,
                 std::int64_t columns, std::vector<std::byte>& bits) {
    for (std::int64_t b = 0; b < s.batch; ++b) {
        for (std::int64_t h = 0; h < heads; ++h) {
            for (std::int64_t r = 0; r < rows; ++r) {
                for (std::int64_t c = 0; c < columns; ++c) {
                    const auto* number = static_cast<const std::byte*>(
                        base::advance(dtype, numbers, head_place(strides, b, h) + r * strides.row + c * strides.column));
                    bits.insert(bits.end(), number, number + base::size_of(dtype));
                }
            }
        }
    }
}

std::vector<std::byte> bits_of(const Backward& backward) {
    const Shape& s = backward.problem.shape;
    const base::Dtype dtype = backward.problem.dtype;
    std::vector<std::byte> bits;
    append_bits(s, dtype, backward.dq, backward.dq_strides, s.heads, s.queries, s.head_dim, bits);
    append_bits(s, dtype, backward.dk, backward.dk_strides, s.kv_heads(), s.keys, s.head_dim, bits);
    append_bits(s, dtype, backward.dv, backward.dv_strides, s.kv_heads(), s.keys, s.value_dim, bits);
    return bits;
}

/// The residuals of key head b G + g; the first that is too large becomes the evidence.
void check_head(const Backward& backward, std::int64_t key_head, const Allowed& allowed, Report& report) {
    const Shape& s = backward.problem.shape;
    const base::Dtype dtype = backward.problem.dtype;
    const std::int64_t b = key_head / s.kv_heads();
    const std::int64_t g = key_head % s.kv_heads();
    ColumnSums dout(s.value_dim);
    ColumnSums dv(s.value_dim);
    for (std::int64_t n = 0; n < s.queries; ++n) {
        if (attention::fully_hidden(backward.problem, b, n)) continue;
        for (std::int64_t h = g * s.group(); h < (g + 1) * s.group(); ++h)
            dout.add(dtype, backward.dout, head_place(backward.dout_strides, b, h) + n * backward.dout_strides.row,
                     backward.dout_strides.column);
    }
    for (std::int64_t m = 0; m < s.keys; ++m)
        dv.add(dtype, backward.dv, head_place(backward.dv_strides, b, g) + m * backward.dv_strides.row, backward.dv_strides.column);
    bool raised = false;
    for (std::size_t e = 0; e < dout.sum.size(); ++e) {
        if (!std::isfinite(dout.magnitude[e])) {
            ++report.unchecked_rows;
            continue;
        }
        const double threshold = allowed.of_dout * dout.magnitude[e] + allowed.of_dv * dv.magnitude[e] + 0x1p-120;
        const double residual = std::abs(dv.sum[e] - dout.sum[e]);
        ++report.row_checks;
        if (std::isfinite(threshold) && residual <= threshold) {
            report.largest_residual = std::max(report.largest_residual, residual / threshold);
            continue;
        }
        if (raised) continue;
        raised = true;
        ++report.alarms;
        Evidence evidence;
        evidence.alarm = Alarm::gradients;
        evidence.key_head = key_head;
        evidence.residual = static_cast<float>(residual);
        evidence.threshold = static_cast<float>(threshold);
        if (report.evidence.size() < most_evidence) report.evidence.push_back(evidence);
    }
}

void settle(Outcome outcome, Report& report) {
    report.corrected = outcome == Outcome::corrected ? report.alarms : 0;
    report.false_alarms = outcome == Outcome::false_alarm ? report.alarms : 0;
    report.unresolved = outcome == Outcome::unresolved || outcome == Outcome::detected ? report.alarms : 0;
    for (Evidence& evidence : report.evidence) evidence.outcome = outcome;
}

}  // namespace

Report check_value_gradients(const Backward& backward, ThresholdKind thresholds) {
    validate(backward);
    Report report;
    const Shape& s = backward.problem.shape;
    if (s.keys == 0 || s.queries == 0 || s.value_dim == 0) return report;
    const Allowed limit = allowed(backward, thresholds);
    for (std::int64_t key_head = 0; key_head < s.batch * s.kv_heads(); ++key_head) check_head(backward, key_head, limit, report);
    settle(Outcome::detected, report);
    return report;
}

Report protected_backward(const Backward& backward, const Protection& protection) {
    attention::fused_backward(backward);
    if (protection.level == Level::none) return {};
    Report report = check_value_gradients(backward, protection.thresholds);
    if (report.alarms == 0 || protection.level == Level::detect) return report;
    const std::vector<std::byte> first = bits_of(backward);
    attention::fused_backward(backward);
    const std::vector<std::byte> second = bits_of(backward);
    const bool second_passes = check_value_gradients(backward, protection.thresholds).alarms == 0;
    if (first == second) {
        // The same bits and the same alarm: noise where a proof allows it, else a defect that repeats.
        const bool noise = check_value_gradients(backward, ThresholdKind::provable).alarms == 0;
        settle(noise ? Outcome::false_alarm : Outcome::unresolved, report);
        return report;
    }
    attention::fused_backward(backward);
    settle(second_passes && bits_of(backward) == second ? Outcome::corrected : Outcome::unresolved, report);
    return report;
}

}  // namespace plumb::kernels::protect
