// SPDX-License-Identifier: Apache-2.0
#include "nn/image_layout.h"

#include "base/error.h"
#include "base/text.h"

namespace plumb::nn {

namespace {

/// Blocks of the four stages, and how many times a block's outputs are the stage's width.
struct ResNetForm {
    std::int64_t blocks[4];
    bool bottleneck;
};

ResidualBlock make_block(const std::string& name, std::int64_t inputs, std::int64_t width, std::int64_t stride, bool bottleneck) {
    ResidualBlock block;
    const auto add = [&](std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t step) {
        const std::string number = std::to_string(block.path.size() + 1);
        block.path.push_back({name + ".conv" + number, name + ".bn" + number, in, out, kernel, step});
    };
    const std::int64_t outputs = bottleneck ? 4 * width : width;
    if (bottleneck) {
        add(inputs, width, 1, 1);
        add(width, width, 3, stride);
        add(width, outputs, 1, 1);
    } else {
        add(inputs, width, 3, stride);
        add(width, width, 3, 1);
    }
    if (stride != 1 || inputs != outputs)
        block.shortcut = ConvUnit{name + ".downsample.0", name + ".downsample.1", inputs, outputs, 1, stride};
    return block;
}

ImageLayout resnet(const ResNetForm& form) {
    ImageLayout layout;
    layout.stem.push_back({{"conv1", "bn1", 3, 64, 7, 2}, 3});
    std::int64_t channels = 64;
    for (std::int64_t stage = 0; stage < 4; ++stage) {
        const std::int64_t width = 64 << stage;
        for (std::int64_t i = 0; i < form.blocks[stage]; ++i) {
            const std::string name = "layer" + std::to_string(stage + 1) + "." + std::to_string(i);
            layout.blocks.push_back(make_block(name, channels, width, i == 0 && stage > 0 ? 2 : 1, form.bottleneck));
            channels = layout.blocks.back().path.back().outputs;
        }
    }
    layout.features = channels;
    return layout;
}

ImageLayout small_cnn() {
    return {.stem = {{{"conv1", "bn1", 3, 32}}, {{"conv2", "bn2", 32, 64}}, {{"conv3", "bn3", 64, 128}}}, .blocks = {}, .features = 128};
}

void add_unit(std::vector<StateEntry>& state, const ConvUnit& unit) {
    state.push_back({unit.convolution + ".weight", Role::convolution, {unit.outputs, unit.inputs, unit.kernel, unit.kernel}});
    state.push_back({unit.norm + ".weight", Role::scale, {unit.outputs}});
    state.push_back({unit.norm + ".bias", Role::shift, {unit.outputs}});
    state.push_back({unit.norm + ".running_mean", Role::mean, {unit.outputs}});
    state.push_back({unit.norm + ".running_var", Role::variance, {unit.outputs}});
    state.push_back({unit.norm + ".num_batches_tracked", Role::batches, {}});
}

}  // namespace

std::vector<std::string> image_networks() {
    return {"cnn", "resnet18", "resnet50"};
}

ImageLayout image_layout(const std::string& network) {
    if (network == "cnn") return small_cnn();
    if (network == "resnet18") return resnet({{2, 2, 2, 2}, false});
    if (network == "resnet50") return resnet({{3, 4, 6, 3}, true});
    throw base::Error(base::ErrorKind::usage, "unknown image network '" + network + "'", base::suggest(network, image_networks()));
}

std::int64_t StateEntry::elements() const {
    std::int64_t product = 1;
    for (const std::int64_t size : shape) product *= size;
    return product;
}

std::vector<StateEntry> image_state(const ImageLayout& layout, std::int64_t classes) {
    std::vector<StateEntry> state;
    for (const StemUnit& stem : layout.stem) add_unit(state, stem.unit);
    for (const ResidualBlock& block : layout.blocks) {
        for (const ConvUnit& unit : block.path) add_unit(state, unit);
        if (block.shortcut) add_unit(state, *block.shortcut);
    }
    state.push_back({"fc.weight", Role::linear_weight, {classes, layout.features}});
    state.push_back({"fc.bias", Role::linear_bias, {classes}});
    return state;
}

}  // namespace plumb::nn
