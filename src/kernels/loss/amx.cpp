// SPDX-License-Identifier: Apache-2.0
// The LossKernel of AMX tiles: operands, references and targets; amx_blocks.cpp is the arithmetic.
#include "kernels/loss/amx.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/dtype.h"
#include "kernels/attention/amx_kernel.h"
#include "kernels/loss/amx_kernel.h"

namespace plumb::kernels::loss {
namespace {

constexpr std::int64_t unit = attention::amx_unit;
constexpr std::int64_t step = attention::amx_step;
/// As in exponentials-inl.h.
constexpr float largest_excess = 8;

std::byte* bytes_of(float* memory) {
    return reinterpret_cast<std::byte*>(memory);
}
const std::byte* bytes_of(const float* memory) {
    return reinterpret_cast<const std::byte*>(memory);
}

/// Operands are as large as `parts` says; two copies of the weight, rows first, then columns.
template <int parts>
struct Operands {
    /// Both copies of a block stay in a second-level cache of 2 MB.
    static constexpr std::int64_t block = 512 / parts;

    static std::int64_t copy_bytes(const WeightBlock& b) { return b.padded * b.padded_features * 2 * parts; }

    static void pack_weight(const float* wide_VE, const WeightBlock& b, float* packed) {
        const attention::AmxKernel& pack = *attention::amx_kernel();
        std::byte* rows = bytes_of(packed);
        std::byte* columns = rows + copy_bytes(b);
        const std::int64_t steps = b.padded_features / step;
        const std::int64_t units = b.padded_features / unit;
        for (std::int64_t v = 0; v < b.padded; v += unit)
            pack.pack_keys(wide_VE + v * b.padded_features, steps, parts, rows + v / unit * attention::amx_key_unit_bytes(steps, parts));
        for (std::int64_t v = 0; v < b.padded; v += step)
            pack.pack_values(wide_VE + v * b.padded_features, units, parts,
                             columns + v / step * attention::amx_value_step_bytes(units, parts));
    }

    static void weight_row(const WeightBlock& b, std::int64_t entry, std::int64_t features, float* row) {
        const std::int64_t steps = b.padded_features / step;
        const std::byte* first = bytes_of(b.data) + entry / unit * attention::amx_key_unit_bytes(steps, parts) + entry % unit * step * 2;
        for (std::int64_t e = 0; e < features; ++e) {
            row[e] = 0;
            for (int part = 0; part < parts; ++part)
                row[e] += base::load(base::Dtype::bf16, first + (e / step * parts + part) * amx_tile_bytes, e % step);
        }
    }

    static void pack_hidden(const float* wide_RE, std::int64_t, std::int64_t padded_features, float* packed) {
        for (int half = 0; half < 2; ++half)
            attention::amx_kernel()->pack_queries(wide_RE + half * unit * padded_features, padded_features / step, parts, half,
                                                  bytes_of(packed));
    }

    static void pack_strip(const float* wide_RC, std::int64_t rows, float* packed) {
        amx_loss_kernel()->pack_strip(wide_RC, rows, parts, bytes_of(packed));
    }

    /// Multiplies what is kept of one row, `entries` exponentials, and splits it again.
    static void scale_kept(float* kept, std::int64_t row, std::int64_t entries, float factor) {
        for (std::int64_t v = 0; v < entries; ++v) {
            std::byte* tile = bytes_of(kept) + v / unit * parts * amx_tile_bytes;
            const std::int64_t at = v % unit * step + row;
            float exponential = 0;
            for (int part = 0; part < parts; ++part) exponential += base::load(base::Dtype::bf16, tile + part * amx_tile_bytes, at);
            exponential *= factor;
            for (int part = 0; part < parts; ++part) {
                base::store(base::Dtype::bf16, tile + part * amx_tile_bytes, at, exponential);
                exponential -= base::load(base::Dtype::bf16, tile + part * amx_tile_bytes, at);
            }
        }
    }

    static void move_reference(const Panel& panel, const WeightBlock& b, std::int64_t row, float maximum) {
        const float factor = std::exp(panel.reference[row] - maximum);
        panel.reference[row] = maximum;
        panel.total[row] *= factor;
        if (panel.sums != nullptr) {
            for (std::int64_t e = 0; e < b.padded_features; ++e) panel.sums[e * amx_panel_rows + row] *= factor;
        }
        if (panel.kept != nullptr) scale_kept(panel.kept, row, b.first, factor);
    }

    static void begin(const Panel& panel, const WeightBlock& b) {
        std::fill_n(panel.total, amx_panel_rows, 0.0);
        if (panel.sums != nullptr) std::fill_n(panel.sums, b.padded_features * amx_panel_rows, 0.0F);
    }

    static void update_references(const Panel& panel, const WeightBlock& b, const float* logits) {
        float maximum[amx_panel_rows];
        amx_loss_kernel()->find_maxima(logits, b.count, maximum);
        for (std::int64_t row = 0; row < amx_panel_rows; ++row) {
            if (b.first == 0) {
                panel.reference[row] = maximum[row];
            } else if (maximum[row] - panel.reference[row] > largest_excess) {
                move_reference(panel, b, row, maximum[row]);
            }
        }
    }

    /// Keeps the logits of the targets that stand in this block; they and the entries that pad it become -inf.
    static void take_out(const Panel& panel, const WeightBlock& b, float* logits) {
        constexpr float gone = -std::numeric_limits<float>::infinity();
        std::fill(logits + b.count * amx_panel_rows, logits + b.padded * amx_panel_rows, gone);
        for (std::int64_t row = 0; row < amx_panel_rows; ++row) {
            const std::int64_t v = panel.target[row] - b.first;
            if (v < 0 || v >= b.count) continue;
            panel.target_logit[row] = logits[v * amx_panel_rows + row];
            logits[v * amx_panel_rows + row] = gone;
        }
    }

    static void absorb(const Panel& panel, const WeightBlock& b) {
        const AmxLossKernel& arithmetic = *amx_loss_kernel();
        float* logits = panel.scratch;
        std::byte* exponentials = bytes_of(panel.scratch + block * amx_panel_rows);
        arithmetic.multiply_logits(bytes_of(b.data), bytes_of(panel.hidden), b.padded, b.padded_features / step, parts, logits);
        if (b.first == 0) begin(panel, b);
        update_references(panel, b, logits);
        take_out(panel, b, logits);
        float sums[amx_panel_rows];
        arithmetic.exponentiate(logits, b.padded, panel.reference, parts, exponentials, sums);
        for (std::int64_t row = 0; row < amx_panel_rows; ++row) panel.total[row] += sums[row];
        if (panel.kept != nullptr)
            arithmetic.keep(exponentials, b.padded, parts, bytes_of(panel.kept) + b.first * amx_panel_rows * 2 * parts);
        if (panel.sums != nullptr)
            arithmetic.multiply_sums(bytes_of(b.data) + copy_bytes(b), exponentials, b.padded, b.padded_features / unit, parts, panel.sums);
    }

    static void add_weight_gradient(const WeightGradient& work, std::int64_t first, std::int64_t count) {
        alignas(64) float products[amx_gradient_entries * step];
        const std::byte* kept = bytes_of(work.exponentials) + first * amx_panel_rows * 2 * parts;
        for (std::int64_t column = 0; column < work.features; column += step) {
            const std::byte* strip = bytes_of(work.hidden) + column * work.padded_rows * 2 * parts;
            amx_loss_kernel()->multiply_gradient(kept, work.panel_stride * float_bytes, strip, work.padded_rows / amx_panel_rows,
                                                 round_up(count, unit), parts, products);
            const std::int64_t columns = std::min(step, work.features - column);
            for (std::int64_t v = 0; v < count; ++v) {
                float* target = work.gradient + (first + v) * work.features + column;
                for (std::int64_t c = 0; c < columns; ++c) target[c] += products[v * step + c];
            }
        }
    }

    static constexpr LossKernel kernel = {.geometry = {.row_unit = amx_panel_rows,
                                                       .panel_rows = amx_panel_rows,
                                                       .block = block,
                                                       .entry_unit = step,
                                                       .feature_unit = step,
                                                       .strip_columns = step,
                                                       .weight_bytes = 4 * parts,
                                                       .operand_bytes = 2 * parts,
                                                       .scratch_floats = block * amx_panel_rows + block * amx_panel_rows * parts / 2},
                                          .pack_weight = pack_weight,
                                          .weight_row = weight_row,
                                          .pack_hidden = pack_hidden,
                                          .pack_strip = pack_strip,
                                          .absorb = absorb,
                                          .add_weight_gradient = add_weight_gradient};
};

}  // namespace

std::string precision_reason(attention::Precision precision) {
    if (precision == attention::Precision::highest) return {};
    const std::string asked = "fused loss of precision " + std::string(attention::name(precision)) + " needs AMX, but ";
    if (const std::string_view lacking = why_not(Isa::amx); !lacking.empty()) return asked + std::string(lacking);
    if (current_isa() != Isa::amx) return asked + "the instruction set in use is " + std::string(name(current_isa()));
    // Asked last: its file is compiled for AMX.
    if (amx_loss_kernel() == nullptr || attention::amx_kernel() == nullptr) return asked + "this program was built without it";
    return {};
}

const LossKernel& amx_kernel(attention::Precision precision) {
    return precision == attention::Precision::medium ? Operands<1>::kernel : Operands<2>::kernel;
}

}  // namespace plumb::kernels::loss
