// SPDX-License-Identifier: Apache-2.0
#include "kernels/buffer.h"

#include <algorithm>
#include <cstddef>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace plumb::kernels {

FloatBuffer make_float_buffer(std::int64_t floats) {
    constexpr std::size_t cache_line = 64;
    constexpr std::size_t huge_page = std::size_t{2} << 20;
    const std::size_t bytes = static_cast<std::size_t>(std::max<std::int64_t>(floats, 1)) * sizeof(float);
    const std::size_t alignment = bytes >= 2 * huge_page ? huge_page : cache_line;
    const std::size_t whole = (bytes + alignment - 1) / alignment * alignment;
    FloatBuffer buffer(static_cast<float*>(std::aligned_alloc(alignment, whole)));
    if (buffer == nullptr) throw std::bad_alloc();
#if defined(__linux__)
    // Advice: where it is refused, pages are small.
    if (alignment == huge_page) madvise(buffer.get(), whole, MADV_HUGEPAGE);
#endif
    return buffer;
}

}  // namespace plumb::kernels
