// SPDX-License-Identifier: Apache-2.0
#include "nn/image_network.h"

#include <ATen/ATen.h>

namespace plumb::nn {

namespace {

constexpr double momentum = 0.1;
constexpr double epsilon = 1e-5;

}  // namespace

struct ImageNetwork::Unit {
    at::Tensor weight, scale, shift, mean, variance, batches;
    std::int64_t stride = 1, padding = 0;
};

struct ImageNetwork::Form {
    struct Stem {
        Unit unit;
        std::int64_t pool;
    };
    struct Block {
        std::vector<Unit> path;
        std::optional<Unit> shortcut;
    };
    std::vector<Stem> stem;
    std::vector<Block> blocks;
    at::Tensor fc_weight, fc_bias;

    /// unit_of(unit, x) is convolution and norm, linear(x) the last layer.
    template <class UnitOf, class Linear>
    at::Tensor run(at::Tensor x, const UnitOf& unit_of, const Linear& linear) const {
        for (const Stem& part : stem) {
            const std::int64_t padding = part.pool % 2 == 1 ? part.pool / 2 : 0;
            x = at::max_pool2d(unit_of(part.unit, x).relu_(), {part.pool, part.pool}, {2, 2}, {padding, padding});
        }
        for (const Block& block : blocks) {
            at::Tensor y = x;
            for (const Unit& unit : block.path) {
                y = unit_of(unit, y);
                if (&unit != &block.path.back()) y.relu_();
            }
            y += block.shortcut ? unit_of(*block.shortcut, x) : x;
            x = y.relu_();
        }
        return linear(at::adaptive_avg_pool2d(x, {1, 1}).flatten(1));
    }
};

ImageNetwork::ImageNetwork(const ImageLayout& layout, const ImageTensors& tensors) : form_(std::make_unique<Form>()) {
    const auto resolve = [&](const ConvUnit& unit) {
        return Unit{tensors[unit.convolution + ".weight"],
                    tensors[unit.norm + ".weight"],
                    tensors[unit.norm + ".bias"],
                    tensors[unit.norm + ".running_mean"],
                    tensors[unit.norm + ".running_var"],
                    tensors[unit.norm + ".num_batches_tracked"],
                    unit.stride,
                    unit.kernel / 2};
    };
    for (const StemUnit& part : layout.stem) form_->stem.push_back({resolve(part.unit), part.pool});
    for (const ResidualBlock& block : layout.blocks) {
        Form::Block& made = form_->blocks.emplace_back();
        for (const ConvUnit& unit : block.path) made.path.push_back(resolve(unit));
        if (block.shortcut) made.shortcut = resolve(*block.shortcut);
    }
    form_->fc_weight = tensors["fc.weight"];
    form_->fc_bias = tensors["fc.bias"];
}

ImageNetwork::~ImageNetwork() = default;

at::Tensor ImageNetwork::logits(const at::Tensor& images, Norms norms) const {
    const auto unit_of = [&](const Unit& unit, const at::Tensor& x) {
        const at::Tensor y = at::conv2d(x, unit.weight, {}, unit.stride, unit.padding);
        if (norms == Norms::batch) return at::batch_norm(y, unit.scale, unit.shift, {}, {}, true, momentum, epsilon, false);
        const bool learning = norms == Norms::learning;
        if (learning) ++*unit.batches.mutable_data_ptr<std::int64_t>();
        return at::batch_norm(y, unit.scale, unit.shift, unit.mean, unit.variance, learning, momentum, epsilon, false);
    };
    return form_->run(images, unit_of, [&](const at::Tensor& x) { return at::linear(x, form_->fc_weight, form_->fc_bias); });
}

at::Tensor ImageNetwork::reference_logits(const at::Tensor& images) const {
    const auto wide = [](const at::Tensor& t) { return t.to(at::kDouble).contiguous(); };
    const auto per_channel = [&](const at::Tensor& t) { return wide(t).view({1, -1, 1, 1}); };
    const auto unit_of = [&](const Unit& unit, const at::Tensor& x) {
        const at::Tensor y = at::conv2d(x, wide(unit.weight), {}, unit.stride, unit.padding);
        return (y - per_channel(unit.mean)) / (per_channel(unit.variance) + epsilon).sqrt() * per_channel(unit.scale) +
               per_channel(unit.shift);
    };
    return form_->run(wide(images), unit_of, [&](const at::Tensor& x) { return x.mm(wide(form_->fc_weight).t()) + wide(form_->fc_bias); });
}

}  // namespace plumb::nn
