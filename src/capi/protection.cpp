// SPDX-License-Identifier: Apache-2.0
#include "capi/protection.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "capi/call.h"
#include "kernels/protect/protected_attention.h"
#include "kernels/protect/protected_problem.h"

namespace plumb::capi {

namespace {

using kernels::attention::Problem;
using kernels::attention::Shape;
using kernels::attention::Strides;
using kernels::protect::Alarm;
using kernels::protect::Evidence;
using kernels::protect::Level;
using kernels::protect::Outcome;
using kernels::protect::Report;

// The header's constants are numbers for good; the kernels' may be put in another order.
static_assert(static_cast<int>(Level::none) == PLUMB_ATTENTION_PROTECT_NONE &&
              static_cast<int>(Level::detect) == PLUMB_ATTENTION_PROTECT_DETECT &&
              static_cast<int>(Level::correct) == PLUMB_ATTENTION_PROTECT_CORRECT);
static_assert(static_cast<int>(Alarm::scores) == PLUMB_ATTENTION_CHECK_SCORES &&
              static_cast<int>(Alarm::maxima) == PLUMB_ATTENTION_CHECK_MAXIMA &&
              static_cast<int>(Alarm::exponentials) == PLUMB_ATTENTION_CHECK_EXPONENTIALS &&
              static_cast<int>(Alarm::outputs) == PLUMB_ATTENTION_CHECK_OUTPUTS &&
              static_cast<int>(Alarm::key_count) == PLUMB_ATTENTION_CHECK_KEY_COUNT &&
              static_cast<int>(Alarm::operands) == PLUMB_ATTENTION_CHECK_OPERANDS &&
              static_cast<int>(Alarm::handoff) == PLUMB_ATTENTION_CHECK_HANDOFF &&
              static_cast<int>(Alarm::gradients) == PLUMB_ATTENTION_CHECK_GRADIENTS);
static_assert(static_cast<int>(Outcome::detected) == PLUMB_ATTENTION_DETECTED &&
              static_cast<int>(Outcome::corrected) == PLUMB_ATTENTION_CORRECTED &&
              static_cast<int>(Outcome::false_alarm) == PLUMB_ATTENTION_FALSE_ALARM &&
              static_cast<int>(Outcome::unresolved) == PLUMB_ATTENTION_UNRESOLVED);

Level level_of(std::int32_t protection) {
    return enum_of<Level>(protection, 3, "protection", "none 0, detect 1, correct 2 (PLUMB_ATTENTION_PROTECT_...)");
}

/// Rows of a key head are the queries of its query heads, head after head.
plumb_attention_evidence record_of(const Evidence& evidence, const Shape& shape) {
    plumb_attention_evidence record = {};
    record.check = static_cast<std::int32_t>(evidence.alarm);
    record.outcome = static_cast<std::int32_t>(evidence.outcome);
    record.batch = evidence.key_head / shape.kv_heads();
    record.key_head = evidence.key_head % shape.kv_heads();
    record.head = evidence.row < 0 ? -1 : record.key_head * shape.group() + evidence.row / shape.queries;
    record.query = evidence.row < 0 ? -1 : evidence.row % shape.queries;
    record.first_key = evidence.first_key;
    record.residual = static_cast<double>(evidence.residual);
    record.threshold = static_cast<double>(evidence.threshold);
    record.thread = evidence.thread;
    record.core = evidence.core;
    return record;
}

plumb_attention_report read_report(const plumb_attention_report* report) {
    if (report == nullptr) return {};
    const auto room = read_struct(report, "report");
    if (room.evidence_capacity < 0) reject("report.evidence_capacity", std::to_string(room.evidence_capacity), "0 or more");
    if (room.evidence != nullptr && room.evidence_size < sizeof(plumb_attention_evidence)) {
        reject("report.evidence_size", std::to_string(room.evidence_size), "sizeof(plumb_attention_evidence)");
    }
    return room;
}

/// Writes records, which a later version of the header may have longer. Returns how many.
std::int64_t write_evidence(const Report& found, const Shape& shape, const plumb_attention_report& room) {
    const std::int64_t capacity = room.evidence == nullptr ? 0 : room.evidence_capacity;
    const std::int64_t count = std::min(capacity, std::ssize(found.evidence));
    for (std::int64_t i = 0; i < count; ++i) {
        const plumb_attention_evidence record = record_of(found.evidence[i], shape);
        auto* to = reinterpret_cast<unsigned char*>(room.evidence) + static_cast<std::uint64_t>(i) * room.evidence_size;
        std::memcpy(to, &record, sizeof record);
    }
    return count;
}

void write_report(const Report& found, Level level, const Shape& shape, const plumb_attention_report& room, plumb_attention_report* to) {
    plumb_attention_report filled = room;
    filled.evidence_count = write_evidence(found, shape, room);
    filled.row_checks = found.row_checks;
    filled.unchecked_rows = found.unchecked_rows;
    filled.alarms = found.alarms;
    filled.corrected = found.corrected;
    filled.false_alarms = found.false_alarms;
    filled.unresolved = found.unresolved;
    filled.largest_residual = found.largest_residual;
    filled.trusted = level != Level::none && found.trusted() ? 1 : 0;
    std::memcpy(to, &filled, std::min<std::uint64_t>(sizeof filled, room.struct_size));
}

std::string summary(const Report& found) {
    return std::to_string(found.unresolved) + " of " + std::to_string(found.alarms) + " alarms are unresolved" +
           (found.evidence.empty() ? "" : ", the first: " + describe(found.evidence.front())) +
           "; compute again, with PLUMB_ATTENTION_PROTECT_CORRECT";
}

}  // namespace

void require_protectable(const Problem& problem, std::int32_t protection) {
    kernels::protect::require_protectable(problem, {.level = level_of(protection)});
}

plumb_attention_status run_protected(const Problem& problem, std::int32_t protection, void* out, const Strides& out_strides, float* lse,
                                     plumb_attention_report* report) {
    const Level level = level_of(protection);
    const plumb_attention_report room = read_report(report);
    const Report found = kernels::protect::protected_attention(problem, {.level = level}, out, out_strides, lse);
    if (report != nullptr) write_report(found, level, problem.shape, room, report);
    if (found.trusted()) return PLUMB_ATTENTION_OK;
    remember(summary(found));
    return PLUMB_ATTENTION_UNTRUSTED;
}

}  // namespace plumb::capi
