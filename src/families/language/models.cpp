// SPDX-License-Identifier: Apache-2.0
#include "families/language/models.h"

#include "base/error.h"
#include "base/text.h"
#include "families/language/neural_trial.h"
#include "families/language/ngram_trial.h"

namespace plumb::families::language {

namespace {

std::unique_ptr<lab::Trial> make_neural(Request request, const lab::Context& context) {
    NeuralRequest neural = read_neural_request(request.settings, request);
    return std::make_unique<NeuralTrial>(std::move(request), std::move(neural), context);
}

}  // namespace

const std::vector<Model>& models() {
    static const std::vector<Model> made = {
        {"ngram", "interpolated Kneser-Ney, the floor for all others",
         [](Request request, const lab::Context&) -> std::unique_ptr<lab::Trial> {
             return std::make_unique<NgramTrial>(std::move(request));
         }},
        {"lstm", "an LSTM under a tied output layer, trained here", make_neural},
        {"gpt1", "GPT-1's blocks on plumb's own attention, trained here", make_neural},
    };
    return made;
}

const Model& model_named(const std::string& name) {
    std::vector<std::string> names;
    for (const Model& model : models()) {
        if (model.name == name) return model;
        names.push_back(model.name);
    }
    throw base::Error(base::ErrorKind::usage, "no language model '" + name + "'", base::suggest(name, names));
}

}  // namespace plumb::families::language
