// SPDX-License-Identifier: Apache-2.0
#include "capi/protection.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/error.h"
#include "capi/call.h"

namespace plumb::capi {

namespace {

using kernels::attention::Problem;
using kernels::attention::Strides;

/// Copies as much of the report as the caller's struct has.
void write_report(const plumb_attention_report& report, std::uint64_t size, plumb_attention_report* to) {
    std::memcpy(to, &report, std::min<std::uint64_t>(size, sizeof report));
}

}  // namespace

void require_protectable(const Problem&, std::int32_t protection) {
    if (protection == PLUMB_ATTENTION_PROTECT_NONE) return;
    if (protection < 0 || protection > PLUMB_ATTENTION_PROTECT_CORRECT) {
        reject("protection", std::to_string(protection), "none 0, detect 1, correct 2 (PLUMB_ATTENTION_PROTECT_...)");
    }
    throw base::Error(base::ErrorKind::unsupported, "this version of the library has no protected attention",
                      "pass PLUMB_ATTENTION_PROTECT_NONE");
}

plumb_attention_status run_protected(const Problem& problem, std::int32_t protection, void* out, const Strides& out_strides, float* lse,
                                     plumb_attention_report* report) {
    require_protectable(problem, protection);
    plumb_attention_report filled = {};
    if (report != nullptr) filled = read_struct(report, "report");
    kernels::attention::fused(problem, out, out_strides, lse);
    if (report != nullptr) write_report(filled, filled.struct_size, report);
    return PLUMB_ATTENTION_OK;
}

}  // namespace plumb::capi
