// SPDX-License-Identifier: Apache-2.0
#include "base/tensor.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>

#include "base/error.h"

namespace plumb::base {

namespace {

float bf16_to_fp32(std::uint16_t bits) {
    return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

float fp16_to_fp32(std::uint16_t half) {
    const std::uint32_t sign = (half & 0x8000U) << 16;
    const std::uint32_t magnitude = half & 0x7FFFU;
    // 2^-24 is the unit of the subnormals, so any number below the smallest normal one is that many units.
    if (magnitude < 0x0400U) return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(static_cast<float>(magnitude) * 0x1p-24F));
    if (magnitude >= 0x7C00U) return std::bit_cast<float>(sign | 0x7F800000U | (magnitude & 0x03FFU) << 13);
    return std::bit_cast<float>(sign | ((magnitude << 13) + ((127U - 15U) << 23)));
}

}  // namespace

std::int64_t TensorInfo::elements() const {
    std::int64_t product = 1;
    for (const std::int64_t size : shape) product *= size;
    return product;
}

std::int64_t TensorInfo::bytes() const {
    return elements() * size_of(type);
}

std::string TensorInfo::text() const {
    return std::string(base::name(type)) + " " + shape_text(shape);
}

std::string shape_text(std::span<const std::int64_t> shape) {
    std::string joined = "[";
    for (const std::int64_t size : shape) joined += (joined.size() > 1 ? ", " : "") + std::to_string(size);
    return joined + "]";
}

std::optional<std::int64_t> bytes_of(ElementType type, std::span<const std::int64_t> shape) {
    std::int64_t product = size_of(type);
    for (const std::int64_t size : shape) {
        if (size < 0) return std::nullopt;
        if (size > 0 && __builtin_mul_overflow(product, size, &product)) return std::nullopt;
    }
    return std::ranges::find(shape, 0) == shape.end() ? product : 0;
}

std::string in_quotes(std::string_view name) {
    constexpr std::size_t longest = 80;
    std::string result = "'";
    for (const char letter : name.substr(0, longest)) {
        const auto byte = static_cast<unsigned char>(letter);
        if (byte >= 0x20 && byte < 0x7F) {
            result += letter;
            continue;
        }
        char escaped[5];
        std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
        result += escaped;
    }
    return result + (name.size() > longest ? "...'" : "'");
}

Tensor::Tensor(TensorInfo info)
    : info_(std::move(info)), data_(std::make_unique_for_overwrite<std::byte[]>(static_cast<std::size_t>(info_.bytes()))) {}

std::vector<float> Tensor::to_fp32() const {
    const auto count = static_cast<std::size_t>(info_.elements());
    std::vector<float> numbers(count);
    switch (info_.type) {
        case ElementType::fp32:
            if (count > 0) std::memcpy(numbers.data(), data_.get(), count * sizeof(float));
            return numbers;
        case ElementType::fp16:
            std::ranges::transform(as<std::uint16_t>(), numbers.begin(), fp16_to_fp32);
            return numbers;
        case ElementType::bf16:
            std::ranges::transform(as<std::uint16_t>(), numbers.begin(), bf16_to_fp32);
            return numbers;
        default:
            throw Error(ErrorKind::usage, "tensor " + in_quotes(info_.name) + " is " + info_.text() + ", which fp32 cannot hold exactly",
                        "expected fp16, bf16 or fp32");
    }
}

void Tensor::require_element_size(std::size_t size) const {
    if (size == static_cast<std::size_t>(size_of(info_.type))) return;
    throw Error(ErrorKind::internal,
                "tensor " + in_quotes(info_.name) + " is " + info_.text() + ", read as numbers of " + std::to_string(size) + " bytes");
}

TensorView tensor_view(const Tensor& tensor) {
    return {tensor.info(), tensor.bytes()};
}

}  // namespace plumb::base
