// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/arguments.h"

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <cmath>
#include <limits>

namespace plumb::torch_ops {

namespace {

void require_four_axes(const at::Tensor& x, const char* name) {
    TORCH_CHECK_VALUE(x.dim() == 4, "plumb::attention: ", name, " has shape ", x.sym_sizes(),
                      ", but takes four axes: batch, heads, rows, columns");
    const at::ScalarType type = x.scalar_type();
    TORCH_CHECK_TYPE(type == at::kFloat || type == at::kBFloat16 || type == at::kHalf, "plumb::attention: ", name, " is ", type,
                     ", but takes float32, bfloat16 or float16");
}

void require_same(const at::Tensor& a, const char* a_name, const at::Tensor& b, const char* b_name, int axis, const char* what) {
    TORCH_CHECK_VALUE(a.sym_size(axis) == b.sym_size(axis), "plumb::attention: ", a_name, " is ", a.sym_sizes(), " and ", b_name, " is ",
                      b.sym_sizes(), ": ", what, " differ");
}

void require_mask_fits(const at::Tensor& mask, const at::Tensor& q, const at::Tensor& k) {
    const c10::SymInt wanted[] = {q.sym_size(0), q.sym_size(1), q.sym_size(2), k.sym_size(2)};
    TORCH_CHECK_TYPE(mask.scalar_type() == at::kBool || at::isFloatingType(mask.scalar_type()), "plumb::attention: the mask is ",
                     mask.scalar_type(), ", but takes bool (True = attend) or numbers to add to the scores");
    TORCH_CHECK_VALUE(mask.device() == q.device(), "plumb::attention: the mask is on ", mask.device(), " and q on ", q.device());
    bool fits = mask.dim() <= 4;
    for (std::int64_t i = 1; fits && i <= mask.dim(); ++i) {
        const c10::SymInt size = mask.sym_size(-i);
        fits = size == 1 || size == wanted[4 - i];
    }
    TORCH_CHECK_VALUE(fits, "plumb::attention: the mask has shape ", mask.sym_sizes(),
                      ", which does not broadcast to batch, heads, queries, keys = ", c10::SymIntArrayRef(wanted),
                      "; a mask of batch x queries x keys goes in as mask.unsqueeze(1)");
}

}  // namespace

void require_fit(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const std::optional<at::Tensor>& mask) {
    require_four_axes(q, "q");
    require_four_axes(k, "k");
    require_four_axes(v, "v");
    TORCH_CHECK_TYPE(q.scalar_type() == k.scalar_type() && q.scalar_type() == v.scalar_type(), "plumb::attention: q, k and v are ",
                     q.scalar_type(), ", ", k.scalar_type(), " and ", v.scalar_type(), ", but take one type");
    require_same(q, "q", k, "k", 0, "batches");
    require_same(q, "q", k, "k", 3, "head dimensions");
    require_same(k, "k", v, "v", 0, "batches");
    require_same(k, "k", v, "v", 1, "heads");
    require_same(k, "k", v, "v", 2, "keys");
    TORCH_CHECK_VALUE(k.sym_size(1) == 0 ? q.sym_size(1) == 0 : q.sym_size(1) % k.sym_size(1) == 0, "plumb::attention: q is ",
                      q.sym_sizes(), " and k is ", k.sym_sizes(), ": the heads of q are no multiple of those of k");
    TORCH_CHECK_VALUE(q.sym_size(3) > 0, "plumb::attention: q is ", q.sym_sizes(), ": without a head dimension no score is defined");
    if (mask.has_value() && mask->defined()) require_mask_fits(*mask, q, k);
}

std::tuple<at::Tensor, at::Tensor> split_mask(const std::optional<at::Tensor>& mask) {
    if (!mask.has_value() || !mask->defined()) return {};
    at::Tensor whole = *mask;
    while (whole.dim() < 4) whole = whole.unsqueeze(0);
    at::Tensor hidden;
    at::Tensor bias;
    if (whole.scalar_type() == at::kBool) {
        hidden = whole.logical_not();
    } else {
        bias = whole.to(at::kFloat);
        hidden = bias.eq(-std::numeric_limits<float>::infinity());
        if (hidden.any().item<bool>()) {
            bias = bias.masked_fill(hidden, 0.0F);
        } else {
            hidden = at::Tensor();
        }
    }
    // One head for all of them, where they agree: the kernels share a mask between heads.
    if (hidden.defined() && hidden.size(1) > 1 && hidden.eq(hidden.narrow(1, 0, 1)).all().item<bool>()) hidden = hidden.narrow(1, 0, 1);
    return {hidden, bias};
}

float scale_of(std::optional<double> scale) {
    if (!scale.has_value()) return 0;
    const auto number = static_cast<float>(*scale);
    TORCH_CHECK_VALUE(std::isfinite(number) && number != 0, "plumb::attention: scale is ", *scale,
                      ", but takes a number that float32 holds and that is not 0; None means 1 / sqrt(head_dim)");
    return number;
}

}  // namespace plumb::torch_ops
