// SPDX-License-Identifier: Apache-2.0
// What this machine can do at most, right now: taken beside a measurement so that shares of peak mean something on a shared host.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace plumb::kernels::probe {

/// Independent fp32 fused multiply-adds in registers, on the widest vectors of the current instruction set. Returns the operations done (2
/// per FMA and lane), so that GFLOP/s = result / time. `rounds` of 1024 FMA instructions on each of `threads` threads.
double fma_fp32(std::int64_t rounds, int threads);
/// Products of bf16 tiles with as many tile loads from the nearest cache, on AMX. Returns the operations done (2 per multiplication and
/// addition). `rounds` of 256 products on each of `threads` threads. Throws Error{unsupported} without AMX, Error{usage} for threads < 1.
double tile_bf16(std::int64_t rounds, int threads);
/// Reads `bytes` once with wide loads. Returns the sum modulo 2^64 of the aligned 64-bit words and of the single bytes before and after
/// them, so that no load can be left out; the same for any number of threads. It and fma_fp32 throw Error{usage} for threads < 1.
std::uint64_t read_memory(std::span<const std::byte> bytes, int threads);

}  // namespace plumb::kernels::probe
