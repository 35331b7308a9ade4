// SPDX-License-Identifier: Apache-2.0
// Runs at once, each of which uses one thread.
#pragma once
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace plumb::families::fault {

/// body(i) for every i in [0, count), on `threads` threads, in any order. The body throws nothing.
template <class Body>
void in_parallel(int threads, std::int64_t count, const Body& body) {
    std::atomic<std::int64_t> next = 0;
    const auto work = [&] {
        for (std::int64_t i = next++; i < count; i = next++) body(i);
    };
    std::vector<std::jthread> others;
    for (int thread = 1; thread < threads; ++thread) others.emplace_back(work);
    work();
}

}  // namespace plumb::families::fault
