// SPDX-License-Identifier: Apache-2.0
// What PyTorch sees: torch.ops.plumb.attention, its gradient, and the shapes of both for torch.compile. docs/libplumb_attention.md is the
// page for users. Registered while the library is loaded, as PyTorch's dispatcher wants it.
// To add an operator: its schema, its kernels for CPU and Meta, and what Autograd makes of it.
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "torch_ops/arguments.h"
#include "torch_ops/cpu.h"
#include "torch_ops/report.h"

namespace plumb::torch_ops {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

ThreeTensors attention_meta(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const std::optional<at::Tensor>& mask, bool,
                            std::optional<double>, std::string_view) {
    require_fit(q, k, v, mask);
    return attention_results(q, v);
}

ThreeTensors attention_backward_meta(const at::Tensor&, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor&,
                                     const at::Tensor&, const std::optional<at::Tensor>&, bool, std::optional<double>) {
    return gradient_results(q, k, v);
}

/// Through the dispatcher, so that tracing sees the operators and not what is inside.
template <typename Function>
auto operator_named(const char* name) {
    return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Function>();
}

struct Attention : torch::autograd::Function<Attention> {
    static variable_list forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                 const std::optional<at::Tensor>& mask, bool causal, std::optional<double> scale,
                                 std::string_view protect) {
        const at::AutoDispatchBelowADInplaceOrView below;
        static const auto attention = operator_named<decltype(attention_cpu)>("plumb::attention");
        const auto [out, lse, report] = attention.call(q, k, v, mask, causal, scale, protect);
        context->save_for_backward({q, k, v, mask.value_or(at::Tensor()), out, lse});
        context->saved_data["causal"] = causal;
        context->saved_data["scale"] = scale;
        context->mark_non_differentiable({lse, report});
        return {out, lse, report};
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients) {
        static const auto attention_backward = operator_named<decltype(attention_backward_cpu)>("plumb::attention_backward");
        const variable_list saved = context->get_saved_variables();
        const std::optional<at::Tensor> mask = saved[3].defined() ? std::optional(saved[3]) : std::nullopt;
        const auto [dq, dk, dv] =
            attention_backward.call(gradients[0], saved[0], saved[1], saved[2], saved[4], saved[5], mask,
                                    context->saved_data["causal"].toBool(), context->saved_data["scale"].toOptional<double>());
        return {dq, dk, dv, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
    }
};

ThreeTensors attention_autograd(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const std::optional<at::Tensor>& mask,
                                bool causal, std::optional<double> scale, std::string_view protect) {
    const bool wants_mask_gradient = at::GradMode::is_enabled() && mask.has_value() && mask->requires_grad();
    TORCH_CHECK_NOT_IMPLEMENTED(!wants_mask_gradient,
                                "plumb::attention: the mask requires a gradient, which it has none of; pass mask.detach()");
    const variable_list results = Attention::apply(q, k, v, mask, causal, scale, protect);
    return {results[0], results[1], results[2]};
}

}  // namespace

TORCH_LIBRARY(plumb, library) {
    library.def(
        "attention(Tensor q, Tensor k, Tensor v, Tensor? mask=None, bool causal=False, float? scale=None, str protect=\"none\")"
        " -> (Tensor out, Tensor lse, Tensor report)",
        {at::Tag::pt2_compliant_tag});
    library.def(
        "attention_backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, Tensor? mask=None, bool causal=False,"
        " float? scale=None) -> (Tensor dq, Tensor dk, Tensor dv)",
        {at::Tag::pt2_compliant_tag});
    library.def("report_columns() -> str[]", &column_names);
}

TORCH_LIBRARY_IMPL(plumb, CPU, library) {
    library.impl("attention", &attention_cpu);
    library.impl("attention_backward", &attention_backward_cpu);
}

TORCH_LIBRARY_IMPL(plumb, Meta, library) {
    library.impl("attention", &attention_meta);
    library.impl("attention_backward", &attention_backward_meta);
}

TORCH_LIBRARY_IMPL(plumb, Autograd, library) {
    library.impl("attention", &attention_autograd);
    // Second derivatives are an error and not a silent zero.
    library.impl("attention_backward", torch::autograd::autogradNotImplementedFallback());
}

}  // namespace plumb::torch_ops
