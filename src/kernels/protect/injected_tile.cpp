// SPDX-License-Identifier: Apache-2.0
// The guarded kernel with one fault in it: what injection runs. Nothing here is timed.
#include "kernels/protect/guarded_tile.h"

#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/protect/injected_tile.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/protect/guarded_kernel-inl.h"
#include "kernels/protect/injector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::protect::HWY_NAMESPACE {
const GuardedKernel& injected_table() {
    return table<Injector>;
}

}  // namespace plumb::kernels::protect::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::kernels::protect {

const GuardedKernel& injected_kernel(Isa isa) {
    return PLUMB_FOR_ISA(isa, injected_table)();
}

}  // namespace plumb::kernels::protect
#endif
