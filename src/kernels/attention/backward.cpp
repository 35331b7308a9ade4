// SPDX-License-Identifier: Apache-2.0
// The driver of the fused backward pass. A task is one key head and one part of its blocks of keys: for each block all query heads that
// read it and all their tiles, so that dk and dv of the block stay in cache and are written once, while dq collects in the part's own
// buffer. When the parts of a head are done, their buffers are added in order. Heads are taken in groups whose packed rows fit the cache.
// The alternative, a pass over keys for dk and dv and one over queries for dq, needs no buffer but computes scores and their gradients
// twice: seven products in place of five.
#include "kernels/attention/backward.h"

#include <omp.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/attention/backward_operands.h"
#include "kernels/attention/backward_plan.h"
#include "kernels/attention/backward_tile.h"

namespace plumb::kernels::attention {
namespace {

class BackwardPass {
  public:
    BackwardPass(const Backward& backward, const BackwardKernel& kernel, const TileKernel& rows)
        : backward_(backward),
          problem_(backward.problem),
          shape_(problem_.shape),
          kernel_(kernel),
          rows_(rows),
          plan_(problem_, kernel),
          operands_(backward, plan_, kernel.key_unit, rows),
          dq_(make_buffer(plan_.key_heads_at_once * plan_.parts * plan_.dq_floats)) {
        for (int t = 0; t < problem_.threads; ++t) scratches_.emplace_back(plan_, shape_, problem_.bias.data != nullptr);
    }

    void run() {
        const std::int64_t rows = shape_.group() * shape_.queries;
        // Nothing below allocates or throws.
#pragma omp parallel num_threads(problem_.threads)
        {
            const BackwardScratch& scratch = scratches_[omp_get_thread_num()];
            for (std::int64_t first = 0; first < plan_.key_heads; first += plan_.key_heads_at_once) {
                const std::int64_t heads = std::min(plan_.key_heads_at_once, plan_.key_heads - first);
#pragma omp for schedule(static)
                for (std::int64_t row = 0; row < (shape_.keys == 0 ? 0 : heads * rows); ++row)
                    operands_.prepare_query(place(first, row / shape_.queries), row % shape_.queries, scratch);
#pragma omp for schedule(dynamic)
                for (std::int64_t task = 0; task < heads * plan_.parts; ++task)
                    differentiate(first, task / plan_.parts, task % plan_.parts, scratch);
#pragma omp for schedule(static)
                for (std::int64_t row = 0; row < heads * rows; ++row) write_query(place(first, row / shape_.queries), row % shape_.queries);
            }
        }
    }

  private:
    /// `slot`: which query head of the key heads at work, of which `first` is the first.
    Place place(std::int64_t first, std::int64_t slot) const {
        const std::int64_t head = first * shape_.group() + slot;
        return {.b = head / shape_.heads, .h = head % shape_.heads, .slot = slot};
    }

    /// dq of one part of the query head's key head.
    float* dq_of(const Place& place, std::int64_t part) const {
        const std::int64_t key_slot = place.slot / shape_.group();
        const std::int64_t member = place.slot % shape_.group();
        return dq_.get() + (key_slot * plan_.parts + part) * plan_.dq_floats + member * shape_.queries * plan_.dq_row;
    }

    /// One part of the blocks of a key head: writes dk and dv of its keys, and the part's dq.
    void differentiate(std::int64_t first_head, std::int64_t key_slot, std::int64_t part, const BackwardScratch& scratch) const {
        const std::int64_t b = (first_head + key_slot) / shape_.kv_heads();
        const std::int64_t g = (first_head + key_slot) % shape_.kv_heads();
        float* dq = dq_of({.slot = key_slot * shape_.group()}, part);
        std::fill(dq, dq + plan_.dq_floats, 0.0F);
        if (part == 0) clear_padded_keys(b, g, scratch);
        const std::int64_t keys = std::ssize(operands_.keys().of(b));
        for (std::int64_t first = part * plan_.block_keys; first < keys; first += plan_.parts * plan_.block_keys) {
            const std::int64_t block_keys = std::min(plan_.block_keys, keys - first);
            BackwardTile work = start_block(b, g, first, block_keys, scratch);
            for (std::int64_t member = 0; member < shape_.group(); ++member) {
                const Place head = place(first_head, key_slot * shape_.group() + member);
                for (std::int64_t n = 0; n < shape_.queries; n += plan_.tile_queries)
                    add_tile(head, part, {n, std::min(plan_.tile_queries, shape_.queries - n), first, block_keys}, work, scratch);
            }
            write_keys(b, g, first, block_keys, work.block);
        }
    }

    BackwardTile start_block(std::int64_t b, std::int64_t g, std::int64_t first, std::int64_t keys, const BackwardScratch& scratch) const {
        operands_.pack_keys(b, g, first, keys, scratch);
        kernel_.transpose(scratch.k_JD, plan_.k_row, keys, shape_.head_dim, scratch.k_DJ);
        kernel_.transpose(scratch.v_JE, plan_.v_row, keys, shape_.value_dim, scratch.v_EJ);
        std::fill(scratch.dk_JD, scratch.dk_JD + keys * plan_.k_row, 0.0F);
        std::fill(scratch.dv_JE, scratch.dv_JE + keys * plan_.v_row, 0.0F);
        BackwardTile work;
        work.head_dim = shape_.head_dim;
        work.value_dim = shape_.value_dim;
        work.score_factor = plan_.score_factor;
        work.exponent_scale = plan_.exponent_scale;
        work.block = {keys, scratch.k_JD, scratch.k_DJ, scratch.v_EJ, scratch.dk_JD, scratch.dv_JE, plan_.k_row, plan_.v_row};
        work.probability_TJ = scratch.probability_TJ;
        work.dscore_TJ = scratch.dscore_TJ;
        work.score_row = plan_.score_row;
        return work;
    }

    void add_tile(const Place& head, std::int64_t part, Area area, BackwardTile& work, const BackwardScratch& scratch) const {
        if (!operands_.find_visible(head.b, area, work.hidden, scratch)) return;
        work.block.keys = area.keys;
        work.tile = operands_.tile(head, area);
        work.tile.dq_TD = dq_of(head, part) + area.query * plan_.dq_row;
        work.tile.dq_row = plan_.dq_row;
        work.bias_TJ = operands_.pack_bias(head.b, head.h, area, scratch);
        work.hidden.only_visible = work.hidden.any && operands_.needs_care(work.tile, area.keys, scratch);
        kernel_.accumulate(work);
    }

    /// `sums` is spoilt.
    void write_row(float* sums, std::int64_t columns, float factor, void* target, std::int64_t first, std::int64_t column_stride) const {
        if (columns == 0) return;  // the target may be null then
        for (std::int64_t c = 0; c < columns; ++c) sums[c] *= factor;
        if (column_stride == 1) {
            rows_.narrow(problem_.dtype, sums, columns, base::advance(problem_.dtype, target, first));
        } else {
            for (std::int64_t c = 0; c < columns; ++c) base::store(problem_.dtype, target, first + c * column_stride, sums[c]);
        }
    }

    void write_key(std::int64_t b, std::int64_t g, std::int64_t m, float* dk_D, float* dv_E) const {
        const Strides& dk = backward_.dk_strides;
        const Strides& dv = backward_.dv_strides;
        write_row(dk_D, shape_.head_dim, static_cast<float>(effective_scale(problem_)), backward_.dk, row_offset(dk, b, g, m), dk.column);
        write_row(dv_E, shape_.value_dim, 1.0F, backward_.dv, row_offset(dv, b, g, m), dv.column);
    }

    void write_keys(std::int64_t b, std::int64_t g, std::int64_t first, std::int64_t keys, const KeyBlock& block) const {
        for (std::int64_t j = 0; j < keys; ++j)
            write_key(b, g, operands_.keys().of(b)[first + j], block.dk_JD + j * plan_.k_row, block.dv_JE + j * plan_.v_row);
    }

    void clear_padded_keys(std::int64_t b, std::int64_t g, const BackwardScratch& scratch) const {
        if (problem_.mask.kind != MaskKind::key_padding) return;
        for (std::int64_t m = 0; m < shape_.keys; ++m) {
            if (problem_.mask.hidden[b * shape_.keys + m] == 0) continue;
            std::fill(scratch.dk_JD, scratch.dk_JD + shape_.head_dim, 0.0F);
            std::fill(scratch.dv_JE, scratch.dv_JE + shape_.value_dim, 0.0F);
            write_key(b, g, m, scratch.dk_JD, scratch.dv_JE);
        }
    }

    void write_query(const Place& head, std::int64_t n) const {
        float* sums = dq_of(head, 0) + n * plan_.dq_row;
        for (std::int64_t part = 1; part < plan_.parts; ++part) {
            const float* more = dq_of(head, part) + n * plan_.dq_row;
            for (std::int64_t d = 0; d < shape_.head_dim; ++d) sums[d] += more[d];
        }
        const Strides& dq = backward_.dq_strides;
        write_row(sums, shape_.head_dim, static_cast<float>(effective_scale(problem_)), backward_.dq, row_offset(dq, head.b, head.h, n),
                  dq.column);
    }

    const Backward& backward_;
    const Problem& problem_;
    const Shape& shape_;
    const BackwardKernel& kernel_;
    const TileKernel& rows_;
    BackwardPlan plan_;
    BackwardOperands operands_;
    Buffer dq_;
    std::vector<BackwardScratch> scratches_;
};

void require(const void* pointer, std::int64_t numbers, const char* name, const char* what) {
    if (pointer != nullptr || numbers == 0) return;
    throw base::Error(base::ErrorKind::usage, std::string("attention backward: ") + name + " is a null pointer",
                      std::string("pass ") + what);
}

}  // namespace

void validate(const Backward& backward) {
    validate(backward.problem);
    const Shape& s = backward.problem.shape;
    const std::int64_t queries = s.batch * s.heads * s.queries;
    const std::int64_t keys = s.batch * s.kv_heads() * s.keys;
    if (s.keys > 0) {
        require(backward.out, queries * s.value_dim, "out", "the output of the forward pass");
        require(backward.lse, queries, "lse", "the log-sum-exps of the forward pass");
        require(backward.dout, queries * s.value_dim, "dout", "the gradient of the output");
    }
    require(backward.dq, queries * s.head_dim, "dq", "memory for the gradient of the queries");
    require(backward.dk, keys * s.head_dim, "dk", "memory for the gradient of the keys");
    require(backward.dv, keys * s.value_dim, "dv", "memory for the gradient of the values");
}

double backward_operations(const Problem& problem) {
    const Shape& s = problem.shape;
    // Two products over value_dim (dO v, dv) and three over head_dim (q k, dk, dq), where forward has one of each.
    return operations(problem) / static_cast<double>(s.head_dim + s.value_dim) * static_cast<double>(3 * s.head_dim + 2 * s.value_dim);
}

void fused_backward(const Backward& backward) {
    validate(backward);
    if (backward.problem.precision != Precision::highest) {
        throw base::Error(base::ErrorKind::unsupported,
                          "the backward pass in precision '" + std::string(name(backward.problem.precision)) + "'",
                          "precision highest is the one it has");
    }
    const Isa isa = current_isa();
    BackwardPass(backward, backward_kernel(isa), tile_kernel(isa)).run();
}

}  // namespace plumb::kernels::attention
