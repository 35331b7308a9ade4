// SPDX-License-Identifier: Apache-2.0
// A set of n-grams of one order, numbered in the order of their first appearance. An n-gram is named by its parent, the number of its first
// n - 1 ids, and its last id: 48 bits, so equality is exact.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace plumb::families::language {

inline constexpr std::uint32_t no_ngram = 0xFFFFFFFF;

class NgramTable {
  public:
    NgramTable() : places_(64) {}

    std::size_t size() const { return count_; }
    /// The number of (parent, id), a new one where there was none.
    std::uint32_t add(std::uint32_t parent, std::uint16_t id);
    /// no_ngram where there is none.
    std::uint32_t find(std::uint32_t parent, std::uint16_t id) const {
        const std::uint64_t key = key_of(parent, id);
        for (std::size_t place = place_of(key);; place = (place + 1) & (places_.size() - 1)) {
            if (places_[place].number == no_ngram || places_[place].key == key) return places_[place].number;
        }
    }
    /// Brings the place of a later find() or add() into the cache.
    void prefetch(std::uint32_t parent, std::uint16_t id) const { __builtin_prefetch(&places_[place_of(key_of(parent, id))]); }
    /// Calls visit(parent, number) for every n-gram, in no particular order.
    template <class Visit>
    void for_each(const Visit& visit) const {
        for (const Place& place : places_) {
            if (place.number != no_ngram) visit(static_cast<std::uint32_t>(place.key >> 16), place.number);
        }
    }
    std::size_t bytes() const { return places_.size() * sizeof(Place); }

  private:
    struct Place {
        std::uint64_t key = 0;
        std::uint32_t number = no_ngram;
    };
    static std::uint64_t key_of(std::uint32_t parent, std::uint16_t id) { return static_cast<std::uint64_t>(parent) << 16 | id; }
    std::size_t place_of(std::uint64_t key) const {
        return (key * 0x9E3779B97F4A7C15 ^ key >> 23) * 0xD6E8FEB86659FD93 >> 20 & (places_.size() - 1);
    }
    void grow();

    std::vector<Place> places_;  ///< open addressing, size a power of two, at most half full
    std::size_t count_ = 0;
};

}  // namespace plumb::families::language
