// SPDX-License-Identifier: Apache-2.0
// The guarded kernel as it is used and timed: no code for injection.
#include "kernels/protect/guarded_tile.h"

#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/protect/guarded_tile.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/protect/guarded_kernel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::protect::HWY_NAMESPACE {
namespace {

struct NoFaults {
    static constexpr bool present = false;
    explicit NoFaults(const Guard& /*guard*/) {}
};

}  // namespace

const GuardedKernel& guarded_table() {
    return table<NoFaults>;
}

}  // namespace plumb::kernels::protect::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::kernels::protect {

const GuardedKernel& guarded_kernel(Isa isa) {
    return PLUMB_FOR_ISA(isa, guarded_table)();
}

}  // namespace plumb::kernels::protect
#endif
