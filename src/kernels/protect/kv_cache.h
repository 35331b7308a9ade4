// SPDX-License-Identifier: Apache-2.0
// Keys and values of a sequence that grows, guarded while they rest in memory.
//
// Each key and each value gets a digest (XXH3, 64 bits) when it is appended, and its head's checksums (guarded_tile.h) grow with it.
// verify() finds every changed bit; attend() finds those that matter to its result on the way, since it compares with the checksums of what
// was once stored. The cache keeps no second copy of its numbers: what is damaged comes back from whoever still has them, by restore().
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/attention/attention.h"
#include "kernels/protect/guarded_tile.h"
#include "kernels/protect/protection.h"

namespace plumb::kernels::protect {

struct CacheShape {
    std::int64_t batch = 1;
    std::int64_t key_heads = 1;
    std::int64_t head_dim = 0;
    std::int64_t value_dim = 0;
    std::int64_t capacity = 0;  ///< most keys
    base::Dtype dtype = base::Dtype::fp32;
};

/// Some rows of keys or values as a caller has them: B x G x rows x D (or E) numbers of the cache's type.
struct CacheRows {
    const void* numbers = nullptr;
    attention::Strides strides;
};

/// A stored key or value that is no longer what was stored.
struct Damage {
    std::int64_t key_head = 0;  ///< b G + g
    std::int64_t key = 0;
    bool value = false;  ///< of the value; else of the key
    bool operator==(const Damage&) const = default;
};

/// What attends: H heads, a multiple of the key heads, N queries. The last query stands at the last key.
struct CacheQuery {
    std::int64_t heads = 0;
    std::int64_t queries = 0;
    const void* q = nullptr;  ///< B x H x N x D of the cache's type
    attention::Strides q_strides;
    bool causal = true;
    float scale = 0;  ///< 0: 1 / sqrt(D)
    int threads = 1;
};

/// One thread at a time may append or restore; attend() and verify() may run side by side. Error{usage} names what does not fit.
class KvCache {
  public:
    /// Throws Error{usage} when a size is below 1 or the memory cannot be counted.
    explicit KvCache(const CacheShape& shape);

    const CacheShape& shape() const { return shape_; }
    std::int64_t size() const { return size_; }  ///< keys stored

    /// Stores `count` more keys and values; Error{usage} when they do not fit, and nothing is stored then.
    void append(const CacheRows& keys, const CacheRows& values, std::int64_t count);
    /// Everything whose bits are not those that were stored, by head, then key. Checksums that no longer belong to intact rows are made
    /// again.
    std::vector<Damage> verify();
    /// Writes keys and values [first, first + count) once more. Throws Error{usage}, naming the row, when they are not the ones that were
    /// stored there; rows before it are restored.
    void restore(std::int64_t first, const CacheRows& keys, const CacheRows& values, std::int64_t count);

    /// protected_attention() over what is stored; level none is fused(). An alarm whose cause is a damaged row ends as unresolved: verify()
    /// says which row.
    Report attend(const CacheQuery& query, const Protection& protection, void* out, const attention::Strides& out_strides,
                  float* lse_BHN = nullptr) const;

    /// The stored numbers, B x G x capacity x D (E): for whoever moves them, or damages them on purpose.
    std::span<std::byte> stored_keys() { return keys_; }
    std::span<std::byte> stored_values() { return values_; }

  private:
    /// The checksums of one key head as they grow.
    struct Growing {
        std::vector<float> key_sums_BD;
        std::vector<float> magnitudes_D;       ///< largest of all blocks
        std::vector<float> full_magnitudes_D;  ///< largest of the blocks that are full
        std::vector<float> plain_sums_M;       ///< value sums without beta
        std::vector<float> value_sums_M;
        std::vector<float> signed_sums_M;
        float value_bound = 0;  ///< without beta
        HeadSums sums;
    };

    std::int64_t key_heads() const { return shape_.batch * shape_.key_heads; }
    std::byte* row(bool value, std::int64_t key_head, std::int64_t key);
    std::uint64_t& digest(bool value, std::int64_t key_head, std::int64_t key);
    void require(const CacheRows& keys, const CacheRows& values, std::int64_t first, std::int64_t count, std::int64_t limit) const;
    Growing empty_sums() const;
    /// Brings the checksums of a key head from `first` keys to `end`.
    void encode(std::int64_t key_head, std::int64_t first, std::int64_t end, Growing& growing);

    CacheShape shape_;
    std::int64_t size_ = 0;
    std::int64_t block_keys_;
    std::vector<std::byte> keys_;
    std::vector<std::byte> values_;
    std::vector<std::uint64_t> key_digests_;  ///< B x G x capacity
    std::vector<std::uint64_t> value_digests_;
    std::vector<Growing> sums_;
};

}  // namespace plumb::kernels::protect
