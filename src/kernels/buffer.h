// SPDX-License-Identifier: Apache-2.0
// Working memory of kernels: floats at the start of a cache line, not initialised.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace plumb::kernels {

inline constexpr std::align_val_t cache_line{64};

struct FreeFloats {
    void operator()(float* floats) const { ::operator delete[](floats, cache_line); }
};
using FloatBuffer = std::unique_ptr<float[], FreeFloats>;

inline FloatBuffer make_float_buffer(std::int64_t floats) {
    return FloatBuffer(static_cast<float*>(::operator new[](static_cast<std::size_t>(floats) * sizeof(float), cache_line)));
}

}  // namespace plumb::kernels
