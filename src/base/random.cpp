// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <cmath>
#include <numbers>

#include "base/error.h"

namespace plumb::base {

namespace {

// FNV-1a: a purpose is a short literal, and the Philox rounds do the mixing.
std::uint64_t purpose_number(std::string_view purpose) {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const char letter : purpose) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3u;
    return hash;
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t first = std::uint64_t{0xD2511F53u} * counter[0];
        const std::uint64_t second = std::uint64_t{0xCD9E8D57u} * counter[2];
        counter = {static_cast<std::uint32_t>(second >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(second),
                   static_cast<std::uint32_t>(first >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(first)};
        key[0] += 0x9E3779B9u;
        key[1] += 0xBB67AE85u;
    }
    return counter;
}

RandomStream::RandomStream(std::uint64_t seed, std::string_view purpose)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}, purpose_(purpose_number(purpose)) {}

std::uint64_t RandomStream::bits(std::uint64_t index) const {
    const auto block = philox4x32({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                                   static_cast<std::uint32_t>(purpose_), static_cast<std::uint32_t>(purpose_ >> 32)},
                                  key_);
    return (std::uint64_t{block[1]} << 32) | block[0];
}

double RandomStream::uniform(std::uint64_t index) const {
    return static_cast<double>(bits(index) >> 11) * 0x1p-53;
}

double RandomStream::uniform(std::uint64_t index, double low, double high) const {
    return low + (high - low) * uniform(index);
}

std::uint64_t RandomStream::below(std::uint64_t index, std::uint64_t bound) const {
    if (bound == 0) throw Error(ErrorKind::internal, "random number below 0 was asked for");
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(bits(index)) * bound) >> 64);
}

double RandomStream::normal(std::uint64_t index) const {
    const auto block = philox4x32({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                                   static_cast<std::uint32_t>(purpose_), static_cast<std::uint32_t>(purpose_ >> 32)},
                                  key_);
    // The offset of half a step keeps the logarithm finite.
    const double radius = (static_cast<double>((std::uint64_t{block[1]} << 32 | block[0]) >> 11) + 0.5) * 0x1p-53;
    const double angle = static_cast<double>((std::uint64_t{block[3]} << 32 | block[2]) >> 11) * 0x1p-53;
    return std::sqrt(-2.0 * std::log(radius)) * std::cos(2.0 * std::numbers::pi * angle);
}

void RandomStream::fill_uniform(std::span<float> out, float low, float high, std::uint64_t first) const {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(uniform(first + i, low, high));
}

void RandomStream::fill_normal(std::span<float> out, float mean, float deviation, std::uint64_t first) const {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(mean + deviation * normal(first + i));
}

}  // namespace plumb::base
