// SPDX-License-Identifier: Apache-2.0
#include "families/attention/output_file.h"

#include <deque>
#include <vector>

#include "base/tensor_file.h"
#include "families/attention/layout.h"

namespace plumb::families::attention {

namespace {

namespace ka = kernels::attention;

/// Tensors of a result and the numbers that they borrow.
class Result {
  public:
    Result(ka::Layout layout, base::Dtype dtype) : layout_(layout), dtype_(dtype) {}

    /// `numbers_BRHC` contiguous.
    void add(const std::string& name, const Sizes& sizes, const std::vector<float>& numbers_BRHC) {
        const std::vector<float> ordered =
            gathered(sizes, base::Dtype::fp32, numbers_BRHC.data(), sizes.strides(ka::Layout::bnhd), layout_);
        numbers_.emplace_back(dtype_, ordered);
        tensors_.push_back({{name, base::element_type_of(dtype_), sizes.axes(layout_)}, numbers_.back().bytes()});
    }
    void add(const base::TensorView& tensor) { tensors_.push_back(tensor); }
    void write(const std::filesystem::path& file, const std::map<std::string, std::string>& about) const {
        if (file.extension() == ".safetensors") return base::write_safetensors(file, tensors_, about);
        base::write_tensors(file, tensors_);
    }

  private:
    ka::Layout layout_;
    base::Dtype dtype_;
    std::deque<base::Numbers> numbers_;
    std::vector<base::TensorView> tensors_;
};

}  // namespace

void write_output(const std::filesystem::path& file, const ka::Problem& problem, ka::Layout layout, const Executor& executor,
                  const std::map<std::string, std::string>& about) {
    const ka::Shape& s = problem.shape;
    std::vector<float> out(static_cast<std::size_t>(ka::output_size(s)));
    executor.copy_output(out);
    Result result(layout, problem.dtype);
    result.add("out", sizes_of_output(s), out);
    const std::vector<float> lse_BHN = executor.log_sum_exps();
    if (!lse_BHN.empty()) result.add(base::tensor_view<float>("lse", base::ElementType::fp32, {s.batch, s.heads, s.queries}, lse_BHN));
    result.write(file, about);
}

void write_gradients(const std::filesystem::path& file, const ka::Problem& problem, ka::Layout layout, const GradientArrays& gradients,
                     const std::map<std::string, std::string>& about) {
    Result result(layout, problem.dtype);
    result.add("dq", sizes_of_queries(problem.shape), gradients.dq);
    result.add("dk", sizes_of_keys(problem.shape), gradients.dk);
    result.add("dv", sizes_of_values(problem.shape), gradients.dv);
    result.write(file, about);
}

}  // namespace plumb::families::attention
