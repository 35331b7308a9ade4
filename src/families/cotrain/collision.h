// SPDX-License-Identifier: Apache-2.0
// Samples that both views picked and label differently.
#pragma once
#include <vector>

#include "families/cotrain/selection.h"

namespace plumb::families::cotrain {

struct Collision {
    Sample sample = 0;
    Pick pick0, pick1;
};

struct Uncollided {
    std::vector<Pick> picks0, picks1;   ///< what is left, in the order given
    std::vector<Collision> collisions;  ///< by rising sample
};

/// Drops exactly the picks of samples that got two different labels. Lists of any lengths.
Uncollided remove_collisions(const std::vector<Pick>& picks0, const std::vector<Pick>& picks1);

/// Known defect, kept to show what it costs: the notebook's function as written. It marks the collisions by place in each list and drops
/// every place that is marked in either, so picks that nobody disputes go too. Lists of equal length only: throws unsupported else.
Uncollided remove_collisions_like_notebook(const std::vector<Pick>& picks0, const std::vector<Pick>& picks1);

}  // namespace plumb::families::cotrain
