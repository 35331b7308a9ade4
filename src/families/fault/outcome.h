// SPDX-License-Identifier: Apache-2.0
// What became of an injected fault, and the counts over many.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "families/fault/case.h"
#include "lab/trial.h"

namespace plumb::families::fault {

enum class Fate {
    masked,       ///< the bits of a clean run, and nothing said
    corrected,    ///< the bits of a clean run after a correction
    detected,     ///< other bits, and the report says that the output is not to be trusted
    silent,       ///< other bits, and the report vouches for them
    false_alarm,  ///< the bits of a clean run, an alarm, no correction
    crash         ///< an error was thrown
};
inline constexpr int fate_count = 6;
std::string_view name(Fate fate);

/// Output changes by the root mean square of the clean output (largest) or the root of its squares (l2). A number of 16 bits moves by a
/// unit in its last place when a change of any size tips its rounding, which for bf16 is 0.4 % and would count as harm: of every number's
/// change that unit is taken off.
struct TrialResult {
    std::int64_t trial = 0;
    kernels::protect::Fault fault = {};
    Fate fate = Fate::masked;
    double unprotected = 0;  ///< largest change that the fault makes where nothing protects
    double change = 0;       ///< largest change that is left
    double l2 = 0;
    std::int64_t alarms = 0;
    std::string evidence = {};  ///< the first alarm: its check, residual and threshold; "" without one
};

/// A fault is harmful where it moves an unprotected output by more than this share of its root mean square.
inline constexpr double harmful_change = 1e-3;

/// The output of a clean run, and what any other one is compared with.
struct Golden {
    base::Numbers out;
    std::vector<float> wide;
    kernels::protect::Report report;
    double square_sum = 0;
    double rms = 0;
};
Golden make_golden(Ran ran);

struct Change {
    bool same_bits = true;
    double largest = 0;  ///< infinite where NaN or inf stand where there was none
    double l2 = 0;
};
Change change_of(const Golden& golden, const base::Numbers& out);

/// Injects one fault twice, without protection and with it. `scratch` has the size of the output.
TrialResult try_fault(const Request& request, const kernels::attention::Problem& problem, const Golden& golden, std::int64_t trial,
                      base::Numbers& scratch);

struct Tally {
    std::array<std::int64_t, fate_count> fates{};
    std::int64_t injections = 0;
    std::int64_t harmful = 0;
    std::int64_t covered = 0;   ///< harmful, and reported or repaired
    std::int64_t restored = 0;  ///< harmful, and the bits are those of a clean run
    std::int64_t silent_harmful = 0;
    double escaped_max = 0;
    double escaped_l2 = 0;

    void add(const TrialResult& result);
    std::vector<lab::MetricValue> metrics() const;
};

/// One line of the ledger, and back; the words of the first line. A line that is not whole gives nothing.
std::string ledger_header();
std::string to_line(const TrialResult& result);
bool from_line(std::string_view line, TrialResult& result);

/// "score bit 30 ... : corrected; ..." for people.
std::string describe(const TrialResult& result);

}  // namespace plumb::families::fault
