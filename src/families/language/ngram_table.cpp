// SPDX-License-Identifier: Apache-2.0
#include "families/language/ngram_table.h"

#include "base/error.h"

namespace plumb::families::language {

std::uint32_t NgramTable::add(std::uint32_t parent, std::uint16_t id) {
    if (2 * (count_ + 1) > places_.size()) grow();
    const std::uint64_t key = key_of(parent, id);
    for (std::size_t place = place_of(key);; place = (place + 1) & (places_.size() - 1)) {
        Place& at = places_[place];
        if (at.number == no_ngram) at = {key, static_cast<std::uint32_t>(count_++)};
        if (at.key == key) return at.number;
    }
}

void NgramTable::grow() {
    // Places are told apart by bits 20 to 63 of a product.
    if (places_.size() >= std::size_t{1} << 31) {
        throw base::Error(base::ErrorKind::unsupported, std::to_string(count_) + " n-grams of one order",
                          "choose a smaller corpus or order");
    }
    std::vector<Place> old(places_.size() * 2);
    old.swap(places_);
    for (const Place& each : old) {
        if (each.number == no_ngram) continue;
        std::size_t place = place_of(each.key);
        while (places_[place].number != no_ngram) place = (place + 1) & (places_.size() - 1);
        places_[place] = each;
    }
}

}  // namespace plumb::families::language
