// SPDX-License-Identifier: Apache-2.0
#include "report/study_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/units.h"
#include "report/words.h"

namespace plumb::report {
namespace {

void add(Table& table, Column column, const std::vector<Cell>& cells) {
    table.columns.push_back(std::move(column));
    for (std::size_t i = 0; i < cells.size(); ++i) {
        table.rows[i].push_back(cells[i]);
    }
}

template <typename Rows, typename MakeCell>
void add_column(Table& table, Column column, const Rows& rows, const MakeCell& make_cell) {
    std::vector<Cell> cells;
    for (const auto& row : rows) {
        cells.push_back(make_cell(row));
    }
    add(table, std::move(column), cells);
}

std::string unit_of(const lab::Parameter& parameter) {
    return !parameter.unit.empty()                ? parameter.unit
           : parameter.type == lab::Type::bytes   ? "B"
           : parameter.type == lab::Type::seconds ? "s"
                                                  : "";
}

bool is_number(lab::Type type) {
    return type != lab::Type::text && type != lab::Type::boolean;
}

Column setting_column(const lab::ViewExperiment& experiment, const std::string& name) {
    const lab::Parameter* parameter = parameter_named(experiment, name);
    if (parameter == nullptr) {
        return {name, name};
    }
    return {name_with_unit(name, unit_of(*parameter)), name, is_number(parameter->type) ? Content::number : Content::text};
}

Cell setting_cell(const lab::ViewExperiment& experiment, const lab::Settings& settings, const std::string& name) {
    const lab::Value* value = lab::find(settings, name);
    return value == nullptr ? empty_cell() : Cell{setting_text(experiment, name, *value), lab::to_json(*value), Tone::plain};
}

std::vector<lab::Metric> shown_metrics(const lab::ViewExperiment& experiment) {
    std::vector<lab::Metric> shown;
    std::ranges::copy_if(experiment.metrics, std::back_inserter(shown), &lab::Metric::headline);
    return shown.empty() ? experiment.metrics : shown;
}

const lab::MetricValue* metric_of(const lab::ViewRow* row, const std::string& name) {
    return row->record && row->record->status == lab::Status::done ? row->record->metric(name) : nullptr;
}

/// No other shown metric has this one's unit: on a narrow terminal "GFLOP/s" can stand for "throughput (GFLOP/s)".
bool unit_names(const lab::Metric& metric, const std::vector<lab::Metric>& shown) {
    return std::ranges::count(shown, metric.unit, &lab::Metric::unit) == 1;
}

void add_metric(Table& table, const std::vector<const lab::ViewRow*>& rows, const lab::Metric& metric, bool unit_tells) {
    const auto column = [&](const std::string& name, const std::string& title, Audience audience) {
        const std::string whole = title_with_unit(title, metric.unit);
        return Column{name_with_unit(name, metric.unit), whole, Content::number, audience, unit_tells && whole != title ? metric.unit : ""};
    };
    const bool recorded = std::ranges::any_of(rows, [&](const lab::ViewRow* row) { return metric_of(row, metric.name) != nullptr; });
    const auto number = [&](double lab::MetricValue::*member) {
        return [&, member](const lab::ViewRow* row) {
            const lab::MetricValue* value = metric_of(row, metric.name);
            return value == nullptr ? empty_cell() : number_cell(value->*member, cell_text(value->*member, metric.unit));
        };
    };
    const bool spread = std::ranges::any_of(rows, [&](const lab::ViewRow* row) {
        const lab::MetricValue* value = metric_of(row, metric.name);
        return value != nullptr && value->low != value->high;
    });
    add_column(table, column(metric.name, metric.name, recorded ? Audience::everyone : Audience::programs), rows,
               number(&lab::MetricValue::value));
    add_column(table, column(metric.name + "_low", "low", Audience::programs), rows, number(&lab::MetricValue::low));
    add_column(table, column(metric.name + "_high", "high", Audience::programs), rows, number(&lab::MetricValue::high));
    if (spread) {
        add_column(table, {metric.name + "_interval", "95 % interval", Content::number, Audience::people, "±"}, rows,
                   [&](const lab::ViewRow* row) {
                       const lab::MetricValue* value = metric_of(row, metric.name);
                       if (value == nullptr || value->low == value->high) {
                           return empty_cell();
                       }
                       Cell cell = text_cell(cell_interval(value->low, value->high, metric.unit));
                       cell.brief = half_width_text(value->value, value->low, value->high);
                       return cell;
                   });
    }
}

void add_status(Table& table, const std::vector<const lab::ViewRow*>& rows) {
    add_column(table, {"status", "status", Content::status}, rows, [](const lab::ViewRow* row) { return status_cell(row->status()); });
    add_column(table, {"check", "check", Content::status}, rows, [](const lab::ViewRow* row) {
        const std::string word = row->record ? worst_check(*row->record) : std::string();
        return word.empty() ? empty_cell() : status_cell(word);
    });
}

void add_reason_and_run(Table& table, const std::vector<const lab::ViewRow*>& rows) {
    add_column(table, {"reason", "reason", Content::prose}, rows, [](const lab::ViewRow* row) {
        const std::string reason = row->status() == "done" ? std::string() : row->reason();
        return reason.empty() ? Cell{} : text_cell(reason);
    });
    add_column(table, {"run", "run", Content::code}, rows, [](const lab::ViewRow* row) {
        return row->record ? Cell{short_run(row->record->run), row->record->run, Tone::plain} : empty_cell();
    });
}

void add_repeat(Table& table, const std::vector<const lab::ViewRow*>& rows) {
    if (std::ranges::any_of(rows, [](const lab::ViewRow* row) { return row->point.repeat > 0; })) {
        add_column(table, {"repeat", "repeat", Content::number}, rows, [](const lab::ViewRow* row) {
            return Cell{std::to_string(row->point.repeat), row->point.repeat, Tone::plain};
        });
    }
}

template <typename Names>
void add_once(std::vector<std::string>& all, const Names& names) {
    for (const auto& name : names) {
        if (std::ranges::find(all, name) == all.end()) {
            all.push_back(name);
        }
    }
}

std::string published_value(const lab::Figure& figure, const lab::Settings& settings, Cell& cell) {
    for (const lab::Published& published : figure.published) {
        if (matches(settings, published.where)) {
            cell = number_cell(published.value, base::format_number(published.value, 6));
            return published.source;
        }
    }
    return {};
}

lab::Settings candidate_settings(const lab::ComparisonRow& row, const std::string& key) {
    if (row.candidate_record != nullptr) {
        return row.candidate_record->point.settings;
    }
    lab::Settings settings = row.settings;
    settings.push_back({key, row.candidate});
    return settings;
}

/// What a reader must know beyond the interval: people are spared the sentence that says "clears the floor" again in each row.
std::string reason_for_people(const lab::ComparisonRow& row, const std::string& reason) {
    const bool told_by_verdict = row.judgement && row.judgement->verdict != lab::Verdict::unclear;
    const std::size_t remarks = reason.find("; ");
    return !told_by_verdict ? reason : remarks == std::string::npos ? std::string() : reason.substr(remarks + 2);
}

void add_judgement(Table& table, const std::vector<lab::ComparisonRow>& rows) {
    const auto number = [](double base::Interval::*member) {
        return [member](const lab::ComparisonRow& row) {
            return row.judgement ? number_cell(row.judgement->ratio.*member, times_text(row.judgement->ratio.*member)) : empty_cell();
        };
    };
    add_column(table, {"ratio", "ratio", Content::number}, rows, number(&base::Interval::value));
    add_column(table, {"ratio_low", "low", Content::number, Audience::programs}, rows, number(&base::Interval::low));
    add_column(table, {"ratio_high", "high", Content::number, Audience::programs}, rows, number(&base::Interval::high));
    add_column(table, {"interval", "95 % interval", Content::number, Audience::people, "±"}, rows, [](const lab::ComparisonRow& row) {
        if (!row.judgement) {
            return empty_cell();
        }
        const base::Interval& ratio = row.judgement->ratio;
        Cell cell = text_cell(ratio_interval(ratio.low, ratio.high));
        cell.brief = half_width_text(ratio.value, ratio.low, ratio.high);
        return cell;
    });
    add_column(table, {"verdict", "verdict", Content::status}, rows, [](const lab::ComparisonRow& row) {
        return row.judgement ? status_cell(std::string(lab::name(row.judgement->verdict))) : empty_cell();
    });
    add_column(table, {"paired", "paired", Content::status}, rows, [](const lab::ComparisonRow& row) {
        return row.judgement ? status_cell(row.judgement->paired ? "yes" : "no") : empty_cell();
    });
}

std::string comparison_reason(const lab::ComparisonRow& row) {
    if (row.judgement) {
        return row.judgement->reason;
    }
    std::string reason;
    const auto add_side = [&](const std::string& side, const std::string& status, const lab::Record* record) {
        if (status != "done") {
            const std::string why = record != nullptr && !record->reason.empty() ? ": " + record->reason : std::string();
            reason += fmt::format("{}{}: {}{}", reason.empty() ? "" : "; ", side, status, status.find(':') == std::string::npos ? why : "");
        }
    };
    add_side(row.baseline, row.baseline_status, row.baseline_record);
    add_side(row.candidate, row.candidate_status, row.candidate_record);
    return reason.empty() ? "this metric was not recorded on both sides" : reason;
}

/// The columns of a check itself; `checks` outlive the call.
void add_checks(Table& table, const std::vector<const lab::Check*>& checks) {
    const auto text = [](std::string lab::Check::*member) {
        return [member](const lab::Check* check) { return (check->*member).empty() ? Cell{} : text_cell(check->*member); };
    };
    const auto number = [](double lab::Check::*member) {
        return [member](const lab::Check* check) { return number_cell(check->*member, quantity_text(check->*member, check->unit)); };
    };
    add_column(table, {"check", "check", Content::text}, checks, text(&lab::Check::name));
    add_column(table, {"reference", "compared with", Content::text}, checks, text(&lab::Check::reference));
    add_column(table, {"metric", "measure", Content::text}, checks, text(&lab::Check::metric));
    add_column(table, {"measured", "measured", Content::number}, checks, number(&lab::Check::measured));
    add_column(table, {"bound", "bound", Content::number}, checks, number(&lab::Check::bound));
    add_column(table, {"unit", "unit", Content::text, Audience::programs}, checks, text(&lab::Check::unit));
    add_column(table, {"status", "status", Content::status}, checks,
               [](const lab::Check* check) { return status_cell(std::string(lab::name(check->status))); });
    add_column(table, {"note", "note", Content::prose}, checks, text(&lab::Check::note));
    add_column(table, {"repro", "again", Content::command}, checks, text(&lab::Check::repro));
}

}  // namespace

Table experiment_table(const lab::StudyView& view, std::size_t experiment) {
    const lab::ViewExperiment& declared = view.experiments.at(experiment);
    const std::vector<const lab::ViewRow*> rows = view.rows_of(experiment);
    Table table{declared.name, {}, std::vector<std::vector<Cell>>(rows.size())};
    for (const std::string& name : declared.varying) {
        add_column(table, setting_column(declared, name), rows,
                   [&](const lab::ViewRow* row) { return setting_cell(declared, row->point.settings, name); });
    }
    add_repeat(table, rows);
    add_status(table, rows);
    const std::vector<lab::Metric> shown = shown_metrics(declared);
    for (const lab::Metric& metric : shown) {
        add_metric(table, rows, metric, unit_names(metric, shown));
    }
    add_reason_and_run(table, rows);
    return table;
}

Table all_points_table(const lab::StudyView& view) {
    std::vector<const lab::ViewRow*> rows;
    for (const lab::ViewRow& row : view.rows) {
        rows.push_back(&row);
    }
    const auto declared = [&](const lab::ViewRow* row) -> const lab::ViewExperiment& { return view.experiments.at(row->experiment); };
    Table table{view.name, {}, std::vector<std::vector<Cell>>(rows.size())};
    add_column(table, {"experiment", "experiment"}, rows, [&](const lab::ViewRow* row) { return text_cell(declared(row).name); });
    add_column(table, {"family", "family", Content::text, Audience::programs}, rows,
               [&](const lab::ViewRow* row) { return text_cell(declared(row).family); });
    add_column(table, {"point", "point", Content::prose, Audience::people}, rows,
               [&](const lab::ViewRow* row) { return text_cell(point_text(declared(row), row->point)); });

    std::vector<std::string> settings;
    std::vector<lab::Metric> metrics;
    for (const lab::ViewExperiment& experiment : view.experiments) {
        add_once(settings, experiment.varying);
        for (const lab::Metric& metric : shown_metrics(experiment)) {
            const bool known =
                std::ranges::any_of(metrics, [&](const lab::Metric& m) { return m.name == metric.name && m.unit == metric.unit; });
            if (!known) {
                metrics.push_back(metric);
            }
        }
    }
    for (const std::string& name : settings) {
        const auto knows = [&](const lab::ViewExperiment& experiment) { return parameter_named(experiment, name) != nullptr; };
        const auto owner = std::ranges::find_if(view.experiments, knows);
        Column column = owner == view.experiments.end() ? Column{name, name} : setting_column(*owner, name);
        column.audience = Audience::programs;
        add_column(table, column, rows, [&](const lab::ViewRow* row) { return setting_cell(declared(row), row->point.settings, name); });
    }
    add_column(table, {"repeat", "repeat", Content::number, Audience::programs}, rows, [](const lab::ViewRow* row) {
        return Cell{std::to_string(row->point.repeat), row->point.repeat, Tone::plain};
    });
    add_status(table, rows);
    for (const lab::Metric& metric : metrics) {
        add_metric(table, rows, metric, unit_names(metric, metrics));
    }
    add_reason_and_run(table, rows);
    return table;
}

Table comparison_table(const lab::StudyView& view, const std::vector<lab::ComparisonRow>& rows, const std::string& key,
                       const lab::Figure* figure) {
    Table table{"comparison by " + key, {}, std::vector<std::vector<Cell>>(rows.size())};
    std::vector<std::string> settings;
    std::set<std::size_t> experiments;
    for (const lab::ComparisonRow& row : rows) {
        experiments.insert(row.experiment);
        for (const lab::Setting& setting : row.settings) {
            add_once(settings, std::vector<std::string>{setting.name});
        }
    }
    if (experiments.size() > 1) {
        add_column(table, {"experiment", "experiment"}, rows,
                   [&](const lab::ComparisonRow& row) { return text_cell(view.experiments.at(row.experiment).name); });
    }
    for (const std::string& name : settings) {
        const lab::ViewExperiment& any = view.experiments.at(rows.front().experiment);
        add_column(table, setting_column(any, name), rows,
                   [&](const lab::ComparisonRow& row) { return setting_cell(view.experiments.at(row.experiment), row.settings, name); });
    }
    add_column(table, {"baseline", "baseline"}, rows, [](const lab::ComparisonRow& row) { return text_cell(row.baseline); });
    add_column(table, {"candidate", key.empty() ? "candidate" : key}, rows,
               [](const lab::ComparisonRow& row) { return text_cell(row.candidate); });
    add_judgement(table, rows);
    if (figure != nullptr && !figure->published.empty()) {
        const auto published = [&](const lab::ComparisonRow& row) {
            Cell cell = empty_cell();
            published_value(*figure, candidate_settings(row, key), cell);
            return cell;
        };
        std::set<std::string> sources;
        for (const lab::Published& value : figure->published) {
            sources.insert(value.source);
        }
        const bool one_source = sources.size() == 1;
        const std::string title = one_source ? fmt::format("published ({})", *sources.begin()) : "published";
        add_column(table, {"published", title, Content::number}, rows, published);
        const Audience audience = one_source ? Audience::programs : Audience::everyone;
        add_column(table, {"published_source", "published in", Content::prose, audience}, rows, [&](const lab::ComparisonRow& row) {
            Cell unused;
            const std::string source = published_value(*figure, candidate_settings(row, key), unused);
            return source.empty() ? Cell{} : text_cell(source);
        });
    }
    add_column(table, {"reason", "reason", Content::prose}, rows, [](const lab::ComparisonRow& row) {
        const std::string reason = comparison_reason(row);
        return Cell{reason_for_people(row, reason), reason, Tone::plain};
    });
    return table;
}

Table checks_table(const lab::Record& record) {
    std::vector<const lab::Check*> checks;
    for (const lab::Check& check : record.checks) {
        checks.push_back(&check);
    }
    Table table{"checks of " + record.run, {}, std::vector<std::vector<Cell>>(checks.size())};
    add_checks(table, checks);
    return table;
}

Table checks_table(const lab::StudyView& view) {
    struct Owned {
        const lab::ViewRow* row;
        const lab::Check* check;
    };
    std::vector<Owned> owned;
    std::set<std::string> seen;
    for (const lab::ViewRow& row : view.rows) {
        if (row.record && seen.insert(row.record->run).second) {
            for (const lab::Check& check : row.record->checks) {
                owned.push_back({&row, &check});
            }
        }
    }
    Table table{"checks", {}, std::vector<std::vector<Cell>>(owned.size())};
    add_column(table, {"run", "run", Content::code}, owned, [](const Owned& o) {
        return Cell{short_run(o.row->record->run), o.row->record->run, Tone::plain};
    });
    add_column(table, {"point", "point"}, owned,
               [&](const Owned& o) { return text_cell(point_text(view.experiments.at(o.row->experiment), o.row->point)); });
    std::vector<const lab::Check*> checks;
    std::ranges::transform(owned, std::back_inserter(checks), &Owned::check);
    add_checks(table, checks);
    return table;
}

nlohmann::json show_json(const lab::StudyView& view) {
    nlohmann::json rows = nlohmann::json::array();
    for (const lab::ViewRow& row : view.rows) {
        const lab::ViewExperiment& experiment = view.experiments.at(row.experiment);
        nlohmann::json point = nlohmann::json::object();
        for (const lab::Setting& setting : row.point.settings) {
            point[setting.name] = lab::to_json(setting.value);
        }
        nlohmann::json checks = nlohmann::json::array();
        nlohmann::json metrics = nlohmann::json::array();
        nlohmann::json run = nullptr;
        if (row.record) {
            run = row.record->run;
            for (const lab::Check& check : row.record->checks) {
                checks.push_back({{"name", check.name},
                                  {"status", std::string(lab::name(check.status))},
                                  {"measured", check.measured},
                                  {"bound", check.bound},
                                  {"unit", check.unit},
                                  {"repro", check.repro}});
            }
            for (const lab::MetricValue& value : row.record->metrics) {
                const lab::Metric* metric = metric_named(experiment, value.name);
                metrics.push_back({{"name", value.name},
                                   {"unit", metric != nullptr ? metric->unit : ""},
                                   {"value", value.value},
                                   {"low", value.low},
                                   {"high", value.high},
                                   {"samples", value.samples}});
            }
        }
        rows.push_back({{"run", run},
                        {"experiment", experiment.name},
                        {"family", experiment.family},
                        {"point", point},
                        {"repeat", row.point.repeat},
                        {"status", row.status()},
                        {"reason", row.status() == "done" ? std::string() : row.reason()},
                        {"checks", checks},
                        {"metrics", metrics}});
    }
    return {{"schema", 1}, {"study", view.name}, {"rows", rows}};
}

}  // namespace plumb::report
