// SPDX-License-Identifier: Apache-2.0
// The driver of attention on AMX tiles: packs heads and queries, runs tasks on threads, writes outputs. amx_tile.cpp is the arithmetic.
#include "kernels/attention/amx.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>
#include <vector>

#include "kernels/attention/amx_heads.h"
#include "kernels/attention/amx_run.h"
#include "kernels/attention/masks.h"
#include "kernels/attention/tile.h"
#include "kernels/isa.h"

namespace plumb::kernels::attention {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

/// Where fused() writes.
struct Outputs {
    void* out = nullptr;
    Strides strides;
    float* lse_BHN = nullptr;
};

bool sees_some(const AmxRow& row) {
    if (row.hidden == nullptr) return row.begin < row.end;
    return std::find(row.hidden + row.begin, row.hidden + row.end, std::uint8_t{0}) != row.hidden + row.end;
}

/// Goes through a problem that has some output.
class AmxRun {
  public:
    AmxRun(const Problem& problem, const Outputs& outputs)
        : problem_(problem),
          outputs_(outputs),
          arithmetic_(*amx_kernel()),
          keys_(problem),
          plan_(make_amx_plan(problem)),
          heads_(problem, keys_, plan_),
          scale_(effective_scale(problem)),
          score_scale_(problem.bias.data != nullptr ? 1.0 : std::abs(scale_)) {
        for (int t = 0; t < plan_.threads; ++t) workspaces_.push_back(std::make_unique<AmxWorkspace>(plan_, problem.bias.data != nullptr));
    }

    /// Nothing in here allocates or throws.
    void all() {
#pragma omp parallel num_threads(plan_.threads)
        {
            AmxWorkspace& workspace = *workspaces_[static_cast<std::size_t>(omp_get_thread_num())];
            for (std::int64_t first_head = 0; first_head < plan_.key_heads; first_head += plan_.heads_at_once) {
                const std::int64_t heads = std::min(plan_.heads_at_once, plan_.key_heads - first_head);
#pragma omp for schedule(static)
                for (std::int64_t slot = 0; slot < heads; ++slot) heads_.pack(first_head + slot, slot, workspace.wide);
#pragma omp for schedule(dynamic)
                for (std::int64_t task = 0; task < heads * plan_.tasks; ++task)
                    run_task(first_head + task / plan_.tasks, task / plan_.tasks, task % plan_.tasks, workspace);
            }
        }
    }

  private:
    AmxQuery query_at(std::int64_t key_head, std::int64_t row) const {
        const Shape& s = problem_.shape;
        return {.b = key_head / s.kv_heads(), .h = key_head % s.kv_heads() * s.group() + row / s.queries, .n = row % s.queries};
    }

    void run_task(std::int64_t key_head, std::int64_t slot, std::int64_t index, AmxWorkspace& workspace) const {
        const std::int64_t first_row = index * plan_.task_rows();
        const std::int64_t rows = std::min(plan_.task_rows(), plan_.rows - first_row);
        const std::int64_t blocks = divide_up(rows, amx_rows);
        for (std::int64_t i = 0; i < blocks; ++i) make_block(key_head, first_row + i * amx_rows, i, workspace);
        arithmetic_.attend(make_task(key_head, slot, blocks, workspace), workspace.scratch);
        for (std::int64_t i = 0; i < blocks; ++i) {
            const bool finite = heads_.values_finite(slot);
            finish_block(key_head, first_row + i * amx_rows, workspace.blocks[i], finite, workspace);
        }
    }

    AmxTask make_task(std::int64_t key_head, std::int64_t slot, std::int64_t blocks, AmxWorkspace& workspace) const {
        const std::int64_t b = key_head / problem_.shape.kv_heads();
        AmxTask task;
        task.blocks = workspace.blocks;
        task.block_count = blocks;
        task.parts = plan_.parts;
        task.head_steps = plan_.head_steps;
        task.value_units = plan_.value_units;
        task.keys = heads_.keys(slot);
        task.values = heads_.values(slot);
        task.key_count = std::ssize(keys_.of(b));
        constexpr double largest = std::numeric_limits<float>::max();  // of an infinite factor, 0 x inf would be NaN
        task.exponent_scale = static_cast<float>(std::min(score_scale_ * std::numbers::log2e, largest));
        task.bias_scale = static_cast<float>(std::abs(scale_));
        task.bias_column = problem_.bias.strides.column;
        task.key_index = keys_.index(b);
        return task;
    }

    /// Up to 32 rows of the key head from `row` on. A negative scale turns the signs of q, so that a larger product is a larger score.
    void make_block(std::int64_t key_head, std::int64_t row, std::int64_t index, AmxWorkspace& workspace) const {
        const std::int64_t count = std::min(amx_rows, plan_.rows - row);
        const std::int64_t columns = plan_.head_columns();
        for (std::int64_t t = 0; t < amx_rows; ++t) {
            float* wide = workspace.wide + t * columns;
            const AmxQuery query = query_at(key_head, std::min(row + t, plan_.rows - 1));
            widen_padded(problem_, problem_.q, query.place(problem_.q_strides), problem_.q_strides.column,
                         t < count ? problem_.shape.head_dim : 0, columns, wide);
            if (scale_ < 0) std::transform(wide, wide + columns, wide, [](float number) { return -number; });
            workspace.rows[index * amx_rows + t] = make_row(query);
        }
        for (int half = 0; half < 2; ++half)
            arithmetic_.pack_queries(workspace.wide + half * amx_unit * columns, plan_.head_steps, plan_.parts, half,
                                     workspace.query[index]);
        workspace.blocks[index].row_count = count;
    }

    AmxRow make_row(const AmxQuery& query) const {
        KeyRange sees{0, std::ssize(keys_.of(query.b))};
        if (is_positional(problem_.mask)) sees = keys_.listed(query.b, range_of(problem_, query.n));
        AmxRow row{.begin = sees.begin, .end = std::max(sees.begin, sees.end), .hidden = nullptr, .bias = nullptr};
        if (problem_.bias.data != nullptr) row.bias = problem_.bias.data + query.place(problem_.bias.strides);
        if (problem_.mask.kind == MaskKind::boolean)
            row.hidden = problem_.mask.hidden + (query.b * problem_.shape.queries + query.n) * problem_.shape.keys;
        return row;
    }

    /// Natural log of the sum over visible keys, in fp64 because maximum and log may cancel. A sum of 0 of a row that sees keys means that
    /// all their scores are -inf, and softmax is 0 / 0.
    double log_sum(const AmxBlock& block, std::int64_t t) const {
        const double sum = block.sum_T[t];
        if (sum == 0) return sees_some(block.rows[t]) ? undefined : -infinity;
        return std::log(sum) + score_scale_ * static_cast<double>(block.maximum_T[t]);
    }

    /// Writes the rows of a block and their log-sum-exps.
    void finish_block(std::int64_t key_head, std::int64_t row, const AmxBlock& block, bool values_finite, AmxWorkspace& workspace) const {
        for (std::int64_t t = 0; t < amx_rows; ++t) {
            const float sum = block.sum_T[t];
            const bool defined = t >= block.row_count || sum != 0 || !sees_some(block.rows[t]);
            workspace.factor_T[t] = !defined ? static_cast<float>(undefined) : sum == 0 ? 0.0F : 1.0F / sum;
        }
        arithmetic_.normalise(block.output_ET, plan_.value_units, workspace.factor_T, workspace.wide);
        const std::int64_t column = outputs_.strides.column;
        for (std::int64_t t = 0; t < block.row_count; ++t) {
            AmxQuery query = query_at(key_head, row + t);
            query.lse = log_sum(block, t);
            const std::int64_t first = query.place(outputs_.strides);
            write_row(first, workspace.wide + t * plan_.value_columns());
            if (!values_finite) put_back_infinite(problem_, query, outputs_.out, first, column);
            if (outputs_.lse_BHN == nullptr) continue;
            outputs_.lse_BHN[(query.b * problem_.shape.heads + query.h) * problem_.shape.queries + query.n] = static_cast<float>(query.lse);
        }
    }

    void write_row(std::int64_t first, const float* row_E) const {
        if (outputs_.strides.column == 1) {
            void* out = base::advance(problem_.dtype, outputs_.out, first);
            tile_kernel(Isa::avx512).narrow(problem_.dtype, row_E, problem_.shape.value_dim, out);
        } else {
            for (std::int64_t e = 0; e < problem_.shape.value_dim; ++e)
                base::store(problem_.dtype, outputs_.out, first + e * outputs_.strides.column, row_E[e]);
        }
    }

    const Problem& problem_;
    const Outputs outputs_;
    const AmxKernel& arithmetic_;
    const KeyLists keys_;
    const AmxPlan plan_;
    AmxHeads heads_;
    const double scale_;
    const double score_scale_;  ///< of the kernel's scores
    std::vector<std::unique_ptr<AmxWorkspace>> workspaces_;
};

}  // namespace

std::string fused_precision_reason(Precision precision) {
    if (precision == Precision::highest) return {};
    const std::string asked = "fused attention of precision " + std::string(name(precision)) + " needs AMX, but ";
    if (const std::string_view lacking = why_not(Isa::amx); !lacking.empty()) return asked + std::string(lacking);
    if (current_isa() != Isa::amx) return asked + "the instruction set in use is " + std::string(name(current_isa()));
    // Asked last: its file is compiled for AMX.
    if (amx_kernel() == nullptr) return asked + "this program was built without it";
    return {};
}

void fused_amx(const Problem& problem, void* out, const Strides& out_strides, float* lse_BHN) {
    AmxRun(problem, {out, out_strides, lse_BHN}).all();
}

}  // namespace plumb::kernels::attention
