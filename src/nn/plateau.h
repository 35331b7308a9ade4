// SPDX-License-Identifier: Apache-2.0
// A rate of learning that falls when a loss stops falling: PyTorch's ReduceLROnPlateau with its defaults. An observation is better when it
// is below best x (1 - threshold); after more than `patience` others in a row the rate is multiplied by `factor`, and counting begins anew.
#pragma once
#include <algorithm>
#include <cstdint>
#include <limits>

namespace plumb::nn {

struct PlateauForm {
    double factor = 0.1;
    std::int64_t patience = 10;
    double threshold = 1e-4;
    double least_rate = 0;
    double least_change = 1e-8;  ///< a rate that would fall by no more stays
};

struct PlateauState {
    double best = std::numeric_limits<double>::infinity();
    std::int64_t bad = 0;  ///< observations in a row that were not better
    bool operator==(const PlateauState&) const = default;
};

/// Takes an observation into `state`; gives the rate from now on. A loss that is no number counts as not better.
inline double observe_plateau(const PlateauForm& form, PlateauState& state, double loss, double rate) {
    if (loss < state.best * (1 - form.threshold)) {
        state = {loss, 0};
    } else if (++state.bad > form.patience) {
        state.bad = 0;
        const double lower = std::max(rate * form.factor, form.least_rate);
        if (rate - lower > form.least_change) return lower;
    }
    return rate;
}

}  // namespace plumb::nn
