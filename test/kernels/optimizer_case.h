// SPDX-License-Identifier: Apache-2.0
// Parameters with gradients and moments, and what each rule makes of them by its formula in fp64.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "kernels/optimizer/optimizer.h"

namespace plumb::test {

inline constexpr kernels::optimizer::Rule every_rule[] = {kernels::optimizer::Rule::adam, kernels::optimizer::Rule::adamw,
                                                          kernels::optimizer::Rule::sgd, kernels::optimizer::Rule::momentum};

struct OptimizerCase {
    OptimizerCase(const std::vector<std::int64_t>& counts, std::uint64_t seed) : seed_(seed) {
        for (const std::int64_t count : counts) {
            numbers.push_back({draw(count), draw(count), std::vector<float>(count), std::vector<float>(count)});
        }
    }

    /// New gradients where the old ones lay, for the next step.
    void draw_gradients() {
        for (Numbers& n : numbers) {
            const std::vector<float> drawn = draw(static_cast<std::int64_t>(n.gradients.size()));
            std::copy(drawn.begin(), drawn.end(), n.gradients.begin());
        }
    }

    std::vector<kernels::optimizer::Parameter> parameters() {
        std::vector<kernels::optimizer::Parameter> made;
        for (Numbers& n : numbers)
            made.push_back(
                {n.values.data(), n.gradients.data(), n.first.data(), n.second.data(), static_cast<std::int64_t>(n.values.size())});
        return made;
    }

    struct Numbers {
        std::vector<float> values, gradients, first, second;
    };
    std::vector<Numbers> numbers;

  private:
    std::vector<float> draw(std::int64_t count) {
        std::vector<float> made(count);
        base::RandomStream(seed_, "optimizer").fill_normal(made, 0, 1, drawn_);
        drawn_ += made.size();
        return made;
    }

    std::uint64_t seed_;
    std::uint64_t drawn_ = 0;
};

/// One number under a rule, in fp64.
struct ExactNumber {
    double value, first = 0, second = 0;

    void update(const kernels::optimizer::Form& form, double gradient, double rate, std::int64_t step) {
        using kernels::optimizer::Rule;
        if (form.rule == Rule::adamw) {
            value *= 1 - rate * form.decay;
        } else {
            gradient += form.decay * value;
        }
        if (form.rule == Rule::sgd) value -= rate * gradient;
        if (form.rule == Rule::momentum) {
            first = form.momentum * first + gradient;
            value -= rate * first;
        }
        if (kernels::optimizer::moments_of(form.rule) < 2) return;
        first = form.beta1 * first + (1 - form.beta1) * gradient;
        second = form.beta2 * second + (1 - form.beta2) * gradient * gradient;
        const double first_hat = first / (1 - std::pow(form.beta1, static_cast<double>(step)));
        const double second_hat = second / (1 - std::pow(form.beta2, static_cast<double>(step)));
        value -= rate * first_hat / (std::sqrt(second_hat) + form.epsilon);
    }
};

}  // namespace plumb::test
