// SPDX-License-Identifier: Apache-2.0
// What a layer is given: checks, distinct rows, operations.
#include <string>

#include "base/error.h"
#include "kernels/lstm/layout.h"

namespace plumb::kernels::lstm {
namespace {

[[noreturn]] void refuse(const std::string& message, const std::string& hint) {
    throw base::Error(base::ErrorKind::usage, "LSTM layer: " + message, hint);
}

void require(const void* pointer, const char* name) {
    if (pointer == nullptr) refuse(std::string(name) + " is a null pointer", "lstm.h says how many numbers it must have");
}

double projection(const Layer& layer) {
    return 2.0 * static_cast<double>(layer.input.row_of == nullptr ? layer.shape.batch * layer.shape.steps : layer.input.rows) *
           static_cast<double>(layer.shape.input) * static_cast<double>(4 * layer.shape.hidden);
}

double recurrence(const Shape& s) {
    return 2.0 * static_cast<double>(s.batch * s.steps) * static_cast<double>(s.hidden) * static_cast<double>(4 * s.hidden);
}

}  // namespace

void validate(const Layer& layer, const Trace& trace) {
    const Shape& s = layer.shape;
    if (s.batch < 1 || s.steps < 1 || s.input < 1 || s.hidden < 1) {
        refuse("batch, steps, input and hidden size are " + std::to_string(s.batch) + ", " + std::to_string(s.steps) + ", " +
                   std::to_string(s.input) + ", " + std::to_string(s.hidden),
               "each must be at least 1");
    }
    if (layer.threads < 1) refuse("threads is " + std::to_string(layer.threads), "give at least 1");
    require(layer.input.data, "the input");
    require(layer.weights.w_ih_GI, "w_ih");
    require(layer.weights.w_hh_GH, "w_hh");
    require(trace.gates, "the trace's memory for gates");
    require(trace.cells, "the trace's memory for cell states");
    const Input& input = layer.input;
    const std::int64_t positions = s.batch * s.steps;
    if (input.row_of == nullptr) {
        if (input.rows == positions) return;
        refuse("the input has " + std::to_string(input.rows) + " rows for " + std::to_string(positions) + " positions",
               "give as many, or say in row_of which row each position reads");
    }
    for (std::int64_t n = 0; n < positions; ++n) {
        if (input.row_of[n] >= 0 && input.row_of[n] < input.rows) continue;
        refuse("position " + std::to_string(n) + " reads row " + std::to_string(input.row_of[n]) + " of " + std::to_string(input.rows),
               "rows are counted from 0");
    }
}

std::int64_t gate_floats(const Shape& shape) {
    const Layout layout(shape);
    return layout.positions * layout.gate_stride;
}

std::int64_t cell_floats(const Shape& shape) {
    const Layout layout(shape);
    return (layout.positions + shape.batch) * layout.unit_stride;
}

double forward_operations(const Layer& layer) {
    return projection(layer) + recurrence(layer.shape);
}

double backward_operations(const Layer& layer) {
    return 2 * projection(layer) + 2 * recurrence(layer.shape);
}

DistinctRows distinct_rows(std::span<const std::int64_t> ids, std::int64_t table_rows) {
    for (std::size_t n = 0; n < ids.size(); ++n) {
        if (ids[n] >= 0 && ids[n] < table_rows) continue;
        refuse(
            "id " + std::to_string(ids[n]) + " at position " + std::to_string(n) + " of a table of " + std::to_string(table_rows) + " rows",
            "ids are counted from 0");
    }
    DistinctRows distinct;
    distinct.stored.assign(ids.begin(), ids.end());
    std::sort(distinct.stored.begin(), distinct.stored.end());
    distinct.stored.erase(std::unique(distinct.stored.begin(), distinct.stored.end()), distinct.stored.end());
    distinct.row_of.reserve(ids.size());
    for (const std::int64_t id : ids) {
        distinct.row_of.push_back(std::lower_bound(distinct.stored.begin(), distinct.stored.end(), id) - distinct.stored.begin());
    }
    return distinct;
}

}  // namespace plumb::kernels::lstm
