// SPDX-License-Identifier: Apache-2.0
// Which instruction sets Highway compiles: exactly those of isa.h, each in a namespace of its own (N_SCALAR, N_AVX2, N_AVX3).
// Include before any header of Highway. kernels::Isa chooses among them at run time, so Highway's own dispatch is not used: for_isa() is
// the one place that says which namespace serves which Isa.
#pragma once

// One lane a vector when nothing is asked of the CPU: the emulated 128-bit target would hide four lanes behind the word scalar.
#define HWY_BROKEN_EMU128 1
#if defined(PLUMB_WITHOUT_AVX512)
#define HWY_DISABLED_TARGETS (~(HWY_SCALAR | HWY_AVX2))
#else
#define HWY_DISABLED_TARGETS (~(HWY_SCALAR | HWY_AVX2 | HWY_AVX3))
#endif
// Also below what -march allows, so that a forced scalar run is scalar.
#define HWY_COMPILE_ALL_ATTAINABLE

#include <hwy/detect_targets.h>

#include "kernels/isa.h"

namespace plumb::kernels {

/// A function or a table of functions as each namespace has it.
template <class T>
T* for_isa(Isa isa, T* scalar, T* avx2, T* avx3) {
    switch (isa) {
        case Isa::scalar:
            return scalar;
        case Isa::avx2:
            return avx2;
        case Isa::avx512:
        case Isa::amx:
            return avx3;
    }
    return scalar;
}

}  // namespace plumb::kernels

// Where a compiler has no such target, the host has no such Isa either.
#if HWY_TARGETS & HWY_AVX2
#define PLUMB_AVX2(name) &N_AVX2::name
#else
#define PLUMB_AVX2(name) &N_SCALAR::name
#endif
#if HWY_TARGETS & HWY_AVX3
#define PLUMB_AVX3(name) &N_AVX3::name
#else
#define PLUMB_AVX3(name) &N_SCALAR::name
#endif
/// Pointer to the `name` that runs on `isa`; inside HWY_ONCE, in the namespace around those of the instruction sets.
#define PLUMB_FOR_ISA(isa, name) ::plumb::kernels::for_isa(isa, &N_SCALAR::name, PLUMB_AVX2(name), PLUMB_AVX3(name))
