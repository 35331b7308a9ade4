// SPDX-License-Identifier: Apache-2.0
// Data, sizes and small helpers that the tests of codecs share.
#pragma once
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "kernels/codec/codec.h"

namespace plumb::test {

using kernels::codec::Codec;
using kernels::codec::Element;
using kernels::codec::Options;
using kernels::codec::Worker;
using ByteVector = std::vector<std::uint8_t>;

enum class Data { zeros, random, text, sorted, runs, floats };
inline constexpr std::array all_data = {Data::zeros, Data::random, Data::text, Data::sorted, Data::runs, Data::floats};
inline constexpr std::array<std::size_t, 14> edge_sizes = {0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 4095, 4096, 4097, 65535};
inline constexpr std::array all_elements = {Element::i8,  Element::u8,  Element::i16, Element::u16,
                                            Element::i32, Element::u32, Element::i64, Element::u64};

inline std::string_view text(Data data) {
    constexpr std::array<std::string_view, all_data.size()> names = {"zeros", "random", "text", "sorted", "runs", "floats"};
    return names.at(static_cast<std::size_t>(data));
}

/// `bytes` bytes of 4-byte words, the last one cut off.
template <class Word>
ByteVector words(std::size_t bytes, Word word) {
    ByteVector out(bytes);
    for (std::size_t i = 0; 4 * i < bytes; ++i) {
        const std::uint32_t value = word(i);
        std::memcpy(out.data() + 4 * i, &value, std::min<std::size_t>(4, bytes - 4 * i));
    }
    return out;
}

inline std::uint32_t float_bits(double value) {
    const auto narrow = static_cast<float>(value);
    std::uint32_t bits = 0;
    std::memcpy(&bits, &narrow, sizeof(bits));
    return bits;
}

inline ByteVector text_like(std::size_t bytes, const base::RandomStream& random) {
    constexpr std::array<std::string_view, 12> vocabulary = {"the ",     "chunk ", "of ",  "a ",    "compressed ", "stream ",
                                                             "decoder ", "reads ", "and ", "then ", "writes.\n",   "Why? "};
    ByteVector out;
    out.reserve(bytes + 16);
    for (std::uint64_t i = 0; out.size() < bytes; ++i) {
        const std::string_view word = vocabulary.at(random.below(i, vocabulary.size()));
        out.insert(out.end(), word.begin(), word.end());
    }
    out.resize(bytes);
    return out;
}

/// Runs of 1 to 64 equal words of eight values.
inline ByteVector run_heavy(std::size_t bytes, const base::RandomStream& random) {
    std::size_t left = 0;
    std::uint32_t value = 0;
    return words(bytes, [&](std::size_t i) {
        if (left == 0) {
            left = 1 + random.below(2 * i, 64);
            value = static_cast<std::uint32_t>(random.below(2 * i + 1, 8)) * 1000003U;
        }
        --left;
        return value;
    });
}

inline ByteVector make_data(Data data, std::size_t bytes, std::uint64_t seed) {
    const base::RandomStream random(seed, "codec test data");
    switch (data) {
        case Data::zeros:
            return ByteVector(bytes);
        case Data::random:
            return words(bytes, [&](std::size_t i) { return static_cast<std::uint32_t>(random.bits(i)); });
        case Data::text:
            return text_like(bytes, random);
        case Data::sorted: {
            std::uint32_t value = 0;
            return words(bytes, [&](std::size_t i) { return value += static_cast<std::uint32_t>(random.below(i, 16)); });
        }
        case Data::runs:
            return run_heavy(bytes, random);
        case Data::floats:
            return words(bytes, [&](std::size_t i) {
                const double phase = 2 * std::numbers::pi * static_cast<double>(i) / 300;
                return float_bits(std::sin(phase) + 1e-3 * random.normal(i));
            });
    }
    return {};
}

/// Options with one member set.
template <class Value>
Options with(std::optional<Value> Options::*member, Value value, Options options = {}) {
    options.*member = value;
    return options;
}
inline Options automatic() {
    Options options;
    options.automatic = true;
    return options;
}

/// A copy of exactly the compressed bytes, so that a sanitizer sees every read beyond them.
inline ByteVector compressed(const Codec& codec, Worker& worker, const ByteVector& data) {
    ByteVector room(codec.bound(data.size()));
    const std::size_t size = worker.compress(data, room);
    return ByteVector(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(size));
}

inline ByteVector decompressed(Worker& worker, const ByteVector& chunk, std::size_t original_bytes) {
    ByteVector out(original_bytes, 0xa5);
    worker.decompress(chunk, out);
    return out;
}

}  // namespace plumb::test
