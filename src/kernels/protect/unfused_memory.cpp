// SPDX-License-Identifier: Apache-2.0
#include "kernels/protect/unfused_memory.h"

#include <algorithm>
#include <bit>
#include <mutex>
#include <utility>

namespace plumb::kernels::protect {
namespace {

constexpr std::int64_t most_kept_bytes = std::int64_t{1} << 30;

std::int64_t rows_of_second(const attention::Shape& shape, const Design& design) {
    return design.softmax == SoftmaxCheck::stored ? shape.queries : std::min(shape.queries, panel_rows);
}

double effective_count(const std::vector<double>& magnitudes) {
    double sum = 0, squares = 0;
    for (const double magnitude : magnitudes) {
        sum += magnitude;
        squares += magnitude * magnitude;
    }
    return squares > 0 ? sum * sum / squares : 1;
}

RowSums sums_of(const UnfusedKernel& kernel, const float* rows_ND, std::int64_t rows, std::int64_t columns) {
    RowSums sums;
    sums.sum_D.assign(static_cast<std::size_t>(columns), 0.0);
    sums.magnitude_D = sums.sum_D;
    kernel.add_rows(rows_ND, columns, rows, columns, sums.sum_D.data());
    kernel.add_magnitudes(rows_ND, columns, rows, columns, sums.magnitude_D.data());
    std::vector<double> magnitudes(static_cast<std::size_t>(rows));
    for (std::int64_t r = 0; r < rows; ++r) magnitudes[static_cast<std::size_t>(r)] = kernel.magnitude(rows_ND + r * columns, columns);
    sums.effective_rows = effective_count(magnitudes);
    return sums;
}

/// Living memories that nobody uses.
struct Shelf {
    std::mutex mutex;
    std::vector<std::unique_ptr<HeadMemory>> memories;
};
Shelf& shelf() {
    static Shelf kept;
    return kept;
}

}  // namespace

HeadMemory::HeadMemory(const attention::Problem& problem, const Design& design, Isa isa)
    : kernel(&unfused_kernel(isa)),
      packer(&attention::tile_kernel(isa)),
      queries(problem.shape.queries),
      keys(problem.shape.keys),
      head_dim(problem.shape.head_dim),
      value_dim(problem.shape.value_dim),
      scale(static_cast<float>(attention::effective_scale(problem))),
      stride(attention::round_up(keys, kernel->lanes)),
      padded_values(attention::round_up(value_dim, kernel->lanes)),
      second_is_whole_(design.softmax == SoftmaxCheck::stored) {
    const std::int64_t panel = std::min(queries, panel_rows);
    const auto buffer = [this](std::int64_t floats) {
        floats_ += floats;
        return attention::make_buffer(floats);
    };
    q_ND = buffer(queries * head_dim);
    k_MD = buffer(keys * head_dim);
    v_ME = buffer(keys * value_dim);
    packed_keys = buffer(stride * head_dim);
    packed_values = buffer(keys * padded_values);
    scores_NM = buffer(queries * stride);
    p_NM = buffer(queries * stride);
    second_NM = buffer(rows_of_second(problem.shape, design) * stride);
    third_NM = buffer(panel * stride);
    out_NP = buffer(queries * padded_values);
    second_out_NP = buffer(panel * padded_values);
    third_out_NP = buffer(panel * padded_values);
}

bool HeadMemory::serves(const attention::Problem& problem, const Design& design, Isa isa) const {
    const attention::Shape& s = problem.shape;
    return kernel == &unfused_kernel(isa) && s.queries == queries && s.keys == keys && s.head_dim == head_dim && s.value_dim == value_dim &&
           (second_is_whole_ || design.softmax != SoftmaxCheck::stored);
}

std::int64_t HeadMemory::bytes() const {
    return floats_ * static_cast<std::int64_t>(sizeof(float));
}

void HeadMemory::pack(const attention::Problem& problem, const HeadPlace& place) {
    const auto widen = [&](const void* numbers, const attention::Strides& strides, std::int64_t head, std::int64_t rows,
                           std::int64_t columns, float* wide) {
        const void* first = base::advance(problem.dtype, numbers, place.record * strides.batch + head * strides.head);
        packer->pack_keys(problem.dtype, first, strides, nullptr, rows, columns, wide);
    };
    const std::int64_t key_head = place.head / problem.shape.group();
    widen(problem.q, problem.q_strides, place.head, queries, head_dim, q_ND.get());
    widen(problem.k, problem.k_strides, key_head, keys, head_dim, k_MD.get());
    widen(problem.v, problem.v_strides, key_head, keys, value_dim, v_ME.get());
    kernel->scale(q_ND.get(), queries * head_dim, scale);
    kernel->pack_keys(k_MD.get(), keys, head_dim, packed_keys.get());
    packer->pack_values(base::Dtype::fp32, v_ME.get(), {.row = value_dim}, nullptr, keys, value_dim, packed_values.get());
}

std::uint64_t HeadMemory::digest() const {
    // Multiply and add over the words: one wrong number anywhere always shows, since the factor is odd.
    std::uint64_t digest = 0;
    const auto add = [&digest](const attention::Buffer& numbers, std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) digest = digest * 0x9E3779B97F4A7C15U + std::bit_cast<std::uint32_t>(numbers[i]);
    };
    add(q_ND, queries * head_dim);
    add(packed_keys, stride * head_dim);
    add(packed_values, keys * padded_values);
    return digest;
}

void HeadMemory::encode(const Design& design) {
    const bool of_queries = design.scores == ScoreCheck::columns || design.scores == ScoreCheck::total;
    const bool of_keys = design.scores != ScoreCheck::none && design.scores != ScoreCheck::columns;
    query_sums = of_queries ? sums_of(*kernel, q_ND.get(), queries, head_dim) : RowSums();
    key_sums = of_keys ? sums_of(*kernel, k_MD.get(), keys, head_dim) : RowSums();
    value_sum_M.clear();
    if (design.outputs == OutputCheck::none) return;
    value_sum_M.resize(static_cast<std::size_t>(keys));
    largest_value_sum = 0;
    for (std::int64_t m = 0; m < keys; ++m) {
        const float* row = v_ME.get() + m * value_dim;
        value_sum_M[static_cast<std::size_t>(m)] = static_cast<float>(kernel->sum(row, value_dim));
        largest_value_sum = std::max(largest_value_sum, kernel->magnitude(row, value_dim));
    }
    std::vector<double> columns(static_cast<std::size_t>(value_dim), 0.0);
    kernel->add_magnitudes(v_ME.get(), value_dim, keys, value_dim, columns.data());
    effective_values = effective_count(columns);
}

std::unique_ptr<HeadMemory> take_memory(const attention::Problem& problem, const Design& design, Isa isa) {
    {
        const std::lock_guard lock(shelf().mutex);
        auto& memories = shelf().memories;
        const auto found =
            std::find_if(memories.begin(), memories.end(), [&](const auto& memory) { return memory->serves(problem, design, isa); });
        if (found != memories.end()) {
            std::unique_ptr<HeadMemory> taken = std::move(*found);
            memories.erase(found);
            taken->scale = static_cast<float>(attention::effective_scale(problem));
            return taken;
        }
    }
    return std::make_unique<HeadMemory>(problem, design, isa);
}

void give_back(std::unique_ptr<HeadMemory> memory) {
    const std::lock_guard lock(shelf().mutex);
    auto& memories = shelf().memories;
    memories.push_back(std::move(memory));
    std::int64_t bytes = 0;
    for (const auto& kept : memories) bytes += kept->bytes();
    while (bytes > most_kept_bytes && !memories.empty()) {
        bytes -= memories.front()->bytes();
        memories.erase(memories.begin());
    }
}

}  // namespace plumb::kernels::protect
