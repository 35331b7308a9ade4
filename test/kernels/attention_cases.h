// SPDX-License-Identifier: Apache-2.0
// What attention tests walk: implementations x instruction sets, masks, edge shapes.
#pragma once
#include <gtest/gtest.h>

#include <array>
#include <ostream>
#include <string>
#include <vector>

#include "kernels/attention/attention.h"
#include "kernels/attention/implementations.h"
#include "kernels/attention/inputs.h"
#include "kernels/isa_guard.h"

namespace plumb::test {

using kernels::attention::MaskKind;
using kernels::attention::Shape;

inline constexpr std::array all_masks = {MaskKind::none, MaskKind::boolean, MaskKind::key_padding, MaskKind::causal,
                                         MaskKind::sliding_window};

/// Length 1, sizes that fill no vector, tile or block, more queries than keys, no keys, D and E apart.
inline const std::vector<Shape>& edge_shapes() {
    static const std::vector<Shape> shapes = {
        {.batch = 1, .heads = 1, .queries = 1, .keys = 1, .head_dim = 1, .value_dim = 1},
        {.batch = 2, .heads = 3, .queries = 5, .keys = 7, .head_dim = 16, .value_dim = 16},
        {.batch = 2, .heads = 8, .queries = 32, .keys = 32, .head_dim = 64, .value_dim = 64},
        {.batch = 1, .heads = 2, .queries = 33, .keys = 130, .head_dim = 64, .value_dim = 64},
        {.batch = 1, .heads = 1, .queries = 50, .keys = 257, .head_dim = 80, .value_dim = 48},
        {.batch = 2, .heads = 2, .queries = 49, .keys = 64, .head_dim = 1, .value_dim = 1},
        {.batch = 1, .heads = 2, .queries = 17, .keys = 31, .head_dim = 3, .value_dim = 70},
        {.batch = 1, .heads = 1, .queries = 3, .keys = 300, .head_dim = 128, .value_dim = 32},
        {.batch = 2, .heads = 1, .queries = 100, .keys = 20, .head_dim = 8, .value_dim = 8},
        {.batch = 1, .heads = 2, .queries = 1, .keys = 1000, .head_dim = 64, .value_dim = 64},
        {.batch = 1, .heads = 4, .queries = 19, .keys = 45, .head_dim = 24, .value_dim = 16, .key_heads = 2},
        {.batch = 2, .heads = 6, .queries = 1, .keys = 290, .head_dim = 64, .value_dim = 64, .key_heads = 1},
        {.batch = 1, .heads = 1, .queries = 21, .keys = 140, .head_dim = 256, .value_dim = 256},
        {.batch = 1, .heads = 1, .queries = 9, .keys = 30, .head_dim = 300, .value_dim = 270},
        {.batch = 2, .heads = 1, .queries = 4, .keys = 0, .head_dim = 8, .value_dim = 8},
        {.batch = 0, .heads = 2, .queries = 3, .keys = 4, .head_dim = 8, .value_dim = 8},
        {.batch = 1, .heads = 2, .queries = 0, .keys = 4, .head_dim = 8, .value_dim = 8},
        {.batch = 1, .heads = 2, .queries = 3, .keys = 4, .head_dim = 8, .value_dim = 0},
    };
    return shapes;
}

inline std::string text(MaskKind mask) {
    constexpr std::array names = {"none", "boolean", "key_padding", "causal", "sliding_window"};
    return names.at(static_cast<std::size_t>(mask));
}

inline std::string text(const Shape& s) {
    return "B" + std::to_string(s.batch) + " H" + std::to_string(s.heads) + " N" + std::to_string(s.queries) + " M" +
           std::to_string(s.keys) + " D" + std::to_string(s.head_dim) + " E" + std::to_string(s.value_dim) + " G" +
           std::to_string(s.kv_heads());
}

/// One implementation on one instruction set in one precision.
struct Runner {
    const kernels::attention::Implementation* implementation;
    kernels::Isa isa;
    kernels::attention::Precision precision;

    /// The inputs' problem in this precision.
    kernels::attention::Problem problem(const kernels::attention::Inputs& inputs, int threads = 1) const {
        kernels::attention::Problem made = inputs.problem(threads);
        made.precision = precision;
        return made;
    }
};

inline std::string text(const Runner& runner) {
    const std::string name = std::string(runner.implementation->name) + "_" + std::string(kernels::name(runner.isa));
    if (runner.precision == kernels::attention::Precision::highest) return name;
    return name + "_" + std::string(kernels::attention::name(runner.precision));
}

inline void PrintTo(const Runner& runner, std::ostream* out) {
    *out << text(runner);
}

inline constexpr std::array all_precisions = {kernels::attention::Precision::highest, kernels::attention::Precision::high,
                                              kernels::attention::Precision::medium};

/// Every line of the table: on every instruction set where its code depends on it, in every precision that it offers. What depends on the
/// instruction set offers more than `highest` on AMX only.
inline std::vector<Runner> all_runners() {
    using kernels::attention::Precision;
    std::vector<Runner> runners;
    for (const auto& implementation : kernels::attention::implementations()) {
        for (const Precision precision : all_precisions) {
            kernels::attention::Problem problem;
            problem.precision = precision;
            for (const kernels::Isa isa : all_isas) {
                const bool offered = implementation.uses_isa ? precision == Precision::highest || isa == kernels::Isa::amx
                                                             : isa == kernels::Isa::scalar && implementation.why_not(problem).empty();
                if (offered) runners.push_back({&implementation, isa, precision});
            }
        }
    }
    return runners;
}

/// Those of fused().
inline std::vector<Runner> fused_runners() {
    std::vector<Runner> runners;
    for (const Runner& runner : all_runners()) {
        if (runner.implementation->name == "fused") runners.push_back(runner);
    }
    return runners;
}

inline std::int64_t outputs(const Shape& s) {
    return kernels::attention::output_size(s);
}

/// fused() into B x N x H x E, widened to fp32.
inline std::vector<float> fused_output(const kernels::attention::Problem& problem, kernels::Isa isa) {
    const ForcedIsa forced(isa);
    return run_widened(kernels::attention::implementation("fused"), problem);
}

}  // namespace plumb::test
