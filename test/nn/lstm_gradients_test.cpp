// SPDX-License-Identifier: Apache-2.0
// The LSTM layer through LibTorch's autograd: plumb's function against LibTorch's own, both against fp64.
#include "nn/lstm_gradients.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/attention/error_norm.h"
#include "kernels/lstm_case.h"

namespace plumb::nn {
namespace {

using kernels::attention::error_bound;
using kernels::attention::largest_error;
using kernels::attention::largest_finite;
using kernels::lstm::Layer;
using kernels::lstm::PlainResult;
using kernels::lstm::Shape;
using test::LstmCase;

constexpr std::uint64_t seed = 41;

PlainResult<float> run(const std::string& name, const LstmProblem& problem) {
    const auto gradients = make_lstm_gradients(name, problem);
    gradients->forward();
    gradients->backward();
    return gradients->results();
}

/// The problem of a case, with its table and ids where it has them. What the kernel computes for distinct rows is spread over the table.
struct Posed {
    Posed(const LstmCase& made, bool biases = true, bool states = true) {
        problem.layer = made.layer();
        problem.upstream = made.upstream();
        if (!biases) problem.layer.weights.b_ih_G = problem.layer.weights.b_hh_G = nullptr;
        if (!states) problem.layer.h0_BH = problem.layer.c0_BH = nullptr;
        exact = plain<double>(problem.layer, problem.upstream);
        if (!biases) exact.db_G.clear();
        if (!states) exact.dh0_BH.clear();
        if (!states) exact.dc0_BH.clear();
        if (made.ids.empty()) return;
        const std::int64_t columns = made.shape.input;
        std::vector<double> table(made.x.size());
        for (std::size_t r = 0; r < made.distinct.stored.size(); ++r)
            std::copy_n(exact.drows_RI.begin() + static_cast<std::ptrdiff_t>(r) * columns, columns,
                        table.begin() + made.distinct.stored[r] * columns);
        exact.drows_RI = table;
        problem.ids_BT = made.ids.data();
        problem.layer.input = {.data = made.x.data(), .rows = static_cast<std::int64_t>(made.x.size()) / columns};
    }

    LstmProblem problem;
    PlainResult<double> exact;
};

/// Over several draws, so that neither is judged by its luck: at most twice LibTorch's error and the rounding of the result, and LibTorch
/// itself right to a hundred units.
template <class Draw>
void expect_as_good_as_libtorch(const Draw& draw, const std::string& what) {
    std::vector<double> ours(9), libtorchs(9), largest(9);
    std::vector<const char*> names(9);
    for (std::uint64_t n = 0; n < 4; ++n) {
        const LstmCase made = draw(seed + n);
        const Posed posed(made);
        const PlainResult<float> plumb = run("plumb", posed.problem);
        const PlainResult<float> libtorch = run("libtorch", posed.problem);
        for (std::size_t i = 0; i < names.size(); ++i) {
            const std::vector<double>& numbers = *test::all_of(posed.exact)[i].numbers;
            names[i] = test::all_of(posed.exact)[i].name;
            ASSERT_EQ(test::all_of(plumb)[i].numbers->size(), numbers.size()) << names[i];
            ours[i] += largest_error(numbers, *test::all_of(plumb)[i].numbers);
            libtorchs[i] += largest_error(numbers, *test::all_of(libtorch)[i].numbers);
            largest[i] += largest_finite(numbers);
        }
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
        EXPECT_LE(libtorchs[i], 100 * 0x1p-24 * largest[i]) << names[i] << " " << what << " seed " << seed;
        EXPECT_LE(ours[i], error_bound(libtorchs[i], largest[i], base::Dtype::fp32)) << names[i] << " " << what << " seed " << seed;
    }
}

TEST(LstmGradients, PlumbIsAsGoodAsLibTorch) {
    for (const Shape& shape : {Shape{1, 1, 3, 2}, Shape{4, 12, 20, 33}, Shape{16, 10, 48, 64}}) {
        expect_as_good_as_libtorch([&](std::uint64_t draw) { return LstmCase(shape, draw); }, "H " + std::to_string(shape.hidden));
    }
}

TEST(LstmGradients, PlumbIsAsGoodAsLibTorchOnIdsOfATable) {
    expect_as_good_as_libtorch([](std::uint64_t draw) { return LstmCase({4, 12, 20, 33}, draw, 1, 15); }, "by ids");
}

/// To a hundred units of the largest number, ten times what the test above finds.
TEST(LstmGradients, BothAgreeWithoutBiasesAndWithoutFirstStates) {
    const LstmCase made({3, 5, 8, 20}, seed);
    for (const bool biases : {true, false}) {
        for (const bool states : {true, false}) {
            const Posed posed(made, biases, states);
            for (const std::string& name : lstm_gradient_names()) {
                const PlainResult<float> got = run(name, posed.problem);
                for (std::size_t i = 0; i < test::all_of(got).size(); ++i) {
                    const std::vector<double>& numbers = *test::all_of(posed.exact)[i].numbers;
                    ASSERT_EQ(test::all_of(got)[i].numbers->size(), numbers.size()) << name << " " << test::all_of(got)[i].name;
                    EXPECT_LE(largest_error(numbers, *test::all_of(got)[i].numbers), 100 * 0x1p-24 * largest_finite(numbers))
                        << name << " " << test::all_of(got)[i].name;
                }
            }
        }
    }
}

TEST(LstmGradients, BothAgreeWhereTheLossReadsOneOutputAlone) {
    const LstmCase made({3, 5, 8, 20}, seed);
    const kernels::lstm::Upstream all = made.upstream();
    for (const kernels::lstm::Upstream& one :
         {kernels::lstm::Upstream{all.h_BTH, nullptr, nullptr}, {nullptr, all.h_last_BH, nullptr}, {nullptr, nullptr, all.c_last_BH}}) {
        Posed posed(made);
        posed.problem.upstream = one;
        const auto exact = plain<double>(posed.problem.layer, one);
        for (const std::string& name : lstm_gradient_names()) {
            const PlainResult<float> got = run(name, posed.problem);
            EXPECT_LE(largest_error(exact.drows_RI, got.drows_RI), 100 * 0x1p-24 * largest_finite(exact.drows_RI)) << name;
            EXPECT_LE(largest_error(exact.dw_hh_GH, got.dw_hh_GH), 100 * 0x1p-24 * largest_finite(exact.dw_hh_GH)) << name;
        }
    }
}

TEST(LstmGradients, ATableThatDoesNotLearnHasNoGradientAndChangesNoOther) {
    const LstmCase made({3, 5, 8, 20}, seed, 1, 6);
    Posed posed(made);
    for (const std::string& name : lstm_gradient_names()) {
        const PlainResult<float> all = run(name, posed.problem);
        posed.problem.rows_wanted = false;
        const PlainResult<float> without = run(name, posed.problem);
        posed.problem.rows_wanted = true;
        EXPECT_TRUE(without.drows_RI.empty()) << name;
        EXPECT_EQ(without.dw_ih_GI, all.dw_ih_GI) << name;
        EXPECT_EQ(without.dc0_BH, all.dc0_BH) << name;
    }
}

TEST(LstmGradients, BackwardMayRunTwice) {
    const LstmCase made({3, 5, 8, 20}, seed);
    const auto gradients = make_lstm_gradients("plumb", Posed(made).problem);
    gradients->forward();
    gradients->backward();
    const std::vector<float> first = gradients->results().dw_ih_GI;
    gradients->backward();
    EXPECT_EQ(gradients->results().dw_ih_GI, first);
}

TEST(LstmGradients, SaysWhatDoesNotFit) {
    const LstmCase made({2, 3, 4, 5}, seed, 1, 6);
    const auto expect_usage = [](const auto& action, const char* part) {
        try {
            action();
            FAIL() << "accepted: " << part;
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::usage);
            EXPECT_THAT(error.what(), testing::HasSubstr(part));
        }
    };
    expect_usage([] { make_lstm_gradients("plump", {}); }, "plump");
    const std::vector<std::int64_t> beyond = {0, 1, 2, 3, 6, 0};
    Posed posed(made);
    posed.problem.ids_BT = beyond.data();
    expect_usage([&] { make_lstm_gradients("plumb", posed.problem)->forward(); }, "id 6 at position 4");
}

}  // namespace
}  // namespace plumb::nn
