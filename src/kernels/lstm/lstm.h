// SPDX-License-Identifier: Apache-2.0
// One layer of an LSTM over whole sequences, forward and backward, as PyTorch defines it (torch.nn.LSTM; Hochreiter and Schmidhuber 1997
// with the forget gate of Gers, Schmidhuber and Cummins 2000):
//
//   p_t = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh         four parts of H numbers in the order i, f, g, o
//   i, f, o = sigmoid(p), g = tanh(p)
//   c_t = f c_{t-1} + i g,   h_t = o tanh(c_t)
//
// Several layers: call it again on the output. What a call costs and how it is done: forward.cpp, backward.cpp.
//
// fp32 all through. A gate's sum is I + H fused multiply-adds (those over the input in blocks: gemm.h) and two additions; sigmoid and tanh
// are right to 2.5 units in the last place (activations-inl.h). The accuracy rule is DESIGN's: at most twice the error of plain.h. Bits do
// not depend on the number of threads. NaN and inf spread as in the definition.
//
// Legend: B batch, T steps, I input size, H hidden size, G = 4 H, R rows of input that are projected.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace plumb::kernels::lstm {

struct Shape {
    std::int64_t batch = 0;
    std::int64_t steps = 0;
    std::int64_t input = 0;
    std::int64_t hidden = 0;
};

/// Rows of I numbers, and which of them each position reads. A row that many positions read is projected once, and its gradient is the sum
/// over them: with the distinct ids of a batch as rows of an embedding (distinct_rows()), that is all the work there is, exactly.
struct Input {
    const float* data = nullptr;
    std::int64_t rows = 0;                 ///< R
    const std::int64_t* stored = nullptr;  ///< R: where row r lies, in rows of I numbers; null: r
    const std::int64_t* row_of = nullptr;  ///< B x T; null: R = B T, position (b, t) reads row b T + t
};

/// Dense, row-major, as in torch.nn.LSTM: rows of W and numbers of b in the order i, f, g, o.
struct Weights {
    const float* w_ih_GI = nullptr;
    const float* w_hh_GH = nullptr;
    const float* b_ih_G = nullptr;  ///< null: zeros
    const float* b_hh_G = nullptr;  ///< null: zeros
};

struct Layer {
    Shape shape;
    Input input;
    Weights weights;
    const float* h0_BH = nullptr;  ///< null: zeros
    const float* c0_BH = nullptr;  ///< null: zeros
    int threads = 1;
};

/// What the forward pass leaves for the backward pass, in memory of the caller; the same on every instruction set.
struct Trace {
    float* gates = nullptr;  ///< gate_floats(): activations of all gates
    float* cells = nullptr;  ///< cell_floats(): c_0 to c_T
};
std::int64_t gate_floats(const Shape& shape);
std::int64_t cell_floats(const Shape& shape);

struct Output {
    float* h_BTH = nullptr;
    float* h_last_BH = nullptr;  ///< null: not wanted
    float* c_last_BH = nullptr;  ///< null: not wanted
};

/// Throws Error{usage} for a size below 1, a null pointer, a row that does not exist, threads < 1.
void forward(const Layer& layer, const Trace& trace, const Output& output);

/// Gradients of some loss by the outputs; null: zeros.
struct Upstream {
    const float* h_BTH = nullptr;
    const float* h_last_BH = nullptr;
    const float* c_last_BH = nullptr;
};

/// Where to write gradients; what was there is not read. Null: not wanted, and not computed.
struct Gradients {
    float* rows_RI = nullptr;
    float* w_ih_GI = nullptr;
    float* w_hh_GH = nullptr;
    float* b_G = nullptr;  ///< of either bias
    float* h0_BH = nullptr;
    float* c0_BH = nullptr;
};

/// `layer`, `trace` and `h_BTH` as forward() took and left them. Throws as forward() does.
void backward(const Layer& layer, const Trace& trace, const float* h_BTH, const Upstream& upstream, const Gradients& gradients);

/// 2 operations for each multiplication of the products: forward, and backward with all gradients.
double forward_operations(const Layer& layer);
double backward_operations(const Layer& layer);

struct DistinctRows {
    std::vector<std::int64_t> stored;  ///< ascending
    std::vector<std::int64_t> row_of;  ///< ids[i] is stored[row_of[i]]
};
/// For Input. Throws Error{usage} for an id outside [0, table_rows).
DistinctRows distinct_rows(std::span<const std::int64_t> ids, std::int64_t table_rows);

}  // namespace plumb::kernels::lstm
