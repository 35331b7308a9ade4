// SPDX-License-Identifier: Apache-2.0
// The accuracy rule: an output may be at most twice as wrong as the plain form in the same precision is on the same inputs, plus the
// rounding of the output to its type.
//
// Norm: the largest absolute error over the whole output of one problem, on both sides. A relative or an element-wise norm would divide by
// outputs that cancel to nothing; the largest absolute error is what a reader of the output can count on, and both sides see the same
// inputs.
//   e = 2 max(e_plain, e_single),  bound = e + u_out (max|out| + e)
// where u_out is 2^-24, 2^-8 or 2^-11 for fp32, bf16 and fp16 (the second term never less than half the type's smallest denormal). Inputs
// of 16 bits are exact in fp32 and the yardstick is not rounded to the output's type, so e is as strict for them as for fp32.
//
// e_plain is the largest error of plain() over `plain_orders` orders of the sum over head_dim: the order is the plain form's free choice,
// and where few rows decide the largest error (few outputs, or nearly one-hot probabilities), one order may be right by luck. The first is
// the given order; the others, random permutations of the columns of q and k together, are computed only while the output is not within the
// bound yet, which changes no verdict.
//
// e_single guards the smallest problems, where all orders round alike. It is the first-order effect of rounding every score once (relative
// to the sum of its |q k| terms and its bias) and every probability once, which no fp32 form avoids:
//   e_single = max over (n, e) of u (sum_m p |v - out| (scale sum_d |q k| + |bias|) + sum_m p |v|),  u = 2^-24,
// computed in fp64 and only where the output has fewer than `few_outputs` numbers; it is 0 for larger ones.
//
// In the precisions medium and high every number that is multiplied is rounded too (split.h; unit w = 2^-8 or 2^-16). Those roundings are
// independent of one another, so what they may do is the root of the sum of their squares, which is added:
//   e_single += max over (n, e) of w sqrt(sum_m p^2 ((v - out)^2 (1 + 2 sum_d (scale q k)^2) + v^2)):
// probabilities, q and k, v; for inputs that the parts hold exactly (bf16; in high fp16 too) of the probabilities alone. Weights are
// divided by the sum of the rounded probabilities, so their errors move an output by p |v - out|.
#pragma once
#include <cstdint>
#include <span>

#include "kernels/attention/attention.h"

namespace plumb::kernels::attention {

inline constexpr std::int64_t few_outputs = 4096;
inline constexpr int plain_orders = 8;

struct Accuracy {
    double max_error =
        0;  ///< of the output against fp64; infinite when NaN or inf stand where the reference has none, or the other way round
    double plain_max_error = 0;  ///< of plain() against fp64 over the orders that were needed, e_plain
    double single_rounding = 0;  ///< e_single, 0 for large outputs
    double bound = 0;            ///< what max_error may be
    std::int64_t compared = 0;   ///< numbers compared
    std::int64_t distinct = 0;   ///< distinct output values seen, counted up to 2: fewer proves little

    /// The rule holds. An infinite bound (plain() overflowed) proves nothing and is not within.
    bool within() const;
};

/// Computes reference and plain first: slow. All outputs are B x N x H x E contiguous; `out_BNHE` is widened from problem.dtype.
Accuracy measure_accuracy(const Problem& problem, std::span<const float> out_BNHE);
/// The same with both at hand, for several outputs of one problem.
Accuracy measure_accuracy(const Problem& problem, std::span<const double> reference_BNHE, std::span<const float> plain_BNHE,
                          std::span<const float> out_BNHE);

}  // namespace plumb::kernels::attention
