// SPDX-License-Identifier: Apache-2.0
// Legend: R rows of C channels: the pixels of all images, channels-last.
#include "nn/batch_norm_function.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "base/error.h"

namespace plumb::nn {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t numbers_a_part = 1 << 15;
constexpr std::int64_t rows_in_fp32 = 32;

struct Rows {
    std::int64_t rows = 0, channels = 0;
    std::int64_t part() const { return std::max<std::int64_t>(rows_in_fp32, numbers_a_part / channels); }
    std::int64_t parts() const { return (rows + part() - 1) / part(); }
    std::size_t at(std::int64_t row) const { return static_cast<std::size_t>(row * channels); }
};

at::Tensor channels_last(const at::Tensor& x) {
    return x.contiguous(at::MemoryFormat::ChannelsLast);
}
const float* numbers(const at::Tensor& x) {
    return x.defined() ? x.const_data_ptr<float>() : nullptr;
}

/// Two sums a channel over all rows. add(row, first, second) adds a row to both in fp32.
template <class Add>
std::pair<std::vector<double>, std::vector<double>> sum_rows(const Rows& r, const Add& add) {
    const auto channels = static_cast<std::size_t>(r.channels);
    std::vector<double> sums(static_cast<std::size_t>(r.parts()) * 2 * channels, 0.0);
    at::parallel_for(0, r.parts(), 1, [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> some(2 * channels);
        for (std::int64_t part = begin; part < end; ++part) {
            double* const sum = sums.data() + static_cast<std::size_t>(part) * 2 * channels;
            const std::int64_t last = std::min(r.rows, (part + 1) * r.part());
            for (std::int64_t row = part * r.part(); row < last; row += rows_in_fp32) {
                std::ranges::fill(some, 0.0F);
                for (std::int64_t i = row; i < std::min(last, row + rows_in_fp32); ++i) add(i, some.data(), some.data() + channels);
                for (std::size_t c = 0; c < 2 * channels; ++c) sum[c] += static_cast<double>(some[c]);
            }
        }
    });
    std::vector<double> first(channels, 0.0), second(channels, 0.0);
    for (std::int64_t part = 0; part < r.parts(); ++part) {
        const double* const sum = sums.data() + static_cast<std::size_t>(part) * 2 * channels;
        for (std::size_t c = 0; c < channels; ++c) first[c] += sum[c], second[c] += sum[channels + c];
    }
    return {std::move(first), std::move(second)};
}

template <class Each>
void each_row(const Rows& r, const Each& each) {
    at::parallel_for(0, r.parts(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin * r.part(); row < std::min(r.rows, end * r.part()); ++row) each(row);
    });
}

/// What backward() needs, in the order in which it is saved.
enum Saved : std::size_t { input, output, mean, inverse, factor, offset };

struct LearningNorm : torch::autograd::Function<LearningNorm> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& given, const at::Tensor& scale, const at::Tensor& shift,
                              const std::optional<at::Tensor>& given_added, const at::Tensor& running_mean,
                              const at::Tensor& running_variance, bool relu, double momentum, double epsilon) {
        const at::Tensor x = channels_last(given), added = given_added ? channels_last(*given_added) : at::Tensor();
        const Rows r{x.size(0) * x.size(2) * x.size(3), x.size(1)};
        const float* const px = numbers(x);
        const auto [sums, squares] = sum_rows(r, [&](std::int64_t row, float* __restrict__ s, float* __restrict__ q) {
            const float* __restrict__ a = px + r.at(row);
            for (std::int64_t c = 0; c < r.channels; ++c) {
                const float d = a[c] - px[c];
                s[c] += d;
                q[c] += d * d;
            }
        });
        const at::Tensor means = at::empty_like(scale), inverses = at::empty_like(scale), factors = at::empty_like(scale),
                         offsets = at::empty_like(scale);
        auto *const m = means.mutable_data_ptr<float>(), *const inv = inverses.mutable_data_ptr<float>(),
                    *const f = factors.mutable_data_ptr<float>(), *const o = offsets.mutable_data_ptr<float>(),
                    *const run_m = running_mean.mutable_data_ptr<float>(), *const run_v = running_variance.mutable_data_ptr<float>();
        const auto count = static_cast<double>(r.rows);
        for (std::size_t c = 0; c < static_cast<std::size_t>(r.channels); ++c) {
            const double centre = static_cast<double>(px[c]) + sums[c] / count;
            // A square of a number that is none must not become 0.
            const double spread = squares[c] - sums[c] * sums[c] / count, variance = (spread < 0 ? 0 : spread) / count;
            const double inverse_deviation = 1 / std::sqrt(variance + epsilon);
            m[c] = static_cast<float>(centre);
            inv[c] = static_cast<float>(inverse_deviation);
            f[c] = static_cast<float>(static_cast<double>(numbers(scale)[c]) * inverse_deviation);
            o[c] = numbers(shift)[c] - m[c] * f[c];
            run_m[c] = static_cast<float>((1 - momentum) * static_cast<double>(run_m[c]) + momentum * centre);
            run_v[c] = static_cast<float>((1 - momentum) * static_cast<double>(run_v[c]) + momentum * variance * count / (count - 1));
        }
        const at::Tensor y = at::empty_like(x);
        auto* const py = y.mutable_data_ptr<float>();
        const float* const plus = numbers(added);
        each_row(r, [&](std::int64_t row) {
            const float* __restrict__ a = px + r.at(row), * __restrict__ b = plus == nullptr ? nullptr : plus + r.at(row);
            float* __restrict__ out = py + r.at(row);
            if (b != nullptr)
                for (std::int64_t c = 0; c < r.channels; ++c) out[c] = a[c] * f[c] + o[c] + b[c];
            else
                for (std::int64_t c = 0; c < r.channels; ++c) out[c] = a[c] * f[c] + o[c];
            for (std::int64_t c = 0; relu && c < r.channels; ++c) out[c] = out[c] < 0 ? 0 : out[c];
        });
        // Without `added` the sign of an output follows from the input.
        context->save_for_backward({x, added.defined() && relu ? y : at::Tensor(), means, inverses, factors, offsets});
        context->saved_data["relu"] = relu;
        context->saved_data["added"] = added.defined();
        return y;
    }

    static variable_list backward(AutogradContext* context, const variable_list& outputs) {
        if (at::GradMode::is_enabled()) {
            throw base::Error(base::ErrorKind::unsupported, "the batch norm has no second derivatives",
                              "differentiate once, without create_graph");
        }
        const variable_list saved = context->get_saved_variables();
        const bool relu = context->saved_data["relu"].toBool(), adds = context->saved_data["added"].toBool();
        const at::Tensor &x = saved[input], dy = channels_last(outputs[0]);
        const Rows r{x.size(0) * x.size(2) * x.size(3), x.size(1)};
        const float *const px = numbers(x), *const py = numbers(saved[output]), *const pg = numbers(dy);
        const float *const m = numbers(saved[mean]), *const inv = numbers(saved[inverse]), *const f = numbers(saved[factor]),
                           *const o = numbers(saved[offset]);
        // The gradient behind the ReLU, which is also that of `added`.
        const at::Tensor behind = adds && relu ? at::empty_like(dy) : at::Tensor();
        float* const pb = behind.defined() ? behind.mutable_data_ptr<float>() : nullptr;
        const auto [sums, products] = sum_rows(r, [&](std::int64_t row, float* __restrict__ s, float* __restrict__ q) {
            const float* __restrict__ a = px + r.at(row), * __restrict__ g = pg + r.at(row);
            const auto take = [&](std::int64_t c, float gradient) {
                s[c] += gradient;
                q[c] += gradient * (a[c] - m[c]);
            };
            if (pb != nullptr) {
                const float* __restrict__ y = py + r.at(row);
                float* __restrict__ kept = pb + r.at(row);
                for (std::int64_t c = 0; c < r.channels; ++c) kept[c] = y[c] > 0 ? g[c] : 0;
                for (std::int64_t c = 0; c < r.channels; ++c) take(c, kept[c]);
            } else if (relu) {
                for (std::int64_t c = 0; c < r.channels; ++c) take(c, a[c] * f[c] + o[c] > 0 ? g[c] : 0);
            } else {
                for (std::int64_t c = 0; c < r.channels; ++c) take(c, g[c]);
            }
        });
        const at::Tensor dscale = at::empty_like(saved[mean]), dshift = at::empty_like(saved[mean]);
        std::vector<float> from_mean, from_variance;
        const auto count = static_cast<double>(r.rows);
        for (std::size_t c = 0; c < static_cast<std::size_t>(r.channels); ++c) {
            const auto inverse_deviation = static_cast<double>(inv[c]), slope = static_cast<double>(f[c]);
            dshift.mutable_data_ptr<float>()[c] = static_cast<float>(sums[c]);
            dscale.mutable_data_ptr<float>()[c] = static_cast<float>(products[c] * inverse_deviation);
            from_mean.push_back(static_cast<float>(slope * sums[c] / count));
            from_variance.push_back(static_cast<float>(slope * products[c] * inverse_deviation * inverse_deviation / count));
        }
        const at::Tensor dx = at::empty_like(x);
        auto* const pdx = dx.mutable_data_ptr<float>();
        const bool masks = relu && pb == nullptr;
        each_row(r, [&](std::int64_t row) {
            const float* __restrict__ a = px + r.at(row), * __restrict__ g = (pb != nullptr ? pb : pg) + r.at(row);
            const float* __restrict__ mu = from_mean.data(), * __restrict__ va = from_variance.data();
            float* __restrict__ out = pdx + r.at(row);
            if (masks)
                for (std::int64_t c = 0; c < r.channels; ++c)
                    out[c] = (a[c] * f[c] + o[c] > 0 ? g[c] : 0) * f[c] - mu[c] - (a[c] - m[c]) * va[c];
            else
                for (std::int64_t c = 0; c < r.channels; ++c) out[c] = g[c] * f[c] - mu[c] - (a[c] - m[c]) * va[c];
        });
        const at::Tensor dadded = !adds ? at::Tensor() : behind.defined() ? behind : dy;
        return {dx, dscale, dshift, dadded, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
    }
};

}  // namespace

at::Tensor batch_norm_learning(const at::Tensor& x, const NormTensors& norm, const at::Tensor& added, bool relu, double momentum,
                               double epsilon) {
    return LearningNorm::apply(x, norm.scale, norm.shift, added.defined() ? std::optional(added) : std::nullopt, norm.mean, norm.variance,
                               relu, momentum, epsilon);
}

}  // namespace plumb::nn
