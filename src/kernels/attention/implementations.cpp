// SPDX-License-Identifier: Apache-2.0
// The table itself.
#include "kernels/attention/implementations.h"

#include <array>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace plumb::kernels::attention {
namespace {

std::string no_reason(const Problem&) {
    return {};
}

void run_reference(const Problem& problem, std::span<float> out_BNHE) {
    std::vector<double> exact(out_BNHE.size());
    reference(problem, exact);
    for (std::size_t i = 0; i < exact.size(); ++i) out_BNHE[i] = static_cast<float>(exact[i]);
}

void run_fused(const Problem& problem, std::span<float> out_BNHE) {
    validate(problem);
    const Shape& s = problem.shape;
    require_output_size(s, out_BNHE.size());
    fused(problem, out_BNHE.data(), strides_bnhd(s.queries, s.heads, s.value_dim));
}

constexpr std::array<Implementation, 3> table = {{
    {"reference", "fp64 throughout, one query at a time, rounded to fp32 at the end", false, no_reason, run_reference},
    {"plain", "fp32 with stored scores, every product and sum rounded: the yardstick of accuracy", false, no_reason, plain},
    {"fused", "fp32, online softmax in blocks of keys, scores never stored; scalar, AVX2 or AVX-512 chosen at run time", true, no_reason,
     run_fused},
}};

}  // namespace

std::span<const Implementation> implementations() {
    return table;
}

const Implementation& implementation(std::string_view name) {
    std::vector<std::string> names;
    for (const Implementation& candidate : table) {
        if (candidate.name == name) return candidate;
        names.emplace_back(candidate.name);
    }
    throw base::Error(base::ErrorKind::usage, "no attention implementation is called '" + std::string(name) + "'",
                      base::suggest(name, names));
}

}  // namespace plumb::kernels::attention
