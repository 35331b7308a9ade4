// SPDX-License-Identifier: Apache-2.0
// The machine's noise floor: how far two measurements of identical code differ here beyond what their own intervals say. Kept in
// <root>/.machines/<machine>/noise.json.
//
// An interval knows the scatter that was sampled, so a floor need not repeat it; it does not know what changes between measurements (drift,
// where buffers landed, other processes). A pair's excess is the distance from 1 to the near end of its interval, 0 where the interval
// holds 1. The floor is the 98th percentile of the excess, so that at most 2 % of comparisons of identical code clear it, and never below
// the median of |ratio - 1|.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lab/store.h"

namespace plumb::lab {

struct NoiseFloor {
    double paired = 0;    ///< of interleaved measurements, as a share
    double unpaired = 0;  ///< of measurements taken one after the other
    int pairs = 0;        ///< of either kind
    std::string machine;
    std::string measured;  ///< ISO 8601
};

/// Comparisons done and all that there will be.
using NoiseProgress = std::function<void(int done, int total)>;

/// Runs A/A pairs of either kind over workloads of about 20 us and 2 ms, bound by arithmetic and by memory, with buffers of their own for
/// each pair. Takes about `seconds`; with less than 0.1 s for a pair the floor comes out higher than what longer measurements reach. Throws
/// usage for pairs < 1.
NoiseFloor measure_noise_floor(const std::string& machine, int pairs, double seconds, const NoiseProgress& progress = {});
void save_noise_floor(const Store& store, const NoiseFloor& floor);
/// nullopt when it was never measured or the file is damaged: measuring again mends it.
std::optional<NoiseFloor> load_noise_floor(const Store& store, const std::string& machine);

/// What `make noise` prints: verdicts over comparisons of identical code, and over comparisons with an injected slow-down.
struct NoiseStudy {
    int comparisons = 0;
    int false_verdicts = 0;  ///< faster or slower although the code is identical
    int slowed = 0;
    int slowed_found = 0;               ///< verdict slower
    double slowdown = 0;                ///< as injected: one round of work more in a whole number of rounds
    std::vector<double> ratios;         ///< of identical code
    std::vector<double> slowed_ratios;  ///< baseline / slowed, so below 1
};
/// `comparisons` of identical code and as many with one more round of the same work in the candidate, interleaved, each of about
/// `seconds_each`, over the workloads of measure_noise_floor. Throws usage unless 0 < slowdown <= 1.
NoiseStudy study_noise(const NoiseFloor& floor, int comparisons, double slowdown, double seconds_each, const NoiseProgress& progress = {});

}  // namespace plumb::lab
