// SPDX-License-Identifier: Apache-2.0
// Working memory of kernels: floats at the start of a cache line, not initialised. Large ones ask for huge pages: a kernel that writes tens
// of megabytes once would otherwise spend a tenth of its time on first touches of small ones.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace plumb::kernels {

struct FreeFloats {
    void operator()(float* floats) const { std::free(floats); }
};
using FloatBuffer = std::unique_ptr<float[], FreeFloats>;

/// Throws std::bad_alloc.
FloatBuffer make_float_buffer(std::int64_t floats);

}  // namespace plumb::kernels
