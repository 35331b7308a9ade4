// SPDX-License-Identifier: Apache-2.0
// What the image classifiers consist of, as data; torch-free. ResNets are torchvision's (He, Zhang, Ren, Sun, "Deep residual learning for
// image recognition", 2016; a bottleneck's stride is at its 3x3), with the names and the order of its state_dict(), so that its weights
// can be loaded. Every convolution is padded by half its kernel, has no bias and is followed by a batch norm.
// To add a network: its name, its branch in image_layout().
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace plumb::nn {

struct ConvUnit {
    std::string convolution, norm;  ///< names: "layer1.0.conv1", "layer1.0.bn1"
    std::int64_t inputs = 0, outputs = 0, kernel = 3, stride = 1;
};

/// Convolution, norm, ReLU, and a maximum over `pool` x `pool` every 2 pixels, padded by half where `pool` is odd.
struct StemUnit {
    ConvUnit unit;
    std::int64_t pool = 2;
};

/// ReLU(path(x) + shortcut(x)): a ReLU after all of the path but its last; no shortcut: x.
struct ResidualBlock {
    std::vector<ConvUnit> path;
    std::optional<ConvUnit> shortcut;
};

/// Stem, blocks, the mean of every channel, and a linear layer "fc" on those `features`.
struct ImageLayout {
    std::vector<StemUnit> stem;
    std::vector<ResidualBlock> blocks;
    std::int64_t features = 0;
};

/// "cnn", "resnet18", "resnet50". cnn: three 3x3 convolutions of 32, 64 and 128 channels, each halving the image.
std::vector<std::string> image_networks();
/// Throws usage with the nearest name.
ImageLayout image_layout(const std::string& network);

enum class Role {
    convolution,  ///< weights: outputs x inputs x kernel x kernel
    scale,        ///< of a norm
    shift,        ///< of a norm
    mean,         ///< running, of a norm
    variance,     ///< running, of a norm
    batches,      ///< that a norm has seen: one integer
    linear_weight,
    linear_bias
};

struct StateEntry {
    std::string name;
    Role role;
    std::vector<std::int64_t> shape;  ///< empty: a single number

    bool trained() const { return role != Role::mean && role != Role::variance && role != Role::batches; }
    std::int64_t elements() const;
};

/// All tensors of a network for so many classes.
std::vector<StateEntry> image_state(const ImageLayout& layout, std::int64_t classes);

}  // namespace plumb::nn
