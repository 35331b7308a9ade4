// SPDX-License-Identifier: Apache-2.0
#include "nn/plain_image_loop.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>

#include "base/error.h"
#include "nn/problem_tensors.h"

namespace plumb::nn {

namespace {

using Images = at::Tensor;

struct Downsample final : torch::nn::Module {
    Downsample(std::int64_t inputs, std::int64_t outputs, std::int64_t stride)
        : conv(register_module("0", torch::nn::Conv2d(torch::nn::Conv2dOptions(inputs, outputs, 1).stride(stride).bias(false)))),
          bn(register_module("1", torch::nn::BatchNorm2d(outputs))) {}
    Images forward(const Images& x) { return bn(conv(x)); }
    torch::nn::Conv2d conv;
    torch::nn::BatchNorm2d bn;
};

torch::nn::Conv2d conv3x3(std::int64_t inputs, std::int64_t outputs, std::int64_t stride) {
    return torch::nn::Conv2d(torch::nn::Conv2dOptions(inputs, outputs, 3).stride(stride).padding(1).bias(false));
}

struct BasicBlock final : torch::nn::Module {
    BasicBlock(std::int64_t inputs, std::int64_t outputs, std::int64_t stride)
        : conv1(register_module("conv1", conv3x3(inputs, outputs, stride))),
          bn1(register_module("bn1", torch::nn::BatchNorm2d(outputs))),
          conv2(register_module("conv2", conv3x3(outputs, outputs, 1))),
          bn2(register_module("bn2", torch::nn::BatchNorm2d(outputs))) {
        if (stride != 1 || inputs != outputs)
            downsample = register_module("downsample", std::make_shared<Downsample>(inputs, outputs, stride));
    }
    Images forward(const Images& x) {
        const Images y = bn2(conv2(at::relu(bn1(conv1(x)))));
        return at::relu(y + (downsample ? downsample->forward(x) : x));
    }
    torch::nn::Conv2d conv1;
    torch::nn::BatchNorm2d bn1;
    torch::nn::Conv2d conv2;
    torch::nn::BatchNorm2d bn2;
    std::shared_ptr<Downsample> downsample;
};

struct Layer final : torch::nn::Module {
    Layer(std::int64_t inputs, std::int64_t outputs, std::int64_t stride)
        : first(register_module("0", std::make_shared<BasicBlock>(inputs, outputs, stride))),
          second(register_module("1", std::make_shared<BasicBlock>(outputs, outputs, 1))) {}
    Images forward(const Images& x) { return second->forward(first->forward(x)); }
    std::shared_ptr<BasicBlock> first, second;
};

struct ResNet18 final : torch::nn::Module {
    explicit ResNet18(std::int64_t classes)
        : conv1(register_module("conv1", torch::nn::Conv2d(torch::nn::Conv2dOptions(3, 64, 7).stride(2).padding(3).bias(false)))),
          bn1(register_module("bn1", torch::nn::BatchNorm2d(64))),
          layer1(register_module("layer1", std::make_shared<Layer>(64, 64, 1))),
          layer2(register_module("layer2", std::make_shared<Layer>(64, 128, 2))),
          layer3(register_module("layer3", std::make_shared<Layer>(128, 256, 2))),
          layer4(register_module("layer4", std::make_shared<Layer>(256, 512, 2))),
          fc(register_module("fc", torch::nn::Linear(512, classes))) {}
    Images forward(Images x) {
        x = at::max_pool2d(at::relu(bn1(conv1(x))), {3, 3}, {2, 2}, {1, 1});
        x = layer4->forward(layer3->forward(layer2->forward(layer1->forward(x))));
        return fc(at::adaptive_avg_pool2d(x, {1, 1}).flatten(1));
    }
    torch::nn::Conv2d conv1;
    torch::nn::BatchNorm2d bn1;
    std::shared_ptr<Layer> layer1, layer2, layer3, layer4;
    torch::nn::Linear fc;
};

class Loop final : public PlainImageLoop {
  public:
    Loop(const ImageClassifierForm& form, const ImageClassifier& start, const ImageSet& images)
        : form_(form), model_(std::make_shared<ResNet18>(form.classes)) {
        if (form.network != "resnet18" || form.optimizer.rule != kernels::optimizer::Rule::momentum || form.optimizer.decay != 0 ||
            form.imagenet)
            throw base::Error(base::ErrorKind::usage, "the plain loop trains resnet18 by momentum alone", "leave the rest at its default");
        const at::Tensor bytes =
            at::from_blob(const_cast<std::uint8_t*>(images.pixels.data()), {images.samples(), images.height, images.width, 3}, at::kByte);
        images_ = bytes.permute({0, 3, 1, 2}).clone(at::MemoryFormat::ChannelsLast);
        {
            const c10::AutoGradMode no_history(false);
            const auto take = [&](const auto& tensors) {
                for (const auto& named : tensors) {
                    std::vector<float> values = start.values(named.key());
                    named.value().copy_(at::from_blob(values.data(), named.value().sizes(), at::kFloat));
                }
            };
            take(model_->named_parameters());
            take(model_->named_buffers());
            for (const at::Tensor& parameter : model_->parameters())
                if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(at::MemoryFormat::ChannelsLast));
        }
        optimizer_ = std::make_unique<torch::optim::SGD>(model_->parameters(),
                                                         torch::optim::SGDOptions(form.rate).momentum(form.optimizer.momentum));
        model_->train();
    }

    double epoch(std::span<const ImageExample> examples) override {
        return guarded<c10::AutoGradMode>("the plain loop", [&] {
            at::set_num_threads(form_.threads);
            double sum = 0;
            for (std::size_t begin = 0; begin < examples.size(); begin += static_cast<std::size_t>(form_.batch)) {
                const auto batch = examples.subspan(begin, std::min(static_cast<std::size_t>(form_.batch), examples.size() - begin));
                sum += step(batch) * static_cast<double>(batch.size());
            }
            return sum / static_cast<double>(examples.size());
        });
    }

  private:
    double step(std::span<const ImageExample> batch) {
        const at::Tensor samples = at::empty({std::ssize(batch)}, at::kLong), labels = at::empty({std::ssize(batch)}, at::kLong);
        for (std::size_t i = 0; i < batch.size(); ++i) {
            samples.mutable_data_ptr<std::int64_t>()[i] = batch[i].sample;
            labels.mutable_data_ptr<std::int64_t>()[i] = batch[i].label;
        }
        const at::Tensor x = images_.index_select(0, samples).to(at::kFloat, false, false, at::MemoryFormat::ChannelsLast).div(255);
        at::Tensor logits;
        if (form_.precision == base::Dtype::bf16) {
            at::autocast::set_autocast_enabled(at::kCPU, true);
            at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
            logits = model_->forward(x).to(at::kFloat);
            at::autocast::clear_cache();
            at::autocast::set_autocast_enabled(at::kCPU, false);
        } else {
            logits = model_->forward(x);
        }
        const at::Tensor loss = torch::nn::functional::cross_entropy(logits, labels);
        optimizer_->zero_grad();
        loss.backward();
        optimizer_->step();
        return loss.item<double>();
    }

    ImageClassifierForm form_;
    std::shared_ptr<ResNet18> model_;
    at::Tensor images_;
    std::unique_ptr<torch::optim::SGD> optimizer_;
};

}  // namespace

std::unique_ptr<PlainImageLoop> make_plain_image_loop(const ImageClassifierForm& form, const ImageClassifier& start,
                                                      const ImageSet& images) {
    return guarded<c10::AutoGradMode>("making the plain loop", [&] { return std::make_unique<Loop>(form, start, images); });
}

}  // namespace plumb::nn
