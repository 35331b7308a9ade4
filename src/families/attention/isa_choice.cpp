// SPDX-License-Identifier: Apache-2.0
#include "families/attention/isa_choice.h"

#include "base/error.h"

namespace plumb::families::attention {

IsaChoice::IsaChoice(const std::string& wanted) {
    if (wanted == "best") return;
    for (const kernels::Isa isa : {kernels::Isa::scalar, kernels::Isa::avx2, kernels::Isa::avx512, kernels::Isa::amx}) {
        if (kernels::name(isa) != wanted) continue;
        if (const std::string_view reason = kernels::why_not(isa); !reason.empty()) {
            throw base::Error(base::ErrorKind::unsupported, "isa " + wanted + ": " + std::string(reason), "leave isa at best");
        }
        forced_ = isa;
        return;
    }
    throw base::Error(base::ErrorKind::usage, "unknown isa '" + wanted + "'", "allowed: best, scalar, avx2, avx512, amx");
}

void IsaChoice::apply() const {
    if (forced_)
        kernels::set_isa(*forced_);
    else
        kernels::reset_isa();
}

}  // namespace plumb::families::attention
