// SPDX-License-Identifier: Apache-2.0
// Product of fp32 matrices: C = A B or C = C + A B, either operand read transposed, rows of either taken by index.
//
// Both operands are packed into panels by blocks of k, then register tiles of C run over them (Goto and van de Geijn, "Anatomy of
// high-performance matrix multiplication", ACM TOMS 2008). Packing pays from some hundred numbers in each direction on; a product with very
// few rows is bound by the reading of B and better done in place.
//
// Rounding: k is cut into blocks of at most `longest_sum`; a block is summed in order by fused multiply-adds from zero, and blocks are
// added in order to what C holds. Cuts depend on k alone, so the bits are the same for any number of threads, and for a row or column
// whatever stands beside it. NaN and inf spread as in the definition.
//
// Legend: M rows and N columns of C, K what is summed over.
#pragma once
#include <cstdint>

namespace plumb::kernels::gemm {

/// fp32 rows of neighbours in memory. Borrowed.
struct Operand {
    const float* data = nullptr;
    std::int64_t stride = 0;             ///< numbers from one stored row to the next
    bool transposed = false;             ///< the product takes stored columns for its rows
    const std::int64_t* rows = nullptr;  ///< which stored row is the r-th, K or more of them or M or N; null: r itself
};

struct Product {
    std::int64_t m = 0;
    std::int64_t n = 0;
    std::int64_t k = 0;
    Operand a;  ///< M x K; stored K x M where transposed
    Operand b;  ///< K x N; stored N x K where transposed
    float* c_MN = nullptr;
    std::int64_t c_stride = 0;  ///< numbers from one row of C to the next
    bool accumulate = false;    ///< add to what C holds; else what it holds is not read
    int threads = 1;
};

inline constexpr std::int64_t longest_sum = 256;

/// Throws Error{usage} for a negative size, a null pointer with a non-zero size, strides shorter than a row, threads < 1. C must not
/// overlap the operands.
void multiply(const Product& product);

/// 2 M N K.
double operations(const Product& product);

}  // namespace plumb::kernels::gemm
