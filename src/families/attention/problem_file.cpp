// SPDX-License-Identifier: Apache-2.0
#include "families/attention/problem_file.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "base/error.h"
#include "base/tensor_file.h"
#include "families/attention/layout.h"
#include "kernels/attention/bind.h"

namespace plumb::families::attention {

namespace {

namespace ka = kernels::attention;
using base::ElementType;
using base::TensorInfo;

[[noreturn]] void refuse(const std::filesystem::path& file, const TensorInfo& info, const std::string& expected) {
    throw base::Error(base::ErrorKind::usage, file.string() + ": tensor '" + info.name + "' is " + info.text(), "expected " + expected);
}

base::Dtype dtype_of(const std::filesystem::path& file, const TensorInfo& info) {
    const std::optional<base::Dtype> dtype = base::dtype_of(info.type);
    if (!dtype) refuse(file, info, "fp32, fp16 or bf16");
    return *dtype;
}

/// Where the row and the head stand among the axes of q, k and v.
struct Axes {
    std::size_t row, head;
};
Axes axes_of(ka::Layout layout) {
    return layout == ka::Layout::bnhd ? Axes{1, 2} : Axes{2, 1};
}

ka::View view_of(const std::filesystem::path& file, const TensorInfo& info, ka::Layout layout, const void* data) {
    if (info.shape.size() != 4)
        refuse(
            file, info,
            layout == ka::Layout::bnhd ? "batch x rows x heads x columns (layout bnhd)" : "batch x heads x rows x columns (layout bhnd)");
    const auto [row, head] = axes_of(layout);
    ka::View view{data, info.shape[0], info.shape[row], info.shape[head], info.shape[3], {}, dtype_of(file, info)};
    view.strides = layout == ka::Layout::bnhd ? ka::strides_bnhd(view.rows, view.heads, view.columns)
                                              : ka::strides_bhnd(view.rows, view.heads, view.columns);
    return view;
}

ka::MaskKind kind_of_mask(const base::TensorFile& file) {
    if (!file.contains("mask")) return ka::MaskKind::none;
    const TensorInfo& info = file.at("mask");
    const std::size_t axes = info.shape.size();
    if ((info.type != ElementType::boolean && info.type != ElementType::u8) || (axes != 2 && axes != 3))
        refuse(file.path(), info, "bool or u8 numbers, batch x queries x keys, or batch x keys for padding");
    return axes == 3 ? ka::MaskKind::boolean : ka::MaskKind::key_padding;
}

/// 0 or 1 whatever stands for true in the file.
std::vector<std::uint8_t> hidden_of(const base::Tensor& mask) {
    const auto marks = mask.as<std::uint8_t>();
    std::vector<std::uint8_t> hidden(marks.size());
    std::ranges::transform(marks, hidden.begin(), [](std::uint8_t mark) { return static_cast<std::uint8_t>(mark != 0); });
    return hidden;
}

ka::View view_of_bias(const std::filesystem::path& file, const TensorInfo& info, const std::vector<float>& numbers) {
    if (info.shape.size() != 4) refuse(file, info, "batch x heads x queries x keys, each of them or 1");
    return {numbers.data(), info.shape[0], info.shape[2],
            info.shape[1],  info.shape[3], ka::strides_bhnd(info.shape[2], info.shape[1], info.shape[3])};
}

std::shared_ptr<const FileProblem> read_anew(const std::filesystem::path& path, ka::Layout layout, ka::Mask mask, float scale) {
    const base::TensorFile file(path);
    auto read = std::make_shared<FileProblem>();
    for (const char* const name : {"q", "k", "v"}) read->tensors.push_back(file.read(name));
    const auto view = [&](std::size_t index) {
        const base::Tensor& tensor = read->tensors[index];
        return view_of(path, tensor.info(), layout, tensor.bytes().data());
    };
    std::vector<std::int64_t> mask_sizes;
    if (kind_of_mask(file) != ka::MaskKind::none) {
        read->hidden = hidden_of(file.read("mask"));
        mask.hidden = read->hidden.data();
        mask_sizes = file.at("mask").shape;
    }
    ka::View bias;
    if (file.contains("bias")) {
        (void)dtype_of(path, file.at("bias"));
        read->bias = file.read("bias").to_fp32();
        bias = view_of_bias(path, file.at("bias"), read->bias);
    }
    try {
        read->problem = ka::bind(view(0), view(1), view(2), mask, mask_sizes, scale, 1, bias);
    } catch (const base::Error& error) {
        throw base::Error(error.kind(), path.string() + ": " + error.what(), error.hint());
    }
    return read;
}

}  // namespace

ProblemFacts problem_facts(const std::filesystem::path& path, ka::Layout layout) {
    const base::TensorFile file(path);
    const ka::View q = view_of(path, file.at("q"), layout, nullptr);
    const ka::View k = view_of(path, file.at("k"), layout, nullptr);
    const ka::View v = view_of(path, file.at("v"), layout, nullptr);
    ProblemFacts facts;
    facts.shape = {q.batch, q.heads, q.rows, k.rows, q.columns, v.columns, k.heads == q.heads ? 0 : k.heads};
    facts.dtype = q.dtype;
    facts.mask = kind_of_mask(file);
    facts.bias = file.contains("bias");
    return facts;
}

void require_output_gradient(const std::filesystem::path& path, ka::Layout layout) {
    const base::TensorFile file(path);
    if (!file.contains("d_out")) {
        throw base::Error(base::ErrorKind::missing, path.string() + " has no tensor 'd_out', which direction=backward needs",
                          "add the gradient of the output, shaped as the output and of the type of q");
    }
    const ProblemFacts facts = problem_facts(path, layout);
    const TensorInfo expected{"d_out", base::element_type_of(facts.dtype), sizes_of_output(facts.shape).axes(layout)};
    if (!(file.at("d_out") == expected)) refuse(path, file.at("d_out"), expected.text() + ", as the output");
}

base::Tensor read_output_gradient(const std::filesystem::path& path, ka::Layout layout) {
    require_output_gradient(path, layout);
    return base::TensorFile(path).read("d_out");
}

std::shared_ptr<const FileProblem> read_problem(const std::filesystem::path& file, ka::Layout layout, const ka::Mask& mask, float scale) {
    using Key = std::tuple<std::filesystem::path, ka::Layout, ka::MaskKind, std::int64_t, std::int64_t, float>;
    static std::map<Key, std::weak_ptr<const FileProblem>> living;
    std::weak_ptr<const FileProblem>& place = living[{file, layout, mask.kind, mask.left, mask.right, scale}];
    std::shared_ptr<const FileProblem> problem = place.lock();
    if (!problem) place = problem = read_anew(file, layout, mask, scale);
    return problem;
}

}  // namespace plumb::families::attention
