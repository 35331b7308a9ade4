// SPDX-License-Identifier: Apache-2.0
#include "nn/sequence_model.h"

#include <ATen/ATen.h>

namespace plumb::nn {

at::Tensor SequenceModel::features_of_ids(const at::Tensor& table_VC, const at::Tensor& ids_BT, const Dropout& dropout) const {
    return features(at::embedding(table_VC, ids_BT, padding_id, /*scale_grad_by_freq=*/false, /*sparse=*/true), dropout);
}

std::unique_ptr<SequenceModel> make_sequence_model(const LanguageForm& form, const GivenValues& given, Parameters& parameters) {
    return form.architecture == Architecture::lstm ? make_lstm_model(form, parameters) : make_gpt1_model(form, given, parameters);
}

}  // namespace plumb::nn
