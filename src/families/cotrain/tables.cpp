// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"

namespace plumb::families::cotrain {

namespace {

/// A class name in a CSV cell.
std::string cell(const std::string& name) {
    if (name.find_first_of(",\"\n") == std::string::npos) return name;
    std::string quoted = "\"";
    for (const char letter : name) quoted += letter == '"' ? std::string("\"\"") : std::string(1, letter);
    return quoted + '"';
}

std::string class_cell(const TwoViews& data, std::int32_t label) {
    return label == unknown_label ? std::string() : cell(data.classes[label]);
}

const char* view_word(std::int32_t view) {
    return view == 0 ? "0" : view == 1 ? "1" : "both";
}

}  // namespace

std::string ledger_csv(const TwoViews& data, const std::vector<SplitRun*>& splits) {
    std::string text =
        "split,round,view,sample,label,probability,margin,other_label,other_probability,fate,until,final_label,truth,right\n";
    for (std::size_t split = 0; split < splits.size(); ++split) {
        const SplitRun& run = *splits[split];
        const Detail& end = run.returned();
        for (const LedgerRow& row : run.state().ledger) {
            const std::int32_t truth = data.truth[row.sample];
            text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", split, row.round, view_word(row.view), row.sample,
                                class_cell(data, row.label), row.probability, row.margin, class_cell(data, row.other_label),
                                row.other_probability, row.fate, row.until == 0 ? std::string() : std::to_string(row.until),
                                class_cell(data, end.predicted[row.sample]), class_cell(data, truth),
                                truth == unknown_label ? ""
                                : truth == row.label   ? "yes"
                                                       : "no");
        }
    }
    return text;
}

std::string rounds_csv(const TwoViews& data, const std::vector<SplitRun*>& splits) {
    std::string text =
        "split,round,view0_accuracy,view1_accuracy,accuracy,view0_validation,view1_validation,validation,temperature0,temperature1,ece_"
        "before,ece_after,"
        "disagreement,pool,picked0,picked1,collisions,drift";
    for (const char* what : {"labelled", "pseudo", "right"}) {
        for (const std::string& name : data.classes) text += fmt::format(",{}", cell(std::string(what) + "_" + name));
    }
    text += '\n';
    for (std::size_t split = 0; split < splits.size(); ++split) {
        for (const RoundReport& report : splits[split]->state().reports) {
            text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}", split, report.round, report.test[0],
                                report.test[1], report.test[2], report.validation[0], report.validation[1], report.validation[2],
                                report.temperature[0], report.temperature[1], report.ece_before, report.ece_after, report.disagreement,
                                report.pool, report.picked[0], report.picked[1], report.collisions, report.drift);
            for (const auto* counts : {&report.labelled, &report.pseudo, &report.right}) {
                for (const std::int64_t count : *counts) text += fmt::format(",{}", count);
            }
            text += '\n';
        }
    }
    return text;
}

std::string splits_csv(const std::vector<SplitRun*>& splits) {
    std::string text = "split,returned_round,guarded,stop,labels_only,view0_accuracy,view1_accuracy,accuracy,last_accuracy,rounds\n";
    for (std::size_t split = 0; split < splits.size(); ++split) {
        const SplitRun& run = *splits[split];
        const std::vector<RoundReport>& reports = run.state().reports;
        const RoundReport& report = reports[run.returned().round];
        text += fmt::format("{},{},{},{},{},{},{},{},{},{}\n", split, report.round, run.guarded() ? "yes" : "no", run.state().stop,
                            reports.front().test[2], report.test[0], report.test[1], report.test[2], reports.back().test[2],
                            reports.back().round);
    }
    return text;
}

std::string confusion_csv(const TwoViews& data, const std::vector<SplitRun*>& splits) {
    const std::size_t classes = data.classes.size();
    std::vector<std::int64_t> sum(classes * classes);
    for (const SplitRun* run : splits) {
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += run->returned().confusion[i];
    }
    std::string text = "truth";
    for (const std::string& name : data.classes) text += "," + cell(name);
    for (std::size_t truth = 0; truth < classes; ++truth) {
        text += "\n" + cell(data.classes[truth]);
        for (std::size_t c = 0; c < classes; ++c) text += fmt::format(",{}", sum[truth * classes + c]);
    }
    return text + "\n";
}

std::string reliability_csv(const std::vector<SplitRun*>& splits) {
    std::string text = "calibrated,low,high,count,confidence,accuracy\n";
    for (const bool after : {false, true}) {
        Reliability sum;
        for (const SplitRun* run : splits) {
            const Detail& detail = run->returned();
            for (std::size_t bin = 0; bin < sum.bins.size(); ++bin) {
                const Reliability::Bin& more = (after ? detail.after : detail.before).bins[bin];
                sum.bins[bin].count += more.count;
                sum.bins[bin].right += more.right;
                sum.bins[bin].confidence += more.confidence;
            }
        }
        const auto width = 1 / static_cast<double>(sum.bins.size());
        for (std::size_t at = 0; at < sum.bins.size(); ++at) {
            const Reliability::Bin& bin = sum.bins[at];
            if (bin.count == 0) continue;
            const auto count = static_cast<double>(bin.count);
            text +=
                fmt::format("{},{:.4f},{:.4f},{},{},{}\n", after ? "yes" : "no", static_cast<double>(at) * width,
                            static_cast<double>(at + 1) * width, bin.count, bin.confidence / count, static_cast<double>(bin.right) / count);
        }
    }
    return text;
}

void write_tables(const std::filesystem::path& artifacts, const TwoViews& data, const std::vector<SplitRun*>& splits) {
    base::write_file(artifacts / "ledger.csv", ledger_csv(data, splits));
    base::write_file(artifacts / "rounds.csv", rounds_csv(data, splits));
    base::write_file(artifacts / "splits.csv", splits_csv(splits));
    base::write_file(artifacts / "confusion.csv", confusion_csv(data, splits));
    base::write_file(artifacts / "reliability.csv", reliability_csv(splits));
}

}  // namespace plumb::families::cotrain
