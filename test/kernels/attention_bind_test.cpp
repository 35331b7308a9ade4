// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention/bind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"

namespace plumb::kernels::attention {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class AttentionBind : public ::testing::Test {
  protected:
    View view(std::int64_t batch, std::int64_t rows, std::int64_t heads, std::int64_t columns) const {
        return view_bnhd(numbers.data(), batch, rows, heads, columns);
    }
    template <class Call>
    static std::string complaint(const Call& call) {
        try {
            call();
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::usage);
            return error.what();
        }
        return "accepted";
    }
    std::vector<float> numbers = std::vector<float>(4096, 0.5f);
    std::vector<std::uint8_t> hidden = std::vector<std::uint8_t>(4096, 0);
};

TEST_F(AttentionBind, TakesWhatFits) {
    const Problem problem = bind(view(2, 5, 3, 8), view(2, 7, 3, 8), view(2, 7, 3, 4));
    EXPECT_EQ(problem.shape.queries, 5);
    EXPECT_EQ(problem.shape.keys, 7);
    EXPECT_EQ(problem.shape.value_dim, 4);
    std::vector<double> out(2 * 5 * 3 * 4);
    reference(problem, out);
    for (const double number : out) EXPECT_NEAR(number, 0.5, 1e-12);
}

TEST_F(AttentionBind, NamesBothShapesWhereTwoDoNotFit) {
    EXPECT_THAT(complaint([&] { bind(view(2, 5, 3, 8), view(2, 7, 4, 8), view(2, 7, 4, 8)); }),
                AllOf(HasSubstr("2x5x3x8"), HasSubstr("2x7x4x8"), HasSubstr("heads")));
    EXPECT_THAT(complaint([&] { bind(view(2, 5, 3, 8), view(1, 7, 3, 8), view(1, 7, 3, 8)); }),
                AllOf(HasSubstr("2x5x3x8"), HasSubstr("1x7x3x8"), HasSubstr("batches")));
    EXPECT_THAT(complaint([&] { bind(view(2, 5, 3, 8), view(2, 7, 3, 6), view(2, 7, 3, 8)); }),
                AllOf(HasSubstr("2x7x3x6"), HasSubstr("head dimensions")));
    EXPECT_THAT(complaint([&] { bind(view(2, 5, 3, 8), view(2, 7, 3, 8), view(2, 6, 3, 8)); }),
                AllOf(HasSubstr("2x7x3x8"), HasSubstr("2x6x3x8"), HasSubstr("keys")));
    EXPECT_THAT(complaint([&] { bind(view(2, 5, 3, 8), view(2, 7, 3, 8), view(2, 7, 1, 8)); }),
                AllOf(HasSubstr("2x7x1x8"), HasSubstr("heads")));
}

TEST_F(AttentionBind, TakesGroupedHeadsAndRepeatsABiasWhereItsSizeIsOne) {
    const Problem problem = bind(view(2, 5, 6, 8), view(2, 7, 3, 8), view(2, 7, 3, 4), {}, {}, 0, 1, view(1, 5, 1, 7));
    EXPECT_EQ(problem.shape.heads, 6);
    EXPECT_EQ(problem.shape.kv_heads(), 3);
    EXPECT_EQ(problem.bias.data, numbers.data());
    EXPECT_EQ(problem.bias.strides.batch, 0);
    EXPECT_EQ(problem.bias.strides.head, 0);
    EXPECT_EQ(problem.bias.strides.row, 7);
    EXPECT_EQ(problem.bias.strides.column, 1);
    EXPECT_THAT(complaint([&] { bind(view(2, 5, 6, 8), view(2, 7, 3, 8), view(2, 7, 3, 4), {}, {}, 0, 1, view(1, 5, 1, 6)); }),
                AllOf(HasSubstr("1x5x1x6"), HasSubstr("7 keys")));
    EXPECT_THAT(complaint([&] { bind(view(2, 5, 6, 8), view_bnhd(numbers.data(), 2, 7, 6, 8, base::Dtype::bf16), view(2, 7, 6, 4)); }),
                AllOf(HasSubstr("q holds fp32"), HasSubstr("k bf16")));
}

TEST_F(AttentionBind, NamesTheShapeOfAMaskAndTheOneItTakes) {
    const std::int64_t transposed[] = {2, 7, 5}, right[] = {2, 5, 7}, padding[] = {2, 7};
    const auto with = [&](MaskKind kind, std::span<const std::int64_t> sizes) {
        return complaint([&] { bind(view(2, 5, 3, 8), view(2, 7, 3, 8), view(2, 7, 3, 8), {kind, hidden.data()}, sizes); });
    };
    EXPECT_THAT(with(MaskKind::boolean, transposed), AllOf(HasSubstr("2x7x5"), HasSubstr("2x5x7")));
    EXPECT_THAT(with(MaskKind::key_padding, right), AllOf(HasSubstr("2x5x7"), HasSubstr("2x7")));
    EXPECT_THAT(with(MaskKind::boolean, {}), HasSubstr("nothing"));
    EXPECT_EQ(with(MaskKind::boolean, right), "accepted");
    EXPECT_EQ(with(MaskKind::key_padding, padding), "accepted");
    EXPECT_EQ(with(MaskKind::causal, {}), "accepted");
}

}  // namespace
}  // namespace plumb::kernels::attention
