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

Opinion make_opinion(std::vector<Sample> samples, const Matrix& scores, bool raw) {
    Opinion made;
    made.samples = std::move(samples);
    const Matrix probability = softmax(scores, 1), odds = log_odds(scores);
    made.label = most_likely(scores);
    for (Eigen::Index row = 0; row < scores.rows(); ++row) {
        const std::int32_t label = made.label[row];
        double next = 0;
        for (Eigen::Index c = 0; c < scores.cols(); ++c) next = c == label ? next : std::max(next, probability(row, c));
        made.probability.push_back(static_cast<float>(probability(row, label)));
        made.margin.push_back(static_cast<float>(probability(row, label) - next));
        made.rank.push_back(static_cast<float>(raw ? scores(row, label) : odds(row, label)));
    }
    return made;
}

std::vector<Pick> select(const Opinion& opinion, const SelectionRequest& request, const std::vector<bool>& eligible) {
    std::vector<Pick> candidates;
    for (std::size_t at = 0; at < opinion.samples.size(); ++at) {
        if (eligible[at] && opinion.probability[at] >= request.floor)
            candidates.push_back({static_cast<std::int64_t>(at), opinion.samples[at], opinion.label[at]});
    }
    std::ranges::sort(candidates, [&](const Pick& a, const Pick& b) {
        const float rank_a = opinion.rank[a.at], rank_b = opinion.rank[b.at];
        return rank_a != rank_b ? rank_a > rank_b : a.sample < b.sample;
    });
    if (request.rule == Selection::threshold) return candidates;
    if (request.rule == Selection::topk) {
        candidates.resize(std::min(candidates.size(), static_cast<std::size_t>(request.count)));
        return candidates;
    }
    std::vector<Pick> picks;
    for (std::size_t label = 0; label < request.counts.size(); ++label) {
        std::int64_t left = request.counts[label];
        for (const Pick& pick : candidates) {
            if (pick.label == static_cast<std::int32_t>(label) && left-- > 0) picks.push_back(pick);
        }
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
