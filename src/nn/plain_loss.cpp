// SPDX-License-Identifier: Apache-2.0
// To add a form: a function from the four tensors to the loss, its line in `forms` and in plain_loss.h.
#include "nn/plain_loss.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace plumb::nn {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Rows whose logits are stored at once.
constexpr std::int64_t chunk_rows = 256;

at::Tensor weighted(const at::Tensor& log_p_RV, const at::Tensor& targets_R, const at::Tensor& row_weights_R) {
    const at::Tensor nll_R = at::nll_loss(log_p_RV, targets_R, {}, at::Reduction::None);
    return at::dot(nll_R.to(row_weights_R.scalar_type()), row_weights_R);
}

at::Tensor stored_logits(const at::Tensor& hidden_RE, const at::Tensor& weight_VE, const at::Tensor& targets_R,
                         const at::Tensor& row_weights_R) {
    return weighted(at::log_softmax(at::linear(hidden_RE, weight_VE), 1), targets_R, row_weights_R);
}

/// Calls step(first row, rows) for all chunks.
template <class Step>
void walk_chunks(std::int64_t rows, const Step& step) {
    for (std::int64_t first = 0; first < rows; first += chunk_rows) step(first, std::min(chunk_rows, rows - first));
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

at::Tensor chunked(const at::Tensor& hidden_RE, const at::Tensor& weight_VE, const at::Tensor& targets_R, const at::Tensor& row_weights_R) {
    at::Tensor loss = at::zeros({}, row_weights_R.options());
    walk_chunks(hidden_RE.size(0), [&](std::int64_t first, std::int64_t count) {
        loss = loss + Recomputed::apply(hidden_RE.narrow(0, first, count), weight_VE, targets_R.narrow(0, first, count),
                                        row_weights_R.narrow(0, first, count));
    });
    return loss;
}

struct Eager : torch::autograd::Function<Eager> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden_RE, const at::Tensor& weight_VE,
                              const at::Tensor& targets_R, const at::Tensor& row_weights_R) {
        const at::Tensor dhidden_RE = at::empty_like(hidden_RE);
        const at::Tensor dweight_VE = weight_VE.requires_grad() ? at::zeros_like(weight_VE) : at::Tensor();
        const at::Tensor loss = at::zeros({}, row_weights_R.options());
        walk_chunks(hidden_RE.size(0), [&](std::int64_t first, std::int64_t count) {
            const at::Tensor h = hidden_RE.narrow(0, first, count), y = targets_R.narrow(0, first, count);
            const at::Tensor weights_R1 = row_weights_R.narrow(0, first, count).unsqueeze(1);
            const at::Tensor log_p_RV = at::log_softmax(at::linear(h, weight_VE), 1);
            loss.add_(weighted(log_p_RV, y, weights_R1.squeeze(1)));
            const at::Tensor dlogits_RV = log_p_RV.exp_().mul_(weights_R1);
            dlogits_RV.scatter_add_(1, y.unsqueeze(1), weights_R1.neg().to(dlogits_RV.scalar_type()));
            at::Tensor dh = dhidden_RE.narrow(0, first, count);
            at::mm_out(dh, dlogits_RV, weight_VE);
            if (dweight_VE.defined()) dweight_VE.addmm_(dlogits_RV.t(), h);
        });
        context->saved_data["dhidden"] = dhidden_RE;
        context->saved_data["dweight"] = dweight_VE;
        return loss;
    }

    static variable_list backward(AutogradContext* context, const variable_list& outputs) {
        const double factor = outputs[0].item<double>();
        const auto take = [&](const char* name) {
            const at::Tensor gradient = context->saved_data[name].toTensor();
            return factor == 1 || !gradient.defined() ? gradient : gradient * factor;
        };
        variable_list gradients = {take("dhidden"), take("dweight"), at::Tensor(), at::Tensor()};
        context->saved_data.clear();  // autograd adds in place to what nobody else holds
        return gradients;
    }
};

at::Tensor eager(const at::Tensor& hidden_RE, const at::Tensor& weight_VE, const at::Tensor& targets_R, const at::Tensor& row_weights_R) {
    return Eager::apply(hidden_RE, weight_VE, targets_R, row_weights_R);
}

constexpr std::array<PlainLoss, 3> forms = {{{"log_softmax", stored_logits}, {"chunked", chunked}, {"eager", eager}}};

}  // namespace

std::span<const PlainLoss> plain_losses() {
    return forms;
}

const PlainLoss& plain_loss_named(const std::string& name) {
    std::vector<std::string> names;
    for (const PlainLoss& form : forms) {
        if (name == form.name) return form;
        names.emplace_back(form.name);
    }
    throw base::Error(base::ErrorKind::usage, "no plain form of the loss is called '" + name + "'", base::suggest(name, names));
}

}  // namespace plumb::nn
