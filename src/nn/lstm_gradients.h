// SPDX-License-Identifier: Apache-2.0
// Forward and backward pass of an LSTM layer through LibTorch's autograd, behind a header without torch: what tests and benchmarks compare.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/lstm/lstm.h"
#include "kernels/lstm/plain.h"

namespace plumb::nn {

/// A layer on an input of its own for each position, or on rows of a table by ids. Borrowed.
struct LstmProblem {
    /// `input` has data and rows alone: B x T of them, or the whole table where there are ids. Weights and first states as there.
    kernels::lstm::Layer layer;
    const std::int64_t* ids_BT = nullptr;
    kernels::lstm::Upstream upstream;
    bool rows_wanted = true;  ///< the gradient by the input or the table; false for a table that does not learn
};

/// One implementation bound to one problem.
class LstmGradients {
  public:
    virtual ~LstmGradients() = default;
    /// Computes the outputs with their history, on the problem's number of threads. Throws failed with LibTorch's message.
    virtual void forward() = 0;
    /// All gradients, any number of times after a forward(): what it saved is kept.
    virtual void backward() = 0;
    /// Of the last forward() and backward(). Gradients by the table are dense; of what is absent, empty.
    virtual kernels::lstm::PlainResult<float> results() const = 0;
};

/// "plumb" (lstm_function.h), "libtorch" (at::lstm in training mode, as torch.nn.LSTM calls it; at::embedding before it where there are
/// ids).
std::vector<std::string> lstm_gradient_names();
/// Throws usage for another name.
std::unique_ptr<LstmGradients> make_lstm_gradients(const std::string& name, const LstmProblem& problem);

}  // namespace plumb::nn
