// SPDX-License-Identifier: Apache-2.0
// What a protected computation is asked to check, and what it tells about itself.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace plumb::kernels::protect {

enum class Level {
    none,    ///< computes and checks nothing
    detect,  ///< checks, reports, changes nothing
    correct  ///< recomputes what a check doubts and compares bit by bit; a third run decides
};
std::string_view name(Level level);
/// Throws Error{usage} with the nearest name.
Level level_named(std::string_view name);

/// How the exponentials are checked, each level finding more and costing more.
enum class ExponentialCheck {
    none,
    sum,   ///< bit patterns of a row's probabilities, which are their logarithms to within 0.0861, against the sum of the arguments
    band,  ///< the same for every number on its own: finds what is off by more than 9 %
    twice  ///< computed again with rows in other lanes and compared bit by bit: finds everything that is not permanent
};
std::string_view name(ExponentialCheck check);
ExponentialCheck exponential_check_named(std::string_view name);

enum class ThresholdKind {
    calibrated,  ///< a multiple of the rounding noise that clean runs show
    provable     ///< worst case of every rounding: no clean run can exceed it
};
std::string_view name(ThresholdKind kind);
ThresholdKind threshold_kind_named(std::string_view name);

struct Checks {
    bool scores = true;  ///< row sums of the scores against q times the sum of the keys
    bool maxima = true;  ///< running maximum and correction kept twice
    ExponentialCheck exponentials = ExponentialCheck::sum;
    bool outputs = true;         ///< row sums of the outputs and of the probabilities against sums carried along; keys counted
    bool second_weights = true;  ///< the outputs also with alternating signs: finds what cancels in the plain sum
};

struct Protection {
    Level level = Level::detect;
    Checks checks = {};
    ThresholdKind thresholds = ThresholdKind::calibrated;
};

/// Which check raised an alarm.
enum class Alarm { scores, maxima, exponentials, outputs, key_count, operands, handoff };
std::string_view name(Alarm alarm);

enum class Outcome {
    detected,     ///< level detect: reported and left as it is
    corrected,    ///< two of three runs agree, bit by bit, and pass the checks
    false_alarm,  ///< the second run gave the same bits and the operands are intact
    unresolved    ///< no two runs agree, or an operand is wrong and no source of it is left
};
std::string_view name(Outcome outcome);

/// One alarm.
struct Evidence {
    Alarm alarm = Alarm::scores;
    Outcome outcome = Outcome::detected;
    std::int64_t key_head = 0;
    std::int64_t tile = -1;  ///< of the key head; -1: none
    std::int64_t row = -1;   ///< of the key head, the first that alarms; -1: not a row's
    std::int64_t first_key = -1;
    float residual = 0;
    float threshold = 0;
    int thread = 0;
    int core = -1;  ///< as the system numbers them; -1: unknown
};
/// One line.
std::string describe(const Evidence& evidence);

struct Report {
    std::int64_t row_checks = 0;      ///< residuals compared with a threshold
    std::int64_t unchecked_rows = 0;  ///< rows whose operands are not finite: no check can hold
    std::int64_t alarms = 0;
    std::int64_t corrected = 0;
    std::int64_t false_alarms = 0;
    std::int64_t unresolved = 0;     ///< with level detect: all alarms
    double largest_residual = 0;     ///< of what was accepted, as a share of its threshold
    std::vector<Evidence> evidence;  ///< the first `most_evidence` alarms, in the order of tiles
    /// Every alarm was resolved: the output is what a run without faults gives.
    bool trusted() const { return unresolved == 0; }
};
inline constexpr std::size_t most_evidence = 64;

}  // namespace plumb::kernels::protect
