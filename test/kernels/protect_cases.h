// SPDX-License-Identifier: Apache-2.0
// What tests of protected attention share: a problem with its clean output, and runs of it.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/attention/inputs.h"
#include "kernels/protect/protected_attention.h"

namespace plumb::test {

/// Output, log-sum-exps and row sums of one run.
struct Outcomes {
    std::vector<std::byte> out;
    std::vector<float> lse;
    std::vector<float> row_sums;
    kernels::protect::Report report;

    /// Bit by bit; row sums aside.
    bool same_output(const Outcomes& other) const {
        const auto same_bits = [](float a, float b) { return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b); };
        return out == other.out && std::equal(lse.begin(), lse.end(), other.lse.begin(), other.lse.end(), same_bits);
    }
};

class ProtectedCase {
  public:
    ProtectedCase(const kernels::attention::Shape& shape, const kernels::attention::InputOptions& options, const char* distribution,
                  std::uint64_t seed, int threads = 1)
        : inputs_(make_inputs(shape, options, distribution, seed)), problem_(inputs_.problem(threads)) {
        clean_ = empty();
        kernels::attention::fused(problem_, clean_.out.data(), strides(), clean_.lse.data());
    }

    const kernels::attention::Problem& problem() const { return problem_; }
    /// What fused() gives.
    const Outcomes& clean() const { return clean_; }

    Outcomes run(const kernels::protect::Protection& protection) const {
        Outcomes made = empty();
        made.report = protected_attention(problem_, protection, made.out.data(), strides(), made.lse.data(), made.row_sums.data());
        return made;
    }
    Outcomes inject(const kernels::protect::Protection& protection, const kernels::protect::Fault& fault) const {
        Outcomes made = empty();
        made.report =
            kernels::protect::inject(problem_, protection, fault, made.out.data(), strides(), made.lse.data(), made.row_sums.data());
        return made;
    }

    /// Largest change of an output, as a share of the root mean square of the clean ones; inf for NaN.
    double change(const Outcomes& other) const {
        const auto dtype = problem_.dtype;
        const auto count = static_cast<std::int64_t>(output_size(problem_.shape));
        double squares = 0;
        double largest = 0;
        for (std::int64_t i = 0; i < count; ++i) {
            const double right = base::load(dtype, clean_.out.data(), i);
            const double there = base::load(dtype, other.out.data(), i);
            squares += right * right;
            largest = std::isfinite(there) ? std::max(largest, std::abs(there - right)) : INFINITY;
        }
        return largest / std::sqrt(squares / static_cast<double>(count));
    }

  private:
    kernels::attention::Strides strides() const {
        const auto& s = problem_.shape;
        return kernels::attention::strides_bnhd(s.queries, s.heads, s.value_dim);
    }
    Outcomes empty() const {
        const auto& s = problem_.shape;
        const auto rows = static_cast<std::size_t>(s.batch * s.heads * s.queries);
        return {std::vector<std::byte>(static_cast<std::size_t>(output_size(s)) * static_cast<std::size_t>(base::size_of(problem_.dtype))),
                std::vector<float>(rows),
                std::vector<float>(rows),
                {}};
    }

    kernels::attention::Inputs inputs_;
    kernels::attention::Problem problem_;
    Outcomes clean_;
};

}  // namespace plumb::test
