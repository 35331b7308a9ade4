// SPDX-License-Identifier: Apache-2.0
#include "families/compression/counters.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace plumb::families::compression {

namespace {

class Counter {
  public:
    Counter(std::uint64_t event, int leader) {
        perf_event_attr wanted{};
        wanted.size = sizeof wanted;
        wanted.type = PERF_TYPE_HARDWARE;
        wanted.config = event;
        wanted.disabled = leader < 0;
        wanted.exclude_kernel = 1;
        wanted.exclude_hv = 1;
        wanted.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
        descriptor_ = static_cast<int>(::syscall(SYS_perf_event_open, &wanted, 0, -1, leader, PERF_FLAG_FD_CLOEXEC));
        if (descriptor_ < 0) problem_ = std::strerror(errno);
    }
    ~Counter() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    Counter(const Counter&) = delete;
    Counter& operator=(const Counter&) = delete;

    int descriptor() const { return descriptor_; }
    const std::string& problem() const { return problem_; }
    /// nullopt when it ran only part of the time.
    std::optional<std::int64_t> read() const {
        std::array<std::uint64_t, 3> value_enabled_running{};
        const auto got = ::read(descriptor_, value_enabled_running.data(), sizeof value_enabled_running);
        if (got != sizeof value_enabled_running || value_enabled_running[2] == 0) return std::nullopt;
        if (value_enabled_running[1] != value_enabled_running[2]) return std::nullopt;
        return static_cast<std::int64_t>(value_enabled_running[0]);
    }

  private:
    int descriptor_ = -1;
    std::string problem_;
};

}  // namespace

std::optional<Counts> count(const std::function<void()>& work) {
    const Counter instructions(PERF_COUNT_HW_INSTRUCTIONS, -1);
    if (instructions.descriptor() < 0) return std::nullopt;
    const Counter cycles(PERF_COUNT_HW_CPU_CYCLES, instructions.descriptor());
    if (cycles.descriptor() < 0) return std::nullopt;
    ::ioctl(instructions.descriptor(), PERF_EVENT_IOC_ENABLE, PERF_IOC_FLAG_GROUP);
    work();
    ::ioctl(instructions.descriptor(), PERF_EVENT_IOC_DISABLE, PERF_IOC_FLAG_GROUP);
    const auto counted_instructions = instructions.read();
    const auto counted_cycles = cycles.read();
    if (!counted_instructions || !counted_cycles) return std::nullopt;
    return Counts{*counted_instructions, *counted_cycles};
}

std::string why_no_counters() {
    const Counter probe(PERF_COUNT_HW_INSTRUCTIONS, -1);
    return probe.descriptor() < 0 ? "the system gives no hardware counters: " + probe.problem() : "";
}

}  // namespace plumb::families::compression
