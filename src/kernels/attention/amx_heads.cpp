// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention/amx_heads.h"

#include <algorithm>
#include <cmath>

#include "kernels/attention/masks.h"
#include "kernels/attention/split.h"
#include "kernels/attention/tile.h"

namespace plumb::kernels::attention {
namespace {

/// Numbers below this round to a finite bf16.
constexpr float infinite_from = 0x1.ffp127F;

bool is_infinite(float number) {
    return !(std::abs(number) < infinite_from);
}

Buffer make_bytes(std::int64_t bytes) {
    return make_buffer(divide_up(bytes, static_cast<std::int64_t>(sizeof(float))));
}

std::byte* at(const Buffer& buffer, std::int64_t offset) {
    return reinterpret_cast<std::byte*>(buffer.get()) + offset;
}

/// Score of a query and a key in fp64.
double score_of(const Problem& problem, const AmxQuery& query, std::int64_t key) {
    const std::int64_t q = query.place(problem.q_strides);
    const std::int64_t group = query.h / problem.shape.group();
    const std::int64_t k = query.b * problem.k_strides.batch + group * problem.k_strides.head + key * problem.k_strides.row;
    double score = 0;
    for (std::int64_t d = 0; d < problem.shape.head_dim; ++d) {
        score += static_cast<double>(base::load(problem.dtype, problem.q, q + d * problem.q_strides.column)) *
                 base::load(problem.dtype, problem.k, k + d * problem.k_strides.column);
    }
    score *= effective_scale(problem);
    if (problem.bias.data != nullptr) score += problem.bias.data[query.place(problem.bias.strides) + key * problem.bias.strides.column];
    return score;
}

}  // namespace

void widen_padded(const Problem& problem, const void* numbers, std::int64_t first, std::int64_t column, std::int64_t count,
                  std::int64_t padded, float* wide) {
    if (column == 1 && count > 0) {
        tile_kernel(Isa::avx512).widen(problem.dtype, base::advance(problem.dtype, numbers, first), count, wide);
    } else {
        for (std::int64_t i = 0; i < count; ++i) wide[i] = base::load(problem.dtype, numbers, first + i * column);
    }
    std::fill(wide + count, wide + padded, 0.0F);
}

AmxHeads::AmxHeads(const Problem& problem, const KeyLists& keys, const AmxPlan& plan)
    : problem_(problem),
      lists_(keys),
      plan_(plan),
      arithmetic_(*amx_kernel()),
      keys_(make_bytes(plan.heads_at_once * plan.key_bytes())),
      values_(make_bytes(plan.heads_at_once * plan.value_bytes())),
      finite_(static_cast<std::size_t>(plan.heads_at_once), 1) {}

const std::byte* AmxHeads::keys(std::int64_t slot) const {
    return at(keys_, slot * plan_.key_bytes());
}

const std::byte* AmxHeads::values(std::int64_t slot) const {
    return at(values_, slot * plan_.value_bytes());
}

void AmxHeads::pack(std::int64_t key_head, std::int64_t slot, float* wide) {
    pack_keys(key_head, slot, wide);
    pack_values(key_head, slot, wide);
}

void AmxHeads::widen_rows(std::int64_t key_head, const void* numbers, const Strides& strides, std::int64_t first, std::int64_t count,
                          std::int64_t columns, std::int64_t padded, float* wide) const {
    const Shape& s = problem_.shape;
    const std::int64_t b = key_head / s.kv_heads();
    const std::vector<std::int64_t>& keys = lists_.of(b);
    const std::int64_t head = b * strides.batch + key_head % s.kv_heads() * strides.head;
    for (std::int64_t r = 0; r < count; ++r) {
        const bool exists = first + r < std::ssize(keys);
        const std::int64_t row = exists ? head + keys[static_cast<std::size_t>(first + r)] * strides.row : 0;
        widen_padded(problem_, numbers, row, strides.column, exists ? columns : 0, padded, wide + r * padded);
    }
}

void AmxHeads::pack_keys(std::int64_t key_head, std::int64_t slot, float* wide) const {
    const std::int64_t count = round_up(std::ssize(lists_.of(key_head / problem_.shape.kv_heads())), amx_step);
    std::byte* packed = at(keys_, slot * plan_.key_bytes());
    for (std::int64_t first = 0; first < count; first += amx_unit) {
        widen_rows(key_head, problem_.k, problem_.k_strides, first, amx_unit, problem_.shape.head_dim, plan_.head_columns(), wide);
        arithmetic_.pack_keys(wide, plan_.head_steps, plan_.parts, packed);
        packed += amx_key_unit_bytes(plan_.head_steps, plan_.parts);
    }
}

void AmxHeads::pack_values(std::int64_t key_head, std::int64_t slot, float* wide) {
    const std::int64_t count = std::ssize(lists_.of(key_head / problem_.shape.kv_heads()));
    std::byte* packed = at(values_, slot * plan_.value_bytes());
    bool finite = true;
    for (std::int64_t first = 0; first < count; first += amx_step) {
        widen_rows(key_head, problem_.v, problem_.v_strides, first, amx_step, problem_.shape.value_dim, plan_.value_columns(), wide);
        float* end = wide + amx_step * plan_.value_columns();
        if (std::any_of(wide, end, is_infinite)) {
            finite = false;
            std::replace_if(wide, end, is_infinite, 0.0F);
        }
        arithmetic_.pack_values(wide, plan_.value_units, plan_.parts, packed);
        packed += amx_value_step_bytes(plan_.value_units, plan_.parts);
    }
    finite_[static_cast<std::size_t>(slot)] = finite;
}

void put_back_infinite(const Problem& problem, const AmxQuery& query, void* out, std::int64_t first, std::int64_t column) {
    const Strides& strides = problem.v_strides;
    const std::int64_t head = query.b * strides.batch + query.h / problem.shape.group() * strides.head;
    for (std::int64_t m = 0; m < problem.shape.keys; ++m) {
        if (is_hidden(problem, query.b, query.n, m)) continue;
        for (std::int64_t e = 0; e < problem.shape.value_dim; ++e) {
            const float value = base::load(problem.dtype, problem.v, head + m * strides.row + e * strides.column);
            if (!is_infinite(value)) continue;
            const double added = std::exp(score_of(problem, query, m) - query.lse) * round_to_product(value);
            const std::int64_t at = first + e * column;
            base::store(problem.dtype, out, at, static_cast<float>(base::load(problem.dtype, out, at) + added));
        }
    }
}

}  // namespace plumb::kernels::attention
