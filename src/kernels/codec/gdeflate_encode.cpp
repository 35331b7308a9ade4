// SPDX-License-Identifier: Apache-2.0
// Levels: what is searched, and how many pieces may become blocks. To change one: its line in the table.
#include "kernels/codec/gdeflate_encode.h"

#include <array>

#include "kernels/codec/gdeflate_blocks.h"
#include "kernels/codec/gdeflate_quick.h"
#include "kernels/codec/gdeflate_search.h"

namespace plumb::kernels::codec::gdeflate {
namespace {

enum class Way { literals, quick, lazy, cheapest };

struct Level {
    Way way;
    Effort effort;
    std::size_t pieces;
};

constexpr std::array<Level, highest_level + 1> levels = {{
    {Way::literals, {}, 1},
    {Way::quick, {}, 1},
    {Way::lazy, {.depth = 4, .good_enough = 16, .delay = 0, .passes = 0}, 4},
    {Way::lazy, {.depth = 8, .good_enough = 32, .delay = 1, .passes = 0}, 4},
    {Way::lazy, {.depth = 16, .good_enough = 64, .delay = 1, .passes = 0}, 8},
    {Way::lazy, {.depth = 32, .good_enough = 128, .delay = 1, .passes = 0}, 8},
    {Way::lazy, {.depth = 64, .good_enough = 256, .delay = 2, .passes = 0}, 8},
    {Way::lazy, {.depth = 256, .good_enough = 512, .delay = 2, .passes = 0}, 16},
    {Way::cheapest, {.depth = 64, .good_enough = 256, .delay = 1, .passes = 2}, 16},
    {Way::cheapest, {.depth = 512, .good_enough = 1024, .delay = 1, .passes = 4}, 16},
}};

const Level& level_of(int level) {
    return levels[static_cast<std::size_t>(level)];
}

}  // namespace

struct PageEncoder::Scratch {
    Tokens tokens;
    std::unique_ptr<QuickTables> quick;
    std::unique_ptr<Chains> chains;
    std::unique_ptr<CheapestPath> path;

    explicit Scratch(Way way) {
        if (way == Way::quick) quick = std::make_unique<QuickTables>();
        if (way == Way::lazy || way == Way::cheapest) chains = std::make_unique<Chains>();
        if (way == Way::cheapest) path = std::make_unique<CheapestPath>();
    }
};

PageEncoder::PageEncoder(int level) : level_(level), scratch_(std::make_unique<Scratch>(level_of(level).way)) {}
PageEncoder::~PageEncoder() = default;

std::size_t PageEncoder::encode(Page page, std::span<std::uint8_t> out) {
    const auto& [way, effort, pieces] = level_of(level_);
    Tokens& tokens = scratch_->tokens;
    tokens.clear();
    if (way == Way::literals) tokens.add_literals(page);
    if (way == Way::quick) quick_search(page, *scratch_->quick, tokens);
    if (way == Way::lazy || way == Way::cheapest) lazy_search(page, effort, *scratch_->chains, tokens);
    if (way == Way::cheapest) scratch_->path->search(page, effort, *scratch_->chains, tokens);

    StreamWriter to(out.data());
    const std::vector<Part> parts = split({page, tokens.all()}, pieces);
    for (std::size_t i = 0; i < parts.size(); ++i) write_block(parts[i], i + 1 == parts.size(), to);
    return to.finish();
}

std::size_t PageEncoder::scratch_bytes() const {
    std::size_t bytes = sizeof(Scratch);
    if (scratch_->quick) bytes += sizeof(QuickTables);
    if (scratch_->chains) bytes += sizeof(Chains);
    if (scratch_->path) bytes += scratch_->path->scratch_bytes();
    return bytes;
}

}  // namespace plumb::kernels::codec::gdeflate
