// SPDX-License-Identifier: Apache-2.0
// To add a plain form: plain_loss.cpp. The tests walk loss_form_names().
#include "nn/linear_cross_entropy.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>

#include "base/error.h"
#include "base/text.h"
#include "nn/attention_peers.h"
#include "nn/linear_cross_entropy_function.h"
#include "nn/plain_loss.h"
#include "nn/problem_tensors.h"

namespace plumb::nn {

namespace {

using base::Error;
using base::ErrorKind;
using torch::autograd::variable_list;

struct Inputs {
    at::Tensor hidden_RE, weight_VE, targets_R, row_weights_R;
    mutable PackedWeightCache cache;
};

at::Tensor fused(const Inputs& in) {
    return linear_cross_entropy(in.hidden_RE, in.weight_VE, in.targets_R, in.row_weights_R, in.cache);
}

struct Form {
    std::string name;
    std::function<at::Tensor(const Inputs&)> compute;
};

const std::vector<Form>& forms() {
    static const std::vector<Form> made = [] {
        std::vector<Form> all = {{"fused", fused}};
        for (const PlainLoss& plain : plain_losses()) {
            all.push_back({plain.name, [compute = plain.compute](const Inputs& in) {
                               return compute(in.hidden_RE, in.weight_VE, in.targets_R, in.row_weights_R);
                           }});
        }
        return all;
    }();
    return made;
}

const Form& find_form(const std::string& name) {
    for (const Form& form : forms()) {
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
        if (gradients_.size() < wanted) throw Error(ErrorKind::internal, form_.name + ": gradients that no step() has computed");
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
    for (const Form& form : forms()) names.push_back(form.name);
    return names;
}

std::unique_ptr<LossForm> make_loss_form(const std::string& name, const LossProblem& problem) {
    return std::make_unique<FormOnProblem>(find_form(name), problem);
}

}  // namespace plumb::nn
