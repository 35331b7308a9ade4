// SPDX-License-Identifier: Apache-2.0
// The table itself.
#include "kernels/attention/implementations.h"

#include <array>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "kernels/attention/amx.h"

namespace plumb::kernels::attention {
namespace {

std::string any_precision_but_highest_is_refused(const Problem& problem) {
    if (problem.precision == Precision::highest) return {};
    return "precision " + std::string(name(problem.precision)) + " is not offered, only highest";
}

std::string every_precision_is_offered(const Problem& /*problem*/) {
    return {};
}

std::string fused_reason(const Problem& problem) {
    return fused_precision_reason(problem.precision);
}

void require_output(const Problem& problem, std::span<const std::byte> out_BNHE, const std::string& refused) {
    validate(problem);
    require_output_size(problem.shape, out_BNHE.size() / base::size_of(problem.dtype));
    if (!refused.empty()) throw base::Error(base::ErrorKind::unsupported, refused, "leave precision at highest");
}

template <class Real>
void write(const std::vector<Real>& numbers, base::Dtype dtype, std::span<std::byte> out) {
    for (std::size_t i = 0; i < numbers.size(); ++i)
        base::store(dtype, out.data(), static_cast<std::int64_t>(i), static_cast<float>(numbers[i]));
}

void run_reference(const Problem& problem, std::span<std::byte> out_BNHE) {
    require_output(problem, out_BNHE, any_precision_but_highest_is_refused(problem));
    std::vector<double> exact(output_size(problem.shape));
    reference(problem, exact);
    write(exact, problem.dtype, out_BNHE);
}

void run_plain(const Problem& problem, std::span<std::byte> out_BNHE) {
    require_output(problem, out_BNHE, every_precision_is_offered(problem));
    std::vector<float> out(output_size(problem.shape));
    plain(problem, out);
    write(out, problem.dtype, out_BNHE);
}

void run_fused(const Problem& problem, std::span<std::byte> out_BNHE) {
    require_output(problem, out_BNHE, fused_reason(problem));
    const Shape& s = problem.shape;
    fused(problem, out_BNHE.data(), strides_bnhd(s.queries, s.heads, s.value_dim));
}

constexpr std::array<Implementation, 3> table = {{
    {"reference", "fp64 throughout, one query at a time, rounded to the type of the output at the end", false,
     any_precision_but_highest_is_refused, run_reference},
    {"plain", "fp32 or products of bf16 with stored scores, every product and sum rounded: the yardstick of accuracy", false,
     every_precision_is_offered, run_plain},
    {"fused", "online softmax in blocks of keys, scores never stored; fp32 by scalar, AVX2 or AVX-512 chosen at run time, bf16 by AMX",
     true, fused_reason, run_fused},
}};

}  // namespace

std::vector<float> run_widened(const Implementation& implementation, const Problem& problem) {
    validate(problem);
    base::Numbers out(problem.dtype, static_cast<std::size_t>(output_size(problem.shape)));
    implementation.run(problem, out.bytes());
    return out.widened();
}

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
