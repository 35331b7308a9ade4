// SPDX-License-Identifier: Apache-2.0
// Keys and values of the key heads that attention on AMX tiles prepares together, as its tiles want them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/attention/amx_run.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/prepare.h"

namespace plumb::kernels::attention {

/// `count` numbers of problem.dtype from element `first` of `numbers` on, `column` apart, as fp32; then zeros up to `padded`.
void widen_padded(const Problem& problem, const void* numbers, std::int64_t first, std::int64_t column, std::int64_t count,
                  std::int64_t padded, float* wide);

class AmxHeads {
  public:
    AmxHeads(const Problem& problem, const KeyLists& keys, const AmxPlan& plan);

    /// Packs key head b G + g into `slot`. `wide`: 32 rows of the workspace. Allocates nothing; slots may be packed at the same time.
    void pack(std::int64_t key_head, std::int64_t slot, float* wide);
    const std::byte* keys(std::int64_t slot) const;
    const std::byte* values(std::int64_t slot) const;
    /// No value is NaN or inf. Those that are were packed as 0, because a hidden key's would spread as 0 x NaN.
    bool values_finite(std::int64_t slot) const { return finite_[static_cast<std::size_t>(slot)] != 0; }

  private:
    void pack_keys(std::int64_t key_head, std::int64_t slot, float* wide) const;
    void pack_values(std::int64_t key_head, std::int64_t slot, float* wide);
    /// Rows [first, first + count) of a key head's keys or values, zeros behind the last key.
    void widen_rows(std::int64_t key_head, const void* numbers, const Strides& strides, std::int64_t first, std::int64_t count,
                    std::int64_t columns, std::int64_t padded, float* wide) const;

    const Problem& problem_;
    const KeyLists& lists_;
    const AmxPlan& plan_;
    const AmxKernel& arithmetic_;
    Buffer keys_;
    Buffer values_;
    std::vector<std::uint8_t> finite_;
};

/// One query of one head, and what the kernel found of it.
struct AmxQuery {
    std::int64_t b = 0;
    std::int64_t h = 0;
    std::int64_t n = 0;
    double lse = 0;  ///< natural log of the sum over visible keys

    std::int64_t place(const Strides& strides) const { return b * strides.batch + h * strides.head + n * strides.row; }
};

/// Adds to the output of a query, whose first number is element `first` of `out`, what packing left out: weight x NaN or inf of each key
/// that it sees. Slow: the weight is computed anew, in fp64 and from the numbers as stored, since all that matters is whether it is 0.
void put_back_infinite(const Problem& problem, const AmxQuery& query, void* out, std::int64_t first, std::int64_t column);

}  // namespace plumb::kernels::attention
