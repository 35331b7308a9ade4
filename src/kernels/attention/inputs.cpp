// SPDX-License-Identifier: Apache-2.0
// Distributions and their table. Numbers are drawn at the index that an element has in B x row x H x column order, whatever the layout in
// memory.
#include "kernels/attention/inputs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"

namespace plumb::kernels::attention {
namespace {

using base::RandomStream;

enum class Role { query, key, value };

/// Which number is wanted: its stream, its index in the tensor and the index of its row's first number within one head.
struct Place {
    const RandomStream& stream;
    Role role;
    std::uint64_t index;   ///< in B x row x H x column order
    std::uint64_t column;  ///< head and column: where it stands in its row of all heads
};

/// Indices beyond any tensor, for a number's second and third draw.
constexpr std::uint64_t draw_distance = std::uint64_t{1} << 52;

double uniform01(const Place& at) {
    return at.stream.uniform(at.index);
}
double normal(const Place& at) {
    return at.stream.normal(at.index);
}
double uniform(const Place& at) {
    return at.stream.uniform(at.index, -1.0, 1.0);
}
double shifted(const Place& at) {
    return at.stream.normal(at.index) + 1.0;
}

/// Student's t with 3 degrees of freedom: infinite fourth moment.
double heavy(const Place& at) {
    double squares = 0;
    for (std::uint64_t draw = 1; draw <= 3; ++draw) {
        const double other = at.stream.normal(at.index + draw * draw_distance);
        squares += other * other;
    }
    return at.stream.normal(at.index) / std::sqrt(squares / 3.0);
}

/// Outlier channels as in trained models: about one column in 32 is a thousand times larger.
double outliers(const Place& at) {
    const bool large = at.stream.below(at.column + draw_distance, 32) == 0;
    return at.stream.normal(at.index) * (large ? 1000.0 : 1.0);
}

/// All rows of q are equal and all rows of k are, so every probability is the same; values are normal.
double equal(const Place& at) {
    return at.role == Role::value ? normal(at) : at.stream.normal(at.column);
}

/// Below the smallest normal fp32 number (1.2e-38), down to a few units of the smallest one.
double denormal(const Place& at) {
    return at.stream.uniform(at.index, -1e-38, 1e-38);
}

double zero_v(const Place& at) {
    return at.role == Role::value ? 0.0 : normal(at);
}

struct Entry {
    Distribution distribution;
    double (*draw)(const Place& at);
};

constexpr std::array<Entry, 9> table = {{
    {{"uniform01", "uniform in [0, 1), as torch.rand gives"}, uniform01},
    {{"normal", "standard normal"}, normal},
    {{"uniform", "uniform in [-1, 1)"}, uniform},
    {{"shifted", "normal with mean 1 and deviation 1"}, shifted},
    {{"heavy", "Student's t with 3 degrees of freedom"}, heavy},
    {{"outliers", "normal, with about one column in 32 a thousand times larger"}, outliers},
    {{"equal", "all queries equal, all keys equal, normal values"}, equal},
    {{"denormal", "uniform below the smallest normal number"}, denormal},
    {{"zero_v", "normal queries and keys, values zero"}, zero_v},
}};

constexpr auto distributions_only = [] {
    std::array<Distribution, table.size()> found{};
    for (std::size_t i = 0; i < table.size(); ++i) found[i] = table[i].distribution;
    return found;
}();

const Entry& find(std::string_view name) {
    std::vector<std::string> names;
    for (const Entry& entry : table) {
        if (entry.distribution.name == name) return entry;
        names.emplace_back(entry.distribution.name);
    }
    throw base::Error(base::ErrorKind::usage, "no input distribution is called '" + std::string(name) + "'", base::suggest(name, names));
}

Strides strides_of(Layout layout, std::int64_t rows, std::int64_t heads, std::int64_t columns) {
    return layout == Layout::bnhd ? strides_bnhd(rows, heads, columns) : strides_bhnd(rows, heads, columns);
}

struct Extent {
    std::int64_t batch, heads, rows, columns;
};

std::vector<float> make_tensor(const Extent& extent, const InputOptions& options, Role role, const RandomStream& stream,
                               const Entry& entry) {
    const auto& [batch, heads, rows, columns] = extent;
    std::vector<float> tensor(batch * rows * heads * columns);
    const Strides strides = strides_of(options.layout, rows, heads, columns);
    std::uint64_t index = 0;
    for (std::int64_t b = 0; b < batch; ++b) {
        for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t column = 0; column < heads * columns; ++column, ++index) {
                const Place place{stream, role, index, static_cast<std::uint64_t>(column)};
                const std::int64_t at = b * strides.batch + row * strides.row + column / columns * strides.head + column % columns;
                tensor[at] = base::round_to(options.dtype, static_cast<float>(entry.draw(place)));
            }
        }
    }
    return tensor;
}

std::vector<std::uint8_t> hide_half(const Shape& shape, const RandomStream& stream) {
    std::vector<std::uint8_t> hidden(shape.batch * shape.queries * shape.keys);
    for (std::size_t i = 0; i < hidden.size(); ++i) hidden[i] = static_cast<std::uint8_t>(stream.below(i, 2));
    return hidden;
}

std::vector<std::uint8_t> hide_tails(const Shape& shape, const RandomStream& stream) {
    std::vector<std::uint8_t> hidden(shape.batch * shape.keys);
    for (std::int64_t b = 0; b < shape.batch; ++b) {
        // The first record keeps a key, so that no output is zeros alone.
        const std::int64_t most = b == 0 ? std::max<std::int64_t>(shape.keys - 1, 0) : shape.keys;
        const auto padding = static_cast<std::int64_t>(stream.below(b, most + 1));
        for (std::int64_t m = shape.keys - padding; m < shape.keys; ++m) hidden[b * shape.keys + m] = 1;
    }
    return hidden;
}

}  // namespace

std::span<const Distribution> distributions() {
    return distributions_only;
}

std::vector<std::string> distribution_names() {
    std::vector<std::string> names;
    for (const Distribution& distribution : distributions()) names.emplace_back(distribution.name);
    return names;
}

void Inputs::store() {
    if (dtype == base::Dtype::fp32) return;
    q_stored = base::Numbers(dtype, q);
    k_stored = base::Numbers(dtype, k);
    v_stored = base::Numbers(dtype, v);
}

Problem Inputs::problem(int threads) const {
    Problem problem;
    problem.shape = shape;
    problem.dtype = dtype;
    const bool wide = dtype == base::Dtype::fp32;
    problem.q = wide ? q.data() : q_stored.data();
    problem.k = wide ? k.data() : k_stored.data();
    problem.v = wide ? v.data() : v_stored.data();
    problem.q_strides = strides_of(layout, shape.queries, shape.heads, shape.head_dim);
    problem.k_strides = strides_of(layout, shape.keys, shape.kv_heads(), shape.head_dim);
    problem.v_strides = strides_of(layout, shape.keys, shape.kv_heads(), shape.value_dim);
    problem.mask = {.kind = mask_kind, .hidden = hidden.data(), .left = left, .right = right};
    if (!bias.empty()) problem.bias = {bias.data(), strides_bhnd(shape.queries, shape.heads, shape.keys)};
    problem.threads = threads;
    return problem;
}

Inputs make_inputs(const Shape& shape, const InputOptions& options, std::string_view distribution, std::uint64_t seed) {
    validate_shape(shape);
    const Entry& entry = find(distribution);
    Inputs inputs;
    inputs.shape = shape;
    inputs.mask_kind = options.mask;
    inputs.layout = options.layout;
    inputs.dtype = options.dtype;
    inputs.left = options.left;
    inputs.right = options.right;
    if (options.mask == MaskKind::sliding_window && options.left < 0 && options.right < 0) {
        inputs.left = (shape.keys + 2) / 3;
        inputs.right = shape.keys / 7;
    }
    const Extent q{shape.batch, shape.heads, shape.queries, shape.head_dim};
    const Extent k{shape.batch, shape.kv_heads(), shape.keys, shape.head_dim};
    const Extent v{shape.batch, shape.kv_heads(), shape.keys, shape.value_dim};
    inputs.q = make_tensor(q, options, Role::query, RandomStream(seed, "attention.q"), entry);
    inputs.k = make_tensor(k, options, Role::key, RandomStream(seed, "attention.k"), entry);
    inputs.v = make_tensor(v, options, Role::value, RandomStream(seed, "attention.v"), entry);
    inputs.store();
    const RandomStream mask_stream(seed, "attention.mask");
    if (options.mask == MaskKind::boolean) inputs.hidden = hide_half(shape, mask_stream);
    if (options.mask == MaskKind::key_padding) inputs.hidden = hide_tails(shape, mask_stream);
    if (options.bias) {
        inputs.bias.resize(shape.batch * shape.heads * shape.queries * shape.keys);
        const RandomStream bias_stream(seed, "attention.bias");
        for (std::size_t i = 0; i < inputs.bias.size(); ++i) inputs.bias[i] = static_cast<float>(bias_stream.normal(i));
    }
    return inputs;
}

Inputs make_inputs(const Shape& shape, MaskKind mask, std::string_view distribution, std::uint64_t seed, Layout layout) {
    return make_inputs(shape, {.mask = mask, .layout = layout}, distribution, seed);
}

}  // namespace plumb::kernels::attention
