// SPDX-License-Identifier: Apache-2.0
// Writing and merging declarations, see study_json.h for the layout.
#include "lab/study_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "lab/json_fields.h"

namespace plumb::lab {
namespace {

using Json = nlohmann::json;

template <class Thing>
Json array_of(const std::vector<Thing>& things) {
    Json array = Json::array();
    for (const Thing& thing : things) array.push_back(to_json(thing));
    return array;
}

Json wanted_figures(const Experiment& experiment, const Family& family) {
    if (experiment.figures.empty()) return array_of(family.figures());
    Json figures = Json::array();
    for (const std::string& name : experiment.figures) {
        for (const Figure& figure : family.figures()) {
            if (figure.name == name) figures.push_back(to_json(figure));
        }
    }
    return figures;
}

Json to_json(const StopRule& stop) {
    return {{"half_width", stop.half_width},    {"max_seconds", stop.max_seconds}, {"min_seconds", stop.min_seconds},
            {"min_samples", stop.min_samples},  {"max_samples", stop.max_samples}, {"warmup_seconds", stop.warmup_seconds},
            {"warmup_calls", stop.warmup_calls}};
}

Json declare_experiment(const Study& study, const Experiment& experiment, const Family& family) {
    Json origins = Json::array();
    for (const auto& [key, origin] : experiment.origins) origins.push_back(Json::array({key, origin}));
    return {{"name", experiment.name},
            {"family", family.name()},
            {"family_version", family.version()},
            {"family_summary", family.summary()},
            {"parameters", array_of(family.schema().parameters())},
            {"metrics", array_of(family.metrics())},
            {"figures", wanted_figures(experiment, family)},
            {"interleave", experiment.interleave},
            {"seed", experiment.seed},
            {"repeats", experiment.repeats},
            {"timeout_seconds", experiment.timeout_seconds},
            {"memory_limit", experiment.memory_limit},
            {"isolate", experiment.isolate},
            {"stop", to_json(experiment.stop)},
            {"command", run_command(study, &experiment)},
            {"origins", origins},
            {"points", Json::array()}};
}

// What makes two points the same cell of a table, whatever their inputs were.
std::string cell(const Point& point) {
    return fmt::format("{} {} {}", to_json(point.settings).dump(), point.seed, point.repeat);
}

std::vector<std::string> names_in(const Json& things) {
    std::vector<std::string> names;
    for (const Json& thing : things) names.push_back(JsonFields(thing, "a declaration").text("name"));
    return names;
}

std::vector<std::string> names_of(const Settings& settings) {
    std::vector<std::string> names;
    for (const Setting& setting : settings) names.push_back(setting.name);
    return names;
}

// Points of an old experiment that have a run and all parameters of that experiment.
std::vector<Point> points_with_runs(const JsonFields& experiment, const std::set<std::string>& known_hashes) {
    const std::vector<std::string> parameters = names_in(experiment.array("parameters"));
    std::vector<Point> points;
    for (const Json& json : experiment.array("points")) {
        Point point = point_from_json(json);
        const bool complete = point.family == experiment.text("family") && names_of(point.settings) == parameters;
        if (complete && known_hashes.contains(point.hash())) points.push_back(std::move(point));
    }
    return points;
}

void append_points(Json& fresh, const JsonFields& old, const std::set<std::string>& known_hashes) {
    const JsonFields now(fresh, "an experiment");
    const bool comparable = now.text("family") == old.text("family") && now.integer("family_version") == old.integer("family_version") &&
                            names_in(now.array("parameters")) == names_in(old.array("parameters"));
    if (!comparable) return;
    std::set<std::string> cells;
    for (const Json& json : now.array("points")) cells.insert(cell(point_from_json(json)));
    for (const Point& point : points_with_runs(old, known_hashes)) {
        if (point.family_version == now.integer("family_version") && cells.insert(cell(point)).second)
            fresh["points"].push_back(to_json(point));
    }
}

// An experiment that the new declaration lacks, with the points that have runs; nullopt when none has.
std::optional<Json> remaining(const Json& old, const JsonFields& fields, const std::set<std::string>& known_hashes) {
    const std::vector<Point> points = points_with_runs(fields, known_hashes);
    if (points.empty()) return std::nullopt;
    Json kept = old;
    kept["points"] = array_of(points);
    return kept;
}

/// Merges experiment by experiment and remembers which old ones stayed.
class Merger {
  public:
    Merger(Json fresh, const std::set<std::string>& known_hashes) : merged_(std::move(fresh)), known_hashes_(known_hashes) {}

    void add_experiment(const Json& old) {
        const JsonFields fields(old, "an experiment");
        const std::string name = fields.text("name");
        if (const std::optional<std::size_t> at = position_of(name)) {
            append_points(experiments()[*at], fields, known_hashes_);
            next_ = *at + 1;
        } else if (const std::optional<Json> kept = remaining(old, fields, known_hashes_)) {
            experiments().insert(experiments().begin() + static_cast<std::ptrdiff_t>(next_), *kept);
            ++next_;
            kept_.insert(name);
        }
    }

    // Answers about kept experiments stand where they stood; without such, the new ones are taken as they are.
    void add_answers(const Json& old) {
        if (kept_.empty()) return;
        Json answers = Json::array();
        Json& fresh = merged_["answers"];
        for (const Json& json : old) {
            const Answer answer = answer_from_json(json);
            const auto same = std::find(fresh.begin(), fresh.end(), json);
            if (same != fresh.end())
                fresh.erase(same);
            else if (!kept_.contains(answer.experiment))
                continue;
            answers.push_back(json);
        }
        for (const Json& json : fresh) answers.push_back(json);
        fresh = answers;
    }

    Json take() { return std::move(merged_); }

  private:
    Json& experiments() { return merged_["experiments"]; }

    std::optional<std::size_t> position_of(const std::string& name) {
        const std::vector<std::string> names = names_in(experiments());
        const auto found = std::find(names.begin(), names.end(), name);
        if (found == names.end()) return std::nullopt;
        return static_cast<std::size_t>(found - names.begin());
    }

    Json merged_;
    const std::set<std::string>& known_hashes_;
    std::set<std::string> kept_;
    std::size_t next_ = 0;  ///< where an old experiment goes that the new declaration lacks: behind the one it followed
};

}  // namespace

Json declare(const Study& study, const Plan& plan, const Families& families) {
    Json experiments = Json::array();
    for (const Experiment& experiment : study.experiments) {
        experiments.push_back(declare_experiment(study, experiment, family_named(families, experiment.family)));
    }
    for (const PlannedPoint& planned : plan.points) experiments.at(planned.experiment)["points"].push_back(to_json(planned.point));
    return {{"schema", declaration_schema},
            {"name", study.name},
            {"title", study.title},
            {"summary", study.summary},
            {"command", run_command(study, nullptr)},
            {"answers", array_of(study.answers)},
            {"experiments", experiments}};
}

Json merge_declarations(const Json& old, const Json& fresh, const std::set<std::string>& known_hashes) {
    Merger merger(fresh, known_hashes);
    try {
        const JsonFields fields(old, "a declaration");
        if (fields.integer("schema") != declaration_schema) return fresh;
        for (const Json& experiment : fields.array("experiments")) merger.add_experiment(experiment);
        merger.add_answers(fields.array("answers"));
    } catch (const base::Error&) {
        return fresh;
    }
    return merger.take();
}

}  // namespace plumb::lab
