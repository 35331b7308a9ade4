// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>

#include "base/file.h"
#include "base/statistics.h"
#include "families/cotrain/contact_sheet.h"

namespace plumb::families::cotrain {

std::string cell(const std::string& name) {
    if (name.find_first_of(",\"\n") == std::string::npos) return name;
    std::string quoted = "\"";
    for (const char letter : name) quoted += letter == '"' ? std::string("\"\"") : std::string(1, letter);
    return quoted + '"';
}

namespace {

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
        "split,round,view0_accuracy,view1_accuracy,accuracy,view0_validation,view1_validation,validation,validation_loss,temperature0,"
        "temperature1,ece_"
        "before,ece_after,"
        "disagreement,pool,picked0,picked1,collisions,drift";
    for (const char* what : {"labelled", "pseudo", "right"}) {
        for (const std::string& name : data.classes) text += fmt::format(",{}", cell(std::string(what) + "_" + name));
    }
    text += '\n';
    for (std::size_t split = 0; split < splits.size(); ++split) {
        for (const RoundReport& report : splits[split]->state().reports) {
            text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}", split, report.round, report.test[0],
                                report.test[1], report.test[2], report.validation[0], report.validation[1], report.validation[2],
                                report.loss, report.temperature[0], report.temperature[1], report.ece_before, report.ece_after,
                                report.disagreement, report.pool, report.picked[0], report.picked[1], report.collisions, report.drift);
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

namespace {

/// Test samples by truth and prediction, all splits together.
std::vector<std::int64_t> confusion(const TwoViews& data, const std::vector<SplitRun*>& splits) {
    std::vector<std::int64_t> sum(data.classes.size() * data.classes.size());
    for (const SplitRun* run : splits) {
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += run->returned().confusion[i];
    }
    return sum;
}

}  // namespace

std::string confusion_csv(const TwoViews& data, const std::vector<SplitRun*>& splits) {
    const std::size_t classes = data.classes.size();
    const std::vector<std::int64_t> sum = confusion(data, splits);
    std::string text = "truth";
    for (const std::string& name : data.classes) text += "," + cell(name);
    for (std::size_t truth = 0; truth < classes; ++truth) {
        text += "\n" + cell(data.classes[truth]);
        for (std::size_t c = 0; c < classes; ++c) text += fmt::format(",{}", sum[truth * classes + c]);
    }
    return text + "\n";
}

std::string confused_csv(const TwoViews& data, const std::vector<SplitRun*>& splits) {
    const std::size_t classes = data.classes.size();
    const std::vector<std::int64_t> sum = confusion(data, splits);
    std::string text = "truth,predicted,count,per_cent\n";
    for (std::size_t truth = 0; truth < classes; ++truth) {
        const auto row = std::span(sum).subspan(truth * classes, classes);
        const std::int64_t all = std::accumulate(row.begin(), row.end(), std::int64_t{0});
        for (std::size_t c = 0; c < classes && all > 0; ++c) {
            text += fmt::format("{},{},{},{}\n", cell(data.classes[truth]), cell(data.classes[c]), row[c],
                                100 * static_cast<double>(row[c]) / static_cast<double>(all));
        }
    }
    return text;
}

std::string reliability_csv(const std::vector<SplitRun*>& splits) {
    std::string text = "scores,low,high,count,confidence,accuracy,accuracy_low,accuracy_high\n";
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
            const base::Interval share = base::wilson(bin.right, bin.count);
            text +=
                fmt::format("{},{:.4f},{:.4f},{},{},{},{},{}\n", after ? "by temperature" : "as they are", static_cast<double>(at) * width,
                            static_cast<double>(at + 1) * width, bin.count, bin.confidence / count, share.value, share.low, share.high);
        }
    }
    return text;
}

namespace {

std::int64_t last_round(const std::vector<SplitRun*>& splits) {
    std::int64_t last = 0;
    for (const SplitRun* run : splits) last = std::max(last, run->state().reports.back().round);
    return last;
}

const RoundReport& at_round(const SplitRun& run, std::int64_t round) {
    const std::vector<RoundReport>& reports = run.state().reports;
    return reports[std::min(static_cast<std::size_t>(round), reports.size() - 1)];
}

/// ",value,low,high" of a mean over splits.
template <class Of>
std::string mean_cells(const std::vector<SplitRun*>& splits, std::int64_t round, const Of& of) {
    std::vector<double> values;
    for (const SplitRun* run : splits) values.push_back(of(at_round(*run, round)));
    const base::Interval interval = base::mean_interval(values);
    return fmt::format(",{},{},{}", interval.value, interval.low, interval.high);
}

}  // namespace

std::string curves_csv(const std::vector<SplitRun*>& splits) {
    std::string text = "round,model,accuracy,accuracy_low,accuracy_high\n";
    const char* const models[] = {"view 0", "view 1", "joint"};
    for (std::int64_t round = 0; round <= last_round(splits); ++round) {
        for (const int model : {2, 0, 1})
            text += fmt::format("{},{}{}\n", round, models[model],
                                mean_cells(splits, round, [&](const RoundReport& report) { return report.test[model]; }));
    }
    return text;
}

std::string pool_csv(const std::vector<SplitRun*>& splits) {
    std::string text =
        "round,prior_drift,prior_drift_low,prior_drift_high,disagreement,disagreement_low,disagreement_high,pool_left,pool_left_low,pool_"
        "left_high\n";
    for (std::int64_t round = 0; round <= last_round(splits); ++round) {
        text += std::to_string(round) + mean_cells(splits, round, [](const RoundReport& report) { return report.drift; }) +
                mean_cells(splits, round, [](const RoundReport& report) { return report.disagreement; }) +
                mean_cells(splits, round, [](const RoundReport& report) { return static_cast<double>(report.pool); }) + "\n";
    }
    return text;
}

std::string classes_csv(const TwoViews& data, const std::vector<SplitRun*>& splits) {
    std::string text = "round,class,labelled,labelled_low,labelled_high,pseudo_precision,pseudo_precision_low,pseudo_precision_high\n";
    for (std::int64_t round = 0; round <= last_round(splits); ++round) {
        for (std::size_t c = 0; c < data.classes.size(); ++c) {
            std::int64_t right = 0, known = 0;
            for (const SplitRun* run : splits) {
                right += at_round(*run, round).right[c];
                known += at_round(*run, round).known[c];
            }
            text +=
                fmt::format("{},{}{}", round, cell(data.classes[c]),
                            mean_cells(splits, round, [&](const RoundReport& report) { return static_cast<double>(report.labelled[c]); }));
            const base::Interval share = base::wilson(right, known);
            text += known == 0 ? std::string(",,,\n") : fmt::format(",{},{},{}\n", share.value, share.low, share.high);
        }
    }
    return text;
}

std::string samples_csv(const TwoViews& data) {
    std::string text = "sample,label,view0,view1\n";
    for (std::size_t sample = 0; sample < data.names[0].size(); ++sample) {
        const std::int32_t label = data.truth[sample];
        text += fmt::format("{},{},{},{}\n", sample, label == unknown_label ? std::string() : cell(data.classes[label]),
                            cell(data.names[0][sample]), cell(data.names[1][sample]));
    }
    return text;
}

void write_tables(const std::filesystem::path& artifacts, const TwoViews& data, const std::vector<SplitRun*>& splits) {
    base::write_file(artifacts / "ledger.csv", ledger_csv(data, splits));
    base::write_file(artifacts / "rounds.csv", rounds_csv(data, splits));
    base::write_file(artifacts / "splits.csv", splits_csv(splits));
    base::write_file(artifacts / "confusion.csv", confusion_csv(data, splits));
    base::write_file(artifacts / "confused.csv", confused_csv(data, splits));
    base::write_file(artifacts / "reliability.csv", reliability_csv(splits));
    base::write_file(artifacts / "curves.csv", curves_csv(splits));
    base::write_file(artifacts / "pool.csv", pool_csv(splits));
    base::write_file(artifacts / "classes.csv", classes_csv(data, splits));
    if (!data.names[0].empty()) base::write_file(artifacts / "samples.csv", samples_csv(data));
    write_contact_sheet(artifacts, data, splits);
}

}  // namespace plumb::families::cotrain
