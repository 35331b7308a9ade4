// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/split.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "families/cotrain/python_random.h"
#include "families/cotrain/selection.h"

namespace plumb::families::cotrain {

namespace {

std::vector<std::int32_t> shuffled(std::int64_t count, const base::RandomStream& random) {
    std::vector<std::int32_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    for (std::size_t left = order.size(); left > 1; --left) std::swap(order[left - 1], order[random.below(left, left)]);
    return order;
}

/// Gives out samples in random order until every class has what it asks for.
class Dealer {
  public:
    Dealer(const TwoViews& data, std::vector<Sample> order) : data_(data), order_(std::move(order)) {}

    /// Takes `wanted[c]` samples of each class c; with groups, every other sample of a touched group goes to `companions`.
    std::vector<Sample> take(std::vector<std::int64_t> wanted, std::vector<Sample>* companions, const char* what) {
        std::vector<Sample> taken;
        std::vector<bool> touched(data_.group.empty() || companions == nullptr ? 0 : data_.group.size());
        for (const Sample sample : order_) {
            const std::int32_t label = data_.truth[sample];
            if (label == unknown_label || wanted[label] == 0) continue;
            --wanted[label];
            taken.push_back(sample);
            if (!touched.empty()) touched[data_.group[sample]] = true;
        }
        for (std::size_t label = 0; label < wanted.size(); ++label) {
            if (wanted[label] == 0) continue;
            throw base::Error(base::ErrorKind::unsupported,
                              "class " + data_.classes[label] + " has " + std::to_string(wanted[label]) + " samples too few for " + what,
                              "ask for fewer labels, validation or test samples");
        }
        std::vector<bool> gone(data_.truth.size());
        for (const Sample sample : taken) gone[sample] = true;
        if (!touched.empty()) {
            for (const Sample sample : order_) {
                if (!gone[sample] && touched[data_.group[sample]]) companions->push_back(sample);
            }
            for (const Sample sample : *companions) gone[sample] = true;
        }
        std::erase_if(order_, [&](Sample sample) { return gone[sample]; });
        return taken;
    }
    /// What is left, in the order that `order` gives it.
    void reorder(const std::vector<Sample>& order) {
        std::vector<bool> here(data_.truth.size());
        for (const Sample sample : order_) here[sample] = true;
        order_.clear();
        std::ranges::copy_if(order, std::back_inserter(order_), [&](Sample sample) { return here[sample]; });
    }
    const std::vector<Sample>& rest() const { return order_; }

  private:
    const TwoViews& data_;
    std::vector<Sample> order_;
};

/// Group after group, as they first appear in `order`: a set then takes few groups whole instead of a few samples of all.
std::vector<Sample> by_groups(const TwoViews& data, std::vector<Sample> order) {
    if (data.group.empty()) return order;
    std::map<std::int32_t, std::size_t> rank;
    for (const Sample sample : order) rank.emplace(data.group[sample], rank.size());
    std::ranges::stable_sort(order, {}, [&](Sample sample) { return rank.at(data.group[sample]); });
    return order;
}

/// A class that no label shows can never be given.
void require_every_class(const TwoViews& data, const Split& split) {
    std::vector<bool> shown(data.classes.size());
    for (const Sample sample : split.labelled) {
        if (data.truth[sample] != unknown_label) shown[data.truth[sample]] = true;
    }
    const auto lacking = std::ranges::find(shown, false);
    if (lacking == shown.end()) return;
    throw base::Error(base::ErrorKind::unsupported, "no label of class " + data.classes[lacking - shown.begin()] + " is in this split",
                      "split=stratified gives every class its labels");
}

Split stratified(const TwoViews& data, const SplitRequest& request, const base::RandomStream& random) {
    std::vector<std::int64_t> sizes(data.classes.size());
    std::int64_t known = 0;
    for (const std::int32_t label : data.truth) {
        if (label == unknown_label) continue;
        ++sizes[label];
        ++known;
    }
    const double wanted = request.test < 1 ? request.test * static_cast<double>(known) : request.test;
    const std::vector<Sample> order = shuffled(data.samples(), random);
    Dealer dealer(data, by_groups(data, order));
    Split split;
    split.test = dealer.take(proportional(static_cast<std::int64_t>(wanted), sizes), &split.unused, "the test");
    split.validation = dealer.take(std::vector<std::int64_t>(sizes.size(), request.validation), &split.unused, "validation");
    dealer.reorder(order);
    split.labelled = dealer.take(request.labels, nullptr, "the labels");
    split.pool = dealer.rest();
    return split;
}

/// One call of the notebook's split: `taken` in the order of random.sample, `rest` in that of the set.
void split_like_notebook(std::vector<Sample>& rest, std::vector<Sample>& taken, double share, std::uint64_t seed) {
    const auto size = static_cast<std::int32_t>(rest.size());
    const auto count = static_cast<std::int32_t>(std::floor(share * size));
    const std::vector<std::int32_t> drawn = PythonRandom(seed).sample(size, count);
    std::vector<Sample> kept;
    for (const std::int32_t at : drawn) taken.push_back(rest[at]);
    for (const std::int32_t at : python_set_difference(size, drawn)) kept.push_back(rest[at]);
    rest = std::move(kept);
}

}  // namespace

Split make_split(const TwoViews& data, const SplitRequest& request, std::uint64_t seed, std::int64_t index) {
    Split split;
    if (request.rule == SplitRule::seed) {
        if (const auto unknown = std::ranges::count(data.truth, unknown_label); unknown > 0) {
            throw base::Error(base::ErrorKind::unsupported,
                              "split=seed draws from all samples, and " + std::to_string(unknown) + " have no label",
                              "split=stratified leaves them in the pool");
        }
        split.labelled.resize(static_cast<std::size_t>(data.samples()));
        std::iota(split.labelled.begin(), split.labelled.end(), 0);
        const std::uint64_t python_seed = seed + static_cast<std::uint64_t>(index);
        split_like_notebook(split.labelled, split.pool, 0.75, python_seed);
        split_like_notebook(split.labelled, split.test, 0.2, python_seed);
        split_like_notebook(split.labelled, split.validation, 0.125, python_seed);
    } else {
        split = stratified(data, request, base::RandomStream(seed, "cotrain split " + std::to_string(index)));
    }
    if (split.pool.empty() || split.test.empty() || split.labelled.empty()) {
        throw base::Error(base::ErrorKind::unsupported,
                          "a split of " + std::to_string(data.samples()) + " samples leaves " + std::to_string(split.labelled.size()) +
                              " labelled, " + std::to_string(split.test.size()) + " to test and " + std::to_string(split.pool.size()) +
                              " in the pool",
                          "ask for fewer labels, validation or test samples, or bring more data");
    }
    require_every_class(data, split);
    return split;
}

std::vector<Sample> visible_samples(const Split& split) {
    std::vector<Sample> visible = split.labelled;
    visible.insert(visible.end(), split.pool.begin(), split.pool.end());
    std::ranges::sort(visible);
    return visible;
}

std::int64_t misplaced(const Split& split, const std::vector<Sample>& pool, const std::vector<Sample>& pseudo0,
                       const std::vector<Sample>& pseudo1, std::int64_t samples) {
    std::vector<int> places(static_cast<std::size_t>(samples));
    for (const auto* set : {&split.labelled, &split.validation, &split.test, &split.unused, &pool}) {
        for (const Sample sample : *set) ++places[sample];
    }
    std::int64_t wrong = 0;
    std::vector<bool> pseudo(places.size());
    for (const auto* set : {&pseudo0, &pseudo1}) {
        std::vector<bool> here(places.size());
        for (const Sample sample : *set) {
            wrong += here[sample];
            here[sample] = pseudo[sample] = true;
        }
    }
    for (std::size_t sample = 0; sample < places.size(); ++sample) wrong += places[sample] + pseudo[sample] != 1;
    return wrong;
}

std::int64_t leaking_groups(const TwoViews& data, const Split& split) {
    if (data.group.empty()) return 0;
    std::vector<unsigned> sides(data.group.size());
    const auto mark = [&](const std::vector<Sample>& set, unsigned side) {
        for (const Sample sample : set) sides[data.group[sample]] |= side;
    };
    mark(split.labelled, 1);
    mark(split.pool, 1);
    mark(split.validation, 2);
    mark(split.test, 4);
    return std::ranges::count_if(sides, [](unsigned side) { return (side & (side - 1)) != 0; });
}

}  // namespace plumb::families::cotrain
