// SPDX-License-Identifier: Apache-2.0
#include "lab/record.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"

namespace plumb::lab {

namespace {

using nlohmann::json;

constexpr std::array<std::pair<Status, std::string_view>, 5> status_names = {{{Status::done, "done"},
                                                                              {Status::failed, "failed"},
                                                                              {Status::unsupported, "unsupported"},
                                                                              {Status::timeout, "timeout"},
                                                                              {Status::interrupted, "interrupted"}}};

CheckStatus check_status_from_name(std::string_view text) {
    for (const CheckStatus status : {CheckStatus::passed, CheckStatus::mistrusted, CheckStatus::failed}) {
        if (name(status) == text) return status;
    }
    throw base::Error(base::ErrorKind::failed, "a stored check has the unknown status '" + std::string(text) + "'");
}

StopReason stop_reason_from_name(std::string_view text) {
    for (const StopReason reason : {StopReason::precise, StopReason::time_cap, StopReason::sample_cap, StopReason::interrupted}) {
        if (name(reason) == text) return reason;
    }
    throw base::Error(base::ErrorKind::failed, "a stored timing has the unknown stop reason '" + std::string(text) + "'");
}

json timing_to_json(const Timing& timing) {
    return {{"action", timing.action},
            {"calls_per_sample", timing.calls_per_sample},
            {"samples", timing.samples.size()},
            {"median", number_to_json(timing.median.value)},
            {"low", number_to_json(timing.median.low)},
            {"high", number_to_json(timing.median.high)},
            {"mad", number_to_json(timing.median_absolute_deviation)},
            {"minimum", number_to_json(timing.minimum)},
            {"stop", name(timing.stop)}};
}

Timing timing_from_json(const json& stored) {
    Timing timing;
    timing.action = stored.at("action");
    timing.calls_per_sample = stored.at("calls_per_sample");
    timing.median = {number_from_json(stored.at("median")), number_from_json(stored.at("low")), number_from_json(stored.at("high"))};
    timing.median_absolute_deviation = number_from_json(stored.at("mad"));
    timing.minimum = number_from_json(stored.at("minimum"));
    timing.stop = stop_reason_from_name(stored.at("stop").get<std::string>());
    return timing;
}

template <class Item, class Read>
std::vector<Item> read_list(const json& list, const Read& read) {
    std::vector<Item> items;
    for (const json& entry : list) items.push_back(read(entry));
    return items;
}

}  // namespace

std::string_view name(Status status) {
    for (const auto& [value, text] : status_names) {
        if (value == status) return text;
    }
    return "failed";
}

Status status_from_name(std::string_view text) {
    for (const auto& [value, known] : status_names) {
        if (known == text) return value;
    }
    throw base::Error(base::ErrorKind::failed, "a stored run has the unknown status '" + std::string(text) + "'");
}

const MetricValue* Record::metric(std::string_view metric_name) const {
    const auto found = std::find_if(metrics.begin(), metrics.end(), [&](const MetricValue& value) { return value.name == metric_name; });
    return found == metrics.end() ? nullptr : &*found;
}

bool Record::verified() const {
    return status == Status::done && !checks.empty() &&
           std::none_of(checks.begin(), checks.end(), [](const Check& check) { return check.status == CheckStatus::failed; });
}

bool Record::mistrusted() const {
    return status == Status::done &&
           std::any_of(checks.begin(), checks.end(), [](const Check& check) { return check.status == CheckStatus::mistrusted; });
}

json number_to_json(double value) {
    if (std::isfinite(value)) return value;
    if (std::isnan(value)) return "nan";
    return value > 0 ? "inf" : "-inf";
}

double number_from_json(const json& stored) {
    if (stored.is_number()) return stored.get<double>();
    const auto text = stored.get<std::string>();
    if (text == "inf") return std::numeric_limits<double>::infinity();
    if (text == "-inf") return -std::numeric_limits<double>::infinity();
    return std::numeric_limits<double>::quiet_NaN();
}

json to_json(const Check& check) {
    return {{"name", check.name},
            {"reference", check.reference},
            {"metric", check.metric},
            {"measured", number_to_json(check.measured)},
            {"bound", number_to_json(check.bound)},
            {"unit", check.unit},
            {"status", name(check.status)},
            {"note", check.note},
            {"repro", check.repro}};
}

Check check_from_json(const json& stored) {
    return {stored.at("name"),
            stored.at("reference"),
            stored.at("metric"),
            number_from_json(stored.at("measured")),
            number_from_json(stored.at("bound")),
            stored.at("unit"),
            check_status_from_name(stored.at("status").get<std::string>()),
            stored.at("note"),
            stored.at("repro")};
}

json to_json(const MetricValue& metric) {
    return {{"metric", metric.name},
            {"value", number_to_json(metric.value)},
            {"low", number_to_json(metric.low)},
            {"high", number_to_json(metric.high)},
            {"samples", metric.samples}};
}

MetricValue metric_value_from_json(const json& stored) {
    return {stored.at("metric"), number_from_json(stored.at("value")), number_from_json(stored.at("low")),
            number_from_json(stored.at("high")), stored.at("samples")};
}

json to_json(const Record& record) {
    json checks = json::array();
    for (const Check& check : record.checks) checks.push_back(to_json(check));
    json metrics = json::array();
    for (const MetricValue& metric : record.metrics) metrics.push_back(to_json(metric));
    json timings = json::array();
    for (const Timing& timing : record.timings) timings.push_back(timing_to_json(timing));
    return {{"schema", 1},
            {"run", record.run},
            {"study", record.study},
            {"experiment", record.experiment},
            {"hash", record.point.hash()},
            {"point", to_json(record.point)},
            {"status", name(record.status)},
            {"reason", record.reason},
            {"hint", record.hint},
            {"cause", record.cause},
            {"checks", checks},
            {"metrics", metrics},
            {"timings", timings},
            {"group", record.group},
            {"host", record.host},
            {"argv", record.argv},
            {"code_version", record.code_version},
            {"started", record.started},
            {"ended", record.ended},
            {"seconds", record.seconds},
            {"bytes", record.bytes}};
}

Record record_from_json(const json& stored) {
    if (stored.at("schema") != 1) {
        throw base::Error(base::ErrorKind::failed,
                          "a stored run has schema " + stored.at("schema").dump() + ", this program reads schema 1",
                          "use the version of plumb that wrote it");
    }
    Record record;
    record.run = stored.at("run");
    record.study = stored.at("study");
    record.experiment = stored.at("experiment");
    record.point = point_from_json(stored.at("point"));
    record.status = status_from_name(stored.at("status").get<std::string>());
    record.reason = stored.at("reason");
    record.hint = stored.at("hint");
    record.cause = stored.at("cause");
    record.checks = read_list<Check>(stored.at("checks"), check_from_json);
    record.metrics = read_list<MetricValue>(stored.at("metrics"), metric_value_from_json);
    record.timings = read_list<Timing>(stored.at("timings"), timing_from_json);
    record.group = stored.at("group");
    record.host = stored.at("host");
    record.argv = stored.at("argv").get<std::vector<std::string>>();
    record.code_version = stored.at("code_version");
    record.started = stored.at("started");
    record.ended = stored.at("ended");
    record.seconds = stored.at("seconds");
    record.bytes = stored.at("bytes");
    return record;
}

}  // namespace plumb::lab
