// SPDX-License-Identifier: Apache-2.0
// Instruction sets: what this host has and which one kernels use. PLUMB_ISA=scalar|avx2|avx512|amx forces one; one that the host lacks is
// an error, never silently another. To add an instruction set: the enum, the table in isa.cpp, and the namespace that serves it in
// simd_targets.h.
#pragma once
#include <string_view>
#include <vector>

namespace plumb::kernels {

enum class Isa { scalar, avx2, avx512, amx };
std::string_view name(Isa isa);
/// What this host can run, lowest first; scalar is always there. avx2 needs FMA and F16C, avx512 needs F, BW, DQ, VL; amx needs tiles, bf16
/// and the kernel's permission.
std::vector<Isa> available_isas();
/// "the CPU has no avx512f" for one that is not available; empty when it is.
std::string_view why_not(Isa isa);
/// The one in use: set_isa() or PLUMB_ISA if given, else the best. Throws Error{usage} for an unknown name and Error{unsupported} for one
/// the host lacks.
Isa current_isa();
/// For tests and benchmarks; overrides PLUMB_ISA until reset_isa().
void set_isa(Isa isa);
void reset_isa();

}  // namespace plumb::kernels
