// SPDX-License-Identifier: Apache-2.0
// What the C functions compute: the kernels' own bits, whatever the mask, type and layout; and fp64's numbers.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "capi/given.h"
#include "kernels/attention/inputs.h"
#include "kernels/backward_case.h"

namespace plumb {
namespace {

using kernels::attention::InputOptions;
using kernels::attention::Inputs;
using kernels::attention::Layout;
using kernels::attention::MaskKind;
using kernels::attention::Problem;
using kernels::attention::Shape;
using test::c_problem;
using test::c_strides;

constexpr std::uint64_t seed = 83;
constexpr MaskKind every_mask[] = {MaskKind::none, MaskKind::boolean, MaskKind::key_padding, MaskKind::causal, MaskKind::sliding_window};
constexpr base::Dtype every_type[] = {base::Dtype::fp32, base::Dtype::bf16, base::Dtype::fp16};
const Shape shape{.batch = 2, .heads = 4, .queries = 37, .keys = 53, .head_dim = 16, .value_dim = 24, .key_heads = 2};

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void expect_same_as_fused(const Inputs& inputs) {
    const Problem problem = inputs.problem(2);
    const auto strides = kernels::attention::strides_bhnd(shape.queries, shape.heads, shape.value_dim);
    const std::vector<float> poison(output_size(shape), std::nanf(""));
    base::Numbers expected(inputs.dtype, poison);
    base::Numbers got(inputs.dtype, poison);
    std::vector<float> expected_lse(shape.batch * shape.heads * shape.queries);
    std::vector<float> lse(expected_lse.size());
    fused(problem, expected.data(), strides, expected_lse.data());

    const plumb_attention_problem given = c_problem(problem);
    const plumb_attention_strides out_strides = c_strides(strides);
    ASSERT_EQ(plumb_attention_supports(&given, PLUMB_ATTENTION_FORWARD, PLUMB_ATTENTION_PROTECT_NONE), PLUMB_ATTENTION_OK);
    ASSERT_EQ(plumb_attention_forward(&given, PLUMB_ATTENTION_PROTECT_NONE, got.data(), &out_strides, lse.data(), nullptr),
              PLUMB_ATTENTION_OK)
        << plumb_attention_last_error();
    EXPECT_EQ(got, expected);
    EXPECT_TRUE(same_bits(lse, expected_lse));
}

TEST(CForward, GivesTheBitsOfTheKernelForEveryMaskAndType) {
    for (const base::Dtype dtype : every_type) {
        for (const MaskKind mask : every_mask) {
            SCOPED_TRACE(std::string(base::name(dtype)) + " mask " + std::to_string(static_cast<int>(mask)));
            expect_same_as_fused(make_inputs(shape, {.mask = mask, .dtype = dtype, .bias = true}, "normal", seed));
        }
    }
}

TEST(CForward, GivesTheBitsOfTheKernelForEveryLayoutAndWindow) {
    for (const Layout layout : {Layout::bnhd, Layout::bhnd}) {
        expect_same_as_fused(make_inputs(shape, {.mask = MaskKind::causal, .layout = layout, .left = 5}, "normal", seed));
        expect_same_as_fused(make_inputs(shape, {.mask = MaskKind::key_padding, .layout = layout, .right = 3}, "normal", seed));
    }
}

/// fp32 sums of 53 numbers of at most about 4: 1e-5 is a hundred roundings.
TEST(CForward, IsRightAndItsDefaultsAreThoseOfTheHeader) {
    const Inputs inputs = make_inputs(shape, {.layout = Layout::bhnd}, "normal", seed);
    std::vector<double> expected(output_size(shape));
    reference(inputs.problem(), expected);

    plumb_attention_problem given = plumb_attention_problem_default();
    given.batch = shape.batch;
    given.heads = shape.heads;
    given.key_heads = shape.key_heads;
    given.queries = shape.queries;
    given.keys = shape.keys;
    given.head_dim = shape.head_dim;
    given.value_dim = shape.value_dim;
    given.q = inputs.q.data();
    given.k = inputs.k.data();
    given.v = inputs.v.data();
    given.q_strides = plumb_attention_strides_bhnd(shape.heads, shape.queries, shape.head_dim);
    given.k_strides = plumb_attention_strides_bhnd(shape.key_heads, shape.keys, shape.head_dim);
    given.v_strides = plumb_attention_strides_bhnd(shape.key_heads, shape.keys, shape.value_dim);
    const plumb_attention_strides to = plumb_attention_strides_bnhd(shape.heads, shape.queries, shape.value_dim);
    std::vector<float> out(expected.size(), std::nanf(""));
    ASSERT_EQ(plumb_attention_forward(&given, PLUMB_ATTENTION_PROTECT_NONE, out.data(), &to, nullptr, nullptr), PLUMB_ATTENTION_OK)
        << plumb_attention_last_error();
    for (std::size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(static_cast<double>(out[i]), expected[i], 1e-5) << i;
}

TEST(CForward, AQueryWithoutKeysGivesZerosAndMinusInfinity) {
    Inputs inputs = make_inputs(shape, {.mask = MaskKind::key_padding, .layout = Layout::bhnd}, "normal", seed);
    std::fill(inputs.hidden.begin(), inputs.hidden.end(), 1);
    const plumb_attention_problem given = c_problem(inputs.problem());
    const plumb_attention_strides to = plumb_attention_strides_bhnd(shape.heads, shape.queries, shape.value_dim);
    std::vector<float> out(output_size(shape), 7);
    std::vector<float> lse(shape.batch * shape.heads * shape.queries, 7);
    ASSERT_EQ(plumb_attention_forward(&given, PLUMB_ATTENTION_PROTECT_NONE, out.data(), &to, lse.data(), nullptr), PLUMB_ATTENTION_OK);
    EXPECT_EQ(out, std::vector<float>(out.size(), 0.0F));
    EXPECT_EQ(lse, std::vector<float>(lse.size(), -std::numeric_limits<float>::infinity()));
}

TEST(CBackward, GivesTheBitsOfTheKernelForEveryMaskAndType) {
    for (const base::Dtype dtype : every_type) {
        for (const MaskKind mask : every_mask) {
            SCOPED_TRACE(std::string(base::name(dtype)) + " mask " + std::to_string(static_cast<int>(mask)));
            test::BackwardCase made(shape, {.mask = mask, .dtype = dtype}, "normal", seed);
            fused_backward(made.backward());
            const base::Numbers expected[] = {made.dq, made.dk, made.dv};

            const kernels::attention::Backward pass = made.backward();
            const plumb_attention_problem given = c_problem(pass.problem);
            plumb_attention_gradients gradients = plumb_attention_gradients_default();
            gradients.out = pass.out;
            gradients.lse = pass.lse;
            gradients.dout = pass.dout;
            gradients.dq = pass.dq;
            gradients.dk = pass.dk;
            gradients.dv = pass.dv;
            gradients.out_strides = c_strides(pass.out_strides);
            gradients.dout_strides = c_strides(pass.dout_strides);
            gradients.dq_strides = c_strides(pass.dq_strides);
            gradients.dk_strides = c_strides(pass.dk_strides);
            gradients.dv_strides = c_strides(pass.dv_strides);
            ASSERT_EQ(plumb_attention_supports(&given, PLUMB_ATTENTION_BACKWARD, PLUMB_ATTENTION_PROTECT_NONE), PLUMB_ATTENTION_OK);
            ASSERT_EQ(plumb_attention_backward(&given, &gradients), PLUMB_ATTENTION_OK) << plumb_attention_last_error();
            EXPECT_EQ(made.dq, expected[0]);
            EXPECT_EQ(made.dk, expected[1]);
            EXPECT_EQ(made.dv, expected[2]);
        }
    }
}

}  // namespace
}  // namespace plumb
