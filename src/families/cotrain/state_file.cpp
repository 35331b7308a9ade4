// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/state_file.h"

#include "base/error.h"

namespace plumb::families::cotrain {

using nlohmann::json;

namespace {

// A reader and a writer go through the same members in the same order.
struct Writer {
    json out = json::array();
    template <class T>
    void operator()(const T& value) {
        out.push_back(value);
    }
};
struct Reader {
    const json& in;
    std::size_t at = 0;
    template <class T>
    void operator()(T& value) {
        value = in.at(at++).get<T>();
    }
};

template <class Walk, class Row>
void walk_ledger(Walk& walk, Row& row) {
    walk(row.round), walk(row.view), walk(row.sample), walk(row.label), walk(row.probability), walk(row.margin), walk(row.other_label);
    walk(row.other_probability), walk(row.fate), walk(row.until);
}

template <class Walk, class Report>
void walk_report(Walk& walk, Report& report) {
    walk(report.round), walk(report.temperature[0]), walk(report.temperature[1]);
    for (const int i : {0, 1, 2}) walk(report.test[i]), walk(report.validation[i]);
    walk(report.loss), walk(report.ece_before), walk(report.ece_after), walk(report.disagreement), walk(report.pool),
        walk(report.picked[0]), walk(report.picked[1]);
    walk(report.collisions), walk(report.labelled), walk(report.pseudo), walk(report.right), walk(report.known), walk(report.drift);
}

template <class Walk, class Bins>
void walk_bins(Walk& walk, Bins& bins) {
    for (auto& bin : bins) walk(bin.count), walk(bin.right), walk(bin.confidence);
}

template <class Walk, class DetailLike>
void walk_detail(Walk& walk, DetailLike& detail) {
    walk(detail.round), walk(detail.confusion), walk(detail.predicted);
    walk_bins(walk, detail.before.bins);
    walk_bins(walk, detail.after.bins);
}

template <class Walk, class ExampleLike>
void walk_example(Walk& walk, ExampleLike& example) {
    walk(example.sample), walk(example.label), walk(example.weight);
}

template <class Row, class Visit>
json written(const std::vector<Row>& rows, const Visit& visit) {
    json out = json::array();
    for (const Row& row : rows) {
        Writer writer;
        visit(writer, row);
        out.push_back(std::move(writer.out));
    }
    return out;
}

template <class Row, class Visit>
std::vector<Row> read(const json& in, const Visit& visit) {
    std::vector<Row> rows(in.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        Reader reader{in.at(i)};
        visit(reader, rows[i]);
    }
    return rows;
}

constexpr auto ledger = [](auto& walk, auto& row) { walk_ledger(walk, row); };
constexpr auto report = [](auto& walk, auto& row) { walk_report(walk, row); };
constexpr auto detail = [](auto& walk, auto& row) { walk_detail(walk, row); };
constexpr auto example = [](auto& walk, auto& row) { walk_example(walk, row); };

}  // namespace

json to_json(const SplitState& state) {
    return {{"round", state.round},
            {"finished", state.finished},
            {"stop", state.stop},
            {"proven", state.proven},
            {"pool", state.pool},
            {"pseudo", {written(state.pseudo[0], example), written(state.pseudo[1], example)}},
            {"warm", {state.warm[0], state.warm[1]}},
            {"reports", written(state.reports, report)},
            {"ledger", written(state.ledger, ledger)},
            {"details", written(std::vector{state.labels_only, state.best, state.last}, detail)}};
}

SplitState state_from_json(const json& in) {
    try {
        SplitState state;
        in.at("round").get_to(state.round);
        in.at("finished").get_to(state.finished);
        in.at("stop").get_to(state.stop);
        in.at("proven").get_to(state.proven);
        in.at("pool").get_to(state.pool);
        for (const std::size_t view : {0, 1}) {
            state.pseudo[view] = read<Example>(in.at("pseudo").at(view), example);
            in.at("warm").at(view).get_to(state.warm[view]);
        }
        state.reports = read<RoundReport>(in.at("reports"), report);
        state.ledger = read<LedgerRow>(in.at("ledger"), ledger);
        std::vector<Detail> details = read<Detail>(in.at("details"), detail);
        state.labels_only = std::move(details.at(0));
        state.best = std::move(details.at(1));
        state.last = std::move(details.at(2));
        return state;
    } catch (const std::exception& error) {
        throw base::Error(base::ErrorKind::usage, std::string("a checkpoint of co-training cannot be read: ") + error.what(),
                          "remove the point's work folder and run it anew");
    }
}

}  // namespace plumb::families::cotrain
