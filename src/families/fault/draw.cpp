// SPDX-License-Identifier: Apache-2.0
#include "families/fault/draw.h"

#include <algorithm>

#include "base/random.h"

namespace plumb::families::fault {

namespace {

namespace ka = kernels::attention;
namespace kp = kernels::protect;
using kp::Site;

constexpr std::uint64_t draws_of_a_trial = 16;

/// Bits of the number that the site has.
std::int64_t width_of(const Request& request, Site site) {
    return site == Site::stored_output && request.options.dtype != base::Dtype::fp32 ? 16 : 32;
}

std::int64_t blocks_of(const ka::Shape& shape) {
    return (shape.keys + block_keys - 1) / block_keys;
}

/// How many values each index of the site's numbers takes: an index that the site does not have takes one.
struct Extent {
    std::int64_t rows = 1;
    std::int64_t keys = 1;  ///< keys, or where `whole_blocks` blocks of them
    std::int64_t columns = 1;
    bool whole_blocks = false;
};

Extent extent_of(const ka::Shape& shape, Site site) {
    const std::int64_t rows = shape.group() * shape.queries;
    const std::int64_t blocks = blocks_of(shape);
    switch (site) {
        case Site::query:
            return {rows, 1, shape.head_dim, false};
        case Site::key:
            return {1, shape.keys, shape.head_dim, false};
        case Site::value:
            return {1, shape.keys, shape.value_dim, false};
        case Site::key_sum:
            return {1, blocks, shape.head_dim, true};
        case Site::value_sum:
            return {1, shape.keys, 1, false};
        case Site::score:
        case Site::score_stored:
        case Site::exponential:
        case Site::probability:
            return {rows, shape.keys, 1, false};
        case Site::maximum:
        case Site::correction:
        case Site::row_sum:
        case Site::output_sum:
        case Site::skipped_block:
            return {rows, blocks, 1, true};
        case Site::normaliser:
            return {rows, 1, 1, false};
        case Site::output:
        case Site::recomputed_output:
            return {rows, blocks, shape.value_dim, true};
        case Site::stored_output:
            return {rows, 1, shape.value_dim, false};
    }
    return {};
}

std::int64_t key_heads(const ka::Shape& shape) {
    return shape.batch * shape.kv_heads();
}

kp::Fault exhaustive_fault(const Request& request, std::int64_t trial) {
    const Site site = request.sites.front();
    const Extent extent = extent_of(request.shape, site);
    const auto take = [&trial](std::int64_t count) {
        const std::int64_t index = trial % count;
        trial /= count;
        return index;
    };
    kp::Fault fault{.site = site, .model = kp::FaultModel::bit};
    fault.draw = base::RandomStream(request.seed, "fault trial").bits(static_cast<std::uint64_t>(trial));
    fault.bit = static_cast<int>(take(width_of(request, site)));
    fault.column = take(extent.columns);
    fault.key = take(extent.keys) * (extent.whole_blocks ? block_keys : 1);
    fault.row = take(extent.rows);
    fault.key_head = take(key_heads(request.shape));
    return fault;
}

class Chance {
  public:
    Chance(std::uint64_t seed, std::int64_t trial)
        : stream_(seed, "fault trial"), next_(static_cast<std::uint64_t>(trial) * draws_of_a_trial) {}
    std::int64_t below(std::int64_t bound) {
        return static_cast<std::int64_t>(stream_.below(next_++, static_cast<std::uint64_t>(std::max<std::int64_t>(bound, 1))));
    }
    std::uint64_t bits() { return stream_.bits(next_++); }

  private:
    base::RandomStream stream_;
    std::uint64_t next_;
};

/// A key of the first, a middle or the last block.
std::int64_t key_in_third(const ka::Shape& shape, std::int64_t third, Chance& chance) {
    const std::int64_t last = blocks_of(shape) - 1;
    const std::int64_t middle = last > 1 ? 1 + chance.below(last - 1) : last;
    const std::int64_t block = third == 0 ? 0 : third == 1 ? middle : last;
    const std::int64_t first = block * block_keys;
    return first + chance.below(std::min(block_keys, shape.keys - first));
}

}  // namespace

std::int64_t trial_count(const Request& request) {
    if (!request.exhaustive) return request.trials;
    const Site site = request.sites.front();
    const Extent extent = extent_of(request.shape, site);
    const std::int64_t all = key_heads(request.shape) * extent.rows * extent.keys * extent.columns * width_of(request, site);
    return request.trials == 0 ? all : std::min(all, request.trials);
}

kp::Fault fault_of_trial(const Request& request, std::int64_t trial) {
    if (request.exhaustive) return exhaustive_fault(request, trial);
    const std::int64_t sites = std::ssize(request.sites);
    const std::int64_t models = std::ssize(request.models);
    Chance chance(request.seed, trial);
    kp::Fault fault;
    fault.site = request.sites[static_cast<std::size_t>(trial % sites)];
    fault.model = request.models[static_cast<std::size_t>(trial / sites % models)];
    const std::int64_t of_stratum = trial / (sites * models);
    const std::int64_t width = width_of(request, fault.site);
    const bool every_bit = fault.model == kp::FaultModel::bit;
    fault.draw = chance.bits();
    fault.bit = static_cast<int>(every_bit ? of_stratum % width : chance.below(width));
    const std::int64_t third = (every_bit ? of_stratum / width : of_stratum) % 3;
    fault.key_head = chance.below(key_heads(request.shape));
    fault.row = chance.below(request.shape.group() * request.shape.queries);
    fault.column = chance.below(request.shape.value_dim);
    fault.key = key_in_third(request.shape, third, chance);
    return fault;
}

}  // namespace plumb::families::fault
