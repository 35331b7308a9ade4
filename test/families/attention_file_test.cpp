// SPDX-License-Identifier: Apache-2.0
// Problems from files and results into files, against references computed here from the same numbers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/digest.h"
#include "base/error.h"
#include "base/random.h"
#include "base/tensor_file.h"
#include "families/attention/declarations.h"
#include "families/attention/family.h"
#include "families/attention/problem_file.h"
#include "families/attention/request.h"
#include "lab/trial.h"
#include "temporary_folder.h"

namespace plumb::families::attention {
namespace {

using base::ElementType;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr std::uint64_t seed = 17;

std::vector<float> normal(std::int64_t count, const std::string& purpose) {
    std::vector<float> numbers(static_cast<std::size_t>(count));
    base::RandomStream(seed, purpose).fill_normal(numbers, 0, 1);
    return numbers;
}

/// B 2, N 5, M 7, H 4, G 2, D 3, E 6 in the layout bnhd.
struct Arrays {
    std::vector<float> q = normal(2 * 5 * 4 * 3, "q");
    std::vector<float> k = normal(2 * 7 * 2 * 3, "k");
    std::vector<float> v = normal(2 * 7 * 2 * 6, "v");
    std::vector<float> bias = normal(4 * 5, "bias");  ///< 1 x H x N x 1
    std::vector<std::uint8_t> mask = std::vector<std::uint8_t>(2 * 5 * 7);

    Arrays() {
        for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = static_cast<std::uint8_t>(base::RandomStream(seed, "mask").below(i, 2));
        std::fill_n(mask.begin() + 7, 7, std::uint8_t{1});  // record 0, query 1 sees nothing
    }
};

struct Expected {
    std::vector<double> out_BNHE, lse_BHN;
};

/// softmax(q k^T / sqrt(D) + bias) v in fp64, straight from the definition.
Expected attention(const Arrays& a, bool masked, bool biased) {
    Expected expected{std::vector<double>(2 * 5 * 4 * 6), std::vector<double>(2 * 4 * 5)};
    for (int b = 0; b < 2; ++b)
        for (int h = 0; h < 4; ++h)
            for (int n = 0; n < 5; ++n) {
                const int g = h / 2;
                double sum = 0;
                std::vector<double> out(6);
                for (int m = 0; m < 7; ++m) {
                    if (masked && a.mask[(b * 5 + n) * 7 + m]) continue;
                    double score = 0;
                    for (int d = 0; d < 3; ++d)
                        score += static_cast<double>(a.q[((b * 5 + n) * 4 + h) * 3 + d]) *
                                 static_cast<double>(a.k[((b * 7 + m) * 2 + g) * 3 + d]);
                    score = score / std::sqrt(3.0) + (biased ? static_cast<double>(a.bias[h * 5 + n]) : 0);
                    sum += std::exp(score);
                    for (int e = 0; e < 6; ++e) out[e] += std::exp(score) * static_cast<double>(a.v[((b * 7 + m) * 2 + g) * 6 + e]);
                }
                for (int e = 0; e < 6; ++e) expected.out_BNHE[((b * 5 + n) * 4 + h) * 6 + e] = sum > 0 ? out[e] / sum : 0;
                expected.lse_BHN[(b * 4 + h) * 5 + n] = std::log(sum);
            }
    return expected;
}

/// Rows and heads of B x rows x heads x columns change places.
template <class T>
std::vector<T> swapped(const std::vector<T>& numbers, int batch, int rows, int heads, int columns) {
    std::vector<T> result;
    for (int b = 0; b < batch; ++b)
        for (int h = 0; h < heads; ++h)
            for (int r = 0; r < rows; ++r)
                for (int c = 0; c < columns; ++c) result.push_back(numbers[((b * rows + r) * heads + h) * columns + c]);
    return result;
}

class AttentionFiles : public ::testing::Test {
  protected:
    fs::path path(const std::string& name) const { return folder_.path() / name; }

    fs::path write(const std::string& name, const Arrays& a, bool masked, bool biased) const {
        std::vector<base::TensorView> tensors = {base::tensor_view<float>("q", ElementType::fp32, {2, 5, 4, 3}, a.q),
                                                 base::tensor_view<float>("k", ElementType::fp32, {2, 7, 2, 3}, a.k),
                                                 base::tensor_view<float>("v", ElementType::fp32, {2, 7, 2, 6}, a.v)};
        if (masked) tensors.push_back(base::tensor_view<std::uint8_t>("mask", ElementType::boolean, {2, 5, 7}, a.mask));
        if (biased) tensors.push_back(base::tensor_view<float>("bias", ElementType::fp32, {1, 4, 5, 1}, a.bias));
        base::write_tensors(path(name), tensors);
        return path(name);
    }

    /// Prepares, verifies and so writes the output; the checks.
    std::vector<lab::Check> run(const lab::Settings& given) const {
        const auto family = make_family();
        lab::Point point{family->name(), family->version(), family->resolve(family->schema().complete(given)), {}, 0, 0};
        point.inputs = family->inputs(point.settings);
        return family->prepare(point, {})->verify();
    }
    std::string complaint(const lab::Settings& given) const {
        try {
            run(given);
        } catch (const base::Error& error) {
            return std::string(error.what()) + " | " + error.hint();
        }
        return "";
    }

  private:
    test::TemporaryFolder folder_;
};

void expect_close(std::span<const float> got, const std::vector<double>& expected, double bound) {
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
        if (std::isinf(expected[i])) {
            EXPECT_EQ(static_cast<double>(got[i]), expected[i]) << i;
        } else {
            EXPECT_NEAR(static_cast<double>(got[i]), expected[i], bound) << i;
        }
    }
}

TEST_F(AttentionFiles, WriteWhatTheDefinitionGivesForWhatTheyRead) {
    const Arrays arrays;
    for (const std::string extension : {".safetensors", ".npz"}) {
        for (const bool masked : {false, true}) {
            for (const bool biased : {false, true}) {
                const fs::path input = write("in" + extension, arrays, masked, biased);
                const Expected expected = attention(arrays, masked, biased);
                for (const char* const impl : {"fused", "reference", "plain"}) {
                    const auto checks =
                        run({{"impl", std::string(impl)}, {"input", input.string()}, {"output", path("out" + extension).string()}});
                    for (const lab::Check& check : checks) EXPECT_EQ(check.status, lab::CheckStatus::passed) << impl << " " << check.name;
                    const base::TensorFile written(path("out" + extension));
                    EXPECT_EQ(written.at("out"), (base::TensorInfo{"out", ElementType::fp32, {2, 5, 4, 6}}));
                    EXPECT_EQ(written.at("lse"), (base::TensorInfo{"lse", ElementType::fp32, {2, 4, 5}}));
                    expect_close(written.read("out").as<float>(), expected.out_BNHE, 2e-6);
                    expect_close(written.read("lse").as<float>(), expected.lse_BHN, 2e-6);
                }
            }
        }
    }
}

TEST_F(AttentionFiles, TakeTheirLayoutFromASetting) {
    const Arrays a;
    const auto q = swapped(a.q, 2, 5, 4, 3), k = swapped(a.k, 2, 7, 2, 3), v = swapped(a.v, 2, 7, 2, 6);
    const base::TensorView tensors[] = {base::tensor_view<float>("q", ElementType::fp32, {2, 4, 5, 3}, q),
                                        base::tensor_view<float>("k", ElementType::fp32, {2, 2, 7, 3}, k),
                                        base::tensor_view<float>("v", ElementType::fp32, {2, 2, 7, 6}, v)};
    base::write_tensors(path("in.npz"), tensors);
    run({{"input", path("in.npz").string()}, {"layout", std::string("bhnd")}, {"output", path("out-{impl}.npz").string()}});
    const base::TensorFile written(path("out-fused.npz"));
    EXPECT_EQ(written.at("out"), (base::TensorInfo{"out", ElementType::fp32, {2, 4, 5, 6}}));
    const std::vector<double> expected = swapped(attention(a, false, false).out_BNHE, 2, 5, 4, 6);
    expect_close(written.read("out").as<float>(), expected, 2e-6);
}

TEST_F(AttentionFiles, Hold16BitNumbers) {
    for (const base::Dtype dtype : {base::Dtype::bf16, base::Dtype::fp16}) {
        Arrays a;
        for (auto* numbers : {&a.q, &a.k, &a.v})
            for (float& number : *numbers) number = base::round_to(dtype, number);
        const base::Numbers q(dtype, a.q), k(dtype, a.k), v(dtype, a.v);
        const ElementType type = base::element_type_of(dtype);
        const base::TensorView tensors[] = {
            {{"q", type, {2, 5, 4, 3}}, q.bytes()}, {{"k", type, {2, 7, 2, 3}}, k.bytes()}, {{"v", type, {2, 7, 2, 6}}, v.bytes()}};
        base::write_tensors(path("in.safetensors"), tensors);
        run({{"input", path("in.safetensors").string()}, {"output", path("out.safetensors").string()}});
        const base::TensorFile written(path("out.safetensors"));
        EXPECT_EQ(written.at("out").type, type);
        EXPECT_EQ(written.metadata().at("implementation"), "fused");
        // Outputs stay below 4: half a unit there is 2 rounding units of 1.
        expect_close(written.read("out").to_fp32(), attention(a, false, false).out_BNHE, 4 * base::rounding_unit(dtype));
        expect_close(written.read("lse").as<float>(), attention(a, false, false).lse_BHN, 2e-6);
    }
    EXPECT_THAT(complaint({{"input", path("in.safetensors").string()}, {"output", path("out.npz").string()}}), "")
        << "fp16, which npz holds";
}

TEST_F(AttentionFiles, PutWhatTheySayIntoTheSettings) {
    const fs::path input = write("in.npz", Arrays(), true, true);
    const lab::Settings resolved = resolve(schema().complete({{"input", input.string()}}));
    const auto value = [&](const char* name) { return lab::format(*lab::find(resolved, name)); };
    EXPECT_EQ(value("batch") + " " + value("queries") + " " + value("keys"), "2 5 7");
    EXPECT_EQ(value("heads") + " " + value("key_heads") + " " + value("head_dim") + " " + value("value_dim"), "4 2 3 6");
    EXPECT_EQ(value("mask") + " " + value("bias") + " " + value("dtype") + " " + value("tries"), "boolean true fp32 1");
    EXPECT_THAT(complaint({{"input", input.string()}, {"queries", std::int64_t{6}}}), HasSubstr("queries=5, but queries=6 was asked for"));
    EXPECT_THAT(complaint({{"input", input.string()}, {"mask", std::string("causal")}}), HasSubstr("mask=boolean, but mask=causal"));
    EXPECT_THAT(complaint({{"input", input.string()}, {"dtype", std::string("bf16")}}), HasSubstr("dtype=fp32"));
    EXPECT_THAT(complaint({{"input", write("n.npz", Arrays(), false, false).string()}, {"mask", std::string("boolean")}}),
                HasSubstr("has no tensor 'mask'"));
}

TEST_F(AttentionFiles, AreTakenByTheirDigest) {
    const auto family = make_family();
    Arrays arrays;
    const fs::path input = write("in.npz", arrays, false, false);
    lab::Point point{family->name(), family->version(), family->resolve(family->schema().complete({{"input", input.string()}})), {}, 0, 0};
    point.inputs = family->inputs(point.settings);
    EXPECT_EQ(point.inputs.at(input.string()), base::file_xxh3_hex(input));
    const std::string before = point.hash();
    arrays.q[0] += 1;
    write("in.npz", arrays, false, false);
    EXPECT_THROW(family->prepare(point, {}), base::Error) << "the file changed since the point was made";
    point.inputs = family->inputs(point.settings);
    EXPECT_NE(point.hash(), before);
    EXPECT_NO_THROW(family->prepare(point, {}));
}

TEST_F(AttentionFiles, NameWhatDoesNotFit) {
    const Arrays a;
    const auto with = [&](const char* name, ElementType type, std::vector<std::int64_t> shape) {
        std::int64_t count = base::size_of(type);
        for (const std::int64_t size : shape) count *= size;
        const std::vector<std::uint8_t> zeros(static_cast<std::size_t>(count));
        std::vector<base::TensorView> tensors = {base::tensor_view<float>("q", ElementType::fp32, {2, 5, 4, 3}, a.q),
                                                 base::tensor_view<float>("k", ElementType::fp32, {2, 7, 2, 3}, a.k),
                                                 base::tensor_view<float>("v", ElementType::fp32, {2, 7, 2, 6}, a.v)};
        std::erase_if(tensors, [&](const base::TensorView& tensor) { return tensor.info.name == name; });
        tensors.push_back({{name, type, std::move(shape)}, std::as_bytes(std::span(zeros))});
        base::write_tensors(path("in.safetensors"), tensors);
        return complaint({{"input", path("in.safetensors").string()}});
    };
    EXPECT_THAT(with("k", ElementType::fp32, {2, 8, 2, 3}), AllOf(HasSubstr("k is 2x8x2x3 and v is 2x7x2x6"), HasSubstr("in.safetensors")));
    EXPECT_THAT(with("q", ElementType::fp32, {2, 5, 4, 5}), HasSubstr("q is 2x5x4x5 and k is 2x7x2x3"));
    EXPECT_THAT(with("q", ElementType::fp32, {2, 5, 12}), HasSubstr("tensor 'q' is fp32 [2, 5, 12] | expected batch x rows x heads"));
    EXPECT_THAT(with("q", ElementType::fp64, {2, 5, 4, 3}), HasSubstr("tensor 'q' is fp64 [2, 5, 4, 3] | expected fp32, fp16 or bf16"));
    EXPECT_THAT(with("v", ElementType::bf16, {2, 7, 2, 6}), HasSubstr("k holds fp32 and v bf16"));
    EXPECT_THAT(with("q", ElementType::fp32, {2, 5, 3, 3}), HasSubstr("q is 2x5x3x3 and k is 2x7x2x3"));
    EXPECT_THAT(with("mask", ElementType::boolean, {2, 5, 8}), HasSubstr("the mask is 2x5x8, but"));
    EXPECT_THAT(with("mask", ElementType::fp32, {2, 5, 7}), HasSubstr("expected bool or u8"));
    EXPECT_THAT(with("bias", ElementType::fp32, {2, 4, 5, 8}), HasSubstr("the bias is 2x5x4x8"));
    EXPECT_THAT(with("bias", ElementType::i32, {2, 4, 5, 7}), HasSubstr("tensor 'bias'"));
    base::write_tensors(path("none.npz"), {});
    EXPECT_THAT(complaint({{"input", path("none.npz").string()}}), HasSubstr("has no tensor 'q'"));
}

TEST_F(AttentionFiles, GiveLibTorchsOutputWithoutLogSums) {
    const fs::path input = write("in.npz", Arrays(), false, false);
    const std::string reason = complaint({{"impl", std::string("sdpa")}, {"input", input.string()}, {"output", path("out.npz").string()}});
    if (!reason.empty()) GTEST_SKIP() << reason;
    const base::TensorFile written(path("out.npz"));
    EXPECT_FALSE(written.contains("lse"));
    expect_close(written.read("out").as<float>(), attention(Arrays(), false, false).out_BNHE, 2e-6);
}

}  // namespace
}  // namespace plumb::families::attention
