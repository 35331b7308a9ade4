// SPDX-License-Identifier: Apache-2.0
// Number types of stored tensors and their exact conversions: fp32, bf16 (8 bits of significand), fp16 (11 bits, smallest normal 2^-14).
// Arithmetic is done in fp32 or fp64: widening to fp32 is exact, narrowing rounds to nearest, ties to even, and keeps NaN, inf and the sign
// of zero; what is too large becomes inf. To add a type: the enum, the table in dtype.cpp and the switches of load() and store().
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace plumb::base {

enum class Dtype : std::uint8_t { fp32, bf16, fp16 };

/// "fp32", "bf16", "fp16".
std::string_view name(Dtype dtype);
/// Throws Error{usage} with the nearest name.
Dtype parse_dtype(std::string_view text);
std::span<const Dtype> all_dtypes();
/// Bytes of one number.
constexpr std::size_t size_of(Dtype dtype) {
    return dtype == Dtype::fp32 ? 4 : 2;
}
/// Half a unit in the last place of 1: narrowing changes a normal number by at most this factor.
constexpr double rounding_unit(Dtype dtype) {
    return dtype == Dtype::fp32 ? 0x1p-24 : dtype == Dtype::bf16 ? 0x1p-8 : 0x1p-11;
}
constexpr double smallest_denormal(Dtype dtype) {
    return dtype == Dtype::fp32 ? 0x1p-149 : dtype == Dtype::bf16 ? 0x1p-133 : 0x1p-24;
}

inline float from_bf16(std::uint16_t bits) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}
std::uint16_t to_bf16(float number);
float from_fp16(std::uint16_t bits);
std::uint16_t to_fp16(float number);

/// The number at `index` of an array of `dtype`, as fp32.
inline float load(Dtype dtype, const void* numbers, std::int64_t index) {
    if (dtype == Dtype::fp32) return static_cast<const float*>(numbers)[index];
    const std::uint16_t bits = static_cast<const std::uint16_t*>(numbers)[index];
    return dtype == Dtype::bf16 ? from_bf16(bits) : from_fp16(bits);
}
inline void store(Dtype dtype, void* numbers, std::int64_t index, float number) {
    if (dtype == Dtype::fp32) {
        static_cast<float*>(numbers)[index] = number;
    } else {
        static_cast<std::uint16_t*>(numbers)[index] = dtype == Dtype::bf16 ? to_bf16(number) : to_fp16(number);
    }
}
inline float round_to(Dtype dtype, float number) {
    return dtype == Dtype::fp32 ? number : dtype == Dtype::bf16 ? from_bf16(to_bf16(number)) : from_fp16(to_fp16(number));
}

/// Address of the number at `index`.
inline const void* advance(Dtype dtype, const void* numbers, std::int64_t index) {
    return static_cast<const std::byte*>(numbers) + index * static_cast<std::int64_t>(size_of(dtype));
}
inline void* advance(Dtype dtype, void* numbers, std::int64_t index) {
    return static_cast<std::byte*>(numbers) + index * static_cast<std::int64_t>(size_of(dtype));
}

/// An owned array of one type.
class Numbers {
  public:
    Numbers() = default;
    Numbers(Dtype dtype, std::size_t count) : dtype_(dtype), bytes_(count * size_of(dtype)) {}
    /// Rounds each number to `dtype`.
    Numbers(Dtype dtype, std::span<const float> numbers);

    Dtype dtype() const { return dtype_; }
    std::size_t size() const { return bytes_.size() / size_of(dtype_); }
    const void* data() const { return bytes_.data(); }
    void* data() { return bytes_.data(); }
    std::span<const std::byte> bytes() const { return bytes_; }
    std::span<std::byte> bytes() { return bytes_; }
    float at(std::size_t index) const { return load(dtype_, data(), static_cast<std::int64_t>(index)); }
    void set(std::size_t index, float number) { store(dtype_, data(), static_cast<std::int64_t>(index), number); }
    std::vector<float> widened() const;
    bool operator==(const Numbers&) const = default;

  private:
    Dtype dtype_ = Dtype::fp32;
    std::vector<std::byte> bytes_;
};

}  // namespace plumb::base
