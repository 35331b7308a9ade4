// SPDX-License-Identifier: Apache-2.0
#include "families/fault/outcome.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "base/statistics.h"
#include "families/fault/draw.h"

namespace plumb::families::fault {

namespace {

namespace kp = kernels::protect;

constexpr std::array<std::string_view, fate_count> fate_names = {"masked", "corrected", "detected", "silent", "false_alarm", "crash"};
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::size_t ledger_columns = 14;

/// Alarms that the clean run of the same inputs raises too say nothing.
Fate judge(const kp::Report& clean, const kp::Report& report, bool same_bits) {
    const bool alarmed = report.alarms > clean.alarms;
    const bool corrected = report.corrected > clean.corrected;
    const bool distrusted = report.unresolved > clean.unresolved;
    if (!same_bits) return distrusted ? Fate::detected : Fate::silent;
    if (!alarmed) return Fate::masked;
    return corrected ? Fate::corrected : Fate::false_alarm;
}

std::vector<std::string> cut(std::string_view line) {
    std::vector<std::string> fields;
    for (std::size_t begin = 0; begin <= line.size();) {
        const std::size_t end = std::min(line.find(',', begin), line.size());
        fields.emplace_back(line.substr(begin, end - begin));
        begin = end + 1;
    }
    return fields;
}

/// |a - b| without the unit in the last place by which rounding to the type may set them apart.
double beyond_rounding(base::Dtype dtype, double a, double b) {
    const double difference = std::abs(a - b);
    if (std::isnan(difference)) return infinity;
    const double larger = std::max(std::abs(a), std::abs(b));
    const double unit =
        std::isfinite(larger) && larger > 0
            ? std::max(std::exp2(std::floor(std::log2(larger))) * 2 * base::rounding_unit(dtype), base::smallest_denormal(dtype))
            : 0;
    return std::max(difference - unit, 0.0);
}

bool covers(const TrialResult& result) {
    return result.fate == Fate::detected || result.fate == Fate::corrected || result.fate == Fate::masked ||
           result.fate == Fate::false_alarm;
}

}  // namespace

std::string_view name(Fate fate) {
    return fate_names[static_cast<std::size_t>(fate)];
}

Golden make_golden(Ran ran) {
    Golden golden{std::move(ran.out), {}, std::move(ran.report), 0, 0};
    golden.wide = golden.out.widened();
    for (const float number : golden.wide) golden.square_sum += static_cast<double>(number) * static_cast<double>(number);
    golden.rms = std::sqrt(golden.square_sum / static_cast<double>(std::max<std::size_t>(golden.wide.size(), 1)));
    return golden;
}

Change change_of(const Golden& golden, const base::Numbers& out) {
    Change change;
    change.same_bits = std::memcmp(out.bytes().data(), golden.out.bytes().data(), out.bytes().size()) == 0;
    if (change.same_bits) return change;
    const std::size_t width = base::size_of(out.dtype());
    double squares = 0;
    for (std::size_t i = 0; i < golden.wide.size(); ++i) {
        if (std::memcmp(out.bytes().data() + i * width, golden.out.bytes().data() + i * width, width) == 0) continue;
        const double difference = beyond_rounding(out.dtype(), static_cast<double>(out.at(i)), static_cast<double>(golden.wide[i]));
        change.largest = std::max(change.largest, difference);
        squares += difference * difference;
    }
    change.largest /= golden.rms;
    change.l2 = std::sqrt(squares / golden.square_sum);
    return change;
}

TrialResult try_fault(const Request& request, const kernels::attention::Problem& problem, const Golden& golden, std::int64_t trial,
                      base::Numbers& scratch) {
    TrialResult result;
    result.trial = trial;
    result.fault = fault_of_trial(request, trial);
    try {
        request.scheme->inject(problem, {.level = kp::Level::none}, result.fault, scratch.bytes());
        result.unprotected = change_of(golden, scratch).largest;
        const kp::Report report = request.scheme->inject(problem, request.protection, result.fault, scratch.bytes());
        const Change change = change_of(golden, scratch);
        result.change = change.largest;
        result.l2 = change.l2;
        result.alarms = report.alarms;
        result.fate = judge(golden.report, report, change.same_bits);
        if (!report.evidence.empty()) {
            const kp::Evidence& first = report.evidence.front();
            result.evidence = fmt::format("{} {:.4g} of {:.4g}", kp::name(first.alarm), first.residual, first.threshold);
        }
    } catch (const std::exception& error) {
        result.fate = Fate::crash;
        result.evidence = error.what();
        std::ranges::replace(result.evidence, ',', ';');
    }
    return result;
}

void Tally::add(const TrialResult& result) {
    ++injections;
    ++fates[static_cast<std::size_t>(result.fate)];
    const bool harms = !(result.unprotected <= harmful_change) || (result.fate == Fate::silent && !(result.change <= harmful_change));
    if (harms) {
        ++harmful;
        covered += covers(result);
        restored += covers(result) && result.fate != Fate::detected;
    }
    if (result.fate != Fate::silent) return;
    silent_harmful += !(result.change <= harmful_change);
    escaped_max = std::max(escaped_max, result.change);
    escaped_l2 = std::max(escaped_l2, result.l2);
}

std::vector<lab::MetricValue> Tally::metrics() const {
    std::vector<lab::MetricValue> metrics = {lab::exact("injections", static_cast<double>(injections)),
                                             lab::exact("harmful", static_cast<double>(harmful))};
    if (harmful > 0) {
        metrics.push_back(lab::estimate("coverage", base::wilson(covered, harmful), static_cast<std::size_t>(harmful)));
        metrics.push_back(lab::estimate("correction", base::wilson(restored, harmful), static_cast<std::size_t>(harmful)));
    }
    for (int i = 0; i < fate_count; ++i)
        metrics.push_back(lab::exact(std::string(name(static_cast<Fate>(i))), static_cast<double>(fates[static_cast<std::size_t>(i)])));
    metrics.push_back(lab::exact("silent_harmful", static_cast<double>(silent_harmful)));
    metrics.push_back(lab::exact("escaped_max", escaped_max));
    metrics.push_back(lab::exact("escaped_l2", escaped_l2));
    return metrics;
}

std::string ledger_header() {
    return "trial,site,model,bit,draw,key_head,row,key,column,outcome,unprotected,change,l2,alarms_and_first";
}

std::string to_line(const TrialResult& result) {
    const kp::Fault& f = result.fault;
    return fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{} {}", result.trial, kp::name(f.site), kp::name(f.model), f.bit, f.draw,
                       f.key_head, f.row, f.key, f.column, name(result.fate), result.unprotected, result.change, result.l2, result.alarms,
                       result.evidence);
}

bool from_line(std::string_view line, TrialResult& result) {
    const std::vector<std::string> fields = cut(line);
    if (fields.size() != ledger_columns) return false;
    const auto fate = std::ranges::find(fate_names, fields[9]);
    if (fate == fate_names.end()) return false;
    const auto number = [&](std::size_t column) { return std::strtoll(fields[column].c_str(), nullptr, 10); };
    const auto real = [&](std::size_t column) { return std::strtod(fields[column].c_str(), nullptr); };
    result.trial = number(0);
    result.fault = {.site = kp::site_named(fields[1]),
                    .model = kp::fault_model_named(fields[2]),
                    .bit = static_cast<int>(number(3)),
                    .draw = std::strtoull(fields[4].c_str(), nullptr, 10),
                    .key_head = number(5),
                    .row = number(6),
                    .key = number(7),
                    .column = number(8)};
    result.fate = static_cast<Fate>(fate - fate_names.begin());
    result.unprotected = real(10);
    result.change = real(11);
    result.l2 = real(12);
    result.alarms = number(13);
    const std::size_t space = fields[13].find(' ');
    result.evidence = space == std::string::npos ? "" : fields[13].substr(space + 1);
    return true;
}

std::string describe(const TrialResult& result) {
    std::string text = fmt::format("{}: {}; moves an unprotected output by {:.3g} of its root mean square", kp::describe(result.fault),
                                   name(result.fate), result.unprotected);
    if (result.fate == Fate::detected || result.fate == Fate::silent) text += fmt::format(", this one by {:.3g}", result.change);
    if (result.alarms > 0) text += fmt::format("; {} alarms, first: {}", result.alarms, result.evidence);
    return text;
}

}  // namespace plumb::families::fault
