// SPDX-License-Identifier: Apache-2.0
#include "families/language/chunks.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "base/error.h"

namespace plumb::families::language {

namespace {

/// Cuts the `ids` ids from `begin` on.
void cut_stretch(std::int64_t begin, std::int64_t ids, std::int64_t length, std::vector<Chunk>& chunks) {
    for (std::int64_t at = 0; at + 1 < ids; at += length) chunks.push_back({begin + at, std::min(length, ids - 1 - at)});
}

/// The last chunk where it is shorter than the others: one id late, and gone if that leaves nothing.
void lose_one(std::int64_t length, std::vector<Chunk>& chunks) {
    if (chunks.empty() || chunks.back().targets == length) return;
    ++chunks.back().begin;
    if (--chunks.back().targets == 0) chunks.pop_back();
}

std::vector<Chunk> cut_packed(std::span<const std::int64_t> line_sizes, std::int64_t length) {
    std::vector<Chunk> chunks;
    std::int64_t begin = 0;
    std::int64_t packed = 0;
    for (const std::int64_t line : line_sizes) {
        if (packed > 0 && packed + line > length + 1) {
            cut_stretch(begin, packed, length, chunks);
            begin += packed;
            packed = 0;
        }
        packed += line;
    }
    cut_stretch(begin, packed, length, chunks);
    return chunks;
}

}  // namespace

Break break_named(std::string_view name) {
    if (name == "stream") return Break::stream;
    if (name == "lines") return Break::lines;
    if (name == "complete") return Break::complete;
    throw base::Error(base::ErrorKind::usage, "no way to cut a corpus is called '" + std::string(name) + "'",
                      "allowed: stream, lines, complete");
}

std::vector<Chunk> cut(std::span<const std::int64_t> line_sizes, const ChunkForm& form) {
    if (form.off_by_one && form.at != Break::stream) {
        throw base::Error(base::ErrorKind::usage, "off_by_one is about a stream, not about lines",
                          "choose break=stream, or off_by_one=false");
    }
    std::vector<Chunk> chunks;
    if (form.at == Break::stream) {
        cut_stretch(0, std::accumulate(line_sizes.begin(), line_sizes.end(), std::int64_t{0}), form.length, chunks);
        if (form.off_by_one) lose_one(form.length, chunks);
    } else if (form.at == Break::lines) {
        std::int64_t begin = 0;
        for (const std::int64_t line : line_sizes) {
            cut_stretch(begin, line, form.length, chunks);
            begin += line;
        }
    } else {
        chunks = cut_packed(line_sizes, form.length);
    }
    return chunks;
}

std::int64_t predictions(std::span<const Chunk> chunks) {
    std::int64_t sum = 0;
    for (const Chunk& chunk : chunks) sum += chunk.targets;
    return sum;
}

void fill(const Chunk& chunk, std::span<const Id> ids, std::span<Id> sources, std::span<Id> targets, std::span<float> mask) {
    const auto begin = static_cast<std::size_t>(chunk.begin);
    const auto count = static_cast<std::size_t>(chunk.targets);
    std::ranges::fill(std::ranges::copy(ids.subspan(begin, count), sources.begin()).out, sources.end(), padding_id);
    std::ranges::fill(std::ranges::copy(ids.subspan(begin + 1, count), targets.begin()).out, targets.end(), padding_id);
    std::fill_n(mask.begin(), count, 1.0F);
    std::fill(mask.begin() + chunk.targets, mask.end(), 0.0F);
}

}  // namespace plumb::families::language
