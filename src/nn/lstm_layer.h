// SPDX-License-Identifier: Apache-2.0
// One LSTM layer, over whole sequences and step by step. The only place that says how it is computed. For .cpp files of nn alone;
// LibTorch's tensor is only named here.
//
// Legend: B sequences, T places, C inputs, H units. Gates in PyTorch's order, input, forget, cell, output: weights 4H x C and 4H x H, two
// biases of 4H.
#pragma once

namespace at {
class Tensor;
}

namespace plumb::nn {

struct LstmWeights {
    const at::Tensor& input;
    const at::Tensor& recurrent;
    const at::Tensor& input_bias;
    const at::Tensor& recurrent_bias;
};

/// (B, T, C) to (B, T, H), state zero at the start; differentiable by LibTorch's autograd.
at::Tensor lstm_layer(const at::Tensor& x_BTC, const LstmWeights& weights);
/// One place: x (1, C), state h and c (1, H), both replaced by those behind it. The output is h.
void lstm_step(const at::Tensor& x_1C, const LstmWeights& weights, at::Tensor& h_1H, at::Tensor& c_1H);

}  // namespace plumb::nn
