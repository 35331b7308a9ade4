// SPDX-License-Identifier: Apache-2.0
// ResNet-18 trained as a LibTorch user writes it: modules of torch::nn, torch::optim::SGD, cross_entropy, images by index_select and
// div(255). What ImageClassifier's speed is held against, and in tests its losses: the two share no code.
#pragma once
#include <memory>

#include "nn/image_classifier.h"

namespace plumb::nn {

class PlainImageLoop {
  public:
    virtual ~PlainImageLoop() = default;
    /// One epoch over batches of the form's size, in the order of the examples: mean loss.
    virtual double epoch(std::span<const ImageExample> examples) = 0;
};

/// Begins with the classifier's tensors; `form` with network resnet18 and Rule::momentum. The images are copied once, as a data set in
/// memory is, N x 3 x height x width with channels last. Throws unsupported without LibTorch.
std::unique_ptr<PlainImageLoop> make_plain_image_loop(const ImageClassifierForm& form, const ImageClassifier& start,
                                                      const ImageSet& images);

}  // namespace plumb::nn
