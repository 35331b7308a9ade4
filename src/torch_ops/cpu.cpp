// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/cpu.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <string>

#include "base/error.h"
#include "kernels/attention/backward.h"
#include "torch_ops/arguments.h"
#include "torch_ops/report.h"

namespace plumb::torch_ops {

namespace {

using kernels::attention::Backward;
using kernels::attention::MaskKind;
using kernels::attention::Problem;
using kernels::attention::Strides;

/// Arguments that fit. `hidden` and `bias` as split_mask() makes them; no key that causality hides from every query.
struct Arguments {
    at::Tensor q_BHND;
    at::Tensor k_BGMD;
    at::Tensor v_BGME;
    at::Tensor hidden;
    at::Tensor bias;
    bool causal = false;
    float scale = 0;

    bool heads_differ() const { return hidden.defined() && hidden.size(1) > 1; }
    std::int64_t group() const { return q_BHND.size(1) / k_BGMD.size(1); }
};

at::Tensor narrowed(const at::Tensor& x, std::int64_t axis, std::int64_t start, std::int64_t length) {
    return !x.defined() || x.size(axis) == 1 ? x : x.narrow(axis, start, length);
}

/// Keys that a causal query can see at all: PyTorch aligns the first query with the first key.
std::int64_t keys_in_reach(const at::Tensor& q, const at::Tensor& k, bool causal) {
    return causal ? std::min(q.size(2), k.size(2)) : k.size(2);
}

Arguments make_arguments(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const std::optional<at::Tensor>& mask, bool causal,
                         std::optional<double> scale) {
    require_fit(q, k, v, mask);
    const auto [hidden, bias] = split_mask(mask);
    const std::int64_t keys = keys_in_reach(q, k, causal);
    return {.q_BHND = q,
            .k_BGMD = k.narrow(2, 0, keys),
            .v_BGME = v.narrow(2, 0, keys),
            .hidden = narrowed(hidden, 3, 0, keys),
            .bias = narrowed(bias, 3, 0, keys),
            .causal = causal,
            .scale = scale_of(scale)};
}

/// The arguments of query head h alone.
Arguments head(const Arguments& all, std::int64_t h) {
    Arguments one = all;
    one.q_BHND = all.q_BHND.narrow(1, h, 1);
    one.k_BGMD = all.k_BGMD.narrow(1, h / all.group(), 1);
    one.v_BGME = all.v_BGME.narrow(1, h / all.group(), 1);
    one.hidden = narrowed(all.hidden, 1, h, 1);
    one.bias = narrowed(all.bias, 1, h, 1);
    return one;
}

Strides strides_of(const at::Tensor& x) {
    return {.batch = x.stride(0), .head = x.stride(1), .row = x.stride(2), .column = x.stride(3)};
}

base::Dtype dtype_of(const at::Tensor& x) {
    if (x.scalar_type() == at::kBFloat16) return base::Dtype::bf16;
    return x.scalar_type() == at::kHalf ? base::Dtype::fp16 : base::Dtype::fp32;
}

/// A problem and the bytes of its mask, which it borrows like everything else.
struct Bound {
    Problem problem;
    at::Tensor flags;
};

void bind_mask(const Arguments& a, Bound& bound) {
    const kernels::attention::Shape& s = bound.problem.shape;
    kernels::attention::Mask& mask = bound.problem.mask;
    if (a.hidden.defined()) {
        const bool padding = a.hidden.size(2) == 1;
        const at::Tensor hidden = a.hidden.select(1, 0);
        bound.flags = padding ? hidden.select(1, 0).expand({s.batch, s.keys}) : hidden.expand({s.batch, s.queries, s.keys});
        bound.flags = bound.flags.contiguous();
        mask.kind = padding ? MaskKind::key_padding : MaskKind::boolean;
        mask.hidden = static_cast<const std::uint8_t*>(bound.flags.const_data_ptr());
    }
    if (a.causal) {
        if (mask.kind == MaskKind::none) mask.kind = MaskKind::sliding_window;
        // The kernels place query n at key n + M - N; it stands at key n here.
        mask.right = s.queries - s.keys;
    }
    if (a.bias.defined()) {
        const at::Tensor whole = a.bias.expand({s.batch, s.heads, s.queries, s.keys});
        bound.problem.bias = {.data = whole.const_data_ptr<float>(), .strides = strides_of(whole)};
    }
}

Bound bind(const Arguments& a) {
    Bound bound;
    Problem& problem = bound.problem;
    problem.shape = {.batch = a.q_BHND.size(0),
                     .heads = a.q_BHND.size(1),
                     .queries = a.q_BHND.size(2),
                     .keys = a.k_BGMD.size(2),
                     .head_dim = a.q_BHND.size(3),
                     .value_dim = a.v_BGME.size(3),
                     .key_heads = a.k_BGMD.size(1)};
    problem.q = a.q_BHND.const_data_ptr();
    problem.k = a.k_BGMD.const_data_ptr();
    problem.v = a.v_BGME.const_data_ptr();
    problem.q_strides = strides_of(a.q_BHND);
    problem.k_strides = strides_of(a.k_BGMD);
    problem.v_strides = strides_of(a.v_BGME);
    problem.dtype = dtype_of(a.q_BHND);
    problem.scale = a.scale;
    problem.threads = at::get_num_threads();
    bind_mask(a, bound);
    return bound;
}

/// `lse` is contiguous.
Row forward(const Arguments& a, std::int64_t wanted, const at::Tensor& out_BHNE, const at::Tensor& lse_BHN) {
    const Bound bound = bind(a);
    return run_reported(bound.problem, wanted, out_BHNE.mutable_data_ptr(), strides_of(out_BHNE), lse_BHN.mutable_data_ptr<float>());
}

Row forward_by_head(const Arguments& a, std::int64_t wanted, const at::Tensor& out_BHNE, const at::Tensor& lse_BHN) {
    Row row = {};
    for (std::int64_t h = 0; h < a.q_BHND.size(1); ++h) {
        const at::Tensor lse = at::empty({lse_BHN.size(0), 1, lse_BHN.size(2)}, lse_BHN.options());
        const Row one = forward(head(a, h), wanted, out_BHNE.narrow(1, h, 1), lse);
        lse_BHN.narrow(1, h, 1).copy_(lse);
        row = h == 0 ? one : joined(row, one);
    }
    return row;
}

struct Outputs {
    at::Tensor dout_BHNE;
    at::Tensor out_BHNE;
    at::Tensor lse_BHN;
};

struct Gradients {
    at::Tensor dq_BHND;
    at::Tensor dk_BGMD;
    at::Tensor dv_BGME;
};

void backward(const Arguments& a, const Outputs& outputs, const Gradients& gradients) {
    const Bound bound = bind(a);
    const at::Tensor lse_BHN = outputs.lse_BHN.contiguous();
    Backward pass;
    pass.problem = bound.problem;
    pass.out = outputs.out_BHNE.const_data_ptr();
    pass.lse = lse_BHN.const_data_ptr<float>();
    pass.dout = outputs.dout_BHNE.const_data_ptr();
    pass.out_strides = strides_of(outputs.out_BHNE);
    pass.dout_strides = strides_of(outputs.dout_BHNE);
    pass.dq = gradients.dq_BHND.mutable_data_ptr();
    pass.dk = gradients.dk_BGMD.mutable_data_ptr();
    pass.dv = gradients.dv_BGME.mutable_data_ptr();
    pass.dq_strides = strides_of(gradients.dq_BHND);
    pass.dk_strides = strides_of(gradients.dk_BGMD);
    pass.dv_strides = strides_of(gradients.dv_BGME);
    kernels::attention::fused_backward(pass);
}

/// Key heads that several query heads read are summed in fp32.
void backward_by_head(const Arguments& a, const Outputs& outputs, const Gradients& gradients) {
    const at::Tensor dk_sum = at::zeros(a.k_BGMD.sizes(), a.k_BGMD.options().dtype(at::kFloat));
    const at::Tensor dv_sum = at::zeros(a.v_BGME.sizes(), a.v_BGME.options().dtype(at::kFloat));
    for (std::int64_t h = 0; h < a.q_BHND.size(1); ++h) {
        const Arguments one = head(a, h);
        const Gradients part{.dq_BHND = gradients.dq_BHND.narrow(1, h, 1),
                             .dk_BGMD = at::empty(one.k_BGMD.sizes(), one.k_BGMD.options()),
                             .dv_BGME = at::empty(one.v_BGME.sizes(), one.v_BGME.options())};
        backward(one,
                 {.dout_BHNE = outputs.dout_BHNE.narrow(1, h, 1),
                  .out_BHNE = outputs.out_BHNE.narrow(1, h, 1),
                  .lse_BHN = outputs.lse_BHN.narrow(1, h, 1)},
                 part);
        dk_sum.narrow(1, h / a.group(), 1).add_(part.dk_BGMD);
        dv_sum.narrow(1, h / a.group(), 1).add_(part.dv_BGME);
    }
    gradients.dk_BGMD.copy_(dk_sum);
    gradients.dv_BGME.copy_(dv_sum);
}

/// What `body` returns; Python gets a plumb error as ValueError, NotImplementedError or RuntimeError.
template <typename Body>
auto with_torch_errors(const Body& body) {
    try {
        return body();
    } catch (const base::Error& error) {
        const std::string text = std::string("plumb::attention: ") + error.what() + (error.hint().empty() ? "" : "; " + error.hint());
        TORCH_CHECK_VALUE(error.kind() != base::ErrorKind::usage, text);
        TORCH_CHECK_NOT_IMPLEMENTED(error.kind() != base::ErrorKind::unsupported, text);
        TORCH_CHECK(false, text);
    }
}

}  // namespace

ThreeTensors attention_results(const at::Tensor& q, const at::Tensor& v) {
    const c10::SymInt sizes_BNHE[] = {q.sym_size(0), q.sym_size(2), q.sym_size(1), v.sym_size(3)};
    const c10::SymInt sizes_BHN[] = {q.sym_size(0), q.sym_size(1), q.sym_size(2)};
    return {at::empty_symint(sizes_BNHE, q.options()).transpose(1, 2), at::empty_symint(sizes_BHN, q.options().dtype(at::kFloat)),
            at::empty({column_count}, q.options().dtype(at::kLong))};
}

ThreeTensors gradient_results(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    return {at::empty_like(q), at::empty_like(k), at::empty_like(v)};
}

ThreeTensors attention_cpu(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const std::optional<at::Tensor>& mask,
                           bool causal, std::optional<double> scale, std::string_view protect) {
    return with_torch_errors([&] {
        const std::int64_t wanted = level_of(protect);
        const Arguments arguments = make_arguments(q, k, v, mask, causal, scale);
        const ThreeTensors results = attention_results(q, v);
        const auto& [out_BHNE, lse_BHN, report] = results;
        const Row row = (arguments.heads_differ() ? forward_by_head : forward)(arguments, wanted, out_BHNE, lse_BHN);
        std::copy(row.begin(), row.end(), report.mutable_data_ptr<std::int64_t>());
        return results;
    });
}

ThreeTensors attention_backward_cpu(const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                    const at::Tensor& out, const at::Tensor& lse, const std::optional<at::Tensor>& mask, bool causal,
                                    std::optional<double> scale) {
    return with_torch_errors([&] {
        const Arguments arguments = make_arguments(q, k, v, mask, causal, scale);
        const ThreeTensors results = gradient_results(q, k, v);
        const auto& [dq, dk, dv] = results;
        const std::int64_t keys = keys_in_reach(q, k, causal);
        if (keys < k.size(2)) {
            dk.narrow(2, keys, k.size(2) - keys).zero_();
            dv.narrow(2, keys, k.size(2) - keys).zero_();
        }
        const Gradients gradients{.dq_BHND = dq, .dk_BGMD = dk.narrow(2, 0, keys), .dv_BGME = dv.narrow(2, 0, keys)};
        const Outputs outputs{.dout_BHNE = dout, .out_BHNE = out, .lse_BHN = lse};
        (arguments.heads_differ() ? backward_by_head : backward)(arguments, outputs, gradients);
        return results;
    });
}

}  // namespace plumb::torch_ops
