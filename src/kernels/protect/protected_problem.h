// SPDX-License-Identifier: Apache-2.0
// What protected attention takes, for its two entries.
#pragma once
#include "base/error.h"
#include "kernels/attention/attention.h"
#include "kernels/protect/protection.h"

namespace plumb::kernels::protect {

inline void require_protectable(const attention::Problem& problem, const Protection& protection) {
    attention::validate(problem);
    if (problem.precision == attention::Precision::highest || protection.level == Level::none) return;
    throw base::Error(base::ErrorKind::unsupported,
                      "precision " + std::string(attention::name(problem.precision)) + " has no protected kernel, only highest has",
                      "leave precision at highest, or protection at none");
}

inline bool has_rows(const attention::Problem& problem) {
    const attention::Shape& s = problem.shape;
    return s.batch > 0 && s.heads > 0 && s.queries > 0;
}

/// Level none asks for no check.
inline Protection effective(const Protection& protection) {
    if (protection.level != Level::none) return protection;
    Protection nothing = protection;
    nothing.checks = {.scores = false, .maxima = false, .exponentials = ExponentialCheck::none, .outputs = false, .second_weights = false};
    return nothing;
}

}  // namespace plumb::kernels::protect
