// SPDX-License-Identifier: Apache-2.0
// What a neural language model consists of. The defaults are those of the assignment that the notebook solves: embeddings of 768 numbers
// for 40,479 ids, tied to the output layer; an LSTM of 512 units, or GPT-1's blocks (Radford, Narasimhan, Salimans, Sutskever, "Improving
// language understanding by generative pre-training", 2018).
//   lstm  ids -> embedding -> LSTM, `layers` deep -> Linear(hidden, width), ReLU -> logits by the embedding's rows
//   gpt1  ids -> embedding + learned positions -> `layers` blocks -> logits by the embedding's rows. A block: x1 = N(x + A(x)), then
//         N(x1 + M(x1)), with A attention of `heads` heads, M = Linear, GELU (exact), Linear, N layer norm (eps 1e-5)
#pragma once
#include <cstdint>
#include <vector>

namespace plumb::nn {

enum class Architecture { lstm, gpt1 };

struct LanguageForm {
    Architecture architecture = Architecture::lstm;
    std::int64_t vocabulary = 40479;
    std::int64_t width = 768;  ///< of embeddings, and of GPT-1's blocks
    std::int64_t layers = 1;
    std::int64_t hidden = 512;         ///< lstm: units a layer
    std::int64_t heads = 12;           ///< gpt1: divides width
    std::int64_t feed_forward = 3072;  ///< gpt1: units inside a block
    std::int64_t context = 256;        ///< gpt1: positions that there are
    /// gpt1: x1 = x + A(N(x)), then x1 + M(N(x1)), one more N at the end: what deep models train with.
    bool pre_norm = false;
    /// gpt1: false lets every place see all others, which is the notebook's defect.
    bool causal = true;
    bool train_embeddings = true;  ///< false: embeddings and positions stay as they are
    bool output_bias = false;      ///< a number an id, added to its logit
    /// Share of the numbers that training sets to 0: of embeddings, of what each layer or half block adds, of the features at the end.
    double dropout = 0;
};

/// Where values come from that are not drawn. Empty: drawn, as language_trainer.h says.
struct GivenValues {
    std::vector<float> tokens;     ///< vocabulary x width
    std::vector<float> positions;  ///< context x width
    std::vector<float> output_bias;
};

}  // namespace plumb::nn
