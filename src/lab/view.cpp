// SPDX-License-Identifier: Apache-2.0
#include "lab/view.h"

#include <algorithm>

#include "base/error.h"
#include "lab/study_json.h"

namespace plumb::lab {

namespace {

using nlohmann::json;

template <class Item, class Read>
std::vector<Item> read_list(const json& list, const Read& read) {
    std::vector<Item> items;
    for (const json& entry : list) items.push_back(read(entry));
    return items;
}

/// Parameters with more than one value among the points, in schema order.
std::vector<std::string> varying_parameters(const std::vector<Parameter>& parameters, const std::vector<Point>& points) {
    std::vector<std::string> varying;
    for (const Parameter& parameter : parameters) {
        const auto differs = [&](const Point& point) {
            const Value* here = find(point.settings, parameter.name);
            const Value* first = find(points.front().settings, parameter.name);
            return here && first && *here != *first;
        };
        if (std::any_of(points.begin(), points.end(), differs)) varying.push_back(parameter.name);
    }
    return varying;
}

}  // namespace

std::string ViewRow::status() const {
    return record ? std::string(name(record->status)) : "not run";
}

std::string ViewRow::reason() const {
    return record ? record->reason : "";
}

std::vector<const ViewRow*> StudyView::rows_of(std::size_t experiment) const {
    std::vector<const ViewRow*> selected;
    for (const ViewRow& row : rows) {
        if (row.experiment == experiment) selected.push_back(&row);
    }
    return selected;
}

StudyView load_view(const Store& store, const std::string& study) {
    const json declaration = store.study_declaration(study);
    if (declaration.value("schema", 0) != declaration_schema) {
        throw base::Error(base::ErrorKind::failed, "study.json of " + study + " has another schema than this program reads",
                          "run the study again with this version, or use the version that wrote it");
    }
    StudyView view;
    view.name = declaration.at("name");
    view.title = declaration.at("title");
    view.summary = declaration.at("summary");
    view.command = declaration.at("command");
    view.answers = read_list<Answer>(declaration.at("answers"), answer_from_json);

    const std::map<std::string, Record> latest = store.latest(study, &view.damaged);
    for (const json& stored : declaration.at("experiments")) {
        ViewExperiment experiment;
        experiment.name = stored.at("name");
        experiment.family = stored.at("family");
        experiment.command = stored.at("command");
        experiment.parameters = read_list<Parameter>(stored.at("parameters"), parameter_from_json);
        experiment.metrics = read_list<Metric>(stored.at("metrics"), metric_from_json);
        experiment.figures = read_list<Figure>(stored.at("figures"), figure_from_json);
        const auto points = read_list<Point>(stored.at("points"), point_from_json);
        experiment.varying = varying_parameters(experiment.parameters, points);
        for (const Point& point : points) {
            const auto found = latest.find(point.hash());
            view.rows.push_back(
                {view.experiments.size(), point, found == latest.end() ? std::nullopt : std::optional<Record>(found->second)});
        }
        view.experiments.push_back(std::move(experiment));
    }
    return view;
}

}  // namespace plumb::lab
