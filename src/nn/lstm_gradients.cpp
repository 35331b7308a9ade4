// SPDX-License-Identifier: Apache-2.0
// To add an implementation: a function from Inputs to the outputs and one line of `forms`; the tests walk lstm_gradient_names().
//
// Legend as in lstm_function.h.
#include "nn/lstm_gradients.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include <array>
#include <tuple>

#include "base/error.h"
#include "base/text.h"
#include "nn/attention_peers.h"
#include "nn/lstm_function.h"
#include "nn/problem_tensors.h"

namespace plumb::nn {

namespace {

using base::Error;
using base::ErrorKind;
using Outputs = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

/// Leaves over the borrowed arrays, built once.
struct Inputs {
    at::Tensor rows;    ///< B x T x I, or V x I where there are ids
    at::Tensor ids_BT;  ///< undefined: none
    at::Tensor w_ih_GI, w_hh_GH;
    at::Tensor b_ih_G, b_hh_G;  ///< undefined: none
    at::Tensor h0_BH, c0_BH;    ///< undefined: zeros
    std::int64_t batch = 0;
};

Outputs by_plumb(const Inputs& in) {
    const LstmParameters parameters{in.w_ih_GI, in.w_hh_GH, in.b_ih_G, in.b_hh_G};
    if (in.ids_BT.defined()) return lstm_layer_of_ids(in.rows, in.ids_BT, parameters, in.h0_BH, in.c0_BH);
    return lstm_layer(in.rows, parameters, in.h0_BH, in.c0_BH);
}

Outputs by_libtorch(const Inputs& in) {
    const bool has_biases = in.b_ih_G.defined();
    std::vector<at::Tensor> parameters = {in.w_ih_GI, in.w_hh_GH};
    if (has_biases) parameters.insert(parameters.end(), {in.b_ih_G, in.b_hh_G});
    const auto first_state = [&](const at::Tensor& x_BH) {
        return x_BH.defined() ? x_BH.unsqueeze(0) : at::zeros({1, in.batch, in.w_hh_GH.size(1)}, in.rows.options());
    };
    const at::Tensor x_BTI = in.ids_BT.defined() ? at::embedding(in.rows, in.ids_BT) : in.rows;
    const auto [h_BTH, h_last, c_last] =
        at::lstm(x_BTI, {first_state(in.h0_BH), first_state(in.c0_BH)}, parameters, has_biases, /*num_layers=*/1, /*dropout=*/0.0,
                 /*train=*/true, /*bidirectional=*/false, /*batch_first=*/true);
    return {h_BTH, h_last.squeeze(0), c_last.squeeze(0)};
}

struct Form {
    const char* name;
    Outputs (*compute)(const Inputs&);
};

constexpr std::array<Form, 2> forms = {{{"plumb", by_plumb}, {"libtorch", by_libtorch}}};

const Form& find_form(const std::string& name) {
    for (const Form& form : forms) {
        if (name == form.name) return form;
    }
    throw Error(ErrorKind::usage, "no LSTM gradients are called '" + name + "'", base::suggest(name, lstm_gradient_names()));
}

/// Over the borrowed numbers, which nobody writes to; undefined where there are none.
at::Tensor view(const float* numbers, at::IntArrayRef sizes) {
    return numbers == nullptr ? at::Tensor() : at::from_blob(const_cast<float*>(numbers), sizes, at::kFloat);
}
at::Tensor leaf(const float* numbers, at::IntArrayRef sizes) {
    return numbers == nullptr ? at::Tensor() : view(numbers, sizes).requires_grad_();
}

Inputs wrap(const LstmProblem& problem) {
    const kernels::lstm::Layer& layer = problem.layer;
    const kernels::lstm::Shape& s = layer.shape;
    const bool by_ids = problem.ids_BT != nullptr;
    Inputs in;
    in.batch = s.batch;
    in.rows = by_ids ? leaf(layer.input.data, {layer.input.rows, s.input}) : leaf(layer.input.data, {s.batch, s.steps, s.input});
    in.rows.requires_grad_(problem.rows_wanted);
    if (by_ids) in.ids_BT = at::from_blob(const_cast<std::int64_t*>(problem.ids_BT), {s.batch, s.steps}, at::kLong);
    in.w_ih_GI = leaf(layer.weights.w_ih_GI, {4 * s.hidden, s.input});
    in.w_hh_GH = leaf(layer.weights.w_hh_GH, {4 * s.hidden, s.hidden});
    in.b_ih_G = leaf(layer.weights.b_ih_G, {4 * s.hidden});
    in.b_hh_G = leaf(layer.weights.b_hh_G, {4 * s.hidden});
    in.h0_BH = leaf(layer.h0_BH, {s.batch, s.hidden});
    in.c0_BH = leaf(layer.c0_BH, {s.batch, s.hidden});
    return in;
}

class FormOnProblem : public LstmGradients {
  public:
    FormOnProblem(const Form& form, const LstmProblem& problem) : form_(form), threads_(problem.layer.threads) {
        guarded<at::AutoGradMode>(form.name, [&] {
            inputs_ = wrap(problem);
            const kernels::lstm::Shape& s = problem.layer.shape;
            upstream_ = {view(problem.upstream.h_BTH, {s.batch, s.steps, s.hidden}), view(problem.upstream.h_last_BH, {s.batch, s.hidden}),
                         view(problem.upstream.c_last_BH, {s.batch, s.hidden})};
        });
    }

    void forward() override {
        set_torch_threads(threads_);
        guarded<at::AutoGradMode>(form_.name, [&] { outputs_ = form_.compute(inputs_); });
    }

    void backward() override {
        if (!std::get<0>(outputs_).defined()) throw Error(ErrorKind::internal, std::string(form_.name) + ": backward() before forward()");
        set_torch_threads(threads_);
        guarded<at::AutoGradMode>(form_.name, [&] {
            const at::Tensor outputs[] = {std::get<0>(outputs_), std::get<1>(outputs_), std::get<2>(outputs_)};
            torch::autograd::variable_list by, given, wanted;
            for (std::size_t i = 0; i < upstream_.size(); ++i) {
                if (!upstream_[i].defined()) continue;
                by.push_back(outputs[i]);
                given.push_back(upstream_[i]);
            }
            for (const at::Tensor* x : leaves()) {
                if (wants(*x)) wanted.push_back(*x);
            }
            gradients_ = torch::autograd::grad(by, wanted, given, /*retain_graph=*/true);
        });
    }

    kernels::lstm::PlainResult<float> results() const override {
        if (gradients_.empty()) throw Error(ErrorKind::internal, std::string(form_.name) + ": results asked for before backward()");
        kernels::lstm::PlainResult<float> r;
        guarded<at::AutoGradMode>(form_.name, [&] {
            r.h_BTH = copy(std::get<0>(outputs_));
            r.h_last_BH = copy(std::get<1>(outputs_));
            r.c_last_BH = copy(std::get<2>(outputs_));
            // b_ih and b_hh have the same gradient; the second is the one that stays.
            std::vector<float>* const to[] = {&r.drows_RI, &r.dw_ih_GI, &r.dw_hh_GH, &r.db_G, &r.db_G, &r.dh0_BH, &r.dc0_BH};
            std::size_t next = 0;
            for (std::size_t i = 0; i < leaves().size(); ++i) {
                if (wants(*leaves()[i])) *to[i] = copy(gradients_[next++]);
            }
        });
        return r;
    }

  private:
    std::array<const at::Tensor*, 7> leaves() const {
        return {&inputs_.rows, &inputs_.w_ih_GI, &inputs_.w_hh_GH, &inputs_.b_ih_G, &inputs_.b_hh_G, &inputs_.h0_BH, &inputs_.c0_BH};
    }
    static bool wants(const at::Tensor& leaf) { return leaf.defined() && leaf.requires_grad(); }
    static std::vector<float> copy(const at::Tensor& x) {
        const at::Tensor dense = x.detach().contiguous();
        return {dense.const_data_ptr<float>(), dense.const_data_ptr<float>() + dense.numel()};
    }

    const Form& form_;
    int threads_;
    Inputs inputs_;
    std::array<at::Tensor, 3> upstream_;
    Outputs outputs_;
    torch::autograd::variable_list gradients_;
};

}  // namespace

std::vector<std::string> lstm_gradient_names() {
    std::vector<std::string> names;
    for (const Form& form : forms) names.emplace_back(form.name);
    return names;
}

std::unique_ptr<LstmGradients> make_lstm_gradients(const std::string& name, const LstmProblem& problem) {
    return std::make_unique<FormOnProblem>(find_form(name), problem);
}

}  // namespace plumb::nn
