// SPDX-License-Identifier: Apache-2.0
// The functions of plumb/attention.h. To add one: here, in exports.map where its name does not start like the others, and a line of the
// header.
#include "plumb/attention.h"

#include <array>
#include <string>

#include "base/error.h"
#include "base/version.h"
#include "capi/call.h"
#include "capi/convert.h"
#include "capi/protection.h"
#include "kernels/attention/amx.h"
#include "kernels/isa.h"

namespace plumb::capi {

namespace {

using base::Error;
using base::ErrorKind;
using kernels::attention::Precision;
using kernels::attention::Problem;

bool has_output(const Problem& problem) {
    return problem.shape.batch > 0 && problem.shape.heads > 0 && problem.shape.queries > 0 && problem.shape.value_dim > 0;
}

/// A problem that lacks arrays because it is only asked about. Nothing reads what they point to.
Problem with_some_arrays(Problem problem) {
    static constexpr std::array<std::uint8_t, 4> anything = {};
    if (problem.q == nullptr) problem.q = anything.data();
    if (problem.k == nullptr) problem.k = anything.data();
    if (problem.v == nullptr) problem.v = anything.data();
    if (problem.mask.hidden == nullptr) problem.mask.hidden = anything.data();
    return problem;
}

void require_precision(const Problem& problem, std::int32_t pass) {
    if (problem.precision == Precision::highest) return;
    const std::string reason = pass == PLUMB_ATTENTION_BACKWARD ? "the backward pass has no precision but highest"
                                                                : kernels::attention::fused_precision_reason(problem.precision);
    if (!reason.empty()) throw Error(ErrorKind::unsupported, reason, "leave precision at PLUMB_ATTENTION_HIGHEST");
}

plumb_attention_status forward(const plumb_attention_problem* given, std::int32_t protection, void* out,
                               const plumb_attention_strides* out_strides, float* lse, plumb_attention_report* report) {
    const Problem problem = problem_of(given);
    validate(problem);
    if (out_strides == nullptr) reject("out_strides", "a null pointer", "pass for example plumb_attention_strides_bhnd()");
    require_array(out, base::size_of(problem.dtype), has_output(problem), "out");
    require_array(lse, sizeof(float), false, "lse");
    return run_protected(problem, protection, out, strides_of(*out_strides), lse, report);
}

plumb_attention_status supports(const plumb_attention_problem* given, std::int32_t pass, std::int32_t protection) {
    if (pass != PLUMB_ATTENTION_FORWARD && pass != PLUMB_ATTENTION_BACKWARD) {
        reject("pass", std::to_string(pass), "PLUMB_ATTENTION_FORWARD 0 or PLUMB_ATTENTION_BACKWARD 1");
    }
    const Problem problem = with_some_arrays(problem_of(given));
    validate(problem);
    kernels::current_isa();
    require_precision(problem, pass);
    require_protectable(problem, protection);
    if (pass == PLUMB_ATTENTION_BACKWARD && protection != PLUMB_ATTENTION_PROTECT_NONE) {
        throw Error(ErrorKind::unsupported, "the backward pass is not protected", "ask with PLUMB_ATTENTION_PROTECT_NONE");
    }
    return PLUMB_ATTENTION_OK;
}

}  // namespace

}  // namespace plumb::capi

extern "C" {

plumb_attention_status plumb_attention_forward(const plumb_attention_problem* problem, int32_t protection, void* out,
                                               const plumb_attention_strides* out_strides, float* lse, plumb_attention_report* report) {
    return plumb::capi::guarded([&] { return plumb::capi::forward(problem, protection, out, out_strides, lse, report); });
}

plumb_attention_status plumb_attention_backward(const plumb_attention_problem* problem, const plumb_attention_gradients* gradients) {
    return plumb::capi::guarded([&] {
        plumb::kernels::attention::fused_backward(plumb::capi::backward_of(problem, gradients));
        return PLUMB_ATTENTION_OK;
    });
}

plumb_attention_status plumb_attention_supports(const plumb_attention_problem* problem, int32_t pass, int32_t protection) {
    return plumb::capi::guarded([&] { return plumb::capi::supports(problem, pass, protection); });
}

const char* plumb_attention_instruction_set(void) {
    const char* found = nullptr;
    plumb::capi::guarded([&] {
        // Of a literal, and so ended by a zero.
        found = plumb::kernels::name(plumb::kernels::current_isa()).data();
        return PLUMB_ATTENTION_OK;
    });
    return found;
}

const char* plumb_attention_version(void) {
    static const std::array<char, 32> version = [] {
        std::array<char, 32> text = {};
        const std::string full = plumb::base::version();
        full.copy(text.data(), text.size() - 1);
        return text;
    }();
    return version.data();
}
}
