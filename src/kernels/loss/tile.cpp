// SPDX-License-Identifier: Apache-2.0
#include "kernels/loss/tile.h"

#include <algorithm>
#include <cmath>

namespace plumb::kernels::loss {

Tile::Tile(const LossKernel& kernel, std::int64_t features, std::int64_t panels, bool gradients, bool kept)
    : kernel_(kernel), padded_features_(round_up(features, kernel.geometry.square)) {
    const Geometry& geometry = kernel.geometry;
    const std::int64_t rows = panels * geometry.panel_rows();
    hidden_ = make_buffer(rows * padded_features_);
    if (gradients) sums_ = make_buffer(rows * padded_features_);
    if (!kept) exponentials_ = make_buffer(geometry.panel_rows() * geometry.block);
    reference_ = make_buffer(rows);
    target_logit_ = make_buffer(rows);
    total_.resize(static_cast<std::size_t>(rows));
    target_.resize(static_cast<std::size_t>(rows));
    panels_.resize(static_cast<std::size_t>(panels));
    for (std::int64_t i = 0; i < panels; ++i) {
        const std::int64_t row = i * geometry.panel_rows();
        panels_[i] = {.hidden = hidden_.get() + row * padded_features_,
                      .sums = gradients ? sums_.get() + row * padded_features_ : nullptr,
                      .exponentials = exponentials_.get(),
                      .keeps_exponentials = kept,
                      .reference = reference_.get() + row,
                      .total = total_.data() + row,
                      .target_logit = target_logit_.get() + row,
                      .target = target_.data() + row};
    }
}

void Tile::load_panel(const Problem& problem, std::span<const std::int64_t> rows, std::int64_t index) {
    Panel& panel = panels_[index];
    panel.vectors = divide_up(std::ssize(rows), kernel_.geometry.lanes);
    const std::int64_t panel_rows = panel.vectors * kernel_.geometry.lanes;
    const std::int64_t at = index * kernel_.geometry.panel_rows();
    float* hidden = hidden_.get() + at * padded_features_;
    if (panel_rows > std::ssize(rows)) std::fill_n(hidden, padded_features_ * panel_rows, 0.0F);
    const std::int64_t features = problem.weight->features();
    std::fill_n(hidden + features * panel_rows, (padded_features_ - features) * panel_rows, 0.0F);
    std::fill_n(target_.data() + at, panel_rows, -1);
    for (std::int64_t row = 0; row < std::ssize(rows); ++row) {
        const void* source = base::advance(problem.dtype, problem.hidden_RE, rows[row] * problem.row_stride);
        for (std::int64_t e = 0; e < features; ++e) hidden[e * panel_rows + row] = base::load(problem.dtype, source, e);
        target_[at + row] = problem.target_R[rows[row]];
    }
}

void Tile::load(const Problem& problem, std::span<const std::int64_t> rows, float* kept_exponentials, std::int64_t panel_stride) {
    const std::int64_t whole = kernel_.geometry.panel_rows();
    panel_count_ = divide_up(std::ssize(rows), whole);
    for (std::int64_t i = 0; i < panel_count_; ++i) {
        const std::int64_t first = i * whole;
        load_panel(problem, rows.subspan(first, std::min(whole, std::ssize(rows) - first)), i);
        if (kept_exponentials != nullptr) panels_[i].exponentials = kept_exponentials + i * panel_stride;
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
                          const Gradients& gradients) const {
    const std::int64_t whole = kernel_.geometry.panel_rows();
    const Panel& panel = panels_[row / whole];
    const std::int64_t panel_rows = panel.vectors * kernel_.geometry.lanes;
    const float* sums = panel.sums + row % whole;
    const std::int64_t square = kernel_.geometry.square;
    const double weight = weight_of(problem, problem_row);
    const double scale = weight * outcome.inverse_total;
    const double target_scale = weight * outcome.other_share;

    const std::int64_t target = target_[row];
    const WeightBlock block = problem.weight->block(target / kernel_.geometry.block);
    const std::int64_t padded = block.padded(kernel_.geometry);
    const float* target_weight = block.data + (target - block.first) * square;
    void* place = base::advance(problem.dtype, gradients.hidden_RE, problem_row * gradients.row_stride);
    for (std::int64_t e = 0; e < problem.weight->features(); ++e) {
        const float target_number = target_weight[e / square * padded * square + e % square];
        base::store(problem.dtype, place, e, static_cast<float>(scale * sums[e * panel_rows] - target_scale * target_number));
    }
}

}  // namespace plumb::kernels::loss
