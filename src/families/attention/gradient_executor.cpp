// SPDX-License-Identifier: Apache-2.0
#include "families/attention/gradient_executor.h"

#include <algorithm>

#include "base/error.h"
#include "families/attention/isa_choice.h"
#include "families/attention/layout.h"
#include "nn/attention_gradients.h"

namespace plumb::families::attention {

namespace {

namespace ka = kernels::attention;

class FusedExecutor final : public GradientExecutor {
  public:
    FusedExecutor(const IsaChoice& isa, const ka::Backward& backward, ka::Layout layout)
        : isa_(isa),
          backward_(backward),
          dq_(backward.problem.dtype, sizes_of_queries(backward.problem.shape).count()),
          dk_(backward.problem.dtype, sizes_of_keys(backward.problem.shape).count()),
          dv_(backward.problem.dtype, sizes_of_values(backward.problem.shape).count()) {
        const ka::Shape& shape = backward_.problem.shape;
        backward_.dq = dq_.data();
        backward_.dk = dk_.data();
        backward_.dv = dv_.data();
        backward_.dq_strides = sizes_of_queries(shape).strides(layout);
        backward_.dk_strides = sizes_of_keys(shape).strides(layout);
        backward_.dv_strides = sizes_of_values(shape).strides(layout);
    }

    void backward() override {
        isa_.apply();
        ka::fused_backward(backward_);
    }
    void copy_gradients(const ka::Gradients<float>& gradients) const override {
        const ka::Shape& shape = backward_.problem.shape;
        const auto copy = [&](const Sizes& sizes, const void* numbers, const ka::Strides& strides, std::span<float> target) {
            std::ranges::copy(gathered(sizes, backward_.problem.dtype, numbers, strides), target.begin());
        };
        copy(sizes_of_queries(shape), backward_.dq, backward_.dq_strides, gradients.dq_BNHD);
        copy(sizes_of_keys(shape), backward_.dk, backward_.dk_strides, gradients.dk_BMGD);
        copy(sizes_of_values(shape), backward_.dv, backward_.dv_strides, gradients.dv_BMGE);
    }

  private:
    IsaChoice isa_;
    ka::Backward backward_;
    base::Numbers dq_, dk_, dv_;
};

class PeerExecutor final : public GradientExecutor {
  public:
    PeerExecutor(const std::string& name, const ka::Backward& backward)
        : peer_(nn::make_attention_gradients(name, backward.problem, backward.dout, backward.dout_strides)) {
        peer_->forward();
    }

    void backward() override { peer_->backward(); }
    void copy_gradients(const ka::Gradients<float>& gradients) const override {
        peer_->copy_gradients(gradients.dq_BNHD, gradients.dk_BMGD, gradients.dv_BMGE);
    }

  private:
    std::unique_ptr<nn::AttentionGradients> peer_;
};

}  // namespace

std::string why_no_backward(const std::string& name, ka::Precision precision, base::Dtype dtype) {
    if (name != "fused" && name != "sdpa") return "no backward pass; direction=backward takes fused and sdpa";
    if (precision != ka::Precision::highest)
        return "precision " + std::string(ka::name(precision)) + " is not offered for direction=backward, only highest";
    if (name == "sdpa" && dtype != base::Dtype::fp32)
        return "LibTorch keeps intermediates of its backward pass in 16 bits, and there is no yardstick for that; dtype=fp32 has one";
    return {};
}

std::string why_no_backward(const std::string& name, const ka::Problem& problem) {
    std::string reason = why_no_backward(name, problem.precision, problem.dtype);
    if (!reason.empty() || name == "fused") return reason;
    reason = nn::why_no_gradients(name, problem);
    if (!reason.empty()) return reason;
    const std::int64_t hidden = ka::fully_hidden_rows(problem);
    if (hidden == 0) return {};
    return std::to_string(hidden) + " queries see no key, where LibTorch's gradients are NaN or not by the kernel that it takes";
}

std::unique_ptr<GradientExecutor> make_gradient_executor(const std::string& name, const std::string& isa, const ka::Backward& backward,
                                                         ka::Layout layout) {
    if (const std::string reason = why_no_backward(name, backward.problem); !reason.empty())
        throw base::Error(base::ErrorKind::unsupported, "impl " + name + ": " + reason);
    if (name == "fused") return std::make_unique<FusedExecutor>(IsaChoice(isa), backward, layout);
    return std::make_unique<PeerExecutor>(name, backward);
}

}  // namespace plumb::families::attention
