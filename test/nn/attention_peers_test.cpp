// SPDX-License-Identifier: Apache-2.0
// Every LibTorch form of attention against a loop written here, in fp64 and, as the yardstick of rounding, in fp32.
#include "nn/attention_peers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace plumb::nn {
namespace {

using kernels::attention::Mask;
using kernels::attention::MaskKind;
using kernels::attention::Problem;
using kernels::attention::Shape;
using kernels::attention::Strides;

constexpr std::uint64_t seed = 20210224;

/// A problem with the arrays it borrows.
struct Case {
    std::vector<float> q, k, v;
    std::vector<std::uint8_t> hidden;
    Problem problem;
};

std::vector<float> uniform(std::int64_t count, const char* purpose) {
    std::vector<float> values(static_cast<std::size_t>(count));
    base::RandomStream(seed, purpose).fill_uniform(values, 0, 1);
    return values;
}

/// One key in three is hidden; key 0 never is, so that every row sees something.
std::vector<std::uint8_t> random_flags(std::int64_t rows, std::int64_t keys) {
    const base::RandomStream random(seed, "hidden");
    std::vector<std::uint8_t> flags(static_cast<std::size_t>(rows * keys));
    for (std::size_t i = 0; i < flags.size(); ++i) {
        flags[i] = i % static_cast<std::size_t>(keys) != 0 && random.below(i, 3) == 0;
    }
    return flags;
}

Strides bnhd(std::int64_t rows, std::int64_t heads, std::int64_t columns) {
    return {rows * heads * columns, columns, heads * columns, 1};
}

Case make_case(const Shape& shape, MaskKind mask) {
    Case made;
    made.q = uniform(shape.batch * shape.queries * shape.heads * shape.head_dim, "q");
    made.k = uniform(shape.batch * shape.keys * shape.kv_heads() * shape.head_dim, "k");
    made.v = uniform(shape.batch * shape.keys * shape.kv_heads() * shape.value_dim, "v");
    if (mask == MaskKind::boolean || mask == MaskKind::key_padding) {
        made.hidden = random_flags(shape.batch * (mask == MaskKind::boolean ? shape.queries : 1), shape.keys);
    }
    made.problem = {.shape = shape,
                    .q = made.q.data(),
                    .k = made.k.data(),
                    .v = made.v.data(),
                    .q_strides = bnhd(shape.queries, shape.heads, shape.head_dim),
                    .k_strides = bnhd(shape.keys, shape.kv_heads(), shape.head_dim),
                    .v_strides = bnhd(shape.keys, shape.kv_heads(), shape.value_dim),
                    .mask = {mask, made.hidden.data()},
                    .scale = 0,
                    .threads = 1};
    if (mask == MaskKind::sliding_window) {
        made.problem.mask.left = 3;
        made.problem.mask.right = 1;
    }
    return made;
}

bool is_hidden(const Problem& problem, std::int64_t b, std::int64_t n, std::int64_t m) {
    const Shape& s = problem.shape;
    const std::int64_t place = n + (s.keys - s.queries);
    if (problem.mask.left >= 0 && m < place - problem.mask.left) {
        return true;
    }
    if (problem.mask.right >= 0 && m > place + problem.mask.right) {
        return true;
    }
    switch (problem.mask.kind) {
        case MaskKind::boolean:
            return problem.mask.hidden[(b * s.queries + n) * s.keys + m] != 0;
        case MaskKind::key_padding:
            return problem.mask.hidden[b * s.keys + m] != 0;
        case MaskKind::causal:
            return m > place;
        case MaskKind::none:
        case MaskKind::sliding_window:
            break;
    }
    return false;
}

const float* element(const void* data, const Strides& s, std::int64_t b, std::int64_t h, std::int64_t row, std::int64_t column) {
    return static_cast<const float*>(data) + b * s.batch + h * s.head + row * s.row + column * s.column;
}

/// The definition, term by term, in the arithmetic of `Real`. Rows that see no key are NaN (0 / 0), as in the notebook.
template <typename Real>
std::vector<Real> attention_by_definition(const Problem& p) {
    const Shape& s = p.shape;
    const Real scale = p.scale != 0 ? static_cast<Real>(p.scale) : 1 / std::sqrt(static_cast<Real>(s.head_dim));
    std::vector<Real> out_BNHE;
    for (std::int64_t b = 0; b < s.batch; ++b) {
        for (std::int64_t n = 0; n < s.queries; ++n) {
            for (std::int64_t h = 0; h < s.heads; ++h) {
                std::vector<Real> score(static_cast<std::size_t>(s.keys), -std::numeric_limits<Real>::infinity());
                for (std::int64_t m = 0; m < s.keys; ++m) {
                    if (is_hidden(p, b, n, m)) {
                        continue;
                    }
                    Real dot = 0;
                    for (std::int64_t d = 0; d < s.head_dim; ++d) {
                        dot += static_cast<Real>(*element(p.q, p.q_strides, b, h, n, d)) *
                               static_cast<Real>(*element(p.k, p.k_strides, b, h / s.group(), m, d));
                    }
                    const Real bias = p.bias.data == nullptr ? 0 : static_cast<Real>(*element(p.bias.data, p.bias.strides, b, h, n, m));
                    score[static_cast<std::size_t>(m)] = dot * scale + bias;
                }
                const Real highest = score.empty() ? 0 : *std::max_element(score.begin(), score.end());
                Real total = 0;
                for (Real& x : score) {
                    x = std::isinf(x) ? 0 : std::exp(x - highest);
                    total += x;
                }
                for (std::int64_t e = 0; e < s.value_dim; ++e) {
                    Real sum = 0;
                    for (std::int64_t m = 0; m < s.keys; ++m) {
                        sum += score[static_cast<std::size_t>(m)] / total *
                               static_cast<Real>(*element(p.v, p.v_strides, b, h / s.group(), m, e));
                    }
                    out_BNHE.push_back(s.keys == 0 ? 0 : total == 0 ? std::numeric_limits<Real>::quiet_NaN() : sum);
                }
            }
        }
    }
    return out_BNHE;
}

std::vector<float> run(const std::string& peer, const Problem& problem) {
    const Shape& s = problem.shape;
    std::vector<float> out(static_cast<std::size_t>(s.batch * s.queries * s.heads * s.value_dim));
    const auto made = make_attention_peer(peer, problem);
    made->forward();
    made->copy_output(out);
    return out;
}

/// Largest absolute error over the rows that see a key.
template <typename Real>
double largest_error(const std::vector<Real>& got, const std::vector<double>& expected) {
    EXPECT_EQ(got.size(), expected.size());
    double largest = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        if (!std::isnan(expected[i])) {
            const double error = std::abs(static_cast<double>(got[i]) - expected[i]);
            largest = std::isnan(error) ? std::numeric_limits<double>::infinity() : std::max(largest, error);
        }
    }
    return largest;
}

/// Twice the error of the same steps in plain fp32, plus one unit in the last place of an output (outputs are means of values below 1, so
/// that is at most 2^-24): the term that keeps the bound meaningful where the plain loop happens to be exact.
void expect_as_good_as_plain(const std::string& peer, const Problem& problem) {
    const std::vector<double> expected = attention_by_definition<double>(problem);
    const double plain = largest_error(attention_by_definition<float>(problem), expected);
    EXPECT_LE(largest_error(run(peer, problem), expected), 2 * plain + std::ldexp(1.0, -24))
        << peer << ", mask " << static_cast<int>(problem.mask.kind) << ", B" << problem.shape.batch << " H" << problem.shape.heads << " N"
        << problem.shape.queries << " M" << problem.shape.keys << ", seed " << seed;
}

// The yardstick is fp64 on the same rounded numbers.
TEST(AttentionPeers, ComputeInTheTypeOfTheProblem) {
    const Shape shape{2, 4, 9, 12, 16, 16, 2};
    for (const base::Dtype dtype : {base::Dtype::bf16, base::Dtype::fp16}) {
        Case made = make_case(shape, MaskKind::causal);
        std::vector<base::Numbers> stored;
        for (std::vector<float>* numbers : {&made.q, &made.k, &made.v}) {
            stored.emplace_back(dtype, *numbers);
            std::ranges::copy(stored.back().widened(), numbers->begin());
        }
        Problem problem = made.problem;
        problem.dtype = dtype;
        problem.q = stored[0].data();
        problem.k = stored[1].data();
        problem.v = stored[2].data();
        const std::vector<double> expected = attention_by_definition<double>(made.problem);
        for (const std::string& peer : attention_peers()) {
            const std::vector<float> out = run(peer, problem);
            for (const float number : out) ASSERT_EQ(number, base::round_to(dtype, number)) << peer;
            // Values in [0, 1), scores up to 4: rounding q k, the scores and the probabilities each moves an output by a few units.
            EXPECT_LE(largest_error(out, expected), 8 * base::rounding_unit(dtype)) << peer << " " << base::name(dtype);
            EXPECT_GT(largest_error(out, expected), 0.1 * base::rounding_unit(dtype)) << peer << " " << base::name(dtype);
        }
    }
}

constexpr MaskKind every_mask[] = {MaskKind::none, MaskKind::boolean, MaskKind::key_padding, MaskKind::causal, MaskKind::sliding_window};

TEST(AttentionPeers, MatchTheDefinitionOnEveryStageAndMask) {
    const std::vector<Shape> stages = {{1, 1, 32, 32, 64, 64}, {1, 8, 32, 32, 64, 64}, {3, 8, 32, 32, 64, 64}};
    for (const std::string& peer : attention_peers()) {
        for (const Shape& stage : stages) {
            for (const MaskKind mask : every_mask) {
                expect_as_good_as_plain(peer, make_case(stage, mask).problem);
            }
        }
    }
}

TEST(AttentionPeers, MatchTheDefinitionWhenQueriesAndKeysDiffer) {
    const std::vector<Shape> shapes = {{2, 3, 5, 17, 8, 12}, {2, 3, 17, 5, 8, 12},    {2, 1, 9, 20, 7, 3},  {1, 4, 1, 30, 16, 16},
                                       {2, 2, 4, 1, 5, 6},   {2, 6, 5, 17, 8, 12, 2}, {1, 4, 6, 9, 8, 8, 1}};
    for (const std::string& peer : attention_peers()) {
        for (const Shape& shape : shapes) {
            for (const MaskKind mask : every_mask) {
                expect_as_good_as_plain(peer, make_case(shape, mask).problem);
            }
        }
    }
}

TEST(AttentionPeers, AddABiasAndRepeatItWhereItsStrideIsZero) {
    for (const Shape& shape : {Shape{2, 4, 7, 9, 8, 8, 2}, Shape{1, 3, 7, 9, 8, 8}, Shape{1, 1, 7, 9, 8, 8}}) {
        for (const MaskKind mask : every_mask) {
            Case made = make_case(shape, mask);
            const std::vector<float> bias = uniform(shape.batch * shape.heads * 7 * 9, "bias");
            for (const Strides& strides : {Strides{shape.heads * 63, 63, 9, 1}, Strides{0, 9, 0, 1}, Strides{0, 0, 9, 1}}) {
                made.problem.bias = {bias.data(), strides};
                for (const std::string& peer : attention_peers()) {
                    expect_as_good_as_plain(peer, made.problem);
                }
            }
        }
    }
}

TEST(AttentionPeers, CausalLastQuerySeesEveryKey) {
    Case made = make_case({1, 1, 2, 6, 4, 4}, MaskKind::causal);
    for (const std::string& peer : attention_peers()) {
        const std::vector<float> before = run(peer, made.problem);
        made.v[5 * 4] += 1;  // the last key's value, which only the last query may see
        const std::vector<float> after = run(peer, made.problem);
        made.v[5 * 4] -= 1;
        EXPECT_EQ(before[0], after[0]) << peer;
        EXPECT_GT(after[4] - before[4], 0.05F) << peer;
    }
}

TEST(AttentionPeers, ReadSlicesOfPackedProjections) {
    const Shape shape{2, 4, 6, 6, 8, 8};
    const std::int64_t width = 3 * shape.heads * shape.head_dim;
    const std::vector<float> packed = uniform(shape.batch * shape.queries * width, "packed");
    Problem problem = make_case(shape, MaskKind::none).problem;
    problem.q = packed.data();
    problem.k = packed.data() + shape.heads * shape.head_dim;
    problem.v = packed.data() + 2 * shape.heads * shape.head_dim;
    problem.q_strides = problem.k_strides = problem.v_strides = {shape.queries * width, shape.head_dim, width, 1};
    for (const std::string& peer : attention_peers()) {
        expect_as_good_as_plain(peer, problem);
    }
}

TEST(AttentionPeers, ReadHeadsFirstAndTransposedColumns) {
    const Shape shape{2, 3, 5, 7, 4, 6};
    Case made = make_case(shape, MaskKind::boolean);
    made.problem.q_strides = {3 * 5 * 4, 5 * 4, 4, 1};
    made.problem.k_strides = {3 * 7 * 4, 7 * 4, 1, 7};
    made.problem.v_strides = {3 * 7 * 6, 7 * 6, 6, 1};
    for (const std::string& peer : attention_peers()) {
        expect_as_good_as_plain(peer, made.problem);
    }
}

TEST(AttentionPeers, BorrowTheirInputs) {
    Case made = make_case({2, 2, 4, 4, 8, 8}, MaskKind::none);
    std::vector<float> out(2 * 4 * 2 * 8);
    for (const std::string& peer : attention_peers()) {
        const auto bound = make_attention_peer(peer, made.problem);
        bound->forward();
        std::fill(made.v.begin(), made.v.end(), 3.0F);
        bound->forward();
        bound->copy_output(out);
        EXPECT_THAT(out, testing::Each(testing::FloatNear(3, 1e-5F))) << peer;
        std::ranges::copy(uniform(static_cast<std::int64_t>(made.v.size()), "v"), made.v.begin());
    }
}

TEST(AttentionPeers, UseTheGivenScale) {
    Case made = make_case({1, 2, 6, 6, 16, 16}, MaskKind::none);
    made.problem.scale = 1.75F;
    for (const std::string& peer : attention_peers()) {
        expect_as_good_as_plain(peer, made.problem);
    }
}

TEST(AttentionPeers, RowsWithoutVisibleKeyNeverLookLikeResults) {
    Case made = make_case({2, 2, 3, 5, 8, 8}, MaskKind::boolean);
    std::fill_n(made.hidden.begin() + 5, 5, std::uint8_t{1});  // record 0, query 1
    const std::vector<double> expected = attention_by_definition<double>(made.problem);
    for (const std::string& peer : attention_peers()) {
        const std::vector<float> out = run(peer, made.problem);
        for (std::size_t i = 0; i < out.size(); ++i) {
            if (std::isnan(expected[i])) {
                EXPECT_TRUE(std::isnan(out[i]) || (peer == "sdpa" && out[i] == 0)) << peer << " gives " << out[i];
            }
        }
        expect_as_good_as_plain(peer, made.problem);
    }
}

TEST(AttentionPeers, NoKeysGiveZeros) {
    const Case made = make_case({2, 2, 3, 0, 8, 8}, MaskKind::none);
    for (const std::string& peer : attention_peers()) {
        EXPECT_THAT(run(peer, made.problem), testing::Each(0.0F)) << peer;
    }
}

TEST(AttentionPeers, NoQueriesGiveNothingOrTheReason) {
    const Case made = make_case({2, 2, 0, 4, 8, 8}, MaskKind::none);
    for (const std::string& peer : attention_peers()) {
        if (why_not(peer, made.problem).empty()) {
            EXPECT_TRUE(run(peer, made.problem).empty()) << peer;
        } else {
            EXPECT_EQ(peer, "loop");
            EXPECT_THROW(make_attention_peer(peer, made.problem), base::Error);
        }
    }
}

TEST(AttentionPeers, NegativeStrideIsUnsupportedWithTheReason) {
    Case made = make_case({1, 1, 4, 4, 8, 8}, MaskKind::none);
    made.problem.q = made.q.data() + 3 * 8;
    made.problem.q_strides.row = -8;
    for (const std::string& peer : attention_peers()) {
        EXPECT_THAT(why_not(peer, made.problem), testing::HasSubstr("negative strides")) << peer;
        EXPECT_THROW(make_attention_peer(peer, made.problem), base::Error) << peer;
    }
}

TEST(AttentionPeers, UnknownNameSuggestsTheNearest) {
    const Case made = make_case({1, 1, 2, 2, 4, 4}, MaskKind::none);
    try {
        make_attention_peer("einsun", made.problem);
        FAIL() << "made a peer";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
        EXPECT_THAT(error.what(), testing::HasSubstr("'einsun'"));
        EXPECT_THAT(error.hint(), testing::HasSubstr("einsum"));
    }
}

TEST(AttentionPeers, WrongDestinationIsRefused) {
    const Case made = make_case({1, 1, 2, 2, 4, 4}, MaskKind::none);
    const auto peer = make_attention_peer("broadcast", made.problem);
    std::vector<float> out(8);
    EXPECT_THROW(peer->copy_output(out), base::Error) << "before forward()";
    peer->forward();
    EXPECT_THROW(peer->copy_output(std::span(out).first(7)), base::Error);
    EXPECT_NO_THROW(peer->copy_output(out));
}

TEST(AttentionPeers, ThreadCountMustBePositive) {
    EXPECT_THROW(set_torch_threads(0), base::Error);
}

TEST(AttentionPeers, VersionNamesLibTorch) {
    EXPECT_THAT(torch_version(), testing::StartsWith("2."));
}

}  // namespace
}  // namespace plumb::nn
