// SPDX-License-Identifier: Apache-2.0
// Which instruction sets Highway compiles: exactly those of isa.h, each in a namespace of its own (N_SCALAR, N_AVX2, N_AVX3).
// Include before any header of Highway. kernels::Isa chooses among them at run time, so Highway's own dispatch is not used.
#pragma once

// One lane a vector when nothing is asked of the CPU: the emulated 128-bit target would hide four lanes behind the word scalar.
#define HWY_BROKEN_EMU128 1
#define HWY_DISABLED_TARGETS (~(HWY_SCALAR | HWY_AVX2 | HWY_AVX3))
// Also below what -march allows, so that a forced scalar run is scalar.
#define HWY_COMPILE_ALL_ATTAINABLE
