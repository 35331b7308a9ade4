// SPDX-License-Identifier: Apache-2.0
// The table itself.
#include "kernels/protect/scheme.h"

#include <array>

#include "base/error.h"
#include "base/text.h"
#include "kernels/protect/fused_schemes.h"
#include "kernels/protect/notebook.h"
#include "kernels/protect/unfused_designs.h"

namespace plumb::kernels::protect {
namespace {

constexpr std::array unfused_sites = {Site::query,       Site::key,         Site::value,         Site::key_sum,
                                      Site::value_sum,   Site::score,       Site::score_stored,  Site::maximum,
                                      Site::exponential, Site::probability, Site::row_sum,       Site::output_sum,
                                      Site::output,      Site::normaliser,  Site::stored_output, Site::skipped_block};

constexpr auto fused_sites = [] {
    std::array<Site, site_count> all{};
    for (int i = 0; i < site_count; ++i) all[static_cast<std::size_t>(i)] = static_cast<Site>(i);
    return all;
}();

template <const Design& design>
Report run_design(const attention::Problem& problem, const Protection& protection, std::span<std::byte> out_BNHE) {
    return run_unfused(design, problem, protection, out_BNHE);
}

template <const Design& design>
Report inject_design(const attention::Problem& problem, const Protection& protection, const Fault& fault, std::span<std::byte> out_BNHE) {
    return inject_unfused(design, problem, protection, fault, out_BNHE);
}

template <const Design& design>
constexpr Scheme unfused_scheme(std::string_view name, std::string_view summary, Level level) {
    return {.name = name,
            .summary = summary,
            .baseline = "unfused",
            .level = level,
            .modelled = level != Level::none && !design.repairs,
            .sites = unfused_sites,
            .reason = why_not_unfused,
            .run = run_design<design>,
            .inject = inject_design<design>};
}

constexpr Scheme fused_scheme(std::string_view name, std::string_view summary, Level level) {
    return {.name = name,
            .summary = summary,
            .baseline = "fused",
            .level = level,
            .sites = fused_sites,
            .reason = why_not_fused,
            .run = run_fused,
            .inject = inject_fused};
}

constexpr Scheme handed_on(Scheme scheme) {
    scheme.run = run_handed_on;
    scheme.inject = inject_handed_on;
    return scheme;
}

template <Cell cell>
Report run_cell(const attention::Problem& problem, const Protection&, std::span<std::byte> out_BNHE) {
    return run_notebook(cell, problem, out_BNHE);
}

template <Cell cell>
constexpr Scheme notebook_scheme(std::string_view name, std::string_view summary) {
    return {
        .name = name, .summary = summary, .baseline = "unfused", .level = Level::detect, .reason = why_not_unfused, .run = run_cell<cell>};
}

constexpr std::array table = {
    unfused_scheme<designs::unfused>("unfused", "stored scores, softmax, product: the baseline of the decoupled schemes", Level::none),
    unfused_scheme<designs::dmr_softmax>("dmr_softmax", "softmax twice, stored, compared bit by bit, a third run decides", Level::correct),
    unfused_scheme<designs::dmr_optimised>("dmr_optimised", "the same, each row compared while it is in the cache", Level::correct),
    unfused_scheme<designs::abft_scores_sum>("abft_scores_sum", "one checksum for all scores of a head", Level::correct),
    unfused_scheme<designs::abft_scores_element>("abft_scores_element", "a checksum of the scores for each key", Level::correct),
    unfused_scheme<designs::abft_outputs_sum>("abft_outputs_sum", "one checksum for all outputs of a head", Level::correct),
    unfused_scheme<designs::abft_outputs_element>("abft_outputs_element", "a checksum of the outputs for each query", Level::correct),
    unfused_scheme<designs::abft_optimised>("abft_optimised", "a checksum of scores and of outputs for each query, taken in the cache",
                                            Level::correct),
    unfused_scheme<designs::decoupled>("decoupled", "checksums of scores and of outputs for each query, softmax twice: all together",
                                       Level::correct),
    unfused_scheme<designs::fixed_threshold>(
        "fixed_threshold", "as a paper's released code: scores by equality, outputs within 1, whatever their size", Level::detect),
    unfused_scheme<designs::extremes_only>("extremes_only", "as made for inf, NaN and huge numbers: sums within 1, numbers below 1e10",
                                           Level::detect),
    notebook_scheme<Cell::dmr_with_check>("notebook_dmr", "the notebook's cell: softmax of a softmax, compared by sums"),
    notebook_scheme<Cell::abft_gemm_1>("notebook_abft", "the notebook's cell: sums of all scores compared by equality"),
    notebook_scheme<Cell::all_techniques>("notebook_all", "the notebook's cell: all techniques, nothing compared"),
    fused_scheme("fused", "the fused kernel, which stores no scores: the baseline of those with checks inside", Level::none),
    fused_scheme("fused_detect", "checks inside the fused kernel; reports what it finds", Level::detect),
    fused_scheme("fused_correct", "the same; computes again what a check doubts", Level::correct),
    handed_on(fused_scheme("fused_handoff", "the same; a reader compares each row's sum with the one that was handed on", Level::correct)),
};

}  // namespace

std::span<const Scheme> schemes() {
    return table;
}

const Scheme& scheme(std::string_view name) {
    std::vector<std::string> names;
    for (const Scheme& candidate : table) {
        if (candidate.name == name) return candidate;
        names.emplace_back(candidate.name);
    }
    throw base::Error(base::ErrorKind::usage, "no scheme of protection is called '" + std::string(name) + "'", base::suggest(name, names));
}

}  // namespace plumb::kernels::protect
