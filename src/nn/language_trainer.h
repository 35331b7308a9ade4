// SPDX-License-Identifier: Apache-2.0
// A neural language model with its optimizer: one step of training, log-probabilities, what proves that it is right, and its state as a
// file. A step is a function of the state, the batch and (seed, step): a trainer that loads what another saved goes on to the same bits, on
// the same machine with the same number of threads.
//
// Values that are not given are drawn from counter-based random numbers keyed by (seed, name of the tensor): embeddings and positions
// N(0, 0.02), the LSTM U(-1/sqrt(hidden), 1/sqrt(hidden)), linear layers U(-1/sqrt(inputs), 1/sqrt(inputs)), norms 1 and 0, the output bias
// 0. Id 0 is padding: its embedding is drawn like the others, and collects no gradient where it is a source.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/optimizer/optimizer.h"
#include "nn/language_form.h"

namespace plumb::nn {

using TokenId = std::uint16_t;

/// Sequences of one length, all spans rows x length. Target t follows source t; it counts `weights[t]` times in the loss, 0: not at all.
struct TokenBatch {
    std::int64_t rows = 0;
    std::int64_t length = 0;
    std::span<const TokenId> sources;
    std::span<const TokenId> targets;
    std::span<const float> weights;
};

struct TrainerForm {
    LanguageForm model;
    kernels::optimizer::Form optimizer;
    double clip = 0;  ///< gradients longer than this, all of them as one vector, are shortened to it; 0: never
    std::uint64_t seed = 0;
    int threads = 1;
};

struct StepReport {
    double loss = 0;           ///< sum of weights x -ln p of the step's targets, before the update
    double gradient_norm = 0;  ///< before clipping
};

class LanguageTrainer {
  public:
    virtual ~LanguageTrainer() = default;

    /// Numbers of the model, and how many of them are trained.
    virtual std::int64_t parameters() const = 0;
    virtual std::int64_t learnable() const = 0;
    /// Steps done, those of the trainer whose state was loaded too.
    virtual std::int64_t steps() const = 0;

    /// One update by the gradient of the loss over all pieces. The weights of all pieces together say what the loss is: with 1 / targets
    /// each it is the mean whatever the pieces are. Throws failed where the loss is no number.
    virtual StepReport step(std::span<const TokenBatch> pieces, double rate) = 0;
    /// out[i] = ln p(targets[i] | sources up to i in its row), rows x length; weights do not count.
    virtual void log_probabilities(const TokenBatch& batch, std::span<double> out) = 0;
    /// The same features through LibTorch's own linear and log_softmax, all logits at once; `wide`: in fp64.
    virtual void reference_log_probabilities(const TokenBatch& batch, bool wide, std::span<double> out) = 0;
    /// The same of one row, place by place: each place is computed before the next source is looked at.
    virtual std::vector<double> step_by_step(std::span<const TokenId> sources, std::span<const TokenId> targets) = 0;
    /// out[s] = the largest |d(-ln p(target of place `at`)) / d(embedding at place s)|; one row.
    virtual std::vector<double> embedding_gradients(std::span<const TokenId> sources, TokenId target, std::int64_t at) = 0;
    /// `count` ids behind the prompt, each drawn from p^(1 / temperature) by numbers keyed by (seed, place); 0: the likeliest.
    virtual std::vector<TokenId> continue_text(std::span<const TokenId> prompt, std::int64_t count, double temperature,
                                               std::uint64_t seed) = 0;

    /// The parameters by name, to be looked at and changed by checks: ask again for `values` before every change.
    virtual std::vector<std::string> names() const = 0;
    virtual std::span<float> values(const std::string& name) = 0;
    /// The gradient of the batch's loss by each parameter that is trained, without dropout.
    virtual std::map<std::string, std::vector<float>> gradients(const TokenBatch& batch) = 0;

    /// Safetensors: the parameters under their names and, `with_moments`, "moment1/NAME" and "moment2/NAME"; metadata has `steps` and what
    /// is given. The file appears whole or not at all.
    virtual void save(const std::filesystem::path& file, const std::map<std::string, std::string>& metadata, bool with_moments) const = 0;
    /// Takes over parameters, moments where they are there, and steps; gives the metadata. Throws failed naming the first tensor that is
    /// missing or of another shape.
    virtual std::map<std::string, std::string> load(const std::filesystem::path& file) = 0;
};

/// Throws usage for a form that contradicts itself, unsupported without LibTorch.
std::unique_ptr<LanguageTrainer> make_language_trainer(const TrainerForm& form, const GivenValues& given = {});

}  // namespace plumb::nn
