// SPDX-License-Identifier: Apache-2.0
// import: results from elsewhere into the store: Nsight Systems exports (SQLite, HDF5), tables of throughputs like the notebook's, and log
// folders of its language runs.
#include <algorithm>
#include <iostream>
#include <memory>

#include "app/verbs.h"
#include "base/error.h"
#include "base/units.h"
#include "families/compression/export_rows.h"
#include "families/compression/foreign_rows.h"
#include "families/compression/results_csv.h"
#include "families/language/log_runs.h"

namespace plumb::app {

namespace {

namespace fc = families::compression;
namespace fl = families::language;

struct Options {
    std::vector<std::string> words;
    std::string total;
    std::string device;
    std::string pattern{fc::notebook_cell_name};
    std::vector<std::string> kernels;
    std::vector<std::string> ranges;
    std::string utilisation = "compute_warps";
    double coverage = 0.8;
    std::string study = "imported";
    std::string experiment = "imported";
};

std::vector<fc::ImportedRow> read_export(const Options& options, std::int64_t total) {
    fc::ExportImport wanted;
    wanted.cell_name = options.pattern;
    wanted.total_bytes = total;
    wanted.device = options.device;
    wanted.use.least_coverage = options.coverage;
    std::vector<fc::KernelPattern> patterns;
    for (const std::string& text : options.kernels) patterns.push_back(fc::parse_kernel_pattern(text));
    wanted.use.patterns.insert(wanted.use.patterns.begin(), patterns.begin(), patterns.end());
    for (const std::string& text : options.ranges) wanted.use.ranges.push_back(fc::parse_range_pattern(text));
    return fc::import_exports(options.words[1], wanted);
}

std::vector<fc::ImportedRow> read_rows(const Options& options, std::int64_t total) {
    if (options.words.front() == "nsys") {
        if (options.words.size() == 2) return read_export(options, total);
        throw base::Error(base::ErrorKind::usage, "import nsys takes one file or folder", "plumb import nsys FILE|DIR --total BYTES");
    }
    if (options.words.size() != 1) {
        throw base::Error(base::ErrorKind::usage, "import takes one table, not " + std::to_string(options.words.size()) + " words",
                          "plumb import results.csv --total BYTES --device NAME, or plumb import nsys FILE|DIR");
    }
    if (options.device.empty() || total == 0) {
        throw base::Error(base::ErrorKind::usage, options.words.front() + " does not say where it was measured, nor on how many bytes",
                          "give --device NAME and --total BYTES (the notebook: --total 524288000)");
    }
    return fc::read_results_csv(options.words.front(), {total, options.device});
}

void say(const lab::ForeignRow& row) {
    for (const std::string& note : row.notes) std::cerr << "note: " << row.source << ": " << note << "\n";
    if (row.status != lab::Status::done) std::cerr << "no number: " << row.source << ": " << row.reason << "\n";
}

/// Cells of codecs and chunk sizes.
std::vector<lab::ForeignRow> compression_rows(const Options& options, Session& session) {
    const std::int64_t total = options.total.empty() ? 0 : base::parse_bytes(options.total);
    std::vector<lab::ForeignRow> rows;
    for (const fc::ImportedRow& row : read_rows(options, total)) {
        // A damaged file whose name does not tell its cell is no point of any study; it is named here and goes into the exit code.
        if (row.status != lab::Status::done && (row.codec.empty() || row.chunk_bytes == 0)) {
            std::cerr << "left out: " << row.source << ": " << row.reason << "\n";
            session.exit_code = base::exit_code(base::ErrorKind::failed);
            continue;
        }
        rows.push_back(fc::foreign_row(row, {total, options.utilisation}));
    }
    if (rows.empty()) {
        throw base::Error(base::ErrorKind::failed, "nothing to import: no row names a codec and a chunk size",
                          "--pattern tells how file names name them");
    }
    return rows;
}

/// Runs of the notebook's language models.
std::vector<lab::ForeignRow> language_rows(const Options& options) {
    if (options.words.size() != 2)
        throw base::Error(base::ErrorKind::usage, "import logs takes one folder", "plumb import logs DIR, the notebook's log_dir");
    std::vector<lab::ForeignRow> rows;
    for (const auto& folder : fl::log_folders(options.words[1])) {
        rows.push_back(fl::foreign_row(fl::read_log_folder(folder), folder));
        if (!options.device.empty()) rows.back().machine = options.device;
    }
    return rows;
}

}  // namespace

void add_import(CLI::App& app, Session& session) {
    const auto options = std::make_shared<Options>();
    CLI::App* verb = app.add_subcommand("import", "results from elsewhere: nsys FILE|DIR, logs DIR, or a table like results.csv");
    verb->add_option("what", options->words,
                     "nsys FILE|DIR (SQLite or HDF5 exports of Nsight Systems), logs DIR (log folders of the notebook's language runs), or "
                     "the path of a CSV table")
        ->required();
    verb->add_option("--total", options->total, "bytes of the input that was cut into chunks, as 524288000 or 500MiB");
    verb->add_option("--device", options->device, "name of the device (exports: instead of the one in the file)");
    verb->add_option("--pattern", options->pattern,
                     "how an export's file name tells its cell; places {codec} {file} {chunks} {chunk_bytes} {device}");
    verb->add_option("--kernels", options->kernels,
                     "direction=NAME with * and ?: kernels that count, before the known ones; may be repeated");
    verb->add_option("--range", options->ranges,
                     "direction=TEXT: an NVTX range whose kernels count, instead of kernel names; may be repeated");
    verb->add_option("--utilisation", options->utilisation, "which figure of an export stands as the utilisation")
        ->check(CLI::IsMember({"compute_warps", "sm_active", "busy"}));
    verb->add_option("--coverage", options->coverage, "least share of the kernels' time that samples must cover")
        ->check(CLI::Range(0.0, 1.0));
    verb->add_option("--study", options->study, "study that takes the runs");
    verb->add_option("--experiment", options->experiment, "experiment of it");
    verb->callback([options, &session] {
        const bool logs = options->words.front() == "logs";
        const std::vector<lab::ForeignRow> rows = logs ? language_rows(*options) : compression_rows(*options, session);
        lab::ForeignStudy target;
        target.study = options->study;
        target.experiment = options->experiment;
        target.family = logs ? "language" : "compression";
        target.argv = session.argv;
        if (!logs) target.derive = fc::derive;
        if (!session.quiet) std::ranges::for_each(rows, say);
        const lab::ForeignSummary summary = lab::store_foreign(session.store(), session.families, target, rows);
        if (session.quiet) return;
        std::cerr << rows.size() << " rows imported into " << target.study << ": " << summary.added << " new points, " << summary.joined
                  << " joined with earlier imports\n"
                  << "look at it: plumb show " << target.study << ", plumb report " << target.study << "\n";
    });
}

}  // namespace plumb::app
