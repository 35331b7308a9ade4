// SPDX-License-Identifier: Apache-2.0
// The workloads are plain loops of our own: what is measured here is the machine, not a kernel. To add one: a line in `workloads`.
#include "lab/noise.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/file.h"
#include "base/statistics.h"
#include "lab/compare.h"
#include "lab/meter.h"
#include "lab/trial.h"
#include "nlohmann/json.hpp"

namespace plumb::lab {

namespace {

/// Keeps the compiler from moving or merging work across it: all memory may be read and written here.
void compiler_fence() {
    asm volatile("" ::: "memory");
}

enum class Bound { arithmetic, memory };

struct Workload {
    Bound bound;
    double seconds;        ///< of one call, about
    std::size_t elements;  ///< of the buffer
};

constexpr std::array<Workload, 4> workloads = {{{Bound::arithmetic, 20e-6, 2048},    // level 1 cache
                                                {Bound::memory, 20e-6, 12'000'000},  // 48 MB: beyond most level 2 caches
                                                {Bound::arithmetic, 2e-3, 65536},    // level 2 cache
                                                {Bound::memory, 2e-3, 12'000'000}}};

/// Runs `rounds` rounds of work over a buffer of its own. Arithmetic: multiplies and adds over the whole buffer, `step` passes a round.
/// Memory: sums `step` elements a round, going on where the last round ended.
class Load : public Trial {
  public:
    Load(const Workload& workload, std::size_t step, int rounds)
        : bound_(workload.bound), step_(step), rounds_(rounds), data_(workload.elements) {
        std::iota(data_.begin(), data_.end(), 1u);
    }

    void run() {
        for (int round = 0; round < rounds_; ++round) {
            bound_ == Bound::arithmetic ? compute() : stream();
            compiler_fence();
        }
    }

    Action action() {
        return {"work", [this] { run(); }, {}};
    }

    /// One run against the same sums of whole numbers in plain form: exact, so not one element may differ.
    std::vector<Check> verify() override {
        const std::size_t steps = step_ * static_cast<std::size_t>(rounds_);
        const std::size_t wrong = bound_ == Bound::arithmetic ? wrong_elements(steps) : wrong_sums(steps);
        return {at_most("same work", "plain loop", "values that differ", static_cast<double>(wrong), 0)};
    }

  private:
    static constexpr std::uint32_t multiplier = 1664525;  // any odd numbers
    static constexpr std::uint32_t increment = 1013904223;

    void compute() {
        for (std::size_t pass = 0; pass < step_; ++pass) {
            for (std::uint32_t& element : data_) element = element * multiplier + increment;
            compiler_fence();
        }
    }

    void stream() {
        std::size_t left = step_;
        while (left > 0) {
            const std::size_t length = std::min(left, data_.size() - cursor_);
            const auto from = data_.begin() + static_cast<std::ptrdiff_t>(cursor_);
            sum_ = std::accumulate(from, from + static_cast<std::ptrdiff_t>(length), sum_);
            cursor_ = (cursor_ + length) % data_.size();
            left -= length;
        }
    }

    std::size_t wrong_elements(std::size_t passes) {
        std::vector<std::uint32_t> expected = data_;
        for (std::uint32_t& element : expected) {
            for (std::size_t pass = 0; pass < passes; ++pass) element = element * multiplier + increment;
        }
        run();
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < data_.size(); ++i) wrong += data_[i] != expected[i];
        return wrong;
    }

    std::size_t wrong_sums(std::size_t elements) {
        std::uint32_t expected = sum_;
        for (std::size_t i = 0; i < elements; ++i) expected += data_[(cursor_ + i) % data_.size()];
        run();
        return sum_ != expected;
    }

    Bound bound_;
    std::size_t step_;
    int rounds_;
    std::vector<std::uint32_t> data_;
    std::size_t cursor_ = 0;
    std::uint32_t sum_ = 0;
};

/// Steps a round so that `rounds` rounds take about as long as the workload says here.
std::size_t calibrated_step(const Workload& workload, int rounds) {
    const std::size_t trial_step = workload.bound == Bound::arithmetic ? 1 : 4096;
    Load load(workload, trial_step, rounds);
    double least = std::numeric_limits<double>::infinity();
    for (int repetition = 0; repetition < 10; ++repetition) {
        const double start = now_seconds();
        load.run();
        least = std::min(least, now_seconds() - start);
    }
    const double wanted = static_cast<double>(trial_step) * workload.seconds / std::max(least, 1e-9);
    return static_cast<std::size_t>(std::max(1.0, std::round(wanted)));
}

/// Both sides of a comparison, on memory of their own.
class Pair {
  public:
    Pair(const Workload& workload, std::size_t step, int baseline_rounds, int candidate_rounds)
        : baseline_(workload, step, baseline_rounds), candidate_(workload, step, candidate_rounds) {}

    /// baseline / candidate, measured together for about `seconds`.
    base::Interval interleaved(double seconds, std::uint64_t seed) {
        Meter meter(rule(seconds), seed);
        meter.add(lab::verify(baseline_), {baseline_.action()});
        meter.add(lab::verify(candidate_), {candidate_.action()});
        const auto timings = meter.measure();
        return base::paired_ratio(timings[0][0].samples, timings[1][0].samples);
    }

    /// The same, first the one, then the other.
    base::Interval apart(double seconds, std::uint64_t seed) {
        const auto alone = [&](Load& load) {
            Meter meter(rule(seconds), seed);
            meter.add(lab::verify(load), {load.action()});
            return meter.measure()[0][0].samples;
        };
        const std::vector<double> baseline = alone(baseline_);
        return base::unpaired_ratio(baseline, alone(candidate_));
    }

  private:
    /// What studies use, within the seconds that there are for both sides.
    static StopRule rule(double seconds) {
        StopRule rule;
        rule.warmup_seconds = std::min(rule.warmup_seconds, seconds / 10);
        rule.max_seconds = std::max(seconds / 2 - rule.warmup_seconds, seconds / 4);
        return rule;
    }

    Load baseline_;
    Load candidate_;
};

/// Steps of each workload for `rounds` rounds.
class Bench {
  public:
    explicit Bench(int rounds) : rounds_(rounds) {
        for (std::size_t i = 0; i < workloads.size(); ++i) steps_[i] = calibrated_step(workloads[i], rounds);
    }

    /// Pair number `index`; the candidate does `more` rounds more.
    Pair pair(int index, int more = 0) const {
        const std::size_t which = static_cast<std::size_t>(index) % workloads.size();
        return {workloads[which], steps_[which], rounds_, rounds_ + more};
    }

  private:
    int rounds_;
    std::array<std::size_t, workloads.size()> steps_{};
};

double floor_of(const std::vector<base::Interval>& ratios) {
    std::vector<double> distances;
    std::vector<double> excesses;
    for (const base::Interval& ratio : ratios) {
        distances.push_back(std::max(ratio.value, 1 / ratio.value) - 1);
        excesses.push_back(std::max({ratio.low, 1 / ratio.high, 1.0}) - 1);
    }
    return std::max(base::quantile(excesses, 0.98), base::median(distances));
}

std::filesystem::path file_of(const Store& store, const std::string& machine) {
    return store.root() / ".machines" / machine / "noise.json";
}

bool names_a_machine(const std::string& machine) {
    return !machine.empty() && machine.front() != '.' && machine.find('/') == std::string::npos;
}

}  // namespace

NoiseFloor measure_noise_floor(const std::string& machine, int pairs, double seconds, const NoiseProgress& progress) {
    if (pairs < 1)
        throw base::Error(base::ErrorKind::usage, fmt::format("a noise floor from {} pairs", pairs), "at least 1 pair; 40 are good");
    const Bench bench(20);
    const double seconds_each = seconds / (2 * pairs);
    std::vector<base::Interval> paired;
    std::vector<base::Interval> unpaired;
    for (int index = 0; index < pairs; ++index) {
        const auto seed = static_cast<std::uint64_t>(index);
        paired.push_back(bench.pair(index).interleaved(seconds_each, seed));
        unpaired.push_back(bench.pair(index).apart(seconds_each, seed));
        if (progress) progress(index + 1, pairs);
    }
    return {floor_of(paired), floor_of(unpaired), pairs, machine, base::utc_iso8601()};
}

void save_noise_floor(const Store& store, const NoiseFloor& floor) {
    if (!names_a_machine(floor.machine)) throw base::Error(base::ErrorKind::internal, "'" + floor.machine + "' cannot name a machine");
    const std::filesystem::path file = file_of(store, floor.machine);
    std::filesystem::create_directories(file.parent_path());
    const nlohmann::json json = {{"schema", 1},          {"machine", floor.machine}, {"measured", floor.measured},
                                 {"pairs", floor.pairs}, {"paired", floor.paired},   {"unpaired", floor.unpaired}};
    base::replace_file(file, json.dump(2) + "\n");
}

std::optional<NoiseFloor> load_noise_floor(const Store& store, const std::string& machine) {
    if (!names_a_machine(machine) || !std::filesystem::exists(file_of(store, machine))) return std::nullopt;
    const auto json = nlohmann::json::parse(base::read_file(file_of(store, machine)), nullptr, false);
    if (!json.is_object()) return std::nullopt;
    try {
        NoiseFloor floor;
        floor.machine = json.at("machine");
        floor.measured = json.at("measured");
        floor.pairs = json.at("pairs");
        floor.paired = json.at("paired");
        floor.unpaired = json.at("unpaired");
        const bool sound =
            json.at("schema") == 1 && floor.machine == machine && floor.pairs > 0 && floor.paired >= 0 && floor.unpaired >= 0;
        return sound ? std::optional(floor) : std::nullopt;
    } catch (const nlohmann::json::exception&) {
        return std::nullopt;  // damaged: as good as never measured
    }
}

NoiseStudy study_noise(const NoiseFloor& floor, int comparisons, double slowdown, double seconds_each, const NoiseProgress& progress) {
    if (!(slowdown > 0 && slowdown <= 1))
        throw base::Error(base::ErrorKind::usage, fmt::format("a slow-down of {} cannot be injected", slowdown),
                          "a share above 0 and at most 1: 0.05");
    const int rounds = static_cast<int>(std::lround(1 / slowdown));
    const Bench bench(rounds);
    NoiseStudy study;
    study.slowdown = 1.0 / rounds;
    for (int index = 0; index < comparisons; ++index) {
        const auto seed = static_cast<std::uint64_t>(index);
        const Judgement same = judge(bench.pair(index).interleaved(seconds_each, seed), true, floor.paired);
        study.false_verdicts += same.verdict == Verdict::faster || same.verdict == Verdict::slower;
        study.ratios.push_back(same.ratio.value);
        const Judgement slowed = judge(bench.pair(index, 1).interleaved(seconds_each, seed), true, floor.paired);
        study.slowed_found += slowed.verdict == Verdict::slower;
        study.slowed_ratios.push_back(slowed.ratio.value);
        ++study.comparisons;
        ++study.slowed;
        if (progress) progress(study.comparisons, comparisons);
    }
    return study;
}

}  // namespace plumb::lab
