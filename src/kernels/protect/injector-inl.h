// SPDX-License-Identifier: Apache-2.0
// Puts one fault into a guarded tile, at the place in the computation that its site names. Included once per instruction set.
//
// Numbers stand with rows in lanes, so the neighbours of a burst are the three next rows, and the lane of a stuck bit is the row modulo the
// lanes of a vector. A transient fault strikes in the first run alone; stuck and intermittent ones in every run.
#if defined(PLUMB_PROTECT_INJECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_PROTECT_INJECTOR_INL_H_
#undef PLUMB_PROTECT_INJECTOR_INL_H_
#else
#define PLUMB_PROTECT_INJECTOR_INL_H_
#endif

#include <algorithm>

#include "kernels/protect/guarded-few-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::protect::HWY_NAMESPACE {

class Injector {
  public:
    static constexpr bool present = true;
    explicit Injector(const Guard& guard) : guard_(guard), fault_(*guard.fault) {
        here_ = fault_.key_head == guard.key_head || repeats(fault_.model);
        now_ = guard.run == 0 || repeats(fault_.model) || (guard.run == 1 && fault_.site == Site::recomputed_output);
    }

    // Rows in lanes.

    bool skips(const SubTile& sub, const Block& block) const {
        return fault_.site == Site::skipped_block && strikes_block(block) && row_in(sub.first_row, sub.rows) >= 0;
    }
    void before_scores(const SubTile& sub, const Block& block) const {
        if (fault_.site != Site::query) return;
        const std::int64_t t = row_in(sub.first_row, sub.rows);
        // Neighbours in memory are the next rows.
        if (t >= 0 && strikes_block(block)) strike(sub.query_DT + fault_.column * sub.padded_rows, t, sub.rows);
    }
    void after_scores(const SubTile& sub, const Block& block, const attention::TileScratch& scratch) const {
        if (fault_.site != Site::score && fault_.site != Site::score_stored) return;
        strike_scores(sub, block, scratch);
        if (fault_.site == Site::score_stored) return;
        arithmetic::rewrite_scores(scratch, sub.padded_rows, block.keys,
                                   [](std::int64_t, std::int64_t, Vector score) HWY_ATTR { return score; });
    }
    Vector correction(Vector correction, const SubTile& sub, const Block& block, std::int64_t at) const {
        return fault_.site == Site::correction ? strike_lanes(correction, sub, block, at) : correction;
    }
    Vector exponential(Vector probability, const SubTile& sub, const Block& block, std::int64_t j, std::int64_t at) const {
        if (fault_.site != Site::exponential || !strikes_key(block, j)) return probability;
        return strike_lanes(probability, sub, block, at);
    }
    void after_softmax(const SubTile& sub, const Block& block, const attention::TileScratch& scratch, const GuardState& state) const {
        if (fault_.site == Site::probability) strike_scores(sub, block, scratch);
        float* row_numbers = fault_.site == Site::maximum      ? sub.state.maximum_T
                             : fault_.site == Site::row_sum    ? sub.state.sum_T
                             : fault_.site == Site::output_sum ? state.output_sum_T
                                                               : nullptr;
        const std::int64_t t = row_in(sub.first_row, sub.rows);
        if (row_numbers != nullptr && t >= 0 && strikes_block(block)) strike(row_numbers, t, sub.rows);
    }
    void after_outputs(const SubTile& sub, const Block& block) const {
        const std::int64_t t = row_in(sub.first_row, sub.rows);
        if (t < 0) return;
        strike_outputs(sub.state.output_TP + t * arithmetic::padded_values(*sub.tile), block);
    }

    // Numbers of a row in lanes.

    bool skips_few(const Block& block) const {
        return fault_.site == Site::skipped_block && strikes_block(block) && row_in(0, arithmetic::most_few_rows) >= 0;
    }
    void before_scores_few(const FewRows& few, const Block& block) const {
        const std::int64_t t = row_in(0, few.rows());
        if (fault_.site == Site::query && t >= 0 && strikes_block(block))
            strike(few.scratch->query_DT + t * few.head_columns, fault_.column, few.head_columns);
    }
    void after_scores_few(const FewRows& few, const Block& block) const {
        if (fault_.site == Site::score || fault_.site == Site::score_stored) strike_scores_few(few, block, row_in(0, few.rows()));
    }
    void after_softmax_few(const FewRows& few, const Block& block, std::int64_t t, float& correction) const {
        if (row_in(0, few.rows()) != t) return;
        if (fault_.site == Site::exponential) strike_scores_few(few, block, t);
        if (!strikes_block(block)) return;
        if (fault_.site == Site::correction) correction = corrupted(correction, fault_);
        if (fault_.site == Site::maximum) few.state.maximum_T[t] = corrupted(few.state.maximum_T[t], fault_);
    }
    void after_sums_few(const FewRows& few, const Block& block, std::int64_t t, const GuardState& state) const {
        if (row_in(0, few.rows()) != t) return;
        if (fault_.site == Site::probability) strike_scores_few(few, block, t);
        if (!strikes_block(block)) return;
        if (fault_.site == Site::row_sum) few.state.sum_T[t] = corrupted(few.state.sum_T[t], fault_);
        if (fault_.site == Site::output_sum) state.output_sum_T[t] = corrupted(state.output_sum_T[t], fault_);
    }
    void after_outputs_few(const FewRows& few, const Block& block) const {
        const std::int64_t t = row_in(0, few.rows());
        if (t >= 0) strike_outputs(few.state.output_TP + t * few.value_columns, block);
    }

    // The end of rows.

    float normaliser(float factor, std::int64_t t) const {
        if (fault_.site != Site::normaliser || !here_ || !now_) return factor;
        const bool struck = fault_.model == FaultModel::stuck_lane ? lane(t) == lane(fault_.row) : in_burst(t + guard_.first_row);
        return struck ? corrupted(factor, fault_, place(t + guard_.first_row)) : factor;
    }
    void stored_output(const attention::Tile& tile, std::int64_t t) const {
        if (fault_.site != Site::stored_output || !here_ || !now_ || t + guard_.first_row != fault_.row) return;
        const std::int64_t last = fault_.model == FaultModel::burst ? std::min(fault_.column + 4, tile.value_dim) : fault_.column + 1;
        for (std::int64_t e = fault_.column; e < last; ++e) {
            void* out = tile.rows[t].out;
            const auto neighbour = static_cast<std::uint64_t>(e - fault_.column);
            if (tile.dtype == base::Dtype::fp32) {
                float& number = static_cast<float*>(out)[e * tile.out_column];
                number = corrupted(number, fault_, neighbour);
            } else {
                std::uint16_t& number = static_cast<std::uint16_t*>(out)[e * tile.out_column];
                number = corrupted(number, tile.dtype, fault_, neighbour);
            }
        }
    }

  private:
    static std::int64_t lane(std::int64_t index) { return index % lanes; }
    bool in_burst(std::int64_t row) const {
        const std::int64_t neighbours = fault_.model == FaultModel::burst ? 4 : 1;
        return row >= fault_.row && row < fault_.row + neighbours;
    }
    std::uint64_t place(std::int64_t row) const {
        return fault_.model == FaultModel::burst ? static_cast<std::uint64_t>(row - fault_.row) : 0;
    }
    /// The row of `rows` rows from row `first` of the tile on that is struck; -1: none of them.
    std::int64_t row_in(std::int64_t first, std::int64_t rows) const {
        if (!here_ || !now_) return -1;
        if (fault_.model == FaultModel::stuck_lane) return lane(fault_.row) < rows ? lane(fault_.row) : -1;
        const std::int64_t t = fault_.row - guard_.first_row - first;
        return t >= 0 && t < rows ? t : -1;
    }
    bool strikes_block(const Block& block) const {
        if (!here_ || !now_) return false;
        if (repeats(fault_.model)) return shows_in_block(fault_, block.first / arithmetic::block_keys + 4096 * guard_.run);
        return fault_.key >= block.first && fault_.key < block.end();
    }
    bool strikes_key(const Block& block, std::int64_t j) const {
        if (!strikes_block(block)) return false;
        if (fault_.model == FaultModel::stuck_lane) return true;
        if (fault_.model == FaultModel::intermittent) return j == fault_.key % block.keys;
        return block.first + j == fault_.key;
    }

    /// Strikes number `at` of `count` neighbours: itself, its burst, or all numbers of its lane.
    void strike(float* numbers, std::int64_t at, std::int64_t count) const {
        if (fault_.model == FaultModel::stuck_lane) {
            for (std::int64_t i = lane(at); i < count; i += lanes) numbers[i] = corrupted(numbers[i], fault_);
            return;
        }
        const std::int64_t last = fault_.model == FaultModel::burst ? std::min(at + 4, count) : at + 1;
        for (std::int64_t i = at; i < last; ++i) numbers[i] = corrupted(numbers[i], fault_, static_cast<std::uint64_t>(i - at));
    }
    void strike_scores(const SubTile& sub, const Block& block, const attention::TileScratch& scratch) const {
        const std::int64_t t = row_in(sub.first_row, sub.rows);
        if (t < 0) return;
        for (std::int64_t j = 0; j < block.keys; ++j) {
            if (strikes_key(block, j)) strike(scratch.score_JT + j * sub.padded_rows, t, sub.rows);
        }
    }
    /// Neighbours are the next keys of the row.
    void strike_scores_few(const FewRows& few, const Block& block, std::int64_t t) const {
        if (t < 0 || !strikes_block(block)) return;
        const std::int64_t j = repeats(fault_.model) ? fault_.key % block.keys : fault_.key - block.first;
        strike(few.scores(t), j, block.keys);
    }
    Vector strike_lanes(Vector numbers, const SubTile& sub, const Block& block, std::int64_t at) const {
        const std::int64_t t = row_in(sub.first_row, sub.rows);
        if (t < 0 || !strikes_block(block)) return numbers;
        float kept[arithmetic::lanes];
        hn::StoreU(numbers, Floats(), kept);
        for (std::int64_t i = 0; i < lanes; ++i) {
            const bool struck = fault_.model == FaultModel::stuck_lane ? i == lane(t)
                                : fault_.model == FaultModel::burst    ? at + i >= t && at + i < std::min(t + 4, sub.rows)
                                                                       : at + i == t;
            if (struck)
                kept[i] = corrupted(kept[i], fault_, fault_.model == FaultModel::burst ? static_cast<std::uint64_t>(at + i - t) : 0);
        }
        return hn::LoadU(Floats(), kept);
    }
    void strike_outputs(float* row_P, const Block& block) const {
        if (!strikes_block(block)) return;
        const std::int64_t columns = (fault_.column / lanes + 1) * lanes;
        if (fault_.site == Site::output) strike(row_P, fault_.column, columns);
        if (fault_.site != Site::recomputed_output) return;
        if (guard_.run > 0) {
            strike(row_P, fault_.column, columns);
        } else {
            // No check misses it, so that there is a second run.
            row_P[fault_.column] = corrupted(row_P[fault_.column], {.model = FaultModel::nan});
        }
    }

    const Guard& guard_;
    const Fault& fault_;
    bool here_ = false;
    bool now_ = false;
};

}  // namespace plumb::kernels::protect::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
