// SPDX-License-Identifier: Apache-2.0
// plumb's fused attention as a function of LibTorch's autograd: what models of nn call in place of scaled_dot_product_attention. For .cpp
// files of nn alone, which include LibTorch themselves; here its tensor is only named.
//
// Legend: B batch, H heads, G key heads, N queries, M keys, D head_dim, E value_dim.
#pragma once
#include <cstdint>

#include "kernels/attention/attention.h"

namespace at {
class Tensor;
}

namespace plumb::nn {

struct AttentionOptions {
    kernels::attention::MaskKind mask = kernels::attention::MaskKind::none;
    std::int64_t left = -1;  ///< window, as in kernels::attention::Mask
    std::int64_t right = -1;
    double scale = 0;  ///< 0: 1 / sqrt(D)
    int threads = 0;   ///< 0: as many as LibTorch uses
};

/// softmax(scale q k^T, hidden keys left out) v in B x H x N x E; its memory is B x N x H x E, so that joining heads costs no copy.
/// q (B,H,N,D), k (B,G,M,D), v (B,G,M,E) on the CPU in one of fp32, bf16 or fp16, any strides. `hidden`: bool, true = hidden; (B,N,M) for a
/// boolean mask, (B,M) for key padding, undefined otherwise. Rows without a visible key are zeros, and so are their gradients.
/// Gradients of q, k and v are those of fused_backward() (accuracy, threads and determinism: kernels/attention/backward.h); scores are
/// recomputed, so N x M numbers are stored neither forward nor backward. Throws Error{usage} naming what does not fit, and
/// Error{unsupported} for second derivatives.
at::Tensor fused_attention(const at::Tensor& q_BHND, const at::Tensor& k_BGMD, const at::Tensor& v_BGME, const at::Tensor& hidden,
                           const AttentionOptions& options);

}  // namespace plumb::nn
