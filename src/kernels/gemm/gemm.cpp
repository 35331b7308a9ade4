// SPDX-License-Identifier: Apache-2.0
// The driver: blocks of columns and of steps, whose panels of B all threads pack together; in each, blocks of rows with their panels of A;
// over both, tiles of C, each done by one thread. Blocks are as large as the shared cache bears, tiles as the private one.
#include "kernels/gemm/gemm.h"

#include <algorithm>
#include <memory>
#include <new>
#include <string>

#include "base/error.h"
#include "kernels/gemm/tile.h"

namespace plumb::kernels::gemm {
namespace {

constexpr std::int64_t block_rows = 4080;      // x longest_sum numbers of packed A: 4 MB
constexpr std::int64_t block_columns = 4080;   // the same of packed B
constexpr std::int64_t packed_together = 192;  // rows or columns that one task packs
constexpr std::align_val_t cache_line{64};

struct AlignedDelete {
    void operator()(float* numbers) const { ::operator delete[](numbers, cache_line); }
};
using Panels = std::unique_ptr<float[], AlignedDelete>;

Panels make_panels(std::int64_t numbers) {
    return Panels(static_cast<float*>(::operator new[](static_cast<std::size_t>(numbers) * sizeof(float), cache_line)));
}

constexpr std::int64_t divide_up(std::int64_t count, std::int64_t unit) {
    return (count + unit - 1) / unit;
}
constexpr std::int64_t round_up(std::int64_t count, std::int64_t unit) {
    return divide_up(count, unit) * unit;
}

/// Parts of [0, count) of `size` each, the last one shorter.
struct Cut {
    std::int64_t count;
    std::int64_t size;

    std::int64_t parts() const { return divide_up(count, size); }
    std::int64_t begin(std::int64_t part) const { return part * size; }
    std::int64_t length(std::int64_t part) const { return std::min(size, count - begin(part)); }
};

/// Equal parts of at most `most`, whole units each.
Cut cut_evenly(std::int64_t count, std::int64_t most, std::int64_t unit) {
    return {count, round_up(divide_up(count, divide_up(count, most)), unit)};
}

class Run {
  public:
    Run(const Product& product, const TileKernel& kernel)
        : p_(product),
          kernel_(kernel),
          rows_(cut_evenly(p_.m, block_rows, kernel.rows)),
          columns_(cut_evenly(p_.n, block_columns, kernel.columns)),
          steps_(cut_evenly(p_.k, longest_sum, 1)),
          a_panels_(make_panels(rows_.size * steps_.size)),
          b_panels_(make_panels(columns_.size * steps_.size)) {
        // 144 x 256 of packed A stay in the private cache. Smaller where that leaves threads without work.
        tile_rows_ = round_up(144, kernel.rows);
        tile_columns_ = round_up(512, kernel.columns);
        while (divide_up(rows_.size, tile_rows_) * divide_up(columns_.size, tile_columns_) < 4 * p_.threads) {
            if (tile_columns_ > 2 * kernel.columns) {
                tile_columns_ = round_up(tile_columns_ / 2, kernel.columns);
            } else if (tile_rows_ > 2 * kernel.rows) {
                tile_rows_ = round_up(tile_rows_ / 2, kernel.rows);
            } else {
                break;
            }
        }
    }

    void run() {
        // Nothing below allocates or throws.
#pragma omp parallel num_threads(p_.threads)
        for (std::int64_t j = 0; j < columns_.parts(); ++j) {
            for (std::int64_t s = 0; s < steps_.parts(); ++s) {
                pack(piece(p_.b, p_.b.transposed, columns_, j, s), kernel_.columns, b_panels_.get());
                for (std::int64_t i = 0; i < rows_.parts(); ++i) {
                    pack(piece(p_.a, !p_.a.transposed, rows_, i, s), kernel_.rows, a_panels_.get());
                    compute(i, j, s);
                }
            }
        }
    }

  private:
    Piece piece(const Operand& operand, bool stored_rows_are_kept, const Cut& cut, std::int64_t part, std::int64_t s) const {
        return {operand.data,    operand.stride,   operand.rows,    !stored_rows_are_kept,
                cut.begin(part), cut.length(part), steps_.begin(s), steps_.length(s)};
    }

    /// By all threads together; they leave when it is done.
    void pack(const Piece& whole, std::int64_t width, float* panels) const {
        const Cut tasks{whole.count, round_up(packed_together, width)};
#pragma omp for schedule(dynamic)
        for (std::int64_t t = 0; t < tasks.parts(); ++t) {
            Piece part = whole;
            part.first += tasks.begin(t);
            part.count = tasks.length(t);
            kernel_.pack(part, width, panels + tasks.begin(t) * whole.steps);
        }
    }

    void compute(std::int64_t i, std::int64_t j, std::int64_t s) const {
        const Cut rows{rows_.length(i), tile_rows_};
        const Cut columns{columns_.length(j), tile_columns_};
        const std::int64_t steps = steps_.length(s);
        float* block = p_.c_MN + rows_.begin(i) * p_.c_stride + columns_.begin(j);
#pragma omp for schedule(dynamic)
        for (std::int64_t t = 0; t < rows.parts() * columns.parts(); ++t) {
            const std::int64_t r = t / columns.parts();
            const std::int64_t c = t % columns.parts();
            kernel_.tile(a_panels_.get() + rows.begin(r) * steps, b_panels_.get() + columns.begin(c) * steps, rows.length(r),
                         columns.length(c), steps, block + rows.begin(r) * p_.c_stride + columns.begin(c), p_.c_stride,
                         p_.accumulate || s > 0);
        }
    }

    const Product& p_;
    const TileKernel& kernel_;
    Cut rows_;
    Cut columns_;
    Cut steps_;
    Panels a_panels_;
    Panels b_panels_;
    std::int64_t tile_rows_ = 0;
    std::int64_t tile_columns_ = 0;
};

[[noreturn]] void refuse(const std::string& message, const std::string& hint) {
    throw base::Error(base::ErrorKind::usage, "matrix product: " + message, hint);
}

void check_matrix(const char* name, const float* data, std::int64_t stride, std::int64_t rows, std::int64_t columns) {
    if (rows == 0 || columns == 0) return;
    if (data == nullptr) refuse(std::string(name) + " is a null pointer", "pass its numbers");
    if (stride < columns) {
        refuse(
            "rows of " + std::string(name) + " are " + std::to_string(stride) + " numbers apart and " + std::to_string(columns) + " long",
            "the stride counts numbers, not bytes");
    }
}

void validate(const Product& p) {
    if (p.m < 0 || p.n < 0 || p.k < 0) {
        refuse("m, n, k are " + std::to_string(p.m) + ", " + std::to_string(p.n) + ", " + std::to_string(p.k), "none may be negative");
    }
    if (p.threads < 1) refuse("threads is " + std::to_string(p.threads), "give at least 1");
    check_matrix("A", p.a.data, p.a.stride, p.a.transposed ? p.k : p.m, p.a.transposed ? p.m : p.k);
    check_matrix("B", p.b.data, p.b.stride, p.b.transposed ? p.n : p.k, p.b.transposed ? p.k : p.n);
    check_matrix("C", p.c_MN, p.c_stride, p.m, p.n);
}

}  // namespace

void multiply(const Product& product) {
    validate(product);
    if (product.m == 0 || product.n == 0) return;
    if (product.k == 0) {
        for (std::int64_t r = 0; r < product.m && !product.accumulate; ++r)
            std::fill_n(product.c_MN + r * product.c_stride, product.n, 0.0F);
        return;
    }
    Run(product, tile_kernel(current_isa())).run();
}

double operations(const Product& product) {
    return 2.0 * static_cast<double>(product.m) * static_cast<double>(product.n) * static_cast<double>(product.k);
}

}  // namespace plumb::kernels::gemm
