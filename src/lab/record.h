// SPDX-License-Identifier: Apache-2.0
// What is kept of one run of one point.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "lab/check.h"
#include "lab/meter.h"
#include "lab/point.h"
#include "lab/trial.h"
#include "nlohmann/json.hpp"

namespace plumb::lab {

enum class Status { done, failed, unsupported, timeout, interrupted };
std::string_view name(Status status);
Status status_from_name(std::string_view name);

struct Record {
    Point point;
    std::string study;
    std::string experiment;
    Status status = Status::failed;
    std::string reason;  ///< why it is not done; empty when done
    std::string hint;
    std::string cause;  ///< base::name(ErrorKind) of what went wrong: "check failed", "missing", "timed out" ...; empty when done
    std::vector<Check> checks;
    std::vector<MetricValue> metrics;
    std::vector<Timing> timings;  ///< samples stay on disk until read_samples() (store.h)
    std::string group;            ///< same non-empty text: measured interleaved, block by block
    nlohmann::json host;          ///< facts of the machine, see host.h
    std::vector<std::string> argv;
    std::string code_version;
    std::string started;  ///< ISO 8601, UTC
    std::string ended;
    double seconds = 0;      ///< whole cost of the point, for estimates
    std::int64_t bytes = 0;  ///< size of the run's folder
    std::string run;         ///< folder name, "<utc>-<hash8>"

    const MetricValue* metric(std::string_view name) const;
    bool verified() const;    ///< done and no failed check
    bool mistrusted() const;  ///< done, but a check proves little
};

/// JSON has no NaN and no infinity: those become the texts "nan", "inf", "-inf".
nlohmann::json number_to_json(double value);
double number_from_json(const nlohmann::json& json);
nlohmann::json to_json(const Check& check);
Check check_from_json(const nlohmann::json& json);
nlohmann::json to_json(const MetricValue& metric);
MetricValue metric_value_from_json(const nlohmann::json& json);
/// Everything of a record but the raw samples; what the index keeps.
nlohmann::json to_json(const Record& record);
Record record_from_json(const nlohmann::json& json);

}  // namespace plumb::lab
