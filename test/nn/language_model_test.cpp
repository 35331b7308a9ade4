// SPDX-License-Identifier: Apache-2.0
// The models against the assignment's sizes and against their formulas in fp64, written apart from the code under test.
//
// Legend: T places, C width, H units.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "base/error.h"
#include "nn/language_cases.h"

namespace plumb::nn {
namespace {

using test::MadeBatch;
using Vector = std::vector<double>;
using Rows = std::vector<Vector>;

/// Parameters of a trainer as fp64, and the pieces that both models are made of.
class Formula {
  public:
    Formula(LanguageTrainer& trainer, const LanguageForm& form) : trainer_(trainer), form_(form) {}

    Vector parameter(const std::string& name) const {
        const std::span<float> values = trainer_.values(name);
        return {values.begin(), values.end()};
    }
    Vector row(const std::string& name, std::size_t index, std::size_t size) const {
        const Vector all = parameter(name);
        return {all.begin() + static_cast<std::ptrdiff_t>(index * size), all.begin() + static_cast<std::ptrdiff_t>((index + 1) * size)};
    }
    Vector linear(const std::string& weight, const std::string& bias, const Vector& x) const {
        const Vector w = parameter(weight);
        Vector y = bias.empty() ? Vector(w.size() / x.size()) : parameter(bias);
        for (std::size_t i = 0; i < y.size(); ++i)
            y[i] += std::inner_product(x.begin(), x.end(), w.begin() + static_cast<std::ptrdiff_t>(i * x.size()), 0.0);
        return y;
    }
    Vector norm(const std::string& name, const Vector& x) const {
        const Vector gain = parameter(name + ".weight"), shift = parameter(name + ".bias");
        const auto n = static_cast<double>(x.size());
        const double mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
        double variance = 0;
        for (const double each : x) variance += (each - mean) * (each - mean) / n;
        Vector y(x.size());
        for (std::size_t i = 0; i < x.size(); ++i) y[i] = (x[i] - mean) / std::sqrt(variance + 1e-5) * gain[i] + shift[i];
        return y;
    }
    /// ln softmax of the tied output layer.
    Vector log_probabilities(const Vector& features) const {
        Vector logits = linear("embedding.weight", "", features);
        double sum = 0;
        for (const double logit : logits) sum += std::exp(logit);
        for (double& logit : logits) logit -= std::log(sum);
        return logits;
    }
    Vector embedding(TokenId id) const { return row("embedding.weight", id, static_cast<std::size_t>(form_.width)); }

    Rows lstm(std::span<const TokenId> ids) const {
        const auto units = static_cast<std::size_t>(form_.hidden);
        const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
        Rows x;
        for (const TokenId id : ids) x.push_back(embedding(id));
        for (std::int64_t layer = 0; layer < form_.layers; ++layer) {
            const std::string l = "_l" + std::to_string(layer);
            Vector h(units), c(units);
            for (Vector& place : x) {
                const Vector from_input = linear("lstm.weight_ih" + l, "lstm.bias_ih" + l, place);
                const Vector from_state = linear("lstm.weight_hh" + l, "lstm.bias_hh" + l, h);
                const auto gate = [&](std::size_t which, std::size_t unit) {
                    return from_input[which * units + unit] + from_state[which * units + unit];
                };
                for (std::size_t unit = 0; unit < units; ++unit) {
                    c[unit] = sigmoid(gate(1, unit)) * c[unit] + sigmoid(gate(0, unit)) * std::tanh(gate(2, unit));
                    h[unit] = sigmoid(gate(3, unit)) * std::tanh(c[unit]);
                }
                place = h;
            }
        }
        for (Vector& place : x) {
            place = linear("classifier.0.weight", "classifier.0.bias", place);
            for (double& each : place) each = std::max(each, 0.0);
        }
        return x;
    }

    Rows gpt1(std::span<const TokenId> ids) const {
        Rows x;
        for (std::size_t t = 0; t < ids.size(); ++t)
            x.push_back(sum(embedding(ids[t]), row("embedding.position.weight", t, static_cast<std::size_t>(form_.width))));
        for (std::int64_t layer = 0; layer < form_.layers; ++layer) {
            const std::string b = "layers." + std::to_string(layer) + ".";
            Rows in = x;
            if (form_.pre_norm) {
                for (Vector& place : in) place = norm(b + "norm1", place);
            }
            const Rows attended = attention(b, in);
            for (std::size_t t = 0; t < x.size(); ++t) {
                Vector x1 = sum(x[t], attended[t]);
                if (!form_.pre_norm) x1 = norm(b + "norm1", x1);
                Vector middle = linear(b + "mlp.0.weight", b + "mlp.0.bias", form_.pre_norm ? norm(b + "norm2", x1) : x1);
                for (double& each : middle) each *= 0.5 * (1 + std::erf(each / std::sqrt(2.0)));
                x[t] = sum(x1, linear(b + "mlp.2.weight", b + "mlp.2.bias", middle));
                if (!form_.pre_norm) x[t] = norm(b + "norm2", x[t]);
            }
        }
        if (form_.pre_norm) {
            for (Vector& place : x) place = norm("norm", place);
        }
        return x;
    }

  private:
    static Vector sum(Vector a, const Vector& b) {
        for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
        return a;
    }
    Rows attention(const std::string& block, const Rows& in) const {
        const auto width = static_cast<std::size_t>(form_.width);
        const auto size = width / static_cast<std::size_t>(form_.heads);
        Rows qkv, out;
        for (const Vector& place : in) qkv.push_back(linear(block + "attention.qkv.weight", block + "attention.qkv.bias", place));
        for (std::size_t t = 0; t < in.size(); ++t) {
            Vector joined(width);
            for (std::size_t head = 0; head < width; head += size) {
                Vector p(t + 1);
                double total = 0;
                for (std::size_t s = 0; s <= t; ++s) {
                    double score = 0;
                    for (std::size_t d = head; d < head + size; ++d) score += qkv[t][d] * qkv[s][width + d];
                    total += p[s] = std::exp(score / std::sqrt(static_cast<double>(size)));
                }
                for (std::size_t s = 0; s <= t; ++s) {
                    for (std::size_t d = head; d < head + size; ++d) joined[d] += p[s] / total * qkv[s][2 * width + d];
                }
            }
            out.push_back(linear(block + "attention.output.weight", block + "attention.output.bias", joined));
        }
        return out;
    }

    LanguageTrainer& trainer_;
    const LanguageForm& form_;
};

/// Wide embeddings, so that logits are far from equal.
void widen_embeddings(LanguageTrainer& trainer) {
    for (float& each : trainer.values("embedding.weight")) each *= 20;
}

void expect_formula(const TrainerForm& form) {
    const auto trainer = make_language_trainer(form);
    widen_embeddings(*trainer);
    const MadeBatch batch(2, 9, form.model.vocabulary, 0);
    const Formula formula(*trainer, form.model);
    const std::vector<double> got = test::log_probabilities(*trainer, batch.view());
    double spread = 0;
    for (std::size_t row = 0; row < 2; ++row) {
        const auto ids = std::span(batch.sources).subspan(row * 9, 9);
        const Rows features = form.model.architecture == Architecture::lstm ? formula.lstm(ids) : formula.gpt1(ids);
        for (std::size_t t = 0; t < 9; ++t) {
            const Vector expected = formula.log_probabilities(features[t]);
            EXPECT_NEAR(got[row * 9 + t], expected[batch.targets[row * 9 + t]], 2e-5) << row << " " << t;
            spread = std::max(spread, *std::ranges::max_element(expected) - *std::ranges::min_element(expected));
        }
    }
    EXPECT_GT(spread, 0.5) << "the ids must not all be as likely";
}

TEST(LanguageModel, LstmIsItsFormula) {
    expect_formula(test::small_form(Architecture::lstm));
}

TEST(LanguageModel, Gpt1IsItsFormulaWithNormsBehindAndBefore) {
    TrainerForm form = test::small_form(Architecture::gpt1);
    expect_formula(form);
    form.model.pre_norm = true;
    expect_formula(form);
}

TEST(LanguageModel, HasTheAssignmentsParameterCounts) {
    // Published by two students' logs of the assignment: model, layers, parameters, learnable with frozen embeddings.
    struct Known {
        Architecture architecture;
        std::int64_t layers, all, learnable;
    };
    const std::vector<Known> known = {{Architecture::lstm, 1, 34107392, 3019520},  {Architecture::lstm, 2, 36208640, 5120768},
                                      {Architecture::lstm, 4, 40411136, 9323264},  {Architecture::gpt1, 1, 38372352, 7087872},
                                      {Architecture::gpt1, 2, 45460224, 14175744}, {Architecture::gpt1, 4, 59635968, 28351488}};
    GivenValues given;
    given.tokens.resize(40479 * 768);
    for (const Known& each : known) {
        TrainerForm form;
        form.model.architecture = each.architecture;
        form.model.layers = each.layers;
        form.model.train_embeddings = false;
        form.optimizer.rule = kernels::optimizer::Rule::sgd;
        form.threads = 2;
        const auto trainer = make_language_trainer(form, given);
        EXPECT_EQ(trainer->parameters(), each.all);
        EXPECT_EQ(trainer->learnable(), each.learnable);
    }
}

TEST(LanguageModel, AnOutputBiasOnFlatFeaturesIsTheDistribution) {
    TrainerForm form = test::small_form(Architecture::lstm);
    form.model.output_bias = true;
    GivenValues given;
    given.tokens.resize(static_cast<std::size_t>(form.model.vocabulary * form.model.width));
    for (int id = 0; id < 11; ++id) given.output_bias.push_back(std::log(static_cast<float>(1 + id) / 66.0F));
    const auto trainer = make_language_trainer(form, given);
    const MadeBatch batch(1, 8, 11, 1);
    const std::vector<double> got = test::log_probabilities(*trainer, batch.view());
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(std::exp(got[i]), (1 + batch.targets[i]) / 66.0, 1e-6);
}

TEST(LanguageModel, RefusesWhatContradictsItself) {
    const auto refused = [](const std::function<void(TrainerForm&)>& change, GivenValues given = {}) {
        TrainerForm form = test::small_form(Architecture::gpt1);
        change(form);
        EXPECT_THROW(make_language_trainer(form, given), base::Error);
    };
    refused([](TrainerForm& form) { form.model.heads = 5; });
    refused([](TrainerForm& form) { form.model.dropout = 1; });
    refused([](TrainerForm& form) { form.model.layers = 0; });
    refused([](TrainerForm& form) { form.model.vocabulary = 1 << 17; });
    refused([](TrainerForm&) {}, {{1, 2, 3}, {}, {}});
    const auto trainer = make_language_trainer(test::small_form(Architecture::gpt1));
    EXPECT_THROW(test::log_probabilities(*trainer, MadeBatch(1, 17, 11, 0).view()), base::Error) << "16 positions";
    EXPECT_THROW(test::log_probabilities(*trainer, MadeBatch(1, 8, 40, 0).view()), base::Error) << "11 ids";
}

}  // namespace
}  // namespace plumb::nn
