// SPDX-License-Identifier: Apache-2.0
// Instruction sets in tests: walk all of them, force one for a scope, say why one is skipped.
#pragma once
#include <array>
#include <string>

#include "kernels/isa.h"

namespace plumb::test {

inline constexpr std::array all_isas = {kernels::Isa::scalar, kernels::Isa::avx2, kernels::Isa::avx512, kernels::Isa::amx};

class ForcedIsa {
  public:
    explicit ForcedIsa(kernels::Isa isa) { kernels::set_isa(isa); }
    ~ForcedIsa() { kernels::reset_isa(); }
    ForcedIsa(const ForcedIsa&) = delete;
    ForcedIsa& operator=(const ForcedIsa&) = delete;
};

}  // namespace plumb::test

/// Ends the test as skipped, with the reason, when the host lacks `isa`.
#define PLUMB_SKIP_WITHOUT(isa)                                                                \
    if (!::plumb::kernels::why_not(isa).empty()) {                                             \
        GTEST_SKIP() << ::plumb::kernels::name(isa) << ": " << ::plumb::kernels::why_not(isa); \
    }                                                                                          \
    static_assert(true)
