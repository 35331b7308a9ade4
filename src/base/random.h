// SPDX-License-Identifier: Apache-2.0
// Counter-based random numbers keyed by (seed, purpose, index): the same numbers for any thread count, order or restart.
// Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace plumb::base {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// A stateless stream: every function is a pure function of (seed, purpose, index).
class RandomStream {
  public:
    RandomStream(std::uint64_t seed, std::string_view purpose);

    std::uint64_t bits(std::uint64_t index) const;
    /// Uniform in [0, 1), 53 bits.
    double uniform(std::uint64_t index) const;
    /// Uniform in [low, high).
    double uniform(std::uint64_t index, double low, double high) const;
    /// Uniform integer in [0, bound), without modulo bias beyond 2^-64; bound must not be 0.
    std::uint64_t below(std::uint64_t index, std::uint64_t bound) const;
    /// Standard normal (Box-Muller, fp64).
    double normal(std::uint64_t index) const;

    /// Element i is uniform/normal at index `first + i`, rounded to fp32.
    void fill_uniform(std::span<float> out, float low, float high, std::uint64_t first = 0) const;
    void fill_normal(std::span<float> out, float mean, float deviation, std::uint64_t first = 0) const;

  private:
    std::array<std::uint32_t, 2> key_;
    std::uint64_t purpose_;
};

}  // namespace plumb::base
