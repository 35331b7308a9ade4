// SPDX-License-Identifier: Apache-2.0
#include "lab/foreign.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "base/version.h"
#include "lab/host.h"
#include "lab/plan.h"
#include "lab/study.h"
#include "lab/study_json.h"

namespace plumb::lab {

namespace {

using nlohmann::json;

Point point_of(const Family& family, const ForeignRow& row, std::uint64_t seed) {
    try {
        return {family.name(), family.version(), family.resolve(family.schema().complete(row.settings)), {}, seed, 0};
    } catch (const base::Error& error) {
        throw base::Error(error.kind(), row.source + ": " + error.what(), error.hint());
    }
}

Study study_of(const ForeignStudy& target) {
    Study study;
    study.name = target.study;
    study.title = "Results from elsewhere";
    study.summary = "Imported: measured by other programs on other machines. plumb did not see the outputs and checked none of them.";
    Experiment experiment;
    experiment.name = target.experiment;
    experiment.family = target.family;
    study.experiments = {experiment};
    return study;
}

json* experiment_named(json& declaration, const std::string& name) {
    for (json& experiment : declaration.at("experiments")) {
        if (experiment.value("name", std::string()) == name) return &experiment;
    }
    return nullptr;
}

/// The points of `fresh` at the end of those of `old`'s experiment of that name, or its experiment at the end of `old`'s.
json joined(json old, const json& fresh, const std::string& name) {
    const json& added = fresh.at("experiments").at(0);
    json* place = experiment_named(old, name);
    if (place == nullptr) {
        old["experiments"].push_back(added);
        return old;
    }
    if (place->at("family") != added.at("family") || place->at("parameters") != added.at("parameters")) {
        throw base::Error(base::ErrorKind::usage, "experiment '" + name + "' of the study was made by another family or version",
                          "import into another one with --study or --experiment");
    }
    for (const json& point : added.at("points")) {
        const bool known =
            std::ranges::any_of(place->at("points"), [&](const json& other) { return other.at("hash") == point.at("hash"); });
        if (!known) place->at("points").push_back(point);
    }
    return old;
}

Check imported_check(const ForeignRow& row) {
    std::string why = "measured elsewhere; plumb did not see the output";
    for (const std::string& note : row.notes) why += "; " + note;
    return mistrust(at_most("imported", row.source, "outputs that plumb compared", 0, 0), why);
}

Record record_of(const ForeignStudy& target, const ForeignRow& row, const Point& point) {
    Record record;
    record.point = point;
    record.study = target.study;
    record.experiment = target.experiment;
    record.status = row.status;
    record.reason = row.reason;
    record.cause = row.status == Status::done ? "" : base::name(base::ErrorKind::failed);
    record.checks = {imported_check(row)};
    record.metrics = row.metrics;
    record.host = {{"machine", "imported: " + row.machine}, {"cpu", row.machine}, {"imported", row.source}};
    record.argv = target.argv;
    record.code_version = base::code_version();
    record.started = record.ended = base::utc_iso8601();
    return record;
}

/// Whether there was an earlier import to join with.
bool join(Record& record, const std::map<std::string, Record>& known, const ForeignRow& row) {
    const auto earlier = known.find(record.point.hash());
    if (earlier == known.end()) return false;
    if (!is_foreign(earlier->second.host)) {
        throw base::Error(base::ErrorKind::usage, row.source + ": this point was measured here by plumb itself",
                          "import under another device name with --device");
    }
    for (const MetricValue& metric : earlier->second.metrics) {
        if (record.metric(metric.name) == nullptr) record.metrics.push_back(metric);
    }
    if (earlier->second.status == Status::done && record.status != Status::done) {
        record.status = Status::done;
        record.reason.clear();
        record.cause.clear();
    }
    if (earlier->second.status == Status::done)
        record.checks.insert(record.checks.end(), earlier->second.checks.begin(), earlier->second.checks.end());
    return true;
}

}  // namespace

ForeignSummary store_foreign(const Store& store, const Families& families, const ForeignStudy& target,
                             const std::vector<ForeignRow>& rows) {
    const Family& family = family_named(families, target.family);
    const Study study = study_of(target);
    const Experiment& experiment = study.experiments.front();
    Plan plan;
    for (const ForeignRow& row : rows) {
        plan.points.push_back({point_of(family, row, experiment.seed), 0, plan.group_count, {}, {}});
        ++plan.group_count;
    }
    std::map<std::string, Record> known = store.latest(target.study);
    std::vector<Record> records;
    ForeignSummary summary;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        Record record = record_of(target, rows[i], plan.points[i].point);
        ++(join(record, known, rows[i]) ? summary.joined : summary.added);
        if (target.derive) target.derive(record.metrics);
        known[record.point.hash()] = record;
        records.push_back(std::move(record));
    }
    json declaration = declare(study, plan, families);
    std::string command = "plumb";
    for (std::size_t word = 1; word < target.argv.size(); ++word) command += " " + base::shell_quote(target.argv[word]);
    declaration["command"] = command;
    declaration["experiments"][0]["command"] = command;
    if (store.has_study(target.study)) declaration = joined(store.study_declaration(target.study), declaration, target.experiment);
    store.write_study_declaration(target.study, declaration);
    for (std::size_t i = 0; i < records.size(); ++i) {
        const Record& record = records[i];
        const auto lock = store.try_lock(target.study, record.point.hash());
        if (!lock)
            throw base::Error(base::ErrorKind::failed, "another process works on " + record.point.short_hash(),
                              "import again when it is done");
        const std::filesystem::path work = store.open_work(target.study, record.point);
        for (const auto& [name, content] : rows[i].artifacts) base::write_file(work / "artifacts" / name, content);
        store.seal(work, record, config_toml(study, experiment, record.point, family.schema()));
    }
    return summary;
}

}  // namespace plumb::lab
