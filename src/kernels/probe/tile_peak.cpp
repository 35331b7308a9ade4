// SPDX-License-Identifier: Apache-2.0
// The probe of AMX tiles. Inline assembly only, so that the file needs no flags of its own.
#include <string>

#include "base/error.h"
#include "kernels/isa.h"
#include "kernels/probe/peak.h"

#if defined(__x86_64__)
#include "kernels/attention/amx_registers.h"
#endif

namespace plumb::kernels::probe {
namespace {

constexpr std::int64_t products_per_round = 256;
constexpr double operations_per_product = 2.0 * 16 * 16 * 32;

/// `rounds` x 256 products of tiles in four independent sums. As many loads as products, from 4 KB that stay in the nearest cache.
void multiply_tiles(std::int64_t rounds) {
#if defined(__x86_64__)
    namespace tiles = attention::tiles;
    alignas(64) static const std::byte operands[4 * tiles::bytes] = {};
    tiles::configure();
    tiles::zero<0>();
    tiles::zero<1>();
    tiles::zero<2>();
    tiles::zero<3>();
    for (std::int64_t i = 0; i < rounds * products_per_round / 4; ++i) {
        tiles::load<4>(operands, tiles::row_bytes);
        tiles::load<6>(operands + 2 * tiles::bytes, tiles::row_bytes);
        tiles::multiply_add<0, 4, 6>();
        tiles::load<7>(operands + 3 * tiles::bytes, tiles::row_bytes);
        tiles::multiply_add<1, 4, 7>();
        tiles::load<5>(operands + tiles::bytes, tiles::row_bytes);
        tiles::multiply_add<2, 5, 6>();
        tiles::multiply_add<3, 5, 7>();
    }
    tiles::release();
#else
    static_cast<void>(rounds);
#endif
}

}  // namespace

double tile_bf16(std::int64_t rounds, int threads) {
    if (threads < 1) throw base::Error(base::ErrorKind::usage, "threads is " + std::to_string(threads), "give at least 1");
    if (const std::string_view reason = why_not(Isa::amx); !reason.empty()) {
        throw base::Error(base::ErrorKind::unsupported, "the probe of AMX tiles: " + std::string(reason), "run it on a host with AMX");
    }
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int t = 0; t < threads; ++t) multiply_tiles(rounds);
    return operations_per_product * static_cast<double>(products_per_round * (rounds > 0 ? rounds : 0)) * threads;
}

}  // namespace plumb::kernels::probe
