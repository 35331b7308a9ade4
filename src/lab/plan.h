// SPDX-License-Identifier: Apache-2.0
// A study expanded to points, in order, grouped by what is measured together, with what is done and what the rest will cost.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "lab/store.h"
#include "lab/study.h"

namespace plumb::lab {

struct PlannedPoint {
    Point point;
    std::size_t experiment = 0;  ///< index in the study
    std::size_t group = 0;       ///< points with equal group are prepared, verified and measured together
    std::string problem;         ///< inputs could not be digested (missing data): the point becomes a row with this reason
    std::string problem_hint;
};

struct Plan {
    /// Order of running: experiments, then repeats, then the first axis slowest; the points of a group stand together where its first one
    /// would stand. A point that two experiments share appears twice and is run once.
    std::vector<PlannedPoint> points;
    std::size_t group_count = 0;
};

/// Throws usage when an experiment has no point left.
Plan make_plan(const Study& study, const Families& families);

/// What one point will cost, learnt from earlier points.
struct Estimate {
    double seconds = 0;
    double bytes = 0;
    enum class Basis { same_point, similar_points, none } basis = Basis::none;
};

/// Learns from the finished runs of the store: the same point's own time, else the three most similar points of the family (settings that
/// agree; numbers by distance of logarithms) weighted by similarity, else none. A setting that an old run lacks counts as its default.
std::vector<Estimate> estimate(const Plan& plan, const Store& store, const Families& families);

}  // namespace plumb::lab
