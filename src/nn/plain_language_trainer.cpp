// SPDX-License-Identifier: Apache-2.0
// Legend: B rows, T places, R = B T, C width, H heads, D numbers a head.
#include "nn/plain_language_trainer.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "nn/plain_loss.h"
#include "nn/problem_tensors.h"

namespace plumb::nn {

namespace {

void require_plain(const TrainerForm& form) {
    const LanguageForm& model = form.model;
    if (model.dropout == 0 && !model.output_bias && !model.pre_norm && model.causal && form.clip == 0 &&
        form.optimizer.rule == kernels::optimizer::Rule::adamw)
        return;
    throw base::Error(base::ErrorKind::usage, "the plain form trains the notebook's models by adamw alone",
                      "leave dropout, bias, pre_norm, mask and clip at their defaults");
}

at::Tensor ids_of(std::span<const TokenId> ids, at::IntArrayRef sizes) {
    const at::Tensor made = at::empty(sizes, at::kLong);
    std::ranges::copy(ids, made.mutable_data_ptr<std::int64_t>());
    return made;
}

class PlainTrainer final : public PlainLanguageTrainer {
  public:
    PlainTrainer(const TrainerForm& form, LanguageTrainer& start, const std::string& loss, bool wide)
        : form_(form), loss_(plain_loss_named(loss)), type_(wide ? at::kDouble : at::kFloat) {
        require_plain(form);
        const LanguageForm& f = form.model;
        const auto take = [&](const std::string& name, at::IntArrayRef sizes, bool trained = true) {
            const std::span<float> values = start.values(name);
            const at::Tensor given = at::from_blob(values.data(), sizes, at::kFloat);
            parameters_.emplace(name, given.to(type_, /*non_blocking=*/false, /*copy=*/true).set_requires_grad(trained));
        };
        const auto take_linear = [&](const std::string& name, std::int64_t inputs, std::int64_t outputs) {
            take(name + ".weight", {outputs, inputs}), take(name + ".bias", {outputs});
        };
        take("embedding.weight", {f.vocabulary, f.width}, f.train_embeddings);
        if (f.architecture == Architecture::lstm) {
            for (std::int64_t layer = 0; layer < f.layers; ++layer) {
                take(lstm_name("weight_ih", layer), {4 * f.hidden, layer == 0 ? f.width : f.hidden});
                take(lstm_name("weight_hh", layer), {4 * f.hidden, f.hidden});
                take(lstm_name("bias_ih", layer), {4 * f.hidden}), take(lstm_name("bias_hh", layer), {4 * f.hidden});
            }
            take_linear("classifier.0", f.hidden, f.width);
        } else {
            take("embedding.position.weight", {f.context, f.width}, f.train_embeddings);
            for (std::int64_t layer = 0; layer < f.layers; ++layer) {
                const std::string block = block_name(layer);
                take_linear(block + "attention.qkv", f.width, 3 * f.width), take_linear(block + "attention.output", f.width, f.width);
                take_linear(block + "mlp.0", f.width, f.feed_forward), take_linear(block + "mlp.2", f.feed_forward, f.width);
                for (const char* norm : {"norm1", "norm2"})
                    take(block + norm + ".weight", {f.width}), take(block + norm + ".bias", {f.width});
            }
        }
        for (const auto& [name, parameter] : parameters_) {
            if (!parameter.requires_grad()) continue;
            trained_.push_back(parameter);
            first_.push_back(at::zeros_like(parameter)), second_.push_back(at::zeros_like(parameter));
            counts_.push_back(at::zeros({}, at::kFloat));
        }
    }

    double step(const TokenBatch& batch, double rate) override {
        return guarded<c10::AutoGradMode>("the plain form", [&] {
            at::set_num_threads(form_.threads);
            const at::Tensor loss = loss_of(batch);
            loss.backward();
            const c10::AutoGradMode no_history(false);
            std::vector<at::Tensor> gradients;
            for (const at::Tensor& parameter : trained_) gradients.push_back(parameter.grad());
            for (at::Tensor& count : counts_) count.add_(1);
            const kernels::optimizer::Form& f = form_.optimizer;
            at::_fused_adamw_(trained_, gradients, first_, second_, {}, counts_, rate, f.beta1, f.beta2, f.decay, f.epsilon,
                              /*amsgrad=*/false, /*maximize=*/false);
            forget_gradients();
            return loss.item<double>();
        });
    }

    std::map<std::string, std::vector<double>> gradients(const TokenBatch& batch) override {
        return guarded<c10::AutoGradMode>("the plain form", [&] {
            at::set_num_threads(form_.threads);
            loss_of(batch).backward();
            std::map<std::string, std::vector<double>> out;
            for (const auto& [name, parameter] : parameters_) {
                if (!parameter.grad().defined()) continue;
                const at::Tensor wide = parameter.grad().to(at::kDouble).contiguous();
                out.emplace(name, std::vector<double>(wide.const_data_ptr<double>(), wide.const_data_ptr<double>() + wide.numel()));
            }
            forget_gradients();
            return out;
        });
    }

  private:
    static std::string lstm_name(const std::string& what, std::int64_t layer) { return "lstm." + what + "_l" + std::to_string(layer); }
    static std::string block_name(std::int64_t layer) { return "layers." + std::to_string(layer) + "."; }

    const at::Tensor& tensor(const std::string& name) const { return parameters_.at(name); }
    at::Tensor linear(const at::Tensor& x, const std::string& name) const {
        return at::linear(x, tensor(name + ".weight"), tensor(name + ".bias"));
    }
    at::Tensor norm(const at::Tensor& x, const std::string& name) const {
        return at::layer_norm(x, {form_.model.width}, tensor(name + ".weight"), tensor(name + ".bias"), 1e-5);
    }

    at::Tensor loss_of(const TokenBatch& batch) const {
        const std::int64_t positions = batch.rows * batch.length;
        const at::Tensor weights_R = at::empty({positions}, at::kFloat);
        std::ranges::copy(batch.weights, weights_R.mutable_data_ptr<float>());
        const at::Tensor& table_VC = tensor("embedding.weight");
        const at::Tensor x_BTC = at::embedding(table_VC, ids_of(batch.sources, {batch.rows, batch.length}), /*padding_idx=*/0);
        const at::Tensor h_BTC = form_.model.architecture == Architecture::lstm ? lstm(x_BTC) : gpt1(x_BTC);
        return loss_.compute(h_BTC.reshape({positions, form_.model.width}), table_VC, ids_of(batch.targets, {positions}),
                             weights_R.to(type_));
    }

    at::Tensor lstm(const at::Tensor& x_BTC) const {
        std::vector<at::Tensor> weights;
        for (std::int64_t layer = 0; layer < form_.model.layers; ++layer)
            for (const char* what : {"weight_ih", "weight_hh", "bias_ih", "bias_hh"}) weights.push_back(tensor(lstm_name(what, layer)));
        const at::Tensor zeros = at::zeros({form_.model.layers, x_BTC.size(0), form_.model.hidden}, x_BTC.options());
        const at::Tensor h_BTH = std::get<0>(at::lstm(x_BTC, {zeros, zeros}, weights, /*has_biases=*/true, form_.model.layers,
                                                      /*dropout=*/0.0, /*train=*/true, /*bidirectional=*/false, /*batch_first=*/true));
        return linear(h_BTH, "classifier.0").relu();
    }

    at::Tensor gpt1(const at::Tensor& embedded_BTC) const {
        const std::int64_t batch = embedded_BTC.size(0), places = embedded_BTC.size(1), width = form_.model.width;
        at::Tensor x = embedded_BTC + tensor("embedding.position.weight").narrow(0, 0, places);
        for (std::int64_t layer = 0; layer < form_.model.layers; ++layer) {
            const std::string block = block_name(layer);
            const auto heads = linear(x, block + "attention.qkv")
                                   .view({batch, places, 3, form_.model.heads, width / form_.model.heads})
                                   .permute({2, 0, 3, 1, 4})
                                   .unbind(0);
            const at::Tensor attended_BHTD =
                at::scaled_dot_product_attention(heads[0], heads[1], heads[2], {}, /*dropout_p=*/0.0, /*is_causal=*/true);
            const at::Tensor joined_BTC = attended_BHTD.transpose(1, 2).reshape({batch, places, width});
            x = norm(x + linear(joined_BTC, block + "attention.output"), block + "norm1");
            x = norm(x + linear(at::gelu(linear(x, block + "mlp.0")), block + "mlp.2"), block + "norm2");
        }
        return x;
    }

    void forget_gradients() const {
        for (const at::Tensor& parameter : trained_) parameter.mutable_grad() = at::Tensor();
    }

    TrainerForm form_;
    const PlainLoss& loss_;
    at::ScalarType type_;
    std::map<std::string, at::Tensor> parameters_;
    std::vector<at::Tensor> trained_, first_, second_, counts_;
};

}  // namespace

std::vector<std::string> plain_loss_names() {
    std::vector<std::string> names;
    for (const PlainLoss& loss : plain_losses()) names.emplace_back(loss.name);
    return names;
}

std::unique_ptr<PlainLanguageTrainer> make_plain_language_trainer(const TrainerForm& form, LanguageTrainer& start, const std::string& loss,
                                                                  bool wide) {
    return guarded<c10::AutoGradMode>("making the plain form", [&] { return std::make_unique<PlainTrainer>(form, start, loss, wide); });
}

}  // namespace plumb::nn
