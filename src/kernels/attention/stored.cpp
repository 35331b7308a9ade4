// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention/stored.h"

#include <algorithm>
#include <optional>

#include "kernels/attention/stepwise.h"

namespace plumb::kernels::attention {

namespace {

void round_all(base::Dtype dtype, std::span<float> numbers) {
    for (float& number : numbers) number = base::round_to(dtype, number);
}

}  // namespace

void plain_stored(const Problem& problem, std::span<float> out_BNHE) {
    validate(problem);
    const Shape& s = problem.shape;
    require_output_size(s, out_BNHE.size());
    std::ranges::fill(out_BNHE, 0.0F);
    if (out_BNHE.empty() || s.keys == 0) return;
    const auto scale = static_cast<float>(effective_scale(problem));
    Head<float> head(s);
    for (std::int64_t bh = 0; bh < s.batch * s.heads; ++bh) {
        const std::int64_t b = bh / s.heads;
        const std::int64_t h = bh % s.heads;
        if (h % s.group() == 0) load_head(problem, b, h / s.group(), head);
        for (std::int64_t n = 0; n < s.queries; ++n) {
            load_query<float>(problem, b, h, n, head.q_D);
            for (std::int64_t m = 0; m < s.keys; ++m) head.hidden_M[m] = is_hidden(problem, b, n, m);
            score_keys<float>(head.q_D, head, 1.0F, head.score_M);
            round_all(problem.dtype, head.score_M);
            for (float& score : head.score_M) score *= scale;
            round_all(problem.dtype, head.score_M);
            add_bias<float>(problem, b, h, n, head.score_M);
            round_all(problem.dtype, head.score_M);
            if (!softmax_visible<float>(head.hidden_M, head.score_M)) continue;
            round_all(problem.dtype, head.score_M);
            float* out = out_BNHE.data() + ((b * s.queries + n) * s.heads + h) * s.value_dim;
            for (std::int64_t m = 0; m < s.keys; ++m) {
                const float* v_E = head.v_ME.data() + m * s.value_dim;
                for (std::int64_t e = 0; e < s.value_dim && !head.hidden_M[m]; ++e) out[e] += head.score_M[m] * v_E[e];
            }
        }
    }
}

}  // namespace plumb::kernels::attention
