// SPDX-License-Identifier: Apache-2.0
// How gates and states lie in the layer's working memory, the same on every instruction set.
//
// Hidden units are taken in blocks of 16. A row of gates is one block after the other, in each 16 i, 16 f, 16 g, 16 o: what one tile of the
// recurrent product gives, and what its units' new state needs. Rows are in time order (t B + b), so that a step's rows are neighbours.
// Units beyond H in the last block ("padding") hold numbers that no unit reads.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/lstm/lstm.h"

namespace plumb::kernels::lstm {

inline constexpr std::int64_t block_units = 16;
inline constexpr std::int64_t block_gates = 4 * block_units;
/// Rows a power of two apart would share a few sets of every cache.
inline constexpr std::int64_t row_gap = 16;

struct Layout {
    explicit Layout(const Shape& shape)
        : blocks((shape.hidden + block_units - 1) / block_units),
          units(blocks * block_units),
          gates(blocks * block_gates),
          unit_stride(units + row_gap),
          gate_stride(gates + row_gap),
          positions(shape.batch * shape.steps),
          hidden(shape.hidden) {}

    std::int64_t blocks;
    std::int64_t units;        ///< H in whole blocks
    std::int64_t gates;        ///< 4 units
    std::int64_t unit_stride;  ///< numbers from one row of states to the next
    std::int64_t gate_stride;  ///< the same of gates
    std::int64_t positions;    ///< B T
    std::int64_t hidden;

    /// Units of the block that exist.
    std::int64_t present(std::int64_t block) const { return std::min(block_units, hidden - block * block_units); }
    /// Where gate q (0 to 3) of unit u lies in a row of gates.
    static std::int64_t column(std::int64_t q, std::int64_t u) { return u / block_units * block_gates + q * block_units + u % block_units; }
    /// Which row of W each column of gates belongs to. Columns of padding are given row 0: finite work whose result nobody reads.
    std::vector<std::int64_t> weight_rows() const {
        std::vector<std::int64_t> rows(static_cast<std::size_t>(gates), 0);
        for (std::int64_t q = 0; q < 4; ++q) {
            for (std::int64_t u = 0; u < hidden; ++u) rows[static_cast<std::size_t>(column(q, u))] = q * hidden + u;
        }
        return rows;
    }
    /// Where the rows of time order, t B + b, stand in sequence order: b T + t.
    static std::vector<std::int64_t> sequence_order(const Shape& s) {
        std::vector<std::int64_t> rows;
        rows.reserve(static_cast<std::size_t>(s.batch * s.steps));
        for (std::int64_t t = 0; t < s.steps; ++t) {
            for (std::int64_t b = 0; b < s.batch; ++b) rows.push_back(b * s.steps + t);
        }
        return rows;
    }
    /// Where the rows of sequence order stand in time order.
    static std::vector<std::int64_t> time_order(const Shape& s) {
        std::vector<std::int64_t> rows;
        rows.reserve(static_cast<std::size_t>(s.batch * s.steps));
        for (std::int64_t b = 0; b < s.batch; ++b) {
            for (std::int64_t t = 0; t < s.steps; ++t) rows.push_back(t * s.batch + b);
        }
        return rows;
    }
};

/// As many threads as have something to do between two barriers of a step: some microseconds at least, or waiting costs more than it saves.
inline int useful_threads(const Layer& layer) {
    constexpr std::int64_t least_products = std::int64_t{1} << 18;
    const Shape& s = layer.shape;
    const std::int64_t most = std::min(Layout(s).blocks, s.batch * s.hidden * 4 * s.hidden / least_products);
    return static_cast<int>(std::clamp<std::int64_t>(most, 1, layer.threads));
}

/// Throws as forward() does.
void validate(const Layer& layer, const Trace& trace);

}  // namespace plumb::kernels::lstm
