// SPDX-License-Identifier: Apache-2.0
#include "nn/lstm_layer.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <tuple>

namespace plumb::nn {

at::Tensor lstm_layer(const at::Tensor& x_BTC, const LstmWeights& weights) {
    const at::Tensor zero_LBH = at::zeros({1, x_BTC.size(0), weights.recurrent.size(1)}, x_BTC.options());
    return std::get<0>(at::lstm(x_BTC, {zero_LBH, zero_LBH}, {weights.input, weights.recurrent, weights.input_bias, weights.recurrent_bias},
                                /*has_biases=*/true,
                                /*num_layers=*/1, /*dropout=*/0.0, /*train=*/c10::GradMode::is_enabled(), /*bidirectional=*/false,
                                /*batch_first=*/true));
}

void lstm_step(const at::Tensor& x_1C, const LstmWeights& weights, at::Tensor& h_1H, at::Tensor& c_1H) {
    std::tie(h_1H, c_1H) = at::lstm_cell(x_1C, {h_1H, c_1H}, weights.input, weights.recurrent, weights.input_bias, weights.recurrent_bias);
}

}  // namespace plumb::nn
