// SPDX-License-Identifier: Apache-2.0
// The accuracy rule for gradients: each of dq, dk and dv may be at most twice as wrong as plain_backward() is on the same inputs, out and
// log-sum-exp, plus the rounding to its type. Norm and bound are those of accuracy.h, tensor by tensor:
//   e = 2 max(e_plain, e_single),  bound = e + u_out (max|gradient| + e).
// Both are measured against the gradient of the exact attention, so the rounding of out and lse by the forward pass counts on both sides.
//
// e_plain is the largest error of plain_backward() over `plain_orders` orders of its sums over head_dim and value_dim (random permutations
// of the columns), computed only while a result is not within its bound yet.
//
// e_single guards problems where few numbers decide the largest error and an order may be right by luck, or always: of a query that sees
// one key, dO . v and delta are the same sum of the same numbers. It is the first-order effect of rounding each intermediate once, which no
// fp32 form avoids. With u = 2^-24, over visible pairs:
//   p_nm = u P (scale sum_d |q k| + |bias| + |lse| + 1)                        error of P: score, log-sum-exp, exponential
//   s_nm = |dP - delta| p + u P (sum_e |dO v| + sum_e |dO O|) + u |dS|         error of dS
// Independent roundings add in squares:
//   dv: max_me sqrt(sum_n (p dO)^2),  dq: max_nd |scale| sqrt(sum_m (s k)^2),  dk: max_md |scale| sqrt(sum_n (s q)^2)
#pragma once
#include <span>
#include <vector>

#include "kernels/attention/accuracy.h"
#include "kernels/attention/backward.h"

namespace plumb::kernels::attention {

/// Largest errors of the three results.
struct GradientErrors {
    double dq = 0;
    double dk = 0;
    double dv = 0;
};

struct GradientAccuracy {
    Accuracy dq;
    Accuracy dk;
    Accuracy dv;

    bool within() const { return dq.within() && dk.within() && dv.within(); }
};

/// What gradients are held against, made once for any number of results: the exact gradients and the yardstick's errors. A problem may come
/// in parts (some of its heads, say): the largest error is then that over all parts, on both sides.
class GradientYardstick {
  public:
    /// Reads problem, out, lse and dout of each part, now and later. Computes the references: slow.
    explicit GradientYardstick(std::vector<Backward> parts);
    ~GradientYardstick();
    GradientYardstick(GradientYardstick&&) noexcept;
    GradientYardstick& operator=(GradientYardstick&&) noexcept;

    std::span<const Backward> parts() const { return parts_; }
    /// `results`: for each part contiguous as Gradients has it, widened from problem.dtype. Computes orders of plain_backward() that no
    /// result needed yet: slow the first time.
    GradientAccuracy measure(std::span<const Gradients<const float>> results);

  private:
    struct Part;
    void compute_plain(int draw);
    std::vector<Backward> parts_;
    std::vector<Part> exact_;
    std::vector<GradientErrors> plain_errors_;  ///< of each order so far
};

/// Reads dq, dk and dv where `backward` says; computes reference and plain first: slow.
GradientAccuracy measure_gradient_accuracy(const Backward& backward);

}  // namespace plumb::kernels::attention
