// SPDX-License-Identifier: Apache-2.0
// The npy format: "\x93NUMPY", version, header length (two bytes in version 1, four in 2 and 3), a Python dictionary as text, the numbers.
// Source: numpy.lib.format, versions 1.0, 2.0, 3.0. Python is not run: the text is read as the few literals that it may hold.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/tensor_source.h"

namespace plumb::base {

struct NpyHeader {
    ElementType type = ElementType::fp32;
    std::vector<std::int64_t> shape;
    bool fortran_order = false;  ///< true: the first axis has the nearest neighbours, and that makes a difference
    std::int64_t bytes = 0;      ///< of the header with all that stands before the numbers
};

/// Fills as much of the span as there is, returns how much that was.
using NextBytes = std::function<std::size_t(std::span<std::byte>)>;

/// Reads the header of `size` bytes of npy from `next`, which then stands at the numbers. Throws through `complaint` what is wrong, also
/// where the numbers of the shape are not exactly the rest of the `size` bytes.
NpyHeader read_npy_header(const NextBytes& next, std::int64_t size, const Complaint& complaint);
/// The header that NumPy would write, up to the numbers, which it places at a multiple of 64 bytes. Throws unsupported for bf16 through
/// `complaint`.
std::string make_npy_header(const TensorInfo& info, const Complaint& complaint);
/// Numbers of `element` bytes from Fortran order to C order.
void reorder_from_fortran(std::span<const std::byte> in, std::span<std::byte> out, std::span<const std::int64_t> shape,
                          std::int64_t element);

}  // namespace plumb::base
