// SPDX-License-Identifier: Apache-2.0
// What a mask means, stated once: the references ask pair by pair, the fused kernel asks for whole ranges.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/attention/attention.h"

namespace plumb::kernels::attention {

/// Keys [0, result) are the ones that a causal query sees: 0 to M.
inline std::int64_t causal_keys(const Shape& shape, std::int64_t query) {
    return std::clamp<std::int64_t>(query + shape.keys - shape.queries + 1, 0, shape.keys);
}

/// Is key m hidden from query n of record b?
inline bool is_hidden(const Problem& problem, std::int64_t b, std::int64_t n, std::int64_t m) {
    const Shape& shape = problem.shape;
    switch (problem.mask.kind) {
        case MaskKind::none:
            return false;
        case MaskKind::boolean:
            return problem.mask.hidden[(b * shape.queries + n) * shape.keys + m] != 0;
        case MaskKind::key_padding:
            return problem.mask.hidden[b * shape.keys + m] != 0;
        case MaskKind::causal:
            return m >= causal_keys(shape, n);
    }
    return false;
}

/// No key is visible to query n of record b.
inline bool fully_hidden(const Problem& problem, std::int64_t b, std::int64_t n) {
    for (std::int64_t m = 0; m < problem.shape.keys; ++m) {
        if (!is_hidden(problem, b, n, m)) return false;
    }
    return true;
}

/// The keys of record b that key padding leaves, in order; all keys for the other masks.
inline std::vector<std::int64_t> unpadded_keys(const Problem& problem, std::int64_t b) {
    std::vector<std::int64_t> visible;
    visible.reserve(static_cast<std::size_t>(problem.shape.keys));
    const bool padded = problem.mask.kind == MaskKind::key_padding;
    for (std::int64_t m = 0; m < problem.shape.keys; ++m) {
        if (!padded || !is_hidden(problem, b, 0, m)) visible.push_back(m);
    }
    return visible;
}

}  // namespace plumb::kernels::attention
