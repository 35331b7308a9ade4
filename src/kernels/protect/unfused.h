// SPDX-License-Identifier: Apache-2.0
// Attention with stored scores, protected step by step: the decoupled designs, each a choice of checks on one driver. Published designs
// that it models: operation-level protection and its parts (FT-Transformer, arXiv 2504.02211, and the notebook), the fixed thresholds of
// that paper's released code, the extreme-value checks of ATTNChecker (arXiv 2410.11720).
//
// For each head, step after step over the whole of the stored scores: product q k, softmax, product with v. Numbers are widened to fp32
// once, scores carry the scale in q, probabilities are divided by their sum. No masks, no bias: why_not_unfused() says so.
//
// Level correct recomputes what a check doubts from the caller's operands: the panel of rows where a row is doubted, all rows where a sum
// over rows is. To add a design: a line of unfused_designs.h and one of the table in schemes.cpp.
#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "kernels/attention/attention.h"
#include "kernels/protect/fault.h"
#include "kernels/protect/protection.h"

namespace plumb::kernels::protect {

enum class ScoreCheck {
    none,
    total,    ///< one sum of all scores of a head
    columns,  ///< a sum over the queries for each key, against (sum of queries) k
    rows,     ///< a sum over the keys for each query, against q (sum of keys)
    equal,    ///< rows, and both sums must be the same fp32 number
    extremes  ///< rows, with |difference| <= 1 and |score| <= 1e10
};
enum class SoftmaxCheck {
    none,
    stored,   ///< a second softmax of all rows is stored, then both are compared bit by bit
    compared  ///< each row's second softmax is compared while it is in the cache, and not stored
};
enum class OutputCheck {
    none,
    total,    ///< one sum of all outputs of a head
    rows,     ///< a sum over the columns for each query, against p (sums of values)
    fixed,    ///< rows, with |difference| <= 1
    extremes  ///< fixed, and |output| <= 1e10
};

struct Design {
    ScoreCheck scores = ScoreCheck::none;
    SoftmaxCheck softmax = SoftmaxCheck::none;
    OutputCheck outputs = OutputCheck::none;
    bool in_panels = false;  ///< sums are taken of a panel of rows while it is in the cache, not of all rows afterwards
    bool repairs = false;    ///< level correct does what it says; false: it is level detect
};

/// Empty, or why stored scores cannot do the problem.
std::string why_not_unfused(const attention::Problem& problem);

/// out: B x N x H x E numbers of problem.dtype, contiguous. Threads share the heads; the same bits for any number of them. Throws what
/// validate() throws and Error{unsupported} where why_not_unfused() gives a reason.
Report run_unfused(const Design& design, const attention::Problem& problem, const Protection& protection, std::span<std::byte> out_BNHE);
/// The same with one fault, from code of its own (unfused_inject.cpp).
Report inject_unfused(const Design& design, const attention::Problem& problem, const Protection& protection, const Fault& fault,
                      std::span<std::byte> out_BNHE);

}  // namespace plumb::kernels::protect
