// SPDX-License-Identifier: Apache-2.0
#include "families/language/log_runs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "families/language/curves.h"

namespace plumb::families::language {

namespace {

using base::Error;
using base::ErrorKind;
using Json = nlohmann::ordered_json;

constexpr double megabyte = 1e6;

/// Reads one argument, and what of it a setting is.
class Arguments {
  public:
    Arguments(const Json& json, const std::filesystem::path& folder) : json_(json), file_((folder / "args.json").string()) {}

    std::string text(const char* name) const { return at(name, &Json::is_string, "a text").get<std::string>(); }
    std::int64_t whole(const char* name) const { return at(name, &Json::is_number_integer, "a whole number").get<std::int64_t>(); }
    double real(const char* name) const { return at(name, &Json::is_number, "a number").get<double>(); }

  private:
    const Json& at(const char* name, bool (Json::*fits)() const, const char* wanted) const {
        if (json_.contains(name) && (json_.at(name).*fits)()) return json_.at(name);
        throw Error(ErrorKind::failed, file_ + ": " + name + (json_.contains(name) ? " is not " : " is missing, it must be ") + wanted,
                    "import a folder that the notebook's save_logs wrote");
    }
    const Json& json_;
    std::string file_;
};

std::string curves_of(const LogFolder& logs) {
    std::string rows = curves_header();
    double seconds = 0;
    for (std::size_t i = 0; i < logs.train.loss.size(); ++i) {
        seconds += logs.train.time[i];
        // The loss that is printed is the only one that there is.
        const auto point = [i](const char* series, const LoggedSplit& split) {
            return CurvePoint{series, split.loss[i], split.loss[i], split.time[i]};
        };
        rows += curve_rows(static_cast<std::int64_t>(i) + 1, static_cast<double>(i) + 1, seconds,
                           {point("train", logs.train), point("validation", logs.validation)});
    }
    return rows;
}

double total(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

lab::ForeignRow foreign_row(const LogFolder& logs, const std::filesystem::path& folder) {
    if (logs.train.loss.empty()) throw Error(ErrorKind::failed, folder.string() + " logs no epoch", "import a run that trained");
    const Arguments arguments(logs.arguments, folder);
    const auto best = std::ranges::min_element(logs.validation.perplexity);
    const auto best_epoch = static_cast<double>(best - logs.validation.perplexity.begin()) + 1;
    lab::ForeignRow row;
    row.source = folder.string();
    row.machine = arguments.text("device");
    row.settings = {{"model", arguments.text("model")},
                    {"layers", arguments.whole("layers")},
                    {"optimizer", arguments.text("optimizer")},
                    {"batch", arguments.whole("batch_size")},
                    {"epochs", static_cast<std::int64_t>(logs.train.loss.size())},
                    {"rate", arguments.real("lr")},
                    {"momentum", arguments.real("momentum")},
                    {"decay", arguments.real("weight_decay")},
                    {"exp_id", arguments.text("exp_id")},
                    {"train_embeddings", false},
                    {"off_by_one", true},
                    {"weighting", std::string("sequences")}};
    row.metrics = {lab::exact("validation_printed_perplexity", *best), lab::exact("test_printed_perplexity", logs.test.perplexity.front()),
                   lab::exact("best_epoch", best_epoch), lab::exact("train_time", total(logs.train.time)),
                   lab::exact("evaluation_time", total(logs.validation.time) + logs.test.time.front())};
    row.notes = {"embeddings were those of " + arguments.text("embeddings"), "perplexities are as the notebook prints them"};
    if (logs.memory) {
        row.metrics.push_back(lab::exact("train_memory", *logs.memory * megabyte));
        row.notes.emplace_back("memory is the mean of a GPU's readings between epochs, not a peak");
    }
    const std::string curves = curves_of(logs);
    const Fit fit = fit_of(curves);
    row.metrics.push_back(lab::exact("train_perplexity", std::exp(fit.best_train_nats)));
    row.metrics.push_back(lab::exact("overfitting", fit.overfitting));
    row.artifacts["curves.csv"] = curves;
    row.artifacts["evaluations.csv"] = evaluations_table(curves);
    return row;
}

std::vector<std::filesystem::path> log_folders(const std::filesystem::path& path) {
    std::vector<std::filesystem::path> found;
    if (std::filesystem::exists(path / "args.json")) return {path};
    if (std::filesystem::is_directory(path)) {
        for (const auto& entry : std::filesystem::directory_iterator(path)) {
            if (std::filesystem::exists(entry.path() / "args.json")) found.push_back(entry.path());
        }
    }
    if (found.empty()) {
        throw Error(ErrorKind::missing, "no args.json in " + path.string() + " nor in a folder of it",
                    "give the folder that holds the notebook's runs, one folder a run");
    }
    // "2" before "10".
    std::ranges::sort(found, {}, [](const std::filesystem::path& run) { return std::pair(run.filename().string().size(), run); });
    return found;
}

}  // namespace plumb::families::language
