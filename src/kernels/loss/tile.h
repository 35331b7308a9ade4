// SPDX-License-Identifier: Apache-2.0
// A tile: the panels that one thread takes through the vocabulary together, so that a block of weights comes from far memory once for all
// of them; and what becomes of their rows at the end.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/loss/blocks.h"
#include "kernels/loss/linear_cross_entropy.h"

namespace plumb::kernels::loss {

/// What a row's sums say once the whole vocabulary has passed by.
struct RowOutcome {
    double nll = 0;
    double inverse_total = 0;  ///< 1 / sum over v of exponentials, the target's included: turns exponentials into probabilities
    double other_share = 0;    ///< 1 - p[target], as the sum of all other probabilities
};

class Tile {
  public:
    /// Memory for `panels` whole panels; that of sums only with `gradients`.
    Tile(const LossKernel& kernel, std::int64_t features, std::int64_t panels, bool gradients);

    /// Takes the rows of H with these indices. `kept`: null, or room for all exponentials, `panel_stride` floats a panel.
    void load(const Problem& problem, std::span<const std::int64_t> rows, float* kept, std::int64_t panel_stride);
    /// All of the vocabulary.
    void pass_by(const PackedWeight& weight) const;
    /// `row` counts within the tile.
    RowOutcome outcome(std::int64_t row) const;
    /// dH of a row, rounded to the type of H.
    void store_gradient(const Problem& problem, std::int64_t row, std::int64_t problem_row, const RowOutcome& outcome,
                        const Gradients& gradients);

  private:
    void load_panel(const Problem& problem, std::span<const std::int64_t> rows, std::int64_t index);

    const LossKernel& kernel_;
    std::int64_t padded_features_;
    std::vector<Panel> panels_;
    Buffer wide_RE_, target_weight_E_;  ///< one panel, one row of the weight
    Buffer hidden_, sums_, scratch_, reference_, target_logit_;
    std::vector<double> total_;
    std::vector<std::int64_t> target_;
    std::int64_t panel_count_ = 0;
};

}  // namespace plumb::kernels::loss
