// SPDX-License-Identifier: Apache-2.0
// Types of the numbers that tensor files hold.
// To add one: extend the enum and the table in element_type.cpp, then the names that safetensors.cpp and npy.cpp give it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/dtype.h"

namespace plumb::base {

enum class ElementType : std::uint8_t {
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
std::span<const ElementType> element_types();
/// "bool", "i8", ..., "fp16", "bf16", "fp32", "fp64".
std::string_view name(ElementType type);
std::optional<ElementType> element_type_named(std::string_view name);
/// Bytes of one number: 1, 2, 4 or 8.
std::int64_t size_of(ElementType type);
/// The type that kernels compute with (dtype.h), where it is one.
std::optional<Dtype> dtype_of(ElementType type);
ElementType element_type_of(Dtype dtype);

}  // namespace plumb::base
