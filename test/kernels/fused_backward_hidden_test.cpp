// SPDX-License-Identifier: Apache-2.0
// Hidden pairs, missing keys and numbers that are none: what must be zero, and how far NaN and inf may spread.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/attention_cases.h"
#include "kernels/backward_case.h"

namespace plumb::kernels::attention {
namespace {

constexpr std::uint64_t seed = 54;
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

class FusedBackwardHidden : public testing::TestWithParam<Isa> {
  protected:
    struct Results {
        base::Numbers dq, dk, dv;
        bool operator==(const Results&) const = default;
    };
    Results run(test::BackwardCase& made, int threads = 1) {
        const test::ForcedIsa forced(GetParam());
        fused_backward(made.backward(threads));
        return {made.dq, made.dk, made.dv};
    }
};

TEST_P(FusedBackwardHidden, QueriesWithoutAKeyAndKeysWithoutAQueryGetZeros) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const Shape shape{.batch = 2, .heads = 2, .queries = 20, .keys = 150, .head_dim = 16, .value_dim = 16};
    test::BackwardCase made(shape, {.mask = MaskKind::boolean}, "normal", seed);
    for (std::int64_t m = 0; m < shape.keys; ++m) made.inputs.hidden[(1 * shape.queries + 7) * shape.keys + m] = 1;
    for (std::int64_t n = 0; n < shape.queries; ++n) made.inputs.hidden[n * shape.keys + 91] = 1;
    made.run_forward();
    const Results got = run(made);
    for (std::size_t i = 0; i < got.dq.size(); ++i) EXPECT_EQ(got.dq.at(i) == 0, i / (2 * 16) == 1 * 20 + 7) << i;
    for (std::size_t i = 0; i < got.dk.size(); ++i) {
        EXPECT_EQ(got.dk.at(i) == 0, i / (2 * 16) == 91) << i;
        EXPECT_EQ(got.dv.at(i) == 0, i / (2 * 16) == 91) << i;
    }
}

TEST_P(FusedBackwardHidden, NoKeysNoQueriesAndNoValuesGiveZerosOrNothing) {
    PLUMB_SKIP_WITHOUT(GetParam());
    for (const MaskKind mask : test::all_masks) {
        test::BackwardCase no_keys({.batch = 2, .heads = 2, .queries = 20, .keys = 0, .head_dim = 16, .value_dim = 16}, {.mask = mask},
                                   "normal", seed);
        EXPECT_THAT(run(no_keys).dq.widened(), testing::Each(0.0F));
        test::BackwardCase no_queries({.batch = 2, .heads = 2, .queries = 0, .keys = 20, .head_dim = 16, .value_dim = 16}, {.mask = mask},
                                      "normal", seed);
        EXPECT_THAT(run(no_queries).dk.widened(), testing::Each(0.0F));
        EXPECT_THAT(run(no_queries).dv.widened(), testing::Each(0.0F));
        test::BackwardCase no_values({.batch = 2, .heads = 2, .queries = 9, .keys = 20, .head_dim = 16, .value_dim = 0}, {.mask = mask},
                                     "normal", seed);
        EXPECT_THAT(run(no_values).dq.widened(), testing::Each(0.0F));
    }
}

TEST_P(FusedBackwardHidden, EveryKeyHiddenGivesZeros) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const Shape shape{.batch = 1, .heads = 2, .queries = 110, .keys = 160, .head_dim = 8, .value_dim = 8};
    for (const MaskKind mask : {MaskKind::boolean, MaskKind::key_padding}) {
        test::BackwardCase made(shape, {.mask = mask}, "normal", seed);
        for (std::uint8_t& hidden : made.inputs.hidden) hidden = 1;
        made.run_forward();
        const Results got = run(made);
        for (const base::Numbers* tensor : {&got.dq, &got.dk, &got.dv})
            EXPECT_THAT(tensor->widened(), testing::Each(0.0F)) << test::text(mask);
    }
}

TEST_P(FusedBackwardHidden, NanAndInfSpreadAsInTheReferenceAndNoFurther) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const Shape shape{.batch = 1, .heads = 2, .queries = 110, .keys = 160, .head_dim = 16, .value_dim = 16};
    for (const MaskKind mask : test::all_masks) {
        for (const float poison : {not_a_number, infinity}) {
            for (const int tensor : {0, 1, 2, 3}) {
                test::BackwardCase made(shape, {.mask = mask}, "normal", seed);
                std::vector<float>* tensors[] = {&made.inputs.q, &made.inputs.k, &made.inputs.v, &made.dout};
                (*tensors[tensor])[(45 * shape.heads + 1) * 16 + 3] = poison;
                made.run_forward();
                const Backward backward = made.backward();
                const test::ForcedIsa forced(GetParam());
                fused_backward(backward);
                // Which numbers are finite must agree; NaN or inf is a matter of the order of the operations.
                std::vector<double> dq(made.dq.size()), dk(made.dk.size()), dv(made.dv.size());
                reference_backward(backward.problem, backward.dout, backward.dout_strides, {dq, dk, dv});
                const std::string what = test::text(mask) + " tensor " + std::to_string(tensor) + " " + std::to_string(poison) + " at ";
                for (std::size_t i = 0; i < dq.size(); ++i)
                    ASSERT_EQ(std::isfinite(made.dq.at(i)), std::isfinite(dq[i])) << "dq " << what << i;
                for (std::size_t i = 0; i < dk.size(); ++i)
                    ASSERT_EQ(std::isfinite(made.dk.at(i)), std::isfinite(dk[i])) << "dk " << what << i;
                for (std::size_t i = 0; i < dv.size(); ++i)
                    ASSERT_EQ(std::isfinite(made.dv.at(i)), std::isfinite(dv[i])) << "dv " << what << i;
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, FusedBackwardHidden, testing::ValuesIn(test::all_isas),
                         [](const auto& instance) { return std::string(name(instance.param)); });

}  // namespace
}  // namespace plumb::kernels::attention
