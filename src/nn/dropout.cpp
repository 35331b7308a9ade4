// SPDX-License-Identifier: Apache-2.0
#include "nn/dropout.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <string>

#include "base/random.h"

namespace plumb::nn {

at::Tensor Dropout::operator()(const at::Tensor& x, std::string_view tensor) const {
    if (rate <= 0) return x;
    const base::RandomStream random(seed, "dropout " + std::string(tensor) + " " + std::to_string(step) + " " + std::to_string(piece));
    const at::Tensor factors = at::empty(x.sizes(), x.options());
    const auto kept = static_cast<float>(1 / (1 - rate));
    auto* const numbers = factors.mutable_data_ptr<float>();
    at::parallel_for(0, factors.numel(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) numbers[i] = random.uniform(static_cast<std::uint64_t>(i)) < rate ? 0.0F : kept;
    });
    return x * factors;
}

}  // namespace plumb::nn
