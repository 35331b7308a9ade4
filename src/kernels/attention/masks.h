// SPDX-License-Identifier: Apache-2.0
// What a mask means, stated once: the references ask pair by pair, the fused kernel asks for whole ranges.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/attention/attention.h"

namespace plumb::kernels::attention {

/// Keys [begin, end).
struct KeyRange {
    std::int64_t begin = 0;
    std::int64_t end = 0;

    bool contains(std::int64_t key) const { return begin <= key && key < end; }
    std::int64_t size() const { return std::max<std::int64_t>(0, end - begin); }
};

/// Causality or a window hides keys by their place.
inline bool is_positional(const Mask& mask) {
    return mask.kind == MaskKind::causal || mask.left >= 0 || mask.right >= 0;
}

/// The keys that their place lets query n see. Both ends never decrease with n.
inline KeyRange range_of(const Problem& problem, std::int64_t query) {
    const Shape& shape = problem.shape;
    const Mask& mask = problem.mask;
    const std::int64_t place = query + shape.keys - shape.queries;
    KeyRange range{0, shape.keys};
    const std::int64_t right = mask.kind == MaskKind::causal ? 0 : mask.right;
    // Compared by subtraction, so that a huge window does not overflow.
    if (mask.left >= 0 && mask.left < place) range.begin = std::min(place - mask.left, shape.keys);
    if (right >= 0 && right < shape.keys - place) range.end = std::max<std::int64_t>(place + right + 1, 0);
    return range;
}

/// Is key m hidden from query n of record b?
inline bool is_hidden(const Problem& problem, std::int64_t b, std::int64_t n, std::int64_t m) {
    const Shape& shape = problem.shape;
    if (is_positional(problem.mask) && !range_of(problem, n).contains(m)) return true;
    switch (problem.mask.kind) {
        case MaskKind::boolean:
            return problem.mask.hidden[(b * shape.queries + n) * shape.keys + m] != 0;
        case MaskKind::key_padding:
            return problem.mask.hidden[b * shape.keys + m] != 0;
        case MaskKind::none:
        case MaskKind::causal:
        case MaskKind::sliding_window:
            return false;
    }
    return false;
}

/// No key is visible to query n of record b.
inline bool fully_hidden(const Problem& problem, std::int64_t b, std::int64_t n) {
    const KeyRange range = range_of(problem, n);
    for (std::int64_t m = range.begin; m < range.end; ++m) {
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
        if (!padded || problem.mask.hidden[b * problem.shape.keys + m] == 0) visible.push_back(m);
    }
    return visible;
}

}  // namespace plumb::kernels::attention
