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

}  // namespace

View view_bnhd(const float* data, std::int64_t batch, std::int64_t rows, std::int64_t heads, std::int64_t columns) {
    return {data, batch, rows, heads, columns, strides_bnhd(rows, heads, columns)};
}

Problem bind(const View& q_BNHD, const View& k_BMHD, const View& v_BMHE, const Mask& mask, std::span<const std::int64_t> mask_sizes,
             float scale, int threads) {
    require_equal("batches", q_BNHD.batch, k_BMHD.batch, "q", q_BNHD, "k", k_BMHD);
    require_equal("heads", q_BNHD.heads, k_BMHD.heads, "q", q_BNHD, "k", k_BMHD);
    require_equal("head dimensions", q_BNHD.columns, k_BMHD.columns, "q", q_BNHD, "k", k_BMHD);
    require_equal("batches", k_BMHD.batch, v_BMHE.batch, "k", k_BMHD, "v", v_BMHE);
    require_equal("keys", k_BMHD.rows, v_BMHE.rows, "k", k_BMHD, "v", v_BMHE);
    require_equal("heads", k_BMHD.heads, v_BMHE.heads, "k", k_BMHD, "v", v_BMHE);
    require_mask_fits(mask, mask_sizes, q_BNHD, k_BMHD);
    Problem problem;
    problem.shape = {q_BNHD.batch, q_BNHD.heads, q_BNHD.rows, k_BMHD.rows, q_BNHD.columns, v_BMHE.columns};
    problem.q = q_BNHD.data;
    problem.k = k_BMHD.data;
    problem.v = v_BMHE.data;
    problem.q_strides = q_BNHD.strides;
    problem.k_strides = k_BMHD.strides;
    problem.v_strides = v_BMHE.strides;
    problem.mask = mask;
    problem.scale = scale;
    problem.threads = threads;
    validate(problem);
    return problem;
}

}  // namespace plumb::kernels::attention
