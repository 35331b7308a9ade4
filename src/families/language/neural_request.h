// SPDX-License-Identifier: Apache-2.0
// What neural models take beside what every language model takes (request.h): the parameters, and a point's settings read back.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "families/language/batches.h"
#include "families/language/request.h"
#include "families/language/schedule.h"
#include "lab/schema.h"
#include "nn/language_trainer.h"

namespace plumb::families::language {

struct NeuralRequest {
    std::string exp_id;  ///< empty: no log folder is written
    nn::TrainerForm form;
    std::filesystem::path embeddings;  ///< empty: drawn
    bool bias_from_counts = false;
    Schedule schedule;          ///< its number of steps is set once the corpus is cut
    std::int64_t epochs = 10;   ///< of training, unless steps says otherwise
    std::int64_t steps = 0;     ///< 0: whole epochs
    std::int64_t evaluate = 0;  ///< steps between two evaluations; 0: at the end of each epoch
    std::int64_t patience = 0;  ///< evaluations without a better one that end the run; 0: none do
    std::int64_t accumulate = 1;
    std::int64_t scored = 0;  ///< sequences of a split that are scored; 0: all
    std::int64_t sample = 0;  ///< ids of text that each evaluation continues
    Weighting weighting = Weighting::predictions;
    std::string keep;        ///< checkpoints that stay: "best", "both", "none"
    double save_every = 60;  ///< seconds between two saves on the way
};

/// Declarations, behind those of all models.
std::vector<lab::Parameter> neural_parameters();
NeuralRequest read_neural_request(const lab::Settings& settings, const Request& request);
/// Digests of what only neural models read.
std::map<std::string, std::string> digest_neural_inputs(const lab::Settings& settings);

}  // namespace plumb::families::language
