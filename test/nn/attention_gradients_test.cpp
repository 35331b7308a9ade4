// SPDX-License-Identifier: Apache-2.0
// Gradients through LibTorch's autograd: plumb's function against LibTorch's own, both against fp64, and against differences of its
// outputs.
#include "nn/attention_gradients.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "kernels/attention/backward.h"
#include "kernels/attention/inputs.h"

namespace plumb::nn {
namespace {

using kernels::attention::InputOptions;
using kernels::attention::Inputs;
using kernels::attention::MaskKind;
using kernels::attention::Problem;
using kernels::attention::Shape;

constexpr std::uint64_t seed = 61;
constexpr MaskKind every_mask[] = {MaskKind::none, MaskKind::boolean, MaskKind::key_padding, MaskKind::causal, MaskKind::sliding_window};

/// A problem and the gradient of its output. No query is without a key: LibTorch gives NaN there or not, by the kernel that it takes.
struct Case {
    Case(const Shape& shape, const InputOptions& options, std::uint64_t draw = 0)
        : inputs(make_inputs(shape, options, "normal", seed + draw)) {
        for (std::size_t i = 0; i < inputs.hidden.size(); i += shape.keys) inputs.hidden[i] = 0;
        std::vector<float> numbers(output_size(shape));
        base::RandomStream(seed + draw, "dout").fill_uniform(numbers, -1, 1);
        dout = base::Numbers(options.dtype, numbers);
    }
    kernels::attention::Strides dout_strides() const {
        return kernels::attention::strides_bnhd(inputs.shape.queries, inputs.shape.heads, inputs.shape.value_dim);
    }

    Inputs inputs;
    base::Numbers dout;
};

template <typename Real>
struct Results {
    explicit Results(const Shape& s)
        : dq(s.batch * s.queries * s.heads * s.head_dim),
          dk(s.batch * s.keys * s.kv_heads() * s.head_dim),
          dv(s.batch * s.keys * s.kv_heads() * s.value_dim) {}
    std::vector<Real> dq;
    std::vector<Real> dk;
    std::vector<Real> dv;
};

Results<float> run(const std::string& name, const Case& made, const Problem& problem) {
    const auto gradients = make_attention_gradients(name, problem, made.dout.data(), made.dout_strides());
    gradients->forward();
    gradients->backward();
    Results<float> results(problem.shape);
    gradients->copy_gradients(results.dq, results.dk, results.dv);
    return results;
}

double largest_error(const std::vector<float>& got, const std::vector<double>& exact) {
    double largest = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
        const double error = std::abs(static_cast<double>(got[i]) - exact[i]);
        if (!(error <= largest)) largest = error;
    }
    return largest;
}

double largest(const std::vector<double>& numbers) {
    double found = 0;
    for (const double number : numbers) found = std::max(found, std::abs(number));
    return found;
}

/// Largest errors of dq, dk and dv against fp64, and the largest numbers there.
struct Errors {
    double fused[3] = {};
    double sdpa[3] = {};
    double exact[3] = {};
};

void add_errors(const Case& made, Errors& errors) {
    const Problem problem = made.inputs.problem();
    Results<double> exact(problem.shape);
    reference_backward(problem, made.dout.data(), made.dout_strides(), {exact.dq, exact.dk, exact.dv});
    const Results<float> fused = run("fused", made, problem);
    const Results<float> sdpa = run("sdpa", made, problem);
    const std::vector<double>* expected[] = {&exact.dq, &exact.dk, &exact.dv};
    const std::vector<float>* from_fused[] = {&fused.dq, &fused.dk, &fused.dv};
    const std::vector<float>* from_sdpa[] = {&sdpa.dq, &sdpa.dk, &sdpa.dv};
    for (int i = 0; i < 3; ++i) {
        errors.fused[i] += largest_error(*from_fused[i], *expected[i]);
        errors.sdpa[i] += largest_error(*from_sdpa[i], *expected[i]);
        errors.exact[i] += largest(*expected[i]);
    }
}

/// Over several draws, so that neither is judged by its luck: at most twice LibTorch's error and the rounding of the result, and LibTorch
/// itself right to a hundred units of its type.
void expect_as_good_as_sdpa(const Shape& shape, const InputOptions& options, const std::string& what) {
    constexpr int draws = 4;
    Errors errors;
    for (int draw = 0; draw < draws; ++draw) add_errors(Case(shape, options, draw), errors);
    const double unit = base::rounding_unit(options.dtype);
    for (int i = 0; i < 3; ++i) {
        const std::string tensor = std::string(i == 0 ? "dq " : i == 1 ? "dk " : "dv ") + what + " seed " + std::to_string(seed);
        EXPECT_LE(errors.sdpa[i], 100 * unit * errors.exact[i]) << tensor;
        EXPECT_LE(errors.fused[i], 2 * errors.sdpa[i] + unit * errors.exact[i]) << tensor;
    }
}

TEST(AttentionGradients, FusedIsAsGoodAsSdpaOnEveryMaskAndType) {
    const Shape shapes[] = {{2, 4, 70, 70, 32, 32, 0}, {1, 3, 60, 130, 16, 16, 0}};
    for (const base::Dtype dtype : {base::Dtype::fp32, base::Dtype::bf16, base::Dtype::fp16}) {
        for (const Shape& shape : shapes) {
            for (const MaskKind mask : every_mask) {
                expect_as_good_as_sdpa(shape, {.mask = mask, .dtype = dtype},
                                       "mask " + std::to_string(static_cast<int>(mask)) + " " + std::string(base::name(dtype)) + " M" +
                                           std::to_string(shape.keys));
            }
        }
    }
}

TEST(AttentionGradients, FusedIsAsGoodAsSdpaOnGroupedHeads) {
    for (const MaskKind mask : {MaskKind::none, MaskKind::causal}) {
        expect_as_good_as_sdpa({2, 6, 80, 80, 16, 16, 2}, {.mask = mask}, "grouped, mask " + std::to_string(static_cast<int>(mask)));
    }
}

TEST(AttentionGradients, AllAgreeOnOutputsAndGradients) {
    for (const MaskKind mask : every_mask) {
        const Case made({2, 2, 20, 20, 8, 8, 0}, {.mask = mask});
        const Problem problem = made.inputs.problem();
        std::vector<double> out(output_size(problem.shape));
        reference(problem, out);
        const Results<float> fused = run("fused", made, problem);
        for (const std::string& name : attention_gradient_names()) {
            const auto gradients = make_attention_gradients(name, problem, made.dout.data(), made.dout_strides());
            gradients->forward();
            std::vector<float> got(out.size());
            gradients->copy_output(got);
            EXPECT_LT(largest_error(got, out), 1e-5) << name;
            EXPECT_THAT(run(name, made, problem).dk, testing::Pointwise(testing::FloatNear(1e-5F), fused.dk)) << name;
        }
    }
}

/// The change of sum(out x dout) along a random direction of all inputs together. Central differences of fp32 outputs: the step's
/// third-order term and the rounding of the outputs (n numbers of 2^-24 over a step of 2^-6) stay below a hundredth of the derivative.
TEST(AttentionGradients, FusedIsTheDerivativeOfItsOwnForwardPass) {
    constexpr float step = 0x1p-6F;
    for (const MaskKind mask : every_mask) {
        Case made({2, 2, 15, 18, 8, 8, 0}, {.mask = mask});
        const Results<float> gradients = run("fused", made, made.inputs.problem());
        std::vector<float>* tensors[] = {&made.inputs.q, &made.inputs.k, &made.inputs.v};
        const std::vector<float>* derivatives[] = {&gradients.dq, &gradients.dk, &gradients.dv};
        double expected = 0;
        std::vector<std::vector<float>> directions;
        for (int i = 0; i < 3; ++i) {
            directions.emplace_back(tensors[i]->size());
            base::RandomStream(seed + i, "direction").fill_uniform(directions.back(), -1, 1);
            for (std::size_t j = 0; j < directions[i].size(); ++j)
                expected += static_cast<double>(directions[i][j]) * static_cast<double>((*derivatives[i])[j]);
        }
        const auto loss_at = [&](float distance) {
            for (int i = 0; i < 3; ++i)
                for (std::size_t j = 0; j < directions[i].size(); ++j) (*tensors[i])[j] += distance * directions[i][j];
            const auto bound = make_attention_gradients("fused", made.inputs.problem(), made.dout.data(), made.dout_strides());
            bound->forward();
            std::vector<float> out(made.dout.size());
            bound->copy_output(out);
            for (int i = 0; i < 3; ++i)
                for (std::size_t j = 0; j < directions[i].size(); ++j) (*tensors[i])[j] -= distance * directions[i][j];
            double sum = 0;
            for (std::size_t j = 0; j < out.size(); ++j) sum += static_cast<double>(out[j]) * static_cast<double>(made.dout.at(j));
            return sum;
        };
        const double difference = (loss_at(step) - loss_at(-step)) / (2 * static_cast<double>(step));
        EXPECT_NEAR(difference, expected, 0.01 * std::abs(expected)) << "mask " << static_cast<int>(mask) << " seed " << seed;
    }
}

TEST(AttentionGradients, TakeAnExpandedGradientAndAnyLayout) {
    // The gradient of out.sum(): one number for all, every stride 0.
    Case bnhd({2, 3, 9, 11, 8, 8, 0}, {});
    Case bhnd({2, 3, 9, 11, 8, 8, 0}, {.layout = kernels::attention::Layout::bhnd});
    const base::Numbers one(base::Dtype::fp32, std::vector<float>{1.0F});
    const kernels::attention::Strides nowhere{0, 0, 0, 0};
    for (const std::string& name : attention_gradient_names()) {
        Results<float> results[] = {Results<float>(bnhd.inputs.shape), Results<float>(bnhd.inputs.shape)};
        const Inputs* inputs[] = {&bnhd.inputs, &bhnd.inputs};
        for (const int i : {0, 1}) {
            const auto gradients = make_attention_gradients(name, inputs[i]->problem(), one.data(), nowhere);
            gradients->forward();
            gradients->backward();
            gradients->copy_gradients(results[i].dq, results[i].dk, results[i].dv);
        }
        EXPECT_THAT(results[0].dv, testing::Pointwise(testing::FloatNear(1e-5F), results[1].dv)) << name;
        // Rows of P sum to 1, so the columns of dv sum to the number of queries.
        double sum = 0;
        for (std::size_t i = 0; i < results[0].dv.size(); i += 8) sum += static_cast<double>(results[0].dv[i]);
        EXPECT_NEAR(sum, 2 * 3 * 9, 1e-4) << name;
    }
}

TEST(AttentionGradients, FusedGivesTheSameBitsForAnyNumberOfThreads) {
    const Case made({2, 2, 130, 150, 16, 16, 0}, {.mask = MaskKind::causal});
    const Results<float> one = run("fused", made, made.inputs.problem(1));
    const Results<float> two = run("fused", made, made.inputs.problem(2));
    EXPECT_EQ(one.dq, two.dq);
    EXPECT_EQ(one.dk, two.dk);
    EXPECT_EQ(one.dv, two.dv);
}

TEST(AttentionGradients, SayWhatTheyCannotDo) {
    const Case made({1, 2, 4, 4, 8, 8, 0}, {.bias = true});
    EXPECT_THAT(why_no_gradients("fused", made.inputs.problem()), testing::HasSubstr("bias"));
    EXPECT_THROW(make_attention_gradients("sdpa", made.inputs.problem(), made.dout.data(), made.dout_strides()), base::Error);
    try {
        why_no_gradients("fussed", made.inputs.problem());
        FAIL() << "found it";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
        EXPECT_THAT(error.hint(), testing::HasSubstr("fused"));
    }
}

TEST(AttentionGradients, AreOrderedCalls) {
    const Case made({1, 1, 3, 3, 4, 4, 0}, {});
    const auto gradients = make_attention_gradients("fused", made.inputs.problem(), made.dout.data(), made.dout_strides());
    EXPECT_THROW(gradients->backward(), base::Error);
    gradients->forward();
    Results<float> results(made.inputs.shape);
    EXPECT_THROW(gradients->copy_gradients(results.dq, results.dk, results.dv), base::Error);
    gradients->backward();
    results.dq.pop_back();
    EXPECT_THROW(gradients->copy_gradients(results.dq, results.dk, results.dv), base::Error);
}

}  // namespace
}  // namespace plumb::nn
