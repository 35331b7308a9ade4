// SPDX-License-Identifier: Apache-2.0
// Drives the fused loss: which rows exist, who computes them, and the chunks of rows whose exponentials are kept for the weight's gradient.
//
// Threads share the rows for the loss and dH, where no row depends on another, and the vocabulary for dW, where an entry sums over rows in
// their order: so the bits do not depend on the number of threads.
#include "kernels/loss/linear_cross_entropy.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/loss/tile.h"

namespace plumb::kernels::loss {
namespace {

using base::Error;
using base::ErrorKind;

/// Rows that a thread takes through the vocabulary together: enough that reading a block of weights is far cheaper than using it.
constexpr std::int64_t tile_rows = 528;
/// Rows whose exponentials are kept at once when the weight is trained. Memory grows with it, the number of passes over dW shrinks.
constexpr std::int64_t chunk_rows = 288;
/// Entries of the vocabulary whose dW stays in the second-level cache; a multiple of all squares.
constexpr std::int64_t gradient_entries = 64;

[[noreturn]] void refuse(const std::string& what, const std::string& hint) {
    throw Error(ErrorKind::usage, "fused loss: " + what, hint);
}

void require_fits(const Problem& problem, std::span<double> nll_R, const Gradients* gradients) {
    if (problem.weight == nullptr) refuse("there is no weight", "make a PackedWeight first");
    if (problem.threads < 1) refuse("threads is " + std::to_string(problem.threads), "give at least 1");
    if (problem.rows < 0) refuse("rows is " + std::to_string(problem.rows), "give 0 or more");
    if (!nll_R.empty() && std::ssize(nll_R) != problem.rows) {
        refuse("room for the losses of " + std::to_string(nll_R.size()) + " rows, but there are " + std::to_string(problem.rows),
               "give one number a row, or none");
    }
    if (problem.rows == 0) return;
    if (problem.hidden_RE == nullptr || problem.target_R == nullptr) refuse("hidden or target is null", "give R x E and R numbers");
    if (gradients != nullptr && gradients->hidden_RE == nullptr) refuse("no room for dH", "give R x E numbers, or ask for the loss alone");
    const std::int64_t vocabulary = problem.weight->vocabulary();
    for (std::int64_t r = 0; r < problem.rows; ++r) {
        const std::int64_t target = problem.target_R[r];
        if (weight_of(problem, r) == 0 || (target >= 0 && target < vocabulary)) continue;
        refuse("target " + std::to_string(target) + " of row " + std::to_string(r) + " is outside a vocabulary of " +
                   std::to_string(vocabulary),
               "targets are 0 to " + std::to_string(vocabulary - 1) + "; give rows of padding the weight 0");
    }
}

std::vector<std::int64_t> rows_that_count(const Problem& problem) {
    std::vector<std::int64_t> rows;
    rows.reserve(static_cast<std::size_t>(problem.rows));
    for (std::int64_t r = 0; r < problem.rows; ++r) {
        if (weight_of(problem, r) != 0) rows.push_back(r);
    }
    return rows;
}

void clear_row(const Problem& problem, std::int64_t row, const Gradients& gradients) {
    void* place = base::advance(problem.dtype, gradients.hidden_RE, row * gradients.row_stride);
    std::fill_n(static_cast<std::byte*>(place), problem.weight->features() * static_cast<std::int64_t>(base::size_of(problem.dtype)),
                std::byte{});
}

class FusedLoss {
  public:
    FusedLoss(const Problem& problem, const Gradients* gradients)
        : problem_(problem),
          gradients_(gradients),
          kernel_(problem.weight->kernel()),
          rows_(rows_that_count(problem)),
          outcomes_(rows_.size()),
          trains_weight_(gradients != nullptr && gradients->weight_VE != nullptr) {
        const Geometry& geometry = kernel_.geometry;
        const std::int64_t at_once = trains_weight_ ? std::min(chunk_rows, std::ssize(rows_)) : std::ssize(rows_);
        const std::int64_t panels = divide_up(at_once, geometry.panel_rows);
        const std::int64_t most = std::min(divide_up(panels, problem.threads), tile_rows / geometry.panel_rows);
        for (std::int64_t t = 0; t < std::min<std::int64_t>(problem.threads, panels); ++t)
            tiles_.emplace_back(kernel_, problem.weight->features(), most, gradients != nullptr);
        tile_panels_ = most;
        if (!trains_weight_) return;
        panel_stride_ =
            round_up(problem.weight->vocabulary(), geometry.entry_unit) * geometry.panel_rows * geometry.operand_bytes / float_bytes;
        exponentials_ = make_buffer(panels * panel_stride_);
        strip_stride_ = panels * geometry.panel_rows * geometry.strip_columns;
        const std::int64_t strips = divide_up(problem.weight->features(), geometry.strip_columns);
        scaled_hidden_ = make_buffer(strips * strip_stride_);
        packed_hidden_ = make_buffer(strips * strip_stride_ * geometry.operand_bytes / float_bytes);
    }

    void run() {
        const std::int64_t step = trains_weight_ ? chunk_rows : std::max<std::int64_t>(1, std::ssize(rows_));
        for (std::int64_t first = 0; first < std::ssize(rows_); first += step) {
            const std::int64_t count = std::min(step, std::ssize(rows_) - first);
            pass_rows(first, count);
            if (trains_weight_) add_weight_gradient(first, count);
        }
    }

    double loss(std::span<double> nll_R) const {
        std::fill(nll_R.begin(), nll_R.end(), 0.0);
        double sum = 0;
        for (std::size_t i = 0; i < rows_.size(); ++i) {
            if (!nll_R.empty()) nll_R[rows_[i]] = outcomes_[i].nll;
            sum += weight_of(problem_, rows_[i]) * outcomes_[i].nll;
        }
        return sum;
    }

  private:
    /// Loss and dH of rows_[first, first + count).
    void pass_rows(std::int64_t first, std::int64_t count) {
        const std::int64_t panels = divide_up(count, kernel_.geometry.panel_rows);
        const int sharers = static_cast<int>(std::min(std::ssize(tiles_), panels));
#pragma omp parallel for num_threads(sharers) schedule(static, 1)
        for (int t = 0; t < sharers; ++t) {
            const std::int64_t end = panels * (t + 1) / sharers;
            for (std::int64_t panel = panels * t / sharers; panel < end; panel += tile_panels_)
                pass_tile(tiles_[t], first, count, panel, std::min(tile_panels_, end - panel));
        }
    }

    void pass_tile(Tile& tile, std::int64_t chunk_first, std::int64_t chunk_count, std::int64_t panel, std::int64_t panels) {
        const std::int64_t panel_rows = kernel_.geometry.panel_rows;
        const std::int64_t first = panel * panel_rows;
        const std::int64_t count = std::min(panels * panel_rows, chunk_count - first);
        tile.load(problem_, std::span(rows_).subspan(chunk_first + first, count),
                  trains_weight_ ? exponentials_.get() + panel * panel_stride_ : nullptr, panel_stride_);
        tile.pass_by(*problem_.weight);
        for (std::int64_t i = 0; i < count; ++i) {
            RowOutcome& outcome = outcomes_[chunk_first + first + i];
            outcome = tile.outcome(i);
            if (gradients_ != nullptr) tile.store_gradient(problem_, i, rows_[chunk_first + first + i], outcome, *gradients_);
        }
    }

    /// dW of rows_[first, first + count), whose exponentials are at hand.
    void add_weight_gradient(std::int64_t first, std::int64_t count) {
        const std::int64_t features = problem_.weight->features();
        const std::int64_t vocabulary = problem_.weight->vocabulary();
        const WeightGradient work{.rows = count,
                                  .padded_rows = round_up(count, kernel_.geometry.row_unit),
                                  .exponentials = exponentials_.get(),
                                  .panel_stride = panel_stride_,
                                  .hidden = packed_hidden_.get(),
                                  .features = features,
                                  .gradient = gradients_->weight_VE};
        const std::int64_t strips = divide_up(features, kernel_.geometry.strip_columns);
#pragma omp parallel for num_threads(problem_.threads) schedule(static)
        for (std::int64_t strip = 0; strip < strips; ++strip) pack_strip(first, work, strip);
#pragma omp parallel for num_threads(problem_.threads) schedule(static)
        for (std::int64_t entry = 0; entry < vocabulary; entry += gradient_entries) {
            const std::int64_t entries = std::min(gradient_entries, vocabulary - entry);
            kernel_.add_weight_gradient(work, entry, entries);
            subtract_targets(first, count, entry, entries);
        }
    }

    /// A strip of columns of H, rows scaled so that exponentials count as weighted probabilities.
    void pack_strip(std::int64_t first, const WeightGradient& work, std::int64_t strip) {
        const std::int64_t width = kernel_.geometry.strip_columns;
        float* scaled = scaled_hidden_.get() + strip * strip_stride_;
        std::fill_n(scaled, width * work.padded_rows, 0.0F);
        const std::int64_t columns = std::min(width, work.features - strip * width);
        for (std::int64_t i = 0; i < work.rows; ++i) {
            const std::int64_t row = rows_[first + i];
            const double scale = weight_of(problem_, row) * outcomes_[first + i].inverse_total;
            for (std::int64_t c = 0; c < columns; ++c)
                scaled[i * width + c] = static_cast<float>(scale * hidden_at(row, strip * width + c));
        }
        const std::int64_t packed_stride = width * work.padded_rows * kernel_.geometry.operand_bytes / float_bytes;
        kernel_.pack_strip(scaled, work.padded_rows, packed_hidden_.get() + strip * packed_stride);
    }

    void subtract_targets(std::int64_t first, std::int64_t count, std::int64_t entry, std::int64_t entries) {
        const std::int64_t features = problem_.weight->features();
        for (std::int64_t i = first; i < first + count; ++i) {
            const std::int64_t target = problem_.target_R[rows_[i]];
            if (target < entry || target >= entry + entries) continue;
            const double scale = weight_of(problem_, rows_[i]) * outcomes_[i].other_share;
            float* gradient = gradients_->weight_VE + target * features;
            for (std::int64_t e = 0; e < features; ++e) gradient[e] -= static_cast<float>(scale * hidden_at(rows_[i], e));
        }
    }

    float hidden_at(std::int64_t row, std::int64_t column) const {
        return base::load(problem_.dtype, problem_.hidden_RE, row * problem_.row_stride + column);
    }

    const Problem& problem_;
    const Gradients* gradients_;
    const LossKernel& kernel_;
    std::vector<std::int64_t> rows_;  ///< those that count
    std::vector<RowOutcome> outcomes_;
    bool trains_weight_;
    std::vector<Tile> tiles_;  ///< one a thread
    std::int64_t tile_panels_ = 0;
    std::int64_t panel_stride_ = 0;
    std::int64_t strip_stride_ = 0;
    Buffer exponentials_;                   ///< of a chunk, by panels
    Buffer scaled_hidden_, packed_hidden_;  ///< of a chunk, in strips
};

double compute(const Problem& problem, std::span<double> nll_R, const Gradients* gradients) {
    require_fits(problem, nll_R, gradients);
    if (gradients != nullptr) {
        for (std::int64_t r = 0; r < problem.rows; ++r) {
            if (weight_of(problem, r) == 0) clear_row(problem, r, *gradients);
        }
    }
    FusedLoss fused(problem, gradients);
    fused.run();
    return fused.loss(nll_R);
}

}  // namespace

double linear_cross_entropy(const Problem& problem, std::span<double> nll_R) {
    return compute(problem, nll_R, nullptr);
}

double linear_cross_entropy(const Problem& problem, std::span<double> nll_R, const Gradients& gradients) {
    return compute(problem, nll_R, &gradients);
}

double operations(const PackedWeight& weight, std::int64_t rows, int products) {
    return 2.0 * static_cast<double>(weight.vocabulary()) * static_cast<double>(weight.features()) * static_cast<double>(rows) * products;
}

}  // namespace plumb::kernels::loss
