// SPDX-License-Identifier: Apache-2.0
// One point of the family `compression`: all chunks of an input through one codec, both directions, every chunk compared byte for byte.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "families/compression/engine.h"
#include "families/compression/published.h"
#include "lab/schema.h"
#include "lab/trial.h"

namespace plumb::families::compression {

/// A point read back from its settings.
struct Request {
    EngineRequest engine;
    std::vector<Direction> directions;         ///< those that are timed; both are checked
    std::size_t metadata_bytes_per_chunk = 0;  ///< one size and one offset
    std::optional<PublishedRatio> published;   ///< somebody else's ratio for this very cell
};
/// `chunks` and `total` become `chunk`. Throws missing where the input's size counts and it is not here.
lab::Settings resolve(lab::Settings settings);
/// Of resolved settings. Loads the input. Throws unsupported for values that do not go together, missing where there is no such file.
Request read_request(const lab::Settings& settings);

class CompressionTrial final : public lab::TimedTrial {
  public:
    explicit CompressionTrial(Request request);
    /// With an engine made for request.engine by other means.
    CompressionTrial(Request request, std::unique_ptr<Engine> engine);

    std::vector<lab::Check> verify() override;
    std::vector<lab::Action> actions() override;
    std::vector<lab::Check> verify_after() override;
    std::vector<lab::MetricValue> metrics(const std::vector<lab::Timing>& timings) override;
    /// For the log of the run; may be empty.
    std::string note() const { return engine_->note(); }

  private:
    /// Compares what the engine last decompressed.
    lab::Check check_round_trip(const std::string& name);
    /// Chunks of a format that another codec here reads as well: one check for each of those.
    std::vector<lab::Check> check_other_decoders();
    double ratio() const;
    std::vector<lab::MetricValue> sizes();

    Request request_;
    std::unique_ptr<Engine> engine_;
    std::size_t total_bytes_;
    std::vector<std::size_t> sizes_;  ///< of the compressed chunks when they were checked
    std::size_t stored_chunks_ = 0;
    std::optional<std::int64_t> peak_memory_;
};

}  // namespace plumb::families::compression
