// SPDX-License-Identifier: Apache-2.0
// Faults to inject into attention: where, of what kind, how one is drawn, and what it does to a number.
//
// Only code that is compiled for injection knows a Fault (protected_attention.h: inject(); scheme.h: Scheme::inject); what is timed has
// none. Models and their weights in the field: the studies cited at `FaultModel`. To add a site: a line of the table in fault.cpp, and the
// place in the code that it names.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/dtype.h"

namespace plumb::kernels::protect {

/// Where a number goes wrong. Numbers are fp32 unless the line says otherwise.
enum class Site {
    query,              ///< q as the kernel holds it, scaled and transposed (unfused: the number of q that the product reads)
    key,                ///< k as the kernel reads it: its packed copy, or the caller's memory, after the checksums were made
    value,              ///< v likewise
    key_sum,            ///< checksum of a block of keys
    value_sum,          ///< checksum of a value row
    score,              ///< result of the product q k, before anything reads it: goes into maximum and sum
    score_stored,       ///< the same number in memory, after the maximum was taken
    maximum,            ///< running maximum of a row, as it is kept between blocks
    correction,         ///< factor by which earlier sums shrink when the maximum grows
    exponential,        ///< result of exp, in its register: goes into everything that follows
    probability,        ///< the same number in memory, after the sums were taken
    row_sum,            ///< running sum of probabilities
    output_sum,         ///< checksum of the outputs, as it is carried along
    output,             ///< accumulator of an output
    normaliser,         ///< 1 / row sum
    stored_output,      ///< the output in the caller's memory, after the last check (of the type of the output)
    skipped_block,      ///< a whole block of keys is left out; no number
    recomputed_output,  ///< accumulator of an output in the second run, which a NaN in the first one forces
};
inline constexpr int site_count = 18;

/// What goes wrong with it. In the logs of one operator of many accelerators 47 % of wrong outputs differed in one bit, 49 % by a wrong or
/// missing carry, 4 % were compound (V-ABFT, arXiv 2602.08043); in a gate-level study of one device 1 % of silent corruptions were NaN or
/// inf (arXiv 2605.04213); groups of four neighbours were seen in production (AEGIS, OSDI 2026).
enum class FaultModel {
    bit,           ///< one bit flips
    bits,          ///< two to four bits flip
    carry,         ///< + or - 2^k on the number's bits as an integer: a wrong or a missing carry
    zero,          ///< becomes 0
    sign,          ///< changes its sign
    infinity,      ///< becomes + or - inf
    nan,           ///< becomes NaN
    burst,         ///< one random bit in each of four neighbours
    stuck_lane,    ///< one bit of one vector lane is stuck at 1, in every block that the site passes: a permanent defect
    intermittent,  ///< one bit flips, in every block with probability 1/4
};
inline constexpr int fault_model_count = 10;

std::string_view name(Site site);
std::string_view name(FaultModel model);
/// Throw Error{usage} with the nearest name.
Site site_named(std::string_view name);
FaultModel fault_model_named(std::string_view name);
std::string_view help(Site site);
std::string_view help(FaultModel model);

/// One fault, or one repeated fault of a permanent model. Indices are those of the problem; a site uses those that it has.
struct Fault {
    Site site = Site::score;
    FaultModel model = FaultModel::bit;
    int bit = 0;                ///< bit, carry, burst, stuck_lane, intermittent: 0 is the lowest of the number's bits
    std::uint64_t draw = 0;     ///< decides what is left to chance: further bits, signs, in which blocks an intermittent fault shows
    std::int64_t key_head = 0;  ///< batch x key heads: b G + g
    std::int64_t row = 0;       ///< of the key head: (h mod H/G) N + n
    std::int64_t key = 0;       ///< m
    std::int64_t column = 0;    ///< of head_dim or value_dim
};

/// The number after the fault. `place` tells the neighbours of a burst apart, 0 to 3; other models ignore it.
float corrupted(float number, const Fault& fault, std::uint64_t place = 0);
/// The same for the bits of a bf16 or fp16.
std::uint16_t corrupted(std::uint16_t number, base::Dtype dtype, const Fault& fault, std::uint64_t place = 0);
/// The fault can show in many blocks; other models show once, where their indices say.
bool repeats(FaultModel model);
/// Whether a fault that repeats() shows in block `block` of its site's numbers.
bool shows_in_block(const Fault& fault, std::int64_t block);

/// "score bit 30 at key head 3 row 17 key 511".
std::string describe(const Fault& fault);

}  // namespace plumb::kernels::protect
