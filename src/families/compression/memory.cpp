// SPDX-License-Identifier: Apache-2.0
#include "families/compression/memory.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace plumb::families::compression {

AlignedBytes::AlignedBytes(std::size_t size)
    : size_(size), bytes_(static_cast<std::uint8_t*>(::operator new[](std::max<std::size_t>(size, 1), std::align_val_t{alignment}))) {
    spoil();
}

void AlignedBytes::spoil() {
    std::memset(bytes_.get(), spoilt, size_);
}

void AlignedBytes::Free::operator()(std::uint8_t* bytes) const {
    ::operator delete[](bytes, std::align_val_t{alignment});
}

}  // namespace plumb::families::compression
