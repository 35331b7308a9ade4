// SPDX-License-Identifier: Apache-2.0
// The fp64 gradients against finite differences of the fp64 forward pass, and against laws that need no computation.
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "kernels/attention_cases.h"
#include "kernels/backward_case.h"

namespace plumb::kernels::attention {
namespace {

constexpr std::uint64_t seed = 51;

struct ExactGradients {
    explicit ExactGradients(const Shape& s)
        : dq(s.batch * s.queries * s.heads * s.head_dim),
          dk(s.batch * s.keys * s.kv_heads() * s.head_dim),
          dv(s.batch * s.keys * s.kv_heads() * s.value_dim) {}

    std::vector<double> dq;
    std::vector<double> dk;
    std::vector<double> dv;
};

ExactGradients exact_gradients(test::BackwardCase& made) {
    const Backward backward = made.backward();
    ExactGradients gradients(made.inputs.shape);
    reference_backward(backward.problem, backward.dout, backward.dout_strides, {gradients.dq, gradients.dk, gradients.dv});
    return gradients;
}

/// What the gradients are derivatives of: the sum of out x dout.
double loss(const test::BackwardCase& made) {
    std::vector<double> out(output_size(made.inputs.shape));
    reference(made.inputs.problem(), out);
    double sum = 0;
    for (std::size_t i = 0; i < out.size(); ++i) sum += out[i] * static_cast<double>(made.dout[i]);
    return sum;
}

/// Central differences over 2 steps: error of the order step^2 = 4e-6 of third derivatives, which are of the size of the gradient for
/// inputs of size 1; inputs are moved in fp32 and the true distance is divided by.
void expect_derivatives(test::BackwardCase& made, std::vector<float>& inputs, const std::vector<double>& gradient,
                        const std::string& what) {
    constexpr float step = 0x1p-9F;
    ASSERT_EQ(inputs.size(), gradient.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const float before = inputs[i];
        inputs[i] = before + step;
        const double distance = static_cast<double>(inputs[i]);
        const double above = loss(made);
        inputs[i] = before - step;
        const double difference = (above - loss(made)) / (distance - static_cast<double>(inputs[i]));
        inputs[i] = before;
        ASSERT_NEAR(difference, gradient[i], 1e-4) << what << " at " << i << ", seed " << seed;
    }
}

TEST(ReferenceBackward, IsTheDerivativeOfTheForwardPassOnEveryMask) {
    const Shape shapes[] = {{.batch = 1, .heads = 1, .queries = 1, .keys = 1, .head_dim = 1, .value_dim = 1},
                            {.batch = 2, .heads = 2, .queries = 3, .keys = 5, .head_dim = 4, .value_dim = 3},
                            {.batch = 1, .heads = 4, .queries = 5, .keys = 3, .head_dim = 2, .value_dim = 5, .key_heads = 2}};
    for (const Shape& shape : shapes) {
        for (const MaskKind mask : test::all_masks) {
            for (const bool bias : {false, true}) {
                test::BackwardCase made(shape, {.mask = mask, .bias = bias}, "normal", seed);
                const ExactGradients gradients = exact_gradients(made);
                const std::string what = test::text(shape) + " " + test::text(mask);
                expect_derivatives(made, made.inputs.q, gradients.dq, "dq " + what);
                expect_derivatives(made, made.inputs.k, gradients.dk, "dk " + what);
                expect_derivatives(made, made.inputs.v, gradients.dv, "dv " + what);
            }
        }
    }
}

TEST(ReferenceBackward, ColumnsOfDvHaveTheSumsOfThoseOfDout) {
    const Shape shape{.batch = 2, .heads = 4, .queries = 9, .keys = 12, .head_dim = 6, .value_dim = 5, .key_heads = 2};
    for (const MaskKind mask : {MaskKind::none, MaskKind::causal, MaskKind::sliding_window}) {
        test::BackwardCase made(shape, {.mask = mask}, "normal", seed);
        ASSERT_EQ(fully_hidden_rows(made.inputs.problem()), 0);
        const ExactGradients gradients = exact_gradients(made);
        for (std::int64_t e = 0; e < shape.value_dim; ++e) {
            double of_dout = 0;
            double of_dv = 0;
            for (std::size_t i = 0; i < made.dout.size(); i += shape.value_dim) of_dout += static_cast<double>(made.dout[i + e]);
            for (std::size_t i = 0; i < gradients.dv.size(); i += shape.value_dim) of_dv += gradients.dv[i + e];
            EXPECT_NEAR(of_dv, of_dout, 1e-12) << test::text(mask) << " column " << e;
        }
    }
}

TEST(ReferenceBackward, RejectsGradientsOfAnotherSizeByName) {
    test::BackwardCase made({.batch = 1, .heads = 2, .queries = 3, .keys = 4, .head_dim = 5, .value_dim = 6}, {}, "normal", seed);
    const Backward backward = made.backward();
    ExactGradients gradients(made.inputs.shape);
    gradients.dk.pop_back();
    try {
        reference_backward(backward.problem, backward.dout, backward.dout_strides, {gradients.dq, gradients.dk, gradients.dv});
        FAIL() << "accepted";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
        EXPECT_NE(std::string(error.what()).find("dk holds 39 numbers"), std::string::npos) << error.what();
    }
}

}  // namespace
}  // namespace plumb::kernels::attention
