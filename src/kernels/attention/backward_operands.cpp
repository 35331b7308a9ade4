// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention/backward_operands.h"

#include <algorithm>
#include <cstring>

#include "kernels/attention/masks.h"

namespace plumb::kernels::attention {
namespace {

/// In fp64, and in eight sums that do not wait for each other: it costs next to nothing beside the products.
double dot(const float* a, const float* b, std::int64_t count) {
    constexpr std::int64_t sums = 8;
    double partial[sums] = {};
    std::int64_t i = 0;
    for (; i + sums <= count; i += sums) {
        for (std::int64_t s = 0; s < sums; ++s) partial[s] += static_cast<double>(a[i + s]) * static_cast<double>(b[i + s]);
    }
    for (; i < count; ++i) partial[0] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    double total = 0;
    for (const double sum : partial) total += sum;
    return total;
}

}  // namespace

BackwardOperands::BackwardOperands(const Backward& backward, const BackwardPlan& plan, std::int64_t key_unit, const TileKernel& rows)
    : backward_(backward),
      problem_(backward.problem),
      shape_(problem_.shape),
      plan_(plan),
      rows_(rows),
      key_unit_(key_unit),
      keys_(problem_),
      q_ND_(make_buffer(plan.rows_at_once * plan.k_row)),
      dout_NE_(make_buffer(plan.rows_at_once * plan.v_row)),
      lse_N_(make_buffer(plan.rows_at_once)),
      delta_N_(make_buffer(plan.rows_at_once)) {}

void BackwardOperands::pack_row(const void* source, std::int64_t first, std::int64_t column_stride, std::int64_t columns,
                                std::int64_t row_floats, float* target) const {
    if (columns == 0) {
        // The source may be null then.
    } else if (column_stride == 1) {
        rows_.widen(problem_.dtype, base::advance(problem_.dtype, source, first), columns, target);
    } else {
        for (std::int64_t c = 0; c < columns; ++c) target[c] = base::load(problem_.dtype, source, first + c * column_stride);
    }
    std::fill(target + columns, target + row_floats, 0.0F);
}

void BackwardOperands::prepare_query(const Place& place, std::int64_t n, const BackwardScratch& scratch) {
    const Strides& q = problem_.q_strides;
    const Strides& out = backward_.out_strides;
    const Strides& dout = backward_.dout_strides;
    const std::int64_t row = place.slot * shape_.queries + n;
    float* out_E = scratch.v_JE;
    float* dout_E = dout_NE_.get() + row * plan_.v_row;
    pack_row(problem_.q, row_offset(q, place.b, place.h, n), q.column, shape_.head_dim, plan_.k_row, q_ND_.get() + row * plan_.k_row);
    pack_row(backward_.dout, row_offset(dout, place.b, place.h, n), dout.column, shape_.value_dim, plan_.v_row, dout_E);
    pack_row(backward_.out, row_offset(out, place.b, place.h, n), out.column, shape_.value_dim, plan_.v_row, out_E);
    const double delta = dot(dout_E, out_E, shape_.value_dim);
    const double lse = backward_.lse[(place.b * shape_.heads + place.h) * shape_.queries + n];
    delta_N_[row] = static_cast<float>(delta);
    lse_N_[row] = static_cast<float>(lse / plan_.lse_unit);
}

void BackwardOperands::pack_keys(std::int64_t b, std::int64_t g, std::int64_t first, std::int64_t keys,
                                 const BackwardScratch& scratch) const {
    const Strides& k = problem_.k_strides;
    const Strides& v = problem_.v_strides;
    for (std::int64_t j = 0; j < keys; ++j) {
        const std::int64_t m = keys_.of(b)[first + j];
        pack_row(problem_.k, row_offset(k, b, g, m), k.column, shape_.head_dim, plan_.k_row, scratch.k_JD + j * plan_.k_row);
        pack_row(problem_.v, row_offset(v, b, g, m), v.column, shape_.value_dim, plan_.v_row, scratch.v_JE + j * plan_.v_row);
    }
}

QueryTile BackwardOperands::tile(const Place& place, const Area& area) const {
    const std::int64_t row = place.slot * shape_.queries + area.query;
    return {.queries = area.queries,
            .q_TD = q_ND_.get() + row * plan_.k_row,
            .dout_TE = dout_NE_.get() + row * plan_.v_row,
            .lse_T = lse_N_.get() + row,
            .delta_T = delta_N_.get() + row};
}

const float* BackwardOperands::pack_bias(std::int64_t b, std::int64_t h, const Area& area, const BackwardScratch& scratch) const {
    if (problem_.bias.data == nullptr) return nullptr;
    const Strides& bias = problem_.bias.strides;
    for (std::int64_t t = 0; t < area.queries; ++t) {
        const float* row = problem_.bias.data + row_offset(bias, b, h, area.query + t);
        float* target = scratch.bias_TJ + t * plan_.score_row;
        for (std::int64_t j = 0; j < area.keys; ++j) target[j] = row[keys_.of(b)[area.key + j] * bias.column];
    }
    return scratch.bias_TJ;
}

bool BackwardOperands::find_visible(std::int64_t b, Area& area, HiddenPairs& hidden, const BackwardScratch& scratch) const {
    hidden = {};
    const bool marked = problem_.mask.kind == MaskKind::boolean;
    if (!marked && !is_positional(problem_.mask)) return true;
    const std::uint8_t* marks = marked ? problem_.mask.hidden + (b * shape_.queries + area.query) * shape_.keys + area.key : nullptr;

    std::int64_t first = area.queries;  // of the queries that see a key of the area
    std::int64_t last = -1;
    std::int64_t most_keys = 0;
    for (std::int64_t t = 0; t < area.queries; ++t) {
        const KeyRange range = keys_.listed(b, range_of(problem_, area.query + t));
        const std::int64_t begin = std::clamp<std::int64_t>(range.begin - area.key, 0, area.keys);
        const std::int64_t end = std::clamp<std::int64_t>(range.end - area.key, begin, area.keys);
        scratch.begin_T[t] = begin;
        scratch.end_T[t] = end;
        const auto size = static_cast<std::size_t>(end - begin);
        if (size == 0 || (marked && std::memchr(marks + t * shape_.keys + begin, 0, size) == nullptr)) continue;
        first = std::min(first, t);
        last = t;
        most_keys = std::max(most_keys, end);
    }
    if (last < 0) return false;
    area.query += first;
    area.queries = last + 1 - first;
    area.keys = std::min(area.keys, round_up(most_keys, key_unit_));

    hidden.begin_T = scratch.begin_T + first;
    hidden.end_T = scratch.end_T + first;
    hidden.marked = marked ? marks + first * shape_.keys : nullptr;
    hidden.marked_row = shape_.keys;
    hidden.any = marked;
    for (std::int64_t t = first; t <= last; ++t) {
        // Rows between, without a visible key of their own, may reach beyond the keys that are left.
        scratch.begin_T[t] = std::min(scratch.begin_T[t], area.keys);
        scratch.end_T[t] = std::min(scratch.end_T[t], area.keys);
        hidden.any = hidden.any || scratch.begin_T[t] > 0 || scratch.end_T[t] < area.keys;
    }
    return true;
}

bool BackwardOperands::needs_care(const QueryTile& tile, std::int64_t keys, const BackwardScratch& scratch) const {
    return !(rows_.all_finite(tile.q_TD, tile.queries, plan_.k_row, shape_.head_dim) &&
             rows_.all_finite(tile.dout_TE, tile.queries, plan_.v_row, shape_.value_dim) &&
             rows_.all_finite(scratch.k_JD, keys, plan_.k_row, shape_.head_dim));
}

}  // namespace plumb::kernels::attention
