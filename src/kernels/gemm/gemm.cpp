// SPDX-License-Identifier: Apache-2.0
// The driver: blocks of B, as large as the shared cache bears, which all threads pack together; over each, tiles of C, as large as the
// private cache bears, each done by one thread, which packs the rows of A that it needs sum by sum. So C is read and written in the private
// cache, however many sums there are, and A once for each tile.
#include "kernels/gemm/gemm.h"

#include <omp.h>

#include <algorithm>
#include <string>

#include "base/error.h"
#include "kernels/buffer.h"
#include "kernels/gemm/tile.h"

namespace plumb::kernels::gemm {
namespace {

constexpr std::int64_t most_tile_rows = 144;  // x longest_sum numbers of packed A: 147 kB
constexpr std::int64_t most_tile_columns = 768;
constexpr std::int64_t most_block_steps = 16 * longest_sum;
constexpr std::int64_t most_block_numbers = std::int64_t{1} << 22;  // of packed B: 16 MB
constexpr std::int64_t packed_together = 192;                       // columns that one task packs

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

/// As many as have some ten microseconds of work each: waking a thread costs as much.
int useful_threads(const Product& p) {
    constexpr std::int64_t least_products = std::int64_t{1} << 19;
    return static_cast<int>(std::clamp<std::int64_t>(p.m * p.n * p.k / least_products, 1, p.threads));
}

class Run {
  public:
    Run(const Product& product, const TileKernel& kernel)
        : p_(product),
          kernel_(kernel),
          threads_(useful_threads(product)),
          sums_(cut_evenly(p_.k, longest_sum, 1)),
          depths_(cut_evenly(p_.k, most_block_steps, sums_.size)),
          columns_(cut_evenly(p_.n, std::max(most_tile_columns, most_block_numbers / depths_.size), kernel.columns)),
          tile_rows_(cut_evenly(p_.m, most_tile_rows, kernel.rows).size),
          tile_columns_(cut_evenly(columns_.size, most_tile_columns, kernel.columns).size),
          b_panels_(make_float_buffer(columns_.size * depths_.size)) {
        share_out();
        a_floats_ = round_up(tile_rows_, kernel.rows) * sums_.size + kernel.room;
        a_panels_ = make_float_buffer(threads_ * a_floats_);
    }

    void run() {
        // Nothing below allocates or throws.
#pragma omp parallel num_threads(threads_)
        for (std::int64_t j = 0; j < columns_.parts(); ++j) {
            for (std::int64_t d = 0; d < depths_.parts(); ++d) {
                pack_b(j, d);
                compute(j, d);
            }
        }
    }

  private:
    /// Tiles as many as threads or a multiple of that; smaller ones where that leaves threads without work.
    void share_out() {
        const auto tiles = [&] { return divide_up(p_.m, tile_rows_) * divide_up(columns_.size, tile_columns_); };
        const std::int64_t row_tiles = round_up(divide_up(p_.m, tile_rows_), threads_);
        if (tiles() >= threads_) tile_rows_ = round_up(divide_up(p_.m, row_tiles), kernel_.rows);
        while (tiles() < 2 * threads_ && tile_columns_ > 4 * kernel_.columns) tile_columns_ = round_up(tile_columns_ / 2, kernel_.columns);
        while (tiles() < 2 * threads_ && tile_rows_ > 2 * kernel_.rows) tile_rows_ = round_up(tile_rows_ / 2, kernel_.rows);
    }

    /// By all threads together; they leave when it is done. Sum after sum, in each panel after panel.
    void pack_b(std::int64_t j, std::int64_t d) const {
        const Cut sums{depths_.length(d), sums_.size};
        const Cut pieces{columns_.length(j), round_up(packed_together, kernel_.columns)};
#pragma omp for schedule(dynamic)
        for (std::int64_t task = 0; task < sums.parts() * pieces.parts(); ++task) {
            const std::int64_t s = task / pieces.parts();
            const std::int64_t p = task % pieces.parts();
            const Piece piece{.data = p_.b.data,
                              .stride = p_.b.stride,
                              .rows = p_.b.rows,
                              .sums_over_rows = !p_.b.transposed,
                              .first = columns_.begin(j) + pieces.begin(p),
                              .count = pieces.length(p),
                              .first_step = depths_.begin(d) + sums.begin(s),
                              .steps = sums.length(s)};
            kernel_.pack_columns(piece, b_panels_.get() + columns_.size * sums.begin(s) + pieces.begin(p) * piece.steps);
        }
    }

    void compute(std::int64_t j, std::int64_t d) const {
        const Cut rows{p_.m, tile_rows_};
        const Cut columns{columns_.length(j), tile_columns_};
#pragma omp for schedule(dynamic)
        for (std::int64_t t = 0; t < rows.parts() * columns.parts(); ++t) {
            const std::int64_t r = t / columns.parts();
            const std::int64_t c = t % columns.parts();
            add_up(rows.begin(r), rows.length(r), columns_.begin(j), columns.begin(c), columns.length(c), d);
        }
    }

    /// One tile of C: `rows` rows from `row` on, `columns` columns from `column` of the block that starts at `block_column`.
    void add_up(std::int64_t row, std::int64_t rows, std::int64_t block_column, std::int64_t column, std::int64_t columns,
                std::int64_t d) const {
        const Cut sums{depths_.length(d), sums_.size};
        float* a_panels = a_panels_.get() + omp_get_thread_num() * a_floats_;
        float* c = p_.c_MN + row * p_.c_stride + block_column + column;
        for (std::int64_t s = 0; s < sums.parts(); ++s) {
            const Piece piece{.data = p_.a.data,
                              .stride = p_.a.stride,
                              .rows = p_.a.rows,
                              .sums_over_rows = p_.a.transposed,
                              .first = row,
                              .count = rows,
                              .first_step = depths_.begin(d) + sums.begin(s),
                              .steps = sums.length(s)};
            kernel_.pack_rows(piece, a_panels);
            const float* b_panels = b_panels_.get() + columns_.size * sums.begin(s) + column * piece.steps;
            kernel_.tile(a_panels, b_panels, rows, columns, piece.steps, c, p_.c_stride, p_.accumulate || d > 0 || s > 0);
        }
    }

    const Product& p_;
    const TileKernel& kernel_;
    const int threads_;
    const Cut sums_;     ///< of k, each added up from zero
    const Cut depths_;   ///< of k, whole sums: the depth of a block of B
    const Cut columns_;  ///< of n: the width of a block of B
    std::int64_t tile_rows_;
    std::int64_t tile_columns_;
    std::int64_t a_floats_ = 0;
    FloatBuffer b_panels_;
    FloatBuffer a_panels_;
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
