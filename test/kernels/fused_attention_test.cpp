// SPDX-License-Identifier: Apache-2.0
// What fused() promises beyond accuracy: reproducible bits, any strides, rows without keys, NaN and inf.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/random.h"
#include "kernels/attention/accuracy.h"
#include "kernels/attention/inputs.h"
#include "kernels/attention_cases.h"

namespace plumb::kernels::attention {
namespace {

constexpr std::uint64_t seed = 11;
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float untouched = -12345.0F;

class FusedAttention : public testing::TestWithParam<test::Runner> {
  protected:
    Problem problem_of(const Inputs& inputs, int threads = 1) const { return GetParam().problem(inputs, threads); }
    std::vector<float> run(const Problem& problem) { return test::fused_output(problem, GetParam().isa); }
};

bool same_bits(std::span<const float> a, std::span<const float> b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

TEST_P(FusedAttention, GivesTheSameBitsForAnyNumberOfThreads) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    // Several tiles of several heads; keys cut into splits, with many rows and with few.
    for (const Shape& shape : {Shape{.batch = 2, .heads = 3, .queries = 230, .keys = 140, .head_dim = 20, .value_dim = 24},
                               Shape{.batch = 1, .heads = 2, .queries = 50, .keys = 4500, .head_dim = 8, .value_dim = 8},
                               Shape{.batch = 1, .heads = 2, .queries = 1, .keys = 4500, .head_dim = 16, .value_dim = 8},
                               Shape{.batch = 1, .heads = 4, .queries = 2, .keys = 3500, .head_dim = 8, .value_dim = 16, .key_heads = 2}}) {
        for (const MaskKind mask : test::all_masks) {
            const Inputs inputs = make_inputs(shape, mask, "normal", seed);
            const std::vector<float> single = run(problem_of(inputs, 1));
            for (const int threads : {2, 3, 7}) {
                EXPECT_TRUE(same_bits(single, run(problem_of(inputs, threads))))
                    << test::text(shape) << " " << test::text(mask) << " " << threads << " threads";
            }
            EXPECT_TRUE(same_bits(single, run(problem_of(inputs, 3)))) << test::text(mask) << " again";
            EXPECT_TRUE(measure_accuracy(problem_of(inputs), single).within()) << test::text(shape) << " " << test::text(mask);
        }
    }
}

TEST_P(FusedAttention, GivesTheSameBitsInAnyLayout) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    const Shape shape{.batch = 2, .heads = 3, .queries = 70, .keys = 150, .head_dim = 20, .value_dim = 32};
    for (const MaskKind mask : test::all_masks) {
        const Inputs bnhd = make_inputs(shape, mask, "normal", seed, Layout::bnhd);
        const Inputs bhnd = make_inputs(shape, mask, "normal", seed, Layout::bhnd);
        ASSERT_FALSE(same_bits(bnhd.q, bhnd.q));
        EXPECT_TRUE(same_bits(run(problem_of(bnhd)), run(problem_of(bhnd)))) << test::text(mask);
    }
}

TEST_P(FusedAttention, ReadsSlicesOfAPackedTensorWithStridedColumns) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    const Shape shape{.batch = 2, .heads = 2, .queries = 60, .keys = 60, .head_dim = 12, .value_dim = 12};
    const Inputs dense = make_inputs(shape, MaskKind::causal, "normal", seed);
    // B x N x H x D x 3: q, k and v are neighbours, so that columns lie three numbers apart.
    std::vector<float> packed(3 * dense.q.size());
    for (std::size_t i = 0; i < dense.q.size(); ++i) {
        packed[3 * i] = dense.q[i];
        packed[3 * i + 1] = dense.k[i];
        packed[3 * i + 2] = dense.v[i];
    }
    Problem problem = problem_of(dense);
    problem.q = packed.data();
    problem.k = packed.data() + 1;
    problem.v = packed.data() + 2;
    for (Strides* strides : {&problem.q_strides, &problem.k_strides, &problem.v_strides}) {
        *strides = {.batch = 3 * strides->batch, .head = 3 * strides->head, .row = 3 * strides->row, .column = 3};
    }
    EXPECT_TRUE(same_bits(run(problem_of(dense)), run(problem)));
}

TEST_P(FusedAttention, WritesStridedOutputsAndNothingBetweenThem) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    const test::ForcedIsa forced(GetParam().isa);
    for (const std::int64_t value_dim : {32, 13}) {
        const Shape shape{.batch = 2, .heads = 2, .queries = 50, .keys = 140, .head_dim = 8, .value_dim = value_dim};
        const Inputs inputs = make_inputs(shape, MaskKind::none, "normal", seed);
        const std::vector<float> dense = run(problem_of(inputs));
        for (const std::int64_t column : {1, 2}) {
            // Rows with 5 numbers to spare; with column = 2 every second number is a gap.
            const std::int64_t row = value_dim * column + 5;
            const Strides strides{.batch = 2 * 50 * row, .head = 50 * row, .row = row, .column = column};
            std::vector<float> wide(2 * 2 * 50 * row, untouched);
            test::ForcedIsa again(GetParam().isa);
            fused(problem_of(inputs), wide.data(), strides);
            std::int64_t written = 0;
            for (std::int64_t b = 0; b < 2; ++b) {
                for (std::int64_t h = 0; h < 2; ++h) {
                    for (std::int64_t n = 0; n < 50; ++n) {
                        for (std::int64_t e = 0; e < value_dim; ++e) {
                            float& number = wide[b * strides.batch + h * strides.head + n * strides.row + e * strides.column];
                            ASSERT_EQ(number, dense[((b * 50 + n) * 2 + h) * value_dim + e]);
                            number = untouched;
                            ++written;
                        }
                    }
                }
            }
            EXPECT_EQ(written, std::ssize(dense));
            EXPECT_THAT(wide, testing::Each(untouched));
        }
    }
}

TEST_P(FusedAttention, RowsWithoutAVisibleKeyAreZeros) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    const Shape shape{.batch = 2, .heads = 2, .queries = 20, .keys = 150, .head_dim = 16, .value_dim = 16};
    Inputs inputs = make_inputs(shape, MaskKind::boolean, "normal", seed);
    for (std::int64_t m = 0; m < shape.keys; ++m) inputs.hidden[(1 * shape.queries + 7) * shape.keys + m] = 1;
    const std::vector<float> out = run(problem_of(inputs));
    EXPECT_EQ(fully_hidden_rows(problem_of(inputs)), 1);
    for (std::int64_t i = 0; i < test::outputs(shape); ++i) {
        const bool hidden = i / (shape.heads * shape.value_dim) == 1 * shape.queries + 7;
        EXPECT_EQ(out[i] == 0, hidden) << i;
    }
    const Shape no_keys{.batch = 2, .heads = 2, .queries = 20, .keys = 0, .head_dim = 16, .value_dim = 16};
    for (const MaskKind mask : test::all_masks)
        EXPECT_THAT(run(problem_of(make_inputs(no_keys, mask, "normal", seed))), testing::Each(0.0F));
}

TEST_P(FusedAttention, AKeyThatIsHiddenFromAllChangesNoBitWhateverItHolds) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    const Shape shape{.batch = 1, .heads = 2, .queries = 60, .keys = 150, .head_dim = 16, .value_dim = 16};
    for (const MaskKind mask : {MaskKind::boolean, MaskKind::key_padding}) {
        Inputs inputs = make_inputs(shape, mask, "normal", seed);
        const std::int64_t hidden_key = 40;
        const std::int64_t rows = mask == MaskKind::boolean ? shape.queries : 1;
        for (std::int64_t n = 0; n < rows; ++n) inputs.hidden[n * shape.keys + hidden_key] = 1;
        const std::vector<float> before = run(problem_of(inputs));
        for (const float poison : {not_a_number, infinity, -infinity, 1e38F}) {
            for (std::int64_t i = 0; i < shape.heads * shape.head_dim; ++i) {
                inputs.k[hidden_key * shape.heads * shape.head_dim + i] = poison;
                inputs.v[hidden_key * shape.heads * shape.value_dim + i] = poison;
            }
            const std::vector<float> after = run(problem_of(inputs));
            // Non-finite values take another path through the same sums; without fused multiply-adds its last bits may differ.
            for (std::size_t i = 0; i < before.size(); ++i)
                ASSERT_NEAR(after[i], before[i], 1e-5) << test::text(mask) << " " << poison << " " << i;
            EXPECT_TRUE(measure_accuracy(problem_of(inputs), after).within()) << test::text(mask) << " " << poison;
        }
    }
}

TEST_P(FusedAttention, NanAndInfSpreadAsInSoftmaxAndNoFurther) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    const Shape shape{.batch = 1, .heads = 2, .queries = 55, .keys = 140, .head_dim = 16, .value_dim = 16};
    for (const MaskKind mask : test::all_masks) {
        for (const float poison : {not_a_number, infinity, -infinity}) {
            for (const int tensor : {0, 1, 2}) {
                Inputs inputs = make_inputs(shape, mask, "normal", seed);
                std::vector<float>& target = tensor == 0 ? inputs.q : tensor == 1 ? inputs.k : inputs.v;
                target[(45 * shape.heads + 1) * 16 + 3] = poison;
                const std::vector<float> out = run(problem_of(inputs));
                std::vector<double> exact(out.size());
                reference(problem_of(inputs), exact);
                for (std::size_t i = 0; i < out.size(); ++i) {
                    ASSERT_EQ(std::isnan(out[i]), std::isnan(exact[i]))
                        << test::text(mask) << " tensor " << tensor << " " << poison << " at " << i;
                    ASSERT_EQ(std::isinf(out[i]), std::isinf(exact[i]))
                        << test::text(mask) << " tensor " << tensor << " " << poison << " at " << i;
                }
                EXPECT_TRUE(measure_accuracy(problem_of(inputs), out).within())
                    << test::text(mask) << " tensor " << tensor << " " << poison;
            }
        }
    }
}

TEST_P(FusedAttention, ScoresThatAreAllMinusInfiniteGiveNanNotZeros) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    const Shape shape{.batch = 1, .heads = 1, .queries = 3, .keys = 5, .head_dim = 1, .value_dim = 4};
    Inputs inputs = make_inputs(shape, MaskKind::none, "normal", seed);
    inputs.q = {1.0F, 1.0F, -1.0F};
    for (float& number : inputs.k) number = -infinity;
    EXPECT_THAT(run(problem_of(inputs)), testing::Each(testing::IsNan()));
}

TEST_P(FusedAttention, IsUnchangedByAConstantAddedToEveryScore) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    // Multiples of 1/8 are exact in fp32, so are their products, and so is a shift by 1000: not a bit may move.
    const Shape shape{.batch = 1, .heads = 1, .queries = 30, .keys = 70, .head_dim = 2, .value_dim = 8};
    Inputs inputs = make_inputs(shape, {.bias = true}, "normal", seed);
    for (std::vector<float>* numbers : {&inputs.q, &inputs.k, &inputs.bias}) {
        for (float& number : *numbers) number = std::round(number * 8.0F) / 8.0F;
    }
    Problem problem = problem_of(inputs);
    problem.scale = 0.5F;
    const std::vector<float> before = run(problem);
    for (float& number : inputs.bias) number += 1000.0F;
    EXPECT_TRUE(same_bits(before, run(problem)));
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, FusedAttention, testing::ValuesIn(test::fused_runners()),
                         [](const auto& instance) { return test::text(instance.param); });

TEST(FusedAttentionIsa, AmxGivesTheBitsOfAvx512) {
    PLUMB_SKIP_WITHOUT(Isa::amx);
    const Inputs inputs =
        make_inputs({.batch = 1, .heads = 2, .queries = 40, .keys = 50, .head_dim = 64, .value_dim = 64}, MaskKind::causal, "normal", seed);
    std::vector<float> out[2];
    for (const int i : {0, 1}) {
        const test::ForcedIsa forced(i == 0 ? Isa::avx512 : Isa::amx);
        out[i].resize(test::outputs(inputs.shape));
        fused(inputs.problem(), out[i].data(), strides_bnhd(40, 2, 64));
    }
    EXPECT_TRUE(same_bits(out[0], out[1]));
}

}  // namespace
}  // namespace plumb::kernels::attention
