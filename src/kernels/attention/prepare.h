// SPDX-License-Identifier: Apache-2.0
// What the fused kernel decides and copies before tiles run: which keys are read, how queries are cut into tiles, and keys and values in
// the shape that tile.h asks for.
//
// Keys and values are used in place where they are fp32 and their columns are neighbours; they are packed once per key head where they must
// be widened, rows must be gathered (key padding), columns are strided, rows do not fill whole vectors, or rows lie far apart and are read
// by more than one tile (each would cost a page and the same few cache sets).
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/attention/attention.h"
#include "kernels/attention/tile.h"

namespace plumb::kernels::attention {

inline constexpr std::int64_t cache_line_floats = 16;

constexpr std::int64_t divide_up(std::int64_t count, std::int64_t unit) {
    return (count + unit - 1) / unit;
}
constexpr std::int64_t round_up(std::int64_t count, std::int64_t unit) {
    return divide_up(count, unit) * unit;
}

struct AlignedDelete {
    void operator()(float* pointer) const;
};
/// Floats at the start of a cache line.
using Buffer = std::unique_ptr<float[], AlignedDelete>;
Buffer make_buffer(std::int64_t floats);

/// The keys that tiles read, in order: one list for each record under key padding, else one list of all keys.
class KeyLists {
  public:
    explicit KeyLists(const Problem& problem);
    const std::vector<std::int64_t>& of(std::int64_t record) const { return lists_[padded_ ? record : 0]; }
    /// The list of a record as an array, null where it is 0, 1, 2 and so on.
    const std::int64_t* index(std::int64_t record) const { return scattered_ ? of(record).data() : nullptr; }
    /// Some record has a hidden key before a visible one, so that its rows are no range.
    bool scattered() const { return scattered_; }
    /// `range` of the problem's keys as a range of the list's.
    KeyRange listed(std::int64_t record, const KeyRange& range) const;

  private:
    bool padded_;
    bool scattered_;
    std::vector<std::vector<std::int64_t>> lists_;
};

/// Everything that is decided before a tile runs. Cuts depend on the problem and the instruction set alone, so that neither do the bits of
/// the output on the number of threads.
///
/// The rows of a key head are all queries of all heads that share it, head after head; a tile is a run of them. Where there are few tiles,
/// the keys are cut as well: each split of them gives a state of its own, and states are merged in order.
struct Plan {
    std::int64_t key_heads = 0;  ///< batch x key heads
    std::int64_t rows = 0;       ///< of one key head: heads that share it x queries
    std::int64_t tile_rows = 0;
    std::int64_t tiles = 0;  ///< of one key head
    std::int64_t splits = 1;
    std::int64_t split_keys = 0;
    std::int64_t heads_at_once = 0;  ///< key heads prepared together
    std::int64_t padded_values = 0;
    bool few_rows = false;  ///< accumulate_few() does it, on keys and values as they are
    bool pack_keys = false;
    bool pack_values = false;
    bool check_values = false;  ///< a mask may hide NaN or inf
    int threads = 1;
};
Plan make_plan(const Problem& problem, const KeyLists& keys, const TileKernel& kernel);

/// Keys and values of one key head as tiles read them; the members are Tile's.
struct PreparedHead {
    base::Dtype dtype = base::Dtype::fp32;
    const void* k_MD = nullptr;
    std::int64_t k_row = 0;
    const void* v = nullptr;
    std::int64_t v_row = 0;
    std::int64_t keys = 0;
    bool values_finite = true;
};

/// Packed copies of the key heads that are prepared together.
struct PackedHeads {
    Buffer keys;
    Buffer values;
};
PackedHeads make_packed_heads(const Problem& problem, const Plan& plan);

/// `key_head`: b G + g; `slot`: which packed copy to use. Allocates nothing.
PreparedHead prepare_head(const Problem& problem, const Plan& plan, const TileKernel& kernel, std::int64_t key_head, std::int64_t slot,
                          const KeyLists& keys, const PackedHeads& packed);

}  // namespace plumb::kernels::attention
