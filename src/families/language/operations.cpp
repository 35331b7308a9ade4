// SPDX-License-Identifier: Apache-2.0
#include "families/language/operations.h"

#include <algorithm>
#include <chrono>

#include "kernels/probe/peak.h"

namespace plumb::families::language {

namespace {

/// Multiply-adds of a product forward, and how many times as many a step takes: 1 for the result, 1 for the gradient by its input, 1 for
/// that by its weight.
struct Products {
    double multiply_adds = 0;
    void add(double forward, int times) { multiply_adds += forward * times; }
};

double lstm_place(const nn::LanguageForm& form) {
    Products products;
    const auto width = static_cast<double>(form.width), hidden = static_cast<double>(form.hidden);
    for (std::int64_t layer = 0; layer < form.layers; ++layer) {
        const bool input_learns = layer > 0 || form.train_embeddings;
        products.add(4 * hidden * (layer == 0 ? width : hidden), input_learns ? 3 : 2);
        products.add(4 * hidden * hidden, 3);
    }
    products.add(hidden * width, 3);
    return products.multiply_adds;
}

double gpt1_place(const nn::LanguageForm& form, std::int64_t length) {
    Products products;
    const auto width = static_cast<double>(form.width), units = static_cast<double>(form.feed_forward);
    const double keys = form.causal ? static_cast<double>(length + 1) / 2 : static_cast<double>(length);
    for (std::int64_t layer = 0; layer < form.layers; ++layer) {
        const bool input_learns = layer > 0 || form.train_embeddings || form.pre_norm;  // a norm before it learns
        products.add(3 * width * width, input_learns ? 3 : 2);
        products.add(2 * width * keys, 3);  // scores and values: four products backward
        products.add(width * width + 2 * width * units, 3);
    }
    return products.multiply_adds;
}

}  // namespace

double training_operations(const nn::LanguageForm& form, std::int64_t sequences, std::int64_t length, std::int64_t predictions) {
    const double place = form.architecture == nn::Architecture::lstm ? lstm_place(form) : gpt1_place(form, length);
    const double output = static_cast<double>(form.vocabulary) * static_cast<double>(form.width) * (form.train_embeddings ? 3 : 2);
    return 2 * (place * static_cast<double>(sequences * length) + output * static_cast<double>(predictions));
}

double measure_peak(int threads) {
    using Clock = std::chrono::steady_clock;
    constexpr int probes = 12;
    constexpr std::int64_t rounds = 4000;  // 0.6 ms on a core of 100 GFLOP/s
    double peak = 0;
    for (int probe = 0; probe < probes; ++probe) {
        const auto start = Clock::now();
        const double operations = kernels::probe::fma_fp32(rounds, threads);
        peak = std::max(peak, operations / std::chrono::duration<double>(Clock::now() - start).count());
    }
    return peak;
}

}  // namespace plumb::families::language
