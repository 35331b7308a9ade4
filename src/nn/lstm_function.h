// SPDX-License-Identifier: Apache-2.0
// plumb's LSTM layer as a function of LibTorch's autograd: what models of nn call in place of torch::nn::LSTM, once a layer. For .cpp files
// of nn alone, which include LibTorch themselves; here its tensor is only named. What is computed, how exactly, and that bits do not depend
// on threads: kernels/lstm/lstm.h.
//
// Legend: B batch, T steps, I input size, H hidden size, G = 4 H in the order i, f, g, o, V rows of a table.
#pragma once
#include <cstdint>
#include <tuple>

namespace at {
class Tensor;
}

namespace plumb::nn {

/// The parameters of one layer of torch.nn.LSTM, under its names; fp32 on the CPU. Biases may be undefined.
struct LstmParameters {
    const at::Tensor& weight_ih_GI;
    const at::Tensor& weight_hh_GH;
    const at::Tensor& bias_ih_G;
    const at::Tensor& bias_hh_G;
};

/// h of every step (B, T, H), and h and c of the last (B, H). input (B, T, I) fp32 on the CPU; h0 and c0 (B, H), undefined: zeros.
/// Differentiable in all of them; gradients that nobody asks for are not computed. `threads` 0: as many as LibTorch uses.
/// Throws Error{usage} naming the tensor that does not fit, and Error{unsupported} for second derivatives.
std::tuple<at::Tensor, at::Tensor, at::Tensor> lstm_layer(const at::Tensor& input_BTI, const LstmParameters& parameters,
                                                          const at::Tensor& h0_BH, const at::Tensor& c0_BH, int threads = 0);

/// The gradient by a table, as at::embedding lets one choose it.
struct TableGradient {
    /// The rows that were read and nothing else; false: dense. Autograd adds it in place to a dense gradient of the same table that nobody
    /// else holds, so that a table which is the output layer too costs no second array of its size.
    bool sparse = false;
    std::int64_t padding = -1;  ///< the row of this id collects none; -1: every row does
};

/// The same on rows of a table (V, I) by ids (B, T) of int64, without gathering them: a row that several positions read is projected once.
/// Also throws Error{usage} for an id outside the table.
std::tuple<at::Tensor, at::Tensor, at::Tensor> lstm_layer_of_ids(const at::Tensor& table_VI, const at::Tensor& ids_BT,
                                                                 const LstmParameters& parameters, const at::Tensor& h0_BH,
                                                                 const at::Tensor& c0_BH, const TableGradient& gradient = {},
                                                                 int threads = 0);

}  // namespace plumb::nn
