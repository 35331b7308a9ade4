// SPDX-License-Identifier: Apache-2.0
// What training is held to: gradients are those of the loss, the past alone counts, pieces of a batch make the batch, a state saved and
// loaded goes on to the same bits.
#include "nn/language_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "nn/language_cases.h"
#include "temporary_folder.h"

namespace plumb::nn {
namespace {

using test::MadeBatch;
using ::testing::Each;
using ::testing::HasSubstr;

/// Forms that differ in what they compute.
std::vector<TrainerForm> every_form() {
    TrainerForm lstm = test::small_form(Architecture::lstm);
    TrainerForm post = test::small_form(Architecture::gpt1);
    TrainerForm pre = post;
    pre.model.pre_norm = true;
    pre.model.output_bias = true;
    TrainerForm biased = lstm;
    biased.model.output_bias = true;
    return {lstm, post, pre, biased};
}

TEST(LanguageTrainer, GradientsAreDifferencesOfTheLoss) {
    SCOPED_TRACE("seed " + std::to_string(test::seed));
    for (const TrainerForm& form : every_form()) {
        const auto trainer = make_language_trainer(form);
        for (float& each : trainer->values("embedding.weight")) each *= 20;
        const MadeBatch batch(2, 7, form.model.vocabulary, 3, 2);
        for (const auto& [name, gradient] : trainer->gradients(batch.view())) {
            // Along the gradient itself the loss changes most: (L(p + h d) - L(p - h d)) / 2h = |g| for d = g / |g|, up to h where a ReLU
            // turns in between, to h^2 elsewhere, and to the rounding of L, 3e-7, by h.
            const double length = std::sqrt(kernels::optimizer::sum_of_squares(gradient));
            if (length == 0) continue;
            const std::span<float> values = trainer->values(name);
            const std::vector<float> start(values.begin(), values.end());
            const double h = 2e-3;
            const auto loss_at = [&](double along) {
                for (std::size_t i = 0; i < start.size(); ++i) values[i] = static_cast<float>(start[i] + along * gradient[i] / length);
                return test::loss_of(*trainer, batch.view());
            };
            const double difference = (loss_at(h) - loss_at(-h)) / (2 * h);
            std::ranges::copy(start, values.begin());
            EXPECT_NEAR(difference, length, 0.02 * length + 2e-4) << name;
        }
    }
}

TEST(LanguageTrainer, EveryParameterButThePaddingRowLearns) {
    for (const TrainerForm& form : every_form()) {
        const auto trainer = make_language_trainer(form);
        const MadeBatch batch(2, 7, form.model.vocabulary, 4);
        const auto gradients = trainer->gradients(batch.view());
        for (const std::string& name : trainer->names()) EXPECT_GT(kernels::optimizer::sum_of_squares(gradients.at(name)), 0) << name;
    }
}

TEST(LanguageTrainer, LossAndScoresAreThoseOfLibTorch) {
    for (const TrainerForm& form : every_form()) {
        const auto trainer = make_language_trainer(form);
        for (float& each : trainer->values("embedding.weight")) each *= 50;
        const MadeBatch batch(3, 8, form.model.vocabulary, 5, 3);
        std::vector<double> reference(batch.targets.size());
        trainer->reference_log_probabilities(batch.view(), true, reference);
        const std::vector<double> got = test::log_probabilities(*trainer, batch.view());
        double loss = 0;
        for (std::size_t i = 0; i < got.size(); ++i) {
            EXPECT_NEAR(got[i], reference[i], 4e-6 * (1 + std::abs(reference[i])));
            loss -= static_cast<double>(batch.weights[i]) * reference[i];
        }
        const TokenBatch pieces[] = {batch.view()};
        EXPECT_NEAR(trainer->step(pieces, 0).loss, loss, 4e-6 * loss);
    }
}

TEST(LanguageTrainer, ThePastAloneCounts) {
    for (const TrainerForm& form : every_form()) {
        const auto trainer = make_language_trainer(form);
        MadeBatch batch(1, 12, form.model.vocabulary, 6);
        const std::vector<double> before = test::log_probabilities(*trainer, batch.view());
        for (std::size_t t = 6; t < 12; ++t) batch.sources[t] = static_cast<TokenId>(1 + batch.sources[t] % 10);
        const std::vector<double> after = test::log_probabilities(*trainer, batch.view());
        for (std::size_t t = 0; t < 6; ++t) EXPECT_EQ(std::bit_cast<std::uint64_t>(before[t]), std::bit_cast<std::uint64_t>(after[t])) << t;
        EXPECT_NE(before[6], after[6]);
        const std::vector<double> gradients = trainer->embedding_gradients(batch.sources, 3, 5);
        for (std::size_t s = 0; s < 12; ++s) EXPECT_EQ(gradients[s] > 0, s <= 5) << s;
    }
}

TEST(LanguageTrainer, WithoutTheMaskTheFutureCounts) {
    TrainerForm form = test::small_form(Architecture::gpt1);
    form.model.causal = false;
    const auto trainer = make_language_trainer(form);
    MadeBatch batch(1, 12, form.model.vocabulary, 7);
    EXPECT_THAT(trainer->embedding_gradients(batch.sources, 3, 5), Each(testing::Gt(0)));
    const double before = test::log_probabilities(*trainer, batch.view())[0];
    batch.sources[11] = static_cast<TokenId>(1 + batch.sources[11] % 10);
    EXPECT_NE(before, test::log_probabilities(*trainer, batch.view())[0]);
}

TEST(LanguageTrainer, StepByStepGivesWhatTheSequenceGives) {
    for (const TrainerForm& form : every_form()) {
        const auto trainer = make_language_trainer(form);
        for (float& each : trainer->values("embedding.weight")) each *= 20;
        const MadeBatch batch(1, 16, form.model.vocabulary, 8);
        const std::vector<double> whole = test::log_probabilities(*trainer, batch.view());
        const std::vector<double> steps = trainer->step_by_step(batch.sources, batch.targets);
        for (std::size_t t = 0; t < whole.size(); ++t) EXPECT_NEAR(steps[t], whole[t], 1e-5) << t;
    }
}

TEST(LanguageTrainer, PiecesOfABatchMakeTheBatch) {
    for (const TrainerForm& form : every_form()) {
        const auto whole = make_language_trainer(form), cut = make_language_trainer(form);
        const MadeBatch batch(5, 7, form.model.vocabulary, 9, 4);
        const TokenBatch one[] = {batch.view()};
        const TokenBatch parts[] = {batch.part(0, 2), batch.part(2, 4), batch.part(4, 5)};
        const StepReport a = whole->step(one, 1e-3), b = cut->step(parts, 1e-3);
        EXPECT_NEAR(a.loss, b.loss, 1e-6 * a.loss);
        EXPECT_NEAR(a.gradient_norm, b.gradient_norm, 1e-5 * a.gradient_norm);
    }
}

TEST(LanguageTrainer, ClippingShortensTheGradientAndNothingElse) {
    TrainerForm form = test::small_form(Architecture::gpt1);
    form.optimizer = {.rule = kernels::optimizer::Rule::sgd, .decay = 0};
    TrainerForm clipped = form;
    clipped.clip = 0.01;
    const auto free = make_language_trainer(form), held = make_language_trainer(clipped);
    const MadeBatch batch(2, 7, form.model.vocabulary, 10);
    const TokenBatch pieces[] = {batch.view()};
    const StepReport report = free->step(pieces, 0.01 / held->step(pieces, 1).gradient_norm);
    EXPECT_GT(report.gradient_norm, clipped.clip);
    for (const std::string& name : free->names()) {
        const std::span<float> a = free->values(name), b = held->values(name);
        for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-6) << name;
    }
}

TEST(LanguageTrainer, LearnsABatchByHeartAndRecitesIt) {
    for (TrainerForm form : every_form()) {
        form.model.layers = 1;
        const auto trainer = make_language_trainer(form);
        const MadeBatch batch(1, 12, form.model.vocabulary, 12);
        const TokenBatch pieces[] = {batch.view()};
        for (int step = 0; step < 250; ++step) trainer->step(pieces, 0.01);
        EXPECT_LT(test::loss_of(*trainer, batch.view()), 0.2);
        const auto prompt = std::span(batch.ids).first(4);
        const std::vector<TokenId> by_heart(batch.ids.begin() + 4, batch.ids.begin() + 12);
        EXPECT_EQ(trainer->continue_text(prompt, 8, 0, 1), by_heart) << "the likeliest";
        EXPECT_EQ(trainer->continue_text(prompt, 8, 50, 1), trainer->continue_text(prompt, 8, 50, 1));
        EXPECT_NE(trainer->continue_text(prompt, 8, 50, 1), trainer->continue_text(prompt, 8, 50, 2)) << "drawn by the seed";
    }
}

/// Mean loss of the last third of 240 steps on ids that nothing predicts, and its margin: three deviations of the mean of so many -ln p.
std::pair<double, double> train_on_noise(const TrainerForm& form) {
    const auto trainer = make_language_trainer(form);
    double sum = 0, squares = 0;
    constexpr int steps = 240, counted = 80;
    for (int step = 0; step < steps; ++step) {
        const MadeBatch batch(16, 4, form.model.vocabulary, 1000 + static_cast<std::uint64_t>(step));
        const TokenBatch pieces[] = {batch.view()};
        const double loss = trainer->step(pieces, 0.01).loss;
        if (step >= steps - counted) sum += loss, squares += loss * loss;
    }
    const double mean = sum / counted;
    return {mean, 3 * std::sqrt(std::max(0.0, squares / counted - mean * mean) / counted)};
}

TEST(LanguageTrainer, NoiseIsNotLearnt) {
    for (const Architecture architecture : {Architecture::lstm, Architecture::gpt1}) {
        const auto [loss, margin] = train_on_noise(test::small_form(architecture));
        EXPECT_GE(loss, std::log(10.0) - margin) << "ten ids, each as likely";
    }
    TrainerForm leaking = test::small_form(Architecture::gpt1);
    leaking.model.causal = false;
    EXPECT_LT(train_on_noise(leaking).first, std::log(10.0) * 0.8) << "a model that sees its targets learns noise too";
}

/// Steps `begin` to `end` on batches that depend on the step alone.
void train(LanguageTrainer& trainer, std::int64_t begin, std::int64_t end) {
    for (std::int64_t step = begin; step < end; ++step) {
        const MadeBatch batch(4, 9, 11, static_cast<std::uint64_t>(100 + step), step % 3);
        const TokenBatch pieces[] = {batch.part(0, 3), batch.part(3, 4)};
        trainer.step(pieces, 1e-2 / static_cast<double>(1 + step));
    }
}

/// `half` steps, saved, loaded by another trainer, and as many more, against all of them at once.
void expect_same_end(const TrainerForm& form, const std::filesystem::path& folder, std::int64_t half = 3) {
    const auto whole = make_language_trainer(form), first = make_language_trainer(form), second = make_language_trainer(form);
    train(*whole, 0, 2 * half);
    train(*first, 0, half);
    first->save(folder / "half", {{"note", "kept"}}, true);
    EXPECT_EQ(second->load(folder / "half").at("note"), "kept");
    EXPECT_EQ(second->steps(), half);
    train(*second, half, 2 * half);
    whole->save(folder / "whole", {}, true);
    second->save(folder / "resumed", {}, true);
    EXPECT_EQ(base::read_file(folder / "whole"), base::read_file(folder / "resumed"));
}

TEST(LanguageTrainer, GoesOnFromASavedStateToTheSameBits) {
    const plumb::test::TemporaryFolder folder;
    for (TrainerForm form : every_form()) {
        form.model.dropout = 0.2;
        expect_same_end(form, folder.path());
    }
    TrainerForm form = test::small_form(Architecture::gpt1);
    for (const kernels::optimizer::Rule rule :
         {kernels::optimizer::Rule::adam, kernels::optimizer::Rule::sgd, kernels::optimizer::Rule::momentum}) {
        form.optimizer.rule = rule;
        expect_same_end(form, folder.path());
    }
    form.threads = 2;
    form.model.layers = 1;
    expect_same_end(form, folder.path(), 1);
}

TEST(LanguageTrainer, WithoutItsMomentsItGoesElsewhere) {
    const plumb::test::TemporaryFolder folder;
    const auto whole = make_language_trainer(test::small_form(Architecture::lstm)),
               bare = make_language_trainer(test::small_form(Architecture::lstm));
    train(*whole, 0, 3);
    whole->save(folder.path() / "bare", {}, false);
    bare->load(folder.path() / "bare");
    train(*whole, 3, 4);
    train(*bare, 3, 4);
    EXPECT_NE(whole->values("embedding.weight")[20], bare->values("embedding.weight")[20]);
}

TEST(LanguageTrainer, RefusesTheStateOfAnotherModel) {
    const plumb::test::TemporaryFolder folder;
    make_language_trainer(test::small_form(Architecture::gpt1))->save(folder.path() / "gpt1", {}, true);
    TrainerForm wider = test::small_form(Architecture::gpt1);
    wider.model.feed_forward = 24;
    for (const TrainerForm& form : {test::small_form(Architecture::lstm), wider}) {
        const auto trainer = make_language_trainer(form);
        const std::vector<double> before = test::log_probabilities(*trainer, MadeBatch(1, 4, 11, 1).view());
        try {
            trainer->load(folder.path() / "gpt1");
            ADD_FAILURE() << "loaded";
        } catch (const base::Error& error) {
            EXPECT_THAT(error.what(), HasSubstr("gpt1"));
        }
        EXPECT_EQ(before, test::log_probabilities(*trainer, MadeBatch(1, 4, 11, 1).view())) << "nothing is changed";
    }
}

TEST(LanguageTrainer, ALossThatIsNoNumberStopsTheRun) {
    const auto trainer = make_language_trainer(test::small_form(Architecture::lstm));
    trainer->values("lstm.bias_ih_l0")[0] = std::nanf("");
    const MadeBatch batch(1, 4, 11, 13);
    const TokenBatch pieces[] = {batch.view()};
    EXPECT_THROW(trainer->step(pieces, 1e-3), base::Error);
    EXPECT_EQ(trainer->steps(), 0);
}

}  // namespace
}  // namespace plumb::nn
