// SPDX-License-Identifier: Apache-2.0
// To add an implementation: a function from Inputs to the output and one line of `forms`; the tests walk attention_gradient_names().
//
// Legend: B batch, H heads, G key heads, N queries, M keys, D head_dim, E value_dim.
#include "nn/attention_gradients.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include <array>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "nn/attention_function.h"
#include "nn/attention_peers.h"
#include "nn/problem_tensors.h"

namespace plumb::nn {

namespace {

using base::Error;
using base::ErrorKind;
using kernels::attention::Problem;
using kernels::attention::Strides;

/// Leaves over the borrowed arrays, built once.
struct Inputs {
    at::Tensor q_BHND;
    at::Tensor k_BGMD;
    at::Tensor v_BGME;
    at::Tensor flags;         ///< mask as fused_attention() takes it
    at::Tensor visible_B1NM;  ///< mask as LibTorch takes it; undefined where every key is visible or is_causal says it all
    bool is_causal = false;
    AttentionOptions options;
    double scale = 1;
};

at::Tensor fused(const Inputs& in) {
    return fused_attention(in.q_BHND, in.k_BGMD, in.v_BGME, in.flags, in.options);
}

at::Tensor sdpa(const Inputs& in) {
    const std::optional<at::Tensor> mask = in.visible_B1NM.defined() ? std::optional(in.visible_B1NM) : std::nullopt;
    const bool grouped = in.q_BHND.size(1) != in.k_BGMD.size(1);
    return at::scaled_dot_product_attention(in.q_BHND, in.k_BGMD, in.v_BGME, mask, /*dropout_p=*/0.0, in.is_causal, in.scale, grouped);
}

at::Tensor broadcast(const Inputs& in) {
    const std::int64_t group = in.k_BGMD.size(1) == 0 ? 1 : in.q_BHND.size(1) / in.k_BGMD.size(1);
    const auto repeated = [&](const at::Tensor& x) { return group == 1 ? x : x.repeat_interleave(group, 1); };
    at::Tensor score_BHNM = at::matmul(in.q_BHND, repeated(in.k_BGMD).transpose(-2, -1)) * in.scale;
    if (in.is_causal) {
        score_BHNM = score_BHNM.masked_fill(at::ones({score_BHNM.size(2), score_BHNM.size(3)}, at::kBool).triu(1), -INFINITY);
    } else if (in.visible_B1NM.defined()) {
        score_BHNM = score_BHNM.masked_fill(in.visible_B1NM.logical_not(), -INFINITY);
    }
    return at::matmul(at::softmax(score_BHNM, -1), repeated(in.v_BGME));
}

struct Form {
    const char* name;
    at::Tensor (*compute)(const Inputs&);
};

constexpr std::array<Form, 3> forms = {{{"fused", fused}, {"sdpa", sdpa}, {"broadcast", broadcast}}};

const Form& find_form(const std::string& name) {
    for (const Form& form : forms) {
        if (name == form.name) return form;
    }
    throw Error(ErrorKind::usage, "no attention gradients are called '" + name + "'", base::suggest(name, attention_gradient_names()));
}

/// Heads first, as LibTorch's functions take them.
at::Tensor view_BHRC(const Problem& problem, const void* data, const ArraySizes& sizes, const Strides& strides) {
    return view_BRHC(problem, data, sizes, strides).transpose(1, 2);
}

Inputs wrap(const Problem& problem) {
    Inputs in;
    in.q_BHND = view_BHRC(problem, problem.q, query_sizes(problem), problem.q_strides).requires_grad_();
    in.k_BGMD = view_BHRC(problem, problem.k, key_sizes(problem), problem.k_strides).requires_grad_();
    in.v_BGME = view_BHRC(problem, problem.v, value_sizes(problem), problem.v_strides).requires_grad_();
    in.flags = hidden_flags(problem);
    in.scale = kernels::attention::effective_scale(problem);
    in.options = {problem.mask.kind, problem.mask.left, problem.mask.right, problem.scale, problem.threads};
    in.is_causal = is_causal_alone(problem);
    const at::Tensor hidden = in.is_causal ? at::Tensor() : hidden_keys(problem);
    if (hidden.defined()) in.visible_B1NM = hidden.logical_not().unsqueeze(1);
    return in;
}

class FormOnProblem : public AttentionGradients {
  public:
    FormOnProblem(const Form& form, const Problem& problem, const void* dout, const Strides& dout_strides)
        : form_(form), threads_(problem.threads) {
        guarded<at::AutoGradMode>(form.name, [&] {
            inputs_ = wrap(problem);
            dout_BHNE_ = view_BHRC(problem, dout, output_sizes(problem), dout_strides);
        });
    }

    void forward() override {
        set_torch_threads(threads_);
        guarded<at::AutoGradMode>(form_.name, [&] { out_BHNE_ = form_.compute(inputs_); });
    }

    void backward() override {
        if (!out_BHNE_.defined()) throw Error(ErrorKind::internal, std::string(form_.name) + ": backward() before forward()");
        set_torch_threads(threads_);
        guarded<at::AutoGradMode>(form_.name, [&] {
            gradients_ =
                torch::autograd::grad({out_BHNE_}, {inputs_.q_BHND, inputs_.k_BGMD, inputs_.v_BGME}, {dout_BHNE_}, /*retain_graph=*/true);
        });
    }

    void copy_output(std::span<float> out_BNHE) const override { copy(out_BHNE_, out_BNHE, "output"); }

    void copy_gradients(std::span<float> dq_BNHD, std::span<float> dk_BMGD, std::span<float> dv_BMGE) const override {
        if (gradients_.empty()) throw Error(ErrorKind::internal, std::string(form_.name) + ": gradients asked for before backward()");
        copy(gradients_[0], dq_BNHD, "dq");
        copy(gradients_[1], dk_BMGD, "dk");
        copy(gradients_[2], dv_BMGE, "dv");
    }

  private:
    void copy(const at::Tensor& x_BHRC, std::span<float> target_BRHC, const char* name) const {
        const std::int64_t size = x_BHRC.defined() ? x_BHRC.numel() : -1;
        if (static_cast<std::int64_t>(target_BRHC.size()) != size) {
            throw Error(ErrorKind::internal, std::string(form_.name) + ": " + name + " has " + std::to_string(size) +
                                                 " elements, the destination " + std::to_string(target_BRHC.size()));
        }
        guarded<at::AutoGradMode>(form_.name, [&] {
            const at::Tensor x_BRHC = x_BHRC.detach().transpose(1, 2);
            at::from_blob(target_BRHC.data(), x_BRHC.sizes(), at::kFloat).copy_(x_BRHC);
        });
    }

    const Form& form_;
    int threads_;
    Inputs inputs_;
    at::Tensor dout_BHNE_;
    at::Tensor out_BHNE_;
    torch::autograd::variable_list gradients_;
};

}  // namespace

std::vector<std::string> attention_gradient_names() {
    std::vector<std::string> names;
    for (const Form& form : forms) names.emplace_back(form.name);
    return names;
}

std::string why_no_gradients(const std::string& name, const Problem& problem) {
    find_form(name);
    if (problem.bias.data != nullptr) return "gradients through a bias are not offered";
    if (problem.precision != kernels::attention::Precision::highest) return "gradients are computed in precision highest alone";
    if (has_negative_strides(problem)) return "LibTorch takes no negative strides";
    return {};
}

std::unique_ptr<AttentionGradients> make_attention_gradients(const std::string& name, const Problem& problem, const void* dout,
                                                             const Strides& dout_strides) {
    const Form& form = find_form(name);
    kernels::attention::validate(problem);
    if (const std::string reason = why_no_gradients(name, problem); !reason.empty())
        throw Error(ErrorKind::unsupported, name + ": " + reason);
    return std::make_unique<FormOnProblem>(form, problem, dout, dout_strides);
}

}  // namespace plumb::nn
