// SPDX-License-Identifier: Apache-2.0
// Dropout that a resumed run repeats: whether a number is dropped is a function of (seed, step, piece, tensor, index), never of how many
// numbers were drawn before. For .cpp files of nn alone; LibTorch's tensor is only named here.
#pragma once
#include <cstdint>
#include <string_view>

namespace at {
class Tensor;
}

namespace plumb::nn {

/// `rate` 0: nothing is dropped, as in scoring.
struct Dropout {
    double rate = 0;
    std::uint64_t seed = 0;
    std::int64_t step = 0;
    std::int64_t piece = 0;  ///< of a step whose batch is cut into pieces

    /// A share `rate` of the numbers becomes 0, the others count 1 / (1 - rate) times.
    at::Tensor operator()(const at::Tensor& x, std::string_view tensor) const;
};

}  // namespace plumb::nn
