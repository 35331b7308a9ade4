// SPDX-License-Identifier: Apache-2.0
// What the backward pass of one try is given and what its results are held against: made once and shared by the implementations that are
// measured together. Legend: B batch, H heads, G key heads, N queries, M keys, D head_dim, E value_dim.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "kernels/attention/gradient_accuracy.h"
#include "kernels/attention/inputs.h"

namespace plumb::families::attention {

/// dq B x N x H x D, dk B x M x G x D and dv B x M x G x E, contiguous.
struct GradientArrays {
    explicit GradientArrays(const kernels::attention::Shape& shape, float filled_with = 0);
    kernels::attention::Gradients<float> spans() { return {dq, dk, dv}; }

    std::vector<float> dq, dk, dv;
};

/// Key heads of a record: all of them, or as many as can be compared with fp64 in some seconds and at least two, the first and the last
/// among them. Throws Error{unsupported} where two would take minutes.
struct KeyHead {
    std::int64_t record, head;
};
std::vector<KeyHead> choose_key_heads(const kernels::attention::Problem& problem);

class GradientCase {
  public:
    /// Runs fused() for out and log-sum-exp. `dout`: of the file, or nothing, and then it is drawn from `distribution`.
    GradientCase(const kernels::attention::Problem& problem, kernels::attention::Layout layout, std::optional<base::Tensor> dout,
                 const std::string& distribution, std::uint64_t seed);

    /// All but where the results go.
    const kernels::attention::Backward& backward() const { return backward_; }
    std::vector<float> out_BNHE() const;
    const std::vector<float>& lse_BHN() const { return lse_BHN_; }
    /// Compares the chosen key heads with fp64; slow the first time.
    kernels::attention::GradientAccuracy measure(const GradientArrays& gradients);
    std::size_t checked_key_heads() const { return key_heads_.size(); }
    bool all_checked() const;
    /// What `name` computes for the whole problem, made on demand; nothing where it cannot.
    const GradientArrays* gradients_of(const std::string& name);

  private:
    kernels::attention::Layout layout_;
    std::optional<base::Tensor> file_dout_;
    base::Numbers made_dout_;
    base::Numbers out_;
    std::vector<float> lse_BHN_;
    kernels::attention::Backward backward_;
    std::vector<KeyHead> key_heads_;
    std::optional<kernels::attention::GradientYardstick> yardstick_;
    std::string other_name_;
    std::optional<GradientArrays> other_;
};

}  // namespace plumb::families::attention
