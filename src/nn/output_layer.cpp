// SPDX-License-Identifier: Apache-2.0
#include "nn/output_layer.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

namespace plumb::nn {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Rows at a time: their logits, 40 MB for GPT-1's vocabulary, are all that is ever held.
constexpr std::int64_t rows_at_once = 256;

/// Calls visit(first row, rows) part by part.
template <class Visit>
void for_parts(std::int64_t rows, const Visit& visit) {
    for (std::int64_t first = 0; first < rows; first += rows_at_once) visit(first, std::min(rows_at_once, rows - first));
}

/// ln softmax at the targets, (rows, 1); `logits` become probabilities.
at::Tensor soften(at::Tensor& logits_RV, const at::Tensor& targets_R1) {
    logits_RV -= logits_RV.amax(1, true);
    const at::Tensor at_target_R1 = logits_RV.gather(1, targets_R1);
    const at::Tensor sum_R1 = logits_RV.exp_().sum(1, true);
    logits_RV /= sum_R1;
    return at_target_R1 - sum_R1.log();
}

/// The gradients are made on the way forward, while a part's probabilities are at hand.
struct OutputLoss : torch::autograd::Function<OutputLoss> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& h_RC, const at::Tensor& w_VC, const at::Tensor& targets_R,
                              const at::Tensor& weights_R, bool train_w) {
        const at::Tensor dh_RC = at::empty_like(h_RC);
        const at::Tensor dw_VC = train_w ? at::zeros_like(w_VC) : at::Tensor();
        at::Tensor loss = at::zeros({}, h_RC.options().dtype(at::kDouble));
        for_parts(h_RC.size(0), [&](std::int64_t first, std::int64_t rows) {
            const at::Tensor h = h_RC.narrow(0, first, rows);
            const at::Tensor targets = targets_R.narrow(0, first, rows).unsqueeze(1);
            const at::Tensor weights = weights_R.narrow(0, first, rows).unsqueeze(1);
            at::Tensor p_RV = at::mm(h, w_VC.t());
            const at::Tensor log_p_R1 = soften(p_RV, targets);
            loss -= (log_p_R1.to(at::kDouble) * weights).sum();
            p_RV.scatter_add_(1, targets, at::full_like(log_p_R1, -1));
            p_RV *= weights;
            at::Tensor dh = dh_RC.narrow(0, first, rows);
            at::mm_out(dh, p_RV, w_VC);
            if (train_w) dw_VC.addmm_(p_RV.t(), h);
        });
        context->save_for_backward({dh_RC, dw_VC});
        return loss.to(at::kFloat);
    }

    static variable_list backward(AutogradContext* context, const variable_list& outputs) {
        const variable_list saved = context->get_saved_variables();
        const auto scaled = [&](const at::Tensor& gradient) { return gradient.defined() ? gradient * outputs[0] : at::Tensor(); };
        return {scaled(saved[0]), scaled(saved[1]), at::Tensor(), at::Tensor(), at::Tensor()};
    }
};

}  // namespace

at::Tensor output_loss(const at::Tensor& h_RC, const at::Tensor& w_VC, const at::Tensor& targets_R, const at::Tensor& weights_R) {
    return OutputLoss::apply(h_RC, w_VC, targets_R, weights_R, w_VC.requires_grad());
}

at::Tensor output_log_probabilities(const at::Tensor& h_RC, const at::Tensor& w_VC, const at::Tensor& targets_R) {
    const c10::AutoGradMode no_history(false);
    const at::Tensor out_R = at::empty({h_RC.size(0)}, h_RC.options());
    for_parts(h_RC.size(0), [&](std::int64_t first, std::int64_t rows) {
        at::Tensor p_RV = at::mm(h_RC.narrow(0, first, rows), w_VC.t());
        out_R.narrow(0, first, rows).copy_(soften(p_RV, targets_R.narrow(0, first, rows).unsqueeze(1)).squeeze(1));
    });
    return out_R;
}

}  // namespace plumb::nn
