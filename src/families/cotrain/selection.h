// SPDX-License-Identifier: Apache-2.0
// Which samples of the pool a view labels, and with what.
// To add a rule: its name in Selection and selection_names(), its branch in select().
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "families/cotrain/features.h"

namespace plumb::families::cotrain {

enum class Selection {
    topk,       ///< the most confident of all, whatever their class
    quota,      ///< the most confident of every class, as many as the labelled prior gives it
    threshold,  ///< all above a probability
    pool        ///< Blum and Mitchell: the likeliest of every class, a fixed number, from a small random pool that is filled up again
};
std::vector<std::string> selection_names();
Selection selection_named(const std::string& name);

/// What one view says of a list of samples; row or entry i of everything belongs to samples[i].
struct Opinion {
    std::vector<Sample> samples;
    std::vector<std::int32_t> label;  ///< most likely class
    Matrix probability;               ///< of every class
    Matrix rank;                      ///< what is sorted by, as fp32: log-odds of every class, or the raw outputs under rule=notebook

    float confidence(std::int64_t at, std::int32_t of) const { return static_cast<float>(probability(at, of)); }
    /// From the class `of` to the likeliest other.
    float margin(std::int64_t at, std::int32_t of) const;
};
/// `scores` are divided by the temperature already. `raw` ranks by the scores instead of the log-odds.
Opinion make_opinion(std::vector<Sample> samples, const Matrix& scores, bool raw);

struct Pick {
    std::int64_t at = 0;  ///< index into the opinion
    Sample sample = 0;
    std::int32_t label = 0;
};

struct SelectionRequest {
    Selection rule = Selection::quota;
    std::int64_t count = 0;            ///< of topk
    std::vector<std::int64_t> counts;  ///< of every class, of quota and pool
    double floor = 0;                  ///< least probability of any pick
};

/// In order of confidence, for quota and pool class by class. Ties go to the lower sample. `eligible[i]` false: entry i is no candidate.
std::vector<Pick> select(const Opinion& opinion, const SelectionRequest& request, const std::vector<bool>& eligible);

/// Whole numbers that sum to `total` in proportion to `sizes`: largest remainders, ties to the lower index.
std::vector<std::int64_t> proportional(std::int64_t total, const std::vector<std::int64_t>& sizes);

}  // namespace plumb::families::cotrain
