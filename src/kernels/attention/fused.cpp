// SPDX-License-Identifier: Apache-2.0
// The driver of the fused kernel: runs tiles on threads, merges the states of splits. prepare.h says how the work is cut and how keys and
// values reach the tiles, tile.h what a tile is.
#include <omp.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "kernels/attention/amx.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/masks.h"
#include "kernels/attention/prepare.h"
#include "kernels/attention/rows.h"
#include "kernels/attention/tile.h"
#include "kernels/attention/workspace.h"

namespace plumb::kernels::attention {
namespace {

void require_offered(Precision precision) {
    const std::string reason = fused_precision_reason(precision);
    if (!reason.empty()) throw base::Error(base::ErrorKind::unsupported, reason, "leave precision at highest");
}

/// Runs every tile of a problem that has some.
class Run {
  public:
    Run(const Problem& problem, const Outputs& outputs)
        : problem_(problem),
          outputs_(outputs),
          kernel_(tile_kernel(current_isa())),
          keys_(problem),
          plan_(make_plan(problem, keys_, kernel_)),
          packed_(make_packed_heads(problem, plan_)),
          prepared_(plan_.heads_at_once) {
        for (int t = 0; t < plan_.threads; ++t) workspaces_.emplace_back(plan_, problem, kernel_);
        if (plan_.splits > 1) states_ = make_buffer(plan_.heads_at_once * plan_.tiles * plan_.splits * state_floats(plan_));
    }

    /// Nothing in here allocates or throws.
    void all() {
#pragma omp parallel num_threads(plan_.threads)
        {
            Workspace& workspace = workspaces_[omp_get_thread_num()];
            for (std::int64_t first_head = 0; first_head < plan_.key_heads; first_head += plan_.heads_at_once) {
                const std::int64_t heads = std::min(plan_.heads_at_once, plan_.key_heads - first_head);
#pragma omp for schedule(static)
                for (std::int64_t slot = 0; slot < heads; ++slot)
                    prepared_[slot] = prepare_head(problem_, plan_, kernel_, first_head + slot, slot, keys_, packed_);
#pragma omp for schedule(dynamic)
                for (std::int64_t task = 0; task < heads * plan_.tiles * plan_.splits; ++task) accumulate(first_head, task, workspace);
                if (plan_.splits == 1) continue;
#pragma omp for schedule(dynamic)
                for (std::int64_t task = 0; task < heads * plan_.tiles; ++task) merge_splits(first_head, task, workspace);
            }
        }
    }

  private:
    RowState split_state(std::int64_t task) const {
        return make_state(plan_, states_.get() + task * state_floats(plan_));
    }

    Tile tile_of(std::int64_t first_head, std::int64_t tile, std::int64_t split, Workspace& workspace) const {
        const std::int64_t slot = tile / plan_.tiles;
        return make_tile(problem_, plan_, keys_, prepared_[slot], first_head + slot, tile % plan_.tiles, split, outputs_, workspace.rows);
    }

    void accumulate(std::int64_t first_head, std::int64_t task, Workspace& workspace) const {
        const Tile tile = tile_of(first_head, task / plan_.splits, task % plan_.splits, workspace);
        const RowState state = plan_.splits == 1 ? workspace.state : split_state(task);
        (plan_.few_rows ? kernel_.accumulate_few : kernel_.accumulate)(tile, workspace.scratch, state);
        if (plan_.splits == 1) kernel_.finish(tile, state);
    }

    void merge_splits(std::int64_t first_head, std::int64_t task, Workspace& workspace) const {
        const Tile tile = tile_of(first_head, task, 0, workspace);
        const RowState state = split_state(task * plan_.splits);
        for (std::int64_t split = 1; split < plan_.splits; ++split) kernel_.merge(tile, split_state(task * plan_.splits + split), state);
        kernel_.finish(tile, state);
    }

    const Problem& problem_;
    const Outputs outputs_;
    const TileKernel& kernel_;
    const KeyLists keys_;
    const Plan plan_;
    const PackedHeads packed_;
    std::vector<PreparedHead> prepared_;
    std::vector<Workspace> workspaces_;
    Buffer states_;
};

}  // namespace

void fused(const Problem& problem, void* out, const Strides& out_strides, float* lse_BHN) {
    validate(problem);
    require_offered(problem.precision);
    const Shape& s = problem.shape;
    if (s.batch == 0 || s.heads == 0 || s.queries == 0) return;
    if (s.value_dim == 0 && lse_BHN == nullptr) return;
    if (problem.precision != Precision::highest) {
        fused_amx(problem, out, out_strides, lse_BHN);
        return;
    }
    Run(problem, {out, out_strides, lse_BHN}).all();
}

}  // namespace plumb::kernels::attention
