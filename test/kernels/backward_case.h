// SPDX-License-Identifier: Apache-2.0
// A backward problem with everything it borrows: inputs, the gradient of the output, an exact forward pass, and memory for the results.
#pragma once
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "kernels/attention/backward.h"
#include "kernels/attention/inputs.h"

namespace plumb::test {

class BackwardCase {
  public:
    BackwardCase(const kernels::attention::Shape& shape, const kernels::attention::InputOptions& options, std::string_view distribution,
                 std::uint64_t seed)
        : inputs(kernels::attention::make_inputs(shape, options, distribution, seed)), layout_(options.layout) {
        if (shape.value_dim > 0) {
            // The queries of another problem: rows of value_dim numbers for each head, rounded to the type.
            const kernels::attention::Shape of_output{shape.batch, shape.heads, shape.queries, 0, shape.value_dim, 0};
            dout = make_inputs(of_output, {.layout = options.layout, .dtype = options.dtype}, distribution, seed + 1).q;
        }
        run_forward();
    }

    kernels::attention::Problem problem(int threads = 1) const {
        kernels::attention::Problem made = inputs.problem(threads);
        made.scale = scale;
        return made;
    }

    /// Computes out and lse again, exactly and rounded once; call it after a change of the inputs.
    void run_forward() {
        const auto problem = this->problem();
        const kernels::attention::Shape& s = inputs.shape;
        std::vector<double> exact(output_size(s));
        std::vector<double> exact_lse(s.batch * s.heads * s.queries);
        kernels::attention::reference(problem, exact, exact_lse);
        out = base::Numbers(inputs.dtype, exact.size());
        lse.assign(exact_lse.begin(), exact_lse.end());
        const kernels::attention::Strides to = strides(s.heads, s.queries, s.value_dim);
        std::size_t next = 0;
        for (std::int64_t b = 0; b < s.batch; ++b) {
            for (std::int64_t n = 0; n < s.queries; ++n) {
                for (std::int64_t h = 0; h < s.heads; ++h) {
                    for (std::int64_t e = 0; e < s.value_dim; ++e)
                        out.set(b * to.batch + n * to.row + h * to.head + e, static_cast<float>(exact[next++]));
                }
            }
        }
    }

    void scale_dout(float factor) {
        for (float& number : dout) number = base::round_to(inputs.dtype, factor * number);
    }

    /// Borrows from this object. Results are poisoned first, so that a number that is not written shows.
    kernels::attention::Backward backward(int threads = 1) {
        const kernels::attention::Shape& s = inputs.shape;
        kernels::attention::Backward made;
        made.problem = problem(threads);
        dout_stored = base::Numbers(inputs.dtype, dout);
        made.out = out.data();
        made.lse = lse.data();
        made.dout = dout_stored.data();
        made.out_strides = made.dout_strides = strides(s.heads, s.queries, s.value_dim);
        dq = poisoned(s.batch * s.heads * s.queries * s.head_dim);
        dk = poisoned(s.batch * s.kv_heads() * s.keys * s.head_dim);
        dv = poisoned(s.batch * s.kv_heads() * s.keys * s.value_dim);
        made.dq = dq.data();
        made.dk = dk.data();
        made.dv = dv.data();
        made.dq_strides = made.problem.q_strides;
        made.dk_strides = made.problem.k_strides;
        made.dv_strides = made.problem.v_strides;
        return made;
    }

    kernels::attention::Inputs inputs;
    float scale = 0;          ///< of the problem
    std::vector<float> dout;  ///< as inputs.q, value_dim numbers a row
    base::Numbers dout_stored;
    base::Numbers out;
    std::vector<float> lse;
    base::Numbers dq;
    base::Numbers dk;
    base::Numbers dv;

  private:
    kernels::attention::Strides strides(std::int64_t heads, std::int64_t rows, std::int64_t columns) const {
        return layout_ == kernels::attention::Layout::bnhd ? kernels::attention::strides_bnhd(rows, heads, columns)
                                                           : kernels::attention::strides_bhnd(rows, heads, columns);
    }
    base::Numbers poisoned(std::int64_t count) const {
        return base::Numbers(inputs.dtype, std::vector<float>(static_cast<std::size_t>(count), std::nanf("")));
    }

    kernels::attention::Layout layout_;
};

}  // namespace plumb::test
