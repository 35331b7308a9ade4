// SPDX-License-Identifier: Apache-2.0
// Where a training stands, beside its weights: what the next evaluation and the end of the run need. Written into checkpoints as text that
// gives back every bit.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace plumb::families::language {

struct Progress {
    double nats = 0;                ///< sum over all predictions since the last evaluation of the steps' mean -ln p
    std::int64_t predictions = 0;   ///< since the last evaluation
    std::int64_t places = 0;        ///< the same, every batch counted as full: what the notebook divides by
    double best_nats = 0;           ///< of validation, where there was an evaluation
    std::int64_t best_step = -1;    ///< steps done then; -1: no evaluation yet
    std::int64_t since_best = 0;    ///< evaluations behind it
    double seconds = 0;             ///< spent in steps
    double seconds_before = 0;      ///< of them, up to the last evaluation
    double evaluation_seconds = 0;  ///< spent in evaluations
    std::int64_t all_predictions = 0;
    std::vector<double> peak_shares;  ///< of every step
    std::string curves;               ///< rows of artifacts/curves.csv so far
};

std::map<std::string, std::string> to_metadata(const Progress& progress);
/// Throws failed where something is missing or no number.
Progress progress_from_metadata(const std::map<std::string, std::string>& metadata);

}  // namespace plumb::families::language
