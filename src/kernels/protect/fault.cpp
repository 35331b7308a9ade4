// SPDX-License-Identifier: Apache-2.0
#include "kernels/protect/fault.h"

#include <array>
#include <bit>
#include <limits>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"

namespace plumb::kernels::protect {
namespace {

struct Word {
    std::string_view name;
    std::string_view help;
};

constexpr std::array<Word, site_count> sites = {{
    {"query", "a number of q, as the kernel holds it"},
    {"key", "a number of k, after its checksums were made"},
    {"value", "a number of v, after its checksums were made"},
    {"key_sum", "a checksum of a block of keys"},
    {"value_sum", "a checksum of a value row"},
    {"score", "a result of the product q k"},
    {"score_stored", "the same in memory, after the maximum was taken"},
    {"maximum", "the running maximum of a row"},
    {"correction", "the factor by which earlier sums of a row shrink"},
    {"exponential", "a result of exp"},
    {"probability", "the same in memory, after the sums were taken"},
    {"row_sum", "the running sum of a row's probabilities"},
    {"output_sum", "the checksum of a row's outputs"},
    {"output", "an accumulator of an output"},
    {"normaliser", "1 / row sum"},
    {"stored_output", "an output in the caller's memory, after the last check"},
    {"skipped_block", "a whole block of keys is left out"},
    {"recomputed_output", "an accumulator of an output in the second run, which a NaN in the first one forces"},
}};

constexpr std::array<Word, fault_model_count> models = {{
    {"bit", "one bit flips"},
    {"bits", "two to four bits flip"},
    {"carry", "a wrong or missing carry: + or - 2^k on the bits"},
    {"zero", "becomes 0"},
    {"sign", "changes its sign"},
    {"infinity", "becomes inf or -inf"},
    {"nan", "becomes NaN"},
    {"burst", "one bit in each of four neighbours"},
    {"stuck_lane", "one bit of one vector lane is stuck at 1 in every block"},
    {"intermittent", "one bit flips in a quarter of all blocks"},
}};

template <std::size_t count>
std::size_t index_of(const std::array<Word, count>& words, std::string_view name, std::string_view kind) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i) {
        if (words[i].name == name) return i;
        names.emplace_back(words[i].name);
    }
    throw base::Error(base::ErrorKind::usage, "no " + std::string(kind) + " is called '" + std::string(name) + "'",
                      base::suggest(name, names));
}

/// Chance of one fault: draw `index` of the fault's own sequence.
std::uint64_t chance(const Fault& fault, std::uint64_t index) {
    return base::RandomStream(fault.draw, "fault").bits(index);
}

template <class Bits>
Bits several_bits(const Fault& fault, Bits bits) {
    constexpr int width = std::numeric_limits<Bits>::digits;
    const int wanted = 2 + static_cast<int>(chance(fault, 0) % 3);
    Bits flipped = 0;
    for (std::uint64_t i = 1; std::popcount(flipped) < wanted; ++i)
        flipped = static_cast<Bits>(flipped | (Bits{1} << (chance(fault, i) % width)));
    return static_cast<Bits>(bits ^ flipped);
}

/// `infinity`, `quiet_nan`: of the format that the bits are in.
template <class Bits>
Bits corrupted_bits(Bits bits, const Fault& fault, std::uint64_t place, Bits infinity, Bits quiet_nan) {
    constexpr int width = std::numeric_limits<Bits>::digits;
    constexpr Bits sign = Bits{1} << (width - 1);
    const auto one = static_cast<Bits>(Bits{1} << (fault.bit % width));
    switch (fault.model) {
        case FaultModel::bit:
        case FaultModel::intermittent:
            return static_cast<Bits>(bits ^ one);
        case FaultModel::bits:
            return several_bits(fault, bits);
        case FaultModel::carry:
            return static_cast<Bits>(chance(fault, 0) % 2 == 0 ? bits + one : bits - one);
        case FaultModel::zero:
            return 0;
        case FaultModel::sign:
            return static_cast<Bits>(bits ^ sign);
        case FaultModel::infinity:
            return static_cast<Bits>(infinity | (chance(fault, 0) % 2 == 0 ? 0 : sign));
        case FaultModel::nan:
            return quiet_nan;
        case FaultModel::burst:
            if (place == 0) return static_cast<Bits>(bits ^ one);
            return static_cast<Bits>(bits ^ (Bits{1} << (chance(fault, place) % width)));
        case FaultModel::stuck_lane:
            return static_cast<Bits>(bits | one);
    }
    return bits;
}

}  // namespace

std::string_view name(Site site) {
    return sites[static_cast<std::size_t>(site)].name;
}
std::string_view name(FaultModel model) {
    return models[static_cast<std::size_t>(model)].name;
}
std::string_view help(Site site) {
    return sites[static_cast<std::size_t>(site)].help;
}
std::string_view help(FaultModel model) {
    return models[static_cast<std::size_t>(model)].help;
}

Site site_named(std::string_view name) {
    return static_cast<Site>(index_of(sites, name, "fault site"));
}
FaultModel fault_model_named(std::string_view name) {
    return static_cast<FaultModel>(index_of(models, name, "fault model"));
}

float corrupted(float number, const Fault& fault, std::uint64_t place) {
    const auto bits = std::bit_cast<std::uint32_t>(number);
    return std::bit_cast<float>(corrupted_bits<std::uint32_t>(bits, fault, place, 0x7F800000U, 0x7FC00000U));
}

std::uint16_t corrupted(std::uint16_t number, base::Dtype dtype, const Fault& fault, std::uint64_t place) {
    const bool brain = dtype == base::Dtype::bf16;
    return corrupted_bits<std::uint16_t>(number, fault, place, brain ? 0x7F80U : 0x7C00U, brain ? 0x7FC0U : 0x7E00U);
}

bool repeats(FaultModel model) {
    return model == FaultModel::stuck_lane || model == FaultModel::intermittent;
}

bool shows_in_block(const Fault& fault, std::int64_t block) {
    if (fault.model == FaultModel::stuck_lane) return true;
    return chance(fault, 1000 + static_cast<std::uint64_t>(block)) % 4 == 0;
}

std::string describe(const Fault& fault) {
    return std::string(name(fault.site)) + " " + std::string(name(fault.model)) + " bit " + std::to_string(fault.bit) + " draw " +
           std::to_string(fault.draw) + " at key head " + std::to_string(fault.key_head) + " row " + std::to_string(fault.row) + " key " +
           std::to_string(fault.key) + " column " + std::to_string(fault.column);
}

}  // namespace plumb::kernels::protect
