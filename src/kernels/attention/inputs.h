// SPDX-License-Identifier: Apache-2.0
// Inputs made on purpose: q, k, v and mask from (shape, mask kind, distribution, seed). The same numbers in any layout, order or thread
// count. To add a distribution: one line of the table in inputs.cpp; tests walk the table.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/attention/attention.h"

namespace plumb::kernels::attention {

enum class Layout {
    bnhd,  ///< batch, row, head, column: as the notebook stores them
    bhnd   ///< batch, head, row, column: each head dense
};

/// What make_inputs() makes beyond shape and distribution.
struct InputOptions {
    MaskKind mask = MaskKind::none;
    Layout layout = Layout::bnhd;
    base::Dtype dtype = base::Dtype::fp32;
    std::int64_t left = -1;  ///< window, as in Mask
    std::int64_t right = -1;
    bool bias = false;  ///< B x H x N x M, normal with deviation 1
};

/// Owns what a Problem borrows; must outlive it.
struct Inputs {
    Shape shape;
    MaskKind mask_kind = MaskKind::none;
    Layout layout = Layout::bnhd;
    std::vector<float> q;  ///< B x N x H x D or B x H x N x D, rounded to dtype
    std::vector<float> k;
    std::vector<float> v;
    std::vector<std::uint8_t> hidden;  ///< B x N x M, B x M or empty, by mask_kind
    std::vector<float> bias;           ///< B x H x N x M or empty
    base::Dtype dtype = base::Dtype::fp32;
    base::Numbers q_stored;  ///< q, k and v in dtype; empty for fp32, where the vectors above are borrowed
    base::Numbers k_stored;
    base::Numbers v_stored;
    std::int64_t left = -1;
    std::int64_t right = -1;

    /// Writes q, k and v into the stored arrays; call it after a change of theirs.
    void store();
    /// Borrows from this object; scale 1 / sqrt(D).
    Problem problem(int threads = 1) const;
};

struct Distribution {
    std::string_view name;
    std::string_view description;
};
/// uniform01, normal, uniform, shifted, heavy, outliers, equal, denormal, zero_v.
std::span<const Distribution> distributions();
std::vector<std::string> distribution_names();

/// Boolean mask: each key hidden from each query with probability 1/2; key padding: in each record a random number (0 to M, in the
/// first at most M - 1) of trailing keys hidden; sliding window: (M + 2) / 3 keys to the left and M / 7 to the right unless a window is
/// given. Throws Error{usage} for an unknown distribution and for a negative size.
Inputs make_inputs(const Shape& shape, const InputOptions& options, std::string_view distribution, std::uint64_t seed);
Inputs make_inputs(const Shape& shape, MaskKind mask, std::string_view distribution, std::uint64_t seed, Layout layout = Layout::bnhd);

}  // namespace plumb::kernels::attention
