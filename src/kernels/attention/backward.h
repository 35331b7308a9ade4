// SPDX-License-Identifier: Apache-2.0
// The backward pass of attention (attention.h): from the gradient of the outputs to those of queries, keys and values.
//
// With S = scale q k^T + bias, P = softmax(S) over visible keys, O = P v, and dO given, for each query n and key m:
//   dv_m = sum_n P_nm dO_n
//   dS_nm = P_nm (dO_n . v_m - delta_n),  delta_n = dO_n . O_n
//   dq_n = scale sum_m dS_nm k_m,         dk_m = scale sum_n dS_nm q_n
// (Dao et al., arXiv 2205.14135, appendix B). P is recomputed from the log-sum-exp of the forward pass: P_nm = exp(S_nm - lse_n).
// Grouped heads: dk and dv of a key head are sums over the query heads that read it. A pair of query and key that the mask hides
// contributes nothing, whatever its numbers are; so a query that sees no key gets dq = 0, and a key that no query sees gets dk = dv = 0.
// Rows of P sum to 1, so the columns of dv have the sums of those of dO (over queries that see a key). The gradient of the bias is not
// provided: it would be N x M numbers a head.
//
// Legend: B batch, H heads, G key heads, N queries, M keys, D head_dim, E value_dim.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/attention/attention.h"

namespace plumb::kernels::attention {

/// What the backward pass reads and where it writes. Borrowed pointers; no result may overlap an input or another result.
struct Backward {
    Problem problem;             ///< as given to the forward pass; its threads are used here too
    const void* out = nullptr;   ///< O of the forward pass, B x H x N x E of problem.dtype
    const float* lse = nullptr;  ///< B x H x N contiguous, of the forward pass; not read for a query that sees no key
    const void* dout = nullptr;  ///< dO, B x H x N x E of problem.dtype
    Strides out_strides;
    Strides dout_strides;

    void* dq = nullptr;  ///< B x H x N x D of problem.dtype, as are dk and dv
    void* dk = nullptr;  ///< B x G x M x D
    void* dv = nullptr;  ///< B x G x M x E
    Strides dq_strides;
    Strides dk_strides;
    Strides dv_strides;
};

/// Throws what validate(problem) throws, and Error{usage} where a pointer that is needed is null.
void validate(const Backward& backward);
/// Floating-point operations of the five products over visible keys: 2.5 times those of the forward pass where D = E.
double backward_operations(const Problem& problem);

/// Gradients in fp64 or fp32, contiguous: dq B x N x H x D, dk B x M x G x D, dv B x M x G x E.
template <typename Real>
struct Gradients {
    std::span<Real> dq_BNHD;
    std::span<Real> dk_BMGD;
    std::span<Real> dv_BMGE;
};

/// fp64 throughout from q, k, v and dO alone: the derivative of softmax, delta as sum over keys of P (dO . v). Slow, obviously right.
/// `dout` holds numbers of problem.dtype. Error{usage} when a span has another size.
void reference_backward(const Problem& problem, const void* dout, const Strides& dout_strides, const Gradients<double>& gradients);
/// The equations above in plain fp32 from the given out and lse, every product and every sum rounded, sums in order, one row of P at a
/// time: the yardstick of the accuracy rule. Reads problem, out, lse and dout of `backward` and writes to `gradients` alone, not rounded to
/// the type of the problem.
void plain_backward(const Backward& backward, const Gradients<float>& gradients);

/// Fused: never stores the N x M probabilities, only a tile of them per thread. fp32 arithmetic and accumulation whatever the type.
///
/// Memory: an fp32 copy of dq for the heads at work, times the parts into which the keys of a head are cut where heads are few.
/// Threads: bitwise equal for any number of threads on one instruction set: work is cut by the problem's sizes alone, and sums over parts
/// run in a fixed order. Chooses the instruction set at run time (isa.h). Error against fp64 before results are rounded to their type: each
/// of dq, dk and dv at most twice that of plain_backward() (gradient_accuracy.h). Throws what validate() throws, and Error{unsupported} for
/// a precision other than highest.
void fused_backward(const Backward& backward);

}  // namespace plumb::kernels::attention
