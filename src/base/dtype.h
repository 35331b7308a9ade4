// SPDX-License-Identifier: Apache-2.0
// Number types of arrays in memory and in files, and the two 16-bit floats in terms of fp32.
// To add one: extend the enum and the table in dtype.cpp, then the names that safetensors.cpp and npy.cpp give it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace plumb::base {

enum class Dtype : std::uint8_t {
    boolean,  ///< one byte, 0 or 1
    i8,
    i16,
    i32,
    i64,
    u8,
    u16,
    u32,
    u64,
    fp16,  ///< IEEE 754 binary16
    bf16,  ///< the upper half of an fp32
    fp32,
    fp64
};

/// All of them, in the order of the enum.
std::span<const Dtype> dtypes();
/// "bool", "i8", ..., "fp16", "bf16", "fp32", "fp64".
std::string_view name(Dtype dtype);
std::optional<Dtype> dtype_named(std::string_view name);
/// Bytes of one number: 1, 2, 4 or 8.
std::int64_t size_of(Dtype dtype);

// Exact, NaN stays NaN.
float fp16_to_fp32(std::uint16_t bits);
float bf16_to_fp32(std::uint16_t bits);
// To nearest, ties to even; too large becomes inf, NaN stays NaN (quiet).
std::uint16_t fp32_to_fp16(float value);
std::uint16_t fp32_to_bf16(float value);

}  // namespace plumb::base
