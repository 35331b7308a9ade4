// SPDX-License-Identifier: Apache-2.0
// Threads that share a list of items, and how busy each of them was. The caller is worker 0, so that one worker needs no thread at all.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <thread>
#include <vector>

namespace plumb::families::compression {

/// One run of one worker.
struct WorkerUse {
    double busy_seconds = 0;  ///< from its first item to the end of its last one, on the wall clock
    double cpu_seconds = 0;   ///< of the processor, in the same stretch
};

class WorkerPool {
  public:
    /// Called with (worker, item).
    using Job = std::function<void(std::size_t, std::size_t)>;

    explicit WorkerPool(std::size_t workers);
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    std::size_t workers() const { return uses_.size(); }
    /// Every item once; free workers take the next ones in order. Returns when all are done, and throws the first exception of a job then.
    void run(std::size_t items, const Job& job);
    /// Of the last run.
    const std::vector<WorkerUse>& uses() const { return uses_; }
    double wall_seconds() const { return wall_seconds_; }

  private:
    void wait_for_workers();
    void serve(std::size_t worker);
    void work(std::size_t worker);

    std::vector<WorkerUse> uses_;
    double wall_seconds_ = 0;
    std::vector<std::thread> threads_;
    std::vector<std::exception_ptr> problems_;
    const Job* job_ = nullptr;
    std::size_t items_ = 0;
    std::size_t at_once_ = 1;
    std::atomic<std::size_t> next_{0};
    std::atomic<std::uint32_t> round_{0};  ///< raised to start a run
    std::atomic<std::uint32_t> working_{0};
    std::atomic<bool> stop_{false};
};

}  // namespace plumb::families::compression
