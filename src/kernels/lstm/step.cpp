// SPDX-License-Identifier: Apache-2.0
// One step of the recurrence for one block of 16 units, once per instruction set.
//
// The product of B rows of state by a panel of W_hh goes in chunks of the sum, so that a chunk of the panel stays in the nearest cache
// while all rows use it; W_hh as a whole does not fit there and comes once a step from farther away, asked for one chunk ahead.
#include "kernels/lstm/step.h"

#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/lstm/step.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/attention/transpose-inl.h"
#include "kernels/gemm/register_tile-inl.h"
#include "kernels/lstm/activations-inl.h"
#include "kernels/lstm/layout.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::lstm::HWY_NAMESPACE {

using gemm::HWY_NAMESPACE::RegisterTile;

using gemm::HWY_NAMESPACE::ask_for_lines;
using gemm::HWY_NAMESPACE::cache_line_floats;
inline constexpr std::int64_t chunk_floats = 4096;  // of a panel: 16 kB

// Forward, a tile is the four gates of one vector of units: 3 x 4 sums, 3 numbers of h and one vector of W in 16 registers.
inline constexpr int forward_rows = HWY_TARGET == HWY_AVX3 ? 6 : 3;
inline constexpr int forward_vectors = 4;
inline constexpr std::int64_t forward_panels = block_units / lanes;
// Backward, as many vectors of units as rows of sums leave registers for.
inline constexpr int backward_rows = HWY_TARGET == HWY_AVX3 ? 12 : 6;
inline constexpr int backward_vectors = HWY_TARGET == HWY_AVX3 ? 1 : 2;
inline constexpr std::int64_t backward_width = backward_vectors * lanes;
inline constexpr std::int64_t backward_panels = block_units / backward_width;

/// Cache lines to ask for while something else is computed.
struct Ahead {
    const float* next;
    std::int64_t lines;
};

/// sums[r][v] = rows of a by one chunk of a panel; `add`: added to what sums hold.
template <int Rows, int Vectors>
HWY_INLINE void multiply_rows(const float* a, std::ptrdiff_t a_stride, const float* panel, std::int64_t steps, bool add, float* sums,
                              std::ptrdiff_t sums_stride, const Ahead& ahead) {
    RegisterTile<Rows, Vectors> tile;
    if (add) {
        tile.load(sums, sums_stride);
    } else {
        tile.clear();
    }
    const std::int64_t asking = std::min(steps, ahead.lines);
#pragma GCC unroll 2
    for (std::int64_t s = 0; s < asking; ++s) {
        ask_for_lines(ahead.next + s * cache_line_floats, 1);
        tile.step(a + s, a_stride, panel + s * Vectors * lanes);
    }
    tile.add_products(a + asking, a_stride, 1, panel + asking * Vectors * lanes, steps - asking);
    tile.store(sums, sums_stride);
}

/// The same for any number of rows up to Most.
template <int Most, int Vectors>
HWY_INLINE void multiply_up_to(std::int64_t rows, const float* a, std::ptrdiff_t a_stride, const float* panel, std::int64_t steps, bool add,
                               float* sums, std::ptrdiff_t sums_stride, const Ahead& ahead) {
    if (rows == Most) {
        multiply_rows<Most, Vectors>(a, a_stride, panel, steps, add, sums, sums_stride, ahead);
    } else if constexpr (Most > 1) {
        multiply_up_to<Most - 1, Vectors>(rows, a, a_stride, panel, steps, add, sums, sums_stride, ahead);
    }
}

/// sums[b] = a[b] panel for all rows, cut into groups as equal as can be: each keeps the multipliers busy only from some rows on.
template <int Most, int Vectors>
HWY_NOINLINE void multiply_panel(std::int64_t rows, const float* a, std::ptrdiff_t a_stride, const float* panel, std::int64_t steps,
                                 float* sums, std::ptrdiff_t sums_stride) {
    constexpr std::int64_t width = Vectors * lanes;
    const std::int64_t groups = (rows + Most - 1) / Most;
    constexpr std::int64_t chunk_steps = chunk_floats / width;
    for (std::int64_t first = 0; first < steps; first += chunk_steps) {
        const std::int64_t chunk = std::min(chunk_steps, steps - first);
        const std::int64_t next_lines = chunk_steps * width / cache_line_floats;
        const std::int64_t lines = (next_lines + groups - 1) / groups;
        const float* here = panel + first * width;
        std::int64_t row = 0;
        for (std::int64_t g = 0; g < groups; ++g) {
            const std::int64_t count = (rows - row + groups - g - 1) / (groups - g);
            const Ahead ahead{here + chunk * width + g * lines * cache_line_floats, lines};
            multiply_up_to<Most, Vectors>(count, a + row * a_stride + first, a_stride, here, chunk, first > 0, sums + row * sums_stride,
                                          sums_stride, ahead);
            row += count;
        }
    }
}

/// Panel after panel of `lanes` units: for each number of h the four gates' weights. Padding gets those of the last unit: work that nobody
/// reads.
void pack_forward(const float* w_hh_GH, std::int64_t hidden, std::int64_t block, float* packed) {
    for (std::int64_t panel = 0; panel < forward_panels; ++panel, packed += hidden * 4 * lanes) {
        for (std::int64_t q = 0; q < 4; ++q) {
            const float* row[lanes];
            for (std::int64_t j = 0; j < lanes; ++j) {
                const std::int64_t u = std::min(block * block_units + panel * lanes + j, hidden - 1);
                row[j] = w_hh_GH + (q * hidden + u) * hidden;
            }
            std::int64_t k = 0;
            float* target = packed + q * lanes;
#if HWY_TARGET != HWY_SCALAR
            namespace shared = attention::HWY_NAMESPACE;
            for (; k + 4 <= hidden; k += 4) shared::transpose_four_columns(row, k, shared::Unchanged(), target + k * 4 * lanes, 4 * lanes);
#endif
            for (; k < hidden; ++k) {
                for (std::int64_t j = 0; j < lanes; ++j) target[k * 4 * lanes + j] = row[j][k];
            }
        }
    }
}

/// Panel after panel of `backward_width` units: for each column of gates the weights that lead to them. Padding, either way, gets zeros.
void pack_backward(const float* w_hh_GH, std::int64_t hidden, std::int64_t block, float* packed) {
    const std::int64_t blocks = (hidden + block_units - 1) / block_units;
    const std::int64_t first = block * block_units;
    for (std::int64_t panel = 0; panel < backward_panels; ++panel) {
        const std::int64_t unit = first + panel * backward_width;
        const std::int64_t present = std::clamp<std::int64_t>(hidden - unit, 0, backward_width);
        for (std::int64_t j = 0; j < blocks * block_gates; ++j, packed += backward_width) {
            const std::int64_t q = j % block_gates / block_units;
            const std::int64_t u = j / block_gates * block_units + j % block_units;
            const std::int64_t taken = u < hidden ? present : 0;
            if (taken > 0) std::copy_n(w_hh_GH + (q * hidden + u) * hidden + unit, taken, packed);
            std::fill_n(packed + taken, backward_width - taken, 0.0F);
        }
    }
}

/// New states of `lanes` units of every sequence from the sums of their gates. `units`, `columns`: where they start in a row.
HWY_INLINE void update_states(const ForwardStep& step, std::int64_t units, std::int64_t columns, const float* sums) {
    const Floats d;
    for (std::int64_t b = 0; b < step.batch; ++b) {
        const float* projected = step.projected + (step.row_of == nullptr ? b : step.row_of[b]) * step.gate_stride + columns;
        float* gates = step.gates + b * step.gate_stride + columns;
        Vector before[4];
#pragma GCC unroll 4
        for (int q = 0; q < 4; ++q) {
            const Vector given = hn::Add(hn::LoadU(d, projected + q * block_units), hn::LoadU(d, step.bias + columns + q * block_units));
            before[q] = hn::Add(given, hn::LoadU(d, sums + (b * 4 + q) * lanes));
        }
        const Vector i = sigmoid(before[0]);
        const Vector f = sigmoid(before[1]);
        const Vector g = hyperbolic_tangent(before[2]);
        const Vector o = sigmoid(before[3]);
        const std::int64_t at = b * step.unit_stride + units;
        const Vector c = hn::MulAdd(f, hn::LoadU(d, step.c + at), hn::Mul(i, g));
        hn::StoreU(i, d, gates);
        hn::StoreU(f, d, gates + block_units);
        hn::StoreU(g, d, gates + 2 * block_units);
        hn::StoreU(o, d, gates + 3 * block_units);
        hn::StoreU(c, d, step.c_next + at);
        hn::StoreU(hn::Mul(o, hyperbolic_tangent(c)), d, step.h_next + at);
    }
}

void forward(const ForwardStep& step, std::int64_t block, const float* packed, float* sums) {
    for (std::int64_t panel = 0; panel < forward_panels; ++panel, packed += step.hidden * 4 * lanes) {
        multiply_panel<forward_rows, forward_vectors>(step.batch, step.h, step.unit_stride, packed, step.hidden, sums, 4 * lanes);
        update_states(step, block * block_units + panel * lanes, block * block_gates + panel * lanes, sums);
    }
}

void multiply_backward(const float* dgates, std::int64_t gate_stride, std::int64_t batch, std::int64_t gates, const float* packed,
                       float* sums) {
    for (std::int64_t panel = 0; panel < backward_panels; ++panel) {
        multiply_panel<backward_rows, backward_vectors>(batch, dgates, gate_stride, packed + panel * gates * backward_width, gates,
                                                        sums + panel * backward_width, block_units);
    }
}

void differentiate(const BackwardStep& step, std::int64_t block, const float* dh_B16) {
    const Floats d;
    const Vector one = hn::Set(d, 1.0F);
    for (std::int64_t unit = 0; unit < block_units; unit += lanes) {
        const std::int64_t columns = block * block_gates + unit;
        Vector sums[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
        for (std::int64_t b = 0; b < step.batch; ++b) {
            const float* gates = step.gates + b * step.gate_stride + columns;
            float* dgates = step.dgates + b * step.gate_stride + columns;
            const std::int64_t at = b * step.unit_stride + block * block_units + unit;
            const Vector i = hn::LoadU(d, gates);
            const Vector f = hn::LoadU(d, gates + block_units);
            const Vector g = hn::LoadU(d, gates + 2 * block_units);
            const Vector o = hn::LoadU(d, gates + 3 * block_units);
            const TanhAndSlope c = tanh_and_slope(hn::LoadU(d, step.c + at));
            const Vector dh = hn::LoadU(d, dh_B16 + b * block_units + unit);
            const Vector dc = hn::MulAdd(hn::Mul(dh, o), c.slope, hn::LoadU(d, step.dc + at));
            const Vector by[4] = {
                hn::Mul(hn::Mul(dc, g), hn::Mul(i, hn::Sub(one, i))),
                hn::Mul(hn::Mul(dc, hn::LoadU(d, step.c_before + at)), hn::Mul(f, hn::Sub(one, f))),
                hn::Mul(hn::Mul(dc, i), hn::NegMulAdd(g, g, one)),
                hn::Mul(hn::Mul(dh, c.tanh), hn::Mul(o, hn::Sub(one, o))),
            };
            hn::StoreU(hn::Mul(dc, f), d, step.dc + at);
#pragma GCC unroll 4
            for (int q = 0; q < 4; ++q) {
                hn::StoreU(by[q], d, dgates + q * block_units);
                sums[q] = hn::Add(sums[q], by[q]);
            }
        }
#pragma GCC unroll 4
        for (int q = 0; q < 4; ++q) {
            float* dbias = step.dbias + columns + q * block_units;
            hn::StoreU(hn::Add(hn::LoadU(d, dbias), sums[q]), d, dbias);
        }
    }
}

void sigmoid_of_all(float* numbers, std::int64_t count) {
    const Floats d;
    for (std::int64_t n = 0; n + lanes <= count; n += lanes) hn::StoreU(sigmoid(hn::LoadU(d, numbers + n)), d, numbers + n);
}

void tanh_of_all(float* numbers, std::int64_t count) {
    const Floats d;
    for (std::int64_t n = 0; n + lanes <= count; n += lanes) hn::StoreU(hyperbolic_tangent(hn::LoadU(d, numbers + n)), d, numbers + n);
}

inline constexpr StepKernel kernel = {.pack_forward = pack_forward,
                                      .pack_backward = pack_backward,
                                      .forward = forward,
                                      .multiply_backward = multiply_backward,
                                      .differentiate = differentiate,
                                      .sigmoid = sigmoid_of_all,
                                      .tanh = tanh_of_all};

}  // namespace plumb::kernels::lstm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::kernels::lstm {

const StepKernel& step_kernel(Isa isa) {
    return *PLUMB_FOR_ISA(isa, kernel);
}

}  // namespace plumb::kernels::lstm
#endif
