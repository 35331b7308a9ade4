// SPDX-License-Identifier: Apache-2.0
#include "families/attention/traffic.h"

#include <cstddef>
#include <span>

#include "kernels/attention/masks.h"
#include "kernels/probe/peak.h"

namespace plumb::families::attention {

namespace {

namespace ka = kernels::attention;

/// Bytes of one key and its value over all heads and records.
double bytes_of_key(const ka::Problem& problem) {
    const ka::Shape& s = problem.shape;
    return static_cast<double>(s.batch * s.kv_heads() * (s.head_dim + s.value_dim)) * static_cast<double>(base::size_of(problem.dtype));
}

std::span<const std::byte> dense(const ka::Problem& problem, const void* numbers, std::int64_t columns) {
    const ka::Shape& s = problem.shape;
    const auto count = static_cast<std::size_t>(s.batch * s.kv_heads() * s.keys * columns);
    return {static_cast<const std::byte*>(numbers), count * base::size_of(problem.dtype)};
}

}  // namespace

double needed_bytes(const ka::Problem& problem) {
    const ka::Shape& s = problem.shape;
    if (s.queries == 0) return 0;
    // Ranges only move on: the first query begins first, the last one ends last.
    const ka::KeyRange seen{ka::range_of(problem, 0).begin, ka::range_of(problem, s.queries - 1).end};
    const double of_queries = static_cast<double>(s.batch * s.heads * s.queries * (s.head_dim + s.value_dim));
    return static_cast<double>(seen.size()) * bytes_of_key(problem) + of_queries * static_cast<double>(base::size_of(problem.dtype));
}

double key_value_bytes(const ka::Problem& problem) {
    return static_cast<double>(problem.shape.keys) * bytes_of_key(problem);
}

std::uint64_t read_keys_and_values(const ka::Problem& problem) {
    return kernels::probe::read_memory(dense(problem, problem.k, problem.shape.head_dim), problem.threads) +
           kernels::probe::read_memory(dense(problem, problem.v, problem.shape.value_dim), problem.threads);
}

}  // namespace plumb::families::attention
