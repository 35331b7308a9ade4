// SPDX-License-Identifier: Apache-2.0
#include "nn/optimizer.h"

#include <cmath>

namespace plumb::nn {

namespace {

void update_adam(const OptimizerForm& form, const UpdateSpans& spans, double rate, float scale, std::int64_t step) {
    const double correction1 = 1 - std::pow(form.beta1, static_cast<double>(step));
    const double correction2 = 1 - std::pow(form.beta2, static_cast<double>(step));
    const auto size = static_cast<float>(rate / correction1);
    const auto root = static_cast<float>(1 / std::sqrt(correction2));
    const auto keep = static_cast<float>(form.rule == Rule::adamw ? 1 - rate * form.decay : 1);
    const auto learn1 = static_cast<float>(1 - form.beta1);
    const auto learn2 = static_cast<float>(1 - form.beta2);
    const auto epsilon = static_cast<float>(form.epsilon);
    float* const p = spans.value.data();
    const float* const gradient = spans.gradient.data();
    float* const m = spans.first.data();
    float* const v = spans.second.data();
    for (std::size_t i = 0; i < spans.value.size(); ++i) {
        const float g = gradient[i] * scale;
        m[i] += learn1 * (g - m[i]);
        v[i] += learn2 * (g * g - v[i]);
        p[i] = p[i] * keep - size * m[i] / (std::sqrt(v[i]) * root + epsilon);
    }
}

void update_sgd(const OptimizerForm& form, const UpdateSpans& spans, double rate, float scale) {
    const auto size = static_cast<float>(rate);
    const auto decay = static_cast<float>(form.decay);
    for (std::size_t i = 0; i < spans.value.size(); ++i) spans.value[i] -= size * (spans.gradient[i] * scale + decay * spans.value[i]);
}

void update_momentum(const OptimizerForm& form, const UpdateSpans& spans, double rate, float scale) {
    const auto size = static_cast<float>(rate);
    const auto decay = static_cast<float>(form.decay);
    const auto keep = static_cast<float>(form.momentum);
    for (std::size_t i = 0; i < spans.value.size(); ++i) {
        spans.first[i] = keep * spans.first[i] + spans.gradient[i] * scale + decay * spans.value[i];
        spans.value[i] -= size * spans.first[i];
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

void update(const OptimizerForm& form, const UpdateSpans& spans, double rate, double gradient_scale, std::int64_t step) {
    const auto scale = static_cast<float>(gradient_scale);
    switch (form.rule) {
        case Rule::adam:
        case Rule::adamw:
            return update_adam(form, spans, rate, scale, step);
        case Rule::sgd:
            return update_sgd(form, spans, rate, scale);
        case Rule::momentum:
            return update_momentum(form, spans, rate, scale);
    }
}

double sum_of_squares(std::span<const float> numbers) {
    double sum = 0;
    for (const float x : numbers) sum += static_cast<double>(x) * x;
    return sum;
}

}  // namespace plumb::nn
