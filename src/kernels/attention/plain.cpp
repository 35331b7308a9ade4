// SPDX-License-Identifier: Apache-2.0
// Attention as one would first write it, in fp32 or with products of bf16 (split.h): the yardstick of the accuracy rule. Compiled without
// contraction: a fused multiply-add would flatter it.
#include "kernels/attention/attention.h"
#include "kernels/attention/split.h"
#include "kernels/attention/stepwise.h"

namespace plumb::kernels::attention {
namespace {

/// Two arrays of one shape: the parts of numbers.
struct Parts {
    explicit Parts(std::size_t size) : high(size), low(size) {}

    void set(std::size_t i, const Split& number) {
        high[i] = number.high;
        low[i] = number.low;
    }
    void assign(Precision precision, std::span<const float> numbers) {
        for (std::size_t i = 0; i < numbers.size(); ++i) set(i, split(precision, numbers[i]));
    }

    std::vector<float> high;
    std::vector<float> low;
};

/// The memory of one thread: the head as stored, and its numbers as products take them.
struct SplitHead {
    explicit SplitHead(const Shape& s)
        : head(s), k_DM(head.k_DM.size()), v_ME(head.v_ME.size()), q_D(head.q_D.size()), probability_M(head.score_M.size()) {}

    Head<float> head;
    Parts k_DM;
    Parts v_ME;
    Parts q_D;
    Parts probability_M;
};

/// sum[i] += factor x numbers[i], for `count` numbers from `first` on. The small products first, as in split.h.
void add_products(Precision precision, const Split& factor, const Parts& numbers, std::int64_t first, std::span<float> sum) {
    const std::int64_t count = std::ssize(sum);
    const float* high = numbers.high.data() + first;
    const float* low = numbers.low.data() + first;
    if (precision == Precision::high) {
        for (std::int64_t i = 0; i < count; ++i) sum[i] += factor.low * high[i];
        for (std::int64_t i = 0; i < count; ++i) sum[i] += factor.high * low[i];
    }
    for (std::int64_t i = 0; i < count; ++i) sum[i] += factor.high * high[i];
}

/// Scores become the exponentials that the products take, relative to the largest visible one; returns its score. Hidden keys get 0.
float exponentiate_visible(Precision precision, std::span<const float> score_M, std::span<const std::uint8_t> hidden_M, Parts& result_M) {
    float maximum = -std::numeric_limits<float>::infinity();
    for (std::int64_t m = 0; m < std::ssize(score_M); ++m) {
        if (!hidden_M[m]) maximum = std::max(maximum, score_M[m]);
    }
    for (std::int64_t m = 0; m < std::ssize(score_M); ++m)
        result_M.set(m, hidden_M[m] ? Split{} : split(precision, std::exp(score_M[m] - maximum)));
    return maximum;
}

/// One query whose q stands in memory.head.q_D and whose mask in memory.head.hidden_M.
void attend(const Problem& problem, std::int64_t b, std::int64_t h, std::int64_t n, SplitHead& memory, std::span<float> out_E, float* lse) {
    const std::int64_t keys = problem.shape.keys;
    Head<float>& head = memory.head;
    memory.q_D.assign(problem.precision, head.q_D);
    std::fill(head.score_M.begin(), head.score_M.end(), 0.0F);
    for (std::int64_t d = 0; d < problem.shape.head_dim; ++d)
        add_products(problem.precision, {memory.q_D.high[d], memory.q_D.low[d]}, memory.k_DM, d * keys, head.score_M);
    const auto scale = static_cast<float>(effective_scale(problem));
    for (float& score : head.score_M) score *= scale;
    add_bias<float>(problem, b, h, n, head.score_M);

    const float maximum = exponentiate_visible(problem.precision, head.score_M, head.hidden_M, memory.probability_M);
    float sum = 0;  // of the rounded exponentials: weights then add up to 1
    for (std::int64_t m = 0; m < keys; ++m) {
        if (head.hidden_M[m]) continue;
        const Split weight{memory.probability_M.high[m], memory.probability_M.low[m]};
        sum += weight.high + weight.low;
        add_products(problem.precision, weight, memory.v_ME, m * problem.shape.value_dim, out_E);
    }
    for (float& number : out_E) number /= sum;
    if (lse != nullptr) *lse = maximum + std::log(sum);
}

/// Validated outputs, all zeros and -inf before.
void attend_all(const Problem& problem, std::span<float> out_BNHE, std::span<float> lse_BHN) {
    const Shape& s = problem.shape;
    std::vector<SplitHead> memories(problem.threads, SplitHead(s));
#pragma omp parallel num_threads(problem.threads)
    {
        SplitHead& memory = memories[omp_get_thread_num()];
        for (std::int64_t bh = 0; bh < s.batch * s.heads; ++bh) {
            const std::int64_t b = bh / s.heads;
            const std::int64_t h = bh % s.heads;
            if (h % s.group() == 0) {
                load_head(problem, b, h / s.group(), memory.head);
                memory.k_DM.assign(problem.precision, memory.head.k_DM);
                memory.v_ME.assign(problem.precision, memory.head.v_ME);
            }
#pragma omp for schedule(static) nowait
            for (std::int64_t n = 0; n < s.queries; ++n) {
                if (fully_hidden(problem, b, n)) continue;
                load_query<float>(problem, b, h, n, memory.head.q_D);
                for (std::int64_t m = 0; m < s.keys; ++m) memory.head.hidden_M[m] = is_hidden(problem, b, n, m);
                attend(problem, b, h, n, memory, out_BNHE.subspan(((b * s.queries + n) * s.heads + h) * s.value_dim, s.value_dim),
                       lse_BHN.empty() ? nullptr : &lse_BHN[bh * s.queries + n]);
            }
        }
    }
}

}  // namespace

void plain(const Problem& problem, std::span<float> out_BNHE, std::span<float> lse_BHN) {
    validate(problem);
    if (problem.precision == Precision::highest) {
        stepwise_attention<float>(problem, static_cast<float>(effective_scale(problem)), out_BNHE, lse_BHN);
        return;
    }
    require_output_size(problem.shape, out_BNHE.size());
    require_lse_size(problem.shape, lse_BHN.size());
    std::fill(out_BNHE.begin(), out_BNHE.end(), 0.0F);
    std::fill(lse_BHN.begin(), lse_BHN.end(), -std::numeric_limits<float>::infinity());
    if ((out_BNHE.empty() && lse_BHN.empty()) || problem.shape.keys == 0) return;
    attend_all(problem, out_BNHE, lse_BHN);
}

}  // namespace plumb::kernels::attention
