// SPDX-License-Identifier: Apache-2.0
#include "report/figure_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/statistics.h"
#include "base/units.h"
#include "report/csv_table.h"
#include "report/words.h"

namespace plumb::report {
namespace {

constexpr std::size_t most_columns = 4;  // more facets than this side by side are too narrow to read

constexpr double mostly = 0.75;

using Rows = std::vector<const lab::ViewRow*>;

Rows rows_of_figure(const lab::StudyView& view, std::size_t experiment, const lab::Figure& figure) {
    Rows rows = view.rows_of(experiment);
    std::erase_if(rows, [&](const lab::ViewRow* row) { return !matches(row->point.settings, figure.where); });
    return rows;
}

std::string text_of(const lab::ViewExperiment& experiment, const lab::ViewRow& row, const std::string& key) {
    const lab::Value* value = lab::find(row.point.settings, key);
    return value == nullptr ? std::string() : setting_text(experiment, key, *value);
}

std::vector<std::string> distinct(const lab::ViewExperiment& experiment, const Rows& rows, const std::string& key) {
    std::vector<std::string> values;
    for (const lab::ViewRow* row : rows) {
        std::string text = text_of(experiment, *row, key);
        if (std::ranges::find(values, text) == values.end()) {
            values.push_back(std::move(text));
        }
    }
    return values;
}

/// A facet's header: "mask: causal, keys: 32".
std::string facet_text(const lab::ViewExperiment& experiment, const lab::ViewRow& row, const std::vector<std::string>& keys) {
    std::string text;
    for (const std::string& key : keys) {
        text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", key, text_of(experiment, row, key));
    }
    return text;
}

struct Layout {
    std::vector<std::string> column_keys;
    std::vector<std::string> row_keys;
    std::vector<std::pair<std::string, std::string>>
        usual;  ///< keys of bars that are named in the category where they have another value than this
};

/// The value that most points have; `share` tells how many of them.
std::string usual_value(const lab::ViewExperiment& experiment, const Rows& rows, const std::string& key, double& share) {
    std::map<std::string, std::size_t> counts;
    for (const lab::ViewRow* row : rows) {
        ++counts[text_of(experiment, *row, key)];
    }
    const auto most = std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; });
    share = static_cast<double>(most->second) / static_cast<double>(rows.size());
    return most->first;
}

/// The first varying key by which two points at the same place differ; empty when every point has its own place.
std::string key_of_collision(const lab::ViewExperiment& experiment, const Rows& rows, const std::set<std::string>& placed) {
    std::map<std::string, const lab::ViewRow*> first_at;
    for (const lab::ViewRow* row : rows) {
        std::string place;
        for (const std::string& key : placed) {
            place += text_of(experiment, *row, key) + '\n';
        }
        const lab::ViewRow* first = first_at.try_emplace(place, row).first->second;
        for (const std::string& key : experiment.varying) {
            if (text_of(experiment, *first, key) != text_of(experiment, *row, key)) {
                return key;
            }
        }
    }
    return {};
}

Layout place_keys(const lab::ViewExperiment& experiment, const Rows& rows, const lab::Figure& figure) {
    Layout layout;
    const auto several = [&](const std::string& key) { return !key.empty() && distinct(experiment, rows, key).size() > 1; };
    if (several(figure.facet_column)) {
        layout.column_keys.push_back(figure.facet_column);
    }
    if (several(figure.facet_row)) {
        layout.row_keys.push_back(figure.facet_row);
    }
    if (metric_named(experiment, figure.x) != nullptr) {
        return layout;  // a cloud of points: each has a place of its own
    }
    if (figure.mean) {
        return layout;  // what has no place of its own is what is averaged over
    }
    std::set<std::string> placed{figure.x, figure.colour, figure.facet_column, figure.facet_row};
    for (std::string key = key_of_collision(experiment, rows, placed); !key.empty(); key = key_of_collision(experiment, rows, placed)) {
        placed.insert(key);
        double share = 0;
        std::string usual = usual_value(experiment, rows, key, share);
        if (figure.mark == lab::Mark::bars && share >= mostly) {  // a grid of facets would be almost empty
            layout.usual.emplace_back(key, std::move(usual));
            continue;
        }
        const bool fits_beside = layout.column_keys.empty() && distinct(experiment, rows, key).size() <= most_columns;
        (fits_beside ? layout.column_keys : layout.row_keys).push_back(key);
    }
    return layout;
}

Layout lay_out(const lab::ViewExperiment& experiment, const Rows& rows, const lab::Figure& figure) {
    Layout layout = place_keys(experiment, rows, figure);
    // One column of many rows: side by side they are easier to compare, and the page is shorter.
    if (layout.column_keys.empty() && figure.share_y != lab::ShareAxis::row) {
        std::swap(layout.column_keys, layout.row_keys);
    }
    return layout;
}

void add_category(std::vector<std::string>& categories, const std::string& text) {
    if (!text.empty() && std::ranges::find(categories, text) == categories.end()) {
        categories.push_back(text);
    }
}

std::vector<std::string> telling_keys(const lab::ViewExperiment& experiment, const Rows& rows, const lab::Figure& figure,
                                      const Layout& layout) {
    std::vector<std::string> keys;
    for (const lab::Parameter& parameter : experiment.parameters) {
        const std::string& name = parameter.name;
        const bool placed = name == figure.x || name == figure.colour ||
                            std::ranges::find(layout.column_keys, name) != layout.column_keys.end() ||
                            std::ranges::find(layout.row_keys, name) != layout.row_keys.end() ||
                            std::ranges::find(layout.usual, name, &std::pair<std::string, std::string>::first) != layout.usual.end();
        const bool varies = distinct(experiment, rows, name).size() > 1;
        const bool cloud = metric_named(experiment, figure.x) != nullptr;
        if (varies && (placed || cloud)) {
            keys.push_back(name);
        }
    }
    if (keys.empty() && parameter_named(experiment, figure.x) != nullptr) {
        keys.push_back(figure.x);
    }
    return keys;
}

/// The name of a run's line: the setting that lines are told apart by, and what else varies and is no facet.
std::string line_name(const lab::ViewExperiment& experiment, const lab::ViewRow& row, const lab::Figure& figure, const Layout& layout) {
    std::string name = text_of(experiment, row, figure.colour);
    for (const std::string& key : experiment.varying) {
        const bool said = key == figure.colour || std::ranges::find(layout.column_keys, key) != layout.column_keys.end() ||
                          std::ranges::find(layout.row_keys, key) != layout.row_keys.end();
        if (said) {
            continue;
        }
        const bool speaks = parameter_named(experiment, key)->type == lab::Type::text;
        name += fmt::format("{}{}{}", name.empty() ? "" : ", ", speaks ? "" : key + " ", text_of(experiment, row, key));
    }
    return name;
}

FigureRow place(const lab::ViewExperiment& experiment, const lab::ViewRow& row, const FigureData& data, const Layout& layout) {
    FigureRow placed;
    for (const std::string& key : data.keys) {
        placed.settings.push_back(text_of(experiment, row, key));
        placed.raw.push_back(lab::to_json(*lab::find(row.point.settings, key)));
    }
    const std::string& x = data.figure.x;
    if (const lab::Value* value = lab::find(row.point.settings, x)) {
        placed.x = setting_text(experiment, x, *value);
        if (data.x_is_number) {
            placed.x_number = number_of(*value);
        }
        for (const auto& [key, usual] : layout.usual) {
            const std::string text = text_of(experiment, row, key);
            placed.x += text == usual ? std::string() : fmt::format(", {} {}", key, text);
        }
    } else if (row.record) {
        if (const lab::MetricValue* metric = row.record->metric(x)) {
            placed.x_number = metric->value;
            placed.x = quantity_text(metric->value, data.x_unit);
        }
    }
    const bool line_is_run = !data.figure.table.empty() && parameter_named(experiment, data.figure.colour) != nullptr;
    placed.colour = data.figure.colour.empty() ? std::string()
                    : line_is_run              ? line_name(experiment, row, data.figure, layout)
                                               : text_of(experiment, row, data.figure.colour);
    placed.column = facet_text(experiment, row, layout.column_keys);
    placed.row = facet_text(experiment, row, layout.row_keys);
    placed.repeat = row.point.repeat;
    placed.status = row.status();
    if (row.record) {
        placed.check = worst_check(*row.record);
        placed.run = row.record->run;
    }
    for (const lab::Published& published : data.figure.published) {
        if (matches(row.point.settings, published.where)) {
            placed.published = published.value;
            placed.published_source = published.source;
        }
    }
    return placed;
}

void set_interval(FigureRow& row, double value, double low, double high) {
    if (std::isfinite(value)) {
        row.y = value;
        row.low = std::isfinite(low) ? low : value;
        row.high = std::isfinite(high) ? high : value;
    } else {
        row.reason = fmt::format("the value is {}", base::format_number(value));
    }
}

void fill_metric(FigureRow& row, const lab::ViewRow& from, const std::string& y) {
    if (from.status() != "done") {
        row.reason = from.reason();
    } else if (const lab::MetricValue* metric = from.record->metric(y)) {
        set_interval(row, metric->value, metric->low, metric->high);
    } else if (const lab::Value* value = lab::find(from.point.settings, y)) {
        set_interval(row, number_of(*value), number_of(*value), number_of(*value));
    } else {
        row.reason = fmt::format("this point records no '{}'", y);
    }
}

std::optional<std::size_t> column_named(const Table& table, const std::string& name) {
    const auto at = std::ranges::find(table.columns, name, &Column::name);
    return at == table.columns.end() ? std::nullopt : std::optional(static_cast<std::size_t>(at - table.columns.begin()));
}

/// What a run's table holds, a row each, all at the run's own place among the facets.
std::vector<FigureRow> rows_of_table(const lab::Store& store, const lab::ViewRow& from, const FigureRow& placed,
                                     const lab::Figure& figure) {
    FigureRow lacking = placed;
    if (from.status() != "done") {
        lacking.reason = from.reason();
        return {lacking};
    }
    const std::filesystem::path file = store.run_folder(*from.record) / "artifacts" / (figure.table + ".csv");
    if (!std::filesystem::exists(file)) {
        lacking.reason = fmt::format("this run left no {}.csv", figure.table);
        return {lacking};
    }
    const Table table = csv_table(figure.table, base::read_file(file));
    const auto x = column_named(table, figure.x), y = column_named(table, figure.y), colour = column_named(table, figure.colour);
    const auto low = column_named(table, figure.y + "_low"), high = column_named(table, figure.y + "_high");
    if (!x || !y) {
        lacking.reason = fmt::format("{}.csv has no column '{}'", figure.table, x ? figure.y : figure.x);
        return {lacking};
    }
    const bool placed_by_number = figure.mark != lab::Mark::grid;
    std::vector<FigureRow> rows;
    for (const std::vector<Cell>& cells : table.rows) {
        if ((placed_by_number && !cells[*x].raw.is_number()) || !cells[*y].raw.is_number()) {
            continue;  // nothing to draw there
        }
        const auto number = [&](std::size_t column) { return cells[column].raw.get<double>(); };
        const auto end = [&](const std::optional<std::size_t>& column) {
            return column && cells[*column].raw.is_number() ? number(*column) : number(*y);
        };
        FigureRow row = placed;
        row.x = cells[*x].text;
        if (placed_by_number) {
            row.x_number = number(*x);
        }
        row.colour = colour ? cells[*colour].text : placed.colour;
        set_interval(row, number(*y), end(low), end(high));
        rows.push_back(std::move(row));
    }
    return rows;
}

/// Ratios of one experiment against the figure's baseline, by the address of the candidate's record in `alone`.
struct Ratios {
    lab::StudyView alone;
    std::map<const lab::Record*, lab::ComparisonRow> rows;
    std::string problem;
};

Ratios ratios_of(const lab::Store& store, const lab::StudyView& view, std::size_t experiment, const lab::Figure& figure) {
    Ratios ratios{view, {}, {}};
    std::erase_if(ratios.alone.rows,
                  [&](const lab::ViewRow& row) { return row.experiment != experiment || !matches(row.point.settings, figure.where); });
    try {
        for (lab::ComparisonRow& row : lab::compare_by(store, ratios.alone, figure.relative->key, figure.relative->baseline, figure.y)) {
            if (row.candidate_record != nullptr) {
                ratios.rows.emplace(row.candidate_record, std::move(row));
            }
        }
    } catch (const base::Error& error) {  // the baseline is no value of this experiment: every point says so
        ratios.problem = error.what();
    }
    return ratios;
}

void fill_ratio(FigureRow& row, const lab::ViewRow& from, const Ratios& ratios, const lab::Relative& relative) {
    if (from.status() != "done") {
        row.reason = from.reason();
        return;
    }
    const auto found = ratios.rows.find(&*from.record);
    if (found == ratios.rows.end()) {
        row.reason =
            !ratios.problem.empty() ? ratios.problem : fmt::format("no point with {}={} to compare with", relative.key, relative.baseline);
        return;
    }
    const lab::ComparisonRow& comparison = found->second;
    if (!comparison.judgement) {
        const lab::Record* baseline = comparison.baseline_record;
        row.reason = fmt::format("{}={}: {}", relative.key, relative.baseline, comparison.baseline_status);
        if (baseline != nullptr && !baseline->reason.empty() && comparison.baseline_status.find(baseline->reason) == std::string::npos) {
            row.reason += ", " + baseline->reason;
        }
        return;
    }
    row.judgement = comparison.judgement;
    set_interval(row, comparison.judgement->ratio.value, comparison.judgement->ratio.low, comparison.judgement->ratio.high);
}

void set_titles(FigureData& data, const lab::ViewExperiment& experiment) {
    const lab::Figure& figure = data.figure;
    const auto describe = [&](const std::string& name, std::string& title, std::string& unit) {
        if (const lab::Metric* metric = metric_named(experiment, name)) {
            unit = metric->unit;
        } else if (const lab::Parameter* parameter = parameter_named(experiment, name)) {
            unit = parameter->type == lab::Type::bytes ? "B" : parameter->type == lab::Type::seconds ? "s" : parameter->unit;
        }
        title = title_with_unit(name, unit);
    };
    describe(figure.x, data.x_title, data.x_unit);
    describe(figure.y, data.y_title, data.y_unit);
    if (figure.relative) {
        data.y_unit = "×";
        data.y_title = fmt::format("times {}", figure.relative->baseline);
    }
    data.x_title = figure.x_title.empty() ? data.x_title : figure.x_title;
    data.y_title = figure.y_title.empty() ? data.y_title : figure.y_title;
}

void set_reference(FigureData& data, const lab::ViewExperiment& experiment, const Rows& rows) {
    std::vector<double> values;
    for (const lab::ViewRow* row : rows) {
        const lab::MetricValue* metric = row->status() == "done" ? row->record->metric(data.figure.reference) : nullptr;
        if (metric != nullptr && std::isfinite(metric->value)) {
            values.push_back(metric->value);
        }
    }
    if (values.empty()) {
        return;
    }
    data.reference = base::median(values);
    const lab::Metric* metric = metric_named(experiment, data.figure.reference);
    const std::string& title = data.figure.reference_title.empty() ? data.figure.reference : data.figure.reference_title;
    data.reference_text = fmt::format("{} {}", title, quantity_text(*data.reference, metric != nullptr ? metric->unit : ""));
}

/// Values of a parameter with choices stand in the order of the choices, whatever the first group of points happened to lack.
void order_by_choices(const lab::ViewExperiment& experiment, const std::string& key, std::vector<std::string>& categories) {
    const lab::Parameter* parameter = parameter_named(experiment, key);
    if (!parameter || parameter->choices.empty()) {
        return;
    }
    const auto place = [&](const std::string& text) {
        return std::ranges::find_if(parameter->choices,
                                    [&](const lab::Value& value) { return lab::format(value, parameter->type) == text; });
    };
    std::ranges::stable_sort(categories, [&](const std::string& a, const std::string& b) { return place(a) < place(b); });
}

/// 1 where more is better, -1 where less is. What is neither counts as better the larger it is.
double direction_of(const lab::ViewExperiment& experiment, const std::string& name) {
    const lab::Metric* metric = metric_named(experiment, name);
    return metric != nullptr && metric->better == lab::Metric::Better::lower ? -1 : 1;
}

void find_front(FigureData& data, const lab::ViewExperiment& experiment) {
    const double x_sign = direction_of(experiment, data.figure.x);
    const double y_sign = direction_of(experiment, data.figure.y);
    const auto beats = [&](const FigureRow& a, const FigureRow& b) {
        const double x = x_sign * (*a.x_number - *b.x_number), y = y_sign * (*a.y - *b.y);
        return x >= 0 && y >= 0 && (x > 0 || y > 0);
    };
    const auto placed = [](const FigureRow& row) { return row.x_number && row.y; };
    for (FigureRow& row : data.rows) {
        row.on_front = placed(row) && std::ranges::none_of(data.rows, [&](const FigureRow& other) {
                           return placed(other) && other.column == row.column && other.row == row.row && beats(other, row);
                       });
    }
}

/// One row a place: the mean of the points that have a number, as good as the worst of their checks.
std::vector<FigureRow> averaged(const std::vector<FigureRow>& rows) {
    std::vector<FigureRow> means;
    std::vector<double> counts;  // of numbers
    for (const FigureRow& row : rows) {
        const auto same = [&](const FigureRow& mean) {
            return mean.x == row.x && mean.colour == row.colour && mean.column == row.column && mean.row == row.row;
        };
        const auto found = std::ranges::find_if(means, same);
        const auto at = static_cast<std::size_t>(found - means.begin());
        if (found == means.end()) {
            means.push_back(row);
            counts.push_back(0);
        } else if (row.y && !found->y) {
            *found = row;
        }
        FigureRow& mean = means[at];
        mean.run.clear();
        mean.repeat = 0;
        if (!row.y) {
            continue;
        }
        mean.y = (counts[at] == 0 ? 0 : *mean.y) + *row.y;
        mean.low = counts[at] == 0 ? *row.y : std::min(*mean.low, *row.y);
        mean.high = counts[at] == 0 ? *row.y : std::max(*mean.high, *row.y);
        mean.check = row.check == "mistrusted" ? row.check : mean.check;
        ++counts[at];
    }
    for (std::size_t i = 0; i < means.size(); ++i) {
        if (means[i].y) {
            *means[i].y /= counts[i];
        }
    }
    return means;
}

}  // namespace

bool FigureData::x_is_own() const {
    return (x_is_number || !figure.table.empty()) && std::ranges::find(keys, figure.x) == keys.end();
}

bool FigureData::colour_is_own() const {
    return !figure.table.empty() && !colours.empty() && std::ranges::find(keys, figure.colour) == keys.end();
}

bool FigureData::has_numbers() const {
    return std::ranges::any_of(rows, [](const FigureRow& row) { return row.y.has_value(); });
}

FigureData figure_data(const lab::Store& store, const lab::StudyView& view, std::size_t experiment_index, const lab::Figure& figure) {
    const lab::ViewExperiment& experiment = view.experiments.at(experiment_index);
    FigureData data;
    data.figure = figure;
    data.experiment = experiment.name;
    data.command = experiment.command;
    if (figure.mark == lab::Mark::drawing || figure.mark == lab::Mark::pictures) {
        return data;
    }
    set_titles(data, experiment);
    const lab::Parameter* x = parameter_named(experiment, figure.x);
    const bool x_counts = x == nullptr || (x->type != lab::Type::text && x->type != lab::Type::boolean);
    data.x_is_number = figure.mark != lab::Mark::bars && figure.mark != lab::Mark::grid && x_counts;

    std::optional<Ratios> ratios;
    if (figure.relative) {
        ratios = ratios_of(store, view, experiment_index, figure);
    }
    const Rows rows = ratios ? rows_of_figure(ratios->alone, experiment_index, figure) : rows_of_figure(view, experiment_index, figure);
    const Layout layout = lay_out(experiment, rows, figure);
    data.keys = telling_keys(experiment, rows, figure, layout);
    for (const std::string& key : data.keys) {
        const lab::Type type = parameter_named(experiment, key)->type;
        data.numeric.push_back(type != lab::Type::text && type != lab::Type::boolean);
    }
    for (const lab::ViewRow* from : rows) {
        if (figure.relative && text_of(experiment, *from, figure.relative->key) == figure.relative->baseline) {
            continue;  // always 1 by definition
        }
        std::vector<FigureRow> placed = {place(experiment, *from, data, layout)};
        if (ratios) {
            fill_ratio(placed.front(), *from, *ratios, *figure.relative);
        } else if (!figure.table.empty()) {
            placed = rows_of_table(store, *from, placed.front(), figure);
        } else {
            fill_metric(placed.front(), *from, figure.y);
        }
        for (FigureRow& row : placed) {
            add_category(data.xs, row.x);
            add_category(data.colours, row.colour);
            add_category(data.columns, row.column);
            add_category(data.row_facets, row.row);
            data.has_repeats = data.has_repeats || row.repeat > 0;
            data.rows.push_back(std::move(row));
        }
    }
    if (figure.mean) {
        data.rows = averaged(data.rows);
        data.has_repeats = false;
    }
    if (const lab::Metric* metric = metric_named(experiment, figure.y)) {
        data.better = metric->better;
    }
    order_by_choices(experiment, figure.x, data.xs);
    order_by_choices(experiment, figure.colour, data.colours);
    if (!figure.reference.empty()) {
        set_reference(data, experiment, rows);
    }
    if (figure.mark == lab::Mark::front) {
        find_front(data, experiment);
    }
    return data;
}

}  // namespace plumb::report
