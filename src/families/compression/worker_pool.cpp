// SPDX-License-Identifier: Apache-2.0
#include "families/compression/worker_pool.h"

#include <algorithm>
#include <ctime>

#include "lab/meter.h"

namespace plumb::families::compression {

namespace {

/// Items are handed out in portions, so that tiny ones do not make the counter the bottleneck, yet small enough for an even end.
constexpr std::size_t portions_per_worker = 64;

constexpr double longest_look = 200e-6;

double thread_cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

WorkerPool::WorkerPool(std::size_t workers) : uses_(workers), problems_(workers) {
    for (std::size_t worker = 1; worker < workers; ++worker) threads_.emplace_back([this, worker] { serve(worker); });
}

WorkerPool::~WorkerPool() {
    stop_ = true;
    ++round_;
    round_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::run(std::size_t items, const Job& job) {
    job_ = &job;
    items_ = items;
    at_once_ = std::max<std::size_t>(1, items / (workers() * portions_per_worker));
    next_ = 0;
    working_ = static_cast<std::uint32_t>(threads_.size());
    const double start = lab::now_seconds();
    if (!threads_.empty()) {
        ++round_;
        round_.notify_all();
    }
    work(0);
    wait_for_workers();
    wall_seconds_ = lab::now_seconds() - start;
    const auto problem = std::ranges::find_if(problems_, [](const std::exception_ptr& each) { return each != nullptr; });
    if (problem == problems_.end()) return;
    const std::exception_ptr first = *problem;
    std::ranges::fill(problems_, nullptr);
    std::rethrow_exception(first);
}

void WorkerPool::wait_for_workers() {
    // The others are about to finish their last items: looking again beats being woken, which costs as much as a chunk.
    const double until = lab::now_seconds() + longest_look;
    while (working_ != 0 && lab::now_seconds() < until) {
    }
    for (std::uint32_t left = working_; left != 0; left = working_) working_.wait(left);
}

void WorkerPool::serve(std::size_t worker) {
    for (std::uint32_t seen = 0;;) {
        round_.wait(seen);
        seen = round_;
        if (stop_) return;
        work(worker);
        --working_;
        working_.notify_one();
    }
}

void WorkerPool::work(std::size_t worker) {
    const double cpu_start = thread_cpu_seconds();
    const double start = lab::now_seconds();
    try {
        for (std::size_t begin = next_.fetch_add(at_once_); begin < items_; begin = next_.fetch_add(at_once_)) {
            const std::size_t end = std::min(begin + at_once_, items_);
            for (std::size_t item = begin; item < end; ++item) (*job_)(worker, item);
        }
    } catch (...) {
        problems_[worker] = std::current_exception();
        next_ = items_;
    }
    uses_[worker] = {lab::now_seconds() - start, thread_cpu_seconds() - cpu_start};
}

}  // namespace plumb::families::compression
