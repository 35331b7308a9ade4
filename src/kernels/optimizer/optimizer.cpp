// SPDX-License-Identifier: Apache-2.0
// The loops, compiled once per instruction set. Memory is what they wait for: 28 bytes a number for Adam, 12 for SGD.
#include "kernels/optimizer/optimizer.h"

#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/optimizer/optimizer.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#ifndef PLUMB_OPTIMIZER_FACTORS_
#define PLUMB_OPTIMIZER_FACTORS_
namespace plumb::kernels::optimizer {

/// What a step multiplies by, rounded to fp32.
struct Factors {
    float gradient = 1;  ///< gradient_scale
    float decay = 0;     ///< of g += decay p
    float keep = 1;      ///< of p = keep p - ...
    float size = 0;      ///< rate, for Adam rate / c1
    float momentum = 0;
    float learn_first = 0;   ///< 1 - beta1
    float learn_second = 0;  ///< 1 - beta2
    float root = 1;          ///< 1 / sqrt(c2)
    float epsilon = 0;
};

}  // namespace plumb::kernels::optimizer
#endif

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::optimizer::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;
inline constexpr std::int64_t lanes = static_cast<std::int64_t>(hn::MaxLanes(Floats()));

struct Numbers {
    Vector p, g, m, v;
};

struct Adam {
    static constexpr int moments = 2;
    explicit Adam(const Factors& f) : f_(f) {}

    HWY_INLINE void operator()(Numbers& x) const {
        const Floats d;
        const Vector g = hn::MulAdd(hn::Set(d, f_.decay), x.p, hn::Mul(x.g, hn::Set(d, f_.gradient)));
        x.m = hn::MulAdd(hn::Set(d, f_.learn_first), hn::Sub(g, x.m), x.m);
        x.v = hn::MulAdd(hn::Set(d, f_.learn_second), hn::MulSub(g, g, x.v), x.v);
        const Vector divisor = hn::MulAdd(hn::Sqrt(x.v), hn::Set(d, f_.root), hn::Set(d, f_.epsilon));
        x.p = hn::NegMulAdd(hn::Set(d, f_.size), hn::Div(x.m, divisor), hn::Mul(x.p, hn::Set(d, f_.keep)));
    }

  private:
    Factors f_;
};

struct Sgd {
    static constexpr int moments = 0;
    explicit Sgd(const Factors& f) : f_(f) {}

    HWY_INLINE void operator()(Numbers& x) const {
        const Floats d;
        const Vector g = hn::MulAdd(hn::Set(d, f_.decay), x.p, hn::Mul(x.g, hn::Set(d, f_.gradient)));
        x.p = hn::NegMulAdd(hn::Set(d, f_.size), g, x.p);
    }

  private:
    Factors f_;
};

struct Momentum {
    static constexpr int moments = 1;
    explicit Momentum(const Factors& f) : f_(f) {}

    HWY_INLINE void operator()(Numbers& x) const {
        const Floats d;
        const Vector g = hn::MulAdd(hn::Set(d, f_.decay), x.p, hn::Mul(x.g, hn::Set(d, f_.gradient)));
        x.m = hn::MulAdd(hn::Set(d, f_.momentum), x.m, g);
        x.p = hn::NegMulAdd(hn::Set(d, f_.size), x.m, x.p);
    }

  private:
    Factors f_;
};

template <class Step>
HWY_INLINE void update_vector(const Step& step, float* values, const float* gradients, float* first, float* second) {
    const Floats d;
    const Vector zero = hn::Zero(d);
    Numbers x{hn::LoadU(d, values), hn::LoadU(d, gradients), zero, zero};
    if (Step::moments > 0) x.m = hn::LoadU(d, first);
    if (Step::moments > 1) x.v = hn::LoadU(d, second);
    step(x);
    hn::StoreU(x.p, d, values);
    if (Step::moments > 0) hn::StoreU(x.m, d, first);
    if (Step::moments > 1) hn::StoreU(x.v, d, second);
}

template <class Step>
void update_part(const Factors& factors, const Parameter& parameter, std::int64_t begin, std::int64_t end) {
    const Step step(factors);
    const auto [values, gradients, first, second, count] = parameter;
    std::int64_t i = begin;
    for (; i + lanes <= end; i += lanes) {
        update_vector(step, values + i, gradients + i, Step::moments > 0 ? first + i : nullptr, Step::moments > 1 ? second + i : nullptr);
    }
    if (i == end) return;
    // The rest by the same operations: a number's bits must not depend on its place.
    const std::int64_t rest = end - i;
    float p[lanes] = {}, g[lanes] = {}, m[lanes] = {}, v[lanes] = {};
    std::copy_n(values + i, rest, p);
    std::copy_n(gradients + i, rest, g);
    if (Step::moments > 0) std::copy_n(first + i, rest, m);
    if (Step::moments > 1) std::copy_n(second + i, rest, v);
    update_vector(step, p, g, m, v);
    std::copy_n(p, rest, values + i);
    if (Step::moments > 0) std::copy_n(m, rest, first + i);
    if (Step::moments > 1) std::copy_n(v, rest, second + i);
}

/// In fp64, where the square of a float is exact: four sums, added at the end.
double sum_of_squares(const float* numbers, std::int64_t count) {
    const hn::ScalableTag<double> d;
    const hn::Rebind<float, decltype(d)> narrow;
    constexpr auto wide_lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
    hn::Vec<decltype(d)> sums[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    std::int64_t i = 0;
    for (; i + 4 * wide_lanes <= count; i += 4 * wide_lanes) {
#pragma GCC unroll 4
        for (int s = 0; s < 4; ++s) {
            const auto x = hn::PromoteTo(d, hn::LoadU(narrow, numbers + i + s * wide_lanes));
            sums[s] = hn::MulAdd(x, x, sums[s]);
        }
    }
    double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]))));
    for (; i < count; ++i) sum += static_cast<double>(numbers[i]) * numbers[i];
    return sum;
}

void update_adam(const Factors& factors, const Parameter& parameter, std::int64_t begin, std::int64_t end) {
    update_part<Adam>(factors, parameter, begin, end);
}
void update_sgd(const Factors& factors, const Parameter& parameter, std::int64_t begin, std::int64_t end) {
    update_part<Sgd>(factors, parameter, begin, end);
}
void update_momentum(const Factors& factors, const Parameter& parameter, std::int64_t begin, std::int64_t end) {
    update_part<Momentum>(factors, parameter, begin, end);
}

}  // namespace plumb::kernels::optimizer::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"

namespace plumb::kernels::optimizer {
namespace {

/// Numbers that a thread takes at a time, and that one partial sum of the norm is over.
constexpr std::int64_t part_numbers = 1 << 14;

std::int64_t parts_of(const Parameter& parameter) {
    return (parameter.count + part_numbers - 1) / part_numbers;
}

Factors make_factors(const Form& form, double rate, double gradient_scale, std::int64_t step) {
    Factors factors;
    factors.gradient = static_cast<float>(gradient_scale);
    factors.decay = static_cast<float>(form.rule == Rule::adamw ? 0 : form.decay);
    factors.keep = static_cast<float>(form.rule == Rule::adamw ? 1 - rate * form.decay : 1);
    factors.size = static_cast<float>(rate);
    factors.momentum = static_cast<float>(form.momentum);
    if (moments_of(form.rule) < 2) return factors;
    factors.size = static_cast<float>(rate / (1 - std::pow(form.beta1, static_cast<double>(step))));
    factors.root = static_cast<float>(1 / std::sqrt(1 - std::pow(form.beta2, static_cast<double>(step))));
    factors.learn_first = static_cast<float>(1 - form.beta1);
    factors.learn_second = static_cast<float>(1 - form.beta2);
    factors.epsilon = static_cast<float>(form.epsilon);
    return factors;
}

[[noreturn]] void refuse(const std::string& message, const std::string& hint) {
    throw base::Error(base::ErrorKind::usage, "optimizer: " + message, hint);
}

void require_threads(int threads) {
    if (threads < 1) refuse("threads is " + std::to_string(threads), "give at least 1");
}

void require_gradients(std::span<const Parameter> parameters) {
    for (std::size_t n = 0; n < parameters.size(); ++n) {
        if (parameters[n].count > 0 && parameters[n].gradients == nullptr)
            refuse("parameter " + std::to_string(n) + " has no gradients", "leave out parameters that do not learn");
    }
}

void validate(const Form& form, std::span<const Parameter> parameters, std::int64_t step, int threads) {
    require_threads(threads);
    if (step < 1) refuse("step is " + std::to_string(step), "steps are counted from 1");
    require_gradients(parameters);
    const int moments = moments_of(form.rule);
    for (std::size_t n = 0; n < parameters.size(); ++n) {
        const Parameter& p = parameters[n];
        if (p.count == 0 || (p.values != nullptr && (moments < 1 || p.first != nullptr) && (moments < 2 || p.second != nullptr))) continue;
        refuse("parameter " + std::to_string(n) + " lacks values or moments", "this rule keeps " + std::to_string(moments) + " moments");
    }
}

}  // namespace

int moments_of(Rule rule) {
    switch (rule) {
        case Rule::adam:
        case Rule::adamw:
            return 2;
        case Rule::momentum:
            return 1;
        case Rule::sgd:
            break;
    }
    return 0;
}

void update(const Form& form, std::span<const Parameter> parameters, double rate, double gradient_scale, std::int64_t step, int threads) {
    validate(form, parameters, step, threads);
    const Factors factors = make_factors(form, rate, gradient_scale, step);
    const Isa isa = current_isa();
    const auto update_part = moments_of(form.rule) == 2   ? PLUMB_FOR_ISA(isa, update_adam)
                             : moments_of(form.rule) == 1 ? PLUMB_FOR_ISA(isa, update_momentum)
                                                          : PLUMB_FOR_ISA(isa, update_sgd);
#pragma omp parallel num_threads(threads)
    for (const Parameter& parameter : parameters) {
#pragma omp for schedule(static) nowait
        for (std::int64_t part = 0; part < parts_of(parameter); ++part)
            update_part(factors, parameter, part * part_numbers, std::min((part + 1) * part_numbers, parameter.count));
    }
}

double sum_of_squares(std::span<const float> numbers) {
    return PLUMB_FOR_ISA(current_isa(), sum_of_squares)(numbers.data(), std::ssize(numbers));
}

double gradient_norm(std::span<const Parameter> parameters, int threads) {
    require_threads(threads);
    require_gradients(parameters);
    double sum = 0;
    for (const Parameter& parameter : parameters) {
        std::vector<double> sums(static_cast<std::size_t>(parts_of(parameter)));
#pragma omp parallel for num_threads(threads) schedule(static)
        for (std::int64_t part = 0; part < parts_of(parameter); ++part) {
            const std::int64_t first = part * part_numbers;
            sums[static_cast<std::size_t>(part)] =
                sum_of_squares({parameter.gradients + first, static_cast<std::size_t>(std::min(part_numbers, parameter.count - first))});
        }
        for (const double partial : sums) sum += partial;
    }
    return std::sqrt(sum);
}

double clipping_scale(double norm, double most) {
    if (most == 0) return 1;
    const double scale = most / (norm + 1e-6);
    return scale < 1 || std::isnan(scale) ? scale : 1;
}

}  // namespace plumb::kernels::optimizer
#endif
