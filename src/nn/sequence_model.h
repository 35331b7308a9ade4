// SPDX-License-Identifier: Apache-2.0
// What stands between a language model's embeddings and its output layer. For .cpp files of nn alone; LibTorch's tensor is only named here.
// To add an architecture: its .cpp beside lstm_model.cpp, its line in make_sequence_model() and in language_form.h.
//
// Legend: B sequences, T places, C width, V vocabulary.
#pragma once
#include <cstdint>
#include <memory>

#include "nn/dropout.h"
#include "nn/language_form.h"
#include "nn/parameters.h"

namespace plumb::nn {

/// Takes one place after the other and keeps what later places need of it.
class Stepper {
  public:
    virtual ~Stepper() = default;
    /// Features (1, C) of the next place, whose embedding is (1, C). Throws usage behind the last position that the model has.
    virtual at::Tensor next(const at::Tensor& embedded_1C) = 0;
};

class SequenceModel {
  public:
    virtual ~SequenceModel() = default;
    /// What the output layer takes, (B, T, C), of embedded ids (B, T, C).
    virtual at::Tensor features(const at::Tensor& embedded_BTC, const Dropout& dropout) const = 0;
    /// The same of ids (B, T) by rows of a table (V, C); for models that need not gather them. The gradient by the table is that of the
    /// rows that were read alone, none of padding_id's: a sparse tensor, for a table that has a dense gradient from the output layer.
    virtual at::Tensor features_of_ids(const at::Tensor& table_VC, const at::Tensor& ids_BT, const Dropout& dropout) const;
    virtual std::unique_ptr<Stepper> stepper() const = 0;
};

/// Adds its parameters; borrows them.
std::unique_ptr<SequenceModel> make_sequence_model(const LanguageForm& form, const GivenValues& given, Parameters& parameters);
std::unique_ptr<SequenceModel> make_lstm_model(const LanguageForm& form, Parameters& parameters);
std::unique_ptr<SequenceModel> make_gpt1_model(const LanguageForm& form, const GivenValues& given, Parameters& parameters);

inline constexpr std::int64_t padding_id = 0;

/// Deviation of drawn embeddings and positions: GPT-1's.
inline constexpr double embedding_deviation = 0.02;

}  // namespace plumb::nn
