// SPDX-License-Identifier: Apache-2.0
// Encoder of the codec `cascaded`: given layers, and the choice of layers by measured sizes.
#pragma once
#include <cstddef>
#include <optional>

#include "kernels/codec/cascaded_format.h"

namespace plumb::kernels::codec::cascaded {

/// Writes `in` through `layers`, at most `limit` <= out.size() bytes: the size, or nothing when it would be more. `out` then holds
/// anything.
std::optional<std::size_t> encode(const Layers& layers, Bytes in, MutableBytes out, std::size_t limit, Scratch& scratch);
/// Writes the raw copy; `out` holds raw_bytes(in.size()).
std::size_t encode_raw(Element element, Bytes in, MutableBytes out);
/// Bytes of the inner chunk that begins at input byte `first`, a multiple of inner_bytes; nothing is written.
std::size_t inner_chunk_size(const Layers& layers, Bytes in, std::size_t first, Scratch& scratch);

/// The layers of a chunk by measured sizes (cascaded_choice.cpp says which are tried on what): never larger than those of Layers().
Layers choose_layers(Bytes in, Scratch& scratch);

}  // namespace plumb::kernels::codec::cascaded
