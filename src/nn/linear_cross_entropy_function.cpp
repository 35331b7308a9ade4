// SPDX-License-Identifier: Apache-2.0
#include "nn/linear_cross_entropy_function.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <string>

#include "base/error.h"
#include "kernels/isa.h"
#include "kernels/loss/linear_cross_entropy.h"

namespace plumb::nn {

namespace {

using base::Error;
using base::ErrorKind;
using kernels::loss::PackedWeight;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

std::string shape_text(const at::Tensor& x) {
    if (!x.defined()) return "undefined";
    std::string text = x.toString();
    for (std::int64_t axis = 0; axis < x.dim(); ++axis) text += (axis == 0 ? " " : " x ") + std::to_string(x.size(axis));
    return text;
}

[[noreturn]] void refuse(const std::string& name, const at::Tensor& x, const std::string& takes) {
    throw Error(ErrorKind::usage, "fused loss: " + name + " is " + shape_text(x), "it takes " + takes);
}

base::Dtype require_matrix(const at::Tensor& x, const char* name) {
    if (x.defined() && x.is_cpu() && x.dim() == 2) {
        if (x.scalar_type() == at::kFloat) return base::Dtype::fp32;
        if (x.scalar_type() == at::kBFloat16) return base::Dtype::bf16;
    }
    refuse(name, x, "fp32 or bf16 on the CPU over rows and features");
}

void require_vector(const at::Tensor& x, const char* name, at::ScalarType type, std::int64_t rows) {
    if (x.defined() && x.is_cpu() && x.dim() == 1 && x.scalar_type() == type && x.size(0) == rows) return;
    refuse(name, x, std::string(c10::toString(type)) + " on the CPU, one for each of the " + std::to_string(rows) + " rows of hidden");
}

/// The same numbers with adjacent columns; a view where they are so already.
at::Tensor with_adjacent_columns(const at::Tensor& x) {
    return x.stride(1) == 1 || x.size(1) == 1 ? x : x.contiguous();
}

/// Keeps what the kernel borrows.
struct Bound {
    at::Tensor hidden_RE, targets_R, row_weights_R;
    kernels::loss::Problem problem;
};

Bound bind(const at::Tensor& hidden_RE, const at::Tensor& targets_R, const at::Tensor& row_weights_R, const PackedWeight& weight) {
    const base::Dtype dtype = require_matrix(hidden_RE, "hidden");
    if (hidden_RE.size(1) != weight.features()) {
        refuse("hidden", hidden_RE, std::to_string(weight.features()) + " features, as the weight has");
    }
    require_vector(targets_R, "targets", at::kLong, hidden_RE.size(0));
    if (row_weights_R.defined()) require_vector(row_weights_R, "row_weights", at::kFloat, hidden_RE.size(0));
    Bound bound{with_adjacent_columns(hidden_RE.detach()),
                targets_R.contiguous(),
                row_weights_R.defined() ? row_weights_R.detach().contiguous() : at::Tensor(),
                {}};
    bound.problem = {.hidden_RE = bound.hidden_RE.const_data_ptr(),
                     .rows = bound.hidden_RE.size(0),
                     .row_stride = bound.hidden_RE.stride(0),
                     .dtype = dtype,
                     .weight = &weight,
                     .target_R = bound.targets_R.const_data_ptr<std::int64_t>(),
                     .weight_R = bound.row_weights_R.defined() ? bound.row_weights_R.const_data_ptr<float>() : nullptr,
                     .threads = at::get_num_threads()};
    return bound;
}

at::Tensor scaled(const at::Tensor& gradient, const at::Tensor& by) {
    if (!gradient.defined()) return {};
    const double factor = by.item<double>();
    return factor == 1 ? gradient : gradient * factor;
}

struct FusedLoss : torch::autograd::Function<FusedLoss> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden_RE, const at::Tensor& weight_VE,
                              const at::Tensor& targets_R, const std::optional<at::Tensor>& row_weights_R, PackedWeightCache* cache) {
        const Bound bound = bind(hidden_RE, targets_R, row_weights_R.value_or(at::Tensor()), cache->get(weight_VE));
        const at::Tensor dhidden_RE = at::empty(hidden_RE.sizes(), hidden_RE.options());
        at::Tensor dweight_VE;
        if (weight_VE.requires_grad()) dweight_VE = at::zeros(weight_VE.sizes(), weight_VE.options().dtype(at::kFloat));
        const kernels::loss::Gradients gradients{.hidden_RE = dhidden_RE.mutable_data_ptr(),
                                                 .row_stride = dhidden_RE.stride(0),
                                                 .weight_VE = dweight_VE.defined() ? dweight_VE.mutable_data_ptr<float>() : nullptr};
        const double loss = kernels::loss::linear_cross_entropy(bound.problem, {}, gradients);
        if (dweight_VE.defined()) dweight_VE = dweight_VE.to(weight_VE.scalar_type());
        context->saved_data["dhidden"] = dhidden_RE;
        context->saved_data["dweight"] = dweight_VE;
        return at::scalar_tensor(loss, at::kDouble);
    }

    static variable_list backward(AutogradContext* context, const variable_list& outputs) {
        if (at::GradMode::is_enabled()) {
            throw Error(ErrorKind::unsupported, "fused loss has no second derivatives", "differentiate once, without create_graph");
        }
        if (context->saved_data.empty()) {
            throw Error(ErrorKind::unsupported, "fused loss gives its gradients once", "compute the loss again before a second backward()");
        }
        const at::Tensor dhidden_RE = context->saved_data["dhidden"].toTensor();
        const at::Tensor dweight_VE = context->saved_data["dweight"].toTensor();
        // Autograd adds in place to what nobody else holds: to a tied embedding's gradient that of its rows as inputs.
        context->saved_data.clear();
        return {scaled(dhidden_RE, outputs[0]), scaled(dweight_VE, outputs[0]), at::Tensor(), at::Tensor(), at::Tensor()};
    }
};

}  // namespace

struct PackedWeightCache::Kept {
    kernels::loss::Precision precision = kernels::loss::Precision::highest;
    std::optional<PackedWeight> packed;
    at::Tensor weight_VE;  ///< held, so that no other tensor can come to lie at its address
    std::int64_t version = 0;
    kernels::Isa isa = kernels::Isa::scalar;

    bool serves(const at::Tensor& weight) const {
        return packed && !weight.requires_grad() && version == weight._version() && isa == kernels::current_isa() &&
               weight_VE.const_data_ptr() == weight.const_data_ptr() && weight_VE.scalar_type() == weight.scalar_type() &&
               weight_VE.sizes() == weight.sizes() && weight_VE.strides() == weight.strides();
    }
};

PackedWeightCache::PackedWeightCache(kernels::loss::Precision precision) : kept_(std::make_unique<Kept>()) {
    kept_->precision = precision;
}
PackedWeightCache::~PackedWeightCache() = default;
PackedWeightCache::PackedWeightCache(PackedWeightCache&&) noexcept = default;
PackedWeightCache& PackedWeightCache::operator=(PackedWeightCache&&) noexcept = default;

void PackedWeightCache::forget() {
    kept_->packed.reset();
    kept_->weight_VE.reset();
}

const PackedWeight& PackedWeightCache::get(const at::Tensor& weight_VE) {
    const base::Dtype dtype = require_matrix(weight_VE, "weight");
    if (kept_->serves(weight_VE)) return *kept_->packed;
    const at::Tensor rows_VE = with_adjacent_columns(weight_VE.detach());
    const kernels::loss::WeightView view{.data = rows_VE.const_data_ptr(),
                                         .vocabulary = rows_VE.size(0),
                                         .features = rows_VE.size(1),
                                         .row_stride = rows_VE.stride(0),
                                         .dtype = dtype};
    const bool fits = kept_->packed && kept_->packed->vocabulary() == view.vocabulary && kept_->packed->features() == view.features &&
                      kept_->isa == kernels::current_isa();
    kept_->weight_VE.reset();
    if (fits) {
        kept_->packed->pack(view, at::get_num_threads());
    } else {
        kept_->packed.reset();
        kept_->packed.emplace(view, at::get_num_threads(), kept_->precision);
    }
    kept_->weight_VE = weight_VE;
    kept_->version = weight_VE._version();
    kept_->isa = kernels::current_isa();
    return *kept_->packed;
}

at::Tensor linear_cross_entropy(const at::Tensor& hidden_RE, const at::Tensor& weight_VE, const at::Tensor& targets_R,
                                const at::Tensor& row_weights_R, PackedWeightCache& cache) {
    require_matrix(hidden_RE, "hidden");
    require_matrix(weight_VE, "weight");
    require_vector(targets_R, "targets", at::kLong, hidden_RE.size(0));
    const bool differentiated = at::GradMode::is_enabled() && (hidden_RE.requires_grad() || weight_VE.requires_grad());
    if (!differentiated) {
        const Bound bound = bind(hidden_RE, targets_R, row_weights_R, cache.get(weight_VE));
        return at::scalar_tensor(kernels::loss::linear_cross_entropy(bound.problem, {}), at::kDouble);
    }
    return FusedLoss::apply(hidden_RE, weight_VE, targets_R, row_weights_R.defined() ? std::optional(row_weights_R) : std::nullopt, &cache);
}

at::Tensor linear_nll(const at::Tensor& hidden_RE, const at::Tensor& weight_VE, const at::Tensor& targets_R,
                      const at::Tensor& row_weights_R, PackedWeightCache& cache) {
    const Bound bound = bind(hidden_RE, targets_R, row_weights_R, cache.get(weight_VE));
    const at::Tensor nll_R = at::empty({hidden_RE.size(0)}, at::kDouble);
    kernels::loss::linear_cross_entropy(bound.problem, {nll_R.mutable_data_ptr<double>(), static_cast<std::size_t>(nll_R.size(0))});
    return nll_R;
}

}  // namespace plumb::nn
