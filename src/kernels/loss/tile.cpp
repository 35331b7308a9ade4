// SPDX-License-Identifier: Apache-2.0
#include "kernels/loss/tile.h"

#include <algorithm>
#include <cmath>

namespace plumb::kernels::loss {

Tile::Tile(const LossKernel& kernel, std::int64_t features, std::int64_t panels, bool gradients)
    : kernel_(kernel), padded_features_(round_up(features, kernel.geometry.feature_unit)) {
    const Geometry& geometry = kernel.geometry;
    const std::int64_t rows = panels * geometry.panel_rows;
    const std::int64_t hidden_floats = geometry.panel_rows * padded_features_ * geometry.operand_bytes / float_bytes;
    wide_RE_ = make_buffer(geometry.panel_rows * padded_features_);
    target_weight_E_ = make_buffer(padded_features_);
    hidden_ = make_buffer(panels * hidden_floats);
    if (gradients) sums_ = make_buffer(rows * padded_features_);
    scratch_ = make_buffer(geometry.scratch_floats);
    reference_ = make_buffer(rows);
    target_logit_ = make_buffer(rows);
    total_.resize(static_cast<std::size_t>(rows));
    target_.resize(static_cast<std::size_t>(rows));
    panels_.resize(static_cast<std::size_t>(panels));
    for (std::int64_t i = 0; i < panels; ++i) {
        const std::int64_t row = i * geometry.panel_rows;
        panels_[i] = {.hidden = hidden_.get() + i * hidden_floats,
                      .sums = gradients ? sums_.get() + row * padded_features_ : nullptr,
                      .scratch = scratch_.get(),
                      .reference = reference_.get() + row,
                      .total = total_.data() + row,
                      .target_logit = target_logit_.get() + row,
                      .target = target_.data() + row};
    }
}

void Tile::load_panel(const Problem& problem, std::span<const std::int64_t> rows, std::int64_t index) {
    Panel& panel = panels_[index];
    panel.rows = round_up(std::ssize(rows), kernel_.geometry.row_unit);
    const std::int64_t features = problem.weight->features();
    std::fill_n(wide_RE_.get(), panel.rows * padded_features_, 0.0F);
    std::int64_t* target_R = target_.data() + index * kernel_.geometry.panel_rows;
    std::fill_n(target_R, panel.rows, -1);
    for (std::int64_t row = 0; row < std::ssize(rows); ++row) {
        const std::int64_t at = rows[row] * problem.row_stride;
        float* wide_E = wide_RE_.get() + row * padded_features_;
        for (std::int64_t e = 0; e < features; ++e) wide_E[e] = base::load(problem.dtype, problem.hidden_RE, at + e);
        target_R[row] = problem.target_R[rows[row]];
    }
    kernel_.pack_hidden(wide_RE_.get(), panel.rows, padded_features_, hidden_.get() + (panel.hidden - hidden_.get()));
}

void Tile::load(const Problem& problem, std::span<const std::int64_t> rows, float* kept, std::int64_t panel_stride) {
    const std::int64_t whole = kernel_.geometry.panel_rows;
    panel_count_ = divide_up(std::ssize(rows), whole);
    for (std::int64_t i = 0; i < panel_count_; ++i) {
        const std::int64_t first = i * whole;
        load_panel(problem, rows.subspan(first, std::min(whole, std::ssize(rows) - first)), i);
        panels_[i].kept = kept == nullptr ? nullptr : kept + i * panel_stride;
    }
}

void Tile::pass_by(const PackedWeight& weight) const {
    for (std::int64_t b = 0; b < weight.blocks(); ++b) {
        const WeightBlock block = weight.block(b);
        for (std::int64_t i = 0; i < panel_count_; ++i) kernel_.absorb(panels_[i], block);
    }
}

RowOutcome Tile::outcome(std::int64_t row) const {
    // Everything relative to the reference: `others` without the target, `target` alone, which may be anything between 0 and infinity.
    const double others = total_[row];
    const double above = static_cast<double>(target_logit_[row]) - reference_[row];
    const double target = std::exp(above);
    // log(others + target) - log(target). The second form where the quotient overflows, that is for a target of no weight.
    const double odds = others * std::exp(-above);
    const double nll = std::isfinite(odds) ? std::log1p(odds) : std::log(others) - above;
    const double inverse_total = 1 / (others + target);
    return {.nll = nll, .inverse_total = inverse_total, .other_share = others * inverse_total};
}

void Tile::store_gradient(const Problem& problem, std::int64_t row, std::int64_t problem_row, const RowOutcome& outcome,
                          const Gradients& gradients) {
    const std::int64_t whole = kernel_.geometry.panel_rows;
    const Panel& panel = panels_[row / whole];
    const float* sums = panel.sums + row % whole;
    const double weight = weight_of(problem, problem_row);
    const double scale = weight * outcome.inverse_total;
    const double target_scale = weight * outcome.other_share;

    const std::int64_t features = problem.weight->features();
    const WeightBlock block = problem.weight->block(target_[row] / kernel_.geometry.block);
    kernel_.weight_row(block, target_[row] - block.first, features, target_weight_E_.get());
    void* place = base::advance(problem.dtype, gradients.hidden_RE, problem_row * gradients.row_stride);
    for (std::int64_t e = 0; e < features; ++e) {
        const double gradient = scale * sums[e * panel.rows] - target_scale * target_weight_E_[e];
        base::store(problem.dtype, place, e, static_cast<float>(gradient));
    }
}

}  // namespace plumb::kernels::loss
