// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/collision.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"

namespace plumb::families::cotrain {

namespace {

std::vector<Collision> find_collisions(const std::vector<Pick>& picks0, const std::vector<Pick>& picks1) {
    std::map<Sample, Pick> by_sample;
    for (const Pick& pick : picks0) by_sample.emplace(pick.sample, pick);
    std::vector<Collision> found;
    for (const Pick& pick : picks1) {
        const auto other = by_sample.find(pick.sample);
        if (other != by_sample.end() && other->second.label != pick.label) found.push_back({pick.sample, other->second, pick});
    }
    std::ranges::sort(found, {}, &Collision::sample);
    return found;
}

}  // namespace

Uncollided remove_collisions(const std::vector<Pick>& picks0, const std::vector<Pick>& picks1) {
    Uncollided made{picks0, picks1, find_collisions(picks0, picks1)};
    std::set<Sample> disputed;
    for (const Collision& collision : made.collisions) disputed.insert(collision.sample);
    const auto is_disputed = [&](const Pick& pick) { return disputed.contains(pick.sample); };
    std::erase_if(made.picks0, is_disputed);
    std::erase_if(made.picks1, is_disputed);
    return made;
}

Uncollided remove_collisions_like_notebook(const std::vector<Pick>& picks0, const std::vector<Pick>& picks1) {
    if (picks0.size() != picks1.size()) {
        throw base::Error(base::ErrorKind::unsupported,
                          "the notebook's conflict removal takes lists of equal length, not " + std::to_string(picks0.size()) + " and " +
                              std::to_string(picks1.size()),
                          "rule=repaired");
    }
    Uncollided made{{}, {}, find_collisions(picks0, picks1)};
    std::set<Sample> disputed;
    for (const Collision& collision : made.collisions) disputed.insert(collision.sample);
    for (std::size_t place = 0; place < picks0.size(); ++place) {
        if (disputed.contains(picks0[place].sample) || disputed.contains(picks1[place].sample)) continue;
        made.picks0.push_back(picks0[place]);
        made.picks1.push_back(picks1[place]);
    }
    return made;
}

}  // namespace plumb::families::cotrain
