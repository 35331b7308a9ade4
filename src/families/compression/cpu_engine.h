// SPDX-License-Identifier: Apache-2.0
// Chunks on workers of this CPU: every worker has a context of its own, free workers take the next chunk.
#pragma once
#include <array>
#include <vector>

#include "families/compression/counters.h"
#include "families/compression/engine.h"
#include "families/compression/memory.h"
#include "families/compression/worker_pool.h"

namespace plumb::families::compression {

class CpuEngine final : public Engine {
  public:
    /// Chunks must fit the codec: make_engine() looks.
    CpuEngine(const kernels::codec::Codec& codec, EngineRequest request);

    void compress() override { run(Direction::compress); }
    void decompress() override { run(Direction::decompress); }
    kernels::codec::Bytes compressed(std::size_t chunk) override { return {slots_.data() + slot(chunk), sizes_[chunk]}; }
    kernels::codec::Bytes decompressed(std::size_t chunk) override;
    void spoil_output() override;
    bool stored(std::size_t chunk) override;
    std::vector<lab::MetricValue> metrics() override;

  private:
    /// How the workers fared in each run of one direction.
    struct History {
        std::vector<double> utilisation;  ///< mean busy share of the workers
        std::vector<double> imbalance;    ///< busiest worker by the mean
        std::vector<double> cpu_seconds;  ///< of all workers together
    };

    void run(Direction direction);
    void work(Direction direction, std::size_t worker, std::size_t chunk);
    std::size_t slot(std::size_t chunk) const { return places_[chunk]; }
    void add_history(std::vector<lab::MetricValue>& metrics, Direction direction) const;
    void add_counts(std::vector<lab::MetricValue>& metrics, Direction direction);
    std::size_t scratch_bytes() const;

    const kernels::codec::Codec& codec_;
    EngineRequest request_;
    std::vector<std::size_t> places_;  ///< start of each chunk's slot
    AlignedBytes slots_;
    AlignedBytes output_;
    std::vector<std::size_t> sizes_;  ///< of the compressed chunks
    std::vector<std::unique_ptr<kernels::codec::Worker>> contexts_;
    WorkerPool pool_;
    std::array<History, 2> history_;
};

}  // namespace plumb::families::compression
