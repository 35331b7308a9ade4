// SPDX-License-Identifier: Apache-2.0
// nvCOMP's codecs on a GPU: its low-level batched interface, version 6, which works on all chunks of a batch in one call. Nothing here
// needs nvCOMP to build: functions are found in the open library, options are laid out as nvCOMP's headers lay them out, and test/nvcomp
// holds both against the headers where those are installed. Another major version has other options: write its layouts beside these. To add
// a codec: its layouts in nvcomp_options.h, its line in nvcomp_batched.cpp, its line in test/nvcomp/nvcomp_header_test.cpp.
#pragma once
#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/codec/codec.h"

namespace plumb::kernels::codec {

/// nvcompStatus_t; 0 is success.
using NvcompStatus = int;
/// "nvcompErrorCannotDecompress"; "unknown status" for a number that version 6.0 does not have.
std::string_view nvcomp_status_name(NvcompStatus status);

/// nvcompAlignmentRequirements_t: buffers must start at multiples of these.
struct NvcompAlignments {
    std::size_t input = 1;
    std::size_t output = 1;
    std::size_t temp = 1;
};

/// The options of any codec and direction: 64 bytes, handed over by value.
struct NvcompOptions {
    alignas(8) std::array<std::byte, 64> bytes{};
};

/// The functions of one codec that are called. All pointers but those of the size and alignment queries are to device memory; `stream` is
/// the CUDA stream that the work is put into.
struct NvcompFunctions {
    NvcompStatus (*compress_alignments)(NvcompOptions options, NvcompAlignments* alignments) = nullptr;
    NvcompStatus (*compress_temp_bytes)(const void* const* chunks, const std::size_t* chunk_bytes, std::size_t count,
                                        std::size_t largest_chunk, NvcompOptions options, std::size_t* temp_bytes, std::size_t total_bytes,
                                        void* stream) = nullptr;
    NvcompStatus (*compressed_bound)(std::size_t largest_chunk, NvcompOptions options, std::size_t* bound) = nullptr;
    NvcompStatus (*compress)(const void* const* chunks, const std::size_t* chunk_bytes, std::size_t largest_chunk, std::size_t count,
                             void* temp, std::size_t temp_bytes, void* const* compressed, std::size_t* compressed_bytes,
                             NvcompOptions options, NvcompStatus* statuses, void* stream) = nullptr;
    NvcompStatus (*decompress_alignments)(NvcompOptions options, NvcompAlignments* alignments) = nullptr;
    NvcompStatus (*decompress_temp_bytes)(std::size_t count, std::size_t largest_chunk, NvcompOptions options, std::size_t* temp_bytes,
                                          std::size_t total_bytes, void* stream) = nullptr;
    NvcompStatus (*decompress)(const void* const* compressed, const std::size_t* compressed_bytes, const std::size_t* room,
                               std::size_t* chunk_bytes, std::size_t count, void* temp, std::size_t temp_bytes, void* const* chunks,
                               NvcompOptions options, NvcompStatus* statuses, void* stream) = nullptr;
};

struct NvcompBatchedCodec {
    Codec facts;         ///< name "nvcomp:lz4", options, largest chunk; no bound and no make: one worker has no use for a batch
    std::string symbol;  ///< "LZ4", as in the names of its functions
    NvcompOptions (*compression)(const Options& completed) = nullptr;
    NvcompOptions decompression;
};

/// All eight, whether nvCOMP is here or not.
const std::vector<NvcompBatchedCodec>& nvcomp_batched_codecs();
/// Null for another name.
const NvcompBatchedCodec* nvcomp_batched_codec(std::string_view name);
/// As complete() for the codecs of this CPU; rle and delta of nvcomp:cascaded are 0 or 1. Throws usage.
Options complete(const NvcompBatchedCodec& codec, const Options& options);

struct NvcompBatched {
    std::string missing;                                         ///< why nothing can be called; empty: every function is there
    std::map<std::string, NvcompFunctions, std::less<>> codecs;  ///< by name: "nvcomp:lz4"
};
/// Of the open nvCOMP. Safe to call from any thread.
const NvcompBatched& nvcomp_batched();
/// Takes every function from `find`, which gives null for one that is not there; `missing` names the first of those.
NvcompBatched find_nvcomp_batched(const std::function<void*(const char* symbol)>& find);

}  // namespace plumb::kernels::codec
