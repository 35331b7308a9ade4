// SPDX-License-Identifier: Apache-2.0
// The seam between the driver of attention on AMX tiles (amx.cpp: heads, packing, threads, outputs) and its arithmetic (amx_pack.cpp,
// amx_tile.cpp), which is compiled for AVX-512 and AMX. The arithmetic's files include nothing whose inline functions they would emit: the
// linker may keep any file's copy of those, and other hosts must be able to run it.
//
// Legend: T the 32 rows of a block (queries of heads that share a key head), J keys of a strip, D head_dim padded to whole steps of 32,
// E value_dim padded to whole units of 16. A number is `parts` bf16 (split.h): 1 for precision medium, 2 for high.
#pragma once
#include <cstddef>
#include <cstdint>

namespace plumb::kernels::attention {

inline constexpr std::int64_t amx_unit = 16;  ///< rows of a tile
inline constexpr std::int64_t amx_step = 32;  ///< numbers of a tile's row: what one instruction sums over
inline constexpr std::int64_t amx_rows = 32;
/// Keys whose scores exist at a time: 16 KB of fp32.
inline constexpr std::int64_t amx_strip = 128;
/// Keys whose probabilities are weighed together: outputs stay in tiles for so long, 16 KB of bf16 (32 KB in two parts).
inline constexpr std::int64_t amx_block_keys = 256;
/// Most blocks of rows of a task: what shares one block of keys while it is in the second-level cache.
inline constexpr std::int64_t amx_task_blocks = 4;

/// What a row sees of the keys that the driver left.
struct AmxRow {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    const std::uint8_t* hidden = nullptr;  ///< boolean mask, one byte a key; null: none
    const float* bias = nullptr;           ///< null: none
};

/// 32 rows and what they know of the keys they have been through; probabilities are 2^(exponent_scale (score - maximum)).
struct AmxBlock {
    const AmxRow* rows = nullptr;
    std::int64_t row_count = 0;        ///< 1 to 32; what stands in the lanes behind is of no account
    const std::byte* query = nullptr;  ///< by pack_queries
    float* output_ET = nullptr;        ///< E x 32: sum of probability x value
    float* maximum_T = nullptr;        ///< the score that probabilities are relative to: some visible score, not always the largest
    float* sum_T = nullptr;            ///< sum of probabilities
};

/// Blocks of rows against the keys of one head.
struct AmxTask {
    AmxBlock* blocks = nullptr;
    std::int64_t block_count = 0;
    int parts = 1;
    std::int64_t head_steps = 0;   ///< D / 32
    std::int64_t value_units = 0;  ///< E / 16
    const std::byte* keys = nullptr;
    const std::byte* values = nullptr;
    std::int64_t key_count = 0;
    float exponent_scale = 1;
    float bias_scale = 1;  ///< with a bias the score is bias_scale x (q k) + bias
    std::int64_t bias_column = 0;
    const std::int64_t* key_index = nullptr;  ///< column of the bias that key j has; null: j
};

/// Working memory of one thread, aligned to 64 bytes.
struct AmxScratch {
    float* score_JT = nullptr;           ///< 128 x 32
    float* bias_JT = nullptr;            ///< 128 x 32 where there is a bias
    std::uint32_t* hidden_CT = nullptr;  ///< 4 x 32: for each 32 keys of a strip and each row one bit a key, 1 = hidden
    std::byte* probability = nullptr;    ///< 8 steps of 2 x parts tiles
};

/// Bytes of packed operands.
constexpr std::int64_t amx_tile_bytes = 1024;
constexpr std::int64_t amx_query_bytes(std::int64_t head_steps, int parts) {
    return head_steps * 2 * parts * amx_tile_bytes;
}
/// Of 16 keys.
constexpr std::int64_t amx_key_unit_bytes(std::int64_t head_steps, int parts) {
    return head_steps * parts * amx_tile_bytes;
}
/// Of 32 values.
constexpr std::int64_t amx_value_step_bytes(std::int64_t value_units, int parts) {
    return value_units * parts * amx_tile_bytes;
}

struct AmxKernel {
    /// 16 rows of D numbers each become one unit of keys: rows stay rows.
    void (*pack_keys)(const float* wide_D, std::int64_t head_steps, int parts, std::byte* packed);
    /// 16 rows of D numbers become half a block of queries (`half` 0 or 1): pairs of columns become rows.
    void (*pack_queries)(const float* wide_D, std::int64_t head_steps, int parts, int half, std::byte* packed);
    /// 32 rows of E finite numbers become one step of values: columns become rows.
    void (*pack_values)(const float* wide_E, std::int64_t value_units, int parts, std::byte* packed);
    /// Goes through all keys from fresh states.
    void (*attend)(const AmxTask& task, const AmxScratch& scratch);
    /// out_TE = factor_T x output_ET, transposed: 32 rows of E numbers.
    void (*normalise)(const float* output_ET, std::int64_t value_units, const float* factor_T, float* out_TE);
};

/// Null where the program was built by a compiler or for a processor without AMX.
const AmxKernel* amx_kernel();

}  // namespace plumb::kernels::attention
