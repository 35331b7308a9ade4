// SPDX-License-Identifier: Apache-2.0
#include "families/attention/gradient_case.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/units.h"
#include "families/attention/gradient_executor.h"
#include "families/attention/isa_choice.h"
#include "families/attention/layout.h"

namespace plumb::families::attention {

namespace {

namespace ka = kernels::attention;

// Operations of the backward pass that one try may cost in fp64, and again in the yardstick: some seconds on one core.
constexpr double affordable_operations = 2e9;
// One key head alone: a minute or two.
constexpr double most_operations = 5e10;

const void* at(base::Dtype dtype, const void* numbers, std::int64_t offset) {
    return static_cast<const std::byte*>(numbers) + static_cast<std::size_t>(offset) * base::size_of(dtype);
}

/// The backward problem of one key head and the query heads that read it, on the same memory.
ka::Backward part_of(const ka::Backward& whole, const KeyHead& chosen) {
    const ka::Shape& s = whole.problem.shape;
    const std::int64_t first_head = chosen.head * s.group();
    const auto of_head = [&](const void* numbers, const ka::Strides& by, std::int64_t head) {
        return at(whole.problem.dtype, numbers, chosen.record * by.batch + head * by.head);
    };
    ka::Backward part = whole;
    ka::Problem& problem = part.problem;
    problem.shape.batch = 1;
    problem.shape.heads = s.group();
    problem.shape.key_heads = 1;
    problem.q = of_head(problem.q, problem.q_strides, first_head);
    problem.k = of_head(problem.k, problem.k_strides, chosen.head);
    problem.v = of_head(problem.v, problem.v_strides, chosen.head);
    if (problem.bias.data != nullptr)
        problem.bias.data += chosen.record * problem.bias.strides.batch + first_head * problem.bias.strides.head;
    if (problem.mask.kind == ka::MaskKind::boolean) problem.mask.hidden += chosen.record * s.queries * s.keys;
    if (problem.mask.kind == ka::MaskKind::key_padding) problem.mask.hidden += chosen.record * s.keys;
    part.out = of_head(part.out, part.out_strides, first_head);
    part.dout = of_head(part.dout, part.dout_strides, first_head);
    part.lse += (chosen.record * s.heads + first_head) * s.queries;
    return part;
}

/// The rows of one key head, or of `group` heads, out of a whole result.
std::vector<float> heads_of(const std::vector<float>& whole_BRHC, const Sizes& sizes, const KeyHead& chosen, std::int64_t group) {
    const ka::Strides by = sizes.strides(ka::Layout::bnhd);
    const float* first = whole_BRHC.data() + chosen.record * by.batch + chosen.head * group * by.head;
    return gathered({1, sizes.rows, group, sizes.columns}, base::Dtype::fp32, first, by);
}

}  // namespace

GradientArrays::GradientArrays(const ka::Shape& shape, float filled_with)
    : dq(sizes_of_queries(shape).count(), filled_with),
      dk(sizes_of_keys(shape).count(), filled_with),
      dv(sizes_of_values(shape).count(), filled_with) {}

std::vector<KeyHead> choose_key_heads(const ka::Problem& problem) {
    const ka::Shape& s = problem.shape;
    const std::int64_t all = s.batch * s.kv_heads();
    if (all == 0) return {};
    const double of_one = ka::backward_operations(problem) / static_cast<double>(all);
    if (of_one > most_operations) {
        throw base::Error(base::ErrorKind::unsupported,
                          "one key head takes " + base::format_number(of_one) + " operations: its gradients would be checked for minutes",
                          "choose fewer queries or keys");
    }
    const std::int64_t most = std::min<std::int64_t>(all, 1 << 16);
    const std::int64_t least = std::min<std::int64_t>(2, all);
    const std::int64_t affordable = of_one > 0 ? static_cast<std::int64_t>(std::min(affordable_operations / of_one, 65536.0)) : most;
    const std::int64_t count = std::clamp(affordable, least, most);
    std::vector<KeyHead> chosen;
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t index = count == 1 ? 0 : i * (all - 1) / (count - 1);
        chosen.push_back({index / s.kv_heads(), index % s.kv_heads()});
    }
    return chosen;
}

GradientCase::GradientCase(const ka::Problem& problem, ka::Layout layout, std::optional<base::Tensor> dout, const std::string& distribution,
                           std::uint64_t seed)
    : layout_(layout), file_dout_(std::move(dout)), key_heads_(choose_key_heads(problem)) {
    const Sizes outputs = sizes_of_output(problem.shape);
    if (!file_dout_) {
        // The queries of another problem: rows of value_dim numbers for each head.
        const ka::Shape alike{outputs.batch, outputs.heads, outputs.rows, 0, outputs.columns, 0};
        const ka::Inputs drawn = ka::make_inputs(alike, {.layout = layout, .dtype = problem.dtype}, distribution, seed);
        made_dout_ = base::Numbers(problem.dtype, drawn.q);
    }
    out_ = base::Numbers(problem.dtype, outputs.count());
    lse_BHN_.resize(static_cast<std::size_t>(outputs.batch * outputs.heads * outputs.rows));
    backward_.problem = problem;
    backward_.out = out_.data();
    backward_.lse = lse_BHN_.data();
    backward_.dout = file_dout_ ? static_cast<const void*>(file_dout_->bytes().data()) : made_dout_.data();
    backward_.out_strides = backward_.dout_strides = outputs.strides(layout);
    IsaChoice("best").apply();
    ka::fused(problem, out_.data(), backward_.out_strides, lse_BHN_.data());
}

std::vector<float> GradientCase::out_BNHE() const {
    return gathered(sizes_of_output(backward_.problem.shape), backward_.problem.dtype, out_.data(), backward_.out_strides);
}

bool GradientCase::all_checked() const {
    const ka::Shape& s = backward_.problem.shape;
    return std::ssize(key_heads_) == s.batch * s.kv_heads();
}

ka::GradientAccuracy GradientCase::measure(const GradientArrays& gradients) {
    const ka::Shape& s = backward_.problem.shape;
    if (!yardstick_) {
        std::vector<ka::Backward> parts;
        for (const KeyHead& chosen : key_heads_) parts.push_back(part_of(backward_, chosen));
        yardstick_.emplace(std::move(parts));
    }
    std::vector<GradientArrays> parts;
    for (const KeyHead& chosen : key_heads_) {
        GradientArrays& part = parts.emplace_back(ka::Shape{});
        part.dq = heads_of(gradients.dq, sizes_of_queries(s), chosen, s.group());
        part.dk = heads_of(gradients.dk, sizes_of_keys(s), chosen, 1);
        part.dv = heads_of(gradients.dv, sizes_of_values(s), chosen, 1);
    }
    std::vector<ka::Gradients<const float>> results;
    for (const GradientArrays& part : parts) results.push_back({part.dq, part.dk, part.dv});
    return yardstick_->measure(results);
}

const GradientArrays* GradientCase::gradients_of(const std::string& name) {
    if (other_name_ == name) return &*other_;
    if (!why_no_backward(name, backward_.problem).empty()) return nullptr;
    const auto executor = make_gradient_executor(name, "best", backward_, layout_);
    executor->backward();
    other_.emplace(backward_.problem.shape);
    executor->copy_gradients(other_->spans());
    other_name_ = name;
    return &*other_;
}

}  // namespace plumb::families::attention
