// SPDX-License-Identifier: Apache-2.0
#include "report/palette.h"

#include <algorithm>
#include <array>

#include "report/words.h"

namespace plumb::report {
namespace {

constexpr std::array<const char*, 7> colours{"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A8F98"};
constexpr std::array<const char*, 8> shapes{"circle", "square",        "triangle-up",    "diamond",
                                            "cross",  "triangle-down", "triangle-right", "triangle-left"};

/// Values that the figure draws: the baseline of a ratio has no mark and needs no look.
std::vector<std::string> drawn_values(const lab::StudyView& view, std::size_t experiment, const lab::Figure& figure) {
    std::vector<std::string> drawn;
    for (const lab::ViewRow* row : view.rows_of(experiment)) {
        const lab::Value* value = lab::find(row->point.settings, figure.colour);
        if (value == nullptr || !matches(row->point.settings, figure.where)) {
            continue;
        }
        std::string text = setting_text(view.experiments[experiment], figure.colour, *value);
        const bool baseline = figure.relative && figure.relative->key == figure.colour && figure.relative->baseline == text;
        if (!baseline && std::ranges::find(drawn, text) == drawn.end()) {
            drawn.push_back(std::move(text));
        }
    }
    return drawn;
}

/// What one key is coloured by on the page: the order of the choices first, then the order of the plan.
struct KeyValues {
    std::vector<std::string> choices;
    std::vector<std::string> drawn;
};

void add_missing(std::vector<std::string>& known, const std::vector<std::string>& more) {
    for (const std::string& value : more) {
        if (std::ranges::find(known, value) == known.end()) {
            known.push_back(value);
        }
    }
}

std::vector<std::string> choices_of(const lab::ViewExperiment& experiment, const std::string& key) {
    std::vector<std::string> choices;
    if (const lab::Parameter* parameter = parameter_named(experiment, key)) {
        for (const lab::Value& choice : parameter->choices) {
            choices.push_back(lab::format(choice, parameter->type));
        }
    }
    return choices;
}

constexpr std::array<std::string_view, 8> glyphs{"●", "■", "▲", "◆", "✚", "▼", "►", "◄"};

}  // namespace

std::string_view glyph_at(std::size_t index) {
    return glyphs[index % glyphs.size()];
}

Look look_at(std::size_t index) {
    return {colours[index % colours.size()], shapes[index % shapes.size()]};
}

Palette::Palette(std::span<const lab::StudyView> views) {
    std::map<std::string, KeyValues> keys;
    for (const lab::StudyView& view : views) {
        for (std::size_t experiment = 0; experiment < view.experiments.size(); ++experiment) {
            for (const lab::Figure& figure : view.experiments[experiment].figures) {
                if (!figure.colour.empty()) {
                    add_missing(keys[figure.colour].choices, choices_of(view.experiments[experiment], figure.colour));
                    add_missing(keys[figure.colour].drawn, drawn_values(view, experiment, figure));
                }
            }
        }
    }
    for (auto& [key, values] : keys) {
        std::erase_if(values.choices,
                      [&](const std::string& choice) { return std::ranges::find(values.drawn, choice) == values.drawn.end(); });
        values_[key] = std::move(values.choices);
        add_missing(values_[key], values.drawn);
    }
}

std::size_t Palette::index_of(const std::string& key, const std::string& value) const {
    const auto known = values_.find(key);
    if (known == values_.end()) {
        return 0;
    }
    const auto at = std::ranges::find(known->second, value);
    return at == known->second.end() ? 0 : static_cast<std::size_t>(at - known->second.begin());
}

std::size_t Palette::size() const {
    std::size_t most = 1;
    for (const auto& [key, values] : values_) {
        most = std::max(most, values.size());
    }
    return most;
}

}  // namespace plumb::report
