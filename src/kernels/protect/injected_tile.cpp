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
    switch (isa) {
#if HWY_TARGETS & HWY_AVX3
        case Isa::amx:
        case Isa::avx512:
            return N_AVX3::injected_table();
#endif
#if HWY_TARGETS & HWY_AVX2
        case Isa::avx2:
            return N_AVX2::injected_table();
#endif
        default:
            return N_SCALAR::injected_table();
    }
}

}  // namespace plumb::kernels::protect
#endif
