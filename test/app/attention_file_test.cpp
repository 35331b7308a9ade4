// SPDX-License-Identifier: Apache-2.0
// A problem made by hand goes through the program and comes back as the definition says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "app/program.h"
#include "base/random.h"
#include "base/tensor_file.h"

namespace plumb {
namespace {

using base::ElementType;
using ::testing::HasSubstr;

constexpr std::int64_t heads = 3, queries = 6, keys = 9, head_dim = 5, value_dim = 4;

std::vector<float> normal(std::int64_t count, const std::string& purpose) {
    std::vector<float> numbers(static_cast<std::size_t>(count));
    base::RandomStream(23, purpose).fill_normal(numbers, 0, 1);
    return numbers;
}

struct Problem {
    std::vector<float> q = normal(heads * queries * head_dim, "q");
    std::vector<float> k = normal(heads * keys * head_dim, "k");
    std::vector<float> v = normal(heads * keys * value_dim, "v");

    void write(const std::filesystem::path& path) const {
        const base::TensorView tensors[] = {base::tensor_view<float>("q", ElementType::fp32, {1, heads, queries, head_dim}, q),
                                            base::tensor_view<float>("k", ElementType::fp32, {1, heads, keys, head_dim}, k),
                                            base::tensor_view<float>("v", ElementType::fp32, {1, heads, keys, value_dim}, v)};
        base::write_tensors(path, tensors);
    }
};

/// Causal attention with the last query seeing every key, in fp64: out H x N x E and log-sum-exp H x N.
std::pair<std::vector<double>, std::vector<double>> causal_attention(const Problem& p) {
    std::vector<double> out, lse;
    for (std::int64_t h = 0; h < heads; ++h) {
        for (std::int64_t n = 0; n < queries; ++n) {
            double sum = 0;
            std::vector<double> weighted(value_dim);
            for (std::int64_t m = 0; m <= n + keys - queries; ++m) {
                double score = 0;
                for (std::int64_t d = 0; d < head_dim; ++d) {
                    score += static_cast<double>(p.q[static_cast<std::size_t>((h * queries + n) * head_dim + d)]) *
                             static_cast<double>(p.k[static_cast<std::size_t>((h * keys + m) * head_dim + d)]);
                }
                const double weight = std::exp(score / std::sqrt(static_cast<double>(head_dim)));
                sum += weight;
                for (std::int64_t e = 0; e < value_dim; ++e)
                    weighted[static_cast<std::size_t>(e)] +=
                        weight * static_cast<double>(p.v[static_cast<std::size_t>((h * keys + m) * value_dim + e)]);
            }
            for (const double number : weighted) out.push_back(number / sum);
            lse.push_back(std::log(sum));
        }
    }
    return {out, lse};
}

void expect_close(const std::vector<float>& got, const std::vector<double>& expected) {
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(static_cast<double>(got[i]), expected[i], 2e-6) << i;
}

TEST(AttentionThroughFiles, ComesBackAsTheDefinitionSays) {
    const test::Workplace place;
    const Problem problem;
    const auto [out, lse] = causal_attention(problem);
    for (const std::string extension : {"npz", "safetensors"}) {
        problem.write(place.path() / ("in." + extension));
        const auto outcome = place.shell("plumb run family:attention impl=fused input=in." + extension + " output={impl}." + extension +
                                         " layout=bhnd mask=causal --max-time 0.01s");
        ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
        const base::TensorFile result(place.path() / ("fused." + extension));
        EXPECT_EQ(result.at("out").shape, (std::vector<std::int64_t>{1, heads, queries, value_dim}));
        expect_close(result.read("out").to_fp32(), out);
        expect_close(result.read("lse").to_fp32(), lse);
    }
}

TEST(AttentionThroughFiles, SaysWhatIsWrongWithAFileAndThatOneIsAbsent) {
    const test::Workplace place;
    Problem problem;
    problem.write(place.path() / "in.npz");
    const auto contradicted = place.shell("plumb run family:attention input=in.npz layout=bhnd queries=7");
    EXPECT_EQ(contradicted.exit_code, 2);
    EXPECT_THAT(contradicted.err, HasSubstr("in.npz has queries=6, but queries=7 was asked for"));
    const auto absent = place.shell("plumb run family:attention input=no.npz");
    EXPECT_EQ(absent.exit_code, 4);
    EXPECT_THAT(absent.err, HasSubstr("no.npz"));
}

}  // namespace
}  // namespace plumb
