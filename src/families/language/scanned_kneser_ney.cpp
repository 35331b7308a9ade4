// SPDX-License-Identifier: Apache-2.0
#include "families/language/scanned_kneser_ney.h"

#include <algorithm>
#include <map>
#include <set>

namespace plumb::families::language {

namespace {

/// What stands behind a context in the stream.
struct Followers {
    double total = 0;
    double of_next = 0;
    double distinct = 0;
};

/// `highest`: every occurrence counts; else every different id before context and follower.
Followers followers(std::span<const Id> train, std::span<const Id> context, Id next, bool highest) {
    std::vector<std::pair<Id, Id>> pairs;  // follower, id before the context
    for (std::size_t at = highest ? 0 : 1; at + context.size() < train.size(); ++at) {
        if (!std::ranges::equal(train.subspan(at, context.size()), context)) continue;
        pairs.emplace_back(train[at + context.size()], highest ? Id{0} : train[at - 1]);
    }
    std::ranges::sort(pairs);
    if (!highest) pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
    const auto same_follower = [](const auto& a, const auto& b) { return a.first == b.first; };
    Followers result;
    result.total = static_cast<double>(pairs.size());
    result.of_next = static_cast<double>(std::ranges::count(pairs, next, &std::pair<Id, Id>::first));
    result.distinct = static_cast<double>(std::unique(pairs.begin(), pairs.end(), same_follower) - pairs.begin());
    return result;
}

}  // namespace

double scanned_probability(std::span<const Id> train, std::size_t vocabulary, std::span<const double> discounts,
                           std::span<const Id> context, Id next) {
    double p = 1.0 / static_cast<double>(vocabulary);
    for (std::size_t k = 1; k <= discounts.size() && k - 1 <= context.size(); ++k) {
        const Followers found = followers(train, context.last(k - 1), next, k == discounts.size());
        if (found.total == 0) continue;
        const double discount = discounts[k - 1];
        p = std::max(found.of_next - discount, 0.0) / found.total + discount * found.distinct / found.total * p;
    }
    return p;
}

std::vector<double> scanned_discounts(std::span<const Id> train, int order) {
    std::vector<double> discounts;
    for (std::size_t k = 1; k <= static_cast<std::size_t>(order); ++k) {
        std::map<std::vector<Id>, double> counts;
        std::set<std::vector<Id>> longer;
        const bool highest = k == static_cast<std::size_t>(order);
        for (std::size_t at = 0; at + k <= train.size(); ++at) {
            const auto gram = train.subspan(at, k);
            if (highest) {
                ++counts[{gram.begin(), gram.end()}];
            } else if (at > 0 && longer.emplace(gram.begin() - 1, gram.end()).second) {
                ++counts[{gram.begin(), gram.end()}];
            }
        }
        const auto with = [&](double wanted) {
            return static_cast<double>(std::ranges::count_if(counts, [wanted](const auto& entry) { return entry.second == wanted; }));
        };
        const double once = with(1);
        const double twice = with(2);
        discounts.push_back(once > 0 ? once / (once + 2 * twice) : 0.5);
    }
    return discounts;
}

}  // namespace plumb::families::language
