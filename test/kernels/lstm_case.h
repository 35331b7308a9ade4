// SPDX-License-Identifier: Apache-2.0
// A layer of an LSTM with everything it borrows, and what it gives.
#pragma once
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "base/random.h"
#include "kernels/lstm/lstm.h"
#include "kernels/lstm/plain.h"

namespace plumb::test {

/// Memory for all results; poisoned, so that a number that is not written shows.
struct LstmResult {
    explicit LstmResult(const kernels::lstm::Layer& layer)
        : gates(kernels::lstm::gate_floats(layer.shape), std::nanf("")), cells(kernels::lstm::cell_floats(layer.shape), std::nanf("")) {
        const kernels::lstm::Shape& s = layer.shape;
        const auto make = [](std::int64_t count) { return std::vector<float>(count, std::nanf("")); };
        values.h_BTH = make(s.batch * s.steps * s.hidden);
        values.h_last_BH = values.c_last_BH = values.dh0_BH = values.dc0_BH = make(s.batch * s.hidden);
        values.drows_RI = make(layer.input.rows * s.input);
        values.dw_ih_GI = make(4 * s.hidden * s.input);
        values.dw_hh_GH = make(4 * s.hidden * s.hidden);
        values.db_G = make(4 * s.hidden);
    }

    kernels::lstm::Trace trace() { return {gates.data(), cells.data()}; }
    kernels::lstm::Output output() { return {values.h_BTH.data(), values.h_last_BH.data(), values.c_last_BH.data()}; }
    kernels::lstm::Gradients gradients() {
        return {.rows_RI = values.drows_RI.data(),
                .w_ih_GI = values.dw_ih_GI.data(),
                .w_hh_GH = values.dw_hh_GH.data(),
                .b_G = values.db_G.data(),
                .h0_BH = values.dh0_BH.data(),
                .c0_BH = values.dc0_BH.data()};
    }

    std::vector<float> gates, cells;
    kernels::lstm::PlainResult<float> values;
};

template <class Real>
struct NamedNumbers {
    const char* name;
    const std::vector<Real>* numbers;
};
template <class Real>
std::vector<NamedNumbers<Real>> all_of(const kernels::lstm::PlainResult<Real>& r) {
    return {{"h", &r.h_BTH},        {"h_T", &r.h_last_BH}, {"c_T", &r.c_last_BH}, {"drows", &r.drows_RI}, {"dw_ih", &r.dw_ih_GI},
            {"dw_hh", &r.dw_hh_GH}, {"db", &r.db_G},       {"dh0", &r.dh0_BH},    {"dc0", &r.dc0_BH}};
}

struct LstmCase {
    /// Numbers of W and b uniform in +- scale / sqrt(H), as torch.nn.LSTM draws them for scale 1. `table_rows` > 0: positions read rows of
    /// a table of that size, their distinct ones once.
    LstmCase(const kernels::lstm::Shape& s, std::uint64_t seed, float scale = 1, std::int64_t table_rows = 0) : shape(s) {
        const base::RandomStream random(seed, "lstm");
        std::uint64_t next = 0;
        const auto draw = [&](std::int64_t count, float bound) {
            std::vector<float> numbers(count);
            random.fill_uniform(numbers, -bound, bound, next);
            next += numbers.size();
            return numbers;
        };
        const float bound = scale / std::sqrt(static_cast<float>(s.hidden));
        const std::int64_t positions = s.batch * s.steps;
        x = draw((table_rows > 0 ? table_rows : positions) * s.input, 2);
        w_ih = draw(4 * s.hidden * s.input, bound);
        w_hh = draw(4 * s.hidden * s.hidden, bound);
        b_ih = draw(4 * s.hidden, bound);
        b_hh = draw(4 * s.hidden, bound);
        h0 = draw(s.batch * s.hidden, 1);
        c0 = draw(s.batch * s.hidden, 2);
        dh = draw(positions * s.hidden, 1);
        dh_last = draw(s.batch * s.hidden, 1);
        dc_last = draw(s.batch * s.hidden, 1);
        if (table_rows == 0) return;
        for (std::int64_t n = 0; n < positions; ++n) ids.push_back(static_cast<std::int64_t>(random.below(next++, table_rows)));
        distinct = kernels::lstm::distinct_rows(ids, table_rows);
    }

    kernels::lstm::Layer layer(int threads = 1) const {
        kernels::lstm::Layer made;
        made.shape = shape;
        made.input = {.data = x.data(), .rows = shape.batch * shape.steps};
        if (!ids.empty())
            made.input = {x.data(), static_cast<std::int64_t>(distinct.stored.size()), distinct.stored.data(), distinct.row_of.data()};
        made.weights = {w_ih.data(), w_hh.data(), b_ih.data(), b_hh.data()};
        made.h0_BH = h0.data();
        made.c0_BH = c0.data();
        made.threads = threads;
        return made;
    }
    kernels::lstm::Upstream upstream() const { return {dh.data(), dh_last.data(), dc_last.data()}; }

    static LstmResult run(const kernels::lstm::Layer& layer, const kernels::lstm::Upstream& upstream) {
        LstmResult result(layer);
        kernels::lstm::forward(layer, result.trace(), result.output());
        kernels::lstm::backward(layer, result.trace(), result.values.h_BTH.data(), upstream, result.gradients());
        return result;
    }
    LstmResult run(int threads = 1) const { return run(layer(threads), upstream()); }

    kernels::lstm::Shape shape;
    std::vector<float> x, w_ih, w_hh, b_ih, b_hh, h0, c0, dh, dh_last, dc_last;
    std::vector<std::int64_t> ids;
    kernels::lstm::DistinctRows distinct;
};

}  // namespace plumb::test
