// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention/bind.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"

namespace plumb::kernels::attention {

namespace {

std::string text(std::span<const std::int64_t> sizes) {
    std::string joined;
    for (const std::int64_t size : sizes) joined += (joined.empty() ? "" : "x") + std::to_string(size);
    return joined.empty() ? "nothing" : joined;
}

std::string text(const View& view) {
    const std::int64_t sizes[] = {view.batch, view.rows, view.heads, view.columns};
    return text(sizes);
}

void require_equal(const char* what, std::int64_t a_size, std::int64_t b_size, const char* a_name, const View& a, const char* b_name,
                   const View& b) {
    if (a_size == b_size) return;
    throw base::Error(base::ErrorKind::usage,
                      std::string(a_name) + " is " + text(a) + " and " + b_name + " is " + text(b) + ": " + what + " differ, " +
                          std::to_string(a_size) + " and " + std::to_string(b_size),
                      "shapes are batch x rows x heads x columns");
}

void require_mask_fits(const Mask& mask, std::span<const std::int64_t> mask_sizes, const View& q, const View& k) {
    std::vector<std::int64_t> wanted;
    if (mask.kind == MaskKind::boolean) wanted = {q.batch, q.rows, k.rows};
    if (mask.kind == MaskKind::key_padding) wanted = {q.batch, k.rows};
    if (std::equal(wanted.begin(), wanted.end(), mask_sizes.begin(), mask_sizes.end())) return;
    throw base::Error(
        base::ErrorKind::usage,
        "the mask is " + text(mask_sizes) + ", but queries of " + text(q) + " and keys of " + text(k) + " take one of " + text(wanted),
        "a boolean mask is batch x queries x keys, key padding is batch x keys, other masks have no array");
}

void require_shared_heads(const View& q, const View& k) {
    if (k.heads > 0 ? q.heads % k.heads == 0 : q.heads == 0) return;
    throw base::Error(base::ErrorKind::usage,
                      "q is " + text(q) + " and k is " + text(k) + ": " + std::to_string(q.heads) + " heads are no multiple of " +
                          std::to_string(k.heads),
                      "shapes are batch x rows x heads x columns; each head of k serves the same number of heads of q");
}

void require_same_type(const char* a_name, const View& a, const char* b_name, const View& b) {
    if (a.dtype == b.dtype) return;
    throw base::Error(
        base::ErrorKind::usage,
        std::string(a_name) + " holds " + std::string(base::name(a.dtype)) + " and " + b_name + " " + std::string(base::name(b.dtype)),
        "q, k and v have one type");
}

/// The bias over B x H x N x M: a stride of 0 where its size is 1.
Bias repeated(const View& bias, const View& q, const View& k) {
    const struct {
        const char* name;
        std::int64_t size;
        std::int64_t wanted;
    } axes[] = {
        {"batches", bias.batch, q.batch}, {"queries", bias.rows, q.rows}, {"heads", bias.heads, q.heads}, {"keys", bias.columns, k.rows}};
    for (const auto& axis : axes) {
        if (axis.size == 1 || axis.size == axis.wanted) continue;
        throw base::Error(base::ErrorKind::usage,
                          "the bias is " + text(bias) + ", but there are " + std::to_string(axis.wanted) + " " + axis.name,
                          "a bias is batch x queries x heads x keys; a size of 1 repeats");
    }
    if (bias.dtype != base::Dtype::fp32) {
        throw base::Error(base::ErrorKind::usage, "the bias holds " + std::string(base::name(bias.dtype)), "a bias is fp32");
    }
    Strides strides = bias.strides;
    if (bias.batch == 1) strides.batch = 0;
    if (bias.rows == 1) strides.row = 0;
    if (bias.heads == 1) strides.head = 0;
    if (bias.columns == 1) strides.column = 0;
    return {static_cast<const float*>(bias.data), strides};
}

}  // namespace

View view_bnhd(const void* data, std::int64_t batch, std::int64_t rows, std::int64_t heads, std::int64_t columns, base::Dtype dtype) {
    return {data, batch, rows, heads, columns, strides_bnhd(rows, heads, columns), dtype};
}

Problem bind(const View& q_BNHD, const View& k_BMGD, const View& v_BMGE, const Mask& mask, std::span<const std::int64_t> mask_sizes,
             float scale, int threads, const View& bias_BNHM) {
    require_equal("batches", q_BNHD.batch, k_BMGD.batch, "q", q_BNHD, "k", k_BMGD);
    require_equal("head dimensions", q_BNHD.columns, k_BMGD.columns, "q", q_BNHD, "k", k_BMGD);
    require_equal("batches", k_BMGD.batch, v_BMGE.batch, "k", k_BMGD, "v", v_BMGE);
    require_equal("keys", k_BMGD.rows, v_BMGE.rows, "k", k_BMGD, "v", v_BMGE);
    require_equal("heads", k_BMGD.heads, v_BMGE.heads, "k", k_BMGD, "v", v_BMGE);
    require_shared_heads(q_BNHD, k_BMGD);
    require_same_type("q", q_BNHD, "k", k_BMGD);
    require_same_type("k", k_BMGD, "v", v_BMGE);
    require_mask_fits(mask, mask_sizes, q_BNHD, k_BMGD);
    Problem problem;
    problem.shape = {q_BNHD.batch, q_BNHD.heads, q_BNHD.rows, k_BMGD.rows, q_BNHD.columns, v_BMGE.columns, k_BMGD.heads};
    problem.dtype = q_BNHD.dtype;
    problem.q = q_BNHD.data;
    problem.k = k_BMGD.data;
    problem.v = v_BMGE.data;
    problem.q_strides = q_BNHD.strides;
    problem.k_strides = k_BMGD.strides;
    problem.v_strides = v_BMGE.strides;
    problem.mask = mask;
    problem.scale = scale;
    problem.threads = threads;
    if (bias_BNHM.data != nullptr) problem.bias = repeated(bias_BNHM, q_BNHD, k_BMGD);
    validate(problem);
    return problem;
}

}  // namespace plumb::kernels::attention
