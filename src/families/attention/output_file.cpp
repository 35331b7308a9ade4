// SPDX-License-Identifier: Apache-2.0
#include "families/attention/output_file.h"

#include <utility>
#include <vector>

#include "base/tensor_file.h"

namespace plumb::families::attention {

namespace {

namespace ka = kernels::attention;

std::vector<float> heads_first(const std::vector<float>& out_BNHE, const ka::Shape& s) {
    std::vector<float> out_BHNE(out_BNHE.size());
    const ka::Strides from = ka::strides_bnhd(s.queries, s.heads, s.value_dim);
    std::size_t to = 0;
    for (std::int64_t b = 0; b < s.batch; ++b)
        for (std::int64_t h = 0; h < s.heads; ++h)
            for (std::int64_t n = 0; n < s.queries; ++n)
                for (std::int64_t e = 0; e < s.value_dim; ++e)
                    out_BHNE[to++] = out_BNHE[static_cast<std::size_t>(b * from.batch + h * from.head + n * from.row + e)];
    return out_BHNE;
}

}  // namespace

void write_output(const std::filesystem::path& file, const ka::Problem& problem, ka::Layout layout, const Executor& executor,
                  const std::map<std::string, std::string>& about) {
    const ka::Shape& s = problem.shape;
    std::vector<float> out(static_cast<std::size_t>(ka::output_size(s)));
    executor.copy_output(out);
    std::vector<std::int64_t> shape = {s.batch, s.queries, s.heads, s.value_dim};
    if (layout == ka::Layout::bhnd) {
        out = heads_first(out, s);
        std::swap(shape[1], shape[2]);
    }
    const base::Numbers stored(problem.dtype, out);
    std::vector<base::TensorView> tensors = {{{"out", base::element_type_of(problem.dtype), shape}, stored.bytes()}};
    const std::vector<float> lse_BHN = executor.log_sum_exps();
    if (!lse_BHN.empty())
        tensors.push_back(base::tensor_view<float>("lse", base::ElementType::fp32, {s.batch, s.heads, s.queries}, lse_BHN));
    if (file.extension() == ".safetensors") return base::write_safetensors(file, tensors, about);
    base::write_tensors(file, tensors);
}

}  // namespace plumb::families::attention
