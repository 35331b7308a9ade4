// SPDX-License-Identifier: Apache-2.0
#include "base/tensor.h"

#include <algorithm>
#include <cstdio>

#include "base/error.h"

namespace plumb::base {

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
    const std::optional<Dtype> dtype = dtype_of(info_.type);
    if (!dtype) {
        throw Error(ErrorKind::usage, "tensor " + in_quotes(info_.name) + " is " + info_.text() + ", which fp32 cannot hold exactly",
                    "expected fp16, bf16 or fp32");
    }
    std::vector<float> numbers(static_cast<std::size_t>(info_.elements()));
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = load(*dtype, data_.get(), static_cast<std::int64_t>(i));
    return numbers;
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
