// SPDX-License-Identifier: Apache-2.0
// An image layout's arithmetic on its tensors. For .cpp files of nn alone, which include LibTorch themselves; here its tensor is only
// named.
#pragma once
#include <memory>

#include "nn/image_tensors.h"

namespace plumb::nn {

enum class Norms {
    running,   ///< by the running mean and variance
    batch,     ///< by those of the batch
    learning,  ///< by those of the batch, and the running ones move by a tenth towards them
};

class ImageNetwork {
  public:
    /// Holds the tensors of `tensors`, whose numbers may change later.
    ImageNetwork(const ImageLayout& layout, const ImageTensors& tensors);
    ~ImageNetwork();

    /// `images`: N x 3 x height x width, channels-last for speed. N x classes.
    at::Tensor logits(const at::Tensor& images, Norms norms) const;
    /// As Norms::running, in fp64 by LibTorch's own loops, norms written out.
    at::Tensor reference_logits(const at::Tensor& images) const;

  private:
    struct Unit;
    struct Form;
    std::unique_ptr<Form> form_;
};

}  // namespace plumb::nn
