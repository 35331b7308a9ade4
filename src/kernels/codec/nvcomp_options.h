// SPDX-License-Identifier: Apache-2.0
// How nvCOMP 6 lays out the options of its batched codecs, members in its order, each filled up to 64 bytes with zeros. Enumerators are
// plain numbers here. test/nvcomp/nvcomp_header_test.cpp compares sizes, offsets, numbers and defaults with nvCOMP's own headers.
#pragma once
#include <bit>
#include <cstdint>
#include <type_traits>

#include "kernels/codec/nvcomp_batched.h"

namespace plumb::kernels::codec::nvcomp {

/// nvcompDecompressBackend_t. Always CUDA here: the hardware engine of newer devices reports success for every chunk, whatever it met.
constexpr int backend_cuda = 2;
/// nvcompType_t counts the integer types as Element does.
constexpr int type_of(Element element) {
    return static_cast<int>(element);
}
constexpr int type_unknown = 0xff;
constexpr int cascaded_asymmetric = 1;
constexpr std::uint64_t cascaded_bitpack = 1;
constexpr std::uint64_t fine_delta = 1, fine_rle = 2, fine_frame_of_reference = 4;

/// Snappy and Zstd, to compress.
struct NoOptions {
    char reserved[64] = {};
};
/// Snappy, Zstd, Deflate, GDeflate and Bitcomp, to decompress. What some of them add concerns the hardware engine and stays 0.
struct BackendOptions {
    int backend = backend_cuda;
    char reserved[60] = {};
};
struct Lz4Compression {
    int data_type = 0;
    int bitshuffle = 0;
    char reserved[56] = {};
};
struct Lz4Decompression {
    int backend = backend_cuda;
    int sort_for_hardware = 0;
    int data_type = 0;
    int bitshuffle = 0;
    char reserved[48] = {};
};
/// Deflate and GDeflate.
struct DeflateCompression {
    int algorithm = 1;
    char reserved[60] = {};
};
struct CascadedCommon {
    int data_type = 0;
    int mode = 0;
    std::uint64_t terminal = 0;
    std::uint64_t coarse = 0;
};
struct CascadedCompression {
    CascadedCommon common;
    std::uint64_t fine = 0;
    std::uint8_t level = 3;
    char reserved[31] = {};
};
/// Mode 0: whatever wrote the chunk.
struct CascadedDecompression {
    int backend = backend_cuda;
    int gap = 0;  // the compiler's own in nvCOMP's header
    CascadedCommon common = {.data_type = type_unknown};
    char reserved[32] = {};
};
struct BitcompCompression {
    int algorithm = 0;
    int data_type = 1;
    double delta = 0;
    int mode = 0;
    char reserved[44] = {};
};
struct AnsCompression {
    int type = 0;
    int data_type = 0;
    std::uint8_t sub_chunks = 0;
    std::uint8_t states = 0;
    std::uint8_t histogram_reduction = 0;
    char reserved[53] = {};
};
struct AnsDecompression {
    int backend = backend_cuda;
    int data_type = type_unknown;
    std::uint8_t sub_chunks = 0;
    std::uint8_t states = 0;
    std::uint8_t skip_validation = 0;
    char reserved[53] = {};
};

template <class Layout>
NvcompOptions packed(const Layout& layout) {
    static_assert(sizeof(Layout) == sizeof(NvcompOptions) && std::is_trivially_copyable_v<Layout>);
    return std::bit_cast<NvcompOptions>(layout);
}

}  // namespace plumb::kernels::codec::nvcomp
