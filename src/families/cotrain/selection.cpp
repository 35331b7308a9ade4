// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/selection.h"

#include <algorithm>
#include <numeric>

#include "families/cotrain/probability.h"

namespace plumb::families::cotrain {

std::vector<std::string> selection_names() {
    return {"topk", "quota", "threshold", "pool"};
}

Selection selection_named(const std::string& name) {
    const std::vector<std::string> names = selection_names();
    return static_cast<Selection>(std::ranges::find(names, name) - names.begin());
}

float Opinion::margin(std::int64_t at, std::int32_t of) const {
    double next = 0;
    for (Eigen::Index c = 0; c < probability.cols(); ++c) next = c == of ? next : std::max(next, probability(at, c));
    return static_cast<float>(probability(at, of) - next);
}

Opinion make_opinion(std::vector<Sample> samples, const Matrix& scores, bool raw) {
    Opinion made;
    made.samples = std::move(samples);
    made.label = most_likely(scores);
    made.probability = softmax(scores, 1);
    made.rank = (raw ? scores : log_odds(scores)).cast<float>().cast<double>();
    return made;
}

namespace {

/// Of those with `wanted(at)`, as class `label_of(at)`, by falling rank; ties go to the lower sample.
template <class Wanted, class LabelOf>
std::vector<Pick> ranked(const Opinion& opinion, const Wanted& wanted, const LabelOf& label_of) {
    std::vector<Pick> candidates;
    for (std::size_t at = 0; at < opinion.samples.size(); ++at) {
        if (wanted(at)) candidates.push_back({static_cast<std::int64_t>(at), opinion.samples[at], label_of(at)});
    }
    std::ranges::sort(candidates, [&](const Pick& a, const Pick& b) {
        const double rank_a = opinion.rank(a.at, a.label), rank_b = opinion.rank(b.at, b.label);
        return rank_a != rank_b ? rank_a > rank_b : a.sample < b.sample;
    });
    return candidates;
}

}  // namespace

std::vector<Pick> select(const Opinion& opinion, const SelectionRequest& request, const std::vector<bool>& eligible) {
    const auto sure = [&](std::size_t at, std::int32_t label) {
        return eligible[at] && opinion.confidence(static_cast<std::int64_t>(at), label) >= request.floor;
    };
    const auto own = [&](std::size_t at) { return opinion.label[at]; };
    if (request.rule == Selection::threshold || request.rule == Selection::topk) {
        std::vector<Pick> picks = ranked(
            opinion, [&](std::size_t at) { return sure(at, own(at)); }, own);
        if (request.rule == Selection::topk) picks.resize(std::min(picks.size(), static_cast<std::size_t>(request.count)));
        return picks;
    }
    std::vector<Pick> picks;
    std::vector<bool> picked(opinion.samples.size());
    for (std::int32_t label = 0; label < static_cast<std::int32_t>(request.counts.size()); ++label) {
        // The likeliest of a class in a small pool may well be likelier something else.
        const bool any = request.rule == Selection::pool;
        std::vector<Pick> best = ranked(
            opinion, [&](std::size_t at) { return !picked[at] && (any || own(at) == label) && sure(at, label); },
            [&](std::size_t) { return label; });
        best.resize(std::min(best.size(), static_cast<std::size_t>(request.counts[label])));
        for (const Pick& pick : best) picked[pick.at] = true;
        picks.insert(picks.end(), best.begin(), best.end());
    }
    return picks;
}

std::vector<std::int64_t> proportional(std::int64_t total, const std::vector<std::int64_t>& sizes) {
    const auto all = static_cast<double>(std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}));
    std::vector<std::int64_t> counts;
    std::vector<std::pair<double, std::size_t>> remainders;
    std::int64_t given = 0;
    for (std::size_t each = 0; each < sizes.size(); ++each) {
        const double exact = static_cast<double>(total) * static_cast<double>(sizes[each]) / all;
        counts.push_back(static_cast<std::int64_t>(exact));
        remainders.emplace_back(static_cast<double>(counts.back()) - exact, each);
        given += counts.back();
    }
    std::ranges::stable_sort(remainders, {}, &std::pair<double, std::size_t>::first);
    for (std::size_t each = 0; given < total && each < remainders.size(); ++each, ++given) ++counts[remainders[each].second];
    return counts;
}

}  // namespace plumb::families::cotrain
