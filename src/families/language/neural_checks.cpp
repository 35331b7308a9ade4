// SPDX-License-Identifier: Apache-2.0
#include "families/language/neural_checks.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/random.h"
#include "families/language/model_checks.h"

namespace plumb::families::language {

namespace {

constexpr std::size_t checked_places = 32;  ///< of step by step, and of the output layer
constexpr double rounding_unit = 0x1p-24;

/// One row over a stretch of ids, of which all but the first are predicted.
struct Row {
    explicit Row(std::span<const Id> stretch)
        : sources(stretch.begin(), stretch.end() - 1),
          targets(stretch.begin() + 1, stretch.end()),
          weights(sources.size(), 1.0F / static_cast<float>(sources.size())) {}
    nn::TokenBatch view() const { return {1, std::ssize(sources), sources, targets, weights}; }
    std::vector<Id> sources, targets;
    std::vector<float> weights;
};

std::vector<double> log_probabilities(nn::LanguageTrainer& trainer, const Row& row) {
    std::vector<double> out(row.targets.size());
    trainer.log_probabilities(row.view(), out);
    return out;
}

double largest(std::span<const double> numbers) {
    double worst = 0;
    for (const double each : numbers) worst = std::max(worst, std::isnan(each) ? std::numeric_limits<double>::infinity() : std::abs(each));
    return worst;
}

double largest_difference(std::span<const double> a, std::span<const double> b) {
    std::vector<double> differences;
    for (std::size_t i = 0; i < a.size(); ++i) differences.push_back(a[i] - b[i]);
    return largest(differences);
}

std::span<const Id> start_of(std::span<const Id> stream, std::size_t ids) {
    return stream.first(std::min(ids, stream.size()));
}

Row first_row(const nn::LanguageForm& form, std::span<const Id> stream) {
    return Row(start_of(stream, std::min(checked_places, static_cast<std::size_t>(form.context)) + 1));
}

lab::Check check_embedding_gradients(nn::LanguageTrainer& trainer, const Row& row, std::uint64_t seed) {
    const base::RandomStream places(seed, "language gradient places");
    double behind = 0, up_to = 0;
    for (std::uint64_t trial = 0; trial < 2; ++trial) {
        const std::size_t at = places.below(trial, row.sources.size());
        const std::vector<double> gradients = trainer.embedding_gradients(row.sources, row.targets[at], static_cast<std::int64_t>(at));
        up_to = std::max(up_to, largest(std::span(gradients).first(at + 1)));
        behind = std::max(behind, largest(std::span(gradients).subspan(at + 1)));
    }
    const lab::Check check = lab::at_most("no gradient from the future", "0", "largest |d loss of a place / d embedding behind it|", behind,
                                          0, {}, "the model learns from the ids that it is asked for");
    return up_to == 0 ? lab::mistrust(check, "the gradient by earlier embeddings is 0 too: the ids do not count") : check;
}

}  // namespace

std::vector<lab::Check> check_past_alone(nn::LanguageTrainer& trainer, const nn::LanguageForm& form, std::span<const Id> stream,
                                         std::uint64_t seed) {
    const std::span<const Id> stretch = start_of(stream, static_cast<std::size_t>(form.context) + 1);
    const auto scorer = [&](std::span<const Id> ids) {
        std::vector<double> out = log_probabilities(trainer, Row(ids));
        out.insert(out.begin(), 0.0);  // nothing stands before the first id, which is not predicted
        return out;
    };
    return {check_causality(scorer, stretch, static_cast<std::size_t>(form.vocabulary), seed),
            check_embedding_gradients(trainer, Row(stretch), seed)};
}

lab::Check check_step_by_step(nn::LanguageTrainer& trainer, const nn::LanguageForm& form, std::span<const Id> stream) {
    const Row row = first_row(form, stream);
    const std::vector<double> whole = log_probabilities(trainer, row);
    const std::vector<double> steps = trainer.step_by_step(row.sources, row.targets);
    // To first order: each logit goes through sums over so many terms, each term rounded once, in two different orders.
    const bool lstm = form.architecture == nn::Architecture::lstm;
    const std::int64_t layer = lstm ? form.width + form.hidden : 3 * form.width + form.feed_forward + form.context;
    const double terms = static_cast<double>(form.layers * layer + (lstm ? form.hidden : 0) + form.width);
    return lab::at_most("step by step gives what the sequence gives",
                        "the whole sequence at once, " + std::to_string(whole.size()) + " places", "largest |difference of ln p|",
                        largest_difference(steps, whole), 2 * terms * rounding_unit * largest(whole), "nats");
}

lab::Check check_output_layer(nn::LanguageTrainer& trainer, const nn::LanguageForm& form, std::span<const Id> stream) {
    const Row row = first_row(form, stream);
    const std::vector<double> ours = log_probabilities(trainer, row);
    std::vector<double> plain(ours.size()), exact(ours.size());
    trainer.reference_log_probabilities(row.view(), false, plain);
    trainer.reference_log_probabilities(row.view(), true, exact);
    const double bound = 2 * largest_difference(plain, exact) + rounding_unit * largest(exact);
    return lab::at_most("loss is LibTorch's", "LibTorch's linear and log_softmax in fp64",
                        "largest |difference of ln p|, at most twice that of LibTorch's fp32", largest_difference(ours, exact), bound,
                        "nats");
}

lab::Check check_gradients(const nn::TrainerForm& form) {
    nn::TrainerForm small = form;
    small.model.vocabulary = 13;
    small.model.width = 12;
    small.model.heads = 3;
    small.model.hidden = 9;
    small.model.feed_forward = 16;
    small.model.context = 8;
    small.model.layers = std::min<std::int64_t>(form.model.layers, 2);
    small.threads = 1;
    const auto trainer = nn::make_language_trainer(small);
    for (float& each : trainer->values("embedding.weight")) each *= 20;  // far from the point where all ids are as likely
    const base::RandomStream random(form.seed, "language gradient ids");
    std::vector<Id> ids;
    for (std::uint64_t i = 0; i < 9; ++i) ids.push_back(static_cast<Id>(1 + random.below(i, 12)));
    const Row row(ids);
    const auto loss = [&] {
        double sum = 0;
        for (const double each : log_probabilities(*trainer, row)) sum -= each / static_cast<double>(row.targets.size());
        return sum;
    };
    // Along the gradient g: (L(p + h g / |g|) - L(p - h g / |g|)) / 2h = |g|, but for terms of h and for the rounding of L by h.
    constexpr double h = 2e-3;
    constexpr double curvature = 0.05;  // of |g|: what terms of h may make, where a ReLU turns in between too
    const double rounding = 32 * rounding_unit / h;
    double worst = 0;
    for (const auto& [name, gradient] : trainer->gradients(row.view())) {
        const double length = std::sqrt(std::inner_product(gradient.begin(), gradient.end(), gradient.begin(), 0.0));
        if (length == 0) continue;
        const std::span<float> values = trainer->values(name);
        const std::vector<float> start(values.begin(), values.end());
        const auto loss_at = [&](double along) {
            for (std::size_t i = 0; i < start.size(); ++i) values[i] = static_cast<float>(start[i] + along * gradient[i] / length);
            return loss();
        };
        const double difference = (loss_at(h) - loss_at(-h)) / (2 * h);
        std::ranges::copy(start, values.begin());
        worst = std::max(worst, std::abs(difference - length) / (curvature * length + rounding));
    }
    const lab::Check check = lab::at_most("gradients are those of the loss", "differences of the loss, a small model of the same form",
                                          "largest |difference - gradient| / what curvature and rounding may make", worst, 1);
    return worst == 0 ? lab::mistrust(check, "no parameter has a gradient") : check;
}

}  // namespace plumb::families::language
