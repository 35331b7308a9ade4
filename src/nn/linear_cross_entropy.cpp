// SPDX-License-Identifier: Apache-2.0
// To add a form: a function from Inputs to the loss and one line of `forms`; the tests walk loss_form_names().
#include "nn/linear_cross_entropy.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/text.h"
#include "nn/attention_peers.h"
#include "nn/linear_cross_entropy_function.h"
#include "nn/problem_tensors.h"

namespace plumb::nn {

namespace {

using base::Error;
using base::ErrorKind;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Rows whose logits are stored at once by the form "chunked".
constexpr std::int64_t chunk_rows = 256;

struct Inputs {
    at::Tensor hidden_RE, weight_VE, targets_R, row_weights_R;
    mutable PackedWeightCache cache;
};

at::Tensor fused(const Inputs& in) {
    return linear_cross_entropy(in.hidden_RE, in.weight_VE, in.targets_R, in.row_weights_R, in.cache);
}

at::Tensor stored_logits(const at::Tensor& hidden_RE, const at::Tensor& weight_VE, const at::Tensor& targets_R,
                         const at::Tensor& row_weights_R) {
    const at::Tensor log_p_RV = at::log_softmax(at::linear(hidden_RE, weight_VE), 1);
    const at::Tensor nll_R = at::nll_loss(log_p_RV, targets_R, {}, at::Reduction::None);
    return at::dot(nll_R.to(at::kFloat), row_weights_R);
}

at::Tensor log_softmax(const Inputs& in) {
    return stored_logits(in.hidden_RE, in.weight_VE, in.targets_R, in.row_weights_R);
}

/// A chunk of rows without its history, which the backward pass makes again.
struct Recomputed : torch::autograd::Function<Recomputed> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden_RE, const at::Tensor& weight_VE,
                              const at::Tensor& targets_R, const at::Tensor& row_weights_R) {
        context->save_for_backward({hidden_RE, weight_VE, targets_R, row_weights_R});
        context->saved_data["trains_weight"] = weight_VE.requires_grad();
        return stored_logits(hidden_RE, weight_VE, targets_R, row_weights_R);
    }

    static variable_list backward(AutogradContext* context, const variable_list& outputs) {
        const variable_list saved = context->get_saved_variables();
        const bool trains_weight = context->saved_data["trains_weight"].toBool();
        const at::AutoGradMode history(true);
        const at::Tensor hidden_RE = saved[0].detach().requires_grad_();
        const at::Tensor weight_VE = saved[1].detach().requires_grad_(trains_weight);
        const at::Tensor loss = stored_logits(hidden_RE, weight_VE, saved[2], saved[3]);
        variable_list leaves = {hidden_RE};
        if (trains_weight) leaves.push_back(weight_VE);
        variable_list gradients = torch::autograd::grad({loss}, leaves, {outputs[0].detach()});
        if (!trains_weight) gradients.emplace_back();
        gradients.resize(4);
        return gradients;
    }
};

at::Tensor chunked(const Inputs& in) {
    at::Tensor loss = at::zeros({}, at::kFloat);
    const std::int64_t rows = in.hidden_RE.size(0);
    for (std::int64_t first = 0; first < rows; first += chunk_rows) {
        const std::int64_t count = std::min(chunk_rows, rows - first);
        loss = loss + Recomputed::apply(in.hidden_RE.narrow(0, first, count), in.weight_VE, in.targets_R.narrow(0, first, count),
                                        in.row_weights_R.narrow(0, first, count));
    }
    return loss;
}

struct Form {
    const char* name;
    at::Tensor (*compute)(const Inputs&);
};

constexpr std::array<Form, 3> forms = {{{"fused", fused}, {"log_softmax", log_softmax}, {"chunked", chunked}}};

const Form& find_form(const std::string& name) {
    for (const Form& form : forms) {
        if (name == form.name) return form;
    }
    throw Error(ErrorKind::usage, "no form of the loss is called '" + name + "'", base::suggest(name, loss_form_names()));
}

/// A tensor over borrowed numbers, to which nobody may write.
template <class Number>
at::Tensor borrowed(const Number* numbers, at::IntArrayRef sizes, at::ScalarType type) {
    return at::from_blob(const_cast<Number*>(numbers), sizes, type);
}

class FormOnProblem : public LossForm {
  public:
    FormOnProblem(const Form& form, const LossProblem& p) : form_(form), threads_(p.threads), factor_(p.factor) {
        guarded<at::AutoGradMode>(form.name, [&] {
            const at::ScalarType type = p.dtype == base::Dtype::fp32   ? at::kFloat
                                        : p.dtype == base::Dtype::bf16 ? at::kBFloat16
                                                                       : at::kHalf;
            inputs_.hidden_RE = borrowed(p.hidden_RE, {p.rows, p.features}, type).requires_grad_();
            inputs_.weight_VE = borrowed(p.weight_VE, {p.vocabulary, p.features}, type).requires_grad_(p.trains_weight);
            inputs_.targets_R = borrowed(p.target_R, {p.rows}, at::kLong);
            inputs_.row_weights_R = borrowed(p.row_weight_R, {p.rows}, at::kFloat);
        });
    }

    double step() override {
        set_torch_threads(threads_);
        return guarded<at::AutoGradMode>(form_.name, [&] {
            gradients_.clear();
            variable_list leaves = {inputs_.hidden_RE};
            if (inputs_.weight_VE.requires_grad()) leaves.push_back(inputs_.weight_VE);
            const at::Tensor loss = form_.compute(inputs_) * factor_;
            gradients_ = torch::autograd::grad({loss}, leaves);
            return loss.item<double>();
        });
    }

    double evaluate() override {
        set_torch_threads(threads_);
        return guarded<c10::InferenceMode>(form_.name, [&] { return (form_.compute(inputs_) * factor_).item<double>(); });
    }

    void copy_gradients(std::span<float> dhidden_RE, std::span<float> dweight_VE) const override {
        const std::span<float> targets[] = {dhidden_RE, dweight_VE};
        const std::size_t wanted = dweight_VE.empty() ? 1 : 2;
        if (gradients_.size() < wanted)
            throw Error(ErrorKind::internal, std::string(form_.name) + ": gradients that no step() has computed");
        guarded<at::AutoGradMode>(form_.name, [&] {
            for (std::size_t i = 0; i < wanted; ++i) {
                const at::Tensor flat = gradients_[i].detach().reshape({-1});
                at::from_blob(targets[i].data(), {static_cast<std::int64_t>(targets[i].size())}, at::kFloat).copy_(flat);
            }
        });
    }

  private:
    const Form& form_;
    int threads_;
    double factor_;
    Inputs inputs_;
    variable_list gradients_;
};

}  // namespace

std::vector<std::string> loss_form_names() {
    std::vector<std::string> names;
    for (const Form& form : forms) names.emplace_back(form.name);
    return names;
}

std::unique_ptr<LossForm> make_loss_form(const std::string& name, const LossProblem& problem) {
    return std::make_unique<FormOnProblem>(find_form(name), problem);
}

}  // namespace plumb::nn
