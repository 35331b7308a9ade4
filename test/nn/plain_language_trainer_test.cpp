// SPDX-License-Identifier: Apache-2.0
// The trainer against the same models written plainly in LibTorch, which shares no code with it.
#include "nn/plain_language_trainer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "kernels/attention/error_norm.h"
#include "nn/language_cases.h"

namespace plumb::nn {
namespace {

using test::MadeBatch;

std::vector<TrainerForm> every_form() {
    std::vector<TrainerForm> all;
    for (const Architecture architecture : {Architecture::lstm, Architecture::gpt1}) {
        for (const bool trained : {true, false}) {
            all.push_back(test::small_form(architecture));
            all.back().model.train_embeddings = trained;
            all.back().optimizer.decay = 0.1;
        }
    }
    return all;
}

/// The last three places count for nothing. Padding stands among the sources, where its embedding must collect no gradient.
MadeBatch padded_batch(const TrainerForm& form, std::uint64_t draw) {
    MadeBatch batch(3, 7, form.model.vocabulary, draw, 3);
    for (const std::size_t place : {2, 9, 10}) batch.sources[place] = 0;
    return batch;
}

std::unique_ptr<LanguageTrainer> far_from_even(const TrainerForm& form) {
    auto trainer = make_language_trainer(form);
    for (float& each : trainer->values("embedding.weight")) each *= 20;
    return trainer;
}

struct Errors {
    double ours = 0, plain = 0, largest = 0;
};

/// |number - exact| at its largest.
template <class Numbers>
double largest_error(const Numbers& numbers, const std::vector<double>& exact) {
    double worst = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) worst = std::max(worst, std::abs(static_cast<double>(numbers[i]) - exact[i]));
    return worst;
}

/// Summed over several draws, so that neither is judged by its luck.
std::map<std::string, Errors> errors_of(TrainerForm form) {
    std::map<std::string, Errors> errors;
    for (std::uint64_t draw = 0; draw < 4; ++draw) {
        form.seed = test::seed + draw;
        const auto trainer = far_from_even(form);
        const MadeBatch batch = padded_batch(form, 40 + draw);
        const auto exact = make_plain_language_trainer(form, *trainer, "log_softmax", /*wide=*/true)->gradients(batch.view());
        const auto plain = make_plain_language_trainer(form, *trainer, "log_softmax")->gradients(batch.view());
        const auto ours = trainer->gradients(batch.view());
        EXPECT_EQ(ours.size(), exact.size());
        for (const auto& [name, numbers] : exact) {
            Errors& sum = errors[name];
            sum.ours += largest_error(ours.at(name), numbers), sum.plain += largest_error(plain.at(name), numbers);
            sum.largest += largest_error(std::vector<double>(numbers.size()), numbers);
        }
    }
    return errors;
}

TEST(PlainLanguageTrainer, GradientsOfTheTrainerAreAsGoodAsLibTorchs) {
    SCOPED_TRACE("seed " + std::to_string(test::seed));
    for (const TrainerForm& form : every_form()) {
        for (const auto& [name, error] : errors_of(form)) {
            EXPECT_GT(error.largest, 0) << name;
            EXPECT_LE(error.plain, 100 * 0x1p-24 * error.largest) << name;
            EXPECT_LE(error.ours, kernels::attention::error_bound(error.plain, error.largest, base::Dtype::fp32)) << name;
        }
    }
}

TEST(PlainLanguageTrainer, StepsGoTheSameWay) {
    for (const TrainerForm& form : every_form()) {
        for (const std::string& loss : plain_loss_names()) {
            const auto trainer = far_from_even(form);
            const auto plain = make_plain_language_trainer(form, *trainer, loss);
            double first = 0;
            for (std::uint64_t step = 0; step < 4; ++step) {
                const MadeBatch batch = padded_batch(form, 60);
                const TokenBatch pieces[] = {batch.view()};
                const double ours = trainer->step(pieces, 1e-2).loss;
                EXPECT_NEAR(plain->step(batch.view(), 1e-2), ours, 1e-5 * ours) << loss << " step " << step;
                first = step == 0 ? ours : first;
                EXPECT_TRUE(step < 3 || ours < first);
            }
        }
    }
}

TEST(PlainLanguageTrainer, RefusesWhatItDoesNotWrite) {
    TrainerForm form = test::small_form(Architecture::gpt1);
    const auto trainer = make_language_trainer(form);
    EXPECT_THROW(make_plain_language_trainer(form, *trainer, "log_softmx"), base::Error);
    form.model.dropout = 0.5;
    EXPECT_THROW(make_plain_language_trainer(form, *trainer, "log_softmax"), base::Error);
}

}  // namespace
}  // namespace plumb::nn
