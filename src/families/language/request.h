// SPDX-License-Identifier: Apache-2.0
// A point of the family `language`, read back from its settings: what every model is given.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "families/language/chunks.h"
#include "families/language/corpus.h"
#include "lab/schema.h"

namespace plumb::families::language {

/// A held-out part of the corpus.
struct Split {
    std::string name;  ///< "validation", "test"
    std::shared_ptr<const Corpus> corpus;
};

struct Request {
    std::string model;
    std::shared_ptr<const BytePairs> byte_pairs;
    std::shared_ptr<const Corpus> train;
    std::vector<Split> held_out;  ///< validation, and test where there is one
    ChunkForm chunks;
    std::int64_t batch = 16;
    int order = 5;  ///< of model=ngram
    int threads = 1;
    std::filesystem::path ids;  ///< folder to write ids to; empty: none
    std::uint64_t seed = 0;
    lab::Settings settings;  ///< all of the point, for what some models alone take
};

/// Loads the corpora. Throws missing for what is not here, usage for settings that do not go together.
Request read_request(const lab::Settings& settings, std::uint64_t seed);
/// Digests of all that read_request() reads.
std::map<std::string, std::string> digest_inputs(const lab::Settings& settings);

}  // namespace plumb::families::language
