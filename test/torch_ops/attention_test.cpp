// SPDX-License-Identifier: Apache-2.0
// torch.ops.plumb.attention through the dispatcher: outputs and gradients against LibTorch's scaled_dot_product_attention in fp64, for
// every form of mask that it takes, and what it says to wrong arguments. Legend: B batch, H heads, G key heads, N queries, M keys, D
// head_dim, E value_dim.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace plumb {
namespace {

using at::Tensor;
using testing::HasSubstr;
using ThreeTensors = std::tuple<Tensor, Tensor, Tensor>;

constexpr std::int64_t seed = 47;
constexpr double infinity = std::numeric_limits<double>::infinity();

/// What one call takes.
struct Call {
    Tensor q;
    Tensor k;
    Tensor v;
    std::optional<Tensor> mask = std::nullopt;
    bool causal = false;
    std::optional<double> scale = std::nullopt;
    std::string protect = "none";
};

ThreeTensors attention(const Call& c) {
    using Function = ThreeTensors(const Tensor&, const Tensor&, const Tensor&, const std::optional<Tensor>&, bool, std::optional<double>,
                                  std::string_view);
    static const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("plumb::attention", "").typed<Function>();
    return op.call(c.q, c.k, c.v, c.mask, c.causal, c.scale, c.protect);
}

struct Sizes {
    std::int64_t batch = 2;
    std::int64_t heads = 4;
    std::int64_t key_heads = 4;
    std::int64_t queries = 19;
    std::int64_t keys = 27;
    std::int64_t head_dim = 16;
    std::int64_t value_dim = 24;
};

Call make_call(const Sizes& s, at::ScalarType type = at::kFloat) {
    at::manual_seed(seed);
    return {.q = at::randn({s.batch, s.heads, s.queries, s.head_dim}).to(type),
            .k = at::randn({s.batch, s.key_heads, s.keys, s.head_dim}).to(type),
            .v = at::randn({s.batch, s.key_heads, s.keys, s.value_dim}).to(type)};
}

Tensor as_double(const Tensor& x) {
    return x.detach().to(at::kDouble);
}

/// The scores in fp64, -inf where they are hidden.
Tensor exact_scores(const Call& c, const Tensor& q, const Tensor& k) {
    Tensor scores = at::matmul(q, k.transpose(-2, -1)) * c.scale.value_or(1 / std::sqrt(static_cast<double>(q.size(3))));
    if (c.mask.has_value())
        scores = c.mask->scalar_type() == at::kBool ? scores.masked_fill(c.mask->logical_not(), -infinity) : scores + as_double(*c.mask);
    if (c.causal) scores = scores.masked_fill(at::ones({q.size(2), k.size(2)}, at::kBool).tril().logical_not(), -infinity);
    return scores;
}

/// LibTorch's attention in fp64. It wants the heads repeated, no mask beside causality, and its masks in the type of q with all axes.
Tensor exact(const Call& c, const Tensor& q, const Tensor& k, const Tensor& v) {
    const std::int64_t group = q.size(1) / k.size(1);
    std::optional<Tensor> mask;
    if (c.mask.has_value()) mask = c.mask->expand({q.size(0), q.size(1), q.size(2), k.size(2)});
    bool causal = c.causal;
    if (mask.has_value() && mask->scalar_type() != at::kBool) mask = as_double(*mask);
    if (mask.has_value() && causal) {
        const Tensor seen = at::ones({q.size(2), k.size(2)}, at::kBool).tril();
        mask = mask->scalar_type() == at::kBool ? mask->logical_and(seen) : mask->masked_fill(seen.logical_not(), -infinity);
        causal = false;
    }
    return at::scaled_dot_product_attention(q, k.repeat_interleave(group, 1), v.repeat_interleave(group, 1), mask, 0.0, causal, c.scale);
}

double largest(const Tensor& x) {
    return x.numel() == 0 ? 0 : x.abs().max().item<double>();
}

double unit(at::ScalarType type) {
    return type == at::kFloat ? 0x1p-24 : type == at::kBFloat16 ? 0x1p-8 : 0x1p-11;
}

/// fp32 arithmetic on sums of at most some dozens of numbers: a hundred roundings; then one to the type.
void expect_exact(const Call& c, const std::string& what) {
    const auto [out, lse, report] = attention(c);
    const Tensor expected = exact(c, as_double(c.q), as_double(c.k), as_double(c.v));
    const double size = largest(expected);
    EXPECT_LE(largest(as_double(out) - expected), size * (100 * unit(at::kFloat) + unit(c.q.scalar_type()))) << what;
    EXPECT_EQ(out.scalar_type(), c.q.scalar_type()) << what;

    const std::int64_t group = c.q.size(1) / c.k.size(1);
    const Tensor expected_lse = at::logsumexp(exact_scores(c, as_double(c.q), as_double(c.k).repeat_interleave(group, 1)), {-1});
    EXPECT_TRUE(at::allclose(as_double(lse), expected_lse, 1e-5, 1e-5)) << what;
    EXPECT_EQ(report.numel(), 8) << what;
}

/// dq, dk and dv of sum(out x weights).
std::vector<Tensor> gradients(const Call& c, const Tensor& weights) {
    Call tracked = c;
    for (Tensor* x : {&tracked.q, &tracked.k, &tracked.v}) *x = x->detach().requires_grad_();
    const auto [out, lse, report] = attention(tracked);
    EXPECT_FALSE(lse.requires_grad());
    return torch::autograd::grad({(out * weights).sum()}, {tracked.q, tracked.k, tracked.v});
}

std::vector<Tensor> exact_gradients(const Call& c, const Tensor& weights) {
    const Tensor q = as_double(c.q).requires_grad_();
    const Tensor k = as_double(c.k).requires_grad_();
    const Tensor v = as_double(c.v).requires_grad_();
    return torch::autograd::grad({(exact(c, q, k, v) * as_double(weights)).sum()}, {q, k, v});
}

/// As for outputs, of numbers of the size of 1 at least, which may cancel. In 16 bits the backward pass starts from an output that was
/// rounded, weights sums with it, and rounds again: a few units.
void expect_exact_gradients(const Call& c, const std::string& what) {
    at::manual_seed(seed + 1);
    const Tensor weights = at::randn({c.q.size(0), c.q.size(1), c.q.size(2), c.v.size(3)}).to(c.q.scalar_type());
    const std::vector<Tensor> got = gradients(c, weights);
    const std::vector<Tensor> expected = exact_gradients(c, weights);
    for (std::size_t i = 0; i < 3; ++i) {
        const double bound = std::max(largest(expected[i]), 1.0) *
                             (100 * unit(at::kFloat) + (c.q.scalar_type() == at::kFloat ? 0 : 4 * unit(c.q.scalar_type())));
        EXPECT_LE(largest(as_double(got[i]) - expected[i]), bound) << what << " gradient " << i;
    }
}

Tensor shows_some(at::IntArrayRef sizes) {
    at::manual_seed(seed + 2);
    Tensor shown = at::rand(sizes).gt(0.4);
    shown.select(-1, 0).fill_(true);
    return shown;
}

std::vector<std::pair<std::string, Tensor>> every_mask(const Sizes& s) {
    std::vector<std::pair<std::string, Tensor>> masks;
    const std::vector<std::vector<std::int64_t>> shapes = {{s.queries, s.keys},
                                                           {s.keys},
                                                           {s.batch, 1, s.queries, s.keys},
                                                           {s.batch, 1, 1, s.keys},
                                                           {1, 1, s.queries, 1},
                                                           {s.heads, s.queries, s.keys},
                                                           {s.batch, s.heads, s.queries, s.keys}};
    for (const auto& shape : shapes) {
        const Tensor shown = shows_some(shape);
        const Tensor numbers = at::randn(shape);
        const std::string name = "(" + c10::str(at::IntArrayRef(shape)) + ")";
        masks.emplace_back("bool " + name, shown);
        masks.emplace_back("numbers " + name, numbers);
        masks.emplace_back("numbers and -inf " + name, numbers.masked_fill(shown.logical_not(), -infinity));
    }
    return masks;
}

TEST(TorchAttention, HasTheDocumentedSchema) {
    const auto schema = [](const char* name) { return c10::str(c10::Dispatcher::singleton().findSchemaOrThrow(name, "").schema()); };
    EXPECT_EQ(schema("plumb::attention"),
              "plumb::attention(Tensor q, Tensor k, Tensor v, Tensor? mask=None, bool causal=False, float? scale=None, "
              "str protect=\"none\") -> (Tensor out, Tensor lse, Tensor report)");
    const auto columns = c10::Dispatcher::singleton().findSchemaOrThrow("plumb::report_columns", "").typed<std::vector<std::string>()>();
    EXPECT_THAT(columns.call(), testing::ElementsAre("level", "row_checks", "alarms", "corrected", "false_alarms", "unresolved", "trusted",
                                                     "largest_residual_ppm"));
}

TEST(TorchAttention, MeansWhatSdpaMeansForEveryMask) {
    const Sizes sizes;
    for (const bool causal : {false, true}) {
        Call call = make_call(sizes);
        call.causal = causal;
        expect_exact(call, "no mask");
        expect_exact_gradients(call, "no mask");
        for (const auto& [name, mask] : every_mask(sizes)) {
            call.mask = mask;
            expect_exact(call, name + (causal ? " causal" : ""));
            expect_exact_gradients(call, name + (causal ? " causal" : ""));
        }
    }
}

TEST(TorchAttention, AlignsTheFirstQueryWithTheFirstKeyWhenCausal) {
    for (const std::int64_t keys : {1, 11, 19, 27}) {
        Call call = make_call({.keys = keys});
        call.causal = true;
        expect_exact(call, std::to_string(keys) + " keys");
        expect_exact_gradients(call, std::to_string(keys) + " keys");
    }
    // Query 0 sees key 0 and nothing else, so it returns the first value.
    Call call = make_call({});
    call.causal = true;
    EXPECT_TRUE(at::allclose(std::get<0>(attention(call)).select(2, 0), call.v.select(2, 0)));
    // The page's mask for decoding: the last query sees every key.
    call.causal = false;
    const Tensor last = std::get<0>(attention(call)).select(2, -1);
    call.mask = at::ones({19, 27}, at::kBool).tril(27 - 19);
    EXPECT_TRUE(at::allclose(std::get<0>(attention(call)).select(2, -1), last));
    expect_exact(call, "decoding");
}

TEST(TorchAttention, SharesKeyHeads) {
    for (const std::int64_t key_heads : {1, 2}) {
        const Sizes sizes{.key_heads = key_heads};
        Call call = make_call(sizes);
        for (const auto& [name, mask] : every_mask(sizes)) {
            call.mask = mask;
            expect_exact(call, name);
            expect_exact_gradients(call, name);
        }
    }
}

TEST(TorchAttention, TakesEveryTypeAndLayoutAndScale) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf}) {
        Call call = make_call({}, type);
        call.scale = -0.3;
        call.mask = at::randn({2, 1, 19, 27}).to(type);
        expect_exact(call, c10::str(type));
        expect_exact_gradients(call, c10::str(type));
        const Tensor out = std::get<0>(attention(call));
        // Batch, rows, heads, columns in memory; a slice of something wider; the same keys for both records.
        call.q = call.q.transpose(1, 2).contiguous().transpose(1, 2);
        call.v = at::cat({call.v, call.v}, 3).narrow(3, 24, 24);
        EXPECT_TRUE(out.equal(std::get<0>(attention(call))));
        expect_exact_gradients(call, c10::str(type));
        call.k = call.k.narrow(0, 0, 1).expand_as(call.k);
        expect_exact(call, c10::str(type));
        expect_exact_gradients(call, c10::str(type));
    }
}

TEST(TorchAttention, AQueryThatSeesNoKeyGivesZerosAndNoGradient) {
    Call call = make_call({});
    const Tensor shown = shows_some({2, 4, 19, 27});
    shown.select(2, 7).fill_(false);
    for (const Tensor& mask :
         {shown, shown.narrow(1, 0, 1), at::zeros({2, 1, 19, 27}).masked_fill(shown.narrow(1, 0, 1).logical_not(), -infinity)}) {
        call.mask = mask;
        const auto [out, lse, report] = attention(call);
        EXPECT_EQ(largest(out.select(2, 7)), 0);
        EXPECT_TRUE(lse.select(2, 7).eq(-infinity).all().item<bool>());
        EXPECT_EQ(largest(gradients(call, at::ones_like(out))[0].select(2, 7)), 0);
    }
}

TEST(TorchAttention, TakesSizesOfZero) {
    for (const Sizes& sizes :
         {Sizes{.queries = 0}, Sizes{.keys = 0}, Sizes{.batch = 0}, Sizes{.heads = 0, .key_heads = 0}, Sizes{.value_dim = 0}}) {
        const Call call = make_call(sizes);
        const auto [out, lse, report] = attention(call);
        EXPECT_EQ(out.sizes(), at::IntArrayRef({sizes.batch, sizes.heads, sizes.queries, sizes.value_dim}));
        EXPECT_EQ(largest(out), 0);
        for (const Tensor& gradient : gradients(call, at::ones_like(out))) EXPECT_EQ(largest(gradient), 0);
    }
}

/// The change of sum(out x weights) along a random direction of q, k and v together. fp32 outputs over a step of 2^-6: what the step leaves
/// out and the rounding of the outputs stay below a hundredth of the derivative.
TEST(TorchAttention, GradientsAreTheDifferencesOfOutputs) {
    constexpr double step = 0x1p-6;
    const Sizes sizes{.key_heads = 2, .queries = 9, .keys = 12, .head_dim = 8, .value_dim = 8};
    std::vector<std::pair<std::string, Tensor>> masks = every_mask(sizes);
    for (const auto& [name, mask] : masks) {
        Call call = make_call(sizes);
        call.mask = mask;
        call.causal = true;
        const Tensor weights = at::randn({2, 4, 9, 8});
        const std::vector<Tensor> slopes = gradients(call, weights);
        std::vector<Tensor> directions;
        double expected = 0;
        for (const Tensor* x : {&call.q, &call.k, &call.v}) {
            directions.push_back(at::randn_like(*x));
            expected += (as_double(directions.back()) * as_double(slopes[directions.size() - 1])).sum().item<double>();
        }
        const auto loss_at = [&](double distance) {
            Call moved = call;
            moved.q = call.q + distance * directions[0];
            moved.k = call.k + distance * directions[1];
            moved.v = call.v + distance * directions[2];
            return (as_double(std::get<0>(attention(moved))) * as_double(weights)).sum().item<double>();
        };
        EXPECT_NEAR((loss_at(step) - loss_at(-step)) / (2 * step), expected, 0.01 * std::abs(expected)) << name << " seed " << seed;
    }
}

TEST(TorchAttention, GivesTheSameBitsForAnyNumberOfThreads) {
    Call call = make_call({.queries = 300, .keys = 300});
    call.causal = true;
    const int threads = at::get_num_threads();
    at::set_num_threads(1);
    const Tensor one = std::get<0>(attention(call));
    at::set_num_threads(3);
    const Tensor three = std::get<0>(attention(call));
    at::set_num_threads(threads);
    EXPECT_TRUE(one.equal(three));
}

TEST(TorchAttention, TensorsWithoutDataGetTheShapesOfThoseWithIt) {
    const Call call = make_call({.key_heads = 2}, at::kBFloat16);
    const Call shapes{.q = call.q.to(at::kMeta), .k = call.k.to(at::kMeta), .v = call.v.to(at::kMeta)};
    const ThreeTensors computed = attention(call);
    const ThreeTensors predicted = attention(shapes);
    const auto expect_alike = [](const Tensor& a, const Tensor& b) {
        EXPECT_EQ(a.sizes(), b.sizes());
        EXPECT_EQ(a.strides(), b.strides());
        EXPECT_EQ(a.scalar_type(), b.scalar_type());
    };
    expect_alike(std::get<0>(computed), std::get<0>(predicted));
    expect_alike(std::get<1>(computed), std::get<1>(predicted));
    expect_alike(std::get<2>(computed), std::get<2>(predicted));
    EXPECT_THROW(attention({.q = shapes.q, .k = shapes.k.narrow(0, 0, 1), .v = shapes.v}), c10::ValueError);
}

template <typename Error>
void expect_refused(const Call& call, const std::vector<std::string>& named) {
    try {
        attention(call);
        ADD_FAILURE() << "took " << named.front();
    } catch (const Error& error) {
        for (const std::string& part : named) EXPECT_THAT(error.what_without_backtrace(), HasSubstr(part));
    }
}

TEST(TorchAttention, NamesWhatDoesNotFit) {
    const Call right = make_call({});
    const auto changed = [&](auto change) {
        Call call = right;
        change(call);
        return call;
    };
    expect_refused<c10::ValueError>(changed([](Call& c) { c.q = c.q.select(0, 0); }), {"q has shape [4, 19, 16]", "four axes"});
    expect_refused<c10::TypeError>(changed([](Call& c) { c.k = c.k.to(at::kDouble); }), {"k is Double", "float32"});
    expect_refused<c10::TypeError>(changed([](Call& c) { c.k = c.k.to(at::kHalf); }), {"Float, Half and Float"});
    expect_refused<c10::ValueError>(changed([](Call& c) { c.k = c.k.narrow(3, 0, 8); }), {"[2, 4, 27, 8]", "head dimensions differ"});
    expect_refused<c10::ValueError>(changed([](Call& c) { c.v = c.v.narrow(2, 0, 9); }), {"[2, 4, 9, 24]", "keys differ"});
    expect_refused<c10::ValueError>(changed([](Call& c) { c.k = c.k.narrow(1, 0, 3), c.v = c.v.narrow(1, 0, 3); }), {"no multiple"});
    expect_refused<c10::ValueError>(changed([](Call& c) { c.mask = at::ones({2, 19, 27}, at::kBool); }), {"[2, 19, 27]", "unsqueeze(1)"});
    expect_refused<c10::TypeError>(changed([](Call& c) { c.mask = at::ones({19, 27}, at::kLong); }), {"mask is Long", "bool"});
    expect_refused<c10::ValueError>(changed([](Call& c) { c.scale = 0; }), {"scale is 0", "None"});
    expect_refused<c10::ValueError>(changed([](Call& c) { c.scale = infinity; }), {"scale is inf"});
    expect_refused<c10::ValueError>(changed([](Call& c) { c.protect = "detct"; }), {"detct", "detect"});
    expect_refused<c10::NotImplementedError>(changed([](Call& c) { c.mask = at::zeros({19, 27}).requires_grad_(); }), {"mask", "detach"});
}

TEST(TorchAttention, RefusesSecondDerivatives) {
    Call call = make_call({});
    call.q = call.q.requires_grad_();
    const Tensor out = std::get<0>(attention(call));
    const auto first = torch::autograd::grad({out.square().sum()}, {call.q}, {}, true, true);
    EXPECT_THROW(torch::autograd::grad({first[0].sum()}, {call.q}), c10::Error);
}

}  // namespace
}  // namespace plumb
