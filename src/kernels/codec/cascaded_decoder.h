// SPDX-License-Identifier: Apache-2.0
// Decoder of the codec `cascaded`, for chunks that nobody vouches for.
#pragma once
#include <string_view>

#include "kernels/codec/cascaded_format.h"

namespace plumb::kernels::codec::cascaded {

/// Whether the chunk is a raw copy; false for what is no chunk.
bool is_raw(Bytes chunk);
/// Fills `out`, or says what is wrong with the chunk: an empty reason means done. Reads nothing outside `chunk`; its work is at most that
/// of most_rle + most_delta layers on out.size() bytes.
std::string_view decode(Bytes chunk, MutableBytes out, Scratch& scratch);

}  // namespace plumb::kernels::codec::cascaded
