// SPDX-License-Identifier: Apache-2.0
// Matrix products against sums in fp64, on every instruction set and every way to read an operand.
#include "kernels/gemm/gemm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "kernels/isa_guard.h"

namespace plumb::kernels::gemm {
namespace {

constexpr std::uint64_t seed = 23;

std::vector<float> draw(std::int64_t count, const char* purpose) {
    std::vector<float> numbers(static_cast<std::size_t>(count));
    base::RandomStream(seed, purpose).fill_uniform(numbers, -1, 1);
    return numbers;
}

/// Which of the stored rows row r is, with gaps and out of order.
std::vector<std::int64_t> shuffled_rows(std::int64_t count) {
    std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
    for (std::int64_t r = 0; r < count; ++r) rows[static_cast<std::size_t>(r)] = 2 * (count - 1 - r) + 1;
    return rows;
}

/// One product with the memory it borrows. Rows of everything are a few numbers longer than they need to be.
struct Case {
    Case(std::int64_t m, std::int64_t n, std::int64_t k, bool a_transposed = false, bool b_transposed = false, bool by_index = false) {
        product.m = m;
        product.n = n;
        product.k = k;
        prepare(product.a, a_transposed, a_transposed ? k : m, a_transposed ? m : k, by_index, a, a_rows, "a");
        prepare(product.b, b_transposed, b_transposed ? n : k, b_transposed ? k : n, by_index, b, b_rows, "b");
        product.c_stride = n + 2;
        c = draw(m * product.c_stride, "c");
        product.c_MN = c.data();
    }

    static void prepare(Operand& operand, bool transposed, std::int64_t rows, std::int64_t columns, bool by_index,
                        std::vector<float>& numbers, std::vector<std::int64_t>& index, const char* purpose) {
        operand.stride = columns + 3;
        operand.transposed = transposed;
        numbers = draw(2 * rows * operand.stride, purpose);
        operand.data = numbers.data();
        if (!by_index) return;
        index = shuffled_rows(rows);
        operand.rows = index.data();
    }

    static float number(const Operand& operand, std::int64_t row, std::int64_t column) {
        if (operand.transposed) std::swap(row, column);
        return operand.data[(operand.rows == nullptr ? row : operand.rows[row]) * operand.stride + column];
    }

    float& result(std::int64_t i, std::int64_t j) { return c[static_cast<std::size_t>(i * product.c_stride + j)]; }

    Product product;
    std::vector<float> a, b, c;
    std::vector<std::int64_t> a_rows, b_rows;
};

/// Each of the k products is rounded into a sum that is no larger than the sum of magnitudes, and so is each block that is added to C.
/// `every`: looks at one column in so many.
void expect_right(Case& made, const std::string& what, std::int64_t every = 1) {
    const std::vector<float> before = made.c;
    const Product& p = made.product;
    multiply(p);
    const double roundings = static_cast<double>(p.k + p.k / longest_sum + 2) * 0x1p-24;
    for (std::int64_t i = 0; i < p.m; ++i) {
        for (std::int64_t j = 0; j < p.c_stride; j += every) {
            const float was = before[static_cast<std::size_t>(i * p.c_stride + j)];
            if (j >= p.n) {
                ASSERT_EQ(made.result(i, j), was) << what << ": wrote beyond row " << i;
                continue;
            }
            double sum = p.accumulate ? was : 0;
            double magnitude = std::abs(sum);
            for (std::int64_t s = 0; s < p.k; ++s) {
                const double term = static_cast<double>(Case::number(p.a, i, s)) * Case::number(p.b, s, j);
                sum += term;
                magnitude += std::abs(term);
            }
            ASSERT_NEAR(made.result(i, j), sum, roundings * magnitude) << what << " at " << i << ", " << j << " seed " << seed;
        }
    }
}

class Gemm : public testing::TestWithParam<Isa> {};

TEST_P(Gemm, MatchesTheDefinitionOnEveryShapeAndLayout) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const test::ForcedIsa isa(GetParam());
    const std::int64_t shapes[][3] = {{1, 1, 1}, {1, 50, 7}, {50, 1, 7}, {6, 16, 256}, {7, 17, 257}, {13, 97, 40}, {150, 33, 520}};
    for (const auto& [m, n, k] : shapes) {
        for (int form = 0; form < 8; ++form) {
            Case made(m, n, k, (form & 1) != 0, (form & 2) != 0, (form & 4) != 0);
            made.product.accumulate = form % 3 == 0;
            expect_right(made, std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k) + " form " + std::to_string(form));
        }
    }
}

TEST_P(Gemm, MatchesItWhereBHasSeveralBlocksEachWay) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const test::ForcedIsa isa(GetParam());
    Case made(2, 1900, 4200);
    made.product.threads = 2;
    expect_right(made, "several blocks", 7);
}

TEST_P(Gemm, GivesTheSameBitsForAnyNumberOfThreadsAndAnyNeighbours) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const test::ForcedIsa isa(GetParam());
    Case made(200, 130, 300);
    multiply(made.product);
    const std::vector<float> expected = made.c;
    for (const int threads : {2, 3}) {
        made.c.assign(made.c.size(), std::nanf(""));
        made.product.threads = threads;
        multiply(made.product);
        for (std::int64_t i = 0; i < 200; ++i) {
            for (std::int64_t j = 0; j < 130; ++j)
                ASSERT_EQ(made.result(i, j), expected[static_cast<std::size_t>(i * made.product.c_stride + j)]) << threads;
        }
    }
    Product one = made.product;
    one.m = 1;
    one.a.data += 77 * one.a.stride;
    std::vector<float> row(130);
    one.c_MN = row.data();
    multiply(one);
    for (std::int64_t j = 0; j < 130; ++j) {
        ASSERT_EQ(row[static_cast<std::size_t>(j)], expected[static_cast<std::size_t>(77 * made.product.c_stride + j)]);
    }
}

TEST_P(Gemm, KeepsNanAndInfInTheirRow) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const test::ForcedIsa isa(GetParam());
    Case made(9, 20, 30);
    made.a[static_cast<std::size_t>(3 * made.product.a.stride + 5)] = std::nanf("");
    made.a[static_cast<std::size_t>(5 * made.product.a.stride)] = std::numeric_limits<float>::infinity();
    multiply(made.product);
    for (std::int64_t i = 0; i < 9; ++i) {
        for (std::int64_t j = 0; j < 20; ++j) {
            EXPECT_EQ(std::isnan(made.result(i, j)), i == 3) << i;
            EXPECT_EQ(std::isinf(made.result(i, j)), i == 5) << i;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Gemm, testing::ValuesIn(test::all_isas),
                         [](const testing::TestParamInfo<Isa>& isa) { return std::string(name(isa.param)); });

TEST(GemmBounds, ASumOfNothingIsZeroOrWhatWasThere) {
    Case made(3, 4, 0);
    const float there = made.result(1, 2);
    made.product.accumulate = true;
    multiply(made.product);
    EXPECT_EQ(made.result(1, 2), there);
    made.product.accumulate = false;
    multiply(made.product);
    EXPECT_EQ(made.result(1, 2), 0);
}

void expect_refused(const Product& product, const char* part) {
    try {
        multiply(product);
        FAIL() << "accepted: " << part;
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
        EXPECT_THAT(error.what(), testing::HasSubstr(part));
    }
}

TEST(GemmBounds, RefusesWhatCannotBeAProduct) {
    Product product = Case(2, 3, 4).product;
    product.threads = 0;
    expect_refused(product, "threads is 0");
    product = Case(2, 3, 4).product;
    product.m = -1;
    expect_refused(product, "-1");
    product = Case(2, 3, 4).product;
    product.b.data = nullptr;
    expect_refused(product, "B is a null pointer");
    product = Case(2, 3, 4).product;
    product.c_stride = 2;
    expect_refused(product, "rows of C are 2 numbers apart and 3 long");
}

}  // namespace
}  // namespace plumb::kernels::gemm
