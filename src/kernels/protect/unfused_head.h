// SPDX-License-Identifier: Apache-2.0
// One head of unfused attention, step by step, with the checks of a design. A template over what strikes: NoFaults (unfused.cpp) leaves
// nothing of it in the code that is timed, InjectedFault (unfused_faults.h) is used by unfused_inject.cpp alone.
//
// A run is 0 for what is computed first, 1 and 2 for what is computed again: a fault that does not repeat shows in run 0 only.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/protect/unfused_memory.h"
#include "kernels/protect/unfused_thresholds.h"

namespace plumb::kernels::protect {

struct NoFaults {
    static constexpr bool active = false;
};

/// Numbers of one alarm; the place is filled in by note_alarm().
struct Doubt {
    Alarm alarm = Alarm::scores;
    std::int64_t row = -1;
    double residual = 0;
    double threshold = 0;
};
/// Counts the alarm and keeps its evidence.
void note_alarm(Report& report, const HeadPlace& place, const Doubt& doubt, Outcome outcome);
/// Counts a comparison; false: it alarms. NaN alarms.
bool accept(Report& report, double residual, double threshold);

template <class Faults>
class UnfusedHead {
  public:
    UnfusedHead(const attention::Problem& problem, const Design& design, const Protection& protection, const Faults& faults,
                HeadMemory& memory)
        : problem_(problem), design_(design), protection_(protection), faults_(faults), memory_(memory), kernel_(*memory.kernel) {
        if (protection.level == Level::none) design_ = {};
    }

    /// Outputs are left in memory.out_NP.
    Report run(const HeadPlace& place) {
        place_ = place;
        report_ = {};
        memory_.pack(problem_, place);
        memory_.encode(design_);
        if constexpr (Faults::active) faults_.operands(memory_, place);
        make_scores();
        make_probabilities();
        make_outputs();
        return std::move(report_);
    }

  private:
    struct Panel {
        std::int64_t first = 0;
        std::int64_t rows = 0;
    };
    template <class Body>
    void for_panels(const Body& body) const {
        for (std::int64_t first = 0; first < memory_.queries; first += panel_rows)
            body(Panel{first, std::min(panel_rows, memory_.queries - first)});
    }
    Panel panel_of(std::int64_t row) const {
        const std::int64_t first = row / panel_rows * panel_rows;
        return {first, std::min(panel_rows, memory_.queries - first)};
    }
    float* scores_of(std::int64_t row) const { return memory_.scores_NM.get() + row * memory_.stride; }
    float* p_of(std::int64_t row) const { return memory_.p_NM.get() + row * memory_.stride; }
    float* out_of(std::int64_t row) const { return memory_.out_NP.get() + row * memory_.padded_values; }

    // Scores ------------------------------------------------------------------------------------------------------------------------

    void score_panel(const Panel& panel, int run, float* score_NM) {
        kernel_.scores(memory_.q_ND.get() + panel.first * memory_.head_dim, panel.rows, memory_.packed_keys.get(), memory_.keys,
                       memory_.head_dim, score_NM, memory_.stride);
        if constexpr (Faults::active) faults_.scores(memory_, place_, panel.first, panel.rows, run, score_NM);
    }

    void make_scores() {
        for_panels([&](const Panel& panel) {
            score_panel(panel, 0, scores_of(panel.first));
            if (design_.in_panels) check_score_rows(panel);
        });
        if (design_.in_panels) return;
        if (design_.scores == ScoreCheck::total) return check_score_total();
        if (design_.scores == ScoreCheck::columns) return check_score_columns();
        for_panels([&](const Panel& panel) { check_score_rows(panel); });
    }

    /// Residual and threshold of one row.
    Doubt doubt_score_row(std::int64_t row, const float* score_M) {
        const float* q_D = memory_.q_ND.get() + row * memory_.head_dim;
        const double found = kernel_.sum(score_M, memory_.keys);
        const double expected = kernel_.wide_dot(q_D, memory_.key_sums.sum_D.data(), memory_.head_dim);
        Doubt doubt{Alarm::scores, row, std::abs(found - expected), 0};
        if (design_.scores == ScoreCheck::rows) {
            const double magnitude = kernel_.wide_magnitude_dot(q_D, memory_.key_sums.magnitude_D.data(), memory_.head_dim);
            doubt.threshold = score_threshold(memory_, protection_.thresholds, magnitude, memory_.key_sums.effective_rows);
        } else if (design_.scores == ScoreCheck::equal) {
            doubt.residual = std::abs(static_cast<double>(static_cast<float>(found) - static_cast<float>(expected)));
        } else {
            doubt.threshold = 1;
            if (!(kernel_.largest(score_M, memory_.keys) <= 1e10F)) doubt.residual = HUGE_VAL;
        }
        return doubt;
    }

    void check_score_rows(const Panel& panel) {
        if (design_.scores == ScoreCheck::none) return;
        for (std::int64_t row = panel.first; row < panel.first + panel.rows; ++row) {
            const Doubt doubt = doubt_score_row(row, scores_of(row));
            if (!accept(report_, doubt.residual, doubt.threshold)) answer_scores(doubt, panel_of(row));
        }
    }

    void check_score_columns() {
        const auto keys = static_cast<std::size_t>(memory_.keys);
        memory_.column_M.assign(keys, 0.0);
        memory_.expected_M.resize(keys);
        memory_.bound_M.resize(keys);
        for_panels([&](const Panel& panel) {
            kernel_.add_rows(scores_of(panel.first), memory_.stride, panel.rows, memory_.keys, memory_.column_M.data());
        });
        const float* packed = memory_.packed_keys.get();
        kernel_.key_dots(packed, memory_.keys, memory_.head_dim, memory_.query_sums.sum_D.data(), memory_.expected_M.data());
        kernel_.key_magnitude_dots(packed, memory_.keys, memory_.head_dim, memory_.query_sums.magnitude_D.data(), memory_.bound_M.data());
        Doubt worst{};
        bool doubted = false;
        for (std::size_t m = 0; m < keys; ++m) {
            const double residual = std::abs(memory_.column_M[m] - memory_.expected_M[m]);
            const double threshold =
                score_threshold(memory_, protection_.thresholds, memory_.bound_M[m], memory_.query_sums.effective_rows);
            if (accept(report_, residual, threshold)) continue;
            if (!doubted) worst = {Alarm::scores, -1, residual, threshold};
            doubted = true;
        }
        if (doubted) answer_scores(worst, {0, memory_.queries});
    }

    void check_score_total() {
        double found = 0;
        for (std::int64_t row = 0; row < memory_.queries; ++row) found += kernel_.sum(scores_of(row), memory_.keys);
        double expected = 0, magnitude = 0;
        for (std::size_t c = 0; c < static_cast<std::size_t>(memory_.head_dim); ++c) {
            expected += memory_.query_sums.sum_D[c] * memory_.key_sums.sum_D[c];
            magnitude += memory_.query_sums.magnitude_D[c] * memory_.key_sums.magnitude_D[c];
        }
        const double effective = memory_.query_sums.effective_rows * memory_.key_sums.effective_rows;
        const Doubt doubt{Alarm::scores, -1, std::abs(found - expected),
                          score_threshold(memory_, protection_.thresholds, magnitude, effective)};
        if (!accept(report_, doubt.residual, doubt.threshold)) answer_scores(doubt, {0, memory_.queries});
    }

    void answer_scores(const Doubt& doubt, const Panel& rows) {
        if (!repairing()) return note_alarm(report_, place_, doubt, Outcome::detected);
        const Panel doubted = repack() ? Panel{0, memory_.queries} : rows;
        Outcome outcome = repair(doubted, memory_.second_NM.get(), memory_.third_NM.get(), memory_.scores_NM.get(), memory_.stride,
                                 memory_.keys, [&](const Panel& panel, int run, float* target) { score_panel(panel, run, target); });
        if (!score_fits(doubt)) outcome = Outcome::unresolved;
        note_alarm(report_, place_, doubt, outcome);
    }

    /// What was doubted passes its check now.
    bool score_fits(const Doubt& doubt) {
        if (doubt.row < 0) return true;
        const Doubt again = doubt_score_row(doubt.row, scores_of(doubt.row));
        return again.residual <= again.threshold;
    }

    // Softmax -----------------------------------------------------------------------------------------------------------------------

    void softmax_row(std::int64_t row, int run, float* p_M) {
        float* score_M = scores_of(row);
        float maximum = kernel_.maximum(score_M, memory_.keys);
        if constexpr (Faults::active) faults_.after_maximum(memory_, place_, row, run, maximum, score_M);
        float sum = kernel_.exponentials(score_M, memory_.keys, maximum, p_M);
        if constexpr (Faults::active) {
            if (faults_.exponentials(memory_, place_, row, run, p_M)) sum = kernel_.row_sum(p_M, memory_.keys);
            faults_.row_sum(place_, row, run, sum);
        }
        float normaliser = 1.0F / sum;
        if constexpr (Faults::active) faults_.normaliser(place_, row, run, normaliser);
        kernel_.scale(p_M, memory_.keys, normaliser);
    }

    bool same_row(const float* a, const float* b) const {
        return std::memcmp(a, b, static_cast<std::size_t>(memory_.keys) * sizeof(float)) == 0;
    }

    void make_probabilities() {
        for (std::int64_t row = 0; row < memory_.queries; ++row) {
            softmax_row(row, 0, p_of(row));
            if constexpr (Faults::active) faults_.probabilities(memory_, place_, row, true, p_of(row));
            if (design_.softmax == SoftmaxCheck::compared) {
                softmax_row(row, 1, memory_.second_NM.get());
                compare_row(row, memory_.second_NM.get());
            }
        }
        if (design_.softmax == SoftmaxCheck::stored) {
            const auto second = [&](std::int64_t row) { return memory_.second_NM.get() + row * memory_.stride; };
            for (std::int64_t row = 0; row < memory_.queries; ++row) softmax_row(row, 1, second(row));
            for (std::int64_t row = 0; row < memory_.queries; ++row) compare_row(row, second(row));
        }
        if constexpr (Faults::active) {
            for (std::int64_t row = 0; row < memory_.queries; ++row) faults_.probabilities(memory_, place_, row, false, p_of(row));
        }
    }

    void compare_row(std::int64_t row, const float* second_M) {
        ++report_.row_checks;
        if (same_row(p_of(row), second_M)) return;
        const Doubt doubt{Alarm::exponentials, row, 0, 0};
        if (!repairing()) return note_alarm(report_, place_, doubt, Outcome::detected);
        float* third_M = memory_.third_NM.get();
        softmax_row(row, 2, third_M);
        const bool decided = same_row(third_M, second_M) || same_row(third_M, p_of(row));
        std::copy_n(third_M, memory_.keys, p_of(row));
        note_alarm(report_, place_, doubt, decided ? Outcome::corrected : Outcome::unresolved);
    }

    // Outputs -----------------------------------------------------------------------------------------------------------------------

    void weigh_panel(const Panel& panel, int run, float* out_NP) {
        for (std::int64_t first = 0; first < memory_.keys; first += output_block_keys) {
            const std::int64_t count = std::min(output_block_keys, memory_.keys - first);
            if constexpr (Faults::active) {
                if (faults_.skips(place_, panel.first, panel.rows, first, count, run)) {
                    // What was there before the block stays; before the first one that is nothing.
                    if (first == 0) std::fill_n(out_NP, panel.rows * memory_.padded_values, 0.0F);
                    continue;
                }
            }
            kernel_.outputs(p_of(panel.first), panel.rows, memory_.stride, memory_.packed_values.get(), memory_.keys, first, count,
                            memory_.value_dim, out_NP);
            if constexpr (Faults::active) faults_.outputs(memory_, place_, panel.first, panel.rows, first, count, run, out_NP);
        }
    }

    void make_outputs() {
        for_panels([&](const Panel& panel) {
            weigh_panel(panel, 0, out_of(panel.first));
            if (design_.in_panels) check_output_rows(panel);
        });
        if (design_.in_panels) return;
        if (design_.outputs == OutputCheck::total) return check_output_total();
        for_panels([&](const Panel& panel) { check_output_rows(panel); });
    }

    double output_residual(std::int64_t row) {
        const double found = kernel_.sum(out_of(row), memory_.value_dim);
        double expected = kernel_.dot(p_of(row), memory_.value_sum_M.data(), memory_.keys);
        if constexpr (Faults::active) faults_.output_sum(place_, row, expected);
        return found - expected;
    }

    void check_output_rows(const Panel& panel) {
        if (design_.outputs == OutputCheck::none) return;
        const bool fixed = design_.outputs != OutputCheck::rows;
        const double threshold = fixed ? 1 : output_threshold(memory_, protection_.thresholds);
        for (std::int64_t row = panel.first; row < panel.first + panel.rows; ++row) {
            Doubt doubt{Alarm::outputs, row, std::abs(output_residual(row)), threshold};
            const bool extreme = design_.outputs == OutputCheck::extremes && !(kernel_.largest(out_of(row), memory_.value_dim) <= 1e10F);
            if (extreme) doubt.residual = HUGE_VAL;
            if (!accept(report_, doubt.residual, threshold)) answer_outputs(doubt, panel_of(row));
        }
    }

    void check_output_total() {
        double difference = 0;
        for (std::int64_t row = 0; row < memory_.queries; ++row) difference += output_residual(row);
        const auto rows = static_cast<double>(memory_.queries);
        const bool provable = protection_.thresholds == ThresholdKind::provable;
        const double threshold = output_threshold(memory_, protection_.thresholds) * (provable ? rows : std::sqrt(rows));
        const Doubt doubt{Alarm::outputs, -1, std::abs(difference), threshold};
        if (!accept(report_, doubt.residual, doubt.threshold)) answer_outputs(doubt, {0, memory_.queries});
    }

    void answer_outputs(const Doubt& doubt, const Panel& rows) {
        if (!repairing()) return note_alarm(report_, place_, doubt, Outcome::detected);
        const Panel doubted = repack() ? Panel{0, memory_.queries} : rows;
        Outcome outcome =
            repair(doubted, memory_.second_out_NP.get(), memory_.third_out_NP.get(), memory_.out_NP.get(), memory_.padded_values,
                   memory_.value_dim, [&](const Panel& panel, int run, float* target) { weigh_panel(panel, run, target); });
        // Rows that still do not fit what their probabilities say: neither run can be trusted.
        if (doubt.row >= 0 && !(std::abs(output_residual(doubt.row)) <= doubt.threshold)) outcome = Outcome::unresolved;
        note_alarm(report_, place_, doubt, outcome);
    }

    // Repair ------------------------------------------------------------------------------------------------------------------------

    bool repairing() const { return protection_.level == Level::correct && design_.repairs; }

    /// What is computed again starts from the caller's operands; their sums are made anew too. True: the operands in use were wrong, so
    /// that every row may be.
    bool repack() {
        const std::uint64_t before = memory_.digest();
        memory_.pack(problem_, place_);
        memory_.encode(design_);
        return memory_.digest() != before;
    }

    /// Panel by panel: made again, compared bit by bit, and where they differ a third run decides.
    template <class Make>
    Outcome repair(const Panel& rows, float* second, float* third, float* kept, std::int64_t row_stride, std::int64_t columns,
                   const Make& make) {
        const auto same = [&](const float* a, const float* b, std::int64_t count) {
            for (std::int64_t r = 0; r < count; ++r) {
                if (std::memcmp(a + r * row_stride, b + r * row_stride, static_cast<std::size_t>(columns) * sizeof(float)) != 0)
                    return false;
            }
            return true;
        };
        Outcome outcome = Outcome::false_alarm;
        for (std::int64_t first = rows.first; first < rows.first + rows.rows; first += panel_rows) {
            const Panel panel = panel_of(first);
            float* doubted = kept + first * row_stride;
            make(panel, 1, second);
            if (same(doubted, second, panel.rows)) continue;
            make(panel, 2, third);
            if (!same(second, third, panel.rows)) return Outcome::unresolved;
            for (std::int64_t r = 0; r < panel.rows; ++r) std::copy_n(second + r * row_stride, columns, doubted + r * row_stride);
            outcome = Outcome::corrected;
        }
        return outcome;
    }

    const attention::Problem& problem_;
    Design design_;
    Protection protection_;
    const Faults& faults_;
    HeadMemory& memory_;
    const UnfusedKernel& kernel_;
    HeadPlace place_;
    Report report_;
};

}  // namespace plumb::kernels::protect
