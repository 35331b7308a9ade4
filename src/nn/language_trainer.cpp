// SPDX-License-Identifier: Apache-2.0
// Legend: B rows, T places, R = B T, C width, V vocabulary.
#include "nn/language_trainer.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "nn/linear_cross_entropy_function.h"
#include "nn/problem_tensors.h"
#include "nn/sequence_model.h"
#include "nn/trainer_state.h"

namespace plumb::nn {

namespace {

using base::Error;
using base::ErrorKind;

struct NoHistory {
    explicit NoHistory(bool) {}
    c10::AutoGradMode mode{false};
};

at::Tensor id_tensor(std::span<const TokenId> ids, std::int64_t rows, std::int64_t length) {
    const at::Tensor out = at::empty({rows, length}, at::kLong);
    std::ranges::copy(ids, out.mutable_data_ptr<std::int64_t>());
    return out;
}

void require_valid(const TokenBatch& batch, std::int64_t vocabulary) {
    const auto places = static_cast<std::size_t>(batch.rows * batch.length);
    if (batch.rows < 1 || batch.length < 1 || batch.sources.size() != places || batch.targets.size() != places ||
        batch.weights.size() != places) {
        throw Error(ErrorKind::internal,
                    "a batch of " + std::to_string(batch.rows) + " x " + std::to_string(batch.length) + " has spans of another size");
    }
    const auto known = [&](TokenId id) { return id < vocabulary; };
    if (!std::ranges::all_of(batch.sources, known) || !std::ranges::all_of(batch.targets, known)) {
        throw Error(ErrorKind::usage, "a batch has an id that the model does not know", "ids are below " + std::to_string(vocabulary));
    }
}

TrainerForm valid(TrainerForm form) {
    const LanguageForm& model = form.model;
    const auto complain = [](const std::string& what, const std::string& hint) { throw Error(ErrorKind::usage, what, hint); };
    if (model.vocabulary < 2 || model.vocabulary > 65536)
        complain("a vocabulary of " + std::to_string(model.vocabulary), "allowed: 2 to 65536");
    if (model.width < 1 || model.layers < 1 || model.hidden < 1 || model.feed_forward < 1 || model.context < 1)
        complain("a model with a size below 1", "width, layers, hidden, feed_forward and context are at least 1");
    if (!(model.dropout >= 0 && model.dropout < 1))
        complain("dropout " + std::to_string(model.dropout), "allowed: 0 up to, not including, 1");
    if (form.threads < 1) complain(std::to_string(form.threads) + " threads", "at least 1");
    return form;
}

class Trainer final : public LanguageTrainer {
  public:
    Trainer(const TrainerForm& form, const GivenValues& given) : form_(valid(form)), parameters_(form.seed) {
        use_threads();
        const LanguageForm& model = form_.model;
        const char* const embedding = "embedding.weight";
        if (given.tokens.empty())
            parameters_.add_normal(embedding, {model.vocabulary, model.width}, embedding_deviation, model.train_embeddings);
        else
            parameters_.add_given(embedding, {model.vocabulary, model.width}, given.tokens, model.train_embeddings);
        if (model.output_bias && given.output_bias.empty()) parameters_.add_constant("output.bias", {model.vocabulary}, 0);
        if (model.output_bias && !given.output_bias.empty())
            parameters_.add_given("output.bias", {model.vocabulary}, given.output_bias, true);
        model_ = make_sequence_model(model, given, parameters_);
        const int moments = kernels::optimizer::moments_of(form_.optimizer.rule);
        for (std::size_t i = 0; i < parameters_.size(); ++i) {
            const std::size_t size = parameters_.trained(i) ? parameters_.values(i).size() : 0;
            moments_.first.emplace_back(moments > 0 ? size : 0);
            moments_.second.emplace_back(moments > 1 ? size : 0);
        }
    }

    std::int64_t parameters() const override { return parameters_.count(false); }
    std::int64_t learnable() const override { return parameters_.count(true); }
    std::int64_t steps() const override { return steps_; }

    StepReport step(std::span<const TokenBatch> pieces, double rate) override {
        const StepReport report = guarded<c10::AutoGradMode>("training", [&] {
            use_threads();
            StepReport made;
            for (std::size_t piece = 0; piece < pieces.size(); ++piece) {
                const at::Tensor loss = loss_of(pieces[piece], dropout(static_cast<std::int64_t>(piece)));
                made.loss += loss.item<double>();
                loss.backward();
            }
            made.gradient_norm = kernels::optimizer::gradient_norm(with_gradients(), form_.threads);
            return made;
        });
        if (!std::isfinite(report.loss) || !std::isfinite(report.gradient_norm)) {
            parameters_.forget_gradients();
            throw Error(ErrorKind::failed,
                        "step " + std::to_string(steps_ + 1) + " has a loss of " + std::to_string(report.loss) +
                            " and a gradient of length " + std::to_string(report.gradient_norm),
                        "lower rate, or set warmup, clip or pre_norm");
        }
        ++steps_;
        kernels::optimizer::update(form_.optimizer, with_gradients(), rate,
                                   kernels::optimizer::clipping_scale(report.gradient_norm, form_.clip), steps_, form_.threads);
        parameters_.forget_gradients();
        return report;
    }

    void log_probabilities(const TokenBatch& batch, std::span<double> out) override {
        guarded<NoHistory>("scoring", [&] {
            use_threads();
            copy_out(-linear_nll(features_of(batch, {}), output_weights(), targets_of(batch), {}, packed_), out);
        });
    }

    void reference_log_probabilities(const TokenBatch& batch, bool wide, std::span<double> out) override {
        guarded<NoHistory>("scoring through LibTorch", [&] {
            use_threads();
            const at::ScalarType type = wide ? at::kDouble : at::kFloat;
            const at::Tensor logits_RV = at::linear(features_of(batch, {}).to(type), output_weights().to(type));
            copy_out(at::log_softmax(logits_RV, 1).gather(1, targets_of(batch).unsqueeze(1)).squeeze(1), out);
        });
    }

    std::vector<double> step_by_step(std::span<const TokenId> sources, std::span<const TokenId> targets) override {
        return guarded<NoHistory>("scoring step by step", [&] {
            use_threads();
            const std::unique_ptr<Stepper> stepper = model_->stepper();
            std::vector<double> out;
            for (std::size_t t = 0; t < sources.size(); ++t)
                out.push_back(log_softmax_of(stepper->next(embed(sources.subspan(t, 1)).squeeze(0)))[targets[t]].item<double>());
            return out;
        });
    }

    std::vector<double> embedding_gradients(std::span<const TokenId> sources, TokenId target, std::int64_t at) override {
        return guarded<c10::AutoGradMode>("differentiating", [&] {
            use_threads();
            const at::Tensor embedded_BTC = embed(sources).detach().set_requires_grad(true);
            const at::Tensor features_1C = with_bias_column(model_->features(embedded_BTC, {}).select(1, at));
            linear_cross_entropy(features_1C, output_weights(), at::full({1}, std::int64_t{target}, at::kLong), {}, packed_).backward();
            parameters_.forget_gradients();
            const at::Tensor largest_T = embedded_BTC.grad().squeeze(0).abs().amax(1).to(at::kDouble);
            return std::vector<double>(largest_T.const_data_ptr<double>(), largest_T.const_data_ptr<double>() + largest_T.numel());
        });
    }

    std::vector<TokenId> continue_text(std::span<const TokenId> prompt, std::int64_t count, double temperature,
                                       std::uint64_t seed) override {
        return guarded<NoHistory>("continuing a text", [&] {
            use_threads();
            const base::RandomStream random(seed, "continue text");
            const std::unique_ptr<Stepper> stepper = model_->stepper();
            at::Tensor log_p_V;
            for (std::size_t t = 0; t < prompt.size(); ++t) log_p_V = log_softmax_of(stepper->next(embed(prompt.subspan(t, 1)).squeeze(0)));
            std::vector<TokenId> out;
            while (std::ssize(out) < count) {
                out.push_back(draw(log_p_V, temperature, random.uniform(out.size())));
                if (std::ssize(out) < count) log_p_V = log_softmax_of(stepper->next(embed(std::span(out).last(1)).squeeze(0)));
            }
            return out;
        });
    }

    std::vector<std::string> names() const override {
        std::vector<std::string> all;
        for (std::size_t i = 0; i < parameters_.size(); ++i) all.push_back(parameters_.name(i));
        return all;
    }
    std::span<float> values(const std::string& name) override {
        packed_.forget();  // the caller may change a frozen weight behind LibTorch's back
        return parameters_.values(parameters_.index_of(name));
    }
    std::map<std::string, std::vector<float>> gradients(const TokenBatch& batch) override {
        return guarded<c10::AutoGradMode>("differentiating", [&] {
            use_threads();
            loss_of(batch, {}).backward();
            std::map<std::string, std::vector<float>> out;
            for (std::size_t i = 0; i < parameters_.size(); ++i) {
                const std::span<const float> numbers = parameters_.gradients(i);
                if (!numbers.empty()) out.emplace(parameters_.name(i), std::vector<float>(numbers.begin(), numbers.end()));
            }
            parameters_.forget_gradients();
            return out;
        });
    }

    void save(const std::filesystem::path& file, const std::map<std::string, std::string>& metadata, bool with_moments) const override {
        save_state(file, parameters_, with_moments ? &moments_ : nullptr, steps_, metadata);
    }
    std::map<std::string, std::string> load(const std::filesystem::path& file) override {
        packed_.forget();
        LoadedState state = load_state(file, parameters_, moments_);
        steps_ = state.steps;
        return std::move(state.metadata);
    }

  private:
    /// LibTorch counts threads per calling thread.
    void use_threads() const { at::set_num_threads(form_.threads); }

    Dropout dropout(std::int64_t piece) const { return {form_.model.dropout, form_.seed, steps_, piece}; }

    /// One row.
    at::Tensor embed(std::span<const TokenId> ids) const {
        return at::embedding(parameters_["embedding.weight"], id_tensor(ids, 1, std::ssize(ids)), padding_id);
    }

    /// The output bias is one more column of the output weights, against a feature that is always 1.
    at::Tensor output_weights() const {
        const at::Tensor& w_VC = parameters_["embedding.weight"];
        return form_.model.output_bias ? at::cat({w_VC, parameters_["output.bias"].unsqueeze(1)}, 1) : w_VC;
    }
    at::Tensor with_bias_column(const at::Tensor& h_RC) const {
        return form_.model.output_bias ? at::cat({h_RC, at::ones({h_RC.size(0), 1})}, 1) : h_RC;
    }
    at::Tensor features_of(const TokenBatch& batch, const Dropout& dropout) const {
        require_valid(batch, form_.model.vocabulary);
        const at::Tensor h_BTC =
            model_->features_of_ids(parameters_["embedding.weight"], id_tensor(batch.sources, batch.rows, batch.length), dropout);
        return with_bias_column(h_BTC.reshape({batch.rows * batch.length, form_.model.width}));
    }
    at::Tensor targets_of(const TokenBatch& batch) const { return id_tensor(batch.targets, batch.rows, batch.length).reshape({-1}); }
    at::Tensor loss_of(const TokenBatch& batch, const Dropout& dropout) {
        const at::Tensor weights_R = at::empty({batch.rows * batch.length}, at::kFloat);
        std::ranges::copy(batch.weights, weights_R.mutable_data_ptr<float>());
        return linear_cross_entropy(features_of(batch, dropout), output_weights(), targets_of(batch), weights_R, packed_);
    }
    at::Tensor log_softmax_of(const at::Tensor& h_1C) const {
        return at::log_softmax(at::linear(with_bias_column(h_1C), output_weights()), 1).squeeze(0);
    }

    static void copy_out(const at::Tensor& from, std::span<double> out) {
        const at::Tensor wide = from.to(at::kDouble).contiguous();
        std::ranges::copy(std::span(wide.const_data_ptr<double>(), static_cast<std::size_t>(wide.numel())), out.begin());
    }

    static TokenId draw(const at::Tensor& log_p_V, double temperature, double uniform) {
        if (temperature <= 0) return static_cast<TokenId>(log_p_V.argmax().item<std::int64_t>());
        const at::Tensor sums_V = at::softmax(log_p_V.to(at::kDouble) / temperature, 0).cumsum(0);
        const std::span<const double> sums(sums_V.const_data_ptr<double>(), static_cast<std::size_t>(sums_V.numel()));
        const auto at = std::ranges::upper_bound(sums, uniform * sums.back()) - sums.begin();
        return static_cast<TokenId>(std::min<std::ptrdiff_t>(at, std::ssize(sums) - 1));
    }

    /// Those that have a gradient, with their moments.
    std::vector<kernels::optimizer::Parameter> with_gradients() {
        std::vector<kernels::optimizer::Parameter> all;
        for (std::size_t i = 0; i < parameters_.size(); ++i) {
            const std::span<const float> gradients = parameters_.gradients(i);
            if (gradients.empty()) continue;
            all.push_back({parameters_.values(i).data(), gradients.data(), moments_.first[i].data(), moments_.second[i].data(),
                           std::ssize(gradients)});
        }
        return all;
    }

    TrainerForm form_;
    Parameters parameters_;
    std::unique_ptr<SequenceModel> model_;
    Moments moments_;
    PackedWeightCache packed_;  ///< of the output weights, where they are frozen
    std::int64_t steps_ = 0;
};

}  // namespace

std::unique_ptr<LanguageTrainer> make_language_trainer(const TrainerForm& form, const GivenValues& given) {
    return guarded<NoHistory>("making a language model", [&] { return std::make_unique<Trainer>(form, given); });
}

}  // namespace plumb::nn
