// SPDX-License-Identifier: Apache-2.0
// A stream of ids cut into the sequences that a model is trained and scored on.
//   stream    pieces of `length` targets, one after the other: every id but the first is predicted once, from the ids of its piece
//   lines     a line at a time; one with more than `length` targets is cut. A line's first id is not predicted
//   complete  whole lines one after the other, as many as fit; a line that alone is longer is cut. The first id of each is not predicted
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "families/language/byte_pairs.h"

namespace plumb::families::language {

enum class Break { stream, lines, complete };
/// Throws usage for a name that is none of the three.
Break break_named(std::string_view name);

struct ChunkForm {
    Break at = Break::stream;
    std::int64_t length = 256;
    /// As the assignment's own class does with a stream: the last, shorter piece begins one id late, so that one prediction is lost.
    bool off_by_one = false;
};

/// Sources are ids[begin, begin + targets), targets ids[begin + 1, begin + targets + 1).
struct Chunk {
    std::int64_t begin = 0;
    std::int64_t targets = 0;
    bool operator==(const Chunk&) const = default;
};

/// Chunks without a target are left out. `line_sizes` add up to the number of ids. Throws usage where off_by_one goes with lines.
std::vector<Chunk> cut(std::span<const std::int64_t> line_sizes, const ChunkForm& form);
std::int64_t predictions(std::span<const Chunk> chunks);

/// Writes one chunk as a row of `length` sources, targets and mask, which is 1 where there is a target; padding_id and 0 behind the end.
void fill(const Chunk& chunk, std::span<const Id> ids, std::span<Id> sources, std::span<Id> targets, std::span<float> mask);

}  // namespace plumb::families::language
