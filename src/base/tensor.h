// SPDX-License-Identifier: Apache-2.0
// A named array: what a tensor file holds (tensor_file.h). Row-major, contiguous, little-endian as the machine is.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/element_type.h"

namespace plumb::base {

/// NumPy's limit, for every format.
inline constexpr std::size_t most_axes = 64;

struct TensorInfo {
    std::string name;
    ElementType type = ElementType::fp32;
    std::vector<std::int64_t> shape;  ///< empty: a single number

    /// Product of the shape.
    std::int64_t elements() const;
    std::int64_t bytes() const;
    /// "fp32 [2, 8, 32]"
    std::string text() const;
    bool operator==(const TensorInfo&) const = default;
};

/// "[2, 8, 32]"; "[]" for a single number.
std::string shape_text(std::span<const std::int64_t> shape);
/// Bytes that an array takes; nothing where a size is negative or the product, sizes of 0 left out, does not fit into 63 bits.
std::optional<std::int64_t> bytes_of(ElementType type, std::span<const std::int64_t> shape);
/// `name` in quotes for a message: at most 80 bytes of it, those that are no printable ASCII as \xNN.
std::string in_quotes(std::string_view name);

/// Owns its numbers; aligned for every type.
class Tensor {
  public:
    /// The numbers are not set. Throws std::bad_alloc.
    explicit Tensor(TensorInfo info);

    const TensorInfo& info() const { return info_; }
    std::span<std::byte> bytes() { return {data_.get(), static_cast<std::size_t>(info_.bytes())}; }
    std::span<const std::byte> bytes() const { return {data_.get(), static_cast<std::size_t>(info_.bytes())}; }
    /// The numbers as T, whose size must be the type's; throws internal otherwise. The 16-bit floats are std::uint16_t.
    template <class T>
    std::span<const T> as() const {
        require_element_size(sizeof(T));
        return {reinterpret_cast<const T*>(data_.get()), static_cast<std::size_t>(info_.elements())};
    }
    /// fp32 numbers of an fp16, bf16 or fp32 tensor, exactly. Throws usage naming tensor and type for the others.
    std::vector<float> to_fp32() const;

  private:
    void require_element_size(std::size_t size) const;
    TensorInfo info_;
    std::unique_ptr<std::byte[]> data_;
};

/// A borrowed tensor, to be written. `bytes` are exactly those of the shape.
struct TensorView {
    TensorInfo info;
    std::span<const std::byte> bytes;
};
/// Borrows numbers of any type of the type's size.
template <class T>
TensorView tensor_view(std::string name, ElementType type, std::vector<std::int64_t> shape, std::span<const T> numbers) {
    return {{std::move(name), type, std::move(shape)}, std::as_bytes(numbers)};
}
TensorView tensor_view(const Tensor& tensor);

}  // namespace plumb::base
