// SPDX-License-Identifier: Apache-2.0
// A study written back as people would type it: the shell line that runs it, and one point as a study file.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "lab/study_json.h"
#include "lab/values.h"

namespace plumb::lab {
namespace {

using Words = std::vector<std::string>;

constexpr std::string_view command_line = "command line";

void add_once(Words& words, const Words& more) {
    // Options and their values go in pairs, so that an equal value of another option is not taken for a repetition.
    const std::string joined = base::join(more, " ");
    if (std::find(words.begin(), words.end(), joined) == words.end()) words.push_back(joined);
}

// Axes that were typed, as words that need no further quoting.
void add_assignments(Words& words, const Experiment& experiment) {
    for (const Axis& axis : experiment.axes) {
        if (axis.typed.empty()) continue;
        const std::string keys = axis.keys.size() == 1 ? axis.keys.front() : fmt::format("({})", base::join(axis.keys, ","));
        add_once(words, {base::shell_quote(keys + "=" + axis.typed)});
    }
}

void add_flags(Words& words, const Experiment& experiment) {
    for (const Exclude& exclude : experiment.excludes) {
        if (!exclude.typed.empty()) add_once(words, {"--exclude", base::shell_quote(exclude.typed)});
    }
    const auto add = [&](const std::string& key, const std::string& flag, const std::string& value) {
        if (experiment.origin_of(key) == command_line) add_once(words, {flag, value});
    };
    add("seed", "--seed", std::to_string(experiment.seed));
    add("repeats", "--repeats", std::to_string(experiment.repeats));
    add("timeout", "--timeout", format(experiment.timeout_seconds, Type::seconds));
    add("stop.max_seconds", "--max-time", format(experiment.stop.max_seconds, Type::seconds));
    add("stop.half_width", "--half-width", format(experiment.stop.half_width));
    add("memory_limit", "--memory-limit", format(experiment.memory_limit, Type::bytes));
    if (experiment.origin_of("isolate") == command_line) add_once(words, {"--isolate"});
}

// By name where it is found by name, by path otherwise.
std::string study_word(const Study& study) {
    if (study.file.empty()) return "family:" + study.experiments.front().family;
    return study.file.parent_path().filename() == "studies" ? study.name : study.file.generic_string();
}

std::string toml_text(const std::string& text) {
    std::string quoted = "\"";
    for (const char letter : text) {
        const auto code = static_cast<unsigned char>(letter);
        if (letter == '"' || letter == '\\')
            quoted += fmt::format("\\{}", letter);
        else if (code < 0x20 || code == 0x7f)
            quoted += fmt::format("\\u{:04x}", code);
        else
            quoted += letter;
    }
    return quoted + "\"";
}

std::string toml_texts(const std::vector<std::string>& texts) {
    Words quoted;
    for (const std::string& text : texts) quoted.push_back(toml_text(text));
    return fmt::format("[{}]", base::join(quoted, ", "));
}

std::string toml_value(const Value& value, Type type) {
    if (type == Type::text || type == Type::bytes || type == Type::seconds) return toml_text(format(value, type));
    const std::string text = format(value, type);
    // TOML tells a real from an integer by the point or the exponent.
    return std::holds_alternative<double>(value) && text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

// Lines of "key = value  # origin"; an origin is a path, which may hold anything but must stay on its line.
class TomlLines {
  public:
    void text(std::string_view line) { text_ += fmt::format("{}\n", line); }

    void value(std::string_view key, std::string_view value, std::string origin) {
        std::replace_if(
            origin.begin(), origin.end(), [](unsigned char letter) { return letter < 0x20 || letter == 0x7f; }, '?');
        text(fmt::format("{} = {}  # {}", key, value, origin));
    }

    std::string take() { return std::move(text_); }

  private:
    std::string text_;
};

void write_stop(TomlLines& lines, const Experiment& experiment) {
    const StopRule& stop = experiment.stop;
    const auto add = [&](const std::string& key, const std::string& value) {
        lines.value(key, value, experiment.origin_of("stop." + key));
    };
    lines.text("\n[experiment.stop]");
    add("half_width", toml_value(stop.half_width, Type::real));
    add("max_seconds", toml_value(stop.max_seconds, Type::seconds));
    add("min_seconds", toml_value(stop.min_seconds, Type::seconds));
    add("min_samples", std::to_string(stop.min_samples));
    add("max_samples", std::to_string(stop.max_samples));
    add("warmup", toml_value(stop.warmup_seconds, Type::seconds));
    add("warmup_calls", std::to_string(stop.warmup_calls));
}

}  // namespace

std::string run_command(const Study& study, const Experiment* experiment) {
    if (study.experiments.empty()) return {};
    Words words = {"plumb run " + base::shell_quote(study_word(study))};
    const auto is_meant = [&](const Experiment& each) { return experiment == nullptr || each.name == experiment->name; };
    // key=value words first: behind an option that takes several values they would be taken for more of those.
    for (const Experiment& each : study.experiments) {
        if (is_meant(each)) add_assignments(words, each);
    }
    if (experiment != nullptr && !study.file.empty()) words.push_back("--experiment " + base::shell_quote(experiment->name));
    for (const Experiment& each : study.experiments) {
        if (is_meant(each)) add_flags(words, each);
    }
    return base::join(words, " ");
}

std::string config_toml(const Study& study, const Experiment& experiment, const Point& point, const Schema& schema) {
    TomlLines lines;
    lines.text(
        "# One point with every value resolved; behind each value stands where it came from. plumb run <this file> measures it again.");
    lines.text("format = 1");
    lines.text(fmt::format("title = {}", toml_text(study.title)));
    lines.text("\n[[experiment]]");
    lines.value("name", toml_text(experiment.name), fmt::format("study {}, {}", study.name, experiment.origin));
    lines.value("family", toml_text(point.family), fmt::format("version {}", point.family_version));
    lines.value("seed", std::to_string(point.seed), experiment.origin_of("seed"));
    lines.value("repeats", std::to_string(point.repeat + 1),
                fmt::format("this point is number {} of {}, {}", point.repeat + 1, experiment.repeats, experiment.origin_of("repeats")));
    if (!experiment.interleave.empty()) lines.value("interleave", toml_texts(experiment.interleave), experiment.origin_of("interleave"));
    if (!experiment.figures.empty()) lines.value("figures", toml_texts(experiment.figures), experiment.origin_of("figures"));
    if (experiment.timeout_seconds > 0)
        lines.value("timeout", toml_value(experiment.timeout_seconds, Type::seconds), experiment.origin_of("timeout"));
    if (experiment.memory_limit > 0)
        lines.value("memory_limit", toml_value(experiment.memory_limit, Type::bytes), experiment.origin_of("memory_limit"));
    lines.value("isolate", experiment.isolate ? "true" : "false", experiment.origin_of("isolate"));
    write_stop(lines, experiment);
    lines.text("\n[experiment.axes]");
    for (const Setting& setting : point.settings) {
        const Axis* axis = experiment.axis_of(setting.name);
        lines.value(setting.name, toml_value(setting.value, schema.at(setting.name).type), axis == nullptr ? "default" : axis->origin);
    }
    for (const auto& [name, digest] : point.inputs) lines.text(fmt::format("# input {} has digest {}", toml_text(name), digest));
    return lines.take();
}

}  // namespace plumb::lab
