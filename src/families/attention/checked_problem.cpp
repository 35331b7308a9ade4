// SPDX-License-Identifier: Apache-2.0
#include "families/attention/checked_problem.h"

#include <algorithm>

#include "base/random.h"
#include "kernels/attention/masks.h"

namespace plumb::families::attention {

namespace {

namespace ka = kernels::attention;

// Multiply-adds of the fp64 reference that one try may cost; about a second on one core. Above it queries are sampled.
constexpr double affordable_operations = 1.5e9;
constexpr std::int64_t fewest_checked_queries = 8;

}  // namespace

std::vector<std::int64_t> choose_queries(const ka::Shape& shape, std::uint64_t seed) {
    const double per_query = 2.0 * static_cast<double>(shape.batch * shape.heads * std::max<std::int64_t>(shape.keys, 1)) *
                             static_cast<double>(shape.head_dim + shape.value_dim);
    const auto affordable = static_cast<std::int64_t>(affordable_operations / per_query);
    const std::int64_t count = std::clamp(affordable, std::min(fewest_checked_queries, shape.queries), shape.queries);
    std::vector<std::int64_t> queries(static_cast<std::size_t>(count));
    if (count == shape.queries) {
        for (std::int64_t query = 0; query < count; ++query) queries[static_cast<std::size_t>(query)] = query;
        return queries;
    }
    const base::RandomStream random(seed, "attention checked queries");
    for (std::int64_t stratum = 0; stratum < count; ++stratum) {
        const std::int64_t begin = shape.queries * stratum / count;
        const std::int64_t end = shape.queries * (stratum + 1) / count;
        queries[static_cast<std::size_t>(stratum)] =
            begin + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(stratum), static_cast<std::uint64_t>(end - begin)));
    }
    queries.front() = 0;
    queries.back() = shape.queries - 1;
    return queries;
}

ka::Problem checked_problem(const ka::Problem& whole, const std::vector<std::int64_t>& queries, ka::Inputs& checked) {
    const ka::Shape& shape = whole.shape;
    const auto count = static_cast<std::int64_t>(queries.size());
    checked.shape = shape;
    checked.shape.queries = count;
    checked.dtype = whole.dtype;
    checked.mask_kind = whole.mask.kind == ka::MaskKind::none ? ka::MaskKind::none : ka::MaskKind::boolean;
    const ka::Strides target = ka::strides_bnhd(count, shape.heads, shape.head_dim);
    for (std::int64_t record = 0; record < shape.batch; ++record) {
        for (const std::int64_t query : queries) {
            for (std::int64_t head = 0; head < shape.heads; ++head) {
                const std::int64_t source = record * whole.q_strides.batch + head * whole.q_strides.head + query * whole.q_strides.row;
                for (std::int64_t column = 0; column < shape.head_dim; ++column)
                    checked.q.push_back(base::load(whole.dtype, whole.q, source + column * whole.q_strides.column));
                const ka::Strides& by = whole.bias.strides;
                const std::int64_t bias = record * by.batch + head * by.head + query * by.row;
                for (std::int64_t key = 0; key < shape.keys && whole.bias.data != nullptr; ++key)
                    checked.bias.push_back(whole.bias.data[bias + key * by.column]);
            }
            if (checked.mask_kind != ka::MaskKind::boolean) continue;
            for (std::int64_t key = 0; key < shape.keys; ++key) checked.hidden.push_back(ka::is_hidden(whole, record, query, key));
        }
    }
    checked.store();
    ka::Problem problem = whole;
    problem.shape = checked.shape;
    problem.q = whole.dtype == base::Dtype::fp32 ? checked.q.data() : checked.q_stored.data();
    problem.q_strides = target;
    problem.mask = {.kind = checked.mask_kind, .hidden = checked.hidden.data()};
    if (!checked.bias.empty()) problem.bias = {checked.bias.data(), ka::strides_bnhd(count, shape.heads, shape.keys)};
    return problem;
}

}  // namespace plumb::families::attention
