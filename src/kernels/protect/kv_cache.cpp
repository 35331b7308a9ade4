// SPDX-License-Identifier: Apache-2.0
#include "kernels/protect/kv_cache.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/digest.h"
#include "base/error.h"
#include "kernels/attention/prepare.h"
#include "kernels/protect/protected_problem.h"
#include "kernels/protect/protected_run.h"

namespace plumb::kernels::protect {
namespace {

std::uint64_t digest_of(const std::byte* row, std::int64_t bytes) {
    return base::xxh3_64({reinterpret_cast<const char*>(row), static_cast<std::size_t>(bytes)});
}

/// Row `index` of key head b G + g, dense.
void copy_row(const CacheShape& shape, const CacheRows& rows, std::int64_t key_head, std::int64_t index, std::int64_t columns,
              std::byte* target) {
    const std::int64_t size = base::size_of(shape.dtype);
    const std::int64_t first =
        key_head / shape.key_heads * rows.strides.batch + key_head % shape.key_heads * rows.strides.head + index * rows.strides.row;
    for (std::int64_t c = 0; c < columns; ++c)
        std::memcpy(target + c * size, base::advance(shape.dtype, rows.numbers, first + c * rows.strides.column),
                    static_cast<std::size_t>(size));
}

}  // namespace

KvCache::KvCache(const CacheShape& shape) : shape_(shape), block_keys_(attention::tile_kernel(current_isa()).block_keys) {
    const std::int64_t smallest = std::min({shape.batch, shape.key_heads, shape.head_dim, shape.value_dim, shape.capacity});
    if (smallest < 1)
        throw base::Error(base::ErrorKind::usage,
                          fmt::format("a cache of batch {}, {} key heads, head_dim {}, value_dim {}, capacity {} has a size below 1",
                                      shape.batch, shape.key_heads, shape.head_dim, shape.value_dim, shape.capacity),
                          "give sizes of at least 1");
    attention::validate_shape({shape.batch, shape.key_heads, 1, shape.capacity, shape.head_dim, shape.value_dim});
    const std::int64_t rows = key_heads() * shape.capacity;
    keys_.resize(static_cast<std::size_t>(rows * shape.head_dim * base::size_of(shape.dtype)));
    values_.resize(static_cast<std::size_t>(rows * shape.value_dim * base::size_of(shape.dtype)));
    key_digests_.resize(static_cast<std::size_t>(rows));
    value_digests_.resize(static_cast<std::size_t>(rows));
    for (std::int64_t head = 0; head < key_heads(); ++head) sums_.push_back(empty_sums());
}

KvCache::Growing KvCache::empty_sums() const {
    Growing growing;
    growing.magnitudes_D.resize(static_cast<std::size_t>(shape_.head_dim));
    growing.full_magnitudes_D.resize(static_cast<std::size_t>(shape_.head_dim));
    return growing;
}

std::byte* KvCache::row(bool value, std::int64_t key_head, std::int64_t key) {
    const std::int64_t bytes = (value ? shape_.value_dim : shape_.head_dim) * base::size_of(shape_.dtype);
    return (value ? values_ : keys_).data() + (key_head * shape_.capacity + key) * bytes;
}

std::uint64_t& KvCache::digest(bool value, std::int64_t key_head, std::int64_t key) {
    return (value ? value_digests_ : key_digests_)[static_cast<std::size_t>(key_head * shape_.capacity + key)];
}

void KvCache::require(const CacheRows& keys, const CacheRows& values, std::int64_t first, std::int64_t count, std::int64_t limit) const {
    if (first < 0 || count < 0 || count > limit - first)
        throw base::Error(base::ErrorKind::usage, fmt::format("{} keys from key {} on do not fit into {}", count, first, limit),
                          fmt::format("the cache holds {} keys and has room for {}", size_, shape_.capacity));
    if (count > 0 && (keys.numbers == nullptr || values.numbers == nullptr))
        throw base::Error(base::ErrorKind::usage, "the pointer to the keys or to the values is null", "give both");
}

void KvCache::append(const CacheRows& keys, const CacheRows& values, std::int64_t count) {
    require(keys, values, size_, count, shape_.capacity);
    for (std::int64_t head = 0; head < key_heads(); ++head) {
        for (const bool value : {false, true}) {
            const std::int64_t columns = value ? shape_.value_dim : shape_.head_dim;
            for (std::int64_t i = 0; i < count; ++i) {
                std::byte* target = row(value, head, size_ + i);
                copy_row(shape_, value ? values : keys, head, i, columns, target);
                digest(value, head, size_ + i) = digest_of(target, columns * base::size_of(shape_.dtype));
            }
        }
        encode(head, size_, size_ + count, sums_[static_cast<std::size_t>(head)]);
    }
    size_ += count;
}

void KvCache::encode(std::int64_t key_head, std::int64_t first, std::int64_t end, Growing& growing) {
    const std::int64_t columns = shape_.head_dim;
    const GuardedKernel& kernel = guarded_kernel(current_isa());
    std::vector<float> wide(static_cast<std::size_t>(block_keys_ * std::max(columns, shape_.value_dim)));
    std::vector<float> magnitudes(static_cast<std::size_t>(columns));
    std::vector<float> signs(static_cast<std::size_t>(shape_.value_dim));
    for (std::int64_t e = 0; e < shape_.value_dim; ++e) signs[e] = column_sign(e);
    GuardScratch scratch;
    scratch.key_JD = wide.data();
    scratch.own_magnitudes_D = magnitudes.data();
    scratch.sign_P = signs.data();

    // The block that was open is summed again, whole.
    growing.key_sums_BD.resize(static_cast<std::size_t>(attention::divide_up(end, block_keys_) * columns));
    std::vector<float> block_magnitudes(static_cast<std::size_t>(columns));
    growing.magnitudes_D = growing.full_magnitudes_D;
    for (std::int64_t block = first / block_keys_; block * block_keys_ < end; ++block) {
        const std::int64_t keys = std::min(block_keys_, end - block * block_keys_);
        HeadSums one;
        one.key_sums_BD = growing.key_sums_BD.data() + block * columns;
        one.key_magnitudes_D = block_magnitudes.data();
        kernel.encode_keys(shape_.dtype, row(false, key_head, block * block_keys_), {.row = columns}, nullptr, keys, columns, block_keys_,
                           scratch, one);
        for (std::int64_t c = 0; c < columns; ++c) growing.magnitudes_D[c] = std::max(growing.magnitudes_D[c], block_magnitudes[c]);
        if (keys == block_keys_) growing.full_magnitudes_D = growing.magnitudes_D;
        growing.sums.keys_finite = growing.sums.keys_finite && one.keys_finite;
        growing.sums.key_bound = std::max(growing.sums.key_bound, one.key_bound);
    }

    for (std::vector<float>* sums : {&growing.plain_sums_M, &growing.value_sums_M, &growing.signed_sums_M})
        sums->resize(static_cast<std::size_t>(end));
    HeadSums more;
    more.value_sums_M = growing.plain_sums_M.data() + first;
    more.signed_sums_M = growing.signed_sums_M.data() + first;
    kernel.encode_values(shape_.dtype, row(true, key_head, first), {.row = shape_.value_dim}, nullptr, end - first, shape_.value_dim,
                         scratch, more);
    HeadSums& sums = growing.sums;
    // Beta follows the largest value: where that stays, only the values that came in need it.
    const std::int64_t changed = more.value_bound > growing.value_bound ? 0 : first;
    growing.value_bound = std::max(growing.value_bound, more.value_bound);
    sums.value_bound = growing.value_bound;
    sums.values_finite = sums.values_finite && more.values_finite;
    std::copy(growing.plain_sums_M.begin() + changed, growing.plain_sums_M.end(), growing.value_sums_M.begin() + changed);
    sums.key_sums_BD = growing.key_sums_BD.data();
    sums.key_magnitudes_D = growing.magnitudes_D.data();
    sums.value_sums_M = growing.value_sums_M.data();
    sums.signed_sums_M = growing.signed_sums_M.data();
    add_beta(sums, changed, end);
}

std::vector<Damage> KvCache::verify() {
    std::vector<Damage> damages;
    for (std::int64_t head = 0; head < key_heads(); ++head) {
        const std::size_t before = damages.size();
        for (std::int64_t key = 0; key < size_; ++key) {
            for (const bool value : {false, true}) {
                const std::int64_t columns = value ? shape_.value_dim : shape_.head_dim;
                if (digest_of(row(value, head, key), columns * base::size_of(shape_.dtype)) != digest(value, head, key))
                    damages.push_back({head, key, value});
            }
        }
        if (damages.size() != before) continue;
        Growing again = empty_sums();
        encode(head, 0, size_, again);
        sums_[static_cast<std::size_t>(head)] = std::move(again);
    }
    return damages;
}

void KvCache::restore(std::int64_t first, const CacheRows& keys, const CacheRows& values, std::int64_t count) {
    require(keys, values, first, count, size_);
    std::vector<std::byte> copy(static_cast<std::size_t>(std::max(shape_.head_dim, shape_.value_dim) * base::size_of(shape_.dtype)));
    for (std::int64_t i = 0; i < count; ++i) {
        for (std::int64_t head = 0; head < key_heads(); ++head) {
            for (const bool value : {false, true}) {
                const std::int64_t columns = value ? shape_.value_dim : shape_.head_dim;
                const std::int64_t bytes = columns * base::size_of(shape_.dtype);
                copy_row(shape_, value ? values : keys, head, i, columns, copy.data());
                if (digest_of(copy.data(), bytes) != digest(value, head, first + i))
                    throw base::Error(base::ErrorKind::usage,
                                      fmt::format("the {} given for key {} of key head {} is not the one that was stored",
                                                  value ? "value" : "key", first + i, head),
                                      "restore from the numbers that were appended");
                std::memcpy(row(value, head, first + i), copy.data(), static_cast<std::size_t>(bytes));
            }
        }
    }
}

Report KvCache::attend(const CacheQuery& query, const Protection& protection, void* out, const attention::Strides& out_strides,
                       float* lse_BHN) const {
    attention::Problem problem;
    problem.shape = {shape_.batch, query.heads, query.queries, size_, shape_.head_dim, shape_.value_dim, shape_.key_heads};
    problem.dtype = shape_.dtype;
    problem.q = query.q;
    problem.q_strides = query.q_strides;
    problem.k = keys_.data();
    problem.v = values_.data();
    problem.k_strides = {shape_.key_heads * shape_.capacity * shape_.head_dim, shape_.capacity * shape_.head_dim, shape_.head_dim};
    problem.v_strides = {shape_.key_heads * shape_.capacity * shape_.value_dim, shape_.capacity * shape_.value_dim, shape_.value_dim};
    problem.mask.kind = query.causal ? attention::MaskKind::causal : attention::MaskKind::none;
    problem.scale = query.scale;
    problem.threads = query.threads;
    require_protectable(problem, protection);
    if (protection.level == Level::none || size_ == 0) {
        attention::fused(problem, out, out_strides, lse_BHN);
        return {};
    }
    if (!has_rows(problem)) return {};
    std::vector<HeadSums> sums;
    for (const Growing& growing : sums_) sums.push_back(growing.sums);
    const NoInjection none;
    return ProtectedRun<NoInjection>(problem, protection, {out, out_strides, lse_BHN}, nullptr, none, sums.data()).all();
}

}  // namespace plumb::kernels::protect
