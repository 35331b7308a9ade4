// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/python_random.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

namespace plumb::families::cotrain {

namespace {

constexpr std::size_t words_of_state = 624;

/// init_by_array of MT19937: the key is the seed's 32-bit words, least significant first. std::mt19937 cannot be seeded so, but can be
/// handed a finished state.
class SeededState {
  public:
    explicit SeededState(std::uint64_t seed) {
        std::vector<std::uint32_t> key = {static_cast<std::uint32_t>(seed)};
        if (seed >> 32 != 0) key.push_back(static_cast<std::uint32_t>(seed >> 32));
        state_[0] = 19650218;
        for (std::uint32_t i = 1; i < words_of_state; ++i) state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
        std::size_t i = 1;
        for (std::size_t step = 0; step < words_of_state; ++step) {
            const std::size_t word = step % key.size();
            state_[i] = (state_[i] ^ (mixed(i) * 1664525u)) + key[word] + static_cast<std::uint32_t>(word);
            i = next(i);
        }
        for (std::size_t step = 1; step < words_of_state; ++step) {
            state_[i] = (state_[i] ^ (mixed(i) * 1566083941u)) - static_cast<std::uint32_t>(i);
            i = next(i);
        }
        state_[0] = 0x80000000u;
    }
    /// Called by the engine's constructor as a seed sequence: it takes the words as they are.
    template <class Iterator>
    void generate(Iterator begin, Iterator end) {
        std::copy_n(state_.begin(), end - begin, begin);
    }
    using result_type = std::uint32_t;

  private:
    std::uint32_t mixed(std::size_t i) const { return state_[i - 1] ^ (state_[i - 1] >> 30); }
    std::size_t next(std::size_t i) {
        if (++i < words_of_state) return i;
        state_[0] = state_[words_of_state - 1];
        return 1;
    }
    std::array<std::uint32_t, words_of_state> state_{};
};

std::mt19937 seeded(std::uint64_t seed) {
    SeededState state(seed);
    return std::mt19937(state);
}

/// The hash table of a CPython set of small non-negative integers, whose hash is their value.
class PythonSet {
  public:
    void add(std::int32_t key) {
        if (!insert(key)) return;
        if (used_ * 5 >= mask() * 3) resize(used_ > 50000 ? used_ * 2 : used_ * 4);
    }
    bool contains(std::int32_t key) const { return slots_[find(key)] == key; }
    void remove(std::int32_t key) {
        const std::size_t slot = find(key);
        if (slots_[slot] == key) slots_[slot] = removed;
    }
    std::size_t size() const { return used_; }
    /// What set.copy() gives: room for all at once, then the elements in the order of this table.
    PythonSet copy() const {
        PythonSet made;
        if (used_ * 5 >= made.mask() * 3) made.resize(used_ * 2);
        if (made.slots_.size() == slots_.size()) {
            made.slots_ = slots_;
        } else {
            for (const std::int32_t key : list()) made.insert(key);
        }
        made.used_ = used_;
        return made;
    }
    std::vector<std::int32_t> list() const {
        std::vector<std::int32_t> keys;
        std::ranges::copy_if(slots_, std::back_inserter(keys), [](std::int32_t key) { return key >= 0; });
        return keys;
    }

  private:
    static constexpr std::int32_t empty = -1, removed = -2;
    static constexpr std::size_t neighbours = 9;

    std::size_t mask() const { return slots_.size() - 1; }
    /// The slot that holds `key`, or the first empty one on its way.
    std::size_t find(std::int32_t key) const {
        std::size_t perturb = static_cast<std::size_t>(key), i = perturb & mask();
        for (;;) {
            const std::size_t last = i + neighbours <= mask() ? i + neighbours : i;
            for (std::size_t slot = i; slot <= last; ++slot) {
                if (slots_[slot] == empty || slots_[slot] == key) return slot;
            }
            perturb >>= 5;
            i = (i * 5 + 1 + perturb) & mask();
        }
    }
    bool insert(std::int32_t key) {
        const std::size_t slot = find(key);
        if (slots_[slot] == key) return false;
        slots_[slot] = key;
        ++used_;
        return true;
    }
    void resize(std::size_t above) {
        const std::vector<std::int32_t> keys = list();
        slots_.assign(std::max<std::size_t>(8, std::bit_ceil(above + 1)), empty);
        used_ = 0;
        for (const std::int32_t key : keys) insert(key);
    }

    std::vector<std::int32_t> slots_ = std::vector<std::int32_t>(8, empty);
    std::size_t used_ = 0;
};

}  // namespace

PythonRandom::PythonRandom(std::uint64_t seed) : words_(seeded(seed)) {}

std::uint32_t PythonRandom::below(std::uint32_t bound) {
    const int bits = std::bit_width(bound);
    for (;;) {
        const std::uint32_t word = static_cast<std::uint32_t>(words_()) >> (32 - bits);
        if (word < bound) return word;
    }
}

std::vector<std::int32_t> PythonRandom::sample(std::int32_t population, std::int32_t count) {
    std::int64_t set_size = 21;  // what a small set costs against a list of the population
    if (count > 5) {
        std::int64_t power = 1;
        while (power < std::int64_t{count} * 3) power *= 4;
        set_size += power;
    }
    std::vector<std::int32_t> drawn;
    if (population <= set_size) {
        std::vector<std::int32_t> pool(population);
        std::iota(pool.begin(), pool.end(), 0);
        for (std::int32_t i = 0; i < count; ++i) {
            const std::uint32_t at = below(static_cast<std::uint32_t>(population - i));
            drawn.push_back(pool[at]);
            pool[at] = pool[population - i - 1];
        }
        return drawn;
    }
    std::vector<bool> taken(population);
    while (static_cast<std::int32_t>(drawn.size()) < count) {
        const std::uint32_t at = below(static_cast<std::uint32_t>(population));
        if (taken[at]) continue;
        taken[at] = true;
        drawn.push_back(static_cast<std::int32_t>(at));
    }
    return drawn;
}

std::vector<std::int32_t> python_set_difference(std::int32_t population, const std::vector<std::int32_t>& removed) {
    PythonSet all, out;
    for (std::int32_t i = 0; i < population; ++i) all.add(i);
    for (const std::int32_t i : removed) out.add(i);
    if (all.size() / 4 > out.size()) {
        PythonSet rest = all.copy();
        for (const std::int32_t i : removed) rest.remove(i);
        return rest.list();
    }
    PythonSet rest;
    for (const std::int32_t i : all.list()) {
        if (!out.contains(i)) rest.add(i);
    }
    return rest.list();
}

}  // namespace plumb::families::cotrain
