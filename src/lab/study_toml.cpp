// SPDX-License-Identifier: Apache-2.0
// Study files. To add a key: its name where allow_only() is called, one line that reads it, its member in study.h, its line in
// study_words.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "lab/study.h"
#include "lab/toml_fields.h"
#include "lab/values.h"

namespace plumb::lab {
namespace {

using base::Error;
using base::ErrorKind;
using Names = std::vector<std::string>;

constexpr std::int64_t study_format = 1;

// Names become folders, words of a command line and parts of file names.
bool is_plain_name(std::string_view name) {
    const auto fits = [](unsigned char letter) { return std::isalnum(letter) != 0 || letter == '_' || letter == '-' || letter == '.'; };
    return !name.empty() && std::isalnum(static_cast<unsigned char>(name.front())) != 0 && std::all_of(name.begin(), name.end(), fits);
}

void require(bool fine, const TomlFields& fields, std::string_view key, std::string_view rule) {
    if (!fine) fields.refuse(key, fmt::format("'{}' must be {}", key, rule), fmt::format("leave '{}' away to use the default", key));
}

// Errors of a look-up by name gain the position of `source`.
template <class Look>
auto located(const TomlFile& file, const toml::source_region& source, const Look& look) -> decltype(look()) {
    try {
        return look();
    } catch (const Error& error) {
        file.refuse(source, error.what(), error.hint());
    }
}

void require_named(const TomlFields& fields, std::string_view key, const Names& given, const Names& known, std::string_view what) {
    for (const std::string& name : given) {
        if (std::find(known.begin(), known.end(), name) == known.end())
            fields.refuse(key, fmt::format("no {} '{}'", what, name), base::suggest(name, known));
    }
}

template <class Named>
Names names_of(const std::vector<Named>& things) {
    Names names;
    for (const Named& thing : things) names.push_back(thing.name);
    return names;
}

/// One [[experiment]] with the family it names.
class ExperimentReader {
  public:
    ExperimentReader(const TomlFields& fields, const Families& families)
        : fields_(fields), file_(fields.file()), family_(find_family(fields, families)) {}

    Experiment read() {
        fields_.allow_only({"name", "family", "seed", "repeats", "interleave", "figures", "timeout", "memory_limit", "isolate", "stop",
                            "axes", "zip", "exclude"});
        experiment_.family = family_.name();
        experiment_.origin = file_.origin(fields_.source());
        (void)fields_.require("name", "name = \"...\"");
        experiment_.name = *fields_.text("name");
        if (!is_plain_name(experiment_.name)) {
            fields_.refuse("name", fmt::format("'{}' cannot name an experiment", experiment_.name),
                           "use letters, digits, '_', '-' and '.'");
        }
        read_repetition();
        read_limits();
        read_stop();
        read_axes();
        for (const TomlFields& exclude : fields_.tables("exclude", "[[experiment.exclude]]")) read_exclude(exclude);
        return std::move(experiment_);
    }

  private:
    static const Family& find_family(const TomlFields& fields, const Families& families) {
        (void)fields.require("family", "family = \"...\"");
        return located(fields.file(), fields.source_of("family"),
                       [&]() -> const Family& { return family_named(families, *fields.text("family")); });
    }

    void keep_origin(const TomlFields& fields, std::string_view key, const std::string& kept_as) {
        if (fields.find(key) != nullptr) experiment_.set_origin(kept_as, file_.origin(fields.source_of(key)));
    }

    void read_repetition() {
        if (const auto seed = fields_.integer("seed")) {
            require(*seed >= 0, fields_, "seed", "at least 0");
            experiment_.seed = static_cast<std::uint64_t>(*seed);
        }
        if (const auto repeats = fields_.integer("repeats")) {
            require(*repeats >= 1 && *repeats <= 100'000, fields_, "repeats", "from 1 to 100000");
            experiment_.repeats = static_cast<int>(*repeats);
        }
        experiment_.interleave = fields_.texts("interleave");
        require_named(fields_, "interleave", experiment_.interleave, names_of(family_.schema().parameters()), "parameter");
        experiment_.figures = fields_.texts("figures");
        require_named(fields_, "figures", experiment_.figures, names_of(family_.figures()), "figure");
        for (const char* key : {"seed", "repeats", "interleave", "figures"}) keep_origin(fields_, key, key);
    }

    void read_limits() {
        if (const auto seconds = fields_.seconds("timeout")) {
            require(*seconds > 0, fields_, "timeout", "above 0");
            experiment_.timeout_seconds = *seconds;
        }
        if (const auto bytes = fields_.bytes("memory_limit")) {
            require(*bytes > 0, fields_, "memory_limit", "above 0");
            experiment_.memory_limit = *bytes;
        }
        experiment_.isolate = fields_.boolean("isolate").value_or(false);
        for (const char* key : {"timeout", "memory_limit", "isolate"}) keep_origin(fields_, key, key);
    }

    void read_stop() {
        const auto stop = fields_.table("stop", "[experiment.stop]");
        if (!stop) return;
        const Names keys = {"half_width", "max_seconds", "min_seconds", "min_samples", "max_samples", "warmup", "warmup_calls"};
        stop->allow_only(keys);
        StopRule& rule = experiment_.stop;
        rule.half_width = stop->real("half_width").value_or(rule.half_width);
        require(rule.half_width > 0 && rule.half_width < 1, *stop, "half_width", "a share between 0 and 1");
        rule.max_seconds = stop->seconds("max_seconds").value_or(rule.max_seconds);
        require(rule.max_seconds > 0, *stop, "max_seconds", "above 0");
        rule.min_seconds = stop->seconds("min_seconds").value_or(rule.min_seconds);
        require(rule.min_seconds >= 0, *stop, "min_seconds", "at least 0");
        rule.min_samples = count(*stop, "min_samples", rule.min_samples, 1);
        rule.max_samples = count(*stop, "max_samples", rule.max_samples, 1);
        const char* last_given = stop->find("max_samples") != nullptr ? "max_samples" : "min_samples";
        require(rule.min_samples <= rule.max_samples, *stop, last_given,
                fmt::format("such that min_samples ({}) is not above max_samples ({})", rule.min_samples, rule.max_samples));
        rule.warmup_seconds = stop->seconds("warmup").value_or(rule.warmup_seconds);
        require(rule.warmup_seconds >= 0, *stop, "warmup", "at least 0");
        rule.warmup_calls = count(*stop, "warmup_calls", rule.warmup_calls, 0);
        for (const std::string& key : keys) keep_origin(*stop, key, "stop." + key);
    }

    static int count(const TomlFields& fields, std::string_view key, int otherwise, int least) {
        const std::int64_t value = fields.integer(key).value_or(otherwise);
        require(value >= least && value <= std::numeric_limits<int>::max(), fields, key, fmt::format("an integer of at least {}", least));
        return static_cast<int>(value);
    }

    const Schema& schema() const { return family_.schema(); }

    void read_axes() {
        if (const auto axes = fields_.table("axes", "[experiment.axes]")) {
            for (const toml::key* key : axes->keys()) {
                const std::string name(key->str());
                located(file_, key->source(), [&] { (void)schema().at(name); });
                add_axis({name}, rows_of_columns({name}, {read_values(file_, schema(), name, *axes->find(name))}), key->source());
            }
        }
        for (const TomlFields& zip : fields_.tables("zip", "[[experiment.zip]]")) read_zip(zip);
        std::stable_sort(positioned_.begin(), positioned_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        for (auto& [position, axis] : positioned_) experiment_.axes.push_back(std::move(axis));
    }

    void read_zip(const TomlFields& zip) {
        zip.allow_only({"keys", "values"});
        (void)zip.require("keys", "keys = [\"a\", \"b\"]");
        const toml::node& values = zip.require("values", "values = [[1, 2], [3, 4]], or one range for all keys");
        const Names keys = zip.texts("keys");
        if (keys.empty()) zip.refuse("keys", "a zip needs keys", "write keys = [\"a\", \"b\"]");
        require_named(zip, "keys", keys, names_of(schema().parameters()), "parameter");
        add_axis(keys, is_list_of_rows(values) ? read_rows(keys, *values.as_array()) : read_alike(zip, keys, values), zip.source());
    }

    static bool is_list_of_rows(const toml::node& values) {
        const toml::array* array = values.as_array();
        return array != nullptr && !array->empty() && array->front().is_array();
    }

    std::vector<std::vector<Value>> read_rows(const Names& keys, const toml::array& list) {
        std::vector<std::vector<Value>> rows;
        for (const toml::node& element : list) {
            const toml::array* row = element.as_array();
            if (row == nullptr || row->size() != keys.size()) {
                file_.refuse(element.source(), fmt::format("each row of a zip must be a list of {} values", keys.size()),
                             fmt::format("one for each of {}", base::join(keys, ", ")));
            }
            rows.emplace_back();
            for (std::size_t i = 0; i < keys.size(); ++i) rows.back().push_back(read_one(keys[i], (*row)[i]));
        }
        return rows;
    }

    std::vector<std::vector<Value>> read_alike(const TomlFields& zip, const Names& keys, const toml::node& values) {
        std::vector<std::vector<Value>> columns;
        for (const std::string& key : keys) columns.push_back(read_values(file_, schema(), key, values));
        return located(file_, zip.source_of("values"), [&] { return rows_of_columns(keys, columns); });
    }

    Value read_one(const std::string& key, const toml::node& node) {
        const std::vector<Value> values = read_values(file_, schema(), key, node);
        if (values.size() != 1)
            file_.refuse(node.source(), fmt::format("{} needs one value here, not {}", key, values.size()), "write a single value");
        return values.front();
    }

    void add_axis(const Names& keys, std::vector<std::vector<Value>> values, const toml::source_region& source) {
        for (const std::string& key : keys) {
            if (!taken_.insert(key).second) {
                file_.refuse(source, fmt::format("'{}' already has values ({})", key, experiment_.origin_of(key)),
                             "name each parameter in one axis or one zip");
            }
            experiment_.set_origin(key, file_.origin(source));
        }
        positioned_.emplace_back(source.begin, Axis{keys, std::move(values), file_.origin(source), {}});
    }

    void read_exclude(const TomlFields& fields) {
        Exclude exclude{{}, file_.origin(fields.source()), {}};
        for (const toml::key* key : fields.keys()) {
            const std::string name(key->str());
            located(file_, key->source(), [&] { (void)schema().at(name); });
            exclude.match.emplace_back(name, read_values(file_, schema(), name, *fields.find(name)));
        }
        if (exclude.match.empty())
            file_.refuse(fields.source(), "an exclude without a key would drop every point", "name at least one parameter in it");
        experiment_.excludes.push_back(std::move(exclude));
    }

    const TomlFields& fields_;
    const TomlFile& file_;
    const Family& family_;
    Experiment experiment_;
    std::set<std::string> taken_;
    std::vector<std::pair<toml::source_position, Axis>> positioned_;
};

/// One [[answer]], checked against the experiment it asks about: the first one that knows its metric when it names none.
class AnswerReader {
  public:
    AnswerReader(const TomlFields& fields, const Study& study, const Families& families)
        : fields_(fields), file_(fields.file()), study_(study), families_(families) {}

    Answer read() {
        fields_.allow_only({"kind", "text", "experiment", "metric", "of", "over"});
        (void)fields_.require("kind", "kind = \"value\", \"ratio\", \"best\" or \"checks\"");
        (void)fields_.require("text", "text = \"...\": what the number says");
        Answer answer;
        answer.kind = located(file_, fields_.source_of("kind"), [&] { return answer_kind(*fields_.text("kind")); });
        answer.text = *fields_.text("text");
        answer.experiment = fields_.text("experiment").value_or("");
        answer.metric = fields_.text("metric").value_or("");
        if (!answer.experiment.empty())
            require_named(fields_, "experiment", {answer.experiment}, names_of(study_.experiments), "experiment");
        if (answer.kind == Answer::Kind::checks) {
            // Its metric names a check, which only a run can know.
            forbid("of", "counts all points of its experiment");
            forbid("over", "counts all points of its experiment");
            return answer;
        }
        (void)fields_.require("metric", "metric = \"...\"");
        if (answer.kind != Answer::Kind::best) (void)fields_.require("of", "of = { key = value }: the point whose number it is");
        if (answer.kind == Answer::Kind::ratio) (void)fields_.require("over", "over = { key = value }: the point it is compared with");
        if (answer.kind == Answer::Kind::value) forbid("over", "shows one number; kind = \"ratio\" compares two");
        if (answer.kind == Answer::Kind::best) forbid("over", "is taken from all points that fit 'of'");
        const Family& family = family_of(answer);
        require_named(fields_, "metric", {answer.metric}, names_of(family.metrics()), "metric");
        answer.of = read_settings("of", family.schema());
        answer.over = read_settings("over", family.schema());
        if (answer.kind == Answer::Kind::best &&
            std::ranges::find(family.metrics(), answer.metric, &Metric::name)->better == Metric::Better::neither)
            fields_.refuse("metric", fmt::format("neither more nor less of '{}' is better", answer.metric),
                           "name a metric with a best end");
        return answer;
    }

  private:
    void forbid(std::string_view key, std::string_view why) {
        const std::string kind = *fields_.text("kind");
        if (fields_.find(key) != nullptr)
            fields_.refuse(key, fmt::format("'{}' does not belong to an answer of kind {}, which {}", key, kind, why), "take it away");
    }

    const Family& family_of(const Answer& answer) const {
        const Experiment* chosen = nullptr;
        for (const Experiment& experiment : study_.experiments) {
            if (!answer.experiment.empty() && experiment.name != answer.experiment) continue;
            const Names metrics = names_of(family_named(families_, experiment.family).metrics());
            if (chosen == nullptr || std::find(metrics.begin(), metrics.end(), answer.metric) != metrics.end()) chosen = &experiment;
            if (std::find(metrics.begin(), metrics.end(), answer.metric) != metrics.end()) break;
        }
        return family_named(families_, chosen->family);
    }

    Settings read_settings(std::string_view key, const Schema& schema) {
        const auto table = fields_.table(key, fmt::format("'{}'", key));
        Settings settings;
        if (!table) return settings;
        for (const toml::key* name : table->keys()) {
            const std::string parameter(name->str());
            located(file_, name->source(), [&] { (void)schema.at(parameter); });
            const std::vector<Value> values = read_values(file_, schema, parameter, *table->find(parameter));
            if (values.size() != 1)
                file_.refuse(name->source(), fmt::format("{} needs one value here, not {}", parameter, values.size()),
                             "write a single value");
            settings.push_back({parameter, values.front()});
        }
        return settings;
    }

    const TomlFields& fields_;
    const TomlFile& file_;
    const Study& study_;
    const Families& families_;
};

void require_format(const TomlFields& root) {
    const toml::node& node = root.require("format", fmt::format("format = {} as the first line", study_format));
    const auto format = root.integer("format");
    if (*format != study_format) {
        root.file().refuse(node.source(), fmt::format("format {} is not known", *format),
                           fmt::format("this version reads format = {}", study_format));
    }
}

std::string study_name(const std::filesystem::path& file) {
    const std::string name = file.stem().string();
    if (is_plain_name(name)) return name;
    throw Error(ErrorKind::usage, fmt::format("{}: '{}' cannot name a study", file.generic_string(), name),
                "rename the file: letters, digits, '_', '-' and '.', beginning with a letter or digit");
}

}  // namespace

Study read_study(const std::filesystem::path& path, const Families& families) {
    if (!std::filesystem::is_regular_file(path)) {
        throw Error(ErrorKind::usage, fmt::format("no study file {}", path.generic_string()),
                    "plumb list studies shows those that are here");
    }
    Study study;
    study.name = study_name(path);
    study.file = path;
    const TomlFile file(path.generic_string(), base::read_file(path));
    const TomlFields root(file, file.root(), "a study");
    require_format(root);
    root.allow_only({"format", "title", "summary", "experiment", "answer"});
    study.title = root.text("title").value_or(study.name);
    study.summary = root.text("summary").value_or("");

    (void)root.require("experiment", "[[experiment]] with name and family");
    std::set<std::string> names;
    for (const TomlFields& fields : root.tables("experiment", "[[experiment]]")) {
        study.experiments.push_back(ExperimentReader(fields, families).read());
        const std::string& name = study.experiments.back().name;
        if (!names.insert(name).second)
            fields.refuse("name", fmt::format("two experiments are named '{}'", name), "give each its own name");
    }
    if (study.experiments.empty())
        root.refuse("experiment", "a study needs at least one experiment", "add [[experiment]] with name and family");
    for (const TomlFields& fields : root.tables("answer", "[[answer]]"))
        study.answers.push_back(AnswerReader(fields, study, families).read());
    return study;
}

}  // namespace plumb::lab
