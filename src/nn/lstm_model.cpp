// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>

#include <cmath>
#include <tuple>

#include "nn/lstm_function.h"
#include "nn/sequence_model.h"

namespace plumb::nn {

namespace {

class LstmModel final : public SequenceModel {
  public:
    LstmModel(const LanguageForm& form, Parameters& parameters) : form_(form), parameters_(parameters) {
        const double bound = 1 / std::sqrt(static_cast<double>(form.hidden));
        for (std::int64_t layer = 0; layer < form.layers; ++layer) {
            const std::int64_t inputs = layer == 0 ? form.width : form.hidden;
            parameters.add_uniform(name("weight_ih", layer), {4 * form.hidden, inputs}, bound);
            parameters.add_uniform(name("weight_hh", layer), {4 * form.hidden, form.hidden}, bound);
            parameters.add_uniform(name("bias_ih", layer), {4 * form.hidden}, bound);
            parameters.add_uniform(name("bias_hh", layer), {4 * form.hidden}, bound);
        }
        parameters.add_linear("classifier.0", form.hidden, form.width);
    }

    at::Tensor features(const at::Tensor& embedded_BTC, const Dropout& dropout) const override {
        const at::Tensor x = dropout(embedded_BTC, "embedding");
        return above_first(std::get<0>(lstm_layer(x, weights(0), {}, {})), dropout);
    }
    at::Tensor features_of_ids(const at::Tensor& table_VC, const at::Tensor& ids_BT, const Dropout& dropout) const override {
        // What is dropped differs from place to place, so that no two read the same numbers.
        if (dropout.rate > 0) return SequenceModel::features_of_ids(table_VC, ids_BT, dropout);
        const TableGradient rows_alone{.sparse = true, .padding = padding_id};
        return above_first(std::get<0>(lstm_layer_of_ids(table_VC, ids_BT, weights(0), {}, {}, rows_alone)), dropout);
    }

    std::unique_ptr<Stepper> stepper() const override { return std::make_unique<Steps>(*this); }

  private:
    class Steps final : public Stepper {
      public:
        explicit Steps(const LstmModel& model) : model_(model) {
            const auto layers = static_cast<std::size_t>(model.form_.layers);
            h_.assign(layers, at::zeros({1, model.form_.hidden}));
            c_ = h_;
        }
        at::Tensor next(const at::Tensor& embedded_1C) override {
            at::Tensor x_11C = embedded_1C.unsqueeze(0);
            for (std::size_t layer = 0; layer < h_.size(); ++layer)
                std::tie(x_11C, h_[layer], c_[layer]) =
                    lstm_layer(x_11C, model_.weights(static_cast<std::int64_t>(layer)), h_[layer], c_[layer]);
            return model_.classify(x_11C.squeeze(0));
        }

      private:
        const LstmModel& model_;
        std::vector<at::Tensor> h_, c_;  ///< by layer
    };

    static std::string name(const std::string& what, std::int64_t layer) { return "lstm." + what + "_l" + std::to_string(layer); }

    LstmParameters weights(std::int64_t layer) const {
        return {parameters_[name("weight_ih", layer)], parameters_[name("weight_hh", layer)], parameters_[name("bias_ih", layer)],
                parameters_[name("bias_hh", layer)]};
    }
    /// Features of what the first layer gives.
    at::Tensor above_first(at::Tensor x, const Dropout& dropout) const {
        x = dropout(x, "lstm 0");
        for (std::int64_t layer = 1; layer < form_.layers; ++layer)
            x = dropout(std::get<0>(lstm_layer(x, weights(layer), {}, {})), "lstm " + std::to_string(layer));
        return dropout(classify(x), "features");
    }
    at::Tensor classify(const at::Tensor& x) const {
        return at::linear(x, parameters_["classifier.0.weight"], parameters_["classifier.0.bias"]).relu();
    }

    LanguageForm form_;
    Parameters& parameters_;
};

}  // namespace

std::unique_ptr<SequenceModel> make_lstm_model(const LanguageForm& form, Parameters& parameters) {
    return std::make_unique<LstmModel>(form, parameters);
}

}  // namespace plumb::nn
