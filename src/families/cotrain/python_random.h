// SPDX-License-Identifier: Apache-2.0
// What Python's random.sample() and list(set - set) give, number for number, so that a split of the notebook can be made again. Follows
// CPython 3.8 to 3.12: MT19937 (Matsumoto and Nishimura 1998), getrandbits with rejection, Objects/setobject.c for the order of a set.
#pragma once
#include <cstdint>
#include <random>
#include <vector>

namespace plumb::families::cotrain {

class PythonRandom {
  public:
    /// random.seed(seed), seed below 2^64.
    explicit PythonRandom(std::uint64_t seed);
    /// Uniform in [0, bound), bound from 1 to 2^32 - 1.
    std::uint32_t below(std::uint32_t bound);
    /// random.sample(range(population), count), count at most population.
    std::vector<std::int32_t> sample(std::int32_t population, std::int32_t count);

  private:
    std::mt19937 words_;
};

/// list(set(range(population)) - set(removed)): CPython's walk through the hash table.
std::vector<std::int32_t> python_set_difference(std::int32_t population, const std::vector<std::int32_t>& removed);

}  // namespace plumb::families::cotrain
