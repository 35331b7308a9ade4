// SPDX-License-Identifier: Apache-2.0
// Legend: B sequences, T places, C width, H heads, D numbers a head; K keys and values seen so far.
#include <ATen/ATen.h>

#include "base/error.h"
#include "nn/attention_function.h"
#include "nn/sequence_model.h"

namespace plumb::nn {

namespace {

using kernels::attention::MaskKind;

constexpr double norm_epsilon = 1e-5;

std::string block_name(std::int64_t layer) {
    return "layers." + std::to_string(layer) + ".";
}

class Gpt1Model final : public SequenceModel {
  public:
    Gpt1Model(const LanguageForm& form, const GivenValues& given, Parameters& parameters) : form_(form), parameters_(parameters) {
        if (form.heads < 1 || form.width % form.heads != 0) {
            throw base::Error(base::ErrorKind::usage,
                              std::to_string(form.heads) + " heads do not share " + std::to_string(form.width) + " numbers evenly",
                              "choose heads that divide width");
        }
        const char* const position = "embedding.position.weight";
        if (given.positions.empty())
            parameters.add_normal(position, {form.context, form.width}, embedding_deviation, form.train_embeddings);
        else
            parameters.add_given(position, {form.context, form.width}, given.positions, form.train_embeddings);
        for (std::int64_t layer = 0; layer < form.layers; ++layer) {
            const std::string block = block_name(layer);
            parameters.add_linear(block + "attention.qkv", form.width, 3 * form.width);
            parameters.add_linear(block + "attention.output", form.width, form.width);
            add_norm(block + "norm1");
            parameters.add_linear(block + "mlp.0", form.width, form.feed_forward);
            parameters.add_linear(block + "mlp.2", form.feed_forward, form.width);
            add_norm(block + "norm2");
        }
        if (form.pre_norm) add_norm("norm");
    }

    at::Tensor features(const at::Tensor& embedded_BTC, const Dropout& dropout) const override {
        const std::int64_t places = embedded_BTC.size(1);
        require_position(places - 1);
        at::Tensor x = dropout(embedded_BTC + parameters_["embedding.position.weight"].narrow(0, 0, places), "embedding");
        for (std::int64_t layer = 0; layer < form_.layers; ++layer) {
            const auto attend = [&](const at::Tensor& qkv_BTC) {
                const auto heads = split(qkv_BTC);
                return join(fused_attention(heads[0], heads[1], heads[2], {}, {.mask = form_.causal ? MaskKind::causal : MaskKind::none}));
            };
            x = block(x, layer, dropout, attend);
        }
        return dropout(form_.pre_norm ? norm(x, "norm") : x, "features");
    }

    std::unique_ptr<Stepper> stepper() const override { return std::make_unique<Steps>(*this); }

  private:
    class Steps final : public Stepper {
      public:
        explicit Steps(const Gpt1Model& model)
            : model_(model), keys_(static_cast<std::size_t>(model.form_.layers)), values_(keys_.size()) {}
        at::Tensor next(const at::Tensor& embedded_1C) override {
            model_.require_position(place_);
            at::Tensor x = embedded_1C.unsqueeze(0) + model_.parameters_["embedding.position.weight"].narrow(0, place_, 1);
            ++place_;
            for (std::size_t layer = 0; layer < keys_.size(); ++layer) {
                const auto attend = [&](const at::Tensor& qkv_BTC) {
                    const auto heads = model_.split(qkv_BTC);
                    keys_[layer] = append(keys_[layer], heads[1]);
                    values_[layer] = append(values_[layer], heads[2]);
                    return model_.join(fused_attention(heads[0], keys_[layer], values_[layer], {}, {}));
                };
                x = model_.block(x, static_cast<std::int64_t>(layer), {}, attend);
            }
            return (model_.form_.pre_norm ? model_.norm(x, "norm") : x).squeeze(0);
        }

      private:
        static at::Tensor append(const at::Tensor& seen_BHKD, const at::Tensor& next_BHKD) {
            return seen_BHKD.defined() ? at::cat({seen_BHKD, next_BHKD}, 2) : next_BHKD;
        }
        const Gpt1Model& model_;
        std::vector<at::Tensor> keys_, values_;  ///< by layer
        std::int64_t place_ = 0;
    };

    void add_norm(const std::string& name) {
        parameters_.add_constant(name + ".weight", {form_.width}, 1);
        parameters_.add_constant(name + ".bias", {form_.width}, 0);
    }
    void require_position(std::int64_t place) const {
        if (place >= form_.context) {
            throw base::Error(base::ErrorKind::usage, "the model has no position " + std::to_string(place),
                              "at most " + std::to_string(form_.context) + " ids stand in a sequence");
        }
    }
    at::Tensor linear(const at::Tensor& x, const std::string& name) const {
        return at::linear(x, parameters_[name + ".weight"], parameters_[name + ".bias"]);
    }
    at::Tensor norm(const at::Tensor& x, const std::string& name) const {
        return at::layer_norm(x, {form_.width}, parameters_[name + ".weight"], parameters_[name + ".bias"], norm_epsilon);
    }
    /// Queries, keys and values, each B x H x T x D, views of one tensor.
    std::vector<at::Tensor> split(const at::Tensor& qkv_BTC) const {
        return qkv_BTC.view({qkv_BTC.size(0), qkv_BTC.size(1), 3, form_.heads, form_.width / form_.heads})
            .permute({2, 0, 3, 1, 4})
            .unbind(0);
    }
    at::Tensor join(const at::Tensor& heads_BHTD) const {
        return heads_BHTD.transpose(1, 2).reshape({heads_BHTD.size(0), heads_BHTD.size(2), form_.width});
    }
    /// `attend`: what attention makes of queries, keys and values, heads joined.
    template <class Attend>
    at::Tensor block(const at::Tensor& x, std::int64_t layer, const Dropout& dropout, const Attend& attend) const {
        const std::string name = block_name(layer);
        const auto attention = [&](const at::Tensor& in) {
            return dropout(linear(attend(linear(in, name + "attention.qkv")), name + "attention.output"), name + "attention");
        };
        const auto mlp = [&](const at::Tensor& in) {
            return dropout(linear(at::gelu(linear(in, name + "mlp.0")), name + "mlp.2"), name + "mlp");
        };
        if (form_.pre_norm) {
            const at::Tensor x1 = x + attention(norm(x, name + "norm1"));
            return x1 + mlp(norm(x1, name + "norm2"));
        }
        const at::Tensor x1 = norm(x + attention(x), name + "norm1");
        return norm(x1 + mlp(x1), name + "norm2");
    }

    LanguageForm form_;
    Parameters& parameters_;
};

}  // namespace

std::unique_ptr<SequenceModel> make_gpt1_model(const LanguageForm& form, const GivenValues& given, Parameters& parameters) {
    return std::make_unique<Gpt1Model>(form, given, parameters);
}

}  // namespace plumb::nn
