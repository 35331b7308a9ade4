// SPDX-License-Identifier: Apache-2.0
#include "nn/optimizer_peer.h"

#include <ATen/ATen.h>

#include <vector>

#include "nn/attention_peers.h"
#include "nn/problem_tensors.h"

namespace plumb::nn {

namespace {

using kernels::optimizer::Form;
using kernels::optimizer::Parameter;
using kernels::optimizer::Rule;

at::Tensor view(float* numbers, std::int64_t count) {
    return at::from_blob(numbers, {count}, at::kFloat);
}

class FusedOptimizer : public OptimizerPeer {
  public:
    FusedOptimizer(const Form& form, std::span<const Parameter> parameters, int threads) : form_(form), threads_(threads) {
        const int moments = kernels::optimizer::moments_of(form.rule);
        for (const Parameter& p : parameters) {
            values_.push_back(view(p.values, p.count));
            gradients_.push_back(view(const_cast<float*>(p.gradients), p.count));
            if (moments > 0) first_.push_back(view(p.first, p.count));
            if (moments > 1) second_.push_back(view(p.second, p.count));
            steps_.push_back(at::zeros({}, at::kFloat));
        }
    }

    void update(double rate, std::int64_t step) override {
        set_torch_threads(threads_);
        guarded<at::InferenceMode>("fused optimizer", [&] {
            for (at::Tensor& count : steps_) count.fill_(static_cast<double>(step));
            const Form& f = form_;
            switch (f.rule) {
                case Rule::adam:
                    at::_fused_adam_(values_, gradients_, first_, second_, {}, steps_, rate, f.beta1, f.beta2, f.decay, f.epsilon, false,
                                     false);
                    break;
                case Rule::adamw:
                    at::_fused_adamw_(values_, gradients_, first_, second_, {}, steps_, rate, f.beta1, f.beta2, f.decay, f.epsilon, false,
                                      false);
                    break;
                case Rule::sgd:
                case Rule::momentum:
                    at::_fused_sgd_(values_, gradients_, first_, f.decay, f.rule == Rule::sgd ? 0 : f.momentum, rate, /*dampening=*/0,
                                    /*nesterov=*/false, /*maximize=*/false, /*is_first_step=*/step == 1);
                    break;
            }
        });
    }

  private:
    Form form_;
    int threads_;
    std::vector<at::Tensor> values_, gradients_, first_, second_, steps_;
};

}  // namespace

std::unique_ptr<OptimizerPeer> make_optimizer_peer(const Form& form, std::span<const Parameter> parameters, int threads) {
    return std::make_unique<FusedOptimizer>(form, parameters, threads);
}

}  // namespace plumb::nn
