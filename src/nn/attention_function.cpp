// SPDX-License-Identifier: Apache-2.0
#include "nn/attention_function.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/attention/backward.h"
#include "kernels/attention/bind.h"

namespace plumb::nn {

namespace {

using base::Error;
using base::ErrorKind;
using kernels::attention::Backward;
using kernels::attention::MaskKind;
using kernels::attention::Problem;
using kernels::attention::Strides;
using kernels::attention::View;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

base::Dtype dtype_of(const at::Tensor& x, const char* name) {
    if (x.defined() && x.is_cpu() && x.dim() == 4) {
        switch (x.scalar_type()) {
            case at::kFloat:
                return base::Dtype::fp32;
            case at::kBFloat16:
                return base::Dtype::bf16;
            case at::kHalf:
                return base::Dtype::fp16;
            default:
                break;
        }
    }
    throw Error(ErrorKind::usage,
                std::string("fused attention: ") + name + " is " +
                    (x.defined() ? x.toString() + " with " + std::to_string(x.dim()) + " axes" : "undefined"),
                "it takes fp32, bf16 or fp16 on the CPU over batch, heads, rows and columns");
}

Strides strides_of(const at::Tensor& x_BHRC) {
    return {.batch = x_BHRC.stride(0), .head = x_BHRC.stride(1), .row = x_BHRC.stride(2), .column = x_BHRC.stride(3)};
}

View view_of(const at::Tensor& x_BHRC, const char* name) {
    return {.data = x_BHRC.const_data_ptr(),
            .batch = x_BHRC.size(0),
            .rows = x_BHRC.size(2),
            .heads = x_BHRC.size(1),
            .columns = x_BHRC.size(3),
            .strides = strides_of(x_BHRC),
            .dtype = dtype_of(x_BHRC, name)};
}

/// Contiguous bytes, as kernels take masks; `hidden` where it is so already.
at::Tensor as_flags(const at::Tensor& hidden) {
    if (!hidden.defined()) return {};
    if (hidden.scalar_type() != at::kBool || !hidden.is_cpu()) {
        throw Error(ErrorKind::usage, "fused attention: the mask is " + hidden.toString(), "it takes bool on the CPU, true = hidden");
    }
    return hidden.contiguous();
}

/// Borrows from the tensors.
Problem bind_tensors(const at::Tensor& q_BHND, const at::Tensor& k_BGMD, const at::Tensor& v_BGME, const at::Tensor& flags,
                     const AttentionOptions& options) {
    kernels::attention::Mask mask{.kind = options.mask, .hidden = nullptr, .left = options.left, .right = options.right};
    std::vector<std::int64_t> mask_sizes;
    if (flags.defined()) {
        mask.hidden = static_cast<const std::uint8_t*>(flags.const_data_ptr());
        mask_sizes = flags.sizes().vec();
    }
    return kernels::attention::bind(view_of(q_BHND, "q"), view_of(k_BGMD, "k"), view_of(v_BGME, "v"), mask, mask_sizes,
                                    static_cast<float>(options.scale), options.threads == 0 ? at::get_num_threads() : options.threads);
}

at::IValue to_value(const AttentionOptions& options) {
    return at::IValue(std::vector<double>{static_cast<double>(options.mask), static_cast<double>(options.left),
                                          static_cast<double>(options.right), options.scale, static_cast<double>(options.threads)});
}

AttentionOptions to_options(const at::IValue& value) {
    const std::vector<double> numbers = value.toDoubleVector();
    return {.mask = static_cast<MaskKind>(numbers[0]),
            .left = static_cast<std::int64_t>(numbers[1]),
            .right = static_cast<std::int64_t>(numbers[2]),
            .scale = numbers[3],
            .threads = static_cast<int>(numbers[4])};
}

struct FusedAttention : torch::autograd::Function<FusedAttention> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& q_BHND, const at::Tensor& k_BGMD, const at::Tensor& v_BGME,
                              const std::optional<at::Tensor>& hidden, const AttentionOptions& options) {
        const at::Tensor flags = as_flags(hidden.value_or(at::Tensor()));
        const Problem problem = bind_tensors(q_BHND, k_BGMD, v_BGME, flags, options);
        const kernels::attention::Shape& s = problem.shape;
        const at::Tensor out_BHNE = at::empty({s.batch, s.queries, s.heads, s.value_dim}, q_BHND.options()).transpose(1, 2);
        const at::Tensor lse_BHN = at::empty({s.batch, s.heads, s.queries}, q_BHND.options().dtype(at::kFloat));
        kernels::attention::fused(problem, out_BHNE.mutable_data_ptr(), strides_of(out_BHNE), lse_BHN.mutable_data_ptr<float>());
        context->save_for_backward({q_BHND, k_BGMD, v_BGME, flags, out_BHNE, lse_BHN});
        context->saved_data["options"] = to_value(options);
        return out_BHNE;
    }

    static variable_list backward(AutogradContext* context, const variable_list& outputs) {
        if (at::GradMode::is_enabled()) {
            throw Error(ErrorKind::unsupported, "fused attention has no second derivatives", "differentiate once, without create_graph");
        }
        const variable_list saved = context->get_saved_variables();
        const at::Tensor& dout_BHNE = outputs[0];
        const at::Tensor dq_BHND = at::empty_like(saved[0]);
        const at::Tensor dk_BGMD = at::empty_like(saved[1]);
        const at::Tensor dv_BGME = at::empty_like(saved[2]);
        Backward backward;
        backward.problem = bind_tensors(saved[0], saved[1], saved[2], saved[3], to_options(context->saved_data["options"]));
        backward.out = saved[4].const_data_ptr();
        backward.lse = saved[5].const_data_ptr<float>();
        backward.dout = dout_BHNE.const_data_ptr();
        backward.out_strides = strides_of(saved[4]);
        backward.dout_strides = strides_of(dout_BHNE);
        backward.dq = dq_BHND.mutable_data_ptr();
        backward.dk = dk_BGMD.mutable_data_ptr();
        backward.dv = dv_BGME.mutable_data_ptr();
        backward.dq_strides = strides_of(dq_BHND);
        backward.dk_strides = strides_of(dk_BGMD);
        backward.dv_strides = strides_of(dv_BGME);
        kernels::attention::fused_backward(backward);
        return {dq_BHND, dk_BGMD, dv_BGME, at::Tensor(), at::Tensor()};
    }
};

}  // namespace

at::Tensor fused_attention(const at::Tensor& q_BHND, const at::Tensor& k_BGMD, const at::Tensor& v_BGME, const at::Tensor& hidden,
                           const AttentionOptions& options) {
    // autograd takes tensors that exist, or none; it does not get to name those that do not.
    dtype_of(q_BHND, "q");
    dtype_of(k_BGMD, "k");
    dtype_of(v_BGME, "v");
    return FusedAttention::apply(q_BHND, k_BGMD, v_BGME, hidden.defined() ? std::optional(hidden) : std::nullopt, options);
}

}  // namespace plumb::nn
