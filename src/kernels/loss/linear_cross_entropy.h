// SPDX-License-Identifier: Apache-2.0
// Output layer and cross-entropy of a language model in one: the R x V logits are never stored.
//
//   logit[r, v] = sum_e H[r, e] W[v, e]
//   nll[r]      = log(sum_v exp(logit[r, v])) - logit[r, target[r]]
//   loss        = sum_r weight[r] nll[r]
//   dH[r, e]    = weight[r] sum_v (p[r, v] - [v = target[r]]) W[v, e]            p = softmax(logit)
//   dW[v, e]    = sum_r weight[r] (p[r, v] - [v = target[r]]) H[r, e]
//
// Products are fp32 fused multiply-adds whatever the type of H and W, or in the precision that the weight was packed for (amx.h); the loss
// is a sum in fp64 in the order of the rows. Same bits for any number of threads. Source of the one pass: online softmax (Milakov and
// Gimelshein, arXiv 1805.02867); of not storing logits: Wijmans et al., arXiv 2411.09009. How it works: docs/loss.md.
//
// Legend: R rows (positions), V vocabulary, E features.
#pragma once
#include <cstdint>
#include <span>

#include "base/dtype.h"
#include "kernels/loss/packed_weight.h"

namespace plumb::kernels::loss {

/// Borrows everything. Nothing else may write to it meanwhile.
struct Problem {
    const void* hidden_RE = nullptr;
    std::int64_t rows = 0;
    std::int64_t row_stride = 0;  ///< numbers from one row of H to the next; columns are adjacent
    base::Dtype dtype = base::Dtype::fp32;
    const PackedWeight* weight = nullptr;
    const std::int64_t* target_R = nullptr;
    const float* weight_R = nullptr;  ///< null: all 1. A row of weight 0 is as if it were not there: neither H nor the target is read
    int threads = 1;
};
inline float weight_of(const Problem& problem, std::int64_t row) {
    return problem.weight_R == nullptr ? 1.0F : problem.weight_R[row];
}

struct Gradients {
    void* hidden_RE = nullptr;    ///< written whole, in the type of H; rows of weight 0 become 0
    std::int64_t row_stride = 0;  ///< as in Problem
    float* weight_VE = nullptr;   ///< dW is added to it, V x E contiguous; null where the weight is frozen, which saves a third of the work
};

/// The loss alone: one product. `nll_R`: empty, or R numbers, 0 for rows of weight 0. A row of H that is not finite makes its nll and the
/// loss NaN. Throws Error{usage} naming what does not fit; a target outside [0, V) by its row and value.
double linear_cross_entropy(const Problem& problem, std::span<double> nll_R);

/// Loss and gradients of it: two products, three with dW. Working memory: 2 x 528 x E numbers a thread at most; with dW also 288
/// x V numbers, kept exponentials.
double linear_cross_entropy(const Problem& problem, std::span<double> nll_R, const Gradients& gradients);

/// Operations (2 per multiplication and addition) of `products` products over `rows` rows.
double operations(const PackedWeight& weight, std::int64_t rows, int products);

}  // namespace plumb::kernels::loss
