// SPDX-License-Identifier: Apache-2.0
// The designs of unfused.h by name; schemes.cpp says what each is for.
#pragma once
#include "kernels/protect/unfused.h"

namespace plumb::kernels::protect::designs {

inline constexpr Design unfused{};
inline constexpr Design dmr_softmax{.softmax = SoftmaxCheck::stored, .repairs = true};
inline constexpr Design dmr_optimised{.softmax = SoftmaxCheck::compared, .repairs = true};
inline constexpr Design abft_scores_sum{.scores = ScoreCheck::total, .repairs = true};
inline constexpr Design abft_scores_element{.scores = ScoreCheck::columns, .repairs = true};
inline constexpr Design abft_outputs_sum{.outputs = OutputCheck::total, .repairs = true};
inline constexpr Design abft_outputs_element{.outputs = OutputCheck::rows, .repairs = true};
inline constexpr Design abft_optimised{.scores = ScoreCheck::rows, .outputs = OutputCheck::rows, .in_panels = true, .repairs = true};
inline constexpr Design decoupled{
    .scores = ScoreCheck::rows, .softmax = SoftmaxCheck::stored, .outputs = OutputCheck::rows, .repairs = true};
inline constexpr Design fixed_threshold{.scores = ScoreCheck::equal, .outputs = OutputCheck::fixed};
inline constexpr Design extremes_only{.scores = ScoreCheck::extremes, .outputs = OutputCheck::extremes};

}  // namespace plumb::kernels::protect::designs
