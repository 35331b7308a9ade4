// SPDX-License-Identifier: Apache-2.0
// The log folder of the notebook's runs (assignment 2 of IFT6135): args.json, a number an epoch in train_loss.txt, train_ppl.txt,
// train_time.txt and the same of valid_, one number each in test_loss.txt, test_ppl.txt, test_time.txt, and, of the notebook alone,
// avg_steady_state_memory.txt. Written as Python would write them, byte for byte: what was read comes back as the same files
// (where the notebook ended the file of the memory with a new line, which its text does not show).
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace plumb::families::language {

/// Of a split: one number an epoch each; the test has one.
struct LoggedSplit {
    std::vector<double> loss;        ///< nats, as the notebook averages them
    std::vector<double> perplexity;  ///< exp of the loss
    std::vector<double> time;        ///< s
    bool operator==(const LoggedSplit&) const = default;
};

struct LogFolder {
    nlohmann::ordered_json arguments;  ///< an object; keys in the order of the file
    LoggedSplit train, validation, test;
    std::optional<double> memory;  ///< MB, mean over the epochs
};

/// Throws missing where a file is not there, failed where one is no list of numbers, naming file and line, and where splits disagree on
/// the number of epochs.
LogFolder read_log_folder(const std::filesystem::path& folder);
/// Makes the folder and replaces its files.
void write_log_folder(const std::filesystem::path& folder, const LogFolder& logs);

/// As Python's repr writes a float: the fewest digits that give it back, an exponent below 1e-4 and from 1e16 on, "1.0", "inf", "nan".
std::string python_repr(double value);

}  // namespace plumb::families::language
